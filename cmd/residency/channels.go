package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"residency/internal/alert"
	"residency/internal/alert/channel"
	"residency/internal/config"
)

// routes makes the channels of a configuration with all that decides what goes
// into them. The secrets are read now, not when the configuration was. A
// channel that cannot be made is in the error, and the others are made all the
// same.
func (e *env) routes(cfg *config.Config) ([]alert.Route, error) {
	if len(cfg.Alert.Channels) == 0 {
		return nil, nil
	}
	out, err := e.outward(cfg.Network)
	if err != nil {
		return nil, err
	}
	var list []alert.Route
	var errs []error
	for _, c := range cfg.Alert.Channels {
		ch, err := e.channel(c, out)
		if err != nil {
			errs = append(errs, fmt.Errorf("channel %q: %w", c.Name, err))
			continue
		}
		words, err := templates(c)
		if err != nil { // the messages say so themselves, and are sent
			errs = append(errs, fmt.Errorf("channel %q: %w", c.Name, err))
		}
		list = append(list, alert.Route{
			Name: c.Name, Channel: ch, Compose: words.Compose, Hours: c.Hours, Urgent: c.Urgent, PerMinute: c.PerMinute, Timeout: c.Timeout,
			Wants: alert.Filter{Kind: c.Kind, Vendors: c.Vendors, Claims: c.Claims, Markets: c.Markets, Severity: c.Severity},
		})
	}
	return list, errors.Join(errs...)
}

// templates reads the user's words for a channel.
func templates(c config.Channel) (*alert.Templates, error) {
	if c.Subject == "" && c.TextFile == "" {
		return nil, nil
	}
	text := ""
	if c.TextFile != "" {
		data, err := os.ReadFile(c.TextFile)
		if err != nil {
			return nil, err
		}
		text = string(data)
	}
	return alert.ParseTemplates(c.Subject, text)
}

// channel makes one channel.
func (e *env) channel(c config.Channel, out *outward) (alert.Channel, error) {
	s := &secrets{}
	url, key, password := s.need(c.URL, c.Type != "pagerduty"), s.need(c.Key, true), s.need(c.Password, c.User != "")
	var ch alert.Channel
	switch c.Type {
	case "webhook":
		secret := s.need(c.Secret, !c.Secret.IsZero())
		ch = channel.Webhook{URL: url, Client: out.client, Timeout: c.Timeout, Secret: secret, Now: e.now, Old: c.Old}
	case "slack":
		ch = channel.Slack{URL: url, Client: out.client, Timeout: c.Timeout}
	case "teams":
		ch = channel.Teams{URL: url, Client: out.client, Timeout: c.Timeout}
	case "pagerduty":
		ch = channel.PagerDuty{Key: key, URL: url, Client: out.client, Timeout: c.Timeout}
	case "alertmanager":
		ch = channel.Alertmanager{URL: url, User: c.User, Password: password, Client: out.client, Timeout: c.Timeout, Now: e.now}
	case "email":
		ch = channel.Email{Server: c.Server, Security: channel.Security(c.TLS), User: c.User, Password: password, From: c.From, To: c.To,
			Roots: out.roots, Dial: out.dial, Timeout: c.Timeout, Now: e.now}
	case "syslog":
		host, _ := os.Hostname()
		ch = channel.Syslog{Network: c.Syslog.Network, Address: c.Syslog.Address, Facility: c.Syslog.Facility, Hostname: host,
			Roots: out.roots, Dial: out.dial, Timeout: c.Timeout}
	case "file":
		ch = channel.File{Path: c.Path}
	case "command":
		ch = channel.Command{Argv: c.Command, Timeout: c.Timeout}
	case "shoutrrr":
		return e.otherChannel(c, url, out, s)
	default:
		return nil, fmt.Errorf("%q is no type of channel", c.Type)
	}
	return ch, s.err
}

// otherChannel makes a channel of the services of a library, which runs in
// another process of this program.
func (e *env) otherChannel(c config.Channel, url string, out *outward, s *secrets) (alert.Channel, error) {
	if s.err != nil {
		return nil, s.err
	}
	service, err := channel.Service(url)
	if err != nil {
		return nil, err
	}
	if channel.PastProxy(service) && out.proxy != "" {
		return nil, fmt.Errorf("%s does not go through a proxy: use a channel of type \"email\"", service)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return channel.Other{URL: url, Argv: []string{self, relayCommand}, Env: channel.OtherEnv(os.Environ(), out.proxy), Timeout: c.Timeout}, nil
}

// secrets reads secrets, and keeps the first error.
type secrets struct{ err error }

// need returns the secret. One that is not there is an error if it has to be.
func (s *secrets) need(secret config.Secret, must bool) string {
	if secret.IsZero() {
		return ""
	}
	text, err := secret.Reveal()
	if err != nil && must && s.err == nil {
		s.err = err
	}
	return strings.TrimSpace(text)
}

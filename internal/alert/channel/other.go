package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"residency/internal/residency"
)

// Other sends through one of the services of the shoutrrr library: ntfy,
// Telegram, Matrix, Discord, Opsgenie and about twenty others, each by a URL of
// its own form.
//
// The library cannot be stopped, knows no proxy but the environment's, and
// names URLs with their tokens in its errors. So it works in a process of its
// own, which is killed when the time is over, has the proxy in its environment,
// and whose words are cleaned of every part of the URL.
type Other struct {
	URL     string   // of the service; a secret
	Argv    []string // the program that calls Relay on its standard input
	Env     []string // the whole environment of that program
	Timeout time.Duration
}

// relayed is what goes to the process on its standard input.
type relayed struct {
	URL   string `json:"url"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

// otherText is how much text is sent, in bytes: most services take little
// more.
const otherText = 3500

// Send sends the message.
func (o Other) Send(ctx context.Context, n residency.Notification) (string, error) {
	kind, err := Service(o.URL)
	if err != nil {
		return "", never("send alert: %w", err)
	}
	if len(o.Argv) == 0 {
		return "", never("send alert by %s: no program to send it", kind)
	}
	ctx, cancel := context.WithTimeout(ctx, orDefault(o.Timeout))
	defer cancel()
	body, err := json.Marshal(relayed{o.URL, clean(mark(n) + n.Subject), cut(n.Text, otherText) + "\n" + footer(n)})
	if err != nil {
		return "", never("send alert by %s: write JSON: %w", kind, err)
	}
	cmd := exec.CommandContext(ctx, o.Argv[0], o.Argv[1:]...)
	cmd.Stdin, cmd.Env = bytes.NewReader(body), o.Env
	out := &head{most: maxOutput}
	cmd.Stderr = out // the library writes progress to standard output, with URLs
	cmd.WaitDelay = afterKill
	killGroup(cmd)
	err = cmd.Run()
	switch {
	case err == nil:
		return kind + " took it", nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("send alert by %s: no answer in time: %w", kind, ctx.Err())
	case ctx.Err() != nil:
		return "", fmt.Errorf("send alert by %s: stopped: %w", kind, ctx.Err())
	}
	return "", fmt.Errorf("send alert by %s: not taken%s", kind, quoted(out.kept, otherSecrets(o.URL)...))
}

// Relay reads what Send wrote, and sends it. It is for the process that Send
// starts; its error has no part of the URL.
func Relay(in io.Reader) error {
	var m relayed
	if err := json.NewDecoder(io.LimitReader(in, 1<<20)).Decode(&m); err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	service, err := new(router.ServiceRouter).Locate(m.URL)
	if err == nil {
		throughProxy(service)
		params := types.Params{}
		params.SetTitle(m.Title)
		err = service.Send(m.Title+"\n\n"+m.Text, &params)
	}
	if err != nil {
		return errors.New(hide(err.Error(), otherSecrets(m.URL)...))
	}
	return nil
}

// Service returns the name of the service that a URL is for, or why it is for
// none. The error does not show the URL.
func Service(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		return "", errors.New("the URL cannot be read")
	}
	name, _, _ := strings.Cut(strings.ToLower(u.Scheme), "+")
	if !slices.Contains(new(router.ServiceRouter).ListServices(), name) {
		return "", fmt.Errorf("%s is no service that is known", name)
	}
	return name, nil
}

// PastProxy reports whether the service is reached past every proxy, because
// the library opens its connections itself.
func PastProxy(service string) bool { return service == "smtp" }

// throughProxy has the services that make an HTTP client of their own go
// through the proxy of the environment, as the others do.
func throughProxy(service types.Service) {
	switch s := service.(type) {
	case interface{ GetHTTPClient() *http.Client }:
		if c := s.GetHTTPClient(); c != nil {
			if t, ok := c.Transport.(*http.Transport); ok && t.Proxy == nil {
				t.Proxy = http.ProxyFromEnvironment
			}
		}
	case interface{ SetHTTPClient(*http.Client) }:
		s.SetHTTPClient(&http.Client{Timeout: time.Minute}) // the process ends sooner
	}
}

// otherSecrets returns what may be a secret in the URL of a service: many have
// a token in the place of the host.
func otherSecrets(text string) []string {
	parts := secretsOf(text)
	if u, err := url.Parse(text); err == nil {
		parts = append(parts, u.Host, u.Hostname())
	}
	return parts
}

// OtherEnv returns an environment for the process of Other: this one's, with
// the proxy in it in place of any other. "" is no proxy.
func OtherEnv(environ []string, proxy string) []string {
	env := slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(kv), "=")
		return slices.Contains([]string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}, name)
	})
	if proxy != "" {
		env = append(env, "HTTP_PROXY="+proxy, "HTTPS_PROXY="+proxy)
	}
	return env
}

// String names the channel without its secrets.
func (o Other) String() string {
	kind, err := Service(o.URL)
	if err != nil {
		return "shoutrrr"
	}
	return "shoutrrr " + kind
}

// GoString is String: %#v would print the URL.
func (o Other) GoString() string { return o.String() }

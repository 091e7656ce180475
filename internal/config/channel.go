package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// Alert is who is told.
type Alert struct {
	Channels  []Channel
	Fallback  string // name of a channel; "" for none
	Heartbeat Heartbeat
}

// Heartbeat are the URLs that are asked for to show that the monitor lives.
type Heartbeat struct {
	Success Secret // empty: there is no heartbeat
	// Start and Fail are empty where they are that of Success with /start and
	// /fail; NoStart and NoFail say that there are none.
	Start, Fail     Secret
	NoStart, NoFail bool
}

// Channel is one way to tell. Fields that its Type does not use are empty.
type Channel struct {
	Name string
	Type string // one of the types in the documentation of the key

	URL      Secret
	Secret   Secret   // that a webhook's messages are signed with
	Old      bool     // a webhook posts the older schema
	Command  []string // program and arguments
	Server   string   // of email: host:port
	TLS      string   // of email: starttls, tls, opportunistic, none
	User     string
	Password Secret
	From     string
	To       []string
	Key      Secret // of PagerDuty
	Path     string // of file
	Syslog   Syslog
	Timeout  time.Duration // of one delivery

	Kind      residency.AlertKind // "": both
	Vendors   []string            // empty: all; so are Claims and Markets
	Claims    []string
	Markets   []residency.Country
	Severity  residency.Severity // the least
	Hours     residency.Hours
	Urgent    bool // critical messages go out at all hours
	PerMinute int

	Subject  string // template; "": the program's words
	TextFile string // file with a template; "": the program's words
	Where    string
}

// Syslog is where a channel's lines go.
type Syslog struct {
	Network  string // udp, tcp, tls or unix
	Address  string // host:port, or a path
	Facility int
}

// channelKeys says which keys a type of channel needs, and which others of
// those that not every type has.
var channelKeys = map[string]struct{ needs, may []string }{
	"webhook":      {needs: []string{"url"}, may: []string{"secret", "schema"}},
	"command":      {needs: []string{"command"}},
	"email":        {needs: []string{"server", "from", "to"}, may: []string{"tls", "user", "password"}},
	"slack":        {needs: []string{"url"}},
	"teams":        {needs: []string{"url"}},
	"pagerduty":    {needs: []string{"key"}, may: []string{"url"}},
	"alertmanager": {needs: []string{"url"}, may: []string{"user", "password"}},
	"syslog":       {needs: []string{"server"}, may: []string{"facility"}},
	"file":         {needs: []string{"path"}},
	"shoutrrr":     {needs: []string{"url"}},
}

// ownKeys are the keys that not every type of channel has, in the order in
// which they are checked.
var ownKeys = []string{"url", "secret", "schema", "command", "server", "tls", "user", "password", "from", "to", "key", "path", "facility"}

// alert reads who is told.
func (a *assembly) alert(s section) {
	seen := map[string]pos{}
	for _, t := range s.sections("channel") {
		c := a.channel(t)
		if first, twice := seen[c.Name]; twice && c.Name != "" {
			t.wrong("name", fmt.Sprintf("channel %s is already given on %s", quote(c.Name), first.line(t.place("name"))), "")
		}
		seen[c.Name] = t.place("name")
		a.cfg.Alert.Channels = append(a.cfg.Alert.Channels, c)
	}
	if a.cfg.Alert.Fallback = s.text("fallback"); s.has("fallback") {
		if _, ok := seen[a.cfg.Alert.Fallback]; !ok {
			a.refer(s.place("fallback"), s.at("fallback"), "there is no channel "+quote(a.cfg.Alert.Fallback), "")
		}
	}
	h := &a.cfg.Alert.Heartbeat
	h.Success, _ = a.pingURL(s, "heartbeat")
	h.Start, h.NoStart = a.pingURL(s, "heartbeat_start")
	h.Fail, h.NoFail = a.pingURL(s, "heartbeat_fail")
	for _, name := range []string{"heartbeat_start", "heartbeat_fail"} {
		if s.has(name) && !s.has("heartbeat") {
			s.wrong(name, "there is no heartbeat", `add heartbeat = "env:NAME", which is asked for after each run`)
		}
	}
}

// pingURL reads a URL of the heartbeat; none reports that there is to be none.
func (a *assembly) pingURL(s section, name string) (ping Secret, none bool) {
	if v := s.value(name); v != nil && v.text == "none" && name != "heartbeat" {
		return Secret{}, true
	}
	ping = a.secretFor(s, name, "nobody notices then that the monitor is dead")
	a.webSecret(s, name, ping)
	return ping, false
}

// webSecret reports a secret that is no URL to be asked for.
func (a *assembly) webSecret(s section, name string, secret Secret) {
	if value, err := secret.Reveal(); err == nil && !webURL(value) {
		s.wrong(name, "is no http or https URL", "the text itself is not shown: it may be a secret")
	}
}

// channel reads one channel.
func (a *assembly) channel(s section) Channel {
	c := Channel{
		Name: s.text("name"), Type: s.text("type"), Timeout: s.span("timeout", 10*time.Second), Where: s.n.pos.where(),
		URL: a.secret(s, "url"), Secret: a.secret(s, "secret"), Password: a.secret(s, "password"), Key: a.secret(s, "key"),
		Old: s.text("schema") == "residency/alert/v1", TLS: s.textOr("tls", "starttls"), User: s.text("user"), From: s.text("from"),
		Command: words(s.texts("command")), To: words(s.texts("to")),
		Kind: residency.AlertKind(s.text("kind")), Vendors: words(s.texts("vendors")), Claims: words(s.texts("claims")),
		Urgent: s.flag("urgent", false), PerMinute: s.number("per_minute", 20),
		Subject: s.text("subject"),
	}
	c.Severity, _ = residency.ParseSeverity(s.textOr("severity", "info")) // one of the names, or reported already
	if v := s.value("path"); v != nil {
		c.Path = beside(v.pos.src.shown, v.text)
	}
	if v := s.value("text_file"); v != nil {
		c.TextFile = beside(v.pos.src.shown, v.text)
	}
	a.wants(s, &c)
	a.hours(s, &c)
	a.channelFits(s, &c)
	return c
}

// words returns the texts of a list.
func words(items []item) []string {
	var list []string
	for _, it := range items {
		list = append(list, it.text)
	}
	return list
}

// wants reads for what the channel is, and reports what does not exist.
func (a *assembly) wants(s section, c *Channel) {
	for _, it := range s.texts("vendors") {
		if _, ok := a.vendors[it.text]; !ok && !a.unsureVendors {
			a.refer(it.pos, s.at("vendors"), "there is no vendor "+quote(it.text), "")
		}
	}
	for _, it := range s.texts("claims") {
		if _, ok := a.rules[it.text]; !ok {
			a.refer(it.pos, s.at("claims"), "there is no claim or policy "+quote(it.text), "")
		}
	}
	for _, it := range s.texts("markets") {
		country, ok := residency.ParseCountry(it.text)
		if _, known := a.markets[country]; !ok {
			s.ps.add(it.pos, s.at("markets"), quote(it.text)+" is no country code", countryHint(it.text))
		} else if !known && !a.unsureMarkets {
			a.refer(it.pos, s.at("markets"), "there is no market "+quote(it.text), "")
		}
		c.Markets = append(c.Markets, country)
	}
}

// hours reads when the channel may be used.
func (a *assembly) hours(s section, c *Channel) {
	loc := a.location(s, a.cfg.Organisation.Location)
	var err error
	if c.Hours, err = residency.ParseHours(words(s.texts("hours")), loc); err != nil {
		s.wrong("hours", strings.TrimPrefix(err.Error(), "read hours "), "")
	}
	if s.has("urgent") && !s.has("hours") {
		s.wrong("urgent", "the channel has no hours", "without hours every message goes out at once")
	}
}

// channelFits reports a channel that has not what its type needs, or has what
// its type does not know.
func (a *assembly) channelFits(s section, c *Channel) {
	keys, ok := channelKeys[c.Type]
	if !ok {
		return // reported already
	}
	for _, name := range keys.needs {
		if v := s.value(name); !s.has(name) || v != nil && v.kind == aList && len(v.items) == 0 {
			s.ps.add(s.place(name), s.at(name), fmt.Sprintf("missing: a %s needs it", c.noun()), "")
		}
	}
	for _, name := range ownKeys {
		if s.has(name) && !slices.Contains(keys.needs, name) && !slices.Contains(keys.may, name) {
			s.wrong(name, fmt.Sprintf("a %s has none", c.noun()), "leave it out"+otherType(name))
		}
	}
	switch c.Type {
	case "webhook", "slack", "teams", "pagerduty", "alertmanager":
		a.webSecret(s, "url", c.URL)
	case "email":
		a.mail(s, c)
	case "syslog":
		a.syslog(s, c)
	}
}

// noun names the type in a sentence.
func (c *Channel) noun() string {
	switch c.Type {
	case "webhook", "command":
		return c.Type
	}
	return "channel of type " + c.Type
}

// otherType names a type that has the key, for a hint.
func otherType(key string) string {
	for _, name := range channelTypes {
		if slices.Contains(channelKeys[name].needs, key) {
			return fmt.Sprintf(", or add a channel of type %q", name)
		}
	}
	return ""
}

// mail reads the server and checks the addresses of an email.
func (a *assembly) mail(s section, c *Channel) {
	c.Server = s.text("server")
	port := map[string]string{"tls": "465", "none": "25"}[c.TLS]
	if port == "" {
		port = "587"
	}
	if host, given, err := net.SplitHostPort(c.Server); err != nil {
		c.Server = net.JoinHostPort(strings.Trim(c.Server, "[]"), port)
	} else if given == "" || host == "" {
		s.wrong("server", quote(c.Server)+" is no host and port", `such as "smtp.example.com:587"`)
	}
	if v := s.value("from"); v != nil {
		if _, err := mail.ParseAddress(v.text); err != nil {
			s.wrong("from", quote(v.text)+" is no mail address", `such as "Residency <alerts@example.com>"`)
		}
	}
	for _, it := range s.texts("to") {
		if _, err := mail.ParseAddress(it.text); err != nil {
			s.ps.add(it.pos, s.at("to"), quote(it.text)+" is no mail address", "")
		}
	}
	if s.has("user") != s.has("password") {
		s.ps.add(s.n.pos, s.path, "user and password go together", "")
	}
}

// syslog reads where the lines go.
func (a *assembly) syslog(s section, c *Channel) {
	v := s.value("server")
	if v == nil {
		return
	}
	c.Syslog.Facility = s.number("facility", 3)
	scheme, rest, _ := strings.Cut(v.text, ":")
	port := map[string]string{"udp": "514", "tcp": "601", "tls": "6514"}[scheme]
	address := strings.TrimPrefix(rest, "//")
	switch {
	case scheme == "unix" && strings.HasPrefix(address, "/"):
	case port != "" && address != "" && !strings.ContainsAny(address, "/@"):
		if _, _, err := net.SplitHostPort(address); err != nil {
			address = net.JoinHostPort(strings.Trim(address, "[]"), port)
		}
	default:
		s.wrong("server", quote(v.text)+" is no syslog server", `such as "udp://logs.example.com:514", "tls://logs.example.com:6514" or "unix:/dev/log"`)
	}
	c.Syslog.Network, c.Syslog.Address = scheme, address
}

// webURL reports whether a text is a URL that can be posted to.
func webURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != ""
}

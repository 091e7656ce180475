package config

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

const channels = `
[alert]
fallback = "mail"
heartbeat = "https://hc.example/T0K"
heartbeat_start = "none"

[[alert.channel]]
name = "mail"
type = "email"
server = "smtp.example.com"
from = "Residency <alerts@example.com>"
to = "a@example.com"
user = "me"
password = "T0P"
kind = "finding"
severity = "warning"
hours = ["Mon-Fri 09:00-18:00"]
timezone = "Asia/Kolkata"
urgent = true
per_minute = 5
subject = "{{.Subject}}"
text_file = "mail.tmpl"

[[alert.channel]]
name = "local"
type = "email"
server = "[::1]:2525"
tls = "none"
from = "a@example.com"
to = ["b@example.com", "C <c@example.com>"]

[[alert.channel]]
name = "log"
type = "syslog"
server = "tls://logs.example.com"

[[alert.channel]]
name = "socket"
type = "syslog"
server = "unix:/dev/log"
facility = 4

[[alert.channel]]
name = "old"
type = "webhook"
url = "https://hook.example/T0K"
secret = "T0P"
schema = "residency/alert/v1"

[[alert.channel]]
name = "file"
type = "file"
path = "alerts.ndjson"
`

func TestChannels(t *testing.T) {
	t.Parallel()
	c, err := testLoader().load("dir/config.toml", memory{"dir/config.toml": []byte(small + channels)})
	if err != nil {
		t.Fatal(err)
	}
	ch := c.Alert.Channels
	if got, want := ch[0].Server, "smtp.example.com:587"; got != want || ch[0].TLS != "starttls" || ch[0].TextFile != "dir/mail.tmpl" || !ch[0].Urgent || ch[0].PerMinute != 5 {
		t.Errorf("mail = %+v, want server %s", ch[0], want)
	}
	if ch[0].Kind != residency.AlertFinding || ch[0].Severity != residency.SeverityWarning || ch[1].PerMinute != 20 || ch[1].Severity != residency.SeverityInfo {
		t.Errorf("wants = %v %v, then %v %v", ch[0].Kind, ch[0].Severity, ch[1].PerMinute, ch[1].Severity)
	}
	at := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC) // a Monday, 09:30 in Kolkata
	if !ch[0].Hours.Open(at) || ch[0].Hours.Open(at.Add(-time.Hour)) || !ch[1].Hours.Open(at.Add(-time.Hour)) {
		t.Errorf("hours = %v, %v", ch[0].Hours, ch[1].Hours)
	}
	if ch[1].Server != "[::1]:2525" || len(ch[1].To) != 2 {
		t.Errorf("local = %+v", ch[1])
	}
	if diff := cmp.Diff([]Syslog{{"tls", "logs.example.com:6514", 3}, {"unix", "/dev/log", 4}}, []Syslog{ch[2].Syslog, ch[3].Syslog}); diff != "" {
		t.Errorf("syslog (-want +got):\n%s", diff)
	}
	if !ch[4].Old || ch[4].Secret.IsZero() || ch[5].Path != "dir/alerts.ndjson" {
		t.Errorf("webhook = %+v, file = %+v", ch[4], ch[5])
	}
	h := c.Alert.Heartbeat
	if v, err := h.Success.Reveal(); err != nil || v != "https://hc.example/T0K" || !h.NoStart || h.NoFail || c.Alert.Fallback != "mail" {
		t.Errorf("heartbeat = %q, %v, %+v; fallback %q", v, err, h, c.Alert.Fallback)
	}
}

// TestChannelTypes holds the table of what a type needs to the keys there are.
func TestChannelTypes(t *testing.T) {
	t.Parallel()
	if len(channelKeys) != len(channelTypes) {
		t.Errorf("%d types, and keys for %d", len(channelTypes), len(channelKeys))
	}
	for _, name := range channelTypes {
		keys := channelKeys[name]
		if len(keys.needs) == 0 {
			t.Errorf("type %s needs no key", name)
		}
		for _, k := range append(append([]string{}, keys.needs...), keys.may...) {
			if channelTable().find(k) == nil || !strings.Contains(strings.Join(ownKeys, " ")+" ", k+" ") {
				t.Errorf("type %s has key %s, which is in no table", name, k)
			}
		}
	}
}

// TestAlertDocs reads the example of the documentation as users will write it.
func TestAlertDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "```toml\n")
	block, _, closed := strings.Cut(block, "```")
	if !ok || !closed {
		t.Fatal("docs/alerts.md has no TOML")
	}
	l := testLoader()
	l.Getenv = func(string) string { return "https://example.com/x" }
	c, err := l.load("config.toml", memory{"config.toml": []byte(small + block)})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Alert.Channels) != 6 || c.Alert.Fallback != "mail" || c.Alert.Heartbeat.Success.IsZero() {
		t.Errorf("channels = %+v", c.Alert)
	}
}

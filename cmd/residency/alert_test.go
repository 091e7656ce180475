package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"residency/internal/residency"
	"residency/internal/store"
)

const alertConfig = `
[organisation]
name = "Acme"
[store]
path = "memory.db"
[[market]]
code = "IN"
client_subnets = ["49.36.0.0/24"]
[[vendor]]
id = "v"
[[vendor.service]]
id = "s"
endpoints = ["a.example.com"]
[[claim]]
id = "c"
vendor = "v"
regions = ["US"]
[alert]
fallback = "file"
heartbeat = "env:BEAT"
[[alert.channel]]
name = "hook"
type = "webhook"
url = "env:HOOK"
secret = "env:SIGN"
kind = "finding"
[[alert.channel]]
name = "file"
type = "file"
path = "told.ndjson"
kind = "operations"
`

// post is a configuration, a store with one open finding that waits to be
// told, and a receiver whose status can be set.
type post struct {
	dir    string
	key    string // of the finding
	status atomic.Int32
	taken  atomic.Int32
	env    map[string]string
}

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{dir: t.TempDir(), env: map[string]string{"SIGN": "s3cret-sign", "USER": "somebody"}}
	p.status.Store(http.StatusOK)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(int(p.status.Load()))
		if p.status.Load() == http.StatusOK {
			p.taken.Add(1)
		}
	}))
	t.Cleanup(srv.Close)
	p.env["HOOK"] = srv.URL + "/s3cret-path"
	p.configure(t)
	p.seed(t)
	return p
}

// configure writes the configuration into the directory.
func (p *post) configure(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, "config.toml"), []byte(alertConfig), 0o600); err != nil {
		t.Fatal(err)
	}
}

// seed remembers a run that opened a finding.
func (p *post) seed(t *testing.T) {
	t.Helper()
	at := time.Now().Add(-time.Minute).UTC()
	s, err := store.Open(t.Context(), filepath.Join(p.dir, "memory.db"), store.Options{Now: time.Now, Version: "test", Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in := residency.MustCountry("IN")
	p.key = residency.FindingKey("v", "s", "a.example.com", in, "c")
	f := residency.Finding{Key: p.key, Vendor: "v", Service: "s", Host: "a.example.com", Market: in, Claim: "c", Opened: at, LastSeen: at,
		Grade: residency.Corroborated, Countries: residency.CountriesOf(residency.MustCountry("CN"))}
	a := residency.Alert{ID: "20141102T083000Z-1", At: at, NotBefore: at, Kind: residency.AlertFinding, Event: residency.EventOpened,
		Severity: residency.SeverityCritical, Group: "v/c", Vendor: "v", Claim: &residency.Claim{ID: "c", Vendor: "v"}, Standing: residency.Broken, Market: in, Finding: &f}
	run := residency.Run{ID: "run-1", At: at, Started: at}
	seq, err := s.Begin(t.Context(), run)
	if err == nil {
		err = s.Save(t.Context(), seq, residency.Batch{Findings: []residency.Finding{f}, Alerts: []residency.Alert{a}})
	}
	if err == nil {
		run.Finished = at
		err = s.End(t.Context(), seq, residency.RunEnd{Run: run})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a command, and fails the test if the exit code or the output is
// another, or shows a secret.
func (p *post) run(t *testing.T, code int, want string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	e := testEnv(&out, &errs)
	e.now = time.Now
	e.getenv = func(name string) string { return p.env[name] }
	args = append(args, "--config", filepath.Join(p.dir, "config.toml"))
	got := run(t.Context(), e, args)
	text := out.String() + errs.String()
	if got != code || !strings.Contains(text, want) || strings.Contains(text, "s3cret") {
		t.Errorf("%s: exit code %d, output:\n%s\nwant %d and %q, and no secret", strings.Join(args, " "), got, text, code, want)
	}
	return out.String()
}

func TestAlertDeliveries(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	p.run(t, 0, "no messages", "alert", "list")
	p.status.Store(http.StatusInternalServerError)
	p.run(t, 1, "0 taken, 1 to be tried again, 0 parked", "alert", "send")
	waiting := p.run(t, 0, "waiting", "alert", "list", "--waiting")
	key := strings.Fields(strings.Split(waiting, "\n")[1])[5]
	p.run(t, 0, "not taken  post alert to 127.0.0.1", "alert", "show", key[:6])
	p.run(t, 1, "no parked message "+key, "alert", "retry", key)
	p.run(t, 0, "0 taken, 0 to be tried again, 0 parked", "alert", "send") // it is not due again yet

	p.status.Store(http.StatusGone)
	p.tryAgain(t, key)
	p.run(t, 1, "1 parked", "alert", "send")
	p.run(t, 0, "parked", "alert", "list", "--parked")
	p.run(t, 0, `"state": "parked"`, "alert", "list", "--format", "json")
	told, err := os.ReadFile(filepath.Join(p.dir, "told.ndjson"))
	if err != nil || !strings.Contains(string(told), `refused a message for good`) || !strings.Contains(string(told), key) {
		t.Errorf("the fallback was told %s, %v; want of the parked message", told, err)
	}
	p.status.Store(http.StatusOK)
	p.run(t, 2, "too short for a key", "alert", "retry", key[:4])
	p.run(t, 0, "1 message to be tried again", "alert", "retry", key[:7])
	p.run(t, 0, "1 taken, 0 to be tried again, 0 parked; 0 alerts held", "alert", "send")
	p.run(t, 0, "try 4  taken  status 200 OK", "alert", "show", key)
	if p.taken.Load() != 1 {
		t.Errorf("the receiver took %d messages, want 1", p.taken.Load())
	}
	for _, args := range [][]string{{"alert", "retry"}, {"alert", "retry", key, "--all"}, {"alert", "ack"}, {"alert", "list", "--format", "xml"}} {
		p.run(t, 2, "", args...)
	}
	p.run(t, 1, "there is no finding and no message \"nosuch\"", "alert", "show", "nosuch")
}

// tryAgain makes a waiting message due, as the clock would.
func (p *post) tryAgain(t *testing.T, key string) {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(p.dir, "memory.db"), store.Options{Now: time.Now, Version: "test", Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Tried(t.Context(), key, residency.Receipt{At: time.Now(), Try: 2}, time.Now().Add(-time.Second), false, nil); err != nil {
		t.Fatal(err)
	}
}

func TestAlertAnswers(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	p.run(t, 1, "no open finding of other to take over", "alert", "ack", "--claim", "other")
	p.run(t, 0, "taken over by somebody (asked them); no more reminders, but that one comes due or moves is told all the same:\n  "+p.key+"  a.example.com for users in IN, against c\n", "alert", "ack", "--group", "v/c", "--note", "asked them")
	p.run(t, 0, "taken over by somebody", "alert", "show", p.key)
	p.run(t, 1, "no such file", "alert", "dispute", p.key, "--document", filepath.Join(p.dir, "none.pdf"))
	doc := filepath.Join(p.dir, "contract.txt")
	if err := os.WriteFile(doc, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, 1, "nobody disputes it", "alert", "settle", p.key, "--rejected")
	p.run(t, 2, `"`+p.key[:5]+`" is too short for a key`, "alert", "dispute", p.key[:5], "--document", doc)
	p.run(t, 0, "disputed by B. Li with "+doc+", SHA-256 2cf24dba5fb0a30e", "alert", "dispute", strings.ToUpper(p.key[:6]), "--document", doc, "--by", "B. Li")
	p.run(t, 0, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "alert", "show", p.key)
	p.run(t, 2, "--upheld needs --cause", "alert", "settle", p.key, "--upheld")
	p.run(t, 2, "say which", "alert", "settle", p.key)
	p.run(t, 0, "decided by C: the finding was wrong (database), and is closed:\n  "+p.key, "alert", "settle", p.key[:8], "--upheld", "--cause", "database", "--by", "C")
	p.run(t, 0, "the finding was wrong: database", "alert", "show", p.key)
	p.run(t, 0, p.key[:12]+"  a.example.com", "finding", "list", "--closed", "--claim", "c", "--vendor", "v", "--host", "a.example.com")
	p.run(t, 0, `"state": "closed"`, "finding", "list", "--format", "json")
	p.run(t, 0, p.key+",closed,c,v,s,a.example.com,IN,20", "finding", "list", "--format", "csv")
	for _, args := range [][]string{{"--open"}, {"--claim", "d"}, {"--vendor", "w"}, {"--host", "b.example.com"}} {
		p.run(t, 0, "no findings", append([]string{"finding", "list"}, args...)...)
	}
	p.run(t, 2, "do not go together", "finding", "list", "--open", "--closed")
	p.run(t, 0, ": found to be wrong", "alert", "show", p.key)
	p.run(t, 1, "acknowledge finding "+p.key+": it is closed", "alert", "ack", p.key)

	s, err := store.Open(t.Context(), filepath.Join(p.dir, "memory.db"), store.Options{Now: time.Now, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var kinds []string
	for r, err := range s.Records(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, r.Kind+" by "+r.By)
	}
	if got, want := strings.Join(kinds, ", "), "acknowledged by somebody, disputed by B. Li, disputed by C"; got != want {
		t.Errorf("records in the evidence log: %s, want %s", got, want)
	}
}

func TestAlertTest(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	p.run(t, 0, "channel hook took the test message", "alert", "test", "hook")
	p.run(t, 0, "written to the file: ", "alert", "test", "file")
	p.run(t, 2, "there are: hook, file", "alert", "test", "nosuch")
	p.status.Store(http.StatusNotFound)
	p.run(t, 1, `channel "hook": post alert to 127.0.0.1`, "alert", "test", "hook")
	p.run(t, 0, "no messages", "alert", "list") // nothing is remembered of tests
	delete(p.env, "HOOK")
	p.run(t, 1, "read secret env:HOOK: not set", "alert", "test", "hook")
	p.run(t, 0, "took the test message", "alert", "test", "file")
}

// TestChannelsGoThroughTheProxy sends by every way that has a host through a
// proxy of the configuration.
func TestChannelsGoThroughTheProxy(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			asked.Add(1)
		}
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer proxy.Close()
	dir := t.TempDir()
	text := strings.Replace(alertConfig, "[store]", fmt.Sprintf("[network]\nproxy = %q\n[store]", proxy.URL), 1)
	text = text[:strings.Index(text, "[alert]")] + `
[[alert.channel]]
name = "webhook"
type = "webhook"
url = "https://hook.invalid/s3cret"
[[alert.channel]]
name = "slack"
type = "slack"
url = "https://slack.invalid/s3cret"
[[alert.channel]]
name = "alertmanager"
type = "alertmanager"
url = "http://am.invalid:9093"
[[alert.channel]]
name = "email"
type = "email"
server = "smtp.invalid"
from = "a@example.com"
to = ["b@example.com"]
[[alert.channel]]
name = "syslog"
type = "syslog"
server = "tls://logs.invalid"
`
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &post{dir: dir}
	for i, name := range []string{"webhook", "slack", "alertmanager", "email", "syslog"} {
		p.run(t, 1, `channel "`+name+`"`, "alert", "test", name)
		if n := asked.Load(); int(n) != i+1 {
			t.Errorf("after %s the proxy was asked %d times, want %d", name, n, i+1)
		}
	}
}

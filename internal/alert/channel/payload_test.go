package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"residency/internal/residency"
)

// whole is a message as the courier hands it over, with a finding that is open
// and one that is closed.
func whole() residency.Notification {
	n := message()
	at := time.Date(2014, 11, 2, 8, 30, 0, 0, time.UTC)
	n.Channel, n.Group, n.Kind, n.Event, n.Severity = "hook", "xiaomi/phase-2a", residency.AlertFinding, residency.EventOpened, residency.SeverityCritical
	n.HTML = "<p>line one</p>"
	claim := &residency.Claim{ID: "phase-2a", Vendor: "xiaomi"}
	f := residency.Finding{Key: "f1", Vendor: "xiaomi", Service: "account", Host: "api.account.xiaomi.com", Market: residency.MustCountry("IN"), Claim: "phase-2a",
		Opened: at, LastSeen: at, Grade: residency.Corroborated, Countries: residency.CountriesOf(residency.MustCountry("CN")),
		Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Reasons: []residency.Reason{residency.ReasonConflict}}
	closed := f
	closed.Key, closed.Market, closed.Closed, closed.ClosedAs = "f2", residency.MustCountry("SG"), at, residency.ClosedGone
	n.Alerts = []residency.Alert{
		{ID: "1", At: at, Kind: n.Kind, Event: residency.EventOpened, Severity: residency.SeverityCritical, Group: n.Group, Vendor: "xiaomi", Claim: claim, Market: f.Market, Finding: &f},
		{ID: "2", At: at, Kind: n.Kind, Event: residency.EventClosed, Severity: residency.SeverityInfo, Group: n.Group, Vendor: "xiaomi", Claim: claim, Market: closed.Market, Finding: &closed},
		{ID: "3", At: at, Kind: n.Kind, Event: residency.EventReminder, Severity: residency.SeverityWarning, Group: n.Group, Vendor: "xiaomi", Claim: claim, Text: "due in a week"},
	}
	return n
}

// TestSchema holds what is written to the schema that users are given, field
// by field in both directions.
func TestSchema(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "..", "docs", "notification.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	test := residency.Notification{Test: true, Event: residency.EventTest, Kind: residency.AlertOperations}
	for _, n := range []residency.Notification{whole(), message(), test} {
		if n.Kind == "" {
			n.Kind = residency.AlertFinding
		}
		body, err := json.Marshal(notificationOf(n))
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s does not fit: %v", body, err)
		}
	}
	broken := decoded(t, mustJSON(t, notificationOf(whole())))
	delete(broken, "key")
	if schema.Validate(broken) == nil {
		t.Error("the schema takes a message without a key")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "notification.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	sample := string(mustJSON(t, notificationOf(whole())))
	var doc struct {
		Properties map[string]any `json:"properties"`
		Defs       map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, def := range []map[string]any{doc.Properties, doc.Defs["alert"].Properties, doc.Defs["finding"].Properties} {
		for name := range def {
			if !strings.Contains(sample, `"`+name+`":`) {
				t.Errorf("the schema has %q, and no message does", name)
			}
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sender is what every channel is.
type sender interface {
	Send(context.Context, residency.Notification) (string, error)
}

// byHTTP are the channels that post to a URL.
func byHTTP(url string) map[string]sender {
	return map[string]sender{
		"webhook": Webhook{URL: url}, "slack": Slack{URL: url}, "teams": Teams{URL: url},
		"pagerduty": PagerDuty{URL: url, Key: "k3y-s3cret"}, "alertmanager": Alertmanager{URL: url, User: "u", Password: "p-s3cret"},
	}
}

// TestHostileReceivers gives every channel receivers that lie, repeat secrets,
// never end or send on elsewhere.
func TestHostileReceivers(t *testing.T) {
	t.Parallel()
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	receivers := map[string]http.HandlerFunc{
		"echo": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			body := new(bytes.Buffer)
			body.ReadFrom(r.Body)
			w.Write([]byte("no " + r.URL.String() + " for \x1b[2J\xff\u202e " + r.Header.Get("Authorization") + body.String()))
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
		},
		"huge": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			for r.Context().Err() == nil {
				if _, err := w.Write(bytes.Repeat([]byte("s3cret-path "), 4096)); err != nil {
					return
				}
			}
		},
		"huge header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 2<<20))
			w.WriteHeader(http.StatusInternalServerError)
		},
	}
	for what, handler := range receivers {
		srv := httptest.NewServer(handler)
		for name, ch := range byHTTP(srv.URL + "/s3cret-path?s3cret-query=1") {
			_, err := ch.Send(t.Context(), whole())
			if err == nil {
				t.Errorf("%s, %s: Send = nil, want an error", what, name)
				continue
			}
			if got := err.Error(); strings.Contains(got, "s3cret") || strings.Contains(got, "dTpwLXMzY3JldA") || len(got) > 600 || strings.ContainsAny(got, "\x1b\n\u202e") || !utf8.ValidString(got) {
				t.Errorf("%s, %s: error %q: a secret, too long, or not clean", what, name, got)
			}
			if want := what == "echo"; isPermanent(err) != want {
				t.Errorf("%s, %s: permanent = %v, want %v", what, name, !want, want)
			}
		}
		srv.Close()
	}
	if elsewhere != 0 {
		t.Errorf("another host got %d messages, want none", elsewhere)
	}
}

// TestSlowDrip has a receiver that sends its answer a byte at a time: the
// channel's own time ends it.
func TestSlowDrip(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		for r.Context().Err() == nil {
			w.Write([]byte("."))
			w.(http.Flusher).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	}))
	defer srv.Close()
	began := time.Now()
	_, err := Slack{URL: srv.URL, Timeout: 200 * time.Millisecond}.Send(t.Context(), whole())
	if took := time.Since(began); err == nil || isPermanent(err) || took > 30*time.Second {
		t.Errorf("Send = %v after %v, want an error for another try", err, took)
	}
}

func TestSlack(t *testing.T) {
	t.Parallel()
	srv, got := record(t, http.StatusOK, "ok")
	n := whole()
	n.Subject = "<!channel> " + n.Subject
	n.Text = strings.Repeat("a line of a long text\n", 10_000)
	if _, err := (Slack{URL: srv.URL + "/services/T/B/x"}).Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	body := decoded(t, got()[0].Body)
	blocks := body["blocks"].([]any)
	if len(blocks) != slackBlocks+1 {
		t.Errorf("%d blocks, want %d: Slack takes 50", len(blocks), slackBlocks+1)
	}
	for _, b := range blocks {
		if text, ok := b.(map[string]any)["text"].(map[string]any); ok {
			if s := text["text"].(string); len(s) > slackSection || text["type"] != "plain_text" {
				t.Errorf("block of %d bytes, type %v", len(s), text["type"])
			}
		}
	}
	if text := body["text"].(string); !strings.HasPrefix(text, "&lt;!channel&gt;") {
		t.Errorf("text = %q, want nobody called", text)
	}
}

func TestTeams(t *testing.T) {
	t.Parallel()
	srv, got := record(t, http.StatusAccepted, "")
	n := whole()
	n.Subject, n.Text = "[x](http://evil.example) *now*", "one\ntwo\n\n"+strings.Repeat("<&>*", 20_000)
	if _, err := (Teams{URL: srv.URL + "/workflows/x"}).Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	raw := got()[0].Body
	if len(raw) > 28<<10 {
		t.Errorf("card of %d bytes", len(raw))
	}
	att := decoded(t, raw)["attachments"].([]any)[0].(map[string]any)
	content := att["content"].(map[string]any)
	body := content["body"].([]any)
	if att["contentType"] != "application/vnd.microsoft.card.adaptive" || content["type"] != "AdaptiveCard" || len(body) != 4 {
		t.Errorf("attachment = %.300v", att)
	}
	if got, want := body[0].(map[string]any)["text"], `\[x\]\(http://evil\.example\) \*now\*`; got != want {
		t.Errorf("title = %q, want %q", got, want)
	}
	if got, want := body[1].(map[string]any)["text"], "one\n\ntwo"; got != want {
		t.Errorf("paragraph = %q, want %q", got, want)
	}
}

func TestPagerDuty(t *testing.T) {
	t.Parallel()
	srv, got := record(t, http.StatusAccepted, `{"status":"success"}`)
	ch := PagerDuty{URL: srv.URL, Key: "k3y"}
	open, over, test, acked := whole(), whole(), whole(), whole()
	over.Resolves = true
	test.Test = true
	acked.Alerts = acked.Alerts[:1]
	f := *acked.Alerts[0].Finding
	f.Acknowledged = &residency.Mark{By: "me"}
	acked.Alerts[0].Finding = &f
	for _, n := range []residency.Notification{open, over, acked, test} {
		if _, err := ch.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	var actions [][2]any
	for _, r := range got() {
		b := decoded(t, r.Body)
		actions = append(actions, [2]any{b["event_action"], b["dedup_key"]})
		if b["routing_key"] != "k3y" {
			t.Errorf("routing key = %v", b["routing_key"])
		}
	}
	want := [][2]any{{"trigger", "xiaomi/phase-2a"}, {"resolve", "xiaomi/phase-2a"}, {"acknowledge", "xiaomi/phase-2a"}, {"trigger", "residency/" + test.Key}}
	if diff := cmp.Diff(want, actions); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	payload := decoded(t, got()[0].Body)["payload"].(map[string]any)
	if payload["severity"] != "critical" || payload["source"] != "xiaomi" || payload["timestamp"] != "2014-11-02T08:30:00Z" {
		t.Errorf("payload = %v", payload)
	}
	long := open
	long.Group = strings.Repeat("g", 300)
	if k := dedupKey(long); len(k) > 255 {
		t.Errorf("dedup_key of %d bytes", len(k))
	}
}

package alert

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"residency/internal/residency"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// TestComposeOrder holds a message to what is told, not to the order in which
// it is.
func TestComposeOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var alerts []residency.Alert
		all := messages()
		for _, name := range []string{"mixed", "opened", "at-risk", "reminder"} {
			alerts = append(alerts, all[name]...)
		}
		for i := range alerts {
			alerts[i].ID = fmt.Sprintf("%s %d", alerts[i].ID, i)
		}
		want := Compose(alerts)
		order := rapid.Permutation(alerts).Draw(t, "order")
		if diff := cmp.Diff(want, Compose(order), sameAddr); diff != "" {
			t.Fatalf("the same alerts in another order (-want +got):\n%s", diff)
		}
	})
}

// TestComposeTellsHowItIsNow: a finding that was opened and is closed again by
// the time the message goes out is told as closed.
func TestComposeTellsHowItIsNow(t *testing.T) {
	t.Parallel()
	opened := found(residency.EventOpened, promise(), "IN", "2014-11-01T08:30:00Z")
	n := Compose([]residency.Alert{closed(promise(), "IN", "2014-11-02T08:30:00Z", residency.ClosedGone), opened})
	if n.Event != residency.EventClosed || strings.Contains(n.Text, "\nSeen outside\n") || !strings.Contains(n.Subject, "no longer seen outside") {
		t.Errorf("event %s, subject %q, text:\n%s", n.Event, n.Subject, n.Text)
	}
	n = Compose([]residency.Alert{closed(promise(), "IN", "2014-11-01T08:30:00Z", residency.ClosedGone), found(residency.EventReopened, promise(), "IN", "2014-11-02T08:30:00Z")})
	if n.Event != residency.EventReopened || strings.Contains(n.Text, "No longer") {
		t.Errorf("event %s, text:\n%s", n.Event, n.Text)
	}
}

func TestResolves(t *testing.T) {
	t.Parallel()
	const early, late = "2014-11-01T08:30:00Z", "2014-11-02T08:30:00Z"
	last := func(at string) residency.Alert {
		a := said(residency.EventClosed, "xiaomi/phase-2a", at, "Nothing is seen outside any more.")
		a.Last = true
		return a
	}
	tests := []struct {
		name   string
		alerts []residency.Alert
		want   bool
	}{
		{"one of several closed", []residency.Alert{closed(promise(), "IN", late, residency.ClosedGone)}, false},
		{"the last closed", []residency.Alert{closed(promise(), "IN", late, residency.ClosedGone), last(late)}, true},
		{"opened before, all closed now", []residency.Alert{found(residency.EventOpened, promise(), "IN", early), last(late)}, true},
		{"closed before, outside again now", []residency.Alert{last(early), found(residency.EventReopened, promise(), "IN", late)}, false},
		{"the monitor, down again", []residency.Alert{{At: when(early), Event: residency.EventMonitorGood, Last: true}, {At: when(late), Event: residency.EventMonitor}}, false},
		{"the monitor, good again", []residency.Alert{{At: when(early), Event: residency.EventMonitor}, {At: when(late), Event: residency.EventMonitorGood, Last: true}}, true},
		{"one part of several good again", []residency.Alert{{At: when(late), Event: residency.EventMonitorGood}}, false},
	}
	for _, tt := range tests {
		if got := Compose(tt.alerts).Resolves; got != tt.want {
			t.Errorf("Resolves(%s) = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestComposeNothing(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(residency.Notification{}, Compose(nil)); diff != "" {
		t.Errorf("Compose of nothing (-want +got):\n%s", diff)
	}
	for _, event := range weights() { // an alert that lacks everything is still a message
		n := Compose([]residency.Alert{{Event: event, Finding: &residency.Finding{}}, {Event: event}})
		if n.Text == "" || n.Event != event {
			t.Errorf("%s: event %q, text %q", event, n.Event, n.Text)
		}
	}
}

// TestComposeIsBounded shows that a vendor with thousands of addresses outside
// makes a message that can be read, and that says how much it leaves out.
func TestComposeIsBounded(t *testing.T) {
	t.Parallel()
	var alerts []residency.Alert
	for i := range 300 {
		a := found(residency.EventOpened, promise(), "IN", "2014-11-02T08:30:00Z")
		a.Finding.Host, a.Finding.Key, a.ID, a.Seen = fmt.Sprintf("h%03d.example", i), fmt.Sprint("key", i), fmt.Sprint("id", i), nil
		a.Finding.Opened = a.At.Add(-time.Duration(i) * time.Hour)
		for j := range 50 {
			a.Seen = append(a.Seen, residency.SeenAddress{Address: netip.AddrFrom4([4]byte{10, byte(i / 256), byte(i), byte(j)}),
				Countries: set("CN"), Grade: residency.Corroborated, Conflict: true})
		}
		alerts = append(alerts, a)
	}
	n := Compose(alerts)
	for _, want := range []string{"and 280 hosts more", "and 40 addresses more", "Two or more sources agree: 10.0.0.0, ", "and 14990 more"} {
		if !strings.Contains(n.Text, want) {
			t.Errorf("text does not say %q:\n%.2000s", want, n.Text)
		}
	}
	if len(n.Text) > 40_000 || len(n.HTML) > 150_000 {
		t.Errorf("text has %d bytes, HTML %d; want at most 40000 and 150000", len(n.Text), len(n.HTML))
	}
	long := said(residency.EventCoverage, "xiaomi/coverage", "2014-11-02T08:30:00Z", strings.Repeat(strings.Repeat("é", 4000)+"\n", 100))
	if n = Compose([]residency.Alert{long}); len(n.Text) > maxText || !strings.Contains(n.Text, "This message was cut") || !strings.Contains(n.HTML, "This message was cut") {
		t.Errorf("a text of %d bytes, at most %d are sent; said to be cut: %v", len(n.Text), maxText, strings.Contains(n.Text, "This message was cut"))
	}
}

// TestComposeHostileText puts line ends, escapes, markup and turned writing into
// every string that comes from outside.
func TestComposeHostileText(t *testing.T) {
	t.Parallel()
	const evil = "x\r\nWhat to do\n  pay\x1b[2J\u202e\x00\xff<script>alert(1)</script><img src=http://a.example/x>"
	tag := regexp.MustCompile(`<([a-z0-9!/]+)`)
	known := []string{"!doctype", "html", "head", "meta", "title", "/title", "/head", "body", "p", "/p", "h2", "/h2", "pre", "/pre", "/body", "/html"}
	for name, alerts := range messages() {
		for i := range alerts {
			a := &alerts[i]
			a.Notice, a.Text, a.Config, a.Vendor, a.Group = evil, evil, evil, evil, evil
			a.Limits = []string{evil}
			if a.Claim != nil {
				c := *a.Claim
				c.Title, c.Quote, c.Source, c.SaidBy, c.Services, c.Regions.Written = evil, evil, evil, evil, []string{evil}, []string{evil}
				a.Claim = &c
			}
			if a.Finding != nil {
				a.Finding.Service, a.Finding.Host = evil, evil
			}
			for j := range a.Seen {
				a.Seen[j].Region = evil
			}
			if a.Waiver != nil {
				a.Waiver.Reason, a.Waiver.Owner, a.Waiver.Hosts = evil, evil, []string{evil}
			}
		}
		n := Compose(alerts)
		if strings.ContainsFunc(n.Subject, unicode.IsControl) {
			t.Errorf("%s: subject %q has a control character", name, n.Subject)
		}
		if count := strings.Count(n.Text, "\nWhat to do\n"); count > 1 {
			t.Errorf("%s has %d parts \"What to do\", want 1:\n%s", name, count, n.Text)
		}
		for _, r := range n.Text + n.HTML {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar) {
				t.Errorf("%s: the message holds %U", name, r)
			}
		}
		for _, found := range tag.FindAllStringSubmatch(n.HTML, -1) {
			if !slices.Contains(known, found[1]) {
				t.Errorf("%s: the HTML holds the tag <%s>", name, found[1])
			}
		}
	}
}

// TestPlainWords keeps the words that only this program's makers know out of
// what people read.
func TestPlainWords(t *testing.T) {
	t.Parallel()
	banned := regexp.MustCompile(`(?i)\b(tailoring|tailored|voices?|lineages?|cells?|standing|compliant|compliance|guaranteed?|safe)\b`)
	for name, alerts := range messages() {
		n := Compose(alerts)
		if found := banned.FindString(n.Subject + "\n" + n.Text); found != "" {
			t.Errorf("%s says %q", name, found)
		}
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	alerts := messages()["opened"]
	own := Compose(alerts)
	tests := []struct {
		name, subject, text string
		wantSubject         string
		wantText            string // "": the program's own
		broken              bool
	}{
		{"none", "", "", own.Subject, "", false},
		{"subject", "{{.Severity}}: {{.Vendor}} {{.Claim.ID}}", "", "critical: xiaomi phase-2a", "", false},
		{"text", "", "{{.Headline}}\n{{range .Parts}}{{.Title}}: {{len .Lines}}\n{{end}}{{range .Commands}}{{.}}\n{{end}}", own.Subject,
			own.Subject + ".\nWhat was promised: 6\nSeen outside: 3\nFor users in which markets: 1\nSince when: 1\nHow sure, and why it might be wrong: 7\nWhat to do: 5\n" +
				"residency explain api.account.xiaomi.com --market HK\nresidency alert ack --claim phase-2a --by NAME\n", false},
		{"raw values are made harmless", "a\nb\x1b[2J", "{{(index .Alerts 0).Group}}\x1b[2J\u202e", "a b [2J", "xiaomi/phase-2a [2J ", false},
		{"cannot be parsed", "{{", "", own.Subject, "", true},
		{"no such field", "", "{{.Nothing}}", own.Subject, "", true},
		{"writes without end", "", "{{range $i := 1000000}}" + strings.Repeat("x", 1000) + "{{end}}", own.Subject, "", true},
		{"writes nothing", "{{if false}}x{{end}}", " \n", own.Subject, "", false},
	}
	for _, tt := range tests {
		templates, err := ParseTemplates(tt.subject, tt.text)
		if (err != nil) != (tt.name == "cannot be parsed") {
			t.Errorf("%s: ParseTemplates = %v", tt.name, err)
		}
		got := templates.Compose(alerts)
		if got.Subject != tt.wantSubject {
			t.Errorf("%s: subject %q, want %q", tt.name, got.Subject, tt.wantSubject)
		}
		const said = "A template of the configuration could not be used"
		if strings.Contains(got.Text, said) != tt.broken || strings.Contains(got.HTML, said) != tt.broken {
			t.Errorf("%s: said to be broken in text %v, in HTML %v; want %v", tt.name, strings.Contains(got.Text, said), strings.Contains(got.HTML, said), tt.broken)
		}
		switch {
		case tt.wantText == "" && !strings.HasPrefix(got.Text, own.Text):
			t.Errorf("%s: not the program's own words:\n%s", tt.name, got.Text)
		case tt.wantText != "" && got.Text != tt.wantText:
			t.Errorf("%s: text %q, want %q", tt.name, got.Text, tt.wantText)
		}
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	later := *promise()
	later.ID, later.Due = "phase-3", when("2015-01-01T00:00:00Z")
	const at = "2014-11-02T08:30:00Z"
	var words *Templates
	list := words.Messages([]residency.Alert{
		found(residency.EventOpened, &later, "IN", at), found(residency.EventOpened, promise(), "IN", at),
		found(residency.EventOpened, rule(), "IN", at), found(residency.EventOpened, promise(), "HK", at),
	})
	var got []string
	for _, n := range list {
		got = append(got, fmt.Sprintf("%s %s %d %v", n.Claim, n.Standing, len(n.Alerts), n.Key == Key(n.Vendor, n.Claim, n.Standing)))
	}
	want := []string{"never-cn broken 1 true", "phase-2a broken 2 true", "phase-3 pending 1 true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, tt := range []struct {
		vendor, claim string
		standing      residency.Standing
	}{
		{"a", "b", residency.Broken},
		{"a", "b", residency.Pending},
		{"ab", "", residency.Broken},
		{"", "ab", residency.Broken},
		{"a", "c", residency.Broken},
		{"c", "b", residency.Broken},
	} {
		key := Key(tt.vendor, tt.claim, tt.standing)
		if len(key) != 32 {
			t.Errorf("Key(%q, %q, %v) = %q, want 32 digits", tt.vendor, tt.claim, tt.standing, key)
		}
		if before, ok := seen[key]; ok {
			t.Errorf("Key(%q, %q, %v) is that of %s", tt.vendor, tt.claim, tt.standing, before)
		}
		seen[key] = fmt.Sprintf("%q, %q, %v", tt.vendor, tt.claim, tt.standing)
	}
	// Receivers store keys: a change of this one is a break for them.
	if got, want := Key("xiaomi", "phase-2a", residency.Broken), "863937614d348c6dc1a208e65afc1085"; got != want {
		t.Errorf("Key(xiaomi, phase-2a, broken) = %s, want %s", got, want)
	}
}

// TestTemplateDocs writes every kind of message with the template of the
// documentation.
func TestTemplateDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "```\n{{")
	block, _, closed := strings.Cut("{{"+block, "```")
	if !ok || !closed {
		t.Fatal("docs/findings.md has no template")
	}
	words, err := ParseTemplates("", block)
	if err != nil {
		t.Fatal(err)
	}
	for name, alerts := range messages() {
		n := words.Compose(alerts)
		if want := n.Severity.String() + ": "; !strings.HasPrefix(n.Text, want) || strings.Contains(n.Text, "could not be used") {
			t.Errorf("%s: %q, want it to begin with %q", name, n.Text, want)
		}
	}
}

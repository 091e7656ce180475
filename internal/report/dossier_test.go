package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"residency/internal/residency"
)

// inAugust is a run before anything moved.
func inAugust() residency.Run {
	return invent(date(2014, 8, 20), func(int, residency.Country) ([]place, residency.Failure) { return []place{beijing}, "" })
}

// halfYear is the migration of the phone maker over six months: nothing moved,
// then most of it, then all of it, with what people said and decided meanwhile.
func halfYear(latest residency.Run) Dossier {
	kolkata := time.FixedZone("IST", 5*3600+1800)
	stages := []struct {
		run         residency.Run
		first, last time.Time
		runs        int
	}{
		{inAugust(), date(2014, 8, 1), date(2014, 10, 23), 84}, {inNovember(), date(2014, 10, 24), date(2015, 1, 10), 79},
		{latest, date(2015, 1, 11), date(2015, 1, 31), 21},
	}
	d := Dossier{
		Organisation: "Example Privacy Office", Contact: "privacy@org.example", Notice: notice, Made: date(2015, 2, 1), From: date(2014, 8, 1), To: date(2015, 2, 1),
		Zone: kolkata, Program: "v0.1.0", Run: latest, Runs: 184, Partial: 2, Looks: map[residency.Failure]int{"": 7650, residency.FailTimeout: 78},
	}
	var claims []residency.Claim
	for i, c := range latest.Claims {
		d.Run.Claims[i].Effective = c.Standing
		claims = append(claims, c.Claim)
	}
	c := NewChronicle(claims, d.From, d.To, kolkata, 24*time.Hour)
	for i := range latest.Rounds {
		var stays []Stay
		for _, s := range stages {
			stays = append(stays, Stay{First: s.first, Last: s.last, Runs: s.runs, Round: s.run.Rounds[i]})
		}
		c.Add(stays)
	}
	d.Events = c.Events()
	for _, claim := range claims {
		d.Claims = append(d.Claims, c.Record(claim.ID))
	}
	d.Claims[1].Responses = []Response{{On: residency.Date{Year: 2014, Month: 10, Day: 24}, By: "acme's spokesman", Text: "We have <only> read media reports.", Source: "https://press.example/24"}}
	d.Claims[1].Archived = []ArchivedSource{
		{At: date(2014, 10, 22), From: "https://acme.example/blog/2014-10-22", SHA256: strings.Repeat("a1", 32), Size: 5120, By: "ann"},
		{At: date(2014, 11, 22), From: "https://acme.example/blog/2014-10-22", SHA256: strings.Repeat("b2", 32), Size: 4096, By: "ann"},
	}
	d.decide()
	before := inNovember()
	straggler := before.Rounds[1].Cells[slices.IndexFunc(before.Rounds[1].Cells, func(c residency.Cell) bool { return c.Market == cc("ID") })]
	d.Sheets = []EvidenceSheet{{Finding: d.Findings[0].Key, First: date(2014, 10, 24), Last: date(2015, 1, 10), Runs: 79,
		Explained: Explained{Run: before, Claim: claims[1], Round: before.Rounds[1], Cell: straggler}}}
	return d
}

// decide adds what people did.
func (d *Dossier) decide() {
	e := d.Run.Rounds[1].Endpoint
	settled := date(2014, 12, 3)
	key := residency.FindingKey(e.Vendor, e.Service, e.Host, cc("ID"), "phase-2a")
	cn := residency.CountriesOf(cc("CN"))
	d.Findings = []residency.Finding{
		{Key: key, Vendor: e.Vendor, Service: e.Service, Host: e.Host, Market: cc("ID"), Claim: "phase-2a", Opened: date(2014, 8, 1), LastSeen: date(2015, 1, 10),
			Closed: date(2015, 1, 12), ClosedAs: residency.ClosedGone, Grade: residency.Corroborated, Countries: cn, Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.16")}},
		{Key: residency.FindingKey("acme", "cloud", "sync.cloud.acme.example", cc("IN"), "phase-2b"), Vendor: "acme", Service: "cloud", Host: "sync.cloud.acme.example", Market: cc("IN"), Claim: "phase-2b",
			Opened: date(2014, 8, 1), LastSeen: date(2014, 12, 2), Closed: settled, ClosedAs: residency.ClosedFalsePositive, Grade: residency.Corroborated, Countries: cn,
			Disputed: &residency.Dispute{Mark: residency.Mark{By: "bob", At: date(2014, 12, 1)}, Document: "letter.pdf", Upheld: true, Settled: &settled, Cause: "database"}},
	}
	half := 0.5
	d.Tried = Tried{Findings: 2, Disputed: 1, Settled: 1, Upheld: 1, Decided: 2, Causes: map[string]int{"database": 1}, Share: &half}
	d.Waivers = []residency.Waiver{{ID: "W-7", Owner: "Ann", Approver: "Bob", Reason: "=moving in March", Claims: []string{"phase-2b"}, Until: date(2015, 3, 1)}}
	d.Corrections = []Correction{{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Country: cc("SG"), Evidence: "letter.pdf", EvidenceHash: strings.Repeat("c3", 32), Owner: "Ann", Approver: "Bob", Reason: "ticket 7",
		Expires: residency.Date{Year: 2015, Month: 6, Day: 30}}}
	d.Acts = []Act{{At: date(2014, 9, 9), By: "root", What: "restored a backup"}}
	d.Log = LogState{Key: "org.example/log+1a2b3c4d+AbCd", Leaves: 190, Checkpoint: residency.Checkpoint{Size: 190, Root: residency.HashOf([]byte("root")), At: date(2015, 1, 31)}}
	d.Bundle, d.BundleSHA256 = "evidence.zip", strings.Repeat("d4", 32)
}

func dossier(t testing.TB, audience, format string, d Dossier) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteDossier(&b, audience, format, d); err != nil {
		t.Fatalf("WriteDossier(%s, %s): %v", audience, format, err)
	}
	return b.String()
}

func TestDossierGolden(t *testing.T) {
	t.Parallel()
	d := halfYear(done())
	for _, audience := range Audiences() {
		golden(t, "report-"+audience+".md", []byte(dossier(t, audience, "md", d)))
	}
	golden(t, "report-officer.html", []byte(dossier(t, "officer", "html", d)))
}

// TestDossierSaysAll wants on each report what its readers came for.
func TestDossierSaysAll(t *testing.T) {
	t.Parallel()
	d := halfYear(inNovember())
	everywhere := []string{"Re-enactment", "phase-2a", "Nothing seen outside is not proof that nothing goes outside.", "till outside; due since 31 Oct 2014"}
	officer := []string{"By the end of the month all of it will have moved", "https://acme.example/blog/2014-10-22", "First and last sighting", "W-7", "203.0.113.0/24",
		"found to be wrong", "at most 50.0% of the 2", "share of answers not seen", "99.78%", "org.example/log&#43;1a2b3c4d&#43;AbCd", "cannot be told", "source CHANGED", "We have &lt;only&gt; read media reports."}
	want := map[string][]string{
		"officer":   officer,
		"board":     {"Results by market"},
		"authority": {"Summary", "The vendor&#39;s reply", "We have &lt;only&gt; read media reports.", "Chronology", "2014-10-24 09:00", "2014-10-24 14:30 IST", "evidence.zip", "Technical annex", "asked"},
		"engineer":  append([]string{"Every result", "Chronology", "static.shop.acme.example"}, officer...),
	}
	for audience, list := range want {
		page := dossier(t, audience, "html", d)
		for _, text := range append(list, everywhere...) {
			if !strings.Contains(page, text) {
				t.Errorf("the page for the %s does not say %q", audience, text)
			}
		}
		if strings.Contains(strings.ToLower(page), "compliant") {
			t.Errorf("the page for the %s says compliant", audience)
		}
		if strings.Contains(page, "<script") || regexp.MustCompile(`(?i)(src|href)="(https?:)?//[^"]*\.(js|css|png)`).MatchString(page) {
			t.Errorf("the page for the %s loads something", audience)
		}
	}
}

// TestUnknownIsShownAsUnknown: a service with one host inside and one unknown
// is not drawn as inside.
func TestUnknownIsShownAsUnknown(t *testing.T) {
	t.Parallel()
	d := halfYear(inNovember())
	second := d.Run.Rounds[0]
	second.Endpoint.Host = "other.shop.acme.example"
	second.Cells = slices.Clone(second.Cells)
	for i := range second.Cells {
		second.Cells[i].Endpoint = second.Endpoint
		second.Cells[i].Verdict, second.Cells[i].Reasons = residency.NotMeasured, []residency.Reason{"timeout"}
	}
	d.Run.Rounds = append(d.Run.Rounds, second)
	m := d.serviceMatrix(d.Run.Claims[0].Claim)
	for i, f := range m.Rows[0][1:] {
		if f.Class == residency.Inside.String() {
			t.Errorf("%s is drawn as %+v although one of two hosts was not measured", m.Header[i+1], f)
		}
	}
}

func TestChronicle(t *testing.T) {
	t.Parallel()
	d := halfYear(done())
	r := d.record("phase-2a")
	if len(r.Days) != 184 {
		t.Fatalf("%d days, want 184", len(r.Days))
	}
	byDay := map[string]DayRecord{}
	for _, x := range r.Days {
		byDay[x.Day.String()] = x
	}
	for day, want := range map[string]struct {
		standing residency.Standing
		out, all int
	}{
		"2014-08-01": {residency.Pending, 7, 7}, "2014-10-31": {residency.Pending, 1, 14}, "2014-11-01": {residency.Broken, 1, 14}, "2015-01-31": {residency.Holding, 0, 14},
	} {
		if got := byDay[day]; got.Standing != want.standing || got.OutsideAns != want.out || got.Answers != want.all {
			t.Errorf("%s: %+v, want %+v", day, got, want)
		}
	}
	var in []string
	for _, s := range r.Seen {
		in = append(in, fmt.Sprintf("%s %s %s..%s", s.Country, s.Side, s.First.Format(time.DateOnly), s.Last.Format(time.DateOnly)))
	}
	want := []string{"CN outside 2014-08-01..2015-01-10", "DE outside 2014-08-01..2015-01-10", "US inside 2014-10-24..2015-01-31", "SG inside 2014-10-24..2015-01-31"}
	slices.Sort(in)
	slices.Sort(want)
	if !slices.Equal(in, want) {
		t.Errorf("seen: %v, want %v", in, want)
	}
	if !slices.IsSortedFunc(d.Events, func(a, b Event) int { return a.At.Compare(b.At) }) || len(d.Events) == 0 {
		t.Errorf("events are not in order: %v", d.Events)
	}
}

// TestChronicleLeavesGaps: a day on which nothing was looked at is in no chart.
func TestChronicleLeavesGaps(t *testing.T) {
	t.Parallel()
	run := inAugust()
	c := NewChronicle([]residency.Claim{run.Claims[0].Claim}, date(2014, 8, 1), date(2014, 9, 1), time.UTC, 24*time.Hour)
	c.Add([]Stay{{First: date(2014, 8, 1), Last: date(2014, 8, 3), Round: run.Rounds[0]}, {First: date(2014, 8, 10), Last: date(2014, 8, 10), Round: inNovember().Rounds[0]}})
	days := c.Record("phase-1").Days
	if len(days) != 5 || days[4].Day.String() != "2014-08-10" {
		t.Fatalf("days: %+v", days)
	}
	if got := stretches(days, func(a, b DayRecord) bool { return true }); len(got) != 2 {
		t.Errorf("a gap is drawn over: %v", got)
	}
}

// TestMissingHostIsNeverGreen: on a day on which one of two hosts was not looked
// at, that the other is inside does not make the claim hold.
func TestMissingHostIsNeverGreen(t *testing.T) {
	t.Parallel()
	good := done()
	c := NewChronicle([]residency.Claim{good.Claims[0].Claim}, date(2014, 8, 1), date(2014, 9, 1), time.UTC, 24*time.Hour)
	other := good.Rounds[0]
	other.Endpoint.Host = "other.shop.acme.example"
	c.Add([]Stay{{First: date(2014, 8, 1), Last: date(2014, 8, 20), Round: good.Rounds[0]}})
	c.Add([]Stay{{First: date(2014, 8, 1), Last: date(2014, 8, 3), Round: other}, {First: date(2014, 8, 10), Last: date(2014, 8, 20), Round: other}})
	for _, d := range c.Record("phase-1").Days {
		want := residency.Holding
		if day := d.Day.String(); day > "2014-08-04" && day < "2014-08-10" {
			want = residency.StandingUnknown
		}
		if d.Standing != want {
			t.Errorf("%s: %v, want %v", d.Day, d.Standing, want)
		}
	}
}

func TestDossierJSONAndCSV(t *testing.T) {
	t.Parallel()
	d := halfYear(inNovember())
	for _, audience := range Audiences() {
		var got struct {
			Schema string
			Claims []struct {
				ID, Standing string
				Days         []struct{}
			}
			Cells []struct{ Looks []struct{} }
		}
		if err := json.Unmarshal([]byte(dossier(t, audience, "json", d)), &got); err != nil {
			t.Fatal(err)
		}
		if got.Schema != DossierSchema || len(got.Claims) != 3 || got.Claims[1].Standing != "broken" || len(got.Claims[1].Days) != 184 {
			t.Errorf("%s: %+v", audience, got)
		}
		wantCells := map[string]int{"board": 0}[audience]
		if audience != "board" {
			wantCells = 21
		}
		if len(got.Cells) != wantCells {
			t.Errorf("%s: %d cells, want %d", audience, len(got.Cells), wantCells)
		}
		if audience != "board" && (len(got.Cells[0].Looks) > 0) != (audience == "engineer") {
			t.Errorf("%s: %d looks", audience, len(got.Cells[0].Looks))
		}
	}
	rows, err := csv.NewReader(strings.NewReader(dossier(t, "officer", "csv", d))).ReadAll()
	if err != nil || len(rows) != 22 {
		t.Fatalf("csv: %d rows, %v", len(rows), err)
	}
}

// TestOSCALSchema checks against the official schema, and that the standing
// survives a model that knows only satisfied and not-satisfied.
func TestOSCALSchema(t *testing.T) {
	t.Parallel()
	c := jsonschema.NewCompiler()
	schema, err := c.Compile("testdata/oscal_assessment-results_schema.json")
	if err != nil {
		t.Fatal(err)
	}
	empty := Dossier{Zone: time.UTC, Made: date(2015, 1, 1), From: date(2014, 1, 1), To: date(2015, 1, 1)}
	for name, d := range map[string]Dossier{"done": halfYear(done()), "november": halfYear(inNovember()), "empty": empty} {
		text := dossier(t, "officer", "oscal", d)
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if text != dossier(t, "authority", "oscal", d) {
			t.Errorf("%s: the same dossier gives other bytes", name)
		}
	}
	text := dossier(t, "officer", "oscal", halfYear(inNovember()))
	for _, want := range []string{`"state": "not-satisfied"`, `"value": "unknown"`, `"value": "broken"`, `"reason": "other"`} {
		if !strings.Contains(text, want) {
			t.Errorf("OSCAL does not have %s", want)
		}
	}
	broken, _ := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(text, `"not-satisfied"`, `"compliant"`, 1)))
	if schema.Validate(broken) == nil {
		t.Error("the schema takes anything")
	}
}

func TestMarkdownIsHarmless(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a_b": "a_b", "_a_": `\_a\_`, "<img src=x>": `\<img src=x\>`, "a|b": `a\|b`, "[x](http://y)": `\[x\](http://y)`, "- x": `\- x`, "`rm`": "\\`rm\\`", "a\nb": "a b", "# x": `\# x`,
	} {
		if got := mark(in); got != want {
			t.Errorf("mark(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzMark(f *testing.F) {
	for _, s := range []string{"a_b", "|", "<b>", "\u202e", "\xff", "__", "![x](y)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for got := mark(s); got != ""; {
			if got[0] == '\\' && len(got) > 1 {
				got = got[2:] // a character that means itself
				continue
			}
			if strings.ContainsRune("`*[]<>|~\n\r", rune(got[0])) {
				t.Fatalf("mark(%q) = %q: what follows is markup: %q", s, mark(s), got)
			}
			got = got[1:]
		}
	})
}

// year is a hundred endpoints in seven markets over a year, with a change each
// week at one of them.
func year() Dossier {
	d := halfYear(inNovember())
	base := d.Run.Rounds[1]
	moved := done().Rounds[1]
	d.From, d.To, d.Run.Rounds, d.Sheets = date(2014, 1, 1), date(2015, 1, 1), nil, slices.Repeat(d.Sheets, 100)
	claim := d.Run.Claims[1].Claim
	claim.Due = date(2014, 11, 1)
	d.Run.Claims = d.Run.Claims[1:2]
	c := NewChronicle([]residency.Claim{claim}, d.From, d.To, d.Zone, 24*time.Hour)
	for i := range 100 {
		rename := func(r residency.Round) residency.Round {
			r.Endpoint.Host = fmt.Sprintf("host-%03d.acme.example", i)
			r.Cells = slices.Clone(r.Cells)
			for j := range r.Cells {
				r.Cells[j].Endpoint = r.Endpoint
			}
			return r
		}
		var stays []Stay
		for w := range 52 {
			stay := Stay{First: d.From.AddDate(0, 0, 7*w), Last: d.From.AddDate(0, 0, 7*w+6), Runs: 7, Round: rename(base)}
			if (w+i)%5 > 2 {
				stay.Round = rename(moved)
			}
			stays = append(stays, stay)
		}
		c.Add(stays)
		d.Run.Rounds = append(d.Run.Rounds, rename(base))
		f := d.Findings[0]
		f.Host = base.Endpoint.Host
		d.Findings = append(d.Findings, f)
	}
	d.Events, d.Claims = c.Events(), []ClaimRecord{c.Record(claim.ID)}
	return d
}

func TestYearIsSmall(t *testing.T) {
	t.Parallel()
	d := year()
	for _, audience := range Audiences() {
		if n := len(dossier(t, audience, "html", d)); n > 2_000_000 {
			t.Errorf("the page for the %s has %d bytes, want 2 MB at most", audience, n)
		}
	}
}

// BenchmarkDossier writes the pages of 100 endpoints in 7 markets over a year,
// with the adding up of what they showed.
func BenchmarkDossier(b *testing.B) {
	for _, audience := range Audiences() {
		b.Run(audience, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n = len(dossier(b, audience, "html", year()))
			}
			b.ReportMetric(float64(n), "page-B")
		})
	}
}

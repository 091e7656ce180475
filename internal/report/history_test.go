package report

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// stay makes a stay of some days from a day of October 2014 on, in which users
// in India were given one address in some countries.
func stay(from, days int, addr string, verdict residency.Verdict, in ...string) Stay {
	first := time.Date(2014, 10, from, 8, 0, 0, 0, time.UTC)
	e := residency.Endpoint{Vendor: "acme", Service: "account", Host: "api.acme.example"}
	india := residency.MustCountry("IN")
	var where residency.Countries
	for _, c := range in {
		where = where.With(residency.MustCountry(c))
	}
	s := Stay{First: first, Last: first.AddDate(0, 0, days-1), Runs: days, Config: "one", Rules: 1}
	s.Round = residency.Round{Endpoint: e, Locations: map[netip.Addr]residency.Location{},
		Cells: []residency.Cell{{Claim: "phase-1", Endpoint: e, Market: india, Verdict: verdict, Counts: true}}}
	o := residency.Observation{Question: residency.Question{Endpoint: e, Market: india, Type: "A"}, Rcode: "NOERROR", Tailoring: residency.TailoringSpecific}
	if addr == "" {
		o.Failure, o.Rcode = residency.FailTimeout, ""
	} else {
		a := netip.MustParseAddr(addr)
		o.Addresses = []residency.Answer{{Address: a}}
		s.Round.Locations[a] = residency.Location{Address: a, Countries: where}
	}
	s.Round.Observations = []residency.Observation{o}
	return s
}

// aMove is a move that took its time: from Beijing, where one source had it in
// Germany for a while, past an outage, to Singapore, and into a new rule.
func aMove() History {
	h := History{
		Endpoint: residency.Endpoint{Vendor: "acme", Service: "account", Host: "api.acme.example"}, Zone: time.UTC,
		Stays: []Stay{
			stay(1, 9, "192.0.2.1", residency.Undetermined, "CN", "DE"),
			stay(10, 2, "192.0.2.1", residency.Undetermined, "CN"),
			stay(12, 9, "192.0.2.1", residency.Outside, "CN"),
			stay(21, 2, "", residency.Outside),
			stay(23, 2, "192.0.2.1", residency.Outside, "CN"),
			stay(25, 4, "198.51.100.7", residency.Inside, "SG"),
			stay(29, 3, "198.51.100.7", residency.Outside, "SG"),
		},
		Dues: []DueDate{{"phase-1", time.Date(2014, 10, 16, 0, 0, 0, 0, time.UTC)}, {"phase-1", time.Date(2014, 10, 27, 0, 0, 0, 0, time.UTC)}},
	}
	h.Stays[6].Config = "two"
	return h
}

func TestTurnsHaveCauses(t *testing.T) {
	t.Parallel()
	h := aMove()
	var got []string
	for _, turn := range h.Turns() {
		var causes []string
		for _, c := range turn.Causes {
			causes = append(causes, string(c))
		}
		got = append(got, turn.At.Format("2 Jan ")+strings.Join(causes, "+"))
	}
	want := []string{"10 Oct database-reclassified", "12 Oct time", "16 Oct claim-due", "21 Oct looks-differ",
		"23 Oct looks-differ", "25 Oct server-moved", "29 Oct policy-changed"}
	if !slices.Equal(got, want) {
		t.Errorf("causes\n got %q\nwant %q", got, want)
	}
}

func TestSightings(t *testing.T) {
	t.Parallel()
	h := aMove()
	countries, addresses := h.Sightings()
	var got []string
	for _, s := range append(countries, addresses...) {
		got = append(got, s.Countries.String()+" "+s.First.Format("2")+"-"+s.Last.Format("2"))
	}
	if want := []string{"CN 1-24", "DE 1-9", "SG 25-31", "CN|DE 1-24", "SG 25-31"}; !slices.Equal(got, want) {
		t.Errorf("sightings\n got %q\nwant %q", got, want)
	}
}

func TestHistoryGolden(t *testing.T) {
	t.Parallel()
	for _, format := range HistoryFormats() {
		var b strings.Builder
		if err := WriteHistory(&b, format, aMove(), Options{Width: 100}); err != nil {
			t.Fatal(err)
		}
		golden(t, "history."+format, []byte(b.String()))
	}
	var b strings.Builder
	empty := History{Zone: time.UTC}
	if err := WriteHistory(&b, "table", empty, Options{}); err != nil || !strings.Contains(b.String(), "Nothing is remembered") {
		t.Errorf("an empty history = %q, %v", b.String(), err)
	}
	if err := WriteHistory(&b, "xml", empty, Options{}); err == nil {
		t.Error("an unknown format is no error")
	}
}

// TestHistoryToTheSecond: checks by hand follow one another within a minute.
func TestHistoryToTheSecond(t *testing.T) {
	t.Parallel()
	h := History{Zone: time.UTC, Stays: []Stay{stay(1, 1, "192.0.2.1", residency.Undetermined, "CN"), stay(1, 1, "192.0.2.1", residency.Outside, "CN")}}
	h.Stays[1].First = h.Stays[0].Last.Add(7 * time.Second)
	h.Stays[1].Last = h.Stays[1].First
	var b strings.Builder
	if err := WriteHistory(&b, "table", h, Options{Width: 120}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 checks from 1 Oct 2014 08:00:00 UTC to 1 Oct 2014 08:00:07 UTC", "  1 Oct 2014 08:00:07 UTC  users in India: phase-1: seen outside"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// BenchmarkHistory is a year of an endpoint that moves every day, in four
// formats' common part: what was seen how long, and every change.
func BenchmarkHistory(b *testing.B) {
	h := History{Zone: time.UTC}
	for i := range 365 {
		s := stay(1, 1, []string{"192.0.2.1", "198.51.100.7", "203.0.113.9"}[i%3], residency.Inside, "SG")
		s.First, s.Last = s.First.AddDate(0, 0, i), s.Last.AddDate(0, 0, i)
		h.Stays = append(h.Stays, s)
	}
	for b.Loop() {
		h.Sightings()
		h.Turns()
	}
}

// TestHistoryOfWhatWasNeverMeasured: that nothing changed would be good news,
// and there is none.
func TestHistoryOfWhatWasNeverMeasured(t *testing.T) {
	t.Parallel()
	never := stay(1, 9, "", residency.NotMeasured)
	other := stay(10, 1, "", residency.NotMeasured)
	other.Round.Observations[0].Failure = residency.FailUnreachable
	deleted := stay(1, 9, "", residency.NotMeasured)
	deleted.Round.Observations = nil
	once := stay(10, 1, "192.0.2.1", residency.Inside, "SG")
	for _, c := range []struct {
		name  string
		stays []Stay
		want  string // "": nothing of the kind
	}{
		{"one reason", []Stay{never}, "9 checks from 1 Oct 2014 08:00 UTC to 9 Oct 2014 08:00 UTC\nNone of them could measure it: " + residency.FailTimeout.Words() + ".\n"},
		{"two reasons", []Stay{never, never, other}, "None of them could measure it: mostly, " + residency.FailTimeout.Words() + ".\n"},
		{"one check", []Stay{other}, "It could not measure it: " + residency.FailUnreachable.Words() + ".\n"},
		{"looks deleted", []Stay{deleted}, "None of them could measure it.\n"},
		{"measured at last", []Stay{never, once}, ""},
		{"outside as remembered", []Stay{stay(1, 2, "", residency.Outside)}, ""},
	} {
		var b strings.Builder
		if err := WriteHistory(&b, "table", History{Zone: time.UTC, Stays: c.stays}, Options{}); err != nil {
			t.Fatal(err)
		}
		var doc, sheet strings.Builder
		if err := errors.Join(WriteHistory(&doc, "json", History{Zone: time.UTC, Stays: c.stays}, Options{}),
			WriteHistory(&sheet, "csv", History{Zone: time.UTC, Stays: c.stays}, Options{})); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(doc.String(), `"never_measured": "`); got != (c.want != "") {
			t.Errorf("%s: never_measured in JSON is %v:\n%s", c.name, got, doc.String())
		}
		if got := strings.Contains(sheet.String(), "IN,,,not_measured,never-measured,"); got != (c.want != "") {
			t.Errorf("%s: never-measured in CSV is %v:\n%s", c.name, got, sheet.String())
		}
		got := b.String()
		if !strings.Contains(got, c.want) || c.want != "" && strings.Contains(got, "Nothing changed") || c.want == "" && strings.Contains(got, "measure it") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

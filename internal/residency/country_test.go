package residency

import (
	"encoding/json"
	"testing"
	"time"
)

func TestParseCountry(t *testing.T) {
	for _, code := range []string{"SG", "US", "HK", "MO", "TW", "CN", "AD", "ZW", "XK"} {
		c, ok := ParseCountry(code)
		if !ok || c.String() != code {
			t.Errorf("ParseCountry(%q) = %v, %v", code, c, ok)
		}
	}
	for _, code := range []string{"", "S", "SGP", "sg", "SG ", "XX", "EU", "UK", "ZZ", "AP", "??", "\x00\x00"} {
		if c, ok := ParseCountry(code); ok || c != 0 {
			t.Errorf("ParseCountry(%q) = %v, %v, want none", code, c, ok)
		}
	}
}

func TestTableIsSortedAndFitsTheSet(t *testing.T) {
	for i := 1; i < len(isoTable)-1; i++ {
		if isoTable[i].alpha2 >= isoTable[i+1].alpha2 {
			t.Errorf("isoTable: %s before %s", isoTable[i].alpha2, isoTable[i+1].alpha2)
		}
	}
	if len(isoTable) > 256 {
		t.Fatalf("isoTable has %d entries, Countries holds 256", len(isoTable))
	}
	n := 0
	for c := range AllCountries() {
		if !EveryCountry().Has(c) {
			t.Errorf("EveryCountry lacks %v", c)
		}
		n++
	}
	if EveryCountry().Len() != n {
		t.Errorf("EveryCountry().Len() = %d, want %d", EveryCountry().Len(), n)
	}
}

func TestCountriesSet(t *testing.T) {
	sg, us, cn := MustCountry("SG"), MustCountry("US"), MustCountry("CN")
	s := CountriesOf(us, sg, 0)
	if got := s.String(); got != "SG|US" {
		t.Errorf("String() = %q", got)
	}
	if s.Has(0) || s.Has(cn) || !s.Has(sg) {
		t.Errorf("Has is wrong for %v", s)
	}
	if !s.SubsetOf(s.With(cn)) || s.With(cn).SubsetOf(s) || !(Countries{}).SubsetOf(s) {
		t.Error("SubsetOf is wrong")
	}
	if s.Only() != 0 || CountriesOf(cn).Only() != cn {
		t.Error("Only is wrong")
	}
	if got := s.With(cn).Minus(CountriesOf(us)).String(); got != "CN|SG" {
		t.Errorf("Minus = %q", got)
	}
	data, err := json.Marshal(struct{ A, B Countries }{s, Countries{}})
	if err != nil || string(data) != `{"A":["SG","US"],"B":[]}` {
		t.Errorf("Marshal = %s, %v", data, err)
	}
	var back Countries
	if err := json.Unmarshal([]byte(`["US","SG"]`), &back); err != nil || back != s {
		t.Errorf("Unmarshal = %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`["XX"]`), &back); err == nil {
		t.Error("Unmarshal took XX")
	}
}

func TestDateBounds(t *testing.T) {
	tests := []struct{ zone, date, start, end string }{
		{"UTC", "2014-10-31", "2014-10-31T00:00:00Z", "2014-11-01T00:00:00Z"},
		{"Asia/Kolkata", "2014-10-31", "2014-10-30T18:30:00Z", "2014-10-31T18:30:00Z"},
		// Midnight did not exist in Beirut on 30 March 2014: the day began at 01:00.
		{"Asia/Beirut", "2014-03-30", "2014-03-29T22:00:00Z", "2014-03-30T21:00:00Z"},
		// Samoa had no 30 December 2011 at all; the 29th ended where the 31st began.
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
		// In Havana midnight came twice on 2 November 2014: the day began with the first.
		{"America/Havana", "2014-11-02", "2014-11-02T04:00:00Z", "2014-11-03T05:00:00Z"},
	}
	for _, tt := range tests {
		loc, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		d, err := ParseDate(tt.date)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Start(loc).UTC().Format(time.RFC3339); got != tt.start {
			t.Errorf("%s %s starts %s, want %s", tt.date, tt.zone, got, tt.start)
		}
		if got := d.End(loc).UTC().Format(time.RFC3339); got != tt.end {
			t.Errorf("%s %s ends %s, want %s", tt.date, tt.zone, got, tt.end)
		}
	}
	for _, bad := range []string{"2014-02-30", "2014-13-01", "31-10-2014", "", "2014-10-31T00:00:00Z"} {
		if _, err := ParseDate(bad); err == nil {
			t.Errorf("ParseDate(%q) has no error", bad)
		}
	}
}

func TestZeroValuesAreNeverGood(t *testing.T) {
	var (
		v  Verdict
		s  Standing
		d  Side
		g  Grade
		ta Tailoring
	)
	if v != Undetermined || s != StandingUnknown || d != SideUnknown || g != GradeNone || ta != TailoringNone {
		t.Error("a zero value says more than unknown")
	}
	if (Observation{}).Meets() || (Observation{}).Answered() {
		t.Error("the zero Observation answers something")
	}
}

func TestClosedLists(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		if seen[r] || !r.Valid() {
			t.Errorf("reason %q is double or not valid", r)
		}
		seen[r] = true
	}
	if Reason("made-up").Valid() || Failure("made-up").Valid() {
		t.Error("a made-up word is on a closed list")
	}
}

package rtt

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

func surveyOf(v Vantage, delays ...Delay) Survey {
	return Survey{Vantage: v, At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Delays: delays}
}

func answered(target string, rtt time.Duration) Delay {
	return Delay{Target: ap(target), Tries: 5, Answered: 5, Min: rtt}
}

func refused(target string, rtt time.Duration) Delay {
	d := answered(target, rtt)
	d.Refused = true
	return d
}

func source(t *testing.T, surveys ...Survey) *Source {
	t.Helper()
	s, err := NewSource(outlines(t), surveys...)
	if err != nil {
		t.Fatalf("NewSource: %v", err)
	}
	return s
}

func TestAssert(t *testing.T) {
	t.Parallel()
	addr := target4.Addr()
	us := residency.MustCountry("US")
	s := source(t, surveyOf(singapore, answered("198.18.1.1:443", 2*time.Millisecond)))
	said := s.Assert(addr, make([]residency.Assertion, 1))
	if len(said) != 2 {
		t.Fatalf("Assert appended %d assertions, want 1", len(said)-1)
	}
	a := said[1]
	checkAssertion(t, a)
	if a.Class != residency.ClassRTT || !a.NotIn.Has(us) || !a.Proven.Has(us) || a.NotIn.Has(residency.MustCountry("MY")) {
		t.Errorf("Assert = %+v", a)
	}
	if want := "port 443 answered in 2ms, the shortest of 5 answers, from Singapore: within 205 km by fibre, 300 km by light"; a.Note != want {
		t.Errorf("note = %q, want %q", a.Note, want)
	}
	if mapped := s.Assert(netip.MustParseAddr("::ffff:198.18.1.1"), nil); len(mapped) != 1 {
		t.Errorf("Assert of the mapped address = %v", mapped)
	}
	if other := s.Assert(netip.MustParseAddr("198.18.9.9"), nil); other != nil {
		t.Errorf("Assert of an address that was not measured = %v", other)
	}
	if list := s.Datasets(); len(list) != 1 || list[0].Name != "handshakes from Singapore" || len(list[0].SHA256) != 64 {
		t.Errorf("Datasets = %+v", list)
	}
}

func TestRefusalProvesNothing(t *testing.T) {
	t.Parallel()
	a := source(t, surveyOf(singapore, refused("198.18.1.1:443", 2*time.Millisecond))).Assert(target4.Addr(), nil)[0]
	if a.NotIn.Empty() || !a.Proven.Empty() || !strings.Contains(a.Note, "refused") {
		t.Errorf("Assert of a refusal = %+v", a)
	}
}

func TestSeveralPortsOfOneAddress(t *testing.T) {
	t.Parallel()
	s := source(t, surveyOf(singapore,
		refused("198.18.1.1:22", time.Millisecond),
		answered("198.18.1.1:8443", 70*time.Millisecond),
		answered("198.18.1.1:443", 60*time.Millisecond),
		Delay{Target: ap("198.18.1.1:80"), Tries: 2, Failure: residency.FailTimeout},
	))
	said := s.Assert(target4.Addr(), nil)
	if len(said) != 1 || !strings.HasPrefix(said[0].Note, "port 443 answered in 60ms") {
		t.Errorf("Assert = %+v, want what port 443 says", said)
	}
}

func TestAnycast(t *testing.T) {
	t.Parallel()
	near := 2 * time.Millisecond
	untrusted := surveyOf(frankfurt, answered("198.18.1.1:443", near))
	untrusted.distrust("a proxy")
	tests := []struct {
		name    string
		surveys []Survey
		class   residency.Class
		n       int
	}{
		{"near to both", []Survey{surveyOf(singapore, answered("198.18.1.1:443", near)), surveyOf(frankfurt, answered("198.18.1.1:443", near))}, residency.ClassAnycast, 1},
		{"near to one", []Survey{surveyOf(singapore, answered("198.18.1.1:443", near)), surveyOf(frankfurt, answered("198.18.1.1:443", 160*time.Millisecond))}, residency.ClassRTT, 2},
		{"near to one that is not believed", []Survey{surveyOf(singapore, answered("198.18.1.1:443", near)), untrusted}, residency.ClassRTT, 2},
		{"refused near one", []Survey{surveyOf(singapore, answered("198.18.1.1:443", near)), surveyOf(frankfurt, refused("198.18.1.1:443", near))}, residency.ClassRTT, 2},
		{"measured from one", []Survey{surveyOf(singapore, answered("198.18.1.1:443", near)), surveyOf(frankfurt)}, residency.ClassRTT, 1},
	}
	for _, tt := range tests {
		said := source(t, tt.surveys...).Assert(target4.Addr(), nil)
		if len(said) != tt.n {
			t.Errorf("%s: %d assertions, want %d: %+v", tt.name, len(said), tt.n, said)
			continue
		}
		for _, a := range said {
			checkAssertion(t, a)
			if a.Class != tt.class {
				t.Errorf("%s: class %s, want %s (%s)", tt.name, a.Class, tt.class, a.Note)
			}
		}
		if tt.class == residency.ClassAnycast && (!said[0].NotIn.Empty() || said[0].Note !=
			"answers in 2ms to Singapore and in 2ms to Frankfurt: no one place is that near to both") {
			t.Errorf("%s: %+v", tt.name, said[0])
		}
	}
}

func TestNewSourceRefusesABadVantage(t *testing.T) {
	t.Parallel()
	if _, err := NewSource(outlines(t), surveyOf(Vantage{Name: "x", At: LatLon{Lat: 91}})); err == nil {
		t.Error("NewSource with a vantage off the Earth: no error")
	}
}

func BenchmarkAssert(b *testing.B) {
	o := outlines(b)
	s, err := NewSource(o, surveyOf(singapore, answered("198.18.1.1:443", 17*time.Millisecond)))
	if err != nil {
		b.Fatal(err)
	}
	into := make([]residency.Assertion, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		into = s.Assert(target4.Addr(), into[:0])
	}
}

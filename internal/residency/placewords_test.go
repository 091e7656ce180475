package residency

import (
	"strings"
	"testing"
)

func TestLocationWords(t *testing.T) {
	t.Parallel()
	in := CountriesOf(MustCountry("IN"))
	for want, l := range map[string]Location{
		"nowhere known": {},
		"India":         {Countries: in},
		"no single place (announced from many places at once)": {Veto: ReasonAnycast},
		"no single place (a delivery network shared by many)":  {Veto: ReasonEdge},
		"no place on the public internet":                      {Veto: ReasonSpecialPurpose},
	} {
		if got := l.Words(); got != want {
			t.Errorf("Words(%+v) = %q, want %q", l, got, want)
		}
		if brief, _, _ := strings.Cut(want, " ("); l.Brief() != brief {
			t.Errorf("Brief(%+v) = %q, want %q", l, l.Brief(), brief)
		}
	}
}

func TestWidened(t *testing.T) {
	t.Parallel()
	cn, sg, in := CountriesOf(MustCountry("CN")), CountriesOf(MustCountry("SG")), CountriesOf(MustCountry("IN"))
	correction := Assertion{Class: ClassCorrection, In: sg}
	tests := []struct {
		name string
		l    Location
		want Countries
	}{
		{"no correction", Location{Countries: cn, Decision: DecidedAgree, Voices: []Voice{{Name: "a", Countries: cn}}}, Countries{}},
		{"adds one", Location{Countries: cn.Union(sg), Decision: DecidedAgree, Voices: []Voice{{Name: "a", Countries: cn}}, Assertions: []Assertion{correction}}, sg},
		{"says nothing new", Location{Countries: sg, Decision: DecidedOne, Voices: []Voice{{Name: "a", Countries: sg}}, Assertions: []Assertion{correction}}, Countries{}},
		{"a voice that the holder outweighs says it too", Location{Countries: in.Union(sg), Decision: DecidedHolder,
			Voices: []Voice{{Name: "holder", Countries: in}, {Name: "a", Countries: in}, {Name: "b", Countries: sg}}, Assertions: []Assertion{correction}}, sg},
		{"alone it is no evidence", Location{Decision: DecidedNothing, Assertions: []Assertion{correction}}, Countries{}},
	}
	for _, tt := range tests {
		if got := tt.l.Widened(); got != tt.want {
			t.Errorf("%s: Widened() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestStaleWords(t *testing.T) {
	t.Parallel()
	for _, c := range []Class{ClassProvider, ClassGeofeed, ClassDatabase} {
		if got := c.StaleWords(); got != "too old to clear anything" {
			t.Errorf("%s: StaleWords() = %q", c, got)
		}
	}
	for _, c := range []Class{ClassEdge, ClassAnycast, ClassHint, ClassRegistry, ClassRTT, ClassCorrection} {
		if got := c.StaleWords(); strings.Contains(got, "clear") {
			t.Errorf("%s clears nothing, and old it says %q", c, got)
		}
	}
}

func TestHashWords(t *testing.T) {
	t.Parallel()
	for hash, want := range map[string]string{
		"": "no hash", "9f2c": "SHA-256 9f2c", "h1:Zk2y=": "module hash h1:Zk2y=",
	} {
		if got := (Dataset{SHA256: hash}).HashWords(); got != want {
			t.Errorf("HashWords of %q = %q, want %q", hash, got, want)
		}
	}
}

func TestSeenWords(t *testing.T) {
	t.Parallel()
	cn, de, jp := MustCountry("CN"), MustCountry("DE"), MustCountry("JP")
	tests := []struct {
		certain, possible Countries
		want              string
	}{
		{CountriesOf(cn), Countries{}, "in China"},
		{Countries{}, CountriesOf(cn, de), "in China or Germany"},
		{CountriesOf(cn), CountriesOf(cn, de), "in China, and in China or Germany"},
		{CountriesOf(cn, jp), CountriesOf(cn, de), "in China and Japan, and in China or Germany"},
		{Countries{}, Countries{}, ""},
	}
	for _, tt := range tests {
		if got := SeenWords(tt.certain, tt.possible); got != tt.want {
			t.Errorf("SeenWords(%v, %v) = %q, want %q", tt.certain, tt.possible, got, tt.want)
		}
	}
}

package residency

import "testing"

func TestHeaderFlags(t *testing.T) {
	for bits, want := range map[uint16]string{
		0: "", 0x8180: "rd ra", 0x8400: "aa", 0x81a3: "rd ra ad", 0xffff: "aa tc rd ra ad cd", 0x8010: "cd", 0x780f: "",
	} {
		if got := FlagsOf(bits).String(); got != want {
			t.Errorf("FlagsOf(%#x) = %q, want %q", bits, got, want)
		}
	}
	if f := FlagsOf(0x81a3); !f.Has(FlagAD|FlagRA) || f.Has(FlagAA) || f.Has(FlagAA|FlagAD) {
		t.Errorf("Has is wrong for %v", f)
	}
}

func TestExtendedError(t *testing.T) {
	for e, want := range map[ExtendedError]string{
		{Code: 15, Name: "Blocked", Text: "by order"}: "15 Blocked: by order",
		{Code: 22, Name: "No Reachable Authority"}:    "22 No Reachable Authority",
		{Code: 4711}: "4711",
	} {
		if got := e.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
	for code := range uint16(30) {
		want := code == 4 || code == 15 || code == 16 || code == 17
		if got := (ExtendedError{Code: code}).Forged(); got != want {
			t.Errorf("code %d: Forged() = %v", code, got)
		}
	}
}

func TestAsked(t *testing.T) {
	in, sg := MustCountry("IN"), MustCountry("SG")
	for _, tt := range []struct {
		s      ResolverStatus
		in, sg bool
	}{
		{ResolverStatus{}, true, true},
		{ResolverStatus{Only: []Country{in}}, true, false},
		{ResolverStatus{Except: []Country{in}}, false, true},
	} {
		if tt.s.Asked(in) != tt.in || tt.s.Asked(sg) != tt.sg {
			t.Errorf("%+v: Asked(IN) = %v, Asked(SG) = %v", tt.s, tt.s.Asked(in), tt.s.Asked(sg))
		}
	}
}

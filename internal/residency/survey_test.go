package residency

import (
	"net/netip"
	"testing"
)

func TestDistrusted(t *testing.T) {
	t.Parallel()
	good := Survey{Vantage: "Seoul", WhyNot6: "no far host answered over IPv6"}
	bad := Survey{Vantage: "Pune", Reason: ReasonRTTUntrusted, Why: "w", WhyNot4: "w", WhyNot6: "w"}
	v4, mapped, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for _, tt := range []struct {
		name    string
		surveys []Survey
		addr    netip.Addr
		want    bool
	}{
		{"nothing was asked for", nil, v4, false},
		{"good", []Survey{good}, v4, false},
		{"good, mapped", []Survey{good}, mapped, false},
		{"good over the other family", []Survey{good}, v6, true},
		{"bad", []Survey{bad}, v4, true},
		{"one of two is good", []Survey{bad, good}, v4, false},
		{"one of two is good over the other family", []Survey{bad, good}, v6, true},
	} {
		if got := Distrusted(tt.surveys, tt.addr); got != tt.want {
			t.Errorf("%s: Distrusted(%v) = %v, want %v", tt.name, tt.addr, got, tt.want)
		}
	}
}

func TestTCPPort(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ep   Endpoint
		want uint16
	}{{Endpoint{}, 443}, {Endpoint{Port: 5222}, 5222}, {Endpoint{Records: "MX"}, 25}, {Endpoint{Records: "MX", Port: 587}, 587}, {Endpoint{Records: "MX A"}, 443}} {
		if got := tt.ep.TCPPort(); got != tt.want {
			t.Errorf("TCPPort(%+v) = %d, want %d", tt.ep, got, tt.want)
		}
	}
}

func TestLeft(t *testing.T) {
	t.Parallel()
	sg, cn := CountriesOf(MustCountry("SG")), CountriesOf(MustCountry("CN"))
	for _, tt := range []struct{ named, excluded, want Countries }{
		{sg.Union(cn), sg, cn}, {sg, Countries{}, sg}, {sg, sg.Union(cn), sg}, {Countries{}, sg, Countries{}},
	} {
		if got := (Location{Countries: tt.named, Excluded: tt.excluded}).Left(); got != tt.want {
			t.Errorf("Left of %v without %v = %v, want %v", tt.named, tt.excluded, got, tt.want)
		}
	}
}

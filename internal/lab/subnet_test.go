package lab

import (
	"bytes"
	"testing"
)

func TestSubnetOptionRoundTrip(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"0.0.0.0/0", "10.0.0.0/8", "10.128.0.0/9", "192.0.2.0/24", "192.0.2.1/32", "::/0", "2001:db8::/56", "2001:db8:0:4000::/50", "2001:db8::1/128"} {
		data := subnetData(t, prefix)
		s, ok := parseSubnet(data)
		if !ok || s.prefix.String() != prefix {
			t.Errorf("parseSubnet(% x) = %v, %v; want %s", data, s.prefix, ok, prefix)
		}
		if got := s.appendOption(nil, 0); !bytes.Equal(got, data) {
			t.Errorf("appendOption(%s) = % x, want % x", prefix, got, data)
		}
	}
}

func FuzzParseSubnet(f *testing.F) {
	for _, prefix := range []string{"0.0.0.0/0", "10.128.0.0/9", "2001:db8::/56", "::ffff:0:0/96"} {
		f.Add(subnetData(f, prefix))
	}
	f.Add([]byte{0, 0, 0, 0})
	x := newIndex(geoZone())
	f.Fuzz(func(t *testing.T, data []byte) {
		s, ok := parseSubnet(data)
		if !ok {
			return
		}
		if got := s.appendOption(nil, 0); !bytes.Equal(got, data) {
			t.Errorf("parseSubnet(% x) is written as % x", data, got)
		}
		if s.prefix.IsValid() {
			x.market(s.prefix) // must not panic
		}
		if o := otherSubnet(s); s.source > 0 && o.prefix == s.prefix {
			t.Errorf("otherSubnet(%v) is the same", s.prefix)
		}
	})
}

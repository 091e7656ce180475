package resolve

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestSystemServers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		conf string
		want []string
	}{
		{"", nil},
		{"nameserver 192.0.2.1\n", []string{"192.0.2.1:53"}},
		{"# x\n; y\nsearch a.test\nnameserver\t2001:db8::1  # office\noptions ndots:1\nnameserver 192.0.2.1", []string{"[2001:db8::1]:53", "192.0.2.1:53"}},
		{"nameserver fe80::1%eth0\n", []string{"[fe80::1%eth0]:53"}},
		{"nameserver 192.0.2.1\nnameserver 192.0.2.1\n", []string{"192.0.2.1:53"}},
		{"nameserver a.test\nnameserver\nnameserver 300.1.1.1\nnameserver 192.0.2.1:53\nnameserver 192.0.2.9", []string{"192.0.2.9:53"}},
		{" nameserver 192.0.2.1\nnameservers 192.0.2.2\n#nameserver 192.0.2.3\n", nil},
		{strings.Repeat("nameserver 192.0.2.1\n", 5) + "nameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n", []string{"192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"}},
		{"nameserver 192.0.2.1\r\n", []string{"192.0.2.1:53"}},
	} {
		got, err := SystemServers(strings.NewReader(c.conf))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("SystemServers(%q) = %q, %v, want %q", c.conf, got, err, c.want)
		}
	}
	broken := errors.New("disk on fire")
	if _, err := SystemServers(iotest.ErrReader(broken)); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "read resolv.conf: ") {
		t.Errorf("error = %v", err)
	}
}

func FuzzSystemServers(f *testing.F) {
	f.Add("nameserver 192.0.2.1\nnameserver fe80::1%eth0\n# x\n")
	f.Add("nameserver ::ffff:1.2.3.4")
	f.Fuzz(func(t *testing.T, conf string) {
		got, err := SystemServers(strings.NewReader(conf))
		if err != nil {
			return
		}
		if len(got) > maxSystemServers {
			t.Fatalf("%d servers", len(got))
		}
		for _, s := range got {
			h, port, err := net.SplitHostPort(s)
			if err != nil || port != "53" {
				t.Fatalf("%q is no address of port 53: %v", s, err)
			}
			if _, err := netip.ParseAddr(h); err != nil {
				t.Fatalf("%q: %v", s, err)
			}
		}
	})
}

package resolve

import (
	"strings"
	"testing"
	"unicode"

	"github.com/miekg/dns"
)

func TestText(t *testing.T) {
	t.Parallel()
	m := new(dns.Msg)
	m.SetQuestion("api.example.com.", dns.TypeA)
	for _, s := range []string{"api.example.com. 60 IN CNAME \\027[2J.example.net.", "x.example.net. 60 IN A 192.0.2.1", `x.example.net. 60 IN TXT "\027[31m"`} {
		rr, err := dns.NewRR(s)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	text, err := Text(wire)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"opcode: QUERY", ";api.example.com.\tIN\t A\n", "x.example.net.\t60\tIN\tA\t192.0.2.1\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("Text has no %q:\n%s", want, text)
		}
	}
	if _, err := Text(wire[:11]); err == nil {
		t.Error("a message that is cut off was read")
	}
}

// FuzzText: no message brings it down, and what it writes is harmless.
func FuzzText(f *testing.F) {
	m := new(dns.Msg)
	m.SetQuestion("api.example.com.", dns.TypeHTTPS)
	wire, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := Text(data)
		if err == nil && strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			t.Errorf("Text(%x) = %q", data, text)
		}
	})
}

package config

import "testing"

// FuzzPlainHost: what the short way takes for a name, the long way takes for
// the same name.
func FuzzPlainHost(f *testing.F) {
	for _, text := range []string{
		"api.example.com", "a.b", "_sip._udp.a.test", "xn--bcher-kva.example", "a--b.test", "a-.b", "-a.b", "a..b", "a", "",
		"1.2.3.4", "a.1", "1.a", "1.a1", "API.example", "a.b.", ".a.b", "a.b-", "a.x-y", "b\u00fccher.example",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !plainHost(text) {
			return
		}
		if host, why, _ := anyHost(text); host != text || why != "" {
			t.Errorf("plainHost(%q), but the long way gives %q (%s)", text, host, why)
		}
	})
}

func TestPlainHost(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"api.account-1.example.com": true, "_x.test": true, "a.1b": true,
		"xn--bcher-kva.example": false, "a": false, "a.1": false, "A.b": false, "a.b.": false, "a-.b": false, "a.b-": false, "": false,
	} {
		if got := plainHost(text); got != want {
			t.Errorf("plainHost(%q) = %v, want %v", text, got, want)
		}
	}
}

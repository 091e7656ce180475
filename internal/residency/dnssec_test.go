package residency

import "testing"

func TestDNSSECWords(t *testing.T) {
	t.Parallel()
	steps := []DNSSECStep{
		{Name: ".", Type: "DNSKEY", Zone: ".", State: DNSSECSecure},
		{Name: "acme.example", Type: "A", State: DNSSECBogus, Why: "expired"},
	}
	for _, tt := range []struct {
		d              DNSSEC
		sentence, path string
	}{
		{DNSSEC{State: DNSSECSecure, Steps: steps[:1]}, "The answer is signed, and every signature is right from the root down.", "DNSKEY of ."},
		{DNSSEC{State: DNSSECInsecure, Text: "the parent zone proves that the zone is not signed"},
			"The answer is not signed, and there is proof that it need not be: the parent zone proves that the zone is not signed.", ""},
		{DNSSEC{State: DNSSECIndeterminate}, "Whether the answer is rightly signed could not be found out.", ""},
		{DNSSEC{State: DNSSECBogus, Text: "the signature has expired", Steps: steps},
			"The answer must be signed and is not, or wrongly: the signature has expired.", "DNSKEY of ., A of acme.example is bogus (expired)"},
	} {
		if got := tt.d.Sentence(); got != tt.sentence {
			t.Errorf("%s: sentence %q, want %q", tt.d.State, got, tt.sentence)
		}
		if got := tt.d.Path(); got != tt.path {
			t.Errorf("%s: path %q, want %q", tt.d.State, got, tt.path)
		}
	}
	if order := []DNSSECState{DNSSECSecure, DNSSECInsecure, DNSSECIndeterminate, DNSSECBogus, "other"}; order[0].Weight() != 0 ||
		order[1].Weight() <= order[0].Weight() || order[2].Weight() <= order[1].Weight() || order[3].Weight() <= order[2].Weight() || order[4].Weight() < order[3].Weight() {
		t.Error("a worse state must weigh more, and an unknown one no less than bogus")
	}
}

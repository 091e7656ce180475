package dnssec

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestOrder is the example of RFC 4034 section 6.1.
func TestOrder(t *testing.T) {
	t.Parallel()
	want := []string{"example.", "a.example.", "yljkjljk.a.example.", "z.a.example.", "zabc.a.example.", "z.example.",
		`\001.z.example.`, "*.z.example.", `\200.z.example.`}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, func(a, b string) int { return slices.Compare(orderOf(a), orderOf(b)) })
	if !slices.Equal(got, want) {
		t.Errorf("order = %q, want %q", got, want)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, canonical, parent string }{
		{"WWW.Example.Com", "www.example.com.", "example.com."},
		{`A\.b.example.`, `a\.b.example.`, "example."},
		{`\065.example.`, "a.example.", "example."},
		{"com", "com.", "."},
		{".", ".", "."},
	}
	for _, tt := range tests {
		got, err := canonical(tt.name)
		if err != nil || got != tt.canonical || parent(got) != tt.parent {
			t.Errorf("canonical(%q) = %q, %v with parent %q, want %q, %q", tt.name, got, err, parent(got), tt.canonical, tt.parent)
		}
	}
	for _, bad := range []string{"a..b.", strings.Repeat("a", 64) + ".", strings.Repeat("a.", 130)} {
		if got, err := canonical(bad); err == nil {
			t.Errorf("canonical(%q) = %q, want an error", bad, got)
		}
	}
	if within("example.", `www.x\.example.`) {
		t.Error(`within("example.", "www.x\.example.") = true: the dot is inside a label`)
	}
}

// TestHash is the list of RFC 5155 appendix A: salt aabbccdd, 12 iterations.
func TestHash(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"example.":       "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom",
		"a.example.":     "35mthgpgcu1qg68fab165klnsnk3dpvl",
		"ai.example.":    "gjeqe526plbf1g8mklp59enfd789njgi",
		"ns1.example.":   "2t7b4g4vsa5smi47k61mv5bv1a22bojr",
		"ns2.example.":   "q04jkcevqvmu85r014c7dkba38o0ji5r",
		"w.example.":     "k8udemvp1j2f7eg6jebps17vp3n8i58h",
		"*.w.example.":   "r53bq7cc2uvmubfu5ocmm6pers9tk9en",
		"x.w.example.":   "b4um86eghhds6nea196smvmlo4ors995",
		"y.w.example.":   "ji6neoaepv8b5o6k4ev33abha8ht9fgc",
		"x.y.w.example.": "2vptu5timamqttgl4luu9kg21e0aor3s",
		"xx.example.":    "t644ebqk9bibcna874givr6joj62mlhv",
	}
	for name, want := range tests {
		n, ok := nsec3Of(want+".example.", &dns.NSEC3{Hash: 1, Iterations: 12, Salt: "aabbccdd",
			NextDomain: "0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM"}, "example.")
		if !ok {
			t.Fatalf("nsec3Of(%s) = false", want)
		}
		p := &proof{zone: "example.", nsec3: []nsec3{n}, hashes: map[string]string{}}
		w := new(Validator).begin()
		if p.matching3(w, name) == nil {
			t.Errorf("hash of %s is not %s", name, want)
		}
		if w.spent.HashRounds != 13 {
			t.Errorf("HashRounds = %d, want 13", w.spent.HashRounds)
		}
	}
}

// TestRootAnchors checks the anchors against the keys that IANA publishes in
// the same file, and BIND in its own.
func TestRootAnchors(t *testing.T) {
	t.Parallel()
	keys := []string{
		"AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kv" +
			"ArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+e" +
			"oZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwN" +
			"R1AkUTV74bU=",
		"AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBosZBU5eeHspaQWOmOElZsjICMQMC3aeHb" +
			"GiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhathWu1jo+siFUiRAAxm9qyJNg/wOZqqzL/dL/q8PkcRU5oUKEpUge71M3ej2/7CPqp" +
			"dVwuMoTvoB+ZOT4YeGyxMvHmbrxlFzGOHOijtzN+u1TQNatX2XBuzZNQ1K+s2CXkPIZo7s6JgZyvaBevYtxPvYLw4z9mR7K2vaF18UYH9Z9GNUUe" +
			"ayffKC73PYc=",
	}
	for i, a := range RootAnchors() {
		k := &dns.DNSKEY{Hdr: header(".", dns.TypeDNSKEY), Flags: 257, Protocol: 3, Algorithm: a.Algorithm, PublicKey: keys[i]}
		if k.KeyTag() != a.KeyTag || !a.names(k) || !signs(k) || !computable(k) {
			t.Errorf("anchor %d is not the digest of its key (tag %d)", a.KeyTag, k.KeyTag())
		}
	}
}

func TestWhyIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]Why{}
	for why, word := range words {
		if word.sentence == "" || strings.HasSuffix(word.sentence, ".") || seen[word.sentence] != "" {
			t.Errorf("%q has no sentence of its own: %q", why, word.sentence)
		}
		seen[word.sentence] = why
	}
	if got := WhyExpired.EDE(); got != dns.ExtendedErrorCodeSignatureExpired {
		t.Errorf("EDE(expired) = %d, want %d", got, dns.ExtendedErrorCodeSignatureExpired)
	}
	if got := WhyIterations.EDE(); got != dns.ExtendedErrorCodeUnsupportedNSEC3IterValue {
		t.Errorf("EDE(iterations) = %d, want %d", got, dns.ExtendedErrorCodeUnsupportedNSEC3IterValue)
	}
}

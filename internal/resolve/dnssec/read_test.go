package dnssec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// rootKeys are the keys of the root zone as its servers show them, with a zone
// key that is no anchor.
const rootKeys = `; autotrust trust anchor file
.	172800	IN	DS	20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
. IN DS 38696 8 2 ( 683D2D0ACB8C9B712A1948B27F741219
	298D0A450D612C483AF444A4C0FB2B16 ) ; KSK-2024
`

// TestReadAnchors: the forms in which keys are written come to the same.
func TestReadAnchors(t *testing.T) {
	t.Parallel()
	got, err := ReadAnchors([]byte(rootKeys))
	if diff := cmp.Diff(RootAnchors(), got); err != nil || diff != "" {
		t.Errorf("ReadAnchors: %v (-want +got):\n%s", err, diff)
	}
	in := newInternet(t, zoneSpec{name: "."}, zoneSpec{name: "test.", records: "www A 192.0.2.1\n"})
	key := in.zones["."].key
	want, _ := anchorOf(key.ToDS(dns.SHA256))
	zone := *key
	zone.Flags = 256
	list, err := ReadAnchors([]byte(key.String() + "\n" + zone.String() + "\n"))
	if err != nil || len(list) != 1 || !cmp.Equal(list[0], want) {
		t.Errorf("ReadAnchors of a DNSKEY = %+v, %v, want %+v", list, err, want)
	}
	v := in.validator(t)
	v.Anchors = list
	if got := v.Validate(t.Context(), in.raw(t, "www.test.", dns.TypeA), "www.test.", dns.TypeA); got.State != Secure {
		t.Errorf("with the keys read: %s (%s), want secure", got.State, got.Why)
	}
	revoked := *key
	revoked.Flags |= dns.REVOKE
	for name, text := range map[string]string{
		"there is none":           "; nothing\n",
		"with flags 257":          zone.String(),
		"is revoked":              revoked.String(),
		"is no DS or DNSKEY":      ". A 192.0.2.1\n",
		"want 2 (SHA-256)":        ". DS 1 8 1 0000000000000000000000000000000000000000\n",
		"the 32 bytes":            ". DS 1 8 2 00\n",
		"that can be relied on":   ". DS 1 5 2 " + strings.Repeat("00", 32) + "\n",
		"cannot be read":          ". DNSKEY 257 3 13 AAAA\n",
		"want DS or DNSKEY recor": "trust-anchors { . initial-key 257 3 8 \"AwEAA\"; };\n",
		"$GENERATE":               "$GENERATE 1-9 $ DS 1 8 2 00\n",
		"more than 1048576":       strings.Repeat(";\n", 1<<19) + ";",
		"more than 1000":          strings.Repeat(". DS 1 8 2 "+strings.Repeat("00", 32)+"\n", 1001),
	} {
		if list, err := ReadAnchors([]byte(text)); err == nil || !strings.Contains(err.Error(), name) || list != nil {
			t.Errorf("ReadAnchors(%.60q) = %v, %v, want an error with %q", text, list, err, name)
		}
	}
}

// FuzzReadAnchors: whatever is in a file, what is read of it can be used.
func FuzzReadAnchors(f *testing.F) {
	f.Add([]byte(rootKeys))
	f.Add([]byte("$ORIGIN example.\n$TTL 5\n@ DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=\n"))
	f.Add([]byte("$INCLUDE /etc/passwd\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := ReadAnchors(text)
		if (err == nil) != (len(list) > 0) {
			t.Errorf("%d anchors, error %v", len(list), err)
		}
		for _, a := range list {
			if len(a.Digest) != 32 && len(a.Digest) != 48 || !strings.HasSuffix(a.Zone, ".") {
				t.Errorf("anchor %+v", a)
			}
		}
	})
}

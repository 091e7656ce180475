package mmdb

import (
	"net/netip"
	"os"
	"slices"
	"testing"

	"residency/internal/residency"
)

// TestDamageAtEveryOffset holds that a database cut off anywhere is refused, and
// that one with a wrong byte anywhere is refused or says nothing but countries.
func TestDamageAtEveryOffset(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile("testdata/GeoLite2-Country-Test.mmdb")
	if err != nil {
		t.Fatal(err)
	}
	id := residency.Dataset{Name: "test", File: "test.mmdb"}
	for n := range whole {
		if s, err := open("test.mmdb", whole[:n], id); err == nil {
			if _, err = walk(s.reader, s.records); err == nil {
				t.Fatalf("the first %d of %d bytes were accepted", n, len(whole))
			}
		}
	}
	asked := []netip.Addr{netip.MustParseAddr("2.125.160.216"), netip.MustParseAddr("81.2.69.160"), netip.MustParseAddr("2001:218::1"), netip.MustParseAddr("255.255.255.255")}
	refused := 0
	for i := 0; i < len(whole); i += 31 { // every region of the file: tree, data, metadata
		for _, with := range []byte{0xff, 0x01} {
			data := slices.Clone(whole)
			data[i] ^= with
			s, err := open("test.mmdb", data, id)
			if err == nil {
				_, err = walk(s.reader, s.records)
			}
			if err != nil {
				refused++
				continue
			}
			for _, addr := range asked {
				for _, a := range s.Assert(addr, nil) {
					if a.In.Len() > 1 || a.Dataset == nil {
						t.Fatalf("byte %d changed by %#x: %+v", i, with, a)
					}
				}
			}
		}
	}
	if refused == 0 {
		t.Error("no damage was noticed")
	}
}

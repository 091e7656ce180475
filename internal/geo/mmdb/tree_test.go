package mmdb

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/oschwald/maxminddb-golang/v2"

	"residency/internal/residency"
)

// xorshift yields the same numbers each time.
func xorshift(seed uint64) func() uint64 {
	return func() uint64 {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		return seed
	}
}

// compareWithLibrary holds that the tree leads every address where the
// library's own lookup does, or leaves it to the library.
func compareWithLibrary(t *testing.T, s *Source, addr netip.Addr) (own bool) {
	t.Helper()
	if s.reader.Metadata.IPVersion == 4 && !addr.Is4() {
		return false
	}
	pointer, bits, ok := s.tree.find(addr)
	if !ok {
		return false
	}
	want := s.reader.Lookup(addr)
	if want.Err() != nil || want.Found() != (pointer != 0) {
		t.Fatalf("find(%v) = record %d, the library: found %v, %v", addr, pointer, want.Found(), want.Err())
	}
	prefix, err := addr.Prefix(bits)
	if err != nil || want.Found() && prefix != want.Prefix() {
		t.Fatalf("find(%v) has prefix %v, the library %v", addr, prefix, want.Prefix())
	}
	offset := uintptr(pointer) - uintptr(s.tree.count) - 16
	if want.Found() && offset != want.Offset() {
		t.Fatalf("find(%v) leads to %d, the library to %d", addr, offset, want.Offset())
	}
	return true
}

func TestTreeAgreesWithLibrary(t *testing.T) {
	t.Parallel()
	random := xorshift(88172645463325252)
	for _, size := range []int{24, 28, 32} {
		for _, version := range []int{4, 6} {
			name := fmt.Sprintf("IPv%d, records of %d bits", version, size)
			nets := map[string]mmdbtype.DataType{"20.0.0.0/6": flat("US"), "8.8.0.0/16": flat("SG"), "8.8.8.8/32": flat("DE"), "8.8.9.0/25": flat("CN")}
			for i := range 300 {
				bits := 8 + int(random()%25)
				p, _ := netip.AddrFrom4([4]byte{byte(30 + i%90), byte(random()), byte(random()), byte(random())}).Prefix(bits)
				nets[p.String()] = flat(residency.Country(1 + i%200).String())
			}
			if version == 6 {
				nets["2400::/12"], nets["2400:1:2::/48"], nets["2400:1:2:3::1/128"] = flat("JP"), flat("IN"), flat("TW")
			}
			s := mustBytes(t, build(t, "country", mmdbwriter.Options{IPVersion: version, RecordSize: size, IncludeReservedNetworks: true}, nets), "test")
			own := 0
			for i := range 20_000 {
				r := random()
				addr := netip.AddrFrom4([4]byte{byte(r >> 24 & 0x7f), byte(r >> 16), byte(r >> 8), byte(r)})
				switch i % 4 {
				case 0:
					addr = netip.AddrFrom4([4]byte{8, 8, byte(r) & 15, byte(r >> 8)})
				case 1:
					b := [16]byte{0x24, byte(r) & 1, 0, byte(r>>1) & 1, 0, byte(r>>2) & 3, 0, byte(r>>4) & 3}
					binary.BigEndian.PutUint64(b[8:], r>>60)
					addr = netip.AddrFrom16(b)
				}
				if compareWithLibrary(t, s, addr) {
					own++
				}
			}
			if version == 6 && own != 20_000 || version == 4 && own != 15_000 {
				t.Errorf("%s: the tree found only %d of 20000 itself", name, own)
			}
		}
	}
}

// TestTreeLeavesTheRest: one record for all of ::/8 is no IPv4 tree; the
// library knows what that means.
func TestTreeLeavesTheRest(t *testing.T) {
	t.Parallel()
	s := mustBytes(t, build(t, "country", mmdbwriter.Options{IncludeReservedNetworks: true, DisableIPv4Aliasing: true}, map[string]mmdbtype.DataType{"::/8": flat("SG")}), "test")
	if s.tree.four != nil {
		t.Fatal("the tree has IPv4 networks of its own")
	}
	if got := one(t, s, "8.8.8.8"); len(got) != 1 || got[0].In.String() != "SG" {
		t.Errorf("Assert = %+v, want SG", got)
	}
}

// FuzzTree damages a database anywhere and holds that nothing panics and that
// tree and library still agree where both find something.
func FuzzTree(f *testing.F) {
	good, err := os.ReadFile(filepath.Join("testdata", "GeoLite2-Country-Test.mmdb"))
	if err != nil {
		f.Fatal(err)
	}
	for _, at := range []uint32{0, 3, 100, 4000, uint32(len(good) - 40), uint32(len(good) - 200)} {
		f.Add(at, uint32(0xffffffff), []byte{81, 2, 69, 160})
		f.Add(at, uint32(0), []byte{0x20, 1, 2, 0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	}
	f.Fuzz(func(t *testing.T, at, value uint32, address []byte) {
		data := append([]byte(nil), good...)
		binary.BigEndian.PutUint32(data[at%uint32(len(data)-4):], value)
		addr, ok := netip.AddrFromSlice(address)
		reader, err := maxminddb.OpenBytes(data)
		if !ok || err != nil {
			return
		}
		tr := plant(data, reader.Metadata)
		pointer, bits, ok := tr.find(addr.Unmap())
		if !ok || pointer == 0 {
			return
		}
		if want := reader.Lookup(addr.Unmap()); want.Found() && want.Prefix().Addr().Is4() == addr.Unmap().Is4() && want.Prefix().Bits() != bits {
			t.Errorf("find(%v) has %d bits, the library %v", addr, bits, want.Prefix())
		}
	})
}

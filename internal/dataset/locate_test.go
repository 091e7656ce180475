package dataset_test

import (
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"residency/internal/dataset"
	"residency/internal/geo"
	"residency/internal/geo/mmdb"
	"residency/internal/geo/prefix"
	"residency/internal/residency"
)

// These tests put the parts together as the program does, on the real data it
// carries, and hold what that data is known to get wrong.

var at = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// open makes every source that the program carries.
func open() ([]geo.Source, error) {
	files, err := dataset.Embedded()
	if err != nil {
		return nil, err
	}
	sources := []geo.Source{mmdb.OpenIPLoc()}
	for _, f := range files {
		switch f.Format {
		case dataset.FormatMMDB:
			s, err := mmdb.FromBytes(f.Data, f.Dataset())
			if err != nil {
				return nil, err
			}
			sources = append(sources, s)
		case dataset.FormatPrefixes:
			s, err := prefix.ReadVetoes(f.Data, f.Dataset())
			if err != nil {
				return nil, err
			}
			sources = append(sources, s)
		}
	}
	return sources, nil
}

var embedded = sync.OnceValues(open)

func awsList(t testing.TB) *prefix.Source {
	t.Helper()
	packed, err := os.ReadFile("testdata/aws-ip-ranges-2025-07-24.json.zst")
	if err != nil {
		t.Fatal(err)
	}
	r, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := r.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := prefix.ReadAWS(data, "ip-ranges.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func locator(t testing.TB, more ...geo.Source) *geo.Locator {
	t.Helper()
	sources, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	return &geo.Locator{Sources: append(append([]geo.Source{}, sources...), more...), MaxAge: 1000 * 24 * time.Hour}
}

func TestLocateTraps(t *testing.T) {
	t.Parallel()
	bare, aws := locator(t), locator(t, awsList(t))
	tests := []struct {
		why      string
		l        *geo.Locator
		addr     string
		want     string
		decision residency.Decision
		region   string
		veto     residency.Reason
	}{
		{"Beijing; one lineage says Germany", bare, "110.43.87.16", "CN|DE", residency.DecidedDiffer, "", ""},
		{"Beijing, of 2014", bare, "42.62.48.181", "CN", residency.DecidedAgree, "", ""},
		{"Beijing, IPv6", bare, "2401:1d40:ff::b", "CN", residency.DecidedAgree, "", ""},
		{"through a translator", bare, "64:ff9b::42.62.48.181", "CN", residency.DecidedAgree, "", ""},
		{"Santiago, of AWS region us-east-1", aws, "96.0.57.1", "CL", residency.DecidedHolder, "aws:us-east-1-scl-1", ""},
		{"Bangkok, of AWS region ap-southeast-1", aws, "15.220.193.1", "TH", residency.DecidedHolder, "aws:ap-southeast-1-bkk-1", ""},
		{"Singapore", aws, "52.74.1.1", "SG", residency.DecidedHolder, "aws:ap-southeast-1", ""},
		{"Hong Kong; one lineage says China", aws, "18.162.1.1", "HK", residency.DecidedHolder, "aws:ap-east-1", ""},
		{"AWS Beijing", aws, "54.222.64.9", "CN", residency.DecidedHolder, "aws:cn-north-1", ""},
		{"CloudFront", bare, "13.32.1.1", "", residency.DecidedVeto, "", residency.ReasonEdge},
		{"CloudFront with a region", aws, "13.228.69.1", "", residency.DecidedVeto, "aws:ap-southeast-1", residency.ReasonEdge},
		{"CloudFront, new in 2026; three lineages say one country", bare, "23.234.200.1", "", residency.DecidedVeto, "", residency.ReasonEdge},
		{"Google's global ranges, new in 2026", bare, "136.110.130.1", "", residency.DecidedVeto, "", residency.ReasonEdge},
		{"Cloudflare", bare, "104.16.1.1", "", residency.DecidedVeto, "", residency.ReasonEdge},
		{"Azure Front Door", bare, "13.107.246.10", "", residency.DecidedVeto, "", residency.ReasonEdge},
		{"an anycast resolver", bare, "9.9.9.9", "", residency.DecidedVeto, "", residency.ReasonAnycast},
		{"private", aws, "10.0.0.1", "", residency.DecidedSpecial, "", residency.ReasonSpecialPurpose},
	}
	for _, tt := range tests {
		loc := tt.l.Locate(netip.MustParseAddr(tt.addr), at)
		if loc.Countries.String() != tt.want || loc.Decision != tt.decision || loc.Region != tt.region || loc.Veto != tt.veto {
			t.Errorf("%s: Locate(%s) = %q %s %q veto %q, want %q %s %q veto %q", tt.why, tt.addr,
				loc.Countries, loc.Decision, loc.Region, loc.Veto, tt.want, tt.decision, tt.region, tt.veto)
		}
	}
	loc := bare.Locate(netip.MustParseAddr("110.43.87.16"), at)
	if us := residency.CountriesOf(residency.MustCountry("US"), residency.MustCountry("SG")); loc.Countries.Overlaps(us) || !loc.Conflict || len(loc.Voices) != 3 {
		t.Errorf("110.43.87.16 = %v, conflict %v, voices %v: want outside {US, SG} by three voices", loc.Countries, loc.Conflict, loc.Voices)
	}
}

// TestVetoesHold: no address of a shared edge or an anycast network is ever in
// a country, so it is never inside and never outside, with and without the
// provider's own list.
func TestVetoesHold(t *testing.T) {
	t.Parallel()
	bare, aws := locator(t), locator(t, awsList(t))
	n := 0
	for _, s := range bare.Sources {
		list, ok := s.(*prefix.Source)
		if !ok {
			continue
		}
		for _, p := range list.Prefixes() {
			n++
			for _, addr := range []netip.Addr{p.Addr(), last(p)} {
				for _, l := range []*geo.Locator{bare, aws} {
					if loc := l.Locate(addr, at); loc.Veto == "" || !loc.Countries.Empty() {
						t.Errorf("%v of %v: veto %q, countries %v", addr, p, loc.Veto, loc.Countries)
					}
				}
			}
		}
	}
	if n < 4000 {
		t.Errorf("only %d prefixes were tried", n)
	}
}

func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < p.Addr().BitLen(); bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr
}

// TestGoogleGlobal: every prefix that Google lists as global is vetoed, though
// all three lineages call it US.
func TestGoogleGlobal(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/google-global-2025-07-24.txt")
	if err != nil {
		t.Fatal(err)
	}
	l, four, us := locator(t), 0, 0
	for line := range strings.Lines(string(text)) {
		p := netip.MustParsePrefix(strings.TrimSpace(line))
		loc := l.Locate(p.Addr().Next(), at)
		if loc.Veto != residency.ReasonEdge || !loc.Countries.Empty() {
			t.Errorf("%v: veto %q, countries %v", p, loc.Veto, loc.Countries)
		}
		if p.Addr().Is4() {
			four++
			all := len(loc.Voices) == 3
			for _, v := range loc.Voices {
				all = all && v.Countries.String() == "US"
			}
			if all {
				us++
			}
		}
	}
	if four != 34 || us != 34 {
		t.Errorf("%d IPv4 prefixes, %d of them US to all three lineages; want 34 and 34", four, us)
	}
}

// TestChooseSubnets: every market of the shipped case, and three more, has
// client subnets, the same each time.
func TestChooseSubnets(t *testing.T) {
	t.Parallel()
	candidates, err := dataset.Subnets()
	if err != nil {
		t.Fatal(err)
	}
	l := locator(t, awsList(t))
	locate := func(addr netip.Addr) residency.Location { return l.Locate(addr, at) }
	for _, code := range []string{"IN", "HK", "ID", "MY", "PH", "SG", "TW", "US", "DE", "CN"} {
		market := residency.MustCountry(code)
		got := geo.ChooseSubnets(candidates[market], market, 2, 1, locate)
		if len(got) != 3 || !got[0].Addr().Is4() || !got[1].Addr().Is4() || !got[2].Addr().Is6() {
			t.Errorf("%s: chosen %v, want two of IPv4 and one of IPv6", code, got)
		}
		for _, p := range got {
			if located, in := geo.LocateSubnet(p, market, locate); !in {
				t.Errorf("%s: %v is in %v", code, p, located)
			}
		}
	}
}

// TestEveryCandidateStillLocates: the table was made from the data that the
// program carries, so each candidate is where it says.
func TestEveryCandidateStillLocates(t *testing.T) {
	t.Parallel()
	candidates, err := dataset.Subnets()
	if err != nil {
		t.Fatal(err)
	}
	l := locator(t, awsList(t))
	for market, list := range candidates {
		for _, p := range list {
			if located, in := geo.LocateSubnet(p, market, func(a netip.Addr) residency.Location { return l.Locate(a, at) }); !in {
				t.Errorf("%v: %v is in %v", market, p, located)
			}
		}
	}
}

// addresses returns public addresses, the same each time.
func addresses(n int) []netip.Addr {
	list := make([]netip.Addr, 0, n)
	x := uint32(2463534242)
	for len(list) < n {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		if a := netip.AddrFrom4([4]byte{byte(x >> 24), byte(x >> 16), byte(x >> 8), byte(x)}); !geo.SpecialPurpose(a) {
			list = append(list, a)
		}
	}
	return list
}

// BenchmarkLocate is three lineages, both lists of vetoes and the AWS ranges,
// fused.
func BenchmarkLocate(b *testing.B) {
	l, list := locator(b, awsList(b)), addresses(1<<16)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		l.Locate(list[i&(1<<16-1)], at)
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
}

// BenchmarkLocateInto is the same in bulk, into memory that is used again; and
// three lineages alone.
func BenchmarkLocateInto(b *testing.B) {
	all, list := locator(b, awsList(b)), addresses(1<<16)
	lineages := &geo.Locator{MaxAge: all.MaxAge}
	for _, s := range all.Sources {
		if d, ok := s.(interface{ Dataset() residency.Dataset }); ok && d.Dataset().Class == residency.ClassDatabase {
			lineages.Sources = append(lineages.Sources, s)
		}
	}
	for _, bm := range []struct {
		name string
		l    *geo.Locator
	}{{"three lineages", lineages}, {"all", all}} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			var loc residency.Location
			i := 0
			for b.Loop() {
				bm.l.LocateInto(&loc, list[i&(1<<16-1)], at)
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
		})
	}
}

// BenchmarkAssert is what one source costs.
func BenchmarkAssert(b *testing.B) {
	list, into := addresses(1<<16), make([]residency.Assertion, 0, 4)
	for _, s := range locator(b, awsList(b)).Sources {
		name := s.(interface{ Name() string }).Name()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				s.Assert(list[i&(1<<16-1)], into)
				i++
			}
		})
	}
}

// BenchmarkOpen is the start-up: everything embedded unpacked, verified and
// opened.
func BenchmarkOpen(b *testing.B) {
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var kept []geo.Source
	for b.Loop() {
		sources, err := open()
		if err != nil {
			b.Fatal(err)
		}
		kept = sources
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB-held")
	runtime.KeepAlive(kept)
}

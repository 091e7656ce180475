package residency

import (
	"net/netip"
	"testing"
)

// written holds a parser to what it has read: written again and read again, it
// is the same.
func written(t *testing.T, what string, once []byte, again func([]byte) ([]byte, error)) {
	t.Helper()
	twice, err := again(once)
	if err != nil {
		t.Fatalf("%s cannot be read again: %v\n%s", what, err, once)
	}
	if string(once) != string(twice) {
		t.Fatalf("%s read and written again:\n%s\n%s", what, once, twice)
	}
}

func FuzzParseSight(f *testing.F) {
	f.Add(keptRound(0).Sight())
	f.Add([]byte(`{"schema":"residency/sight/v1","looks":[{"n":3,"path":["."],"returned":"1.2.3.4/5"}]}`))
	again := func(data []byte) ([]byte, error) {
		r, where, err := ParseSight(data)
		return r.AppendSight(nil, where), err
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if once, err := again(data); err == nil {
			written(t, "sight", once, again)
		}
	})
}

func FuzzParseJudgement(f *testing.F) {
	f.Add(keptRound(0).Judgement())
	again := func(data []byte) ([]byte, error) {
		cells, past, err := ParseJudgement(data, Endpoint{})
		return (Round{Cells: cells}).AppendJudgement(nil, past), err
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if once, err := again(data); err == nil {
			written(t, "judgement", once, again)
		}
	})
}

func FuzzParseLocation(f *testing.F) {
	for _, loc := range keptRound(0).Locations {
		f.Add(loc.Canonical())
	}
	again := func(data []byte) ([]byte, error) {
		loc, err := ParseLocation(data, netip.Addr{})
		return loc.Canonical(), err
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if once, err := again(data); err == nil {
			written(t, "location", once, again)
		}
	})
}

func FuzzParsePackets(f *testing.F) {
	f.Add(keptRound(0).Packets())
	again := func(data []byte) ([]byte, error) {
		looks, err := ParsePackets(data, Endpoint{})
		return (Round{Observations: looks}).Packets(), err
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if once, err := again(data); err == nil {
			written(t, "packets", once, again)
		}
	})
}

// BenchmarkKeep is a round of 28 looks, seven markets, put into the form in
// which it is remembered.
func BenchmarkKeep(b *testing.B) {
	r := keptRound(0)
	for len(r.Observations) < 28 {
		r.Observations = append(r.Observations, r.Observations[len(r.Observations)%3])
	}
	var k Keeper
	b.ReportAllocs()
	for b.Loop() {
		k.Keep(&r)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/28, "ns/look")
}

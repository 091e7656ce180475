package storetest

import (
	"slices"
	"testing"

	"residency/internal/residency"
)

// someCells: of two endpoints with cells, the one with a finding comes first.
func someCells(t *testing.T, s Store) {
	t.Helper()
	ctx := t.Context()
	two, three := Endpoint(2).Key(), Endpoint(3).Key()
	tests := []struct {
		name   string
		most   int
		wanted func(string) bool
		want   []string
		more   bool
	}{
		{"one", 1, nil, []string{two}, true}, // looked at first
		{"as many as there are", 2, nil, []string{two, three}, false},
		{"one of those wanted", 1, func(key string) bool { return key == three }, []string{three}, false},
		{"none wanted", 1, func(string) bool { return false }, nil, false},
	}
	check := func(name string, most int, wanted func(string) bool, want []string, left bool) {
		t.Helper()
		cells, more, err := s.LatestCells(ctx, most, wanted)
		var keys []string
		for _, c := range cells {
			keys = append(keys, c.Endpoint.Key())
		}
		if !slices.Equal(keys, want) || more != left || err != nil {
			t.Errorf("LatestCells, %s = %v, more %v, %v, want %v, %v", name, keys, more, err, want, left)
		}
	}
	for _, tt := range tests {
		check(tt.name, tt.most, tt.wanted, tt.want, tt.more)
	}
	seq, err := s.Begin(ctx, RunAt(3))
	if err != nil {
		t.Fatal(err)
	}
	e := Endpoint(3)
	f := residency.Finding{Key: "f", Vendor: e.Vendor, Service: e.Service, Host: e.Host, Market: residency.MustCountry("IN"), Claim: "c", Opened: RunAt(3).At}
	if err := s.Save(ctx, seq, residency.Batch{Findings: []residency.Finding{f}}); err != nil {
		t.Fatal(err)
	}
	if err := s.End(ctx, seq, residency.RunEnd{Run: RunAt(3)}); err != nil {
		t.Fatal(err)
	}
	check("one, where another has a finding", 1, nil, []string{three}, true)
}

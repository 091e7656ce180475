package policy

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"residency/internal/residency"
)

var (
	waiveAt   = time.Date(2015, 1, 20, 9, 0, 0, 0, time.UTC)
	waiveTo   = time.Date(2015, 2, 1, 0, 0, 0, 0, time.UTC)
	everyCell = []residency.Verdict{residency.Outside, residency.Undetermined, residency.NotMeasured}
)

// outsideCell is an outside cell of the claim "c" with one address in each of
// the places, and their locations. "" is a place that nobody knows.
func outsideCell(places ...string) (residency.Cell, map[netip.Addr]residency.Location) {
	c := residency.Cell{Claim: "c", Verdict: residency.Outside, Counts: true, Market: residency.MustCountry("IN"),
		Endpoint: residency.Endpoint{Vendor: "v", Service: "s", Host: "h.example"}}
	locations := map[netip.Addr]residency.Location{}
	for i, code := range places {
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})
		loc := residency.Location{Address: addr}
		if code != "" {
			loc.Countries = residency.CountriesOf(residency.MustCountry(code))
		}
		locations[addr] = loc
		c.Addresses = append(c.Addresses, residency.JudgedAddress{Address: addr, Side: residency.SideOutside, Counts: true})
	}
	return c, locations
}

func TestWaive(t *testing.T) {
	t.Parallel()
	cn, kr := residency.MustCountry("CN"), residency.MustCountry("KR")
	whole := residency.Waiver{ID: "w-7", Claims: []string{"c"}, Verdicts: everyCell, Countries: residency.CountriesOf(cn), Until: waiveTo}
	finding := func(c residency.Cell, in residency.Country) residency.Finding {
		key := residency.FindingKey("v", "s", "h.example", c.Market, "c")
		return residency.Finding{Key: key, Countries: residency.CountriesOf(in)}
	}
	tests := []struct {
		name   string
		places []string
		change func(w *residency.Waiver, c *residency.Cell)
		known  residency.Country
		want   string
	}{
		{"in its country", []string{"CN"}, nil, 0, "w-7"},
		{"in another country", []string{"KR"}, nil, 0, ""},
		{"one of two in another country", []string{"CN", "KR"}, nil, 0, ""},
		{"one of two nobody knows where", []string{"CN", ""}, nil, 0, ""},
		{"nobody knows where", []string{""}, nil, 0, ""},
		{"not seen now, known to be in its country", nil, nil, cn, "w-7"},
		{"not seen now, known to be in another", nil, nil, kr, ""},
		{"not seen now, and not known", nil, nil, 0, ""},
		{"expired at this very instant", []string{"CN"}, func(w *residency.Waiver, _ *residency.Cell) { w.Until = waiveAt }, 0, ""},
		{"not begun", []string{"CN"}, func(w *residency.Waiver, _ *residency.Cell) { w.From = waiveAt.Add(1) }, 0, ""},
		{"begun now", []string{"CN"}, func(w *residency.Waiver, _ *residency.Cell) { w.From = waiveAt }, 0, "w-7"},
		{"another claim", []string{"CN"}, func(_ *residency.Waiver, c *residency.Cell) { c.Claim = "d" }, 0, ""},
		{"another vendor", []string{"CN"}, func(w *residency.Waiver, _ *residency.Cell) { w.Vendor = "u" }, 0, ""},
		{"another service", []string{"CN"}, func(w *residency.Waiver, _ *residency.Cell) { w.Services = []string{"x"} }, 0, ""},
		{"another host", []string{"CN"}, func(w *residency.Waiver, _ *residency.Cell) { w.Hosts = []string{"x.example"} }, 0, ""},
		{"another market", []string{"CN"}, func(w *residency.Waiver, _ *residency.Cell) { w.Markets = []residency.Country{kr} }, 0, ""},
		{"outside is not in it", []string{"CN"}, func(w *residency.Waiver, _ *residency.Cell) { w.Verdicts = everyCell[1:] }, 0, ""},
		{"undetermined", nil, func(_ *residency.Waiver, c *residency.Cell) { c.Verdict = residency.Undetermined }, 0, "w-7"},
		{"inside needs none", nil, func(w *residency.Waiver, c *residency.Cell) {
			c.Verdict, w.Verdicts = residency.Inside, []residency.Verdict{residency.Inside}
		}, 0, ""},
	}
	for _, tt := range tests {
		w := whole
		c, locations := outsideCell(tt.places...)
		c.Waiver = "of another day"
		if tt.change != nil {
			tt.change(&w, &c)
		}
		var known []residency.Finding
		if tt.known.Known() {
			known = []residency.Finding{{Key: "another"}, finding(c, tt.known)}
		}
		cells := []residency.Cell{c}
		Waive(cells, []residency.Waiver{w}, locations, known, waiveAt)
		if cells[0].Waiver != tt.want {
			t.Errorf("Waive(%s) = %q, want %q", tt.name, cells[0].Waiver, tt.want)
		}
	}
}

// TestStandEffective shows what the exit code and the notifications go by.
func TestStandEffective(t *testing.T) {
	t.Parallel()
	cell := func(v residency.Verdict, waiver string) residency.Cell {
		return residency.Cell{Claim: "c", Verdict: v, Counts: true, Waiver: waiver}
	}
	in, out, untold, lost := residency.Inside, residency.Outside, residency.Undetermined, residency.NotMeasured
	tests := []struct {
		name                string
		cells               []residency.Cell
		standing, effective residency.Standing
		waived, untoldCells int
	}{
		{"none waived", []residency.Cell{cell(in, ""), cell(out, "")}, residency.Broken, residency.Broken, 0, 0},
		{"the one outside waived", []residency.Cell{cell(in, ""), cell(out, "w")}, residency.Broken, residency.Holding, 1, 0},
		{"one of two outside waived", []residency.Cell{cell(out, ""), cell(out, "w")}, residency.Broken, residency.Broken, 1, 0},
		{"outside waived, another cannot be told", []residency.Cell{cell(untold, ""), cell(out, "w")}, residency.Broken, residency.StandingUnknown, 1, 1},
		{"unknown accepted", []residency.Cell{cell(in, ""), cell(untold, "w"), cell(lost, "w")}, residency.StandingUnknown, residency.Holding, 2, 0},
		{"everything waived", []residency.Cell{cell(out, "w")}, residency.Broken, residency.Holding, 1, 0},
		{"nothing counts", []residency.Cell{{Verdict: out, Waiver: "w"}}, residency.StandingUnknown, residency.StandingUnknown, 0, 0},
		{"nothing at all", nil, residency.StandingUnknown, residency.StandingUnknown, 0, 0},
	}
	for _, tt := range tests {
		got := Stand(residency.Claim{ID: "c"}, tt.cells, nil, waiveAt)
		if got.Standing != tt.standing || got.Effective != tt.effective || got.Counts.Waived != tt.waived || got.Untold != tt.untoldCells {
			t.Errorf("Stand(%s) = %v, effectively %v, %d waived, %d untold; want %v, %v, %d, %d", tt.name,
				got.Standing, got.Effective, got.Counts.Waived, got.Untold, tt.standing, tt.effective, tt.waived, tt.untoldCells)
		}
		if wantIDs := tt.waived > 0; wantIDs != slices.Equal(got.Waived, []string{"w"}) {
			t.Errorf("Stand(%s) names the waivers %v", tt.name, got.Waived)
		}
	}
}

func drawWaiver(t *rapid.T, id string) residency.Waiver {
	codes := rapid.SliceOfN(rapid.SampledFrom([]string{"CN", "KR", "DE"}), 0, 3).Draw(t, "countries")
	w := residency.Waiver{ID: id, Claims: []string{"c"}, Verdicts: everyCell,
		Until: waiveAt.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "until")) * time.Hour)}
	for _, code := range codes {
		w.Countries = w.Countries.With(residency.MustCountry(code))
	}
	if rapid.Bool().Draw(t, "one market") {
		w.Markets = []residency.Country{residency.MustCountry("IN")}
	}
	return w
}

func drawCells(t *rapid.T) ([]residency.Cell, map[netip.Addr]residency.Location) {
	var cells []residency.Cell
	all := map[netip.Addr]residency.Location{}
	for range rapid.IntRange(1, 6).Draw(t, "cells") {
		c, locations := outsideCell(rapid.SliceOfN(rapid.SampledFrom([]string{"CN", "KR", "DE", ""}), 0, 3).Draw(t, "places")...)
		shift := byte(len(all) + 10)
		for i, a := range c.Addresses {
			moved := netip.AddrFrom4([4]byte{198, 51, 100, shift + byte(i)})
			loc := locations[a.Address]
			loc.Address = moved
			c.Addresses[i].Address, all[moved] = moved, loc
		}
		c.Verdict = rapid.SampledFrom([]residency.Verdict{residency.Outside, residency.Inside, residency.Undetermined, residency.NotMeasured}).Draw(t, "verdict")
		c.Market = residency.MustCountry(rapid.SampledFrom([]string{"IN", "TW"}).Draw(t, "market"))
		c.Counts = rapid.IntRange(0, 4).Draw(t, "counts") > 0
		cells = append(cells, c)
	}
	return cells, all
}

// TestAWaiverChangesNothingButWhoIsTold: no set of waivers changes a verdict,
// a standing or a count, none covers a place that it does not name, an ended
// one covers nothing, and one more never makes the effective standing worse.
func TestAWaiverChangesNothingButWhoIsTold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cells, locations := drawCells(t)
		c := residency.Claim{ID: "c"}
		plain := Stand(c, cells, locations, waiveAt)
		waived := slices.Clone(cells)
		var waivers []residency.Waiver
		for _, id := range []string{"a", "b", "d"}[:rapid.IntRange(1, 3).Draw(t, "waivers")] {
			waivers = append(waivers, drawWaiver(t, id))
		}
		Waive(waived, waivers, locations, nil, waiveAt)
		for i := range waived {
			checkWaived(t, waived[i], waivers, locations)
			same := waived[i]
			same.Waiver = cells[i].Waiver
			if diff := cmp.Diff(cells[i], same, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Fatalf("Waive changed a cell:\n%s", diff)
			}
		}
		got := Stand(c, waived, locations, waiveAt)
		if got.Standing != plain.Standing {
			t.Fatalf("standing %v became %v", plain.Standing, got.Standing)
		}
		got.Counts.Waived = 0
		if got.Counts != plain.Counts {
			t.Fatalf("counts %+v became %+v", plain.Counts, got.Counts)
		}
		if plain.Effective != plain.Standing {
			t.Fatalf("without waivers the effective standing is %v, the standing %v", plain.Effective, plain.Standing)
		}
		if plain.Standing == residency.Holding && got.Effective != residency.Holding {
			t.Fatalf("a holding claim is effectively %v", got.Effective)
		}
	})
}

// checkWaived holds one waived cell to the waiver that is noted on it.
func checkWaived(t *rapid.T, c residency.Cell, waivers []residency.Waiver, locations map[netip.Addr]residency.Location) {
	if c.Waiver == "" {
		return
	}
	i := slices.IndexFunc(waivers, func(w residency.Waiver) bool { return w.ID == c.Waiver })
	w := waivers[i]
	if !waiveAt.Before(w.Until) {
		t.Fatalf("waiver %s, which ended at %v, covers a cell at %v", w.ID, w.Until, waiveAt)
	}
	if c.Verdict == residency.Inside {
		t.Fatal("an inside cell is waived")
	}
	if c.Verdict != residency.Outside {
		return
	}
	for _, a := range c.Addresses {
		if in := locations[a.Address].Left(); in.Empty() || !in.SubsetOf(w.Countries) {
			t.Fatalf("waiver for %v covers an address in %q", w.Countries.Codes(), in.Codes())
		}
	}
}

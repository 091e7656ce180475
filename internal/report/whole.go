package report

import (
	"fmt"
	"slices"
	"strings"

	"residency/internal/residency"
)

// sideOf is the side that a verdict puts a market's answers on.
func sideOf(v residency.Verdict) residency.Side {
	switch v {
	case residency.Outside:
		return residency.SideOutside
	case residency.Inside:
		return residency.SideInside
	}
	return residency.SideUnknown
}

// askedWords says how much of what was asked is about the market.
func askedWords(v residency.Coverage) string {
	text := fmt.Sprintf("%d of %s had an answer for this market; %s in all, %d about this market",
		v.Met, residency.Plural(v.Needs, "question"), residency.Plural(v.Looks, "look"), v.Counted)
	if v.Failed > 0 {
		text += fmt.Sprintf(", %d failed", v.Failed)
	}
	return text
}

// wholeClaim says how the claim as a whole stands, when the run looked at all
// that it is about.
func wholeClaim(run *residency.Run, claim residency.Claim, part bool) []fact {
	if part {
		return []fact{{"the whole claim", "not judged here; this looked at " + looked(run, claim) + ". residency check says how it stands"}}
	}
	for _, c := range run.Claims {
		if c.Claim.ID != claim.ID {
			continue
		}
		facts := []fact{{"the whole claim", claimWords(run, c)}}
		if words := c.PoolWords(); words != "" {
			facts = append(facts, fact{"what it may have missed", words})
		}
		return facts
	}
	return nil
}

// looked says at how much of a claim a run looked.
func looked(run *residency.Run, claim residency.Claim) string {
	hosts, markets := make(map[string]bool), make(map[residency.Country]bool)
	for _, cell := range cells(run) {
		if cell.Claim == claim.ID {
			hosts[cell.Endpoint.Host], markets[cell.Market] = true, true
		}
	}
	text := "one host"
	if len(hosts) > 1 {
		text = residency.Plural(len(hosts), "host")
	}
	if len(markets) == 1 && len(claim.Markets) > 1 {
		text += " and one market"
	}
	return text
}

// tooOld names the data sets that speak of the cell's addresses and are too
// old to clear anything.
func tooOld(round *residency.Round, cell *residency.Cell) string {
	var list []string
	for _, a := range counting(cell) {
		for _, said := range round.Locations[a.Address].Assertions {
			if said.Stale && voiced(said.Class) && said.Dataset != nil {
				list = append(list, clean(said.Dataset.Name)+" of "+day(said.Dataset.Built))
			}
		}
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

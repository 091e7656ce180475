package report

import (
	"slices"
	"strconv"
	"strings"

	"residency/internal/residency"
)

// fromHere reports whether an address of a cell was seen from here only: no
// look that showed it was about the market's users.
func fromHere(a residency.JudgedAddress) bool {
	return !a.Counts && slices.Contains(a.Reasons, residency.ReasonNotTailored)
}

// counting returns the addresses of a cell that count: the answers that its
// users got, without those seen from here and those without a single place.
func counting(cell *residency.Cell) []residency.JudgedAddress {
	return slices.DeleteFunc(slices.Clone(cell.Addresses), func(a residency.JudgedAddress) bool { return !a.Counts })
}

// shown returns the addresses that a table shows for a cell: those that count;
// if there are none, those that do not count although they were the market's;
// if there are none either, those seen from here, and that they are.
func shown(cell *residency.Cell) (list []residency.JudgedAddress, here bool) {
	if list = counting(cell); len(list) > 0 {
		return list, false
	}
	for _, a := range cell.Addresses {
		if !fromHere(a) {
			list = append(list, a)
		}
	}
	if len(list) > 0 {
		return list, false
	}
	return cell.Addresses, len(cell.Addresses) > 0
}

// where names the countries a cell's addresses may be in, those seen outside
// first.
func where(round *residency.Round, cell *residency.Cell) string {
	var outside, other []string
	addresses, here := shown(cell)
	for _, a := range addresses {
		names := round.Locations[a.Address].Brief()
		list := &other
		if a.Side == residency.SideOutside && !here {
			list = &outside
		}
		if !slices.Contains(*list, names) {
			*list = append(*list, names)
		}
	}
	slices.Sort(outside)
	slices.Sort(other)
	switch {
	case len(addresses) == 0:
		return markNothing
	case here:
		return "seen from here only: " + strings.Join(other, ", ")
	case len(outside) == 0:
		return strings.Join(other, ", ")
	case len(other) == 0:
		return strings.Join(outside, ", ")
	default:
		return strings.Join(outside, ", ") + "; also " + strings.Join(other, ", ")
	}
}

// places returns the countries of a cell's addresses that count: those of
// addresses seen outside, and those of all others.
func places(round *residency.Round, cell *residency.Cell) (outside, other residency.Countries) {
	for _, a := range counting(cell) {
		where := round.Locations[a.Address].Left()
		if a.Side == residency.SideOutside {
			outside = outside.Union(where)
		} else {
			other = other.Union(where)
		}
	}
	return outside, other.Minus(outside)
}

// allPlaces returns the countries of a cell's addresses that count.
func allPlaces(round *residency.Round, cell *residency.Cell) residency.Countries {
	outside, other := places(round, cell)
	return outside.Union(other)
}

// worstPlaces returns the countries of the addresses seen outside; where there
// are none, those of all others.
func worstPlaces(round *residency.Round, cell *residency.Cell) residency.Countries {
	outside, other := places(round, cell)
	if outside.Empty() {
		return other
	}
	return outside
}

// seenOutside is where the outside addresses of a claim are, the countries in
// which some certainly are first.
func seenOutside(run *residency.Run, c residency.ClaimStanding) string {
	var certain, possible residency.Countries
	for round, cell := range cells(run) {
		if cell.Claim != c.Claim.ID || !cell.Counts || cell.Verdict != residency.Outside {
			continue
		}
		for _, a := range counting(cell) {
			switch in := round.Locations[a.Address].Left(); {
			case a.Side != residency.SideOutside:
			case in.Len() == 1:
				certain = certain.Union(in)
			default:
				possible = possible.Union(in)
			}
		}
	}
	if certain.Empty() && possible.Empty() {
		possible = c.Where
	}
	return residency.SeenWords(certain, possible)
}

// differ reports whether the sources name different countries for an address.
func differ(l residency.Location) bool { return l.Conflict && l.Left().Len() > 1 }

// allDiffer reports whether they do for every address of a cell that is
// outside and counts; false if there is none.
func allDiffer(round *residency.Round, cell *residency.Cell) bool {
	some := false
	for _, a := range counting(cell) {
		if a.Side == residency.SideOutside {
			some = true
			if !differ(round.Locations[a.Address]) {
				return false
			}
		}
	}
	return some
}

// sure is how sure a cell's verdict is, for a table.
func sure(round *residency.Round, cell *residency.Cell) string {
	switch {
	case cell.Grade == residency.GradeNone:
		return markNothing
	case cell.Verdict == residency.Outside && cell.Grade == residency.Corroborated && allDiffer(round, cell):
		return "two or more sources agree it is outside"
	}
	return cell.Grade.Words()
}

// edge is why an address of a declared CDN is approved though its countries are
// not all among those of the claim itself: it is in the users' own country, or
// where the claim allows edges besides.
type edge uint8

const (
	edgeNot  edge = iota // approved by the claim itself, or not approved
	edgeHome             // in the users' own country
	edgeElse             // in a place allowed for edges
)

// Words says it, in words that go where others have "in an approved place".
func (e edge) Words() string {
	if e == edgeHome {
		return "in the users' own country, allowed because the host is declared a CDN edge"
	}
	return "in a place allowed for edges, as the host is declared a CDN edge"
}

// edgeOf finds out whether an address is approved only because the host is
// declared a CDN edge.
func edgeOf(claim residency.Claim, cell *residency.Cell, a residency.JudgedAddress, at residency.Location) edge {
	switch rest := claim.EdgeOnly(cell, a, at); {
	case rest.Empty():
		return edgeNot
	case rest == residency.CountriesOf(cell.Market):
		return edgeHome
	default:
		return edgeElse
	}
}

// hasEdge reports whether some address of the cell is approved only as an edge.
func hasEdge(claim residency.Claim, round *residency.Round, cell *residency.Cell) bool {
	return slices.ContainsFunc(counting(cell), func(a residency.JudgedAddress) bool {
		return edgeOf(claim, cell, a, round.Locations[a.Address]) != edgeNot
	})
}

// edgeNote is the line under a claim's results that names the hosts with
// addresses approved only as edges; "" if there are none. A run that does not
// hold every result says how many they are instead.
func edgeNote(run *residency.Run, c residency.ClaimStanding) string {
	const why = "answers outside the claim's own places, allowed only because a host declared a CDN edge may be in the users' own country or in a place allowed for edges."
	var hosts []string
	held := 0
	for round, cell := range cells(run) {
		if cell.Claim != c.Claim.ID || !hasEdge(c.Claim, round, cell) {
			continue
		}
		if cell.Counts {
			held++
		}
		if host := clean(cell.Endpoint.Host); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	switch {
	case held < c.Edges && c.Edges == 1:
		return "1 result has " + why
	case held < c.Edges:
		return strconv.Itoa(c.Edges) + " results have " + why
	case len(hosts) == 0:
		return ""
	case len(hosts) == 1:
		return hosts[0] + " has " + why
	}
	return names(hosts, manyHosts) + " have " + why
}

// edgeResults counts the results of a run with addresses approved only as
// edges.
func edgeResults(run *residency.Run) int {
	n := 0
	for _, c := range run.Claims {
		n += c.Edges
	}
	return n
}

// names joins names, the first few of many.
func names(list []string, most int) string {
	if len(list) > most+1 {
		return strings.Join(list[:most], ", ") + " and " + strconv.Itoa(len(list)-most) + " more"
	}
	return strings.Join(list, ", ")
}

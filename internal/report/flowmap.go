package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"residency/internal/residency"
)

// flow is where the users of one market were led: to one country, by one or
// more answers. The worst of them gives the side. Answers that can be in that
// country only and answers that can be in others too are different flows.
type flow struct {
	market, place residency.Country
	side          residency.Side
	sure          bool // these answers can be in this country only
	edge          bool // they are approved only because the host is declared a CDN edge
	results       int
}

// flows adds up a run's answers by market and country, sorted.
func flows(run *residency.Run) []flow {
	type key struct {
		market, place residency.Country
		sure, edge    bool
	}
	claims := claimsByID(run)
	byKey := make(map[key]*flow)
	for round, cell := range cells(run) {
		here := make(map[key]bool)
		for _, a := range counting(cell) {
			at := round.Locations[a.Address]
			set := at.Left()
			as := edgeOf(claims[cell.Claim], cell, a, at) != edgeNot
			for c := range set.All() {
				k := key{cell.Market, c, set.Len() == 1, as}
				f := byKey[k]
				if f == nil {
					f = &flow{market: cell.Market, place: c, side: residency.SideInside, sure: k.sure, edge: as}
					byKey[k] = f
				}
				if sideRank(a.Side) > sideRank(f.side) {
					f.side = a.Side
				}
				if !here[k] {
					here[k] = true
					f.results++
				}
			}
		}
	}
	list := make([]flow, 0, len(byKey))
	for _, f := range byKey {
		list = append(list, *f)
	}
	slices.SortFunc(list, func(a, b flow) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.market, b.market), trueFirst(a.sure, b.sure), trueFirst(b.edge, a.edge))
	})
	return list
}

// trueFirst compares so that true comes before false.
func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// sideRank orders sides from good to bad.
func sideRank(s residency.Side) int {
	switch s {
	case residency.SideOutside:
		return 2
	case residency.SideUnknown:
		return 1
	default:
		return 0
	}
}

// atlas draws maps that share one view, so that they can be compared.
type atlas struct {
	world      *world
	view       mapView
	x, y, w, h float64 // the part of the world that is shown
	approved   residency.Countries
	apart      []residency.Country // countries with a shape of their own
}

// newAtlas finds the view in which all the flows are short and near.
func newAtlas(w *world, all []flow, approved residency.Countries) *atlas {
	a := &atlas{world: w, approved: approved}
	set := approved
	for _, f := range all {
		set = set.With(f.place)
	}
	a.apart = slices.Collect(set.All())
	best := math.Inf(1)
	for _, centre := range []float64{11, 150, 60, -90} {
		v := newMapView(centre)
		length := 0.0
		for _, f := range all {
			length += math.Abs(v.at(w.middles[f.market]).x - v.at(w.middles[f.place]).x)
		}
		if length < best-1 {
			best, a.view = length, v
		}
	}
	a.frame(all)
	return a
}

// frame cuts the map to what is used, with room around it for names.
func (a *atlas) frame(all []flow) {
	left, right, top, bottom := worldWidth, 0.0, a.view.height(), 0.0
	for _, f := range all {
		for _, c := range []residency.Country{f.market, f.place} {
			p := a.view.at(a.world.middles[c])
			left, right, top, bottom = min(left, p.x), max(right, p.x), min(top, p.y), max(bottom, p.y)
		}
	}
	a.w, a.h = worldWidth, a.view.height()
	if len(all) == 0 {
		return
	}
	const ratio, least = 2.1, 380.0
	w := max(right-left+220, (bottom-top+110)*ratio, least)
	if w >= worldWidth {
		return
	}
	a.w, a.h = w, min(w/ratio, a.view.height())
	a.x = min(max((left+right-a.w)/2, 0), worldWidth-a.w)
	a.y = min(max((top+bottom-a.h)/2, 0), a.view.height()-a.h)
}

// defs is the land, drawn once for all the maps of a page.
func (a *atlas) defs() template.HTML {
	each, rest := a.world.shapes(a.view, a.apart)
	var b strings.Builder
	b.WriteString(`<svg class="defs" aria-hidden="true" width="0" height="0"><defs>`)
	fmt.Fprintf(&b, `<path id="land" d="%s"/>`, rest)
	for _, c := range a.apart {
		fmt.Fprintf(&b, `<path id="land-%s" d="%s"/>`, c, each[c])
	}
	fmt.Fprintf(&b, `<clipPath id="sphere"><path d="%s"/></clipPath></defs></svg>`, a.view.sphere())
	return template.HTML(b.String()) // numbers and country codes only
}

// draw draws one run's flows.
func (a *atlas) draw(id, title string, list []flow) template.HTML {
	var s svg
	s.open(id, "map", title, flowWords(list), a.x, a.y, a.w, a.h)
	s.rect("sea", a.x, a.y, a.w, a.h)
	s.WriteString(`<g clip-path="url(#sphere)"><use href="#land" class="land"/>`)
	outside := make(map[residency.Country]bool)
	for _, f := range list {
		outside[f.place] = outside[f.place] || f.side == residency.SideOutside
	}
	for _, c := range a.apart {
		class := "land"
		switch {
		case outside[c]:
			class = "land out"
		case a.approved.Has(c):
			class = "land ok"
		}
		fmt.Fprintf(&s, `<use href="#land-%s" class="%s"/>`, c, class)
	}
	s.WriteString("</g>")
	k := a.w / worldWidth // a unit as large on the page whatever is cut off
	for _, c := range a.world.small {
		if p := a.view.at(a.world.middles[c]); a.shows(p) {
			fmt.Fprintf(&s, `<circle class="islet" cx="%s" cy="%s" r="%.2f"/>`, num(p.x), num(p.y), 1.8*k)
		}
	}
	for _, rank := range []int{0, 1, 2} { // the worst on top
		for _, f := range list {
			if sideRank(f.side) == rank {
				a.arc(&s, f, k)
			}
		}
	}
	a.places(&s, list, k)
	return s.close()
}

func (a *atlas) shows(p xy) bool {
	return p.x > a.x && p.x < a.x+a.w && p.y > a.y && p.y < a.y+a.h
}

// arc draws one flow, bowed upwards; broken where the place is one of several.
func (a *atlas) arc(s *svg, f flow, k float64) {
	from, to := a.view.at(a.world.middles[f.market]), a.view.at(a.world.middles[f.place])
	if f.market == f.place {
		return
	}
	bow := math.Min(0.22*math.Hypot(to.x-from.x, to.y-from.y), 90*k)
	style := ""
	if !f.sure {
		style = fmt.Sprintf(` stroke-dasharray="%.1f %.1f"`, 5*k, 4*k)
	}
	fmt.Fprintf(s, `<path class="flow side-%s" stroke-width="%.2f"%s d="M%s %sQ%s %s %s %s"/>`, f.side, 1.7*k, style,
		num(from.x), num(from.y), num((from.x+to.x)/2), num((from.y+to.y)/2-bow), num(to.x), num(to.y))
}

// places draws markets as rings and the countries that answered as dots with
// their names: a round one is approved, a square one outside, a diamond not known.
func (a *atlas) places(s *svg, list []flow, k float64) {
	worst, answered, asked := ends(list)
	l := labels{a: a, k: k}
	for _, c := range append(slices.Clone(asked), answered...) {
		l.block(a.view.at(a.world.middles[c]), 6)
	}
	for _, c := range asked {
		p := a.view.at(a.world.middles[c])
		r := 4 * k
		if _, also := worst[c]; also {
			r = 9 * k // round the dot
		}
		fmt.Fprintf(s, `<circle class="market" cx="%s" cy="%s" r="%.2f" stroke-width="%.2f"/>`, num(p.x), num(p.y), r, 1.6*k)
	}
	for _, c := range answered {
		p := a.view.at(a.world.middles[c])
		r := 5.5 * k
		switch worst[c] {
		case residency.SideInside:
			fmt.Fprintf(s, `<circle class="dot side-inside" cx="%s" cy="%s" r="%.2f" stroke-width="%.2f"/>`, num(p.x), num(p.y), r, 1.4*k)
		case residency.SideOutside:
			fmt.Fprintf(s, `<rect class="dot side-outside" x="%.2f" y="%.2f" width="%.2f" height="%.2f" stroke-width="%.2f"/>`, p.x-r, p.y-r, 2*r, 2*r, 1.4*k)
		default:
			fmt.Fprintf(s, `<path class="dot side-unknown" stroke-width="%.2f" d="M%.2f %.2fl%.2f %.2fl%.2f %.2fl%.2f %.2fz"/>`,
				1.4*k, p.x, p.y-1.3*r, 1.3*r, 1.3*r, -1.3*r, 1.3*r, -1.3*r, -1.3*r)
		}
	}
	for _, c := range answered {
		l.put(s, "name side-"+worst[c].String(), a.view.at(a.world.middles[c]), c.Name(), 13)
	}
	for _, c := range asked {
		if _, named := worst[c]; !named {
			l.put(s, "code", a.view.at(a.world.middles[c]), c.Name(), 10.5)
		}
	}
}

// ends returns the countries that answered, each with its worst side, and the
// markets asked. Answers that can be nowhere else decide about a country; the
// others do only where there are no such answers.
func ends(list []flow) (worst map[residency.Country]residency.Side, answered, asked []residency.Country) {
	worst = make(map[residency.Country]residency.Side)
	for _, sure := range []bool{true, false} {
		here := make(map[residency.Country]bool)
		for _, f := range list {
			if side, seen := worst[f.place]; f.sure == sure && (!seen || here[f.place] && sideRank(f.side) > sideRank(side)) {
				worst[f.place], here[f.place] = f.side, true
			}
		}
	}
	for _, f := range list {
		if !slices.Contains(answered, f.place) {
			answered = append(answered, f.place)
		}
		if !slices.Contains(asked, f.market) {
			asked = append(asked, f.market)
		}
	}
	slices.Sort(asked)
	return worst, answered, asked
}

// labels places names so that they cover neither a dot nor each other.
type labels struct {
	a     *atlas
	k     float64
	taken [][4]float64 // left, top, right, bottom
}

// block keeps names off a dot of the given radius.
func (l *labels) block(p xy, r float64) {
	r *= l.k
	l.taken = append(l.taken, [4]float64{p.x - r, p.y - r, p.x + r, p.y + r})
}

// put writes a name at the first free place around a point, or at the first
// place if none is free.
func (l *labels) put(s *svg, class string, p xy, name string, size float64) {
	size *= l.k
	w, off := float64(len([]rune(name)))*size*0.62, 10*l.k
	type spot struct{ x, y float64 } // left end of the base line
	spots := []spot{
		{p.x + off, p.y + size*0.35}, {p.x - off - w, p.y + size*0.35}, {p.x - w/2, p.y - off - size*0.1}, {p.x - w/2, p.y + off + size*0.8},
		{p.x + off, p.y - size*0.7}, {p.x + off, p.y + size*1.3}, {p.x - off - w, p.y - size*0.7}, {p.x - off - w, p.y + size*1.3},
		{p.x + off, p.y - size*1.7}, {p.x + off, p.y + size*2.3}, {p.x - w/2, p.y - off - size*1.3}, {p.x - w/2, p.y + off + size*2},
	}
	at := spots[0]
	for _, try := range spots {
		if l.free(try.x, try.y-size*0.8, try.x+w, try.y+size*0.25) {
			at = try
			break
		}
	}
	l.taken = append(l.taken, [4]float64{at.x, at.y - size*0.8, at.x + w, at.y + size*0.25})
	fmt.Fprintf(s, `<text class="%s" x="%s" y="%s" font-size="%.2f" stroke-width="%.2f">%s</text>`, class, num(at.x), num(at.y), size, 3*l.k, esc(name))
}

func (l *labels) free(left, top, right, bottom float64) bool {
	if left < l.a.x || right > l.a.x+l.a.w || top < l.a.y || bottom > l.a.y+l.a.h {
		return false
	}
	for _, t := range l.taken {
		if left < t[2] && right > t[0] && top < t[3] && bottom > t[1] {
			return false
		}
	}
	return true
}

// flowWords tells the map to those who do not see it.
func flowWords(list []flow) string {
	var parts []string
	for _, r := range routes(list) {
		parts = append(parts, "From "+r.Place+" for users in "+r.Markets+": "+r.Words)
	}
	if len(parts) == 0 {
		return "No answers."
	}
	return strings.Join(parts, "; ") + "."
}

// route is one line of the list beside the map.
type route struct {
	Place, Markets, Words, Mark, Side string
	Results                           int
}

// routes lists which countries answered for whom, the worst first.
func routes(list []flow) []route {
	type key struct {
		place residency.Country
		side  residency.Side
		sure  bool
		edge  bool
	}
	byKey := make(map[key]*route)
	var order []key
	names := make(map[key][]residency.Country)
	for _, f := range list {
		k := key{f.place, f.side, f.sure, f.edge}
		r := byKey[k]
		if r == nil {
			r = &route{Place: f.place.Name(), Words: f.side.Words(), Side: f.side.String(),
				Mark: [...]string{markUnknown, markGood, markBad}[min(int(f.side), 2)]}
			if f.edge {
				r.Words = "outside the claim's own places; allowed as the host is declared a CDN edge"
			}
			if !f.sure {
				r.Words += "; one of several places it can be in"
			}
			byKey[k] = r
			order = append(order, k)
		}
		r.Results += f.results
		names[k] = append(names[k], f.market)
	}
	slices.SortStableFunc(order, func(a, b key) int { return sideRank(b.side) - sideRank(a.side) })
	out := make([]route, 0, len(order))
	for _, k := range order {
		byKey[k].Markets = markets(names[k], 12)
		out = append(out, *byKey[k])
	}
	return out
}

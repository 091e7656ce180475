package report

import (
	"cmp"
	"fmt"
	"image/color"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"residency/internal/residency"
)

// historyTable writes the history for people: how long each country and each
// address was seen, then every change with its cause.
func historyTable(w io.Writer, h *History, o Options) error {
	p := &printer{run: &residency.Run{}, o: o}
	e := h.Endpoint
	p.para("", fmt.Sprintf("%s (%s/%s)", clean(e.Host), clean(e.Vendor), clean(e.Service)), nil, true)
	if h.Notice != "" {
		p.para("", clean(h.Notice), nil, false)
	}
	if len(h.Stays) == 0 {
		p.para("", "Nothing is remembered of it in this time.", nil, false)
		_, err := io.WriteString(w, p.String())
		return err
	}
	h.fine = h.crowded()
	runs := h.checks()
	first, last := h.Stays[0].First, h.Stays[len(h.Stays)-1].Last
	p.para("", fmt.Sprintf("%s from %s to %s", residency.Plural(runs, "check"), h.instant(first), h.instant(last)), nil, false)
	countries, addresses := h.Sightings()
	p.sightings("Where answers led", "where", countries, h, func(s Sighting) string { return s.Countries.Names() })
	p.sightings("Addresses seen", "address", addresses, h, func(s Sighting) string {
		if s.Countries.Empty() {
			return s.Address.String() + " (not known where)"
		}
		return s.Address.String() + " (" + strings.ReplaceAll(s.Countries.Names(), ", ", " or ") + ")"
	})
	p.turns(h)
	_, err := io.WriteString(w, p.String())
	return err
}

// instant writes a time in the history's zone: to the minute, and to the second
// where two that are told apart fall into one minute.
func (h *History) instant(t time.Time) string {
	if t = t.In(h.Zone); h.fine {
		return t.Format("2 Jan 2006 15:04:05 MST")
	}
	return moment(t)
}

// crowded reports whether two instants of the history are in one minute.
func (h *History) crowded() bool {
	var last time.Time
	for i := range h.Stays {
		for _, t := range []time.Time{h.Stays[i].First, h.Stays[i].Last} {
			if t.Truncate(time.Minute).Equal(last.Truncate(time.Minute)) && !t.Truncate(time.Second).Equal(last.Truncate(time.Second)) {
				return true
			}
			last = t
		}
	}
	return false
}

// sightings writes one table of sightings.
func (p *printer) sightings(heading, what string, list []Sighting, h *History, name func(Sighting) string) {
	if len(list) == 0 {
		return
	}
	p.heading(heading)
	rows := make([][]string, len(list))
	for i, s := range list {
		rows[i] = []string{"  " + s.Market.String(), name(s), h.instant(s.First), h.instant(s.Last), strconv.Itoa(s.Runs)}
	}
	p.grid([]string{"  users in", what, "first seen", "last seen", "checks"}, rows, 2, func(int) color.Color { return nil }, 0)
}

// turns writes every change.
func (p *printer) turns(h *History) {
	list := h.Turns()
	never := h.neverMeasured()
	if never != "" {
		p.para("", never, nil, false)
	}
	if len(list) == 0 {
		if never == "" {
			p.para("", "Nothing changed.", nil, false)
		}
		return
	}
	p.heading("What changed")
	for _, t := range list {
		p.para("  "+h.instant(t.At)+"  ", t.words(), nil, false)
	}
}

// neverMeasured says so if no check could measure anything, and why; "" if some
// did. That nothing changed then says nothing.
func (h *History) neverMeasured() string {
	runs, looks, cells := 0, 0, 0
	why := map[residency.Failure]int{}
	for i := range h.Stays {
		s := &h.Stays[i]
		runs += s.Runs
		for _, c := range s.Round.Cells {
			if h.Market != 0 && c.Market != h.Market {
				continue
			}
			if cells++; c.Verdict != residency.NotMeasured {
				return ""
			}
		}
		for j := range s.Round.Observations {
			o := &s.Round.Observations[j]
			if h.Market != 0 && o.Market != h.Market {
				continue
			}
			if o.Failure == "" {
				return ""
			}
			looks++
			why[o.Failure]++
		}
	}
	if cells == 0 {
		return ""
	}
	text := "None of them could measure it"
	if runs == 1 {
		text = "It could not measure it"
	}
	if looks == 0 {
		return text + "." // the looks were deleted because of their age
	}
	most := slices.MaxFunc(slices.Sorted(maps.Keys(why)), func(a, b residency.Failure) int { return cmp.Compare(why[a], why[b]) })
	if len(why) == 1 {
		return text + ": " + most.Words() + "."
	}
	return text + ": mostly, " + most.Words() + "."
}

// words tells a change in plain words.
func (t *Turn) words() string {
	var parts []string
	if len(t.Added) > 0 {
		parts = append(parts, "now "+addressWords(t.Added))
	}
	if len(t.Removed) > 0 {
		parts = append(parts, "no longer "+addressWords(t.Removed))
	}
	for _, pl := range t.Placed {
		parts = append(parts, fmt.Sprintf("%s is placed in %s, before in %s", pl.Address, placeWords(pl.After), placeWords(pl.Before)))
	}
	for _, r := range t.Results {
		if r.Due {
			parts = append(parts, fmt.Sprintf("%s came due while something was outside", clean(r.Claim)))
			continue
		}
		parts = append(parts, fmt.Sprintf("%s: %s (before: %s)", clean(r.Claim), r.After.Words(), r.Before.Words()))
	}
	text := "users in " + t.Market.Name() + ": " + strings.Join(parts, "; ")
	if due := slices.Equal(t.Causes, []residency.Cause{residency.CauseDue}); due || len(t.Causes) == 0 {
		return text
	}
	return text + ". Why: " + causeWords(t.Causes)
}

// addressWords names the first addresses of a list.
func addressWords(list []netip.Addr) string {
	const most = 6
	names := make([]string, 0, most)
	for _, a := range list[:min(len(list), most)] {
		names = append(names, a.String())
	}
	text := strings.Join(names, ", ")
	if more := len(list) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// placeWords names the countries an address can be in.
func placeWords(in residency.Countries) string {
	if in.Empty() {
		return "no known country"
	}
	return strings.ReplaceAll(in.Names(), ", ", " or ")
}

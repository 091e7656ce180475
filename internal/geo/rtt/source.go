package rtt

import (
	"fmt"
	"net/netip"
	"time"

	"residency/internal/residency"
)

// Lineage is the lineage of all assertions from delay.
const Lineage = "rtt"

// Source says what the surveys of one run exclude. It is a geo.Source, and is
// not changed once made.
type Source struct {
	seen []seen
	said map[netip.Addr][]residency.Assertion
}

// seen is one survey, ready to be asked.
type seen struct {
	survey  Survey
	horizon *Horizon // nil when the survey cannot be believed
	delays  map[netip.Addr]Delay
	dataset *residency.Dataset
}

// NewSource makes a source of the surveys of one run, one for each vantage.
// What it will say is worked out here, once for each address.
func NewSource(o *Outlines, surveys ...Survey) (*Source, error) {
	s := &Source{said: map[netip.Addr][]residency.Assertion{}}
	for _, survey := range surveys {
		one := seen{survey: survey, delays: map[netip.Addr]Delay{}, dataset: &residency.Dataset{
			Name: "handshakes from " + survey.Vantage.Name, Lineage: Lineage, Class: residency.ClassRTT,
			Built: survey.At, SHA256: o.sha256, Records: len(survey.Delays),
			Licence: "measured here; outlines of Natural Earth, public domain", File: "embedded",
		}}
		for _, d := range survey.Delays {
			addr := d.Target.Addr().Unmap()
			if d.saysMore(one.delays[addr]) { // an address can be measured on several ports
				one.delays[addr] = d
			}
		}
		if survey.Reason == "" {
			h, err := o.From(survey.Vantage)
			if err != nil {
				return nil, fmt.Errorf("measure distances: %w", err)
			}
			one.horizon = h
		}
		s.seen = append(s.seen, one)
	}
	for i := range s.seen {
		for addr := range s.seen[i].delays {
			if s.said[addr] == nil {
				s.said[addr] = s.say(addr)
			}
		}
	}
	return s, nil
}

// Datasets returns what identifies each survey: when and where it was
// measured, and the hash of the outlines that it is read with.
func (s *Source) Datasets() []residency.Dataset {
	list := make([]residency.Dataset, 0, len(s.seen))
	for _, one := range s.seen {
		list = append(list, *one.dataset)
	}
	return list
}

// Assert appends what the delays to addr show: for each vantage one assertion
// of class residency.ClassRTT with the countries excluded, NotIn by the speed
// of light in fibre and Proven, a part of NotIn, by that in a vacuum. In is
// always empty. A refused connection proves nothing: anything on the way could
// have refused it.
//
// Where two vantages' delays leave no common place, it is one veto of class
// residency.ClassAnycast instead. Delays that cannot be believed exclude
// nothing; their assertion has only a note, which begins with the reason.
func (s *Source) Assert(addr netip.Addr, into []residency.Assertion) []residency.Assertion {
	return append(into, s.said[addr.Unmap()]...)
}

// say works out what Assert says of addr.
func (s *Source) say(addr netip.Addr) []residency.Assertion {
	if a, ok := s.anycast(addr); ok {
		return []residency.Assertion{a}
	}
	var said []residency.Assertion
	for i := range s.seen {
		one := &s.seen[i]
		d, ok := one.delays[addr]
		if !ok {
			continue
		}
		a := residency.Assertion{
			Source: "rtt", Class: residency.ClassRTT, Lineage: Lineage, Dataset: one.dataset,
		}
		if why := one.survey.Distrusted(addr); why != "" {
			a.Note = fmt.Sprintf("%s: %s", residency.ReasonRTTUntrusted, why)
		} else {
			a.NotIn, a.Proven = one.horizon.Exclude(d.Min)
			a.Note = note(one.survey.Vantage, d)
		}
		if d.Refused {
			a.Proven = residency.Countries{}
		}
		said = append(said, a)
	}
	return said
}

// anycast returns the veto if two vantages' disks do not meet.
func (s *Source) anycast(addr netip.Addr) (residency.Assertion, bool) {
	for i := range s.seen {
		for j := range i {
			a, okA := s.seen[i].disk(addr)
			b, okB := s.seen[j].disk(addr)
			if !okA || !okB || !Disjoint(a, b) {
				continue
			}
			return residency.Assertion{
				Source: "rtt", Class: residency.ClassAnycast, Lineage: Lineage, Dataset: s.seen[i].dataset,
				Note: fmt.Sprintf("answers in %v to %s and in %v to %s: no one place is that near to both",
					round(b.RTT), b.Vantage.Name, round(a.RTT), a.Vantage.Name),
			}, true
		}
	}
	return residency.Assertion{}, false
}

// disk is what a believed and accepted delay allows; a refusal may come from
// anything on the way and is no sign of a second place.
func (one *seen) disk(addr netip.Addr) (Disk, bool) {
	d, ok := one.delays[addr]
	if !ok || d.Refused || one.survey.Distrusted(addr) != "" {
		return Disk{}, false
	}
	return Disk{one.survey.Vantage, d.Min}, true
}

func note(v Vantage, d Delay) string {
	how := "answered"
	if d.Refused {
		how = "refused"
	}
	return fmt.Sprintf("port %d %s in %v, the shortest of %s, from %s: within %.0f km by fibre, %.0f km by light",
		d.Target.Port(), how, round(d.Min), residency.Plural(d.Answered, "answer"), v.Name,
		reach(d.Min, KmPerMsFibre), reach(d.Min, KmPerMsLight))
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

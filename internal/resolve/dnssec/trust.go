package dnssec

import (
	"context"
	"slices"
	"time"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// kind is what a link says about its name.
type kind uint8

const (
	unknown  kind = iota // it could not be found out
	signed               // a zone begins here, and its keys are validated
	unsigned             // a zone begins here, provably not signed (or as good as)
	inside               // no zone begins here
	bottom               // the name does not exist: no zone begins here or below
	broken               // a zone begins here or not: the proof is wrong
)

// link is one step down from an anchor: what is known about one name. It is
// not changed once it is known.
type link struct {
	kind  kind
	why   Why
	keys  *zoneKeys // of the zone that begins here, if signed
	steps []Step
	proof []residency.Exchange // what was asked to know it
	until time.Time            // zero: not to be remembered
}

// trust is where a way down ended.
type trust struct {
	state State
	why   Why
	keys  *zoneKeys // of the deepest zone at or above the name, if secure
}

// descend walks from the closest anchor down to target, over each zone that
// begins on the way (RFC 4035 section 5). At each label it asks for the DS
// set: that alone tells, with proof, whether a zone begins there.
func (v *Validator) descend(ctx context.Context, w *work, target string) trust {
	start, ok := v.anchorFor(target)
	if !ok {
		return trust{state: Indeterminate, why: WhyNoAnchor}
	}
	keys := (*zoneKeys)(nil)
	depth := dns.CountLabel(target)
	for n := dns.CountLabel(start); n <= depth; n++ {
		name := lastLabels(target, n)
		l := v.linkAt(ctx, w, name, keys)
		if !w.shown[name] {
			w.shown[name] = true
			for _, s := range l.steps {
				w.note(s)
			}
			w.proof = append(w.proof, l.proof...)
		}
		switch l.kind {
		case signed:
			keys = l.keys
		case unsigned:
			return trust{state: Insecure, why: l.why}
		case bottom:
			return trust{state: Secure, keys: keys}
		case broken:
			return trust{state: Bogus, why: l.why}
		case unknown:
			return trust{state: Indeterminate, why: l.why}
		}
	}
	return trust{state: Secure, keys: keys}
}

// anchorFor returns the deepest zone at or above name that has an anchor.
func (v *Validator) anchorFor(name string) (zone string, ok bool) {
	for _, a := range v.Anchors {
		z, err := canonical(a.Zone)
		if err == nil && within(z, name) && (!ok || dns.CountLabel(z) > dns.CountLabel(zone)) {
			zone, ok = z, true
		}
	}
	return zone, ok
}

// linkAt returns the link of name, remembered or found out now. Above are the
// keys of the zone that holds name's delegation; nil for an anchor.
func (v *Validator) linkAt(ctx context.Context, w *work, name string, above *zoneKeys) *link {
	for {
		l, wait := v.claim(w, name)
		if l != nil {
			return l
		}
		if wait == nil {
			return v.lead(ctx, w, name, above)
		}
		select {
		case <-wait: // look again; what is not remembered we find out ourselves
		case <-ctx.Done():
			return &link{why: WhyFetch}
		}
	}
}

// claim returns the remembered link, or a channel to wait for whoever is
// finding it out; with neither it is the caller's to find out.
func (v *Validator) claim(w *work, name string) (*link, chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if l := v.links[name]; l != nil && w.now.Before(l.until) {
		return l, nil
	}
	if wait := v.busy[name]; wait != nil {
		return nil, wait
	}
	if v.busy == nil {
		v.busy, v.links = map[string]chan struct{}{}, map[string]*link{}
	}
	v.busy[name] = make(chan struct{})
	return nil, nil
}

// lead finds the link out for all who wait, who go on even if Fetch panics.
func (v *Validator) lead(ctx context.Context, w *work, name string, above *zoneKeys) *link {
	var l *link
	defer func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if l != nil {
			v.remember(w, name, l)
		}
		close(v.busy[name])
		delete(v.busy, name)
	}()
	l = v.findOut(ctx, w, name, above)
	if w.over {
		// Our own budget ran out: that says nothing about the zone.
		l = &link{kind: broken, why: WhyLimit, proof: l.proof}
	}
	return l
}

// remember keeps the link until its time is over. v.mu is held.
func (v *Validator) remember(w *work, name string, l *link) {
	if l.until.IsZero() || !w.now.Before(l.until) {
		return
	}
	if len(v.links) >= w.limits.Links {
		for other, old := range v.links {
			if !w.now.Before(old.until) {
				delete(v.links, other)
			}
		}
		for other := range v.links { // all in use: any quarter of them goes
			if len(v.links) <= w.limits.Links*3/4 {
				break
			}
			delete(v.links, other)
		}
	}
	v.links[name] = l
}

// findOut asks, and bounds for how long the link may be remembered.
func (v *Validator) findOut(ctx context.Context, w *work, name string, above *zoneKeys) *link {
	var l *link
	before := len(w.got)
	if above == nil {
		l = v.prime(ctx, w, name)
	} else {
		l = v.below(ctx, w, name, above)
	}
	l.proof = slices.Clone(w.got[before:])
	limit := w.now.Add(w.limits.MaxTTL)
	switch {
	case l.kind == unknown:
		l.until = time.Time{}
	case l.kind == broken:
		l.until = w.now.Add(w.limits.FailTTL)
	case l.until.After(limit):
		l.until = limit
	}
	return l
}

// prime validates the keys of a zone by its anchors.
func (v *Validator) prime(ctx context.Context, w *work, zone string) *link {
	var anchors []Anchor
	for _, a := range v.Anchors {
		if z, err := canonical(a.Zone); err == nil && z == zone {
			anchors = append(anchors, a)
		}
	}
	return v.enter(ctx, w, zone, anchors, w.now.Add(w.limits.MaxTTL))
}

// below finds out what the parent zone says about name.
func (v *Validator) below(ctx context.Context, w *work, name string, above *zoneKeys) *link {
	m, err := w.fetch(ctx, name, dns.TypeDS)
	if err != nil {
		return &link{kind: unknown, why: WhyFetch,
			steps: []Step{{Name: name, Type: "DS", State: Indeterminate, Why: WhyFetch}}}
	}
	if set := find(m.answer, name, dns.TypeDS); set != nil {
		return v.delegated(ctx, w, m, set, above)
	}
	// An alias at the name: no zone begins there (RFC 1034 section 3.6.2). An
	// alias above it, by DNAME: nothing is below (RFC 6672 section 2.4).
	for _, alias := range []struct {
		set  *rrset
		kind kind
	}{{m.dnameAbove(name), bottom}, {find(m.answer, name, dns.TypeCNAME), inside}} {
		if alias.set == nil {
			continue
		}
		sig, why := w.verify(alias.set, above)
		if sig == nil {
			return &link{kind: broken, why: why, steps: []Step{w.step(alias.set, nil, Bogus, why)}}
		}
		return &link{kind: alias.kind, until: w.expiry(alias.set, sig)}
	}
	return w.undelegated(m, name, above)
}

// delegated enters the zone that a DS set vouches for.
func (v *Validator) delegated(ctx context.Context, w *work, m *message, set *rrset, above *zoneKeys) *link {
	sig, why := w.verify(set, above)
	if sig != nil && int(sig.Labels) < labelCount(set.owner) {
		sig, why = nil, WhyWildcard // a wildcard makes no delegations
	}
	if sig == nil {
		return &link{kind: broken, why: why, steps: []Step{w.step(set, nil, Bogus, why)}}
	}
	var named []Anchor
	for _, rr := range set.rrs {
		if ds, ok := rr.(*dns.DS); ok {
			if a, ok := anchorOf(ds); ok {
				named = append(named, a)
			}
		}
	}
	l := v.enter(ctx, w, set.owner, named, w.expiry(set, sig))
	l.steps = append([]Step{w.step(set, sig, Secure, "")}, l.steps...)
	return l
}

// undelegated judges the proof that name has no DS.
func (w *work) undelegated(m *message, name string, above *zoneKeys) *link {
	p := w.gather(m, above)
	d := p.deny(w, name, dns.TypeDS, false)
	if d.kind == denyNothing {
		if byName := p.deny(w, name, dns.TypeDS, true); byName.kind != denyNothing {
			d = byName
		}
	}
	l := &link{until: p.until}
	step := Step{Name: name, Type: "no DS", Zone: above.zone, State: Secure}
	switch {
	case d.kind == denyNothing:
		l.kind, l.why = broken, d.why
		step.Zone, step.State, step.Why = "", Bogus, d.why
	case d.kind == denyWeak:
		l.kind, l.why = unsigned, d.why
		step.State, step.Why = Insecure, d.why
	case d.delegation:
		l.kind, l.why = unsigned, WhyNoDS
		step.State, step.Why = Insecure, WhyNoDS
	case d.kind == denyName:
		l.kind = bottom
	default:
		l.kind = inside
	}
	l.steps = []Step{step}
	return l
}

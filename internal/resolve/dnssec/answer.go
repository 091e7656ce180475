package dnssec

import (
	"context"

	"github.com/miekg/dns"
)

// verdict collects the states of the parts of an answer: the worst counts.
type verdict struct {
	Result
	judged map[*rrset]bool
}

// take adds the state of one part.
func (r *verdict) take(state State, why Why) {
	if r.State == "" || state.weight() > r.State.weight() {
		r.State, r.Why = state, why
	}
}

// maxSets bounds the sets of an answer: one for each alias, and what was asked.
const maxSets = 128

// follow judges a response from the question along its aliases to its end.
// A set that is in the answer but on no way from the question is judged too:
// nothing in the answer section may be other than signed.
func (v *Validator) follow(ctx context.Context, w *work, m *message, qname string, qtype uint16) Result {
	r := &verdict{judged: map[*rrset]bool{}}
	if len(m.answer) > maxSets {
		return Result{State: Bogus, Why: WhyLimit}
	}
	v.along(ctx, w, m, r, qname, qtype)
	for _, set := range m.answer {
		// A CNAME that a DNAME makes is not signed; along has compared those
		// that matter, and one that was not followed is nobody's answer.
		if r.judged[set] || set.rtype == dns.TypeCNAME && m.dnameAbove(set.owner) != nil {
			continue
		}
		v.part(ctx, w, m, r, set)
	}
	if w.over {
		r.take(Bogus, WhyLimit)
	}
	return r.Result
}

// along walks from name over the aliases to an answer, a denial or neither.
func (v *Validator) along(ctx context.Context, w *work, m *message, r *verdict, name string, qtype uint16) {
	seen := map[string]bool{}
	for aliases := 0; ; aliases++ {
		if aliases > w.limits.Aliases {
			r.take(Bogus, WhyLimit)
			return
		}
		if seen[name] {
			return // an honest loop: the aliases are what they are
		}
		seen[name] = true
		made := m.dnameAbove(name) != nil // then a CNAME here is not signed
		if !made && v.answered(ctx, w, m, r, name, qtype) {
			return
		}
		target, ok := v.alias(ctx, w, m, r, name)
		if ok && (target == "" || made && qtype == dns.TypeCNAME) {
			return // either the alias is bogus, and r says so, or it is the answer
		}
		if !ok {
			v.end(ctx, w, m, r, name, qtype, aliases)
			return
		}
		name = target
	}
}

// answered judges the sets of the type at name; false if there are none.
func (v *Validator) answered(ctx context.Context, w *work, m *message, r *verdict, name string, qtype uint16) bool {
	found := false
	for _, set := range m.answer {
		if set.owner == name && (set.rtype == qtype || qtype == dns.TypeANY) {
			v.part(ctx, w, m, r, set)
			found = true
		}
	}
	return found
}

// alias judges the alias at name and returns its target; "" if it is bogus,
// false if there is none.
func (v *Validator) alias(ctx context.Context, w *work, m *message, r *verdict, name string) (target string, ok bool) {
	cname := find(m.answer, name, dns.TypeCNAME)
	if above := m.dnameAbove(name); above != nil {
		v.part(ctx, w, m, r, above)
		if cname != nil {
			r.judged[cname] = true
		}
		target, ok := substitute(name, above, cname)
		if !ok {
			r.take(Bogus, WhyDNAME)
		}
		return target, true
	}
	if cname == nil {
		return "", false
	}
	v.part(ctx, w, m, r, cname)
	target, ok = only(cname)
	if !ok {
		r.take(Bogus, WhyAliases)
	}
	return target, true
}

// only returns the target of an alias set of one record.
func only(set *rrset) (target string, ok bool) {
	for _, rr := range set.rrs {
		one := ""
		switch rr := rr.(type) {
		case *dns.CNAME:
			one = dns.CanonicalName(rr.Target)
		case *dns.DNAME:
			one = dns.CanonicalName(rr.Target)
		}
		if one == "" || target != "" && one != target {
			return "", false
		}
		target = one
	}
	return target, target != ""
}

// substitute returns what the DNAME makes of name (RFC 6672 section 2.2). A
// CNAME that came with it must say the same: it is not signed.
func substitute(name string, dname, cname *rrset) (string, bool) {
	to, ok := only(dname)
	if !ok {
		return "", false
	}
	prefix := name[:len(name)-len(dname.owner)]
	if dname.owner == "." {
		prefix = name
	}
	target := prefix + to
	if to == "." {
		target = prefix
	}
	target, err := canonical(target)
	if err != nil {
		return "", false // too long: the server must say YXDOMAIN
	}
	if cname != nil {
		if said, ok := only(cname); !ok || said != target {
			return "", false
		}
	}
	return target, true
}

// part judges one set and takes its state, once.
func (v *Validator) part(ctx context.Context, w *work, m *message, r *verdict, set *rrset) {
	if r.judged[set] {
		return
	}
	r.judged[set] = true
	sig, state, why := v.judge(ctx, w, m, set)
	w.note(w.step(set, sig, state, why))
	r.take(state, why)
}

// judge validates one set of records. Signatures are believed only of the
// zone that holds the owner, so that each signer is first reached from an
// anchor. A set without a good signature is insecure if the owner provably
// lies in an unsigned zone, and bogus otherwise.
func (v *Validator) judge(ctx context.Context, w *work, m *message, set *rrset) (*dns.RRSIG, State, Why) {
	why := WhyUnsigned
	if len(set.sigs) > 0 {
		why = WhySigner
	}
	for i, signer := range set.signers() {
		if i >= 3 {
			break
		}
		t := v.descend(ctx, w, signer)
		if t.state == Insecure {
			return nil, Insecure, t.why
		}
		if t.state != Secure {
			why = moreTelling(why, t.why)
			continue
		}
		sig, problem := w.verify(set, t.keys)
		if sig == nil {
			why = moreTelling(why, problem)
			continue
		}
		state, problem := w.expanded(m, set, sig, t.keys)
		return sig, state, problem
	}
	state, why := v.unsignedAt(ctx, w, holder(set.owner, set.rtype), why)
	return nil, state, why
}

// holder is a name in the zone that holds records of the type at name: a DS
// set is the parent's.
func holder(name string, rtype uint16) string {
	if rtype == dns.TypeDS {
		return parent(name)
	}
	return name
}

// expanded judges a verified set that may come from a wildcard.
func (w *work) expanded(m *message, set *rrset, sig *dns.RRSIG, keys *zoneKeys) (State, Why) {
	if int(sig.Labels) >= labelCount(set.owner) {
		return Secure, ""
	}
	d := w.gather(m, keys).noCloser(w, set.owner, int(sig.Labels))
	switch d.kind {
	case denyNothing:
		return Bogus, d.why
	case denyWeak:
		return Insecure, d.why
	}
	return Secure, ""
}

// unsignedAt is the state of what has no good signature at name, for the
// reason why.
func (v *Validator) unsignedAt(ctx context.Context, w *work, name string, why Why) (State, Why) {
	t := v.descend(ctx, w, name)
	if t.state == Secure {
		return Bogus, why
	}
	return t.state, t.why
}

// end judges a response that has nothing more for name.
func (v *Validator) end(ctx context.Context, w *work, m *message, r *verdict, name string, qtype uint16, aliases int) {
	wholeName := m.rcode == dns.RcodeNameError
	if aliases > 0 && !wholeName && !m.denies(name) {
		r.Rest = name
		return
	}
	zone, state, why := v.denied(ctx, w, m, name, qtype, wholeName)
	w.note(Step{Name: name, Type: "no " + typeName(qtype), Zone: zone, State: state, Why: why})
	r.take(state, why)
}

// denied judges the denial of name or of the type there. Proofs of several
// zones may be in one response; the closest zone above name is tried first.
func (v *Validator) denied(ctx context.Context, w *work, m *message, name string, qtype uint16, wholeName bool) (string, State, Why) {
	holds := holder(name, qtype)
	why := WhyDenial
	for i, signer := range denialSigners(m, holds) {
		if i >= 3 {
			break
		}
		t := v.descend(ctx, w, signer)
		if t.state == Insecure {
			return "", Insecure, t.why
		}
		if t.state != Secure {
			continue
		}
		d := w.gather(m, t.keys).deny(w, name, qtype, wholeName)
		switch d.kind {
		case denyType, denyName:
			return t.keys.zone, Secure, ""
		case denyWeak:
			return t.keys.zone, Insecure, d.why
		}
		why = d.why
	}
	state, why := v.unsignedAt(ctx, w, holds, why)
	return "", state, why
}

// denialSigners returns the zones at or above name that claim to have signed
// the response's proofs, the closest first.
func denialSigners(m *message, name string) []string {
	seen := map[string]bool{}
	var list []string
	for _, set := range m.authority {
		if set.rtype != dns.TypeNSEC && set.rtype != dns.TypeNSEC3 {
			continue
		}
		for _, signer := range set.signers() {
			if within(signer, name) && !seen[signer] {
				seen[signer] = true
				list = append(list, signer)
			}
		}
	}
	sortLongest(list)
	return list
}

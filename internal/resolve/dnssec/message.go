package dnssec

import (
	"errors"
	"slices"

	"github.com/miekg/dns"
)

// rrset is all records of one owner and type in one section, with the
// signatures over them.
type rrset struct {
	owner string
	rtype uint16
	rrs   []dns.RR
	sigs  []*dns.RRSIG
}

// ttl is the shortest of the set's TTLs, in seconds.
func (s *rrset) ttl() uint32 {
	least := s.rrs[0].Header().Ttl
	for _, rr := range s.rrs[1:] {
		least = min(least, rr.Header().Ttl)
	}
	return least
}

// signers returns who claims to have signed the set and could have: zones at
// or above the owner, the longest first. A DS set belongs to the parent zone,
// so the owner itself does not count there (RFC 4035 section 2.4).
func (s *rrset) signers() []string {
	var list []string
	for _, sig := range s.sigs {
		signer := dns.CanonicalName(sig.SignerName)
		if !within(signer, s.owner) || slices.Contains(list, signer) {
			continue
		}
		if s.rtype == dns.TypeDS && signer == s.owner && signer != "." {
			continue
		}
		list = append(list, signer)
	}
	sortLongest(list)
	return list
}

// sortLongest puts the names with most labels first.
func sortLongest(names []string) {
	slices.SortStableFunc(names, func(a, b string) int { return dns.CountLabel(b) - dns.CountLabel(a) })
}

// message is a response, in sets.
type message struct {
	rcode             int
	answer, authority []*rrset
}

var (
	errShape    = errors.New("not a whole response")
	errQuestion = errors.New("not a response to the question")
)

// parse reads a response to the question. The error says what is wrong with it.
func parse(raw []byte, qname string, qtype uint16) (*message, error) {
	var m dns.Msg
	if err := m.Unpack(raw); err != nil {
		return nil, errShape
	}
	if !m.Response || m.Truncated || m.Opcode != dns.OpcodeQuery {
		return nil, errShape
	}
	if len(m.Question) != 1 || m.Question[0].Qtype != qtype || m.Question[0].Qclass != dns.ClassINET ||
		dns.CanonicalName(m.Question[0].Name) != qname {
		return nil, errQuestion
	}
	return &message{rcode: m.Rcode, answer: group(m.Answer), authority: group(m.Ns)}, nil
}

// group gathers records into sets, in the order in which they come. A
// signature without records is dropped: there is nothing it could prove.
func group(rrs []dns.RR) []*rrset {
	type key struct {
		owner string
		rtype uint16
	}
	at := make(map[key]*rrset, len(rrs))
	var sets []*rrset
	for _, rr := range rrs {
		h := rr.Header()
		if h.Class != dns.ClassINET || h.Rrtype == dns.TypeRRSIG {
			continue
		}
		k := key{dns.CanonicalName(h.Name), h.Rrtype}
		if at[k] == nil {
			at[k] = &rrset{owner: k.owner, rtype: k.rtype}
			sets = append(sets, at[k])
		}
		at[k].rrs = append(at[k].rrs, rr)
	}
	for _, rr := range rrs {
		if sig, ok := rr.(*dns.RRSIG); ok && sig.Hdr.Class == dns.ClassINET {
			if set := at[key{dns.CanonicalName(sig.Hdr.Name), sig.TypeCovered}]; set != nil {
				set.sigs = append(set.sigs, sig)
			}
		}
	}
	return sets
}

// find returns the set of owner and type, or nil.
func find(sets []*rrset, owner string, rtype uint16) *rrset {
	for _, s := range sets {
		if s.rtype == rtype && s.owner == owner {
			return s
		}
	}
	return nil
}

// dnameAbove returns the DNAME set that governs name: one strictly above it,
// the closest first; nil if there is none.
func (m *message) dnameAbove(name string) *rrset {
	var best *rrset
	for _, s := range m.answer {
		if s.rtype != dns.TypeDNAME || s.owner == name || !within(s.owner, name) {
			continue
		}
		if best == nil || dns.CountLabel(s.owner) > dns.CountLabel(best.owner) {
			best = s
		}
	}
	return best
}

// denies reports whether the response speaks about its end, by the SOA record
// of a zone that name is in (RFC 2308 section 2.2). Proofs alone do not show
// that: those of a wildcard alias, or of a referral, say nothing about where
// the alias leads.
func (m *message) denies(name string) bool {
	return slices.ContainsFunc(m.authority, func(s *rrset) bool {
		return s.rtype == dns.TypeSOA && within(s.owner, name)
	})
}

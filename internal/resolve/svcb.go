package resolve

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// maxServices is how many hosts of one set of service records are followed.
const maxServices = 16

// service is the data of a record that names the host of a service: HTTPS
// (RFC 9460), MX (RFC 1035 section 3.3.9) or SRV (RFC 2782).
type service struct {
	priority uint16
	target   string       // lower case, with the final dot
	hints    []netip.Addr // of HTTPS: ipv4hint and ipv6hint
	foreign  bool         // of HTTPS: needs a key that clients do not know
	broken   bool         // of HTTPS: malformed by RFC 9460 section 2.2
}

// Keys of HTTPS records (RFC 9460 section 14.3.2) that clients of the web
// know. A record that makes any other mandatory is not for them (section 8).
const (
	keyMandatory = 0
	keyIPv4Hint  = 4
	keyIPv6Hint  = 6
	lastKnownKey = 6 // alpn, no-default-alpn, port, ech and those above
)

// isService reports whether records of the type name hosts of a service.
func isService(rtype uint16) bool {
	return rtype == dns.TypeHTTPS || rtype == dns.TypeMX || rtype == dns.TypeSRV
}

// service reads the data of a service record.
func (w *walker) service(rtype uint16, begin, end int) (*service, error) {
	fixed := 2 // priority or preference
	if rtype == dns.TypeSRV {
		fixed = 6 // weight and port besides
	}
	if end-begin <= fixed {
		return nil, errRDATA
	}
	target, after, err := w.name(begin + fixed)
	if err != nil {
		return nil, err
	}
	svc := &service{priority: binary.BigEndian.Uint16(w.msg[begin:]), target: target}
	switch {
	case after > end || rtype != dns.TypeHTTPS && after != end:
		return nil, errRDATA
	case rtype == dns.TypeHTTPS && svc.priority != 0: // alias mode ignores parameters (section 2.4.2)
		svc.broken = !svc.parameters(w.msg[after:end])
	}
	return svc, nil
}

// parameters reads the parameters of an HTTPS record and reports whether they
// are well formed: keys in strictly increasing order, no value cut short, and
// every mandatory key present (RFC 9460 sections 2.2 and 8).
func (s *service) parameters(data []byte) bool {
	last, seen := -1, map[uint16]bool{}
	var mandatory []byte
	for len(data) > 0 {
		if len(data) < 4 {
			return false
		}
		key, size := binary.BigEndian.Uint16(data), int(binary.BigEndian.Uint16(data[2:]))
		if int(key) <= last || len(data) < 4+size {
			return false
		}
		value := data[4 : 4+size]
		last, seen[key], data = int(key), true, data[4+size:]
		switch key {
		case keyMandatory:
			mandatory = value
			if len(value) == 0 {
				return false
			}
		case keyIPv4Hint:
			if !s.hint(value, 4) {
				return false
			}
		case keyIPv6Hint:
			if !s.hint(value, 16) {
				return false
			}
		}
	}
	return s.demands(mandatory, seen)
}

// hint reads the addresses of a hint, each of size bytes.
func (s *service) hint(value []byte, size int) bool {
	if len(value) == 0 || len(value)%size != 0 {
		return false
	}
	for raw := range slices.Chunk(value, size) {
		addr, _ := netip.AddrFromSlice(raw)
		s.hints = append(s.hints, addr.Unmap())
	}
	return true
}

// demands reads the list of mandatory keys.
func (s *service) demands(value []byte, seen map[uint16]bool) bool {
	if len(value)%2 != 0 {
		return false
	}
	last := keyMandatory // which must not be in its own list
	for raw := range slices.Chunk(value, 2) {
		key := binary.BigEndian.Uint16(raw)
		if int(key) <= last || !seen[key] {
			return false
		}
		last = int(key)
		s.foreign = s.foreign || key > lastKnownKey
	}
	return true
}

// step is a question that a look has to go on with.
type step struct {
	name  string
	rtype uint16
	names []string // of the chain that led here, with name as the last
	alias bool     // reached by an HTTPS record in alias mode
	link  residency.Link
}

var (
	errBrokenService = errors.New("an HTTPS record is malformed, so clients pass all of them over (RFC 9460 section 2.2)")
	errManyServices  = errors.New("the records name too many hosts")
)

// services returns what the service records at the end of a chain lead to: the
// questions to go on with, and the hints. own says that the addresses of end
// itself are asked for anyway, by the looks for address records.
//
// As a client would: an alias hides all services beside it, "." as the target
// of an alias, of an SRV or of an MX record says that there is no service, and
// in a service record that the owner itself has it; where an alias ends at a
// name without HTTPS records, the name's addresses are used (RFC 9460 sections
// 2.5 and 3; RFC 2782; RFC 7505). A domain without MX records is its own mail
// host (RFC 5321 section 5.1). Priorities do not matter: a lost connection
// makes clients try the next, so all are followed.
func (r *response) services(at step, end string, own bool) (next []step, hints []residency.Answer, err error) {
	list := r.servicesAt(end, at.rtype)
	if len(list) == 0 {
		if at.rtype == dns.TypeMX || at.alias {
			next = addressSteps(end, residency.Link{}, next)
		}
		return next, nil, nil
	}
	if slices.ContainsFunc(list, func(rec record) bool { return rec.svc.broken }) {
		return nil, nil, errBrokenService
	}
	if len(list) > maxServices {
		list, err = list[:maxServices], errManyServices
	}
	aliases := at.rtype == dns.TypeHTTPS && list[0].svc.priority == 0
	for _, rec := range list {
		target := rec.svc.target
		switch {
		case aliases && rec.svc.priority != 0, rec.svc.foreign:
			continue
		case target == "." && (aliases || at.rtype != dns.TypeHTTPS):
			continue // no such service
		case target == ".":
			target = end
		}
		link := residency.Link{Owner: plainName(end), Type: dns.TypeToString[at.rtype], Target: plainName(target), TTL: rec.ttl}
		if aliases {
			next = append(next, step{name: target, rtype: at.rtype, names: append(slices.Clone(at.names), target), alias: true, link: link})
			continue
		}
		for _, addr := range rec.svc.hints {
			hints = append(hints, residency.Answer{Address: addr, TTL: rec.ttl, Owner: plainName(target), Hint: true})
		}
		if !own || at.alias || target != end {
			next = addressSteps(target, link, next)
		}
	}
	return next, hints, err
}

// hasServices reports whether the response has service records of name.
func (r *response) hasServices(name string, rtype uint16) bool {
	return slices.ContainsFunc(r.records, func(rec record) bool { return rec.svc != nil && rec.rtype == rtype && rec.owner == name })
}

// servicesAt returns the service records of name, each target once, the ones
// that clients prefer first, and one more than are followed if there are more.
func (r *response) servicesAt(name string, rtype uint16) []record {
	var list []record
	for _, rec := range r.records {
		if rec.svc != nil && rec.rtype == rtype && rec.owner == name {
			list = append(list, rec)
		}
	}
	slices.SortStableFunc(list, func(a, b record) int { return cmp.Compare(a.svc.priority, b.svc.priority) })
	return list[:min(len(list), maxServices+1)]
}

// addressSteps adds the questions for the addresses of a host.
func addressSteps(host string, link residency.Link, to []step) []step {
	for _, rtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		to = append(to, step{name: host, rtype: rtype, names: []string{host}, link: link})
	}
	return to
}

// questionType returns the type to ask for, or 0 for one that cannot be asked.
func questionType(name string) uint16 {
	switch name {
	case "A":
		return dns.TypeA
	case "AAAA":
		return dns.TypeAAAA
	case residency.TypeHTTPS:
		return dns.TypeHTTPS
	case "MX":
		return dns.TypeMX
	case "SRV":
		return dns.TypeSRV
	}
	return 0
}

// questionName returns the name to ask for: the host, or for the HTTPS records
// of a service on a port of its own the host with the port and scheme in front
// (RFC 9460 section 9.1). Plain HTTP on its port has the records of HTTPS
// (section 9.5).
func questionName(q *residency.Question) string {
	host, port := canonical(q.Endpoint.Host), q.Endpoint.Port
	if q.Type != residency.TypeHTTPS || port == 0 || port == 80 || port == 443 {
		return host
	}
	return fmt.Sprintf("_%d._https.%s", port, host)
}

// takeServices goes on from the service records at the end of a chain: their
// hosts are asked for one after the other. More says whether there is one.
func (l *look) takeServices(end string, resp *response) (more bool) {
	at := step{name: end, rtype: l.rtype, names: l.names, alias: l.alias}
	next, hints, err := resp.services(at, end, l.first == canonical(l.obs.Endpoint.Host))
	for _, hint := range hints {
		l.add(hint)
	}
	for _, s := range next {
		if s.link != (residency.Link{}) && !slices.Contains(l.obs.Chain, s.link) {
			l.obs.Chain = append(l.obs.Chain, s.link)
		}
		if failure, why := l.set.checkStep(s); failure != "" {
			l.fail(failure, why)
			continue
		}
		if !slices.ContainsFunc(l.todo, s.same) {
			l.todo = append(l.todo, s)
		}
	}
	switch {
	case errors.Is(err, errManyServices):
		l.fail(residency.FailChainTooLong, fmt.Sprintf("%s has %v: more than %d", plainName(end), err, maxServices))
	case err != nil:
		l.fail(residency.FailMalformed, err.Error())
	}
	return l.next()
}

// same reports whether two steps ask the same.
func (s step) same(o step) bool { return s.name == o.name && s.rtype == o.rtype }

// checkStep returns the failure of a step that is not to be taken.
func (set *settings) checkStep(s step) (residency.Failure, string) {
	switch before := s.names[:len(s.names)-1]; {
	case slices.Contains(before, s.name):
		return residency.FailLoop, fmt.Sprintf("the HTTPS records come back to %s", plainName(s.name))
	case len(before) > set.maxChain:
		return residency.FailChainTooLong, fmt.Sprintf("the chain has more than %d aliases", set.maxChain)
	}
	return "", ""
}

// next begins the next step that is left and reports whether there is one. A
// look goes on after the failure of one step: the hosts of the others are
// where clients go.
func (l *look) next() bool {
	if l.done >= len(l.todo) {
		return false
	}
	if len(l.obs.Exchanges) >= lookRequests {
		l.fail(residency.FailChainTooLong, fmt.Sprintf("the records lead on and on: %d requests for one look are enough", lookRequests))
		return false
	}
	s := l.todo[l.done]
	l.done++
	l.name, l.rtype, l.names, l.alias = s.name, s.rtype, s.names, s.alias
	return true
}

// add adds an address, unless the look has it; a record says more than a hint.
func (l *look) add(a residency.Answer) {
	i := slices.IndexFunc(l.obs.Addresses, func(b residency.Answer) bool { return a.Address == b.Address })
	switch {
	case i < 0:
		l.obs.Addresses = append(l.obs.Addresses, a)
	case l.obs.Addresses[i].Hint && !a.Hint:
		l.obs.Addresses[i] = a
	}
}

// found takes the addresses of one host.
func (l *look) found(list []residency.Answer) {
	if l.obs.Addresses == nil {
		l.obs.Addresses = list
		return
	}
	for _, a := range list {
		l.add(a)
	}
}

package resolve

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// maxCookies is how often a server may not take our cookie before it is asked
// without.
const maxCookies = 3

// look is one question at one server on its way to an observation. It does no
// I/O: query gives the next request, take reads its response and says whether
// another is needed.
type look struct {
	obs      residency.Observation
	server   *Server
	set      *settings
	name     string    // asked now: lower case, with the final dot
	rtype    uint16    // 0 for a type that cannot be asked
	names    []string  // every name of the chain so far, to find loops
	few      [4]string // where names begins: most chains are short
	level    int       // how much EDNS the server is asked with
	plain    string    // rcode with which the server refused more; "" if it did not
	cookies  int       // how often the server did not take our cookie
	overTCP  bool      // ask over TCP at once
	habits   *habits
	weighted bool // obs.Tailoring holds a response's value

	rooms rooms
	first string // the name first asked
	todo  []step // what service records led to
	done  int    // how many of these were begun
	alias bool   // the name was reached by an HTTPS record in alias mode

	validator Validator // nil: responses are not validated
	used      []*judged // the responses to validate
}

// start makes a look whose question is set ready for its first query.
func (l *look) start(ln *line, at time.Time) {
	l.server, l.set, l.name = &ln.server, ln.set, questionName(&l.obs.Question)
	l.rtype, l.first = questionType(l.obs.Type), l.name
	l.names = append(l.few[:0], l.name)
	l.obs.Resolver, l.obs.Server, l.obs.Via, l.obs.Operator = ln.server.Name, ln.way.text, ln.viaText, ln.operator
	l.obs.Authoritative, l.obs.Local = ln.server.Authoritative, ln.server.standsIn(l.obs.Market)
	l.obs.TailoringWhy = "no answer came"
	l.obs.At = at
	l.obs.Chain, l.obs.Exchanges = l.rooms.chain, l.rooms.exchanges
	l.habits, l.validator = ln.habits, ln.validator
	if t := ln.way.transport; t == overTLS || t == overHTTPS {
		// There the server is known anyway, and a cookie would only tie our
		// looks together.
		l.cookies = maxCookies
	}
	l.level, l.plain = ln.habits.begin(l.obs.At)
}

// query builds the next request.
func (l *look) query(q *query) error {
	if l.rtype == 0 {
		return fmt.Errorf("type %q cannot be asked, only A, AAAA, HTTPS, MX and SRV", l.obs.Type)
	}
	ask := asking{
		subnet: l.obs.Subnet.Prefix, recurse: !l.server.Authoritative,
		edns: l.level < ednsNone, udpSize: l.set.udpSize, mix: l.set.mixCase,
		secure: l.validator != nil, unchecked: l.validator != nil,
	}
	if l.level == ednsFull {
		ask.nsid = true
		if l.cookies < maxCookies {
			ask.cookie = l.habits.sends()
		}
	}
	return q.build(l.name, l.rtype, ask)
}

// fail notes why the look, or the part of it under way, has no answer. The
// first failure is kept.
func (l *look) fail(f residency.Failure, why string) {
	if l.obs.Failure != "" {
		return
	}
	l.obs.Failure = f
	l.obs.Detail = fmt.Sprintf("%s, %s: %s", serverText(l.obs.Resolver, l.obs.Server), questionText(l.obs.Question), why)
}

// take reads the response to q and reports whether another request is needed
// before the look is complete.
func (l *look) take(q *query, resp *response, rtt time.Duration) (more bool) {
	l.obs.Rcode, l.obs.RTT = rcodeName(resp.rcode), rtt
	l.noteEDNS(resp)
	if l.refused(q, resp) {
		return true
	}
	l.habits.answered(l.level, l.plain, l.obs.At)
	l.weigh(q, resp)
	end, failure := l.follow(resp)
	switch i := slices.IndexFunc(resp.errors, residency.ExtendedError.Forged); {
	case i >= 0:
		l.fail(residency.FailIntercepted, "the server says itself that this is not the real answer: "+resp.errors[i].String())
		return l.next()
	case resp.rcode != dns.RcodeSuccess:
		f, why := rcodeFailure(resp.rcode)
		l.fail(f, why+aboutName(end, l.first)+besides(resp.errors))
		return l.next()
	case failure != "":
		l.fail(failure, l.chainTrouble(failure, end))
		return l.next()
	case isService(q.rtype) && (resp.hasServices(end, q.rtype) || end == q.name || resp.deniesAt(end)):
		if end == q.name && resp.isReferral() && len(resp.records) == 0 {
			l.fail(residency.FailLame, "the server knows nothing of the name and names other servers"+aboutName(end, l.first))
		}
		return l.takeServices(end, resp)
	}
	var room []residency.Answer
	if l.obs.Addresses == nil {
		room = l.rooms.addresses
	}
	if found := addressesAt(room, end, q.rtype, resp); len(found) > 0 {
		if q.rtype == dns.TypeAAAA {
			unmap64(found, l.habits.prefixes64())
		}
		l.found(found)
		return l.next()
	}
	if resp.deniesAt(end) {
		return l.next() // NODATA, proved for the end of the chain
	}
	if end != q.name {
		l.name = end // the chain leads out of this response: ask on
		return true
	}
	if resp.isReferral() {
		l.fail(residency.FailLame, "the server knows nothing of the name and names other servers"+aboutName(end, l.first))
	}
	return l.next() // NODATA
}

// noteEDNS keeps what the response says of itself.
func (l *look) noteEDNS(resp *response) {
	l.obs.Flags, l.obs.NSID, l.obs.Errors = resp.flags, l.habits.machine(resp.nsid), resp.errors
}

// refused reports whether the response only says that the server wants to be
// asked with less EDNS, or with another cookie, and sees to it that it is.
//
// A server that does not know EDNS gives its rcode without an OPT record, and
// is asked without any (RFC 6891 section 7). One that has it and still finds
// the format wrong dislikes an option: those that nothing depends on go first.
func (l *look) refused(q *query, resp *response) bool {
	switch {
	case q.cookie != nil && resp.rcode == dns.RcodeBadCookie:
		// RFC 7873 section 5.3: again with the cookie it gave, then over TCP,
		// then without any.
		l.cookies++
		l.overTCP = l.cookies > 1
		return true
	case !q.edns || !refusesEDNS(resp.rcode):
		return false
	case resp.opt && resp.rcode == dns.RcodeFormatError && l.level == ednsFull:
		l.level = ednsBare
	default:
		l.level = ednsNone
	}
	l.plain = rcodeName(resp.rcode)
	return true
}

// refusesEDNS reports whether an rcode is that of a server that does not
// understand EDNS, or not our version of it (RFC 6891 sections 6.1.3 and 7).
func refusesEDNS(rcode int) bool {
	return rcode == dns.RcodeFormatError || rcode == dns.RcodeNotImplemented || rcode == dns.RcodeBadVers
}

// besides puts what the server said of a failure besides the rcode into words.
func besides(list []residency.ExtendedError) string {
	if len(list) == 0 {
		return ""
	}
	return "; the server adds: " + list[0].String()
}

// weigh notes what the response says about client subnets. Along a chain the
// weakest link counts.
func (l *look) weigh(q *query, resp *response) {
	t, why := tailor(q, resp, l.server, l.obs.Local)
	if !q.edns && l.plain != "" {
		why += " (it answered EDNS with " + l.plain + ")"
	}
	if q.name != l.first {
		why += aboutName(q.name, l.first)
	}
	if !l.weighted || t < l.obs.Tailoring {
		l.obs.Tailoring, l.obs.TailoringWhy, l.weighted = t, why, true
	}
	l.obs.Returned, l.obs.Scope = netip.Prefix{}, 0
	if resp.subnet.present && !resp.subnet.broken {
		l.obs.Returned, l.obs.Scope = resp.subnet.prefix, resp.subnet.scope
	}
}

// follow walks the aliases that the response has from the name asked, adds
// them to the chain, and returns the name at their end. Records may stand in
// any order; those of other names are passed over.
func (l *look) follow(resp *response) (end string, f residency.Failure) {
	name := l.name
	for {
		links, next, err := resp.aliasOf(l.obs.Chain, name)
		if err != nil {
			return name, residency.FailMalformed
		}
		if next == "" {
			return name, ""
		}
		l.obs.Chain = links
		if slices.Contains(l.names, next) {
			return next, residency.FailLoop
		}
		if len(l.names) > l.set.maxChain {
			return next, residency.FailChainTooLong
		}
		l.names = append(l.names, next)
		name = next
	}
}

// chainTrouble puts a failure of the chain into words.
func (l *look) chainTrouble(f residency.Failure, at string) string {
	switch f {
	case residency.FailLoop:
		return fmt.Sprintf("the chain of aliases comes back to %s", plainName(at))
	case residency.FailChainTooLong:
		return fmt.Sprintf("the chain has more than %d aliases", l.set.maxChain)
	}
	return fmt.Sprintf("the DNAME record above %s leads to a name that is too long", plainName(at))
}

// aliasOf appends the links that lead from name to the next name, which is ""
// when there is none. A DNAME record above the name comes with the CNAME that
// the server made from it (RFC 6672 section 3.1), or, from some servers,
// without; both are links, and lead to one name.
func (r *response) aliasOf(to []residency.Link, name string) (links []residency.Link, next string, err error) {
	cname, found := r.cnameAt(name)
	for _, rec := range r.records {
		if rec.rtype != dns.TypeDNAME || rec.owner == name || !dns.IsSubDomain(rec.owner, name) {
			continue
		}
		made, fit := substitute(name, rec)
		switch {
		case found && fit && made == cname.target:
			return append(to, link(rec), link(cname)), made, nil
		case found:
			continue // the alias at the name itself is the closer word
		case !fit:
			return to, "", errLongName
		}
		return append(to, link(rec)), made, nil
	}
	if !found {
		return to, "", nil
	}
	return append(to, link(cname)), cname.target, nil
}

var errLongName = fmt.Errorf("substitute DNAME: %w", dns.ErrLongDomain)

// cnameAt returns the first CNAME record at name.
func (r *response) cnameAt(name string) (record, bool) {
	i := slices.IndexFunc(r.records, func(rec record) bool { return rec.rtype == dns.TypeCNAME && rec.owner == name })
	if i < 0 {
		return record{}, false
	}
	return r.records[i], true
}

// substitute puts the target of a DNAME record in the place of its owner, the
// end of name (RFC 6672 section 2.2). It reports false if the result is longer
// than a name may be.
func substitute(name string, dname record) (string, bool) {
	head := strings.TrimSuffix(name, strings.TrimPrefix(dname.owner, "."))
	if dname.target == "." {
		return head, true
	}
	made := head + dname.target
	_, ok := dns.IsDomainName(made)
	return made, ok
}

func link(rec record) residency.Link {
	return residency.Link{
		Owner: plainName(rec.owner), Type: dns.TypeToString[rec.rtype],
		Target: plainName(rec.target), TTL: rec.ttl,
	}
}

// addressesAt returns the addresses of name, each once with its lowest TTL, in
// the order of the response. room is memory for them, or nil.
func addressesAt(room []residency.Answer, name string, rtype uint16, resp *response) []residency.Answer {
	list := room[:0]
	if list == nil && len(resp.records) > 0 {
		list = make([]residency.Answer, 0, len(resp.records))
	}
	var at map[netip.Addr]int // only for sets too large to search
	if len(resp.records) > 32 {
		at = make(map[netip.Addr]int, len(resp.records))
	}
	for _, rec := range resp.records {
		if rec.rtype != rtype || rec.owner != name {
			continue
		}
		i, again := at[rec.addr]
		if at == nil {
			i = slices.IndexFunc(list, func(a residency.Answer) bool { return a.Address == rec.addr })
			again = i >= 0
		}
		if again {
			list[i].TTL = min(list[i].TTL, rec.ttl)
			continue
		}
		if at != nil {
			at[rec.addr] = len(list)
		}
		list = append(list, residency.Answer{Address: rec.addr, TTL: rec.ttl, Owner: plainName(name)})
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// deniesAt reports whether the response proves that name has no record of the
// type asked: the SOA record of a zone that holds the name (RFC 2308 section 2.2).
func (r *response) deniesAt(name string) bool {
	return slices.ContainsFunc(r.soas, func(zone string) bool { return dns.IsSubDomain(zone, name) })
}

// isReferral reports whether a response without answer sends us to other
// servers: NS records, and neither authority nor SOA (RFC 2308 section 2.2.1).
// It says nothing about the name, so it must not pass for NODATA.
func (r *response) isReferral() bool { return r.ns && !r.aa && len(r.soas) == 0 }

// rcodeFailure returns the failure of an rcode other than NOERROR, in a word
// and in words.
func rcodeFailure(rcode int) (residency.Failure, string) {
	switch rcode {
	case dns.RcodeNameError:
		return residency.FailNXDomain, "the name does not exist (NXDOMAIN)"
	case dns.RcodeServerFailure:
		return residency.FailServfail, "the server could not find out (SERVFAIL)"
	case dns.RcodeRefused:
		return residency.FailRefused, "the server refuses to answer (REFUSED)"
	case dns.RcodeFormatError:
		return residency.FailFormerr, "the server does not understand the question (FORMERR)"
	case dns.RcodeNotImplemented:
		return residency.FailNotimp, "the server does not do this kind of question (NOTIMP)"
	}
	return residency.FailOtherRcode, "the server answered " + rcodeName(rcode)
}

// aboutName returns " for NAME" when the name is not the one first asked.
func aboutName(name, first string) string {
	if name == first {
		return ""
	}
	return " for " + plainName(name)
}

// questionText puts a question into words.
func questionText(q residency.Question) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", q.Endpoint.Host, q.Type)
	if q.Market.Known() {
		b.WriteString(" for " + q.Market.String())
	}
	if q.Subnet.Prefix.IsValid() {
		b.WriteString(" through " + q.Subnet.Prefix.String())
	}
	return b.String()
}

// serverText names a server: "google 8.8.8.8:53".
func serverText(name, addr string) string {
	return strings.TrimSpace(name + " " + addr)
}

// waited puts a number of tries into words.
func waited(timeout time.Duration, tries int) string {
	if tries == 1 {
		return fmt.Sprintf("no answer within %v", timeout)
	}
	return fmt.Sprintf("no answer to %d tries of %v each", tries, timeout)
}

package residency

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
)

const sightSchema = "residency/sight/v1"

// Sight returns the canonical bytes of everything of the round that was
// judged: the endpoint, what had to be asked, the looks, and for each address
// they showed the hash of its location.
//
// Nothing that differs between two rounds that showed the same is in it: no
// time, delay, TTL or message, no name of a machine behind a resolver's
// address, and no order. Looks that are the same in all that is kept are
// written once, with their number.
func (r Round) Sight() []byte {
	where := make(map[netip.Addr]Hash, len(r.Locations))
	for addr, loc := range r.Locations {
		where[addr] = HashOf(loc.Canonical())
	}
	return r.AppendSight(nil, where)
}

// AppendSight appends to b what Sight returns, for a caller that knows the
// hash of each location.
func (r Round) AppendSight(b []byte, where map[netip.Addr]Hash) []byte {
	w := &canon{b}
	w.open('{')
	w.str("schema", sightSchema)
	w.key("endpoint")
	appendEndpoint(w, &r.Endpoint)
	words(w, "types", r.Types)
	appendMarkets(w, r.Markets)
	words(w, "degraded", r.Degraded)
	words(w, "untrusted", untrusted(r.Surveys))
	appendLooks(w, r.Observations)
	appendHashes(w, "locations", r.Shown(), where)
	w.shut('}')
	return w.b
}

// Shown returns the addresses that the round's own looks showed, and the
// endpoint's where it is one, sorted.
func (r Round) Shown() []netip.Addr {
	list := make([]netip.Addr, 0, 1+len(r.Locations))
	if r.Endpoint.Address.IsValid() {
		list = append(list, r.Endpoint.Address)
	}
	for i := range r.Observations {
		for _, a := range r.Observations[i].Addresses {
			if !slices.Contains(list[max(0, len(list)-few):], a.Address) {
				list = append(list, a.Address)
			}
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

// few is how many of the latest addresses are gone through for one that is there
// already; sorting finds the others.
const few = 16

// untrusted names the address families to which no measured delay can be
// believed.
func untrusted(surveys []Survey) []string {
	var list []string
	for _, f := range families {
		if Distrusted(surveys, f.any) {
			list = append(list, f.name)
		}
	}
	return list
}

var families = [...]struct {
	name string
	any  netip.Addr
}{{"ipv4", netip.IPv4Unspecified()}, {"ipv6", netip.IPv6Unspecified()}}

func appendEndpoint(w *canon, e *Endpoint) {
	w.open('{')
	w.str("vendor", e.Vendor)
	w.str("service", e.Service)
	w.str("host", e.Host)
	w.str("role", e.Role.String())
	w.addr("address", e.Address)
	w.num("port", int64(e.Port))
	w.str("records", e.Records)
	w.time("retired", e.Retired)
	w.shut('}')
}

// appendMarkets writes what each market had to be asked. The order of markets
// and of their subnets is that of the codes and the addresses.
func appendMarkets(w *canon, markets []Market) {
	w.key("markets")
	w.open('[')
	for _, m := range sorted(markets, func(a, b Market) int { return strings.Compare(a.Code.String(), b.Code.String()) }) {
		w.sep()
		w.open('{')
		w.str("market", m.Code.String())
		w.key("subnets")
		w.open('[')
		for _, s := range sorted(m.Subnets, func(a, b ClientSubnet) int { return a.Prefix.Compare(b.Prefix) }) {
			w.sep()
			w.open('{')
			w.prefix("prefix", s.Prefix)
			w.yes("displaced", s.Displaced)
			w.shut('}')
		}
		w.shut(']')
		w.shut('}')
	}
	w.shut(']')
}

// sorted returns the list in order. One that is so already is not copied.
func sorted[T any](list []T, compare func(a, b T) int) []T {
	if slices.IsSortedFunc(list, compare) {
		return list
	}
	list = slices.Clone(list)
	slices.SortFunc(list, compare)
	return list
}

// piece is where the members of a look are in what was written.
type piece struct{ from, to int }

// appendLooks writes the looks in the order of their bytes, equal ones once.
// They mostly come in that order, and then stay as they are written.
func appendLooks(w *canon, looks []Observation) {
	w.key("looks")
	w.open('[')
	begin := len(w.b)
	pieces := make([]piece, len(looks))
	inOrder := true
	for i := range looks {
		w.sep()
		w.open('{')
		from := len(w.b)
		appendLook(w, &looks[i])
		pieces[i] = piece{from, len(w.b)}
		w.shut('}')
		inOrder = inOrder && (i == 0 || bytes.Compare(w.body(pieces[i-1]), w.body(pieces[i])) < 0)
	}
	if !inOrder {
		reorder(w, begin, pieces)
	}
	w.shut(']')
}

func (w *canon) body(p piece) []byte { return w.b[p.from:p.to] }

// reorder writes the looks anew from where the first begins, equal ones once
// with their number.
func reorder(w *canon, begin int, pieces []piece) {
	written := canon{slices.Clone(w.b)}
	w.b = w.b[:begin]
	slices.SortFunc(pieces, func(a, b piece) int { return bytes.Compare(written.body(a), written.body(b)) })
	for i := 0; i < len(pieces); {
		n := i + 1
		for n < len(pieces) && bytes.Equal(written.body(pieces[n]), written.body(pieces[i])) {
			n++
		}
		w.sep()
		w.open('{')
		if n-i > 1 {
			w.num("n", int64(n-i))
			w.sep()
		}
		w.b = append(w.b, written.body(pieces[i])...)
		w.shut('}')
		i = n
	}
}

// appendLook writes the members of one look.
func appendLook(w *canon, o *Observation) {
	w.str("market", o.Market.String())
	w.prefix("subnet", o.Subnet.Prefix)
	w.yes("displaced", o.Subnet.Displaced)
	w.str("type", o.Type)
	w.str("resolver", o.Resolver)
	w.str("operator", o.Operator)
	w.str("server", o.Server)
	w.yes("authoritative", o.Authoritative)
	w.yes("local", o.Local)
	w.str("rcode", o.Rcode)
	w.str("failure", string(o.Failure))
	w.str("tailoring", o.Tailoring.String())
	w.prefix("returned", o.Returned)
	w.num("scope", int64(o.Scope))
	if o.DNSSEC != nil {
		w.str("dnssec", string(o.DNSSEC.State))
	}
	appendChain(w, o.Chain)
	appendAnswers(w, o.Addresses)
	if len(o.Path) > 0 {
		w.key("path")
		w.open('[')
		for i := range o.Path {
			w.sep()
			w.quote(o.Path[i].Zone)
		}
		w.shut(']')
	}
}

// appendChain writes aliases in their order, which is theirs by nature. Service
// records branch, and servers give them in any order, so a chain with one is
// sorted.
func appendChain(w *canon, chain []Link) {
	if len(chain) == 0 {
		return
	}
	if slices.ContainsFunc(chain, func(l Link) bool { return l.Type != "CNAME" && l.Type != "DNAME" }) {
		chain = slices.Clone(chain)
		slices.SortFunc(chain, func(a, b Link) int {
			if c := strings.Compare(a.Owner, b.Owner); c != 0 {
				return c
			}
			if c := strings.Compare(a.Type, b.Type); c != 0 {
				return c
			}
			return strings.Compare(a.Target, b.Target)
		})
	}
	w.key("chain")
	w.open('[')
	for _, l := range chain {
		w.sep()
		w.open('{')
		w.str("owner", l.Owner)
		w.str("type", l.Type)
		w.str("target", l.Target)
		w.shut('}')
	}
	w.shut(']')
}

// appendAnswers writes addresses in their order, each record once.
func appendAnswers(w *canon, list []Answer) {
	if len(list) == 0 {
		return
	}
	list = sorted(list, compareAnswers)
	w.key("addresses")
	w.open('[')
	for i, a := range list {
		if i > 0 && compareAnswers(a, list[i-1]) == 0 {
			continue
		}
		w.sep()
		w.open('{')
		w.addr("address", a.Address)
		w.str("owner", a.Owner)
		w.addr("dns64", a.DNS64)
		w.yes("hint", a.Hint)
		w.shut('}')
	}
	w.shut(']')
}

func compareAnswers(a, b Answer) int {
	if c := a.Address.Compare(b.Address); c != 0 {
		return c
	}
	if c := strings.Compare(a.Owner, b.Owner); c != 0 {
		return c
	}
	if c := a.DNS64.Compare(b.DNS64); c != 0 {
		return c
	}
	switch {
	case a.Hint == b.Hint:
		return 0
	case b.Hint:
		return -1
	}
	return 1
}

// appendHashes writes which location each address has, in the order given.
func appendHashes(w *canon, name string, addrs []netip.Addr, where map[netip.Addr]Hash) {
	if len(addrs) == 0 {
		return
	}
	w.key(name)
	w.open('[')
	for _, a := range addrs {
		w.sep()
		w.open('{')
		w.addr("address", a)
		w.hash("sha256", where[a])
		w.shut('}')
	}
	w.shut(']')
}

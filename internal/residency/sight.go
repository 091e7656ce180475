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
	var shown []netip.Addr
	for addr := range r.Shown() {
		shown = append(shown, addr)
	}
	appendHashes(w, "locations", shown, where)
	w.shut('}')
	return w.b
}

// Shown returns the addresses that the round's own looks showed, and the
// endpoint's where it is one.
func (r Round) Shown() map[netip.Addr]bool {
	shown := make(map[netip.Addr]bool, len(r.Locations))
	if r.Endpoint.Address.IsValid() {
		shown[r.Endpoint.Address] = true
	}
	for i := range r.Observations {
		for _, a := range r.Observations[i].Addresses {
			shown[a.Address] = true
		}
	}
	return shown
}

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
	list := slices.Clone(markets)
	slices.SortFunc(list, func(a, b Market) int { return strings.Compare(a.Code.String(), b.Code.String()) })
	for _, m := range list {
		w.sep()
		w.open('{')
		w.str("market", m.Code.String())
		w.key("subnets")
		w.open('[')
		subnets := slices.Clone(m.Subnets)
		slices.SortFunc(subnets, func(a, b ClientSubnet) int { return a.Prefix.Compare(b.Prefix) })
		for _, s := range subnets {
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

// appendLooks writes the looks in the order of their bytes, equal ones once.
func appendLooks(w *canon, looks []Observation) {
	type piece struct{ from, to int }
	scratch := canon{make([]byte, 0, 256*len(looks))}
	pieces := make([]piece, len(looks))
	for i := range looks {
		from := len(scratch.b)
		scratch.open('{') // for sep
		appendLook(&scratch, &looks[i])
		pieces[i] = piece{from + 1, len(scratch.b)}
	}
	body := func(p piece) []byte { return scratch.b[p.from:p.to] }
	slices.SortFunc(pieces, func(a, b piece) int { return bytes.Compare(body(a), body(b)) })
	w.key("looks")
	w.open('[')
	for i := 0; i < len(pieces); {
		n := i + 1
		for n < len(pieces) && bytes.Equal(body(pieces[n]), body(pieces[i])) {
			n++
		}
		w.sep()
		w.open('{')
		if n-i > 1 {
			w.num("n", int64(n-i))
			w.sep()
		}
		w.b = append(w.b, body(pieces[i])...)
		w.shut('}')
		i = n
	}
	w.shut(']')
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
	if !slices.IsSortedFunc(list, compareAnswers) {
		list = slices.Clone(list)
		slices.SortFunc(list, compareAnswers)
	}
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

// appendHashes writes which location each address has.
func appendHashes(w *canon, name string, addrs []netip.Addr, where map[netip.Addr]Hash) {
	if len(addrs) == 0 {
		return
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
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

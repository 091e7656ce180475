package lab

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"residency/internal/residency"
)

// index is a scenario made ready to answer from. It is not changed once made.
type index struct {
	hosts    map[string]*host // lower-case, with the trailing dot
	zones    map[string]*zone // by apex, in the same form
	networks map[netip.Prefix]residency.Country
	lengths4 []int // lengths of the IPv4 networks, longest first
	lengths6 []int
	pools    int // answers that have a pool
}

// host is one name and its answers over time.
type host struct {
	zone    *zone
	anybody []entry                       // for whoever is in no market named by an answer
	markets map[residency.Country][]entry // for those, the answers for anybody merged in
}

// entry is one Answer made ready; entries are sorted, the later one counts.
type entry struct {
	from     time.Time
	specific bool
	nxdomain bool
	a        [][4]byte
	aaaa     [][16]byte
	cname    dnsmessage.Name
	target   string // key of cname in index.hosts, "" for no alias
	ttl      uint32
	scope    int
	global   bool
	kind     PoolKind
	size     int
	seed     uint64
	pool     int // number of its pool
}

// zone is the part of the name space below an apex: the last two labels of a
// host. Real zones are cut elsewhere; for a replay this is enough.
type zone struct {
	apex dnsmessage.Name
	soa  dnsmessage.SOAResource
}

// newIndex compiles a scenario that check found no fault with.
func newIndex(s *Scenario) *index {
	x := &index{hosts: map[string]*host{}, zones: map[string]*zone{}, networks: map[netip.Prefix]residency.Country{}}
	for _, m := range s.Markets {
		for _, p := range m.networks() {
			x.networks[p.Masked()] = m.Code
		}
	}
	for p := range x.networks {
		if p.Addr().Is4() {
			x.lengths4 = append(x.lengths4, p.Bits())
		} else {
			x.lengths6 = append(x.lengths6, p.Bits())
		}
	}
	x.lengths4, x.lengths6 = longestFirst(x.lengths4), longestFirst(x.lengths6)

	byHost := map[string][]entryOf{}
	for _, a := range s.Answers {
		byHost[fqdn(a.Host)] = append(byHost[fqdn(a.Host)], entryOf{newEntry(a, x.pools), a.Markets})
		if a.Pool != "" {
			x.pools++
		}
	}
	for name, answers := range byHost {
		x.hosts[name] = newHost(answers, x.zoneOf(name))
	}
	return x
}

func longestFirst(lengths []int) []int {
	slices.Sort(lengths)
	slices.Reverse(lengths)
	return slices.Compact(lengths)
}

// fqdn returns the form of a name that the index uses as a key.
func fqdn(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) + "." }

// apexOf returns the last two labels of a name in key form.
func apexOf(name string) string {
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".") + "."
}

func (x *index) zoneOf(name string) *zone {
	apex := apexOf(name)
	z := x.zones[apex]
	if z == nil {
		z = newZone(apex)
		x.zones[apex] = z
	}
	return z
}

func newZone(apex string) *zone {
	return &zone{apex: dnsmessage.MustNewName(apex), soa: dnsmessage.SOAResource{
		NS:   dnsmessage.MustNewName("ns.lab.invalid."),
		MBox: dnsmessage.MustNewName("nobody.lab.invalid."),
		// MinTTL is how long a "no" may be kept (RFC 2308 section 4).
		Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, MinTTL: DefaultTTL,
	}}
}

// entryOf is an entry and the markets that it speaks about.
type entryOf struct {
	entry
	markets []residency.Country
}

func newHost(answers []entryOf, z *zone) *host {
	h := &host{zone: z, markets: map[residency.Country][]entry{}}
	named := map[residency.Country]bool{}
	for _, a := range answers {
		for _, c := range a.markets {
			named[c] = true
		}
	}
	for _, a := range answers {
		e := a.entry
		switch {
		case len(a.markets) == 0:
			h.anybody = append(h.anybody, e)
			for c := range named {
				h.markets[c] = append(h.markets[c], e)
			}
		default:
			for _, c := range a.markets {
				h.markets[c] = append(h.markets[c], e)
			}
		}
	}
	sortEntries(h.anybody)
	for _, list := range h.markets {
		sortEntries(list)
	}
	return h
}

func sortEntries(list []entry) {
	slices.SortStableFunc(list, func(a, b entry) int {
		if c := a.from.Compare(b.from); c != 0 || a.specific == b.specific {
			return c
		}
		if a.specific {
			return 1
		}
		return -1
	})
}

// newEntry makes an answer ready; pool is the number of its pool, if it has one.
func newEntry(a Answer, pool int) entry {
	e := entry{
		from: a.From, specific: len(a.Markets) > 0, nxdomain: a.NXDomain,
		ttl: a.TTL, scope: a.Scope, global: a.Global,
		kind: a.Pool, size: a.Size, seed: a.Seed, pool: pool,
	}
	if e.ttl == 0 {
		e.ttl = DefaultTTL
	}
	if a.CNAME != "" {
		e.target = fqdn(a.CNAME)
		e.cname = dnsmessage.MustNewName(e.target)
	}
	for _, addr := range a.Addresses {
		if addr.Is4() {
			e.a = append(e.a, addr.As4())
		} else {
			e.aaaa = append(e.aaaa, addr.As16())
		}
	}
	return e
}

// market returns the market of a client subnet by the longest network that
// holds it, and that network's length.
func (x *index) market(p netip.Prefix) (residency.Country, int) {
	lengths := x.lengths4
	if p.Addr().Is6() {
		lengths = x.lengths6
	}
	for _, bits := range lengths {
		if bits > p.Bits() {
			continue
		}
		network, err := p.Addr().Prefix(bits)
		if err != nil {
			continue
		}
		if c, ok := x.networks[network]; ok {
			return c, bits
		}
	}
	return 0, 0
}

// at returns what the host answers to a market at a time; false when nothing
// has been said of it yet.
func (h *host) at(market residency.Country, now time.Time) (*entry, bool) {
	list, ok := h.markets[market]
	if !ok {
		list = h.anybody
	}
	for i := len(list) - 1; i >= 0; i-- {
		if !list[i].from.After(now) {
			return &list[i], true
		}
	}
	return nil, false
}

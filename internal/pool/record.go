package pool

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"residency/internal/residency"
)

// NegativeTTL is how long an answer without addresses and aliases is taken to
// be repeated from a recursive server's cache, as the looks do not keep what
// its SOA said: the longest that RFC 2308 section 5 finds sensible.
const NegativeTTL = 3 * time.Hour

// Key is one way of asking for an endpoint's addresses as users of a market:
// its answers come from one pool.
type Key struct {
	Market   residency.Country
	Subnet   netip.Prefix // not valid: asked without a client subnet
	Type     string       // record type
	Resolver string       // configured name
	Server   string       // address and port that answered
}

// KeyOf returns the key that the look belongs to.
func KeyOf(o residency.Observation) Key {
	return Key{Market: o.Market, Subnet: o.Subnet.Prefix, Type: o.Type, Resolver: o.Resolver, Server: o.Server}
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Market, b.Market), a.Subnet.Compare(b.Subnet), cmp.Compare(a.Type, b.Type),
		cmp.Compare(a.Resolver, b.Resolver), cmp.Compare(a.Server, b.Server))
}

// Draw is the addresses of one drawn answer, in the order of the answer.
type Draw struct {
	At        time.Time
	Addresses []netip.Addr
}

// Record is the draws of one key in order of time.
type Record struct {
	Key           Key
	Authoritative bool
	Draws         []Draw

	// Fresh is when the last answer has run out of every cache on the way, so
	// that the next one is a draw. Always past for an authoritative server.
	Fresh time.Time
}

// Drawn is the draws of one endpoint by key. The zero value is empty and ready
// for use. It must not be used by two goroutines at a time.
type Drawn struct{ records []*Record } // sorted by key

// Gather returns the draws among the looks, which may be in any order.
func Gather(looks []residency.Observation) *Drawn {
	d := &Drawn{}
	d.Add(looks)
	return d
}

// Add takes in the draws among the looks of one endpoint, which may be in any
// order but must be later than those added before, and returns how many there
// were. Looks that gave no answer, or were not about their market, are none, nor
// are those at service records (HTTPS, MX, SRV), which put several questions.
func (d *Drawn) Add(looks []residency.Observation) int {
	order := make([]*residency.Observation, 0, len(looks))
	for i := range looks {
		if looks[i].Meets() && (looks[i].Type == "A" || looks[i].Type == "AAAA") {
			order = append(order, &looks[i])
		}
	}
	slices.SortStableFunc(order, func(a, b *residency.Observation) int { return a.At.Compare(b.At) })
	drawn := 0
	for _, o := range order {
		if d.record(KeyOf(*o)).add(o) {
			drawn++
		}
	}
	return drawn
}

// record returns the record of a key, an empty one for a new key.
func (d *Drawn) record(k Key) *Record {
	i, known := slices.BinarySearchFunc(d.records, k, func(r *Record, k Key) int { return compareKeys(r.Key, k) })
	if !known {
		d.records = slices.Insert(d.records, i, &Record{Key: k})
	}
	return d.records[i]
}

// add takes the look as a draw if it is one.
func (r *Record) add(o *residency.Observation) bool {
	r.Authoritative = o.Authoritative
	if !o.Authoritative && len(r.Draws) > 0 && o.At.Before(r.Fresh) {
		return false
	}
	draw := Draw{At: o.At, Addresses: make([]netip.Addr, len(o.Addresses))}
	for i, a := range o.Addresses {
		draw.Addresses[i] = a.Address
	}
	r.Draws = append(r.Draws, draw)
	r.Fresh = o.At
	if !o.Authoritative {
		r.Fresh = o.At.Add(ttlOf(o))
	}
	return true
}

// ttlOf returns the longest TTL of the answer. An alias that is still in a
// cache would lead the next answer the same way, so the draw is new only when
// every part of it has run out.
func ttlOf(o *residency.Observation) time.Duration {
	if len(o.Chain)+len(o.Addresses) == 0 {
		return NegativeTTL
	}
	longest := uint32(0)
	for _, l := range o.Chain {
		longest = max(longest, l.TTL)
	}
	for _, a := range o.Addresses {
		longest = max(longest, a.TTL)
	}
	return time.Duration(longest) * time.Second
}

// Of returns the records of a market, sorted by key.
func (d *Drawn) Of(market residency.Country) []*Record {
	var list []*Record
	for _, r := range d.records {
		if r.Key.Market == market {
			list = append(list, r)
		}
	}
	return list
}

// Forget drops what was drawn before the given time, and of each record all
// but the newest draws.
func (d *Drawn) Forget(before time.Time, newest int) {
	d.records = slices.DeleteFunc(d.records, func(r *Record) bool {
		r.Draws = slices.DeleteFunc(r.Draws, func(x Draw) bool { return x.At.Before(before) })
		r.Draws = slices.Delete(r.Draws, 0, max(0, len(r.Draws)-newest))
		return len(r.Draws) == 0 && r.Fresh.Before(before)
	})
}

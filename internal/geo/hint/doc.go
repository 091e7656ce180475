// Package hint reads places out of host names: the targets of aliases and the
// names of addresses (PTR). Providers write the region into the names of their
// machines, and people name machines after airports and cities.
//
//	h, err := hint.New(prefix.Regions())
//	said = h.Assert([]string{"x-5630734.us-west-2.elb.amazonaws.com"}, said)
//
// A name promises and an address proves: whoever makes the name can write what
// he likes into it, so a hint is shown beside an address and is never a voice
// about it. Its use is the contradiction: a name that says Singapore and an
// address in Beijing.
package hint

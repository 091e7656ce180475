package residency

import "net/netip"

// Market is the users of a vendor in one country, and how they are looked
// for: by client subnets that DNS servers are told of (RFC 7871). A look made
// that way from elsewhere is synthetic, and said to be so.
type Market struct {
	Code    Country
	Name    string
	Subnets []ClientSubnet
}

// ClientSubnet is a network of a market's users, at most 24 bits of an IPv4
// and 56 bits of an IPv6 address (RFC 7871 section 11.1).
type ClientSubnet struct {
	Prefix netip.Prefix

	// Chosen is true when the program picked it and the configuration did not.
	Chosen bool

	// Displaced is true when, located again at the start of a run, the subnet
	// is not in its market. Looks through it are no looks of the market.
	Displaced bool

	// Located is where the subnet was found to be at the start of the run.
	Located Countries
}

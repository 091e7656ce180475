package residency

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// The forms in which a sight is read.
type (
	sightJSON struct {
		Schema    string         `json:"schema"`
		Endpoint  endpointJSON   `json:"endpoint"`
		Types     []string       `json:"types"`
		Markets   []marketJSON   `json:"markets"`
		Degraded  []string       `json:"degraded"`
		Untrusted []string       `json:"untrusted"`
		Looks     []lookJSON     `json:"looks"`
		Locations []locationHash `json:"locations"`
	}
	endpointJSON struct {
		Vendor  string     `json:"vendor"`
		Service string     `json:"service"`
		Host    string     `json:"host"`
		Role    Role       `json:"role"`
		Address netip.Addr `json:"address"`
		Port    uint16     `json:"port"`
		Records string     `json:"records"`
		Retired time.Time  `json:"retired"`
	}
	marketJSON struct {
		Market  Country `json:"market"`
		Subnets []struct {
			Prefix    netip.Prefix `json:"prefix"`
			Displaced bool         `json:"displaced"`
		} `json:"subnets"`
	}
	lookJSON struct {
		N             int          `json:"n"`
		Market        Country      `json:"market"`
		Subnet        netip.Prefix `json:"subnet"`
		Displaced     bool         `json:"displaced"`
		Type          string       `json:"type"`
		Resolver      string       `json:"resolver"`
		Operator      string       `json:"operator"`
		Server        string       `json:"server"`
		Authoritative bool         `json:"authoritative"`
		Local         bool         `json:"local"`
		Rcode         string       `json:"rcode"`
		Failure       Failure      `json:"failure"`
		Tailoring     Tailoring    `json:"tailoring"`
		Returned      netip.Prefix `json:"returned"`
		Scope         int          `json:"scope"`
		DNSSEC        DNSSECState  `json:"dnssec"`
		Chain         []Link       `json:"chain"`
		Addresses     []answerJSON `json:"addresses"`
		Path          []string     `json:"path"`
	}
	answerJSON struct {
		Address netip.Addr `json:"address"`
		Owner   string     `json:"owner"`
		DNS64   netip.Addr `json:"dns64"`
		Hint    bool       `json:"hint"`
	}
	locationHash struct {
		Address netip.Addr `json:"address"`
		SHA256  Hash       `json:"sha256"`
	}
)

func (s *sightJSON) schema() string { return s.Schema }

// maxSame bounds how many equal looks a sight may say there were: more than
// any run asks.
const maxSame = 1 << 16

// ParseSight reads the bytes that Sight writes. The round has no times, no
// cells and no locations: those are the bodies named by the hashes.
func ParseSight(data []byte) (Round, map[netip.Addr]Hash, error) {
	var s sightJSON
	if err := readCanonical(data, sightSchema, &s); err != nil {
		return Round{}, nil, err
	}
	e := s.Endpoint
	r := Round{Types: s.Types, Degraded: s.Degraded, Endpoint: Endpoint{
		Vendor: e.Vendor, Service: e.Service, Host: e.Host, Role: e.Role, Address: e.Address,
		Port: e.Port, Records: e.Records, Retired: e.Retired,
	}}
	for _, m := range s.Markets {
		market := Market{Code: m.Market}
		for _, sub := range m.Subnets {
			market.Subnets = append(market.Subnets, ClientSubnet{Prefix: sub.Prefix, Displaced: sub.Displaced})
		}
		r.Markets = append(r.Markets, market)
	}
	if len(s.Untrusted) > 0 {
		r.Surveys = []Survey{distrusting(s.Untrusted)}
	}
	total := 0
	for i := range s.Looks {
		l := &s.Looks[i]
		n := max(l.N, 1)
		if total += n; total > maxSame {
			return Round{}, nil, fmt.Errorf("read %s: more than %d looks", sightSchema, maxSame)
		}
		r.Observations = append(r.Observations, slices.Repeat([]Observation{l.look(r.Endpoint)}, n)...)
	}
	where := make(map[netip.Addr]Hash, len(s.Locations))
	for _, l := range s.Locations {
		where[l.Address] = l.SHA256
	}
	return r, where, nil
}

// distrusting is a survey that says of its families what the sight kept.
func distrusting(names []string) Survey {
	const why = "the delays measured then could not be believed"
	var s Survey
	if slices.Contains(names, families[0].name) {
		s.WhyNot4 = why
	}
	if slices.Contains(names, families[1].name) {
		s.WhyNot6 = why
	}
	return s
}

// look makes the observation again, as far as it was kept.
func (l *lookJSON) look(e Endpoint) Observation {
	o := Observation{
		Question: Question{Endpoint: e, Market: l.Market, Subnet: ClientSubnet{Prefix: l.Subnet, Displaced: l.Displaced}, Type: l.Type},
		Resolver: l.Resolver, Operator: l.Operator, Server: l.Server, Authoritative: l.Authoritative, Local: l.Local,
		Rcode: l.Rcode, Failure: l.Failure, Tailoring: l.Tailoring, Returned: l.Returned, Scope: l.Scope, Chain: l.Chain,
	}
	if l.DNSSEC != "" {
		o.DNSSEC = &DNSSEC{State: l.DNSSEC}
	}
	for _, a := range l.Addresses {
		o.Addresses = append(o.Addresses, Answer{Address: a.Address, Owner: a.Owner, DNS64: a.DNS64, Hint: a.Hint})
	}
	for _, zone := range l.Path {
		o.Path = append(o.Path, Delegation{Zone: zone})
	}
	return o
}

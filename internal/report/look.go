package report

import (
	"strings"

	"residency/internal/residency"
)

func lookOf(o *residency.Observation) jsonLook {
	return jsonLook{
		Server: o.Server, Resolver: o.Resolver, Transport: o.Transport, Type: o.Type,
		ClientSubnet: prefix(o.Subnet.Prefix), Returned: prefix(o.Returned), Scope: o.Scope,
		Tailoring: o.Tailoring, Rcode: o.Rcode, Failure: o.Failure, Detail: o.Detail,
		RTT: float64(o.RTT.Microseconds()) / 1000, At: o.At, Path: o.Path,
	}
}

// serverOf names the server of a look: as configured, or as the zone above
// names it.
func serverOf(o *residency.Observation) string {
	name := o.Resolver
	if n := len(o.Path); n > 0 {
		name += " " + o.Path[n-1].Server
	}
	return clean(strings.Join(strings.Fields(name+" "+o.Server+" "+o.Transport), " "))
}

// recordOf names the record that an address of a look came from.
func recordOf(o *residency.Observation, a residency.Answer) string {
	kind := o.Type
	if kind != "A" && kind != "AAAA" { // a service record, which leads to both
		kind = "AAAA"
		if a.Address.Is4() {
			kind = "A"
		}
	}
	if a.Hint {
		return o.Type + " hint"
	}
	return kind
}

// reached is how the servers of looks were found from the root; and for an
// endpoint that is an address, that there was nothing to find.
func reached(looks []*residency.Observation, cell *residency.Cell) section {
	s := section{Title: "How the name servers were found", Header: []string{"zone", "its name server", "asked at"}}
	if cell.Endpoint.Address.IsValid() {
		s.Title = "Why nothing was asked"
		s.Lines = []string{"What is named is an address and no host name: every user is sent to it, so it is judged as it is."}
		return s
	}
	seen := map[residency.Delegation]bool{}
	for _, o := range looks {
		for _, d := range o.Path {
			if !seen[d] {
				seen[d] = true
				at := d.Address
				if at == "" {
					at = "no address to ask"
				}
				s.Rows = append(s.Rows, []string{clean(d.Zone), clean(d.Server), clean(at)})
			}
		}
	}
	return s
}

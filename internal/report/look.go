package report

import (
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// jsonLook is one look in JSON.
type jsonLook struct {
	Server       string              `json:"server"`
	Resolver     string              `json:"resolver"`
	Operator     string              `json:"operator,omitempty"` // who runs it, where that is known
	Transport    string              `json:"transport"`
	Type         string              `json:"type"`
	ClientSubnet string              `json:"client_subnet"`
	Returned     string              `json:"returned"`
	Scope        int                 `json:"scope"`
	Tailoring    residency.Tailoring `json:"tailoring"`
	Rcode        string              `json:"rcode"`
	Failure      residency.Failure   `json:"failure"`
	Detail       string              `json:"detail,omitempty"`
	RTT          float64             `json:"rtt_ms"`
	At           time.Time           `json:"at"`

	// Path is how the server was found from the root, where it was.
	Path []residency.Delegation `json:"path,omitempty"`

	Via    string                    `json:"via,omitempty"` // proxy
	Flags  string                    `json:"flags,omitempty"`
	NSID   string                    `json:"nsid,omitempty"`
	Errors []residency.ExtendedError `json:"extended_errors,omitempty"`
	DNSSEC *residency.DNSSEC         `json:"dnssec,omitempty"` // where it was validated
}

func lookOf(o *residency.Observation) jsonLook {
	return jsonLook{
		Server: o.Server, Resolver: o.Resolver, Operator: o.Operator, Transport: o.Transport, Type: o.Type,
		ClientSubnet: prefix(o.Subnet.Prefix), Returned: prefix(o.Returned), Scope: o.Scope,
		Tailoring: o.Tailoring, Rcode: o.Rcode, Failure: o.Failure, Detail: o.Detail,
		RTT: float64(o.RTT.Microseconds()) / 1000, At: o.At, Path: o.Path,
		Via: o.Via, Flags: o.Flags.String(), NSID: o.NSID, Errors: o.Errors, DNSSEC: o.DNSSEC,
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

// onTheWire is the exchange that showed the address which decides: one about
// the market before any other, one that cannot depend on who asked first.
func onTheWire(looks []*residency.Observation, cell *residency.Cell) section {
	s := section{Title: "On the wire"}
	worst := worstFirst(cell.Addresses)
	rank := func(o *residency.Observation) int {
		switch {
		case len(o.Exchanges) == 0,
			len(worst) > 0 && !slices.ContainsFunc(o.Addresses, func(a residency.Answer) bool { return a.Address == worst[0].Address }):
			return 0
		case !o.OfMarket():
			return 1
		case !o.Local && o.Tailoring < residency.TailoringGlobal:
			return 2
		}
		return 3
	}
	var o *residency.Observation
	for _, look := range looks {
		if r := rank(look); r > 0 && (o == nil || r > rank(o)) {
			o = look
		}
	}
	if o == nil {
		return s
	}
	x := o.Exchanges[len(o.Exchanges)-1]
	s.Facts = []fact{{"asked", clean(x.Name + " " + o.Type + " of " + x.Server + " over " + x.Transport)}, {"at", x.At.UTC().Format("2006-01-02 15:04:05.000000Z")}}
	s.Facts = append(s.Facts, besides(o)...)
	if o.Answered() && !o.OfMarket() {
		s.Facts = append(s.Facts, fact{"note", "an answer meant for our own location, not for users of this market"})
	}
	s.Wire = []wire{{"request", x.Request}, {"response", x.Response}}
	return s
}

// besides is what the last response said of itself.
func besides(o *residency.Observation) []fact {
	var list []fact
	add := func(name, value string) {
		if value != "" {
			list = append(list, fact{name, clean(value)})
		}
	}
	add("through", o.Via)
	add("flags", o.Flags.String())
	add("given by machine", o.NSID)
	for _, e := range o.Errors {
		add("the server adds", e.String())
	}
	if o.DNSSEC != nil {
		add("signatures", o.DNSSEC.Sentence())
		add("chain of trust", o.DNSSEC.Path())
	}
	return list
}

package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"residency/internal/residency"
)

// check tells all that is wrong with the scenario, whether it was read from a
// file or put together by a test. The function at gives the line of a key; it
// may be nil.
func (s *Scenario) check(at func(key string) int) error {
	var problems []problem
	problems = append(problems, s.checkServers()...)
	problems = append(problems, s.checkMarkets()...)
	problems = append(problems, s.checkClaims()...)
	problems = append(problems, s.checkAnswers()...)
	for i := 1; i < len(s.Steps); i++ {
		if !s.Steps[i].At.After(s.Steps[i-1].At) {
			problems = append(problems, problemf("step", i, "on", "does not come after the step before it"))
		}
	}
	for i, r := range s.Ranges {
		if r.Provider == "" || r.File == "" || strings.ContainsAny(r.File, `/\`) {
			problems = append(problems, problemf("provider_ranges", i, "", "wants a provider, and a file beside the scenario"))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	for i := range problems {
		if at != nil {
			problems[i].line = at(problems[i].key)
		}
	}
	return problemError(s.Name, problems)
}

func (s *Scenario) checkServers() []problem {
	var problems []problem
	if len(s.Servers) == 0 {
		problems = append(problems, problem{key: "server", text: "none, so there is nobody to ask"})
	}
	seen := map[string]bool{}
	for i, srv := range s.Servers {
		if srv.Name == "" || seen[srv.Name] {
			problems = append(problems, problemf("server", i, "name", "%q is empty or used twice", srv.Name))
		}
		seen[srv.Name] = true
		if len(srv.NSID) > 128 {
			problems = append(problems, problemf("server", i, "nsid", "longer than 128 bytes"))
		}
		for j, f := range srv.Faults {
			if text := f.wrong(); text != "" {
				problems = append(problems, problemf("server", i, fmt.Sprintf("fault[%d]", j), "%s", text))
			}
		}
	}
	return problems
}

// wrong says what is wrong with the fault, "" for nothing.
func (f Fault) wrong() string {
	_, known := rcodeByName(f.Rcode)
	switch {
	case !slices.Contains(FaultKinds(), f.Kind):
		return fmt.Sprintf("%q is no kind of fault", f.Kind)
	case f.Every < 0:
		return "every is below 0"
	case (f.Kind == FaultDelay) != (f.Delay > 0):
		return "delay goes with kind delay, and is above 0"
	case (f.Kind == FaultRcode) != known:
		return fmt.Sprintf("rcode goes with kind rcode, and %q is none that can be answered", f.Rcode)
	case f.Host != "" && !validName(f.Host):
		return fmt.Sprintf("%q is no host name", f.Host)
	case f.Transport != "" && f.Transport != "udp" && f.Transport != "tcp":
		return fmt.Sprintf("%q is not udp or tcp", f.Transport)
	}
	return ""
}

func (s *Scenario) checkMarkets() []problem {
	var problems []problem
	markets := map[residency.Country]bool{}
	networks := map[netip.Prefix]bool{}
	for i, m := range s.Markets {
		if !m.Code.Known() || markets[m.Code] {
			problems = append(problems, problemf("market", i, "code", "%q is no country or is used twice", m.Code))
		}
		markets[m.Code] = true
		for _, p := range append(slices.Clone(m.Subnets), m.Networks...) {
			if !p.IsValid() || p.Masked() != p || p.Bits() == 0 || p.Addr().Is4In6() {
				problems = append(problems, problemf("market", i, "", "%s is no network", p))
			}
		}
		for _, p := range m.networks() {
			if networks[p] {
				problems = append(problems, problemf("market", i, "networks", "%s belongs to another market already", p))
			}
			networks[p] = true
		}
		for _, p := range m.Subnets {
			if !slices.ContainsFunc(m.networks(), func(n netip.Prefix) bool { return n.Bits() <= p.Bits() && n.Contains(p.Addr()) }) {
				problems = append(problems, problemf("market", i, "client_subnets", "%s is in none of the market's networks", p))
			}
		}
	}
	return problems
}

func (s *Scenario) checkClaims() []problem {
	var problems []problem
	services := map[string]bool{}
	for i, svc := range s.Services {
		if svc.ID == "" || services[svc.ID] {
			problems = append(problems, problemf("service", i, "id", "%q is empty or used twice", svc.ID))
		}
		services[svc.ID] = true
		for j, e := range svc.Endpoints {
			if !s.answered(e.Host) {
				problems = append(problems, problemf("service", i, fmt.Sprintf("endpoint[%d].host", j), "%q has no answer", e.Host))
			}
		}
	}
	claims := map[string]bool{}
	for i, c := range s.Claims {
		if c.ID == "" || claims[c.ID] {
			problems = append(problems, problemf("claim", i, "id", "%q is empty or used twice", c.ID))
		}
		claims[c.ID] = true
		for _, id := range c.Services {
			if !services[id] {
				problems = append(problems, problemf("claim", i, "services", "%q is no service", id))
			}
		}
		for _, m := range c.Markets {
			if !s.hasMarket(m) {
				problems = append(problems, problemf("claim", i, "markets", "%q is no market of the scenario", m))
			}
		}
		if len(c.Services) == 0 || len(c.Regions) == 0 {
			problems = append(problems, problemf("claim", i, "", "wants services and regions"))
		}
	}
	return problems
}

func (s *Scenario) checkAnswers() []problem {
	var problems []problem
	for i, a := range s.Answers {
		add := func(field, format string, args ...any) {
			problems = append(problems, problemf("answer", i, field, format, args...))
		}
		if !validName(a.Host) {
			add("host", "%q is no host name", a.Host)
		}
		for _, m := range a.Markets {
			if !s.hasMarket(m) && !s.isPlace(m) {
				add("markets", "%q is no market of the scenario and no server's place", m)
			}
		}
		switch kinds := a.kinds(); {
		case kinds != 1:
			add("", "has %d of addresses, cname, nxdomain and nodata; want one", kinds)
		case slices.ContainsFunc(a.Addresses, func(addr netip.Addr) bool { return !addr.IsValid() || addr.Is4In6() || addr.Zone() != "" }):
			add("", "has an address that cannot be in an A or AAAA record")
		case a.CNAME != "" && !validName(a.CNAME):
			add("cname", "%q is no host name", a.CNAME)
		case a.CNAME != "" && !s.answered(a.CNAME):
			add("cname", "%q has no answer; say nxdomain if it does not exist", a.CNAME)
		case !slices.Contains([]PoolKind{"", PoolWhole, PoolRotate, PoolRandom}, a.Pool):
			add("pool", "%q is not whole, rotate or random", a.Pool)
		case a.Size < 0 || a.Size > len(a.Addresses) || a.Size > 0 && (a.Pool == "" || a.Pool == PoolWhole):
			add("size", "%d is more than there are addresses, or the pool is not rotate or random", a.Size)
		case a.Pool != "" && len(a.Addresses) == 0:
			add("pool", "goes with addresses")
		case a.Seed != 0 && a.Pool != PoolRandom:
			add("seed", "goes with pool random")
		case a.Scope < 0 || a.Scope > 128 || a.Global && a.Scope != 0:
			add("scope", "%d is not within 0 and 128, or global is set too", a.Scope)
		}
	}
	return problems
}

// kinds counts the ways in which the answer says what it is.
func (a Answer) kinds() int {
	n := 0
	for _, said := range []bool{len(a.Addresses) > 0, a.CNAME != "", a.NXDomain, a.NoData} {
		if said {
			n++
		}
	}
	return n
}

func (s *Scenario) answered(host string) bool {
	return slices.ContainsFunc(s.Answers, func(a Answer) bool { return fqdn(a.Host) == fqdn(host) })
}

func (s *Scenario) hasMarket(c residency.Country) bool {
	return slices.ContainsFunc(s.Markets, func(m Market) bool { return m.Code == c })
}

func (s *Scenario) isPlace(c residency.Country) bool {
	return slices.ContainsFunc(s.Servers, func(srv Server) bool { return srv.Place == c && c.Known() })
}

// validName reports whether a name fits into a message: labels of 1 to 63 bytes,
// 255 in all on the wire (RFC 1035 section 2.3.4), and printable.
func validName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return false
		}
	}
	return true
}

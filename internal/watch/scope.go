package watch

import (
	"iter"
	"slices"

	"residency/internal/residency"
)

// scope knows which claims cover which endpoint in which market, without
// going through all claims for each.
type scope struct {
	engine   *Engine
	services map[service][]covered
}

type service struct{ vendor, id string }

// covered is one market of a service, and the claims about it.
type covered struct {
	market *residency.Market
	claims []int // places in Engine.Claims
}

func newScope(e *Engine) *scope { return &scope{engine: e, services: map[service][]covered{}} }

// of returns the markets that claims cover the endpoint for, in the order of
// the configuration. Once a pass has begun all is known, and several goroutines
// may ask.
func (s *scope) of(e *residency.Endpoint) []covered {
	key := service{e.Vendor, e.Service}
	list, known := s.services[key]
	if !known {
		for i := range s.engine.Markets {
			c := covered{market: &s.engine.Markets[i]}
			for j := range s.engine.Claims {
				if s.engine.Claims[j].Covers(*e, c.market.Code) {
					c.claims = append(c.claims, j)
				}
			}
			if len(c.claims) > 0 {
				list = append(list, c)
			}
		}
		s.services[key] = list
	}
	return list
}

// subnets returns those to ask through; one that is none where there are none.
func subnets(m *residency.Market) []residency.ClientSubnet {
	if len(m.Subnets) == 0 {
		return []residency.ClientSubnet{{}}
	}
	return m.Subnets
}

// each yields what is to be asked about an endpoint: as every market that it
// is covered for, through every client subnet, for every type.
func (s *scope) each(e *residency.Endpoint) iter.Seq[residency.Question] {
	return func(yield func(residency.Question) bool) {
		types := e.Types(s.engine.types())
		for _, c := range s.of(e) {
			for _, sub := range subnets(c.market) {
				for _, typ := range types {
					if !yield(residency.Question{Endpoint: *e, Market: c.market.Code, Subnet: sub, Type: typ}) {
						return
					}
				}
			}
		}
	}
}

// questions lists what is to be asked about endpoints.
func (s *scope) questions(endpoints []residency.Endpoint) []residency.Question {
	var list []residency.Question
	for i := range endpoints {
		list = slices.AppendSeq(list, s.each(&endpoints[i]))
	}
	return list
}

// count returns how many questions there are about endpoints, by their places.
func (s *scope) count(places []int) int {
	n := 0
	for _, i := range places {
		e := &s.engine.Endpoints[i]
		types := len(e.Types(s.engine.types()))
		for _, c := range s.of(e) {
			n += types * len(subnets(c.market))
		}
	}
	return n
}

// probe picks the question that tests the resolvers: a live endpoint through a
// client subnet, if there is one; false when there is nothing to ask.
func (s *scope) probe(endpoints []residency.Endpoint) (residency.Question, bool) {
	var first residency.Question
	found := false
	for i := range endpoints {
		for q := range s.each(&endpoints[i]) {
			if q.Subnet.Prefix.IsValid() && !q.Subnet.Displaced && q.Endpoint.Retired.IsZero() {
				return q, true
			}
			if !found {
				first, found = q, true
			}
		}
	}
	return first, found
}

// looks counts the looks that the endpoint's questions are, at resolvers as
// they were probed.
func (s *scope) looks(e *residency.Endpoint, resolvers []residency.ResolverStatus) int {
	n, types := 0, len(e.Types(s.engine.types()))
	for _, c := range s.of(e) {
		asked := 0
		for i := range resolvers {
			if resolvers[i].Asked(c.market.Code) {
				asked++
			}
		}
		n += asked * len(subnets(c.market)) * types
	}
	return n
}

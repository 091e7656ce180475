package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// atOnce is how many servers of a zone one look asks at the same time.
const atOnce = 8

// tree is one look of iterative mode. It begins at the name of the endpoint
// and grows a branch for each distinct name that some server answers with.
type tree struct {
	*walk
	q     residency.Question
	rtype uint16
	first string
	queue []*node
	seen  map[nodeKey]bool
	out   []residency.Observation
	used  [][]*judged // by index of out: the responses it rests on
}

// node is a name to ask all servers of its zone for, and how it was come by.
type node struct {
	step
	zone  *cut // nil: to be found
	chain []residency.Link
	path  []residency.Delegation
	proof []residency.Exchange
	used  []*judged // responses that led here, to be validated

	weighted  bool // tailoring is that of the weakest response that led here
	tailoring residency.Tailoring
	why       string
}

// nodeKey tells nodes apart; zone is "" unless a referral named it.
type nodeKey struct {
	name  string
	rtype uint16
	zone  string
}

func (n *node) key() nodeKey {
	k := nodeKey{name: n.name, rtype: n.rtype}
	if n.zone != nil {
		k.zone = n.zone.zone
	}
	return k
}

func newTree(it *iteration, ctx context.Context, q residency.Question) *tree {
	return &tree{
		walk: newWalk(it, ctx), q: q, rtype: questionType(q.Type), first: questionName(&q),
		seen: map[nodeKey]bool{},
	}
}

// grow makes the look.
func (t *tree) grow() {
	t.plant([]*node{{step: step{name: t.first, rtype: t.rtype, names: []string{t.first}}}})
	for len(t.queue) > 0 {
		n := t.queue[0]
		t.queue = t.queue[1:]
		t.visit(n)
	}
	if len(t.out) == 0 {
		t.refuse(residency.FailLame, "no server gave an answer that could be used")
	}
}

// plant adds nodes that are new. Nodes for one name are one: that with the
// strongest tailoring stands for all, the first of equals.
func (t *tree) plant(list []*node) {
	for i, n := range list {
		for _, o := range list[i+1:] {
			if o.key() == n.key() && o.tailoring > n.tailoring {
				*n = *o
			}
		}
		if t.seen[n.key()] {
			continue
		}
		if len(t.seen) >= maxNames {
			t.refuse(residency.FailChainTooLong, fmt.Sprintf("the answers lead to more than %d names", maxNames))
			return
		}
		t.seen[n.key()] = true
		t.queue = append(t.queue, n)
	}
}

// refuse ends the look, or a part of it, with an observation of no server.
func (t *tree) refuse(f residency.Failure, why string) {
	l := look{obs: t.blank()}
	l.fail(f, why)
	t.add(&l)
}

// add adds what a look came to.
func (t *tree) add(l *look) {
	t.out, t.used = append(t.out, l.obs), append(t.used, l.used)
}

func (t *tree) blank() residency.Observation {
	return residency.Observation{
		Question: t.q, Resolver: t.it.server.Name, Operator: t.it.server.Operator, Authoritative: true,
		TailoringWhy: "no answer came", At: t.it.set.now(),
	}
}

// visit asks the servers of a node's zone and takes what they say.
func (t *tree) visit(n *node) {
	c := n.zone
	if c == nil {
		var bad *trouble
		if c, bad = t.zoneOf(n.name, nil); bad != nil && t.ctx.Err() != nil {
			t.refuse(bad.failure, bad.why+aboutName(n.name, t.first))
			return
		}
		// After any other trouble every server is asked all the same, so that
		// each has its failure.
	}
	servers := t.servers(c)
	if len(servers) == 0 {
		t.refuse(residency.FailLame, fmt.Sprintf("the zone %s names no server", plainName(c.zone)))
		return
	}
	q := query0{name: n.name, rtype: n.rtype, tries: t.it.set.tries, secure: t.it.validator != nil}
	if dns.CountLabel(c.zone) >= t.it.opt.SubnetLabels {
		q.subnet = t.q.Subnet.Prefix
	}
	replies := make([]outcome, len(servers))
	each(len(servers), func(i int) { replies[i] = t.ask(servers[i], q) })
	var next []*node
	for i, ns := range servers {
		next = append(next, t.take(n, c, ns, replies[i])...)
	}
	t.plant(next)
}

// servers returns the servers of a zone that are to be asked, with their
// addresses. Two names for one address are one server.
func (t *tree) servers(c *cut) []nameServer {
	list := slices.Clone(t.it.sampled(t.allServers(c), t.q))
	each(len(list), func(i int) { list[i] = t.found(list[i], nil) })
	taken := map[string]bool{}
	return slices.DeleteFunc(list, func(ns nameServer) bool {
		if len(ns.addrs) == 0 {
			return false
		}
		again := taken[ns.addrs[0]]
		taken[ns.addrs[0]] = true
		return again
	})
}

// each calls do for 0 to n-1, several at a time, and returns when all are done.
func each(n int, do func(i int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	wg.Wait()
}

// take makes an observation of a server's reply, or the nodes it leads to.
func (t *tree) take(n *node, c *cut, ns nameServer, r outcome) []*node {
	l := t.lookAt(n, c, ns, r)
	if r.resp == nil {
		l.fail(r.failure, r.why+aboutName(n.name, t.first))
		return t.leaf(l)
	}
	l.obs.Rcode, l.habits = rcodeName(r.resp.rcode), t.it.end(r.addr).line.habits
	l.noteEDNS(r.resp)
	if i := slices.IndexFunc(r.resp.errors, residency.ExtendedError.Forged); i >= 0 {
		l.fail(residency.FailIntercepted, "the server says itself that this is not the real answer: "+r.resp.errors[i].String())
		return t.leaf(l)
	}
	switch s, child, f, why := c.weigh(n.name, r.resp); s {
	case unfit:
		l.fail(f, why+aboutName(n.name, t.first)+besides(r.resp.errors))
		return t.leaf(l)
	case refers:
		d := t.delegate(c, ns, r, child)
		return []*node{{step: n.step, zone: d, chain: n.chain, path: n.path, proof: n.proof, used: n.used,
			weighted: n.weighted, tailoring: n.tailoring, why: n.why}}
	}
	l.uses(r.q, r.resp, r.tried[len(r.tried)-1].Response)
	l.plain = r.plain // for the words
	l.weigh(r.q, r.resp)
	if n.weighted && n.tailoring <= l.obs.Tailoring {
		l.obs.Tailoring, l.obs.TailoringWhy = n.tailoring, n.why
	}
	return t.follow(l, n, c, r)
}

// lookAt returns a look that stands where the reply came.
func (t *tree) lookAt(n *node, c *cut, ns nameServer, r outcome) *look {
	l := &look{
		server: &t.it.server, set: t.it.set, name: n.name, rtype: n.rtype,
		first: t.first, names: slices.Clone(n.names), alias: n.alias, obs: t.blank(),
		validator: t.it.validator, used: slices.Clone(n.used),
	}
	o := &l.obs
	o.Server = r.addr
	o.Chain = slices.Clone(n.chain)
	o.Path = slices.Concat(n.path, c.path, []residency.Delegation{c.step(ns, r.addr)})
	o.Exchanges = slices.Concat(n.proof, c.proof, r.tried)
	if len(r.tried) > 0 {
		last := r.tried[len(r.tried)-1]
		o.At, o.Transport, o.RTT = r.tried[0].At, last.Transport, last.RTT
	}
	return l
}

// leaf ends a branch.
func (t *tree) leaf(l *look) []*node {
	l.askedBy()
	t.add(l)
	return nil
}

// askedBy puts the name server before the failure of a look.
func (l *look) askedBy() {
	if len(l.obs.Path) > 0 && l.obs.Failure != "" {
		last := l.obs.Path[len(l.obs.Path)-1]
		l.obs.Detail = fmt.Sprintf("%s of the zone %s, asked by %s", last.Server, last.Zone, l.obs.Detail)
	}
}

// follow goes along the aliases of an answer, as far as the server has a say:
// records of names outside of its zone are passed over (bailiwick).
func (t *tree) follow(l *look, n *node, c *cut, r outcome) []*node {
	resp := *r.resp
	resp.records = slices.DeleteFunc(slices.Clone(resp.records), func(rec record) bool { return !dns.IsSubDomain(c.zone, rec.owner) })
	resp.soas = slices.DeleteFunc(slices.Clone(resp.soas), func(zone string) bool { return !dns.IsSubDomain(c.zone, zone) })
	end, failure := l.follow(&resp)
	inside := dns.IsSubDomain(c.zone, end)
	switch {
	case failure != "":
		l.fail(failure, l.chainTrouble(failure, end))
		return t.leaf(l)
	case inside && resp.rcode == dns.RcodeNameError:
		f, why := rcodeFailure(resp.rcode)
		l.fail(f, why+aboutName(end, t.first))
		return t.leaf(l)
	case !inside:
		return []*node{t.branch(l, step{name: end, rtype: l.rtype, names: l.names, alias: l.alias})}
	case isService(l.rtype) && (resp.hasServices(end, l.rtype) || end == n.name || resp.deniesAt(end)):
		return t.spread(l, end, &resp)
	}
	l.obs.Addresses = addressesAt(nil, end, l.rtype, &resp)
	if l.rtype == dns.TypeAAAA {
		unmap64(l.obs.Addresses, l.habits.prefixes64())
	}
	if len(l.obs.Addresses) > 0 || end == n.name || resp.deniesAt(end) {
		return t.leaf(l)
	}
	return []*node{t.branch(l, step{name: end, rtype: l.rtype, names: l.names, alias: l.alias})}
}

// spread goes on from the service records of an answer.
func (t *tree) spread(l *look, end string, resp *response) (next []*node) {
	at := step{name: end, rtype: l.rtype, names: l.names, alias: l.alias}
	steps, hints, err := resp.services(at, end, t.first == canonical(t.q.Endpoint.Host))
	for _, s := range steps {
		if failure, why := t.it.set.checkStep(s); failure != "" {
			l.fail(failure, why)
			continue
		}
		next = append(next, t.branch(l, s))
	}
	for _, hint := range hints {
		l.add(hint)
	}
	switch {
	case errors.Is(err, errManyServices):
		l.fail(residency.FailChainTooLong, fmt.Sprintf("%s has %v: more than %d", plainName(end), err, maxServices))
	case err != nil:
		l.fail(residency.FailMalformed, err.Error())
	}
	if len(next) == 0 || len(hints) > 0 || l.obs.Failure != "" {
		t.leaf(l)
	}
	return next
}

// branch returns the node for a step that an answer leads to.
func (t *tree) branch(l *look, s step) *node {
	n := &node{
		step: s, chain: slices.Clone(l.obs.Chain), path: l.obs.Path, proof: l.obs.Exchanges, used: l.used,
		weighted: true, tailoring: l.obs.Tailoring, why: l.obs.TailoringWhy,
	}
	if s.link != (residency.Link{}) {
		n.chain = append(n.chain, s.link)
	}
	return n
}

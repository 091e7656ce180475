package resolve

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"residency/internal/residency"
)

// Controls are questions whose answers are known, put to a server to see
// whether it, and the path to it, can be believed.
type Controls struct {
	// Known are names with their IPv4 addresses. Another address in the answer
	// means that somebody changes answers.
	Known []Known

	// Signed is a name with a good DNSSEC signature and an IPv4 address, Bogus
	// one whose signature is wrong. They are asked by Examine only.
	Signed, Bogus string

	// Nowhere is an address at which no server can be. An answer from there
	// means that something on the path answers every query to port 53.
	Nowhere string
}

// Known is a name and all the IPv4 addresses it has.
type Known struct {
	Name      string
	Addresses []netip.Addr
}

// DefaultControls are names that have not changed in ten years or more and that
// nobody has a reason to filter: two of the root servers, a name that its
// owner signs wrongly for tests like ours, one that is signed rightly, and an
// address that is for documentation only (RFC 5737).
func DefaultControls() *Controls {
	return &Controls{
		Known: []Known{
			{"a.root-servers.net", []netip.Addr{netip.AddrFrom4([4]byte{198, 41, 0, 4})}},
			{"k.root-servers.net", []netip.Addr{netip.AddrFrom4([4]byte{193, 0, 14, 129})}},
		},
		Signed: "www.iana.org", Bogus: "dnssec-failed.org", Nowhere: "192.0.2.53:53",
	}
}

// Names of the checks.
const (
	checkSubnets  = "client-subnets"
	checkNXDomain = "nxdomain"
	checkControls = "controls"
	checkPath     = "path"
	checkDNS64    = "dns64"
	checkDNSSEC   = "dnssec"
)

const (
	// testedFor is how long the result of the controls is believed.
	testedFor = time.Hour
	// nowhereWait is how long to wait for an answer that must not come. What
	// answers in place of others is near.
	nowhereWait = 500 * time.Millisecond
	only4       = "ipv4only.arpa" // RFC 7050 section 8
)

// tested is what came of the controls at one server.
type tested struct {
	at     time.Time
	checks []residency.ResolverCheck
}

// examine tests the controls of a server that answers, and takes it for dead
// if its answers are not to be believed.
func (r *Resolver) examine(ctx context.Context, set *settings, st *residency.ResolverStatus, found *probed, server Server, path *pathTest, full bool) {
	if r.Controls == nil || !st.Answers {
		return
	}
	server.Only, server.Except = nil, nil
	ln := r.line(set, server, found.addr)
	st.Checks = r.controls(ctx, ln, path, full)
	if full {
		st.Checks = append([]residency.ResolverCheck{subnetCheck(*st)}, st.Checks...)
	}
	disbelieve(st, found)
}

// disbelieve takes a server for dead if some check says that its answers are
// not to be believed.
func disbelieve(st *residency.ResolverStatus, found *probed) {
	var why []string
	for _, c := range st.Checks {
		if c.Result == residency.CheckBad {
			why = append(why, c.Text)
		}
	}
	if len(why) > 0 {
		st.Answers, st.Failure = false, residency.FailIntercepted
		st.Text = "answers, but is not believed: " + strings.Join(why, "; ")
		found.dead = &deadServer{failure: st.Failure, text: st.Text}
	}
}

// controls returns what the controls show of a server: from memory, if that is
// young enough and full does not ask for more.
func (r *Resolver) controls(ctx context.Context, ln *line, path *pathTest, full bool) []residency.ResolverCheck {
	now := time.Now()
	m := r.remember()
	m.mu.Lock()
	known, ok := m.tested[ln.key]
	m.mu.Unlock()
	if ok && !full && now.Sub(known.at) < testedFor {
		return known.checks
	}
	var checks []residency.ResolverCheck
	if !ln.server.Authoritative {
		checks = ln.askControls(ctx, *r.Controls, full)
	}
	if c, ok := path.check(ctx, ln); ok {
		checks = append(checks, c)
	}
	if ctx.Err() != nil {
		return checks // what was cut off is not remembered
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tested[ln.key] = tested{now, checks}
	return checks
}

// askControls puts all controls to a recursive server at once.
func (ln *line) askControls(ctx context.Context, c Controls, full bool) []residency.ResolverCheck {
	missing := strings.ToLower(rand.Text()) + ".invalid" // RFC 6761 section 6.4
	qs := controlQuestions(c, missing, full)
	got := map[string]residency.Observation{}
	run(ctx, []*line{ln}, newFeed(qs), false, func(f *flight) { got[f.obs.Endpoint.Host] = f.obs })
	checks := []residency.ResolverCheck{checkMissing(got[missing]), knownCheck(c.Known, got), ln.check64(got[only4])}
	if full && c.Signed != "" && c.Bogus != "" {
		checks = append(checks, validates(got[c.Signed], got[c.Bogus]))
	}
	return checks
}

// controlQuestions are the questions that test a recursive server.
func controlQuestions(c Controls, missing string, full bool) []residency.Question {
	qs := []residency.Question{ask(missing, "A"), ask(only4, "AAAA")}
	for _, k := range c.Known {
		qs = append(qs, ask(k.Name, "A"))
	}
	if full && c.Signed != "" && c.Bogus != "" {
		qs = append(qs, ask(c.Signed, "A"), ask(c.Bogus, "A"))
	}
	return qs
}

func ask(host, rtype string) residency.Question {
	return residency.Question{Endpoint: residency.Endpoint{Host: host}, Type: rtype}
}

// checkMissing judges the answer for a name that does not exist.
func checkMissing(o residency.Observation) residency.ResolverCheck {
	c := residency.ResolverCheck{Name: checkNXDomain}
	switch {
	case len(o.Addresses) > 0:
		c.Result, c.Text = residency.CheckBad, fmt.Sprintf("it gives the address %s to a name that does not exist", o.Addresses[0].Address)
	case o.Failure == residency.FailNXDomain:
		c.Result, c.Text = residency.CheckGood, "it says so when a name does not exist"
	case o.Answered():
		c.Result, c.Text = residency.CheckNote, "it answers for a name that does not exist, though with no address"
	default:
		c.Result, c.Text = residency.CheckUnknown, "it gave no answer for a name that does not exist: "+string(o.Failure)
	}
	return c
}

// knownCheck judges the answers for names whose addresses are known.
func knownCheck(list []Known, got map[string]residency.Observation) residency.ResolverCheck {
	c := residency.ResolverCheck{Name: checkControls, Result: residency.CheckUnknown, Text: "no control name was answered"}
	for _, k := range list {
		for _, a := range got[k.Name].Addresses {
			if !slices.Contains(k.Addresses, a.Address) {
				c.Result, c.Text = residency.CheckBad, fmt.Sprintf("it gives the address %s to %s, which has another", a.Address, k.Name)
				return c
			}
			c.Result, c.Text = residency.CheckGood, "it gives the right addresses to the control names"
		}
	}
	return c
}

// check64 finds out whether the server makes IPv6 addresses from IPv4 ones.
func (ln *line) check64(o residency.Observation) residency.ResolverCheck {
	c := residency.ResolverCheck{Name: checkDNS64}
	if !o.Answered() {
		c.Result, c.Text = residency.CheckUnknown, "it gave no answer for "+only4+": "+string(o.Failure)
		return c
	}
	c.Result, c.Text = residency.CheckGood, "it makes no IPv6 addresses from IPv4 addresses"
	if len(o.Addresses) == 0 {
		return c
	}
	list := prefixes64(o.Addresses)
	ln.habits.nat64.Store(&list)
	var names []string
	for _, p := range list {
		names = append(names, p.String())
	}
	c.Result = residency.CheckNote
	c.Text = "it makes IPv6 addresses from IPv4 addresses (DNS64, " + strings.Join(names, ", ") + "): those are judged by the IPv4 address"
	return c
}

// validates judges whether a server validates DNSSEC, from its answers for a
// name signed rightly and one signed wrongly.
func validates(signed, bogus residency.Observation) residency.ResolverCheck {
	c := residency.ResolverCheck{Name: checkDNSSEC}
	switch {
	case bogus.Answered():
		c.Result, c.Text = residency.CheckNote, "it does not validate DNSSEC: it answers for a name whose signature is wrong"
	case signed.Answered() && bogus.Failure == residency.FailServfail && signed.Flags.Has(residency.FlagAD):
		c.Result, c.Text = residency.CheckGood, "it validates DNSSEC, and says so"
	case signed.Answered() && bogus.Failure == residency.FailServfail:
		c.Result, c.Text = residency.CheckGood, "it validates DNSSEC"
	default:
		c.Result, c.Text = residency.CheckUnknown, "it gave no answer for the names that test DNSSEC"
	}
	return c
}

// subnetCheck puts what a Probe showed of client subnets into a check.
func subnetCheck(st residency.ResolverStatus) residency.ResolverCheck {
	c := residency.ResolverCheck{Name: checkSubnets, Result: residency.CheckNote, Text: st.Text}
	if st.PassesSubnets {
		c.Result = residency.CheckGood
	}
	return c
}

// pathTest asks an address at which no server is, once for all servers, and
// only when one of them can be concerned.
type pathTest struct {
	nowhere *line
	once    sync.Once
	hit     bool
}

func (r *Resolver) newPathTest(ctx context.Context, set *settings) *pathTest {
	if r.Controls == nil || r.Controls.Nowhere == "" {
		return &pathTest{}
	}
	short := *set
	short.timeout, short.tries = min(set.timeout, nowhereWait), 1
	return &pathTest{nowhere: r.line(&short, Server{Name: "nowhere"}, r.Controls.Nowhere)}
}

// check judges the path to a server; false if the test says nothing of it.
func (p *pathTest) check(ctx context.Context, ln *line) (residency.ResolverCheck, bool) {
	plain := ln.way.transport == overUDP || ln.way.transport == overTCP
	if p.nowhere == nil || !plain || ln.viaText != "" || ln.way.near() && !p.nowhere.way.near() {
		return residency.ResolverCheck{}, false
	}
	p.once.Do(func() {
		f := probeAddress(ctx, p.nowhere, ask("a.root-servers.net", "A"))
		p.hit = len(f.obs.Exchanges) > 0 && slices.ContainsFunc(f.obs.Exchanges, func(x residency.Exchange) bool { return x.Response != nil })
	})
	c := residency.ResolverCheck{Name: checkPath, Result: residency.CheckGood, Text: "nothing answers in the place of servers that do not exist"}
	if p.hit {
		c.Result, c.Text = residency.CheckBad, fmt.Sprintf("something on the path answers in the place of servers: even %s answers, where none can be", p.nowhere.way.text)
	}
	return c, true
}

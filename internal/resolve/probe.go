package resolve

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// probesAtOnce is how many servers are probed at the same time.
const probesAtOnce = 16

// probed is what a Probe found out about a server.
type probed struct {
	addr string
	dead *deadServer // nil if it answered
}

// Probe asks every server one question (with the usual tries) on each of its
// addresses in order, until one answers, and returns what it learned in the
// order of Servers. Any response to the question is an answer here, an error
// rcode too: a server may know nothing of this one name and all of the next.
//
// The Resolver remembers the address that answered, and which servers did not
// answer at all, for every later Observe; so Probe comes first, once before
// each run. When ctx ends before a server was asked, nothing is concluded
// about that server.
//
// With Controls it also tests, at most once an hour, whether the path to each
// server is honest. A server whose path is not does not count as answering,
// and its looks fail as intercepted.
func (r *Resolver) Probe(ctx context.Context, question residency.Question) []residency.ResolverStatus {
	return r.probe(ctx, question, false)
}

// Examine is a Probe that tests all there is to test, whatever was tested
// before.
func (r *Resolver) Examine(ctx context.Context, question residency.Question) []residency.ResolverStatus {
	return r.probe(ctx, question, true)
}

func (r *Resolver) probe(ctx context.Context, question residency.Question, full bool) []residency.ResolverStatus {
	set := r.settings()
	path := r.newPathTest(ctx, set)
	status := make([]residency.ResolverStatus, len(r.Servers))
	found := make([]probed, len(r.Servers))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(probesAtOnce, len(r.Servers)) {
		workers.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(r.Servers); n = int(next.Add(1)) - 1 {
				if r.Servers[n].Iterative != nil {
					it := r.iteration(n, set)
					status[n], found[n] = it.probe(ctx)
					r.examineIteration(ctx, it, &status[n], &found[n], path, full)
					continue
				}
				status[n], found[n] = r.probeServer(ctx, set, r.Servers[n], question)
				r.examine(ctx, set, &status[n], &found[n], r.Servers[n], path, full)
			}
		})
	}
	workers.Wait()
	r.mu.Lock()
	r.probed, r.begun = found, false
	r.mu.Unlock()
	return status
}

// lastProbe returns what the last Probe found out about server i.
func (r *Resolver) lastProbe(i int) (probed, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i >= len(r.probed) {
		return probed{}, false
	}
	return r.probed[i], true
}

// probeServer asks one server on its addresses until one answers.
func (r *Resolver) probeServer(ctx context.Context, set *settings, server Server, question residency.Question) (residency.ResolverStatus, probed) {
	st := residency.ResolverStatus{
		Name: server.Name, Server: server.firstAddress(), Declared: server.PassesSubnets,
		Operator: server.OperatorAt(server.firstAddress()), Authoritative: server.Authoritative, StandsIn: slices.Clone(server.StandsIn),
		Only: slices.Clone(server.Only), Except: slices.Clone(server.Except),
		Failure: residency.FailUnreachable, Text: "has no address configured",
	}
	server.Only, server.Except = nil, nil // the one question is for all
	var silent []string                   // one text for each address that did not answer
	for _, addr := range server.Addresses {
		ln := r.line(set, server, addr)
		f := probeAddress(ctx, ln, question)
		st.Server, st.Operator = addr, ln.operator
		if f.obs.Failure != "" {
			st.Failure = f.obs.Failure
			silent = append(silent, silentText(f))
			continue
		}
		st.Answers, st.Failure = true, ""
		back := f.first.subnet
		st.PassesSubnets = f.q.sent.IsValid() && back.present && !back.broken && back.prefix == f.q.sent
		st.Text = answerText(f)
		return st, probed{addr: addr}
	}
	if len(silent) > 0 {
		st.Text = silenceText(silent, st.Server, st.Failure)
	}
	if st.Failure == residency.FailBudget || st.Failure == residency.FailCancelled {
		return st, probed{addr: server.firstAddress()}
	}
	return st, probed{addr: st.Server, dead: &deadServer{failure: st.Failure, text: st.Text}}
}

// probeAddress asks one address, and once more without EDNS if it must.
func probeAddress(ctx context.Context, ln *line, question residency.Question) (asked *flight) {
	run(ctx, []*line{ln}, newFeed([]residency.Question{question}), true, func(f *flight) { asked = f })
	return asked
}

// silentText names an address that did not answer. What went wrong above TCP
// says more than its failure.
func silentText(f *flight) string {
	if why := f.kept.cause; why != nil && lasting(f.obs.Failure) {
		return fmt.Sprintf("%s (%s: %v)", f.obs.Server, f.obs.Failure, why)
	}
	return fmt.Sprintf("%s (%s)", f.obs.Server, f.obs.Failure)
}

// silenceText says that a server does not answer, in one sentence.
func silenceText(silent []string, last string, f residency.Failure) string {
	port := "53"
	if w := wayTo(last, "", nil); len(w.targets) > 0 {
		_, port, _ = net.SplitHostPort(w.targets[0])
	}
	text := "does not answer on " + strings.Join(silent, " nor on ")
	switch f {
	case residency.FailTLS:
		return text + ": its certificate is not believed. Does a proxy inspect TLS on this network (then see ca_file)?"
	case residency.FailHTTP:
		return text + ": is the URL right, and does the proxy let it through?"
	case residency.FailTimeout:
		return text + ": is port " + port + " blocked on this network?"
	case residency.FailUnreachable:
		return text + ": is there a network, and is the address right?"
	case residency.FailMismatch, residency.FailMalformed:
		return text + ": something on the path may be answering in its place"
	case residency.FailTruncated:
		return text + ": is DNS over TCP blocked on this network?"
	case residency.FailBudget, residency.FailCancelled:
		return text + ": the run ended first"
	}
	return text
}

// answerText says how a server answered, in one sentence.
func answerText(f *flight) string {
	server, resp, back := f.server, f.first, f.first.subnet
	switch {
	case resp.rcode != dns.RcodeSuccess && resp.rcode != dns.RcodeNameError:
		return fmt.Sprintf("answers, but with %s to %s, so nothing is known of client subnets", rcodeName(resp.rcode), questionText(f.obs.Question))
	case f.level == ednsNone && server.PassesSubnets:
		return fmt.Sprintf("answers, but does not understand EDNS (%s), though the configuration says it passes client subnets on: something on the path may be answering in its place", f.plain)
	case f.level == ednsNone:
		return fmt.Sprintf("answers, but does not understand EDNS (%s), so it passes no client subnets on", f.plain)
	case !f.q.sent.IsValid():
		return "answers; it was not asked about client subnets"
	case back.present && (back.broken || back.prefix != f.q.sent):
		return "answers, but its reply carries another client subnet than the one sent: something on the path may have changed it"
	case back.present && server.Authoritative:
		return "answers, and knows client subnets"
	case back.present && back.scope == 0:
		return "answers, and returns client subnets, though not used for this name (scope /0)"
	case back.present:
		return "answers, and passes client subnets on"
	case server.PassesSubnets:
		return "answers, but its reply carries no client subnet, though the configuration says it passes them on: something on the path may be answering in its place"
	case len(server.StandsIn) > 0:
		return "answers without client subnets, as users where it stands are answered"
	}
	return "answers, but passes no client subnets on, so its answers are for our own location"
}

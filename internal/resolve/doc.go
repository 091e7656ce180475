// Package resolve asks the DNS as the users of a market would: it puts
// questions to configured servers, tells them a client subnet of the market
// (EDNS Client Subnet, RFC 7871), follows the aliases to their end and returns
// every address, with all that is needed to doubt it: the bytes as they were
// on the wire, the scope that came back, and whether the answer was meant for
// the market at all.
//
//	r := &resolve.Resolver{Servers: []resolve.Server{{
//		Name: "google", Addresses: []string{"8.8.8.8:53"}, PassesSubnets: true,
//	}}}
//	status := r.Probe(ctx, questions[0])
//	r.Observe(ctx, questions, func(o residency.Observation) { ... })
//
// A look that fails is an observation with a failure from a closed list, never
// a Go error: for each pair of a question and a server there is exactly one
// observation (more from an iterative one), whatever the server does. Servers are taken to be slow, lying
// or hostile. A response counts only if it comes back on the socket its request
// left from, with the id and the question of that request; any other is passed
// over until the time-out (RFC 5452 section 9). Ids come from the system's
// randomness; source ports are the system's choice, change every few hundred
// requests, and a retry never leaves from the port of the try before.
//
// Servers are reached over UDP, TCP, TLS (RFC 7858) and HTTPS (RFC 8484),
// directly or through a proxy. Over connections many looks share one, and
// answers come in any order. Each server gets no more than its queries per
// second, from all markets together.
//
// For a question or two at one of many servers there is line.exchange: one
// exchange with one server over one transport.
//
// A Server can also be all servers of the internet: with Iterative it finds the
// name servers of each name from the root down and asks every one of them, so
// that a question gives as many observations as its last zone has servers.
// Service records (HTTPS, MX, SRV) are followed as their clients follow them.
//
// With a NewValidator every response that a look rests on is validated, with
// what its server gives of the chain of trust; one that is bogus, or of which
// that cannot be found out, is a failure and no answer. The look asks with DO
// and, of recursive servers, CD.
//
// What it does not do: verify signatures itself, cache answers, judge.
// Whether two looks are about the same market is the caller's question; this
// package says only what was asked and what came back.
//
// A Resolver may be used from several goroutines at once. Goroutines run only
// during Probe and Observe: a few for each server, and one for each look that
// has to use TCP, so at most about InFlight.
package resolve

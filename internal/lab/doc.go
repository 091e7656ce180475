// Package lab is a small internet in the process: DNS servers on loopback that
// answer by EDNS Client Subnet (RFC 7871) and replay a scenario over simulated
// time. Tests, `residency lab` and `residency demo` ask it through the same
// sockets, resolver and judging as a real run.
//
//	s, err := lab.Builtin("xiaomi-2014")
//	net, err := s.Serve(ctx, "127.0.0.1:0", func() time.Time { return s.Steps[3].At })
//	defer net.Close()
//	files, err := s.Config(net) // config.toml and the files it names
//
// A test that needs a few names writes them down:
//
//	s := lab.Zone{"api.example.com": "192.0.2.1", "api.example.com@IN": "192.0.2.2"}.Scenario()
//	s.Servers = append(s.Servers, lab.Server{Name: "slow", Faults: []lab.Fault{{Kind: lab.FaultDelay, Delay: time.Second}}})
//
// An answer may be a pool of which each reply holds a part, in turn or at
// random: pool = "rotate" or "random", size = how many, seed = any number.
//
// The DNS codec is golang.org/x/net/dns/dnsmessage and never the resolver's, so
// that the two cannot share a mistake. Servers listen on loopback addresses
// only: the answers are invented, and nobody else shall take them for real.
//
// A Scenario is data; it is not changed by serving it and may be served many
// times at once. A Net is safe for concurrent use.
package lab

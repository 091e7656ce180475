// Package interop holds tests of our DNS code against other people's: the
// resolver asks Knot DNS, whose geoip module answers by client subnet, directly
// and through Unbound over every transport it has and dnsdist over HTTPS; and
// the lab's servers are asked by BIND's dig. A codec of our own that misreads
// the RFC at both ends would pass every test but these. Our iterative mode and
// Unbound begin at the same three servers, signed by Knot from the root down, and
// must find the same. Two tests run the whole program in network namespaces: with
// an HTTP proxy as the only way out, and with IPv6 only.
//
// Messages are sent to Prometheus' Alertmanager, whose own client says what is
// firing, and to a mail server in Python.
//
// It has no code of its own. The tests need the programs knotd, unbound,
// dnsdist, dig, prometheus-alertmanager, amtool, python3 with aiosmtpd, and ip,
// the last as root; where they are missing the tests are
// skipped, and fail if CI=true is set.
package interop

// Package interop holds tests of our DNS code against other people's: the
// resolver asks Knot DNS, whose geoip module answers by client subnet, and the
// lab's servers are asked by BIND's dig. A codec of our own that misreads the
// RFC at both ends would pass every test but these.
//
// It has no code of its own. The tests need the programs knotd and dig; where
// they are missing the tests are skipped, and fail if CI=true is set.
package interop

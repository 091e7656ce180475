// Package residency holds the nouns of the program: countries, markets,
// endpoints, claims, observations, locations, verdicts. It does no I/O, reads
// no clock, draws no random numbers and imports the standard library only, so
// every other package can share these words without knowing each other.
//
// A type is admitted when two other packages need it and it means something to
// a compliance officer or to a DNS engineer. Behaviour lives elsewhere:
// looking in resolve, locating in geo, judging in policy, telling in alert and
// report.
//
// Two words are easily mixed up and never are here: a Claim is what a vendor
// promises; an Assertion is what one source says about one address.
//
// Every enumeration has "not known" as its zero value: a forgotten field can
// make a result unknown, never good.
package residency

// Package pool reckons with all the addresses that a name may lead to, not
// only with those that one answer happened to hold. It is pure: answers and a
// time in, values out.
//
// # Draws
//
// A draw is one answer of an authoritative server, or of a recursive one after
// the TTL of the answer before ran out. What a cache repeats is no draw: it
// says nothing new however often it is asked. The draws of one [Key] (client
// subnet, server, record type) make a [Record].
//
// # What was not shown
//
// From the draws of a key [Describe] works out the discovery curve (distinct
// addresses after n draws), and two figures for what no draw has shown:
//
//   - the unseen share: Good and Turing's estimate on incidences, the number
//     of addresses that were in exactly one draw, over all (address, draw)
//     pairs. I. J. Good, "The population frequencies of species and the
//     estimation of population parameters", Biometrika 40 (1953); with answer
//     sets as sampling units, A. Chao et al., "Rarefaction and extrapolation
//     with Hill numbers", Ecological Monographs 84 (2014). It is the plain
//     estimate, without the later correction that makes it smaller.
//   - the outside bound: the largest share of outside answers with which n
//     draws without one are still as likely as 5%: (1 - share)^n = 0.05, so
//     1 - 0.05^(1/n). For 20 draws that is 13.9%, for 104 it is 2.8%.
//
// Both hold for draws that do not depend on each other, so both are absent
// below [MinDraws] and where a pattern is found; the pattern is named instead.
//
// # Patterns
//
// Let a state be the set of addresses in one draw.
//
//   - whole set: there is one state. From one client alone that cannot be told
//     from a fixed share of a larger pool, so there are figures only when
//     two client subnets or more were shown the same ([Merge]).
//   - rotation: draws that lie a fixed distance apart hold the same state more
//     often than draws that lie in any order would (Chernoff's bound on the
//     binomial tail, over all distances tried, below 10^-4); or
//     the states are spread over blocks of draws more evenly than chance would
//     (chi-square of the table of blocks and states, lower tail below 10^-4),
//     which finds turns that the network has shuffled a little.
//   - sticky: the same two tests the other way, the same state at distance one
//     or bunched in blocks; or one state for each client subnet, and not the
//     same for all.
//   - independent: none of these.
//
// Another order than these, or a server that chooses by the address of the
// resolver that asks, is not found by any test here.
//
// # When to stop
//
// [Done] ends the draws of a key after k without a new address where the
// pattern is a whole set or a rotation, and at the cap otherwise: where
// answers vary at random a quiet stretch proves little. A pool of eight that
// hands out one address at a time hides a given one from n draws with a chance
// of (7/8)^n: 7% for 20 draws, 0.6% for 38, and 9.3e-7 for 104, which is why
// [DefaultMax] is 104.
package pool

// Package dnssec says whether a DNS response is what the owners of its zones
// signed: it validates answers, aliases and denials from a trust anchor down
// (RFC 4033, 4034, 4035, 5155, 6840).
//
//	v := &dnssec.Validator{Fetch: ask, Anchors: dnssec.RootAnchors()}
//	got := v.Validate(ctx, response, "www.example.com.", 1)
//	if !got.State.Usable() { ... } // bogus or indeterminate: not an answer
//
// A verdict is one of four states (RFC 4035 section 4.3). Secure: a chain of
// signatures leads from an anchor to every record of the answer, or to the
// proof that there is none. Insecure: there is proof that a zone on the way
// is not signed, or only in a way that nobody may rely on. Bogus: it must be
// signed and is not, or wrongly. Indeterminate: the records that would decide
// could not be had. Whoever can drop packets can make an answer
// indeterminate, so it is no more an answer than a bogus one.
//
// What is checked beyond the cryptography: the validity period of each
// signature by the clock handed in; that the signer is the zone the record is
// in; wildcards, with the proof that nothing closer exists; denials by NSEC
// and NSEC3, where a record of the parent side of a delegation says nothing
// about the child; every alias on its own, and DNAME by what it must
// synthesise; and that a missing DS is itself proven.
//
// All work is bounded, since responses are taken to be hostile: signatures and
// keys tried (KeyTrap, CVE-2023-50387), rounds of NSEC3 hashing
// (CVE-2023-50868), fetches, aliases. A response that needs more than
// the limits is bogus.
//
// Not done: following the anchors by themselves (RFC 5011), negative anchors
// (RFC 7646), algorithms that the standard library lacks (Ed448, GOST: such
// zones are insecure). Of the sections of a response only what answers or
// denies is judged: glue, delegations and the SOA record of a denial are not.
package dnssec

// Package ledger seals what was remembered, so that nobody can add, drop or
// edit any of it later without being found out: also not we.
//
// It is a transparency log: a Merkle tree (RFC 6962 section 2.1) over leaves
// that are only ever added. A leaf is a run (RunLeaf) or a Record of what else
// changed what people are told. A run's leaf holds the Merkle root over the
// rounds of that run, in the order of their endpoints, unchanged ones too: that
// we looked and saw nothing new is sealed as well. Looks, verdicts, locations
// and packets lie outside of the leaves and are bound by their SHA-256.
//
// A checkpoint (C2SP signed note, Ed25519) states size and root of the tree. It
// also lies outside of the store, and wherever it was published: whoever kept
// one can tell whether the log was rewritten since. Inside of one machine a log
// proves nothing against whoever holds both the store and the key; that is what
// witnesses, time stamps and published checkpoints are for (ledger/anchor).
//
// Leaves, tree hashes and checkpoints are kept by a store. Leaf and hashes are
// written in the transaction that ends the run, through RunLeaf, RecordLeaf and
// Hashes; the Signer follows and signs what is committed. Verify reads a whole
// store, VerifyBundle a file that was handed on; both judge again, by a
// function that is handed in, and name the first difference as a TamperError.
package ledger

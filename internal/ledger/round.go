package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// roundEntry is the leaf of a round in the tree of its run, as it is read. It
// is written by appendRound, which makes the same bytes without reflection.
type roundEntry struct {
	Schema      string         `json:"schema"`
	Endpoint    string         `json:"endpoint"`
	Sight       residency.Hash `json:"sight"`
	Judgement   residency.Hash `json:"judgement"`
	Packets     residency.Hash `json:"packets,omitzero"`
	LastPackets residency.Hash `json:"last_packets,omitzero"`
}

// appendRound appends the leaf of a round. A run has one for every endpoint,
// so this is the only writer here that has to be fast.
func appendRound(b []byte, r residency.RoundSeal) []byte {
	b = append(b, `{"schema":"`+roundSchema+`","endpoint":`...)
	b = appendText(b, r.Endpoint)
	b = appendHash(b, `,"sight":"`, r.Sight)
	b = appendHash(b, `,"judgement":"`, r.Judgement)
	if r.Packets != (residency.Hash{}) {
		b = appendHash(b, `,"packets":"`, r.Packets)
	}
	if r.LastPackets != (residency.Hash{}) {
		b = appendHash(b, `,"last_packets":"`, r.LastPackets)
	}
	return append(b, '}')
}

func appendHash(b []byte, key string, h residency.Hash) []byte {
	b = append(b, key...)
	if h != (residency.Hash{}) {
		b = hex.AppendEncode(b, h[:])
	}
	return append(b, '"')
}

// appendText appends a JSON text.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return append(b, canonical(s)...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// RoundLeaf returns the leaf of a round in the tree of its run: canonical
// JSON, which holds the round's hashes.
func RoundLeaf(r residency.RoundSeal) []byte { return appendRound(nil, r) }

// ParseRound reads the leaf of a round. Bytes that are not exactly those which
// RoundLeaf would make of it are an error.
func ParseRound(leaf []byte) (residency.RoundSeal, error) {
	var e roundEntry
	if err := json.Unmarshal(leaf, &e); err != nil {
		return residency.RoundSeal{}, fmt.Errorf("parse round: %w", err)
	}
	r := residency.RoundSeal{Endpoint: e.Endpoint, Sight: e.Sight, Judgement: e.Judgement,
		Packets: e.Packets, LastPackets: e.LastPackets}
	if e.Schema != roundSchema || string(RoundLeaf(r)) != string(leaf) {
		return residency.RoundSeal{}, fmt.Errorf("parse round: it is not in canonical form")
	}
	return r, nil
}

// RoundsRoot returns the root over the rounds of a run (RFC 6962 section 2.1).
// They must be in the order of their endpoints, each endpoint once.
func RoundsRoot(rounds []residency.RoundSeal) (residency.Hash, error) {
	var t rootBuilder
	var buf []byte
	for i, r := range rounds {
		if i > 0 && strings.Compare(rounds[i-1].Endpoint, r.Endpoint) >= 0 {
			return residency.Hash{}, fmt.Errorf("round %d of %q does not come after that of %q", i, r.Endpoint, rounds[i-1].Endpoint)
		}
		buf = appendRound(append(buf[:0], 0), r)
		t.add(sha256.Sum256(buf))
	}
	return t.root(), nil
}

// rootBuilder works out the root of a tree whose leaves come one after the
// other, in memory that grows with the logarithm of their number. The zero
// value is an empty tree.
type rootBuilder struct {
	n     int64
	whole []tlog.Hash // roots of the complete subtrees, the largest first
}

// add adds the next leaf by its hash.
func (t *rootBuilder) add(leaf tlog.Hash) {
	h := leaf
	for n := t.n; n&1 == 1; n >>= 1 {
		last := len(t.whole) - 1
		h = tlog.NodeHash(t.whole[last], h)
		t.whole = t.whole[:last]
	}
	t.whole = append(t.whole, h)
	t.n++
}

// root returns the root of the leaves so far; that of none is the SHA-256 of
// nothing.
func (t *rootBuilder) root() residency.Hash {
	if t.n == 0 {
		return sha256.Sum256(nil)
	}
	h := t.whole[len(t.whole)-1]
	for i := len(t.whole) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.whole[i], h)
	}
	return residency.Hash(h)
}

// leafHash is tlog.RecordHash without its allocations.
func leafHash(leaf, buf []byte) (tlog.Hash, []byte) {
	buf = append(append(buf[:0], 0), leaf...)
	return sha256.Sum256(buf), buf
}

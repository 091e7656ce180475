package residency

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"
)

// Hash is a SHA-256. The zero Hash means that there is none.
type Hash [sha256.Size]byte

// HashOf returns the SHA-256 of data.
func HashOf(data []byte) Hash { return sha256.Sum256(data) }

// String returns the hash in hexadecimal digits, "" for none.
func (h Hash) String() string {
	if h == (Hash{}) {
		return ""
	}
	return hex.EncodeToString(h[:])
}

// MarshalText writes the hash in hexadecimal digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 64 hexadecimal digits; none is the zero Hash.
func (h *Hash) UnmarshalText(text []byte) error {
	*h = Hash{}
	if len(text) == 0 {
		return nil
	}
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("%q is no SHA-256", text)
	}
	if _, err := hex.Decode(h[:], text); err != nil {
		return fmt.Errorf("%q is no SHA-256", text)
	}
	return nil
}

// KeptRound is a round in the form in which it is remembered: canonical bytes
// of what it showed and of what was judged, without anything that differs
// between two rounds that showed the same (times, delays, TTLs, message ids).
type KeptRound struct {
	Endpoint Endpoint

	// Sight has everything that was judged: the looks, without times and raw
	// bytes, and for each address the hash of its location. See Round.Sight.
	Sight []byte
	// Judgement has the verdicts on it. See Round.Judgement.
	Judgement []byte
	// Locations are the bodies that Sight names by hash.
	Locations map[Hash][]byte

	// Packets has every request and response of the round with its time. See
	// Round.Packets. It differs from round to round.
	Packets []byte

	// Cells of the round that are not plainly inside, for what reads the latest
	// results without opening each round.
	Cells []Cell
}

// RoundSeal is what the evidence of a run covers of one round.
type RoundSeal struct {
	Endpoint  string // Endpoint.Key
	Sight     Hash
	Judgement Hash

	// Packets is that of this round where the round differs from the one before
	// it (or is the first); LastPackets that of the last round before the
	// difference of which a memory kept them. Both are zero where nothing changed, so that a run can be
	// proved again without a hash for every unchanged round.
	Packets, LastPackets Hash
}

// Span is a stretch of runs in which the rounds of one endpoint stayed the
// same: one sight and one judgement, seen again and again.
type Span struct {
	Endpoint  string // Endpoint.Key
	First     int64  // number of the first run
	Last      int64  // number of the last run that confirmed it
	FirstAt   time.Time
	LastAt    time.Time
	Runs      int  // how many runs of the time asked about saw it
	Open      bool // no later round of the endpoint differed
	Sight     Hash
	Judgement Hash
}

// Recollection is what a memory knows of an endpoint before a round of it.
type Recollection struct {
	// Spans are those that reach into the window, oldest first, each with the
	// runs that fall into it. The last one is the latest round's, also when it
	// is older than the window; empty for an endpoint never seen.
	Spans []Span

	// Cells are the latest ones that are not plainly inside, as saved.
	Cells []Cell

	// Findings are all of the endpoint, whether they are open or not: what was
	// settled is not opened again by the same addresses, and what is opened anew
	// keeps its history.
	Findings []Finding

	// Relocated are the addresses that earlier runs of the window showed too,
	// when they were said to be elsewhere. A memory leaves it empty; who opens
	// the sights fills it in.
	Relocated []netip.Addr
}

// Batch is what one transaction remembers of a run: some rounds, and all that
// follows from them.
type Batch struct {
	Rounds   []KeptRound
	Findings []Finding // as they are now, new ones included
	Alerts   []Alert   // to be told
}

// RunEnd is what the transaction that ends a run remembers.
type RunEnd struct {
	Run      Run // without rounds
	Findings []Finding
	Alerts   []Alert
	Told     []Told // as they are now, by subject; those that are gone are forgotten
}

// Record is something besides a run that the evidence log keeps: what changed
// what people are told, or the memory itself, and who did it.
type Record struct {
	Kind string    `json:"kind"` // "config", "waivers", "corrections", "acknowledged", "disputed", "delivered", "key", "restored", "pruned", "archived"
	At   time.Time `json:"at"`
	By   string    `json:"by,omitempty"`
	// Body is canonical JSON. The leaf of the log holds a large one by its hash
	// alone, so a memory keeps every body of a record, by HashOf(Body).
	Body []byte `json:"body"`
}

// ClaimState is what is remembered of a claim as a whole: how it stands, and
// since when.
type ClaimState struct {
	Claim       string // id
	Standing    Standing
	Since       time.Time // the run from which on it has stood so
	BrokenSince time.Time // zero unless broken
	LastOutside time.Time // zero: nothing was ever seen outside
	Seq         int64     // the run that judged it last
}

package residency

import "time"

// Clock is what the machine says of the clock that a run was timed by. The
// zero Clock: nothing is known.
type Clock struct {
	Source       string        `json:"source,omitempty"` // who said so, "adjtimex"; "" when nobody did
	Offset       time.Duration `json:"offset"`           // what is still to be corrected, to the microsecond; positive: the clock is behind
	MaxError     time.Duration `json:"max_error"`        // the most it may be wrong by, as the machine reckons it
	Synchronised bool          `json:"synchronised"`     // a time service keeps it right
}

// Checkpoint is a signed statement of what the evidence log held: its first
// Size leaves, under one root hash (RFC 6962 section 2.1).
type Checkpoint struct {
	Size int64
	Root Hash
	At   time.Time // when it was signed, by our own clock
	Note []byte    // the C2SP signed note: origin, size, root and all signatures

	// Stamp is the response of a time stamp authority (RFC 3161) over the SHA-256
	// of Note; nil when none was asked.
	Stamp []byte
}

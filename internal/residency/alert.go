package residency

import "time"

// Alert is one message about one claim: what was promised, what was seen,
// where, since when, how sure, who should do what, and the command that
// explains it.
type Alert struct {
	Key      string // stable for the same claim and standing: receivers join on it
	Claim    string
	Vendor   string
	Standing Standing
	At       time.Time
	Subject  string // one line
	Text     string // the whole message, plain text
	Run      string // id of the run
}

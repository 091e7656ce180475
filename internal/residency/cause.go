package residency

// Cause is why a result is another than before. The list is closed.
type Cause string

const (
	CauseMoved        Cause = "server-moved"          // the name led to other addresses
	CauseReclassified Cause = "database-reclassified" // the same addresses, other word on where they are
	CausePolicy       Cause = "policy-changed"        // claims, rules or configuration are others
	CauseDue          Cause = "claim-due"             // the date came
	CauseLooks        Cause = "looks-differ"          // more or less was answered
	CauseTime         Cause = "time"                  // enough runs have confirmed it, or a whole window has passed
)

// Words says the cause in plain words.
func (c Cause) Words() string {
	switch c {
	case CauseMoved:
		return "the server moved"
	case CauseReclassified:
		return "the sources now place the same address elsewhere"
	case CausePolicy:
		return "the claims or the rules were changed"
	case CauseDue:
		return "the date came"
	case CauseLooks:
		return "more or less was answered"
	case CauseTime:
		return "seen often enough by now, or gone for long enough"
	}
	return string(c)
}

package residency

import (
	"fmt"
	"time"
)

// The sentences in this file are the only place where the program's own words
// become words for people. Tables, pages, mails and proofs use them as they
// stand, so that one thing is always called by one sentence.

// Words returns what the verdict says, in words.
func (v Verdict) Words() string {
	switch v {
	case Inside:
		return "nothing seen outside"
	case Outside:
		return "seen outside"
	case NotMeasured:
		return "not measured"
	default:
		return "cannot be told"
	}
}

// Limit returns what the verdict does not say and must not be read as.
func (v Verdict) Limit() string {
	switch v {
	case Inside:
		return "It does not show that no data goes elsewhere: only these names, these networks and this time were looked at, and what a server passes on behind its address cannot be seen."
	case Outside:
		return "It shows where the name led users of this market. It does not show what data was sent there, nor why."
	case NotMeasured:
		return "It says nothing about the promise, neither for nor against it."
	default:
		return "It is neither a good sign nor a bad one: what is known does not settle it."
	}
}

// Words returns what the standing says, in words and without numbers.
func (s Standing) Words() string {
	switch s {
	case Holding:
		return "nothing seen outside"
	case Pending:
		return "still outside, not due yet"
	case Broken:
		return "still outside, and due"
	default:
		return "cannot be told"
	}
}

// Words returns what is said of the claim as a whole, with its numbers. The
// main reason, as Run.MainReason finds it, is named where nothing can be told;
// it may be "".
func (s ClaimStanding) Words(main Reason) string {
	switch s.Standing {
	case Holding:
		return fmt.Sprintf("nothing seen outside: %s, %s", s.Coverage.Words(), Plural(s.Markets, "market"))
	case Pending:
		return "still outside; " + s.Claim.DueWords(false)
	case Broken:
		return "still outside; " + s.Claim.DueWords(true)
	}
	if s.Counts.Inside+s.Counts.Undetermined+s.Counts.NotMeasured+s.Counts.Outside == 0 {
		return "cannot be told: nothing that counts was looked at"
	}
	open := s.Counts.Undetermined + s.Counts.NotMeasured
	total := open + s.Counts.Inside
	if main == "" {
		return fmt.Sprintf("cannot be told for %d of %d", open, total)
	}
	return fmt.Sprintf("cannot be told for %d of %d: mostly, %s", open, total, main.Words())
}

// Words returns the looks that a result rests on: those that gave an answer
// meant for the market.
func (c Coverage) Words() string { return Plural(c.Counted, "look") }

// DueWords says when a claim that has something outside is or was due; due says
// whether it is.
func (c Claim) DueWords(due bool) string {
	switch {
	case c.Kind == KindPolicy && c.FromOn.IsZero():
		return "our rule is in force"
	case c.Kind == KindPolicy && due:
		return "our rule is in force since " + c.FromOn.Human()
	case c.Kind == KindPolicy:
		return "our rule begins on " + c.FromOn.Human()
	case c.DueOn.IsZero():
		return "promised without a date"
	case due:
		return "due since " + c.DueOn.Human()
	default:
		return "not due until " + c.DueOn.Human()
	}
}

// MainReason returns the reason that most of the claim's counting cells give
// for not being inside, the first on the closed list among equals; "" if none
// gives one.
func (r Run) MainReason(claim string) Reason {
	seen := make(map[Reason]int)
	for _, round := range r.Rounds {
		for _, cell := range round.Cells {
			if cell.Claim != claim || !cell.Counts || cell.Verdict == Inside {
				continue
			}
			for _, reason := range cell.Reasons {
				seen[reason]++
			}
		}
	}
	var main Reason
	for _, reason := range Reasons() {
		if seen[reason] > seen[main] {
			main = reason
		}
	}
	return main
}

// Words returns how sure a verdict is, in words.
func (g Grade) Words() string {
	switch g {
	case Asserted:
		return "one source only, or sources differ"
	case Corroborated:
		return "two or more sources agree"
	case Proven:
		return "physics leaves no other place"
	default:
		return "nothing to go by"
	}
}

// Words returns for whom an answer was meant, in words.
func (t Tailoring) Words() string {
	switch t {
	case TailoringSpecific:
		return "answer meant for users of this market"
	case TailoringGlobal:
		return "same answer for everybody"
	case TailoringUnknown:
		return "answer may depend on who asks"
	default:
		return "answer meant for our own location"
	}
}

// Words returns on which side of a claim an address is, in words.
func (s Side) Words() string {
	switch s {
	case SideInside:
		return "in an approved place"
	case SideOutside:
		return "outside the approved places"
	default:
		return "cannot be told"
	}
}

// SideWords returns how sure the side of one address is. Sources that name
// different countries can agree on the side all the same; then it says that.
func (g Grade) SideWords(s Side, differ bool) string {
	if s == SideOutside && differ && g == Corroborated {
		return "two or more sources: they differ about the country and agree that it is not an approved one"
	}
	return g.Words()
}

var reasonWords = map[Reason]string{
	ReasonConflict:       "sources name different places",
	ReasonNoEvidence:     "no source knows where the address is",
	ReasonBelowGrade:     "too few sources agree",
	ReasonUnconfirmed:    "seen too few times so far",
	ReasonSourceMissing:  "a source that could disagree was not available",
	ReasonStaleData:      "location data is too old to clear anything",
	ReasonAnycast:        "one address that answers from many places at once",
	ReasonEdge:           "a shared delivery network: it says nothing about the servers behind it",
	ReasonBypassesDNS:    "this service hands out addresses past the DNS",
	ReasonOtherRegion:    "the provider names another of its regions",
	ReasonRegionNotShown: "right country, but the promised region is not shown",
	ReasonNotTailored:    "answers were not meant for this market",
	ReasonSpecialPurpose: "an address that is not on the public internet",
	ReasonIntercepted:    "something on the way answers in the servers' place",
	ReasonRTTUntrusted:   "measured delays could not be trusted",
	ReasonNoAddress:      "the name has no address",
	ReasonMemoryUnread:   "what earlier checks showed could not be read",
}

// Words returns the reason in words; a failure's words if it is one.
func (r Reason) Words() string {
	if words, ok := reasonWords[r]; ok {
		return words
	}
	return Failure(r).Words()
}

var failureWords = map[Failure]string{
	FailTimeout:      "no answer in time",
	FailUnreachable:  "the name server could not be reached",
	FailRefused:      "the name server refused to answer",
	FailServfail:     "the name server reported a fault of its own",
	FailFormerr:      "the name server did not understand the question",
	FailNotimp:       "the name server does not do what was asked",
	FailNXDomain:     "the name does not exist",
	FailTruncated:    "the answer was cut short",
	FailMalformed:    "the answer was garbled",
	FailMismatch:     "the answer was to another question",
	FailLame:         "the name server does not serve this name",
	FailLoop:         "the aliases lead in a circle",
	FailChainTooLong: "too many aliases",
	FailBogus:        "the answer's signature is wrong",
	FailTLS:          "no secure connection could be made",
	FailHTTP:         "the web server did not answer as it should",
	FailIntercepted:  "something on the way answers in the servers' place",
	FailBudget:       "time ran out before it was asked",
	FailCancelled:    "stopped before it was answered",
	FailOtherRcode:   "the name server gave an unusual error",
}

// Words returns the failure in words; "answered" for no failure.
func (f Failure) Words() string {
	if f == "" {
		return "answered"
	}
	if words, ok := failureWords[f]; ok {
		return words
	}
	return "for a reason unknown to this version: " + string(f)
}

// Words returns what the endpoint is to its service, in words.
func (r Role) Words() string {
	switch r {
	case RoleAPI:
		return "takes data from programs"
	case RolePush:
		return "keeps a connection to the device"
	case RoleCDN:
		return "delivers content from near the user"
	case RoleHTTPDNS:
		return "hands out addresses past the DNS"
	default:
		return "takes user data itself"
	}
}

// Limits returns what no result of this program can mean, whatever it is: the
// statement that ends every report.
func Limits() []string {
	return []string{
		"Nothing seen outside is not proof that nothing goes outside.",
		"A name shows where users are sent, not what is stored there, copied onwards or read from elsewhere.",
		"Places come from data sets that can be wrong; how sure each one is, is stated.",
		"What could not be told or measured is never counted as good.",
	}
}

// Plural returns the number with its noun: "1 look", "2 looks". The noun must
// take a plain s.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// BasisWords says in one plain sentence how far back the verdicts of the run
// look.
func (r Run) BasisWords() string {
	if r.Window == 0 {
		return "Results rest on this run alone."
	}
	return "Results look back over " + lastingWords(r.Window) + " of runs."
}

// lastingWords puts a time into words: "24 hours", "7 days", "90 minutes".
func lastingWords(d time.Duration) string {
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return Plural(int(d/(24*time.Hour)), "day")
	case d%time.Hour == 0:
		return Plural(int(d/time.Hour), "hour")
	}
	return Plural(int(d/time.Minute), "minute")
}

package residency

import "fmt"

// PoolPattern says how a server hands out the addresses it has. It decides
// whether anything can be reckoned about the addresses that were not shown.
type PoolPattern string

const (
	// PatternUnknown: fewer draws than it takes to tell.
	PatternUnknown PoolPattern = ""
	// PatternIndependent: answers vary, and no order was found in how.
	PatternIndependent PoolPattern = "independent"
	// PatternRotation: addresses are handed out in turns (round robin).
	PatternRotation PoolPattern = "rotation"
	// PatternSticky: each client has addresses of its own, or the same answer
	// stays for a while. Another client may be shown others.
	PatternSticky PoolPattern = "sticky"
	// PatternWholeSet: every answer held the same addresses.
	PatternWholeSet PoolPattern = "whole-set"
)

// Pool is what repeated looks showed of all the addresses that users of a
// market may be given. A draw is one answer of an authoritative server, or of
// a recursive one after the TTL of its last answer ran out; an answer repeated
// from a cache is none.
type Pool struct {
	Draws     int // answers that were drawn, over all client subnets, servers and record types
	Addresses int // distinct addresses in them
	Least     int // draws of the need with the fewest; the shares below rest on it

	// Unseen is the estimated share (0 to 1) of what is handed out that no
	// draw has shown: the largest of any need. Nil where it is not known: too
	// few draws, or draws that depend on each other.
	Unseen *float64

	// OutsideBound is the share (0 to 1) of answers that may lead outside
	// although none of the draws did, at most, with 95% confidence. Nil where
	// Unseen is not known for the same reasons, and where an address was seen
	// that is outside or cannot be told.
	OutsideBound *float64

	Pattern PoolPattern
	Turning bool // the order of the addresses turns from answer to answer

	// Curve is the discovery curve: Curve[n-1] distinct addresses had been
	// shown after n draws, in order of time. It is flat where all is found.
	Curve []int
}

// Words returns what the draws showed, in one plain sentence.
func (p Pool) Words() string {
	told := fmt.Sprintf("%s, %s", Plural(p.Draws, "answer"), addresses(p.Addresses))
	switch {
	case p.Draws == 0:
		return "no answer, so nothing is known of its other addresses"
	case p.Pattern == PatternUnknown:
		return told + ": too few to tell whether the name has other addresses too"
	case p.Pattern == PatternRotation:
		return told + ", handed out in turns: no share can be reckoned, more answers show more turns"
	case p.Pattern == PatternSticky:
		return told + ": each client is given its own, so others may be given others"
	case p.Pattern == PatternWholeSet:
		return told + ": every answer held all of them" + p.shares()
	default:
		return told + ", in no order" + p.shares()
	}
}

// shares says the two figures, each where it is known.
func (p Pool) shares() string {
	text := ""
	if p.Unseen != nil {
		text = fmt.Sprintf("; %s of what is handed out was not shown yet, by estimate", percent(*p.Unseen))
	}
	if p.OutsideBound != nil {
		text += fmt.Sprintf("; at most %s of answers lead outside (19 times in 20)", percent(*p.OutsideBound))
	}
	if text == "" {
		return "; what was not shown cannot be reckoned"
	}
	return text
}

// PoolWords returns what can be said of everything that the claim's cells did
// not see, in one plain sentence; "" where nothing can.
func (s ClaimStanding) PoolWords() string {
	if s.Unseen == nil && s.OutsideBound == nil {
		return ""
	}
	return "at worst, " + Pool{Unseen: s.Unseen, OutsideBound: s.OutsideBound}.shares()[len("; "):]
}

func addresses(n int) string {
	if n == 1 {
		return "1 address"
	}
	return fmt.Sprintf("%d addresses", n)
}

// percent writes a share for people; one that is not zero never reads as zero.
func percent(share float64) string {
	if share > 0 && share < 0.001 {
		return "less than 0.1%"
	}
	return fmt.Sprintf("%.1f%%", 100*share)
}

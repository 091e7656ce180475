package residency

import (
	"net/netip"
	"slices"
	"time"
)

// Round is everything learned from one check of one endpoint: the looks from
// every market, the locations of every address seen, and the cells judged from
// them and, where there is a memory, from the rounds before. It is the unit of
// truth.
type Round struct {
	Endpoint     Endpoint
	At           time.Time
	Observations []Observation

	// Locations are those of every judged address, also of those that an
	// earlier round of the window showed.
	Locations map[netip.Addr]Location
	Cells     []Cell

	// What was to be asked, and what could not be believed: the rest of what the
	// cells were judged by.
	Types    []string // record types that must be answered
	Markets  []Market // covered by a claim, with the client subnets asked through
	Degraded []string // resolvers that did not pass client subnets on, though declared to
	Surveys  []Survey // of delays; those of the run
}

// SeenOutside returns what is known of the addresses that put a cell of the
// round outside, sorted by address.
func (r Round) SeenOutside(c Cell) []SeenAddress {
	var list []SeenAddress
	for _, a := range c.Addresses {
		if a.Side != SideOutside || !a.Counts {
			continue
		}
		at := r.Locations[a.Address]
		list = append(list, SeenAddress{
			Address: a.Address, Countries: at.Left(), Region: at.Region, Grade: a.Grade,
			Tailoring: a.Tailoring, Conflict: at.Conflict, Reasons: a.Reasons,
		})
	}
	slices.SortFunc(list, func(a, b SeenAddress) int { return a.Address.Compare(b.Address) })
	return list
}

// Run is one pass over all that was due.
type Run struct {
	ID        string
	Seq       int64     // its number in the memory, from 1; 0 when it is not remembered
	At        time.Time // the time judged at
	Started   time.Time
	Finished  time.Time
	Partial   bool   // ended before everything was looked at
	PartialBy string // why: "the time budget of 50s ran out", "interrupted"
	Simulated bool   // judged as of another time than now (check --at)
	Overdue   string // why the run is too old to say anything of now, "" if it is not (status)

	// Reassessed is true when nothing was looked at: what was known was judged
	// again, because a claim came due or a waiver ended.
	Reassessed bool

	// Due is the instant the run was due at, and Missed how many before it were
	// missed: zero for a run that somebody asked for.
	Due    time.Time
	Missed int

	Version string // of the program
	Commit  string // of its source; "" when it is not known
	Rules   int    // version of the rules of judging, policy.Version
	Clock   Clock  // by which it was timed

	// Window is how far back the verdicts look. Zero: they rest on this run
	// alone, because nothing is remembered.
	Window time.Duration

	ConfigPath   string // as it was given; "" when there was none
	ConfigSHA256 string
	LeftOut      int    // claims that were not judged because they are historic, withdrawn or superseded
	Notice       string // re-enactment notice of a scenario, shown everywhere

	// Looks counts the looks of the run by their failure; "" counts those that
	// gave an answer.
	Looks map[Failure]int

	Datasets  []Dataset
	Missing   []string // configured sources that could not be loaded, with the reason
	Resolvers []ResolverStatus
	Surveys   []Survey // of delays; empty when none were asked for
	Waivers   []Waiver // as configured, whether they hold or not
	Notices   []string // what the user must know before the results, in plain words
	Rounds    []Round
	Slim      bool // Rounds has only those with a cell that is not plainly inside
	Claims    []ClaimStanding
}

// ClaimStanding is what a run says of one claim.
type ClaimStanding struct {
	Claim    Claim
	Standing Standing

	// Effective is the standing that the exit code and notifications go by:
	// that without the cells that a waiver covers.
	Effective Standing

	// LastOutside is the last time something outside was seen, BrokenSince when
	// the claim came to be broken. Zero: never, or nothing is remembered.
	LastOutside, BrokenSince time.Time

	// Changed is true where it stood otherwise when it was judged last, as
	// remembered; what was never judged counts as holding.
	Changed bool `json:"-"`

	// Waived are the ids of the waivers that cover counting cells, sorted;
	// Untold counts the cells that nothing can be said of and that no waiver
	// covers.
	Waived []string
	Untold int

	// Answers counts the addresses that counting cells showed, each as often as
	// somebody's answer did, and AnswersOutside those of them outside.
	Answers, AnswersOutside int

	// Edges counts the counting cells in which an address is inside only because
	// its host is declared a CDN edge. See Claim.EdgeOnly.
	Edges int `json:",omitzero"`

	Counts   CellCounts
	Coverage Coverage
	Markets  int       // markets with at least one counting cell
	Outside  []Country // markets with an outside cell that counts, sorted
	Where    Countries // countries seen in those cells' outside addresses

	// Unseen and OutsideBound are the largest of the counting cells' pools; nil
	// unless every one of them has the figure. See Pool.
	Unseen       *float64
	OutsideBound *float64
}

// CellCounts counts the cells of a claim by verdict. NotCounted cells are in
// no other number; waived ones are in that of their verdict too.
type CellCounts struct {
	Inside       int `json:"inside"`
	Outside      int `json:"outside"`
	Undetermined int `json:"undetermined"`
	NotMeasured  int `json:"not_measured"`
	NotCounted   int `json:"not_counted"`
	Waived       int `json:"waived"` // of those above, covered by a waiver
}

package report

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// Dossier is everything that a report to hand on is made of: how the claims
// stand by the latest run, and what a period showed. Nothing in it is looked up
// or reckoned later; the same dossier gives the same bytes.
type Dossier struct {
	Title         string
	Organisation  string // who reports
	Contact       string // whom readers can ask
	Notice        string // re-enactment notice, shown at the top and at the bottom
	Made          time.Time
	From, To      time.Time      // the period, both set
	Zone          *time.Location // the clock of the organisation; never nil
	Program       string         // version of the program that wrote it
	Bundle        string         // name of the file with the evidence itself; "" when none goes with it
	BundleSHA256  string
	Overdue       string // why the latest run says nothing of now; "" if it does
	Run           residency.Run
	Claims        []ClaimRecord // in the order of Run.Claims
	Events        []Event       // oldest first
	Findings      []residency.Finding
	Tried         Tried
	Sheets        []EvidenceSheet
	Waivers       []residency.Waiver
	Corrections   []Correction
	Acts          []Act // what people did to the memory: disputes, restores, deletions
	Log           LogState
	Runs, Partial int // runs of the period, and those that ended early
	Looks         map[residency.Failure]int
}

// ClaimRecord is what a period showed of one claim.
type ClaimRecord struct {
	Claim     string              // id
	Since     time.Time           // it has stood so since; zero: not known
	Days      []DayRecord         // in order; days on which nothing was looked at are missing
	Seen      []Seen              // countries, by first sighting
	Responses []Response          // of the vendor, in order
	Archived  []ArchivedSource    // in order
	Services  map[string][]string // hosts of each service that it is about
}

// DayRecord adds up one day of a claim: its results, and the addresses that
// counted in them, each as often as it was somebody's answer.
type DayRecord struct {
	Day                          residency.Date
	Inside, Outside, Open        int // results; Open ones cannot be told or were not measured
	Answers, OutsideAns, OpenAns int
	Standing                     residency.Standing // by these results alone
}

// Seen is how long answers of a claim that stand on one side of it came from one
// country.
type Seen struct {
	Country     residency.Country
	Side        residency.Side
	Sure        bool // some answer could be in no other country
	First, Last time.Time
	Markets     []residency.Country // sorted
	Hosts       []string            // sorted
}

// Event is one thing that happened, for the chronology.
type Event struct {
	At    time.Time // the first run that showed it; of a word, the start of its day
	Day   bool      // only the day is known
	Claim string
	Host  string // "" for what is about no host
	Text  string
}

// Response is what the vendor said to a claim or a finding.
type Response struct {
	On     residency.Date
	By     string
	Text   string
	Source string
}

// ArchivedSource is a copy of the page that a promise stands on.
type ArchivedSource struct {
	At     time.Time
	From   string // address or file
	SHA256 string
	Size   int64
	By     string
}

// Tried is how often findings were right, as far as anybody objected.
type Tried struct {
	Findings, Open, Disputed, Settled, Upheld, Decided int
	Causes                                             map[string]int // of those upheld
	Share                                              *float64       // of the decided that were not found wrong; nil: none decided
}

// EvidenceSheet is one result with what it rests on: as of the last run of a
// stretch of runs that showed the same.
type EvidenceSheet struct {
	Finding     string // key; "" when there is none
	Explained   Explained
	First, Last time.Time // of the stretch
	Runs        int
}

// Correction is what somebody declared about a network that data gets wrong.
type Correction struct {
	Prefix                  netip.Prefix
	Country                 residency.Country
	Evidence, EvidenceHash  string // file and its SHA-256; "" when it cannot be read
	Owner, Approver, Reason string
	Expires                 residency.Date
	Ended                   bool
}

// Act is something that people did, as the evidence log has it.
type Act struct {
	At   time.Time
	By   string
	What string
}

// LogState is what lets a reader verify the evidence.
type LogState struct {
	Key        string // public; "" when nothing is signed
	Leaves     int64
	Checkpoint residency.Checkpoint
}

// Audiences are those that a dossier can be written for.
func Audiences() []string { return []string{"officer", "board", "authority", "engineer"} }

// DossierFormats are the formats of a dossier.
func DossierFormats() []string { return []string{"html", "md", "json", "csv", "oscal"} }

// WriteDossier writes a dossier for one of Audiences in one of DossierFormats.
func WriteDossier(w io.Writer, audience, format string, d Dossier) error {
	if !slices.Contains(Audiences(), audience) {
		return fmt.Errorf("write report: nobody is called %q; use %s", audience, strings.Join(Audiences(), ", "))
	}
	switch format {
	case "html":
		return d.html(w, audience)
	case "md":
		return d.markdown(w, audience)
	case "json":
		return d.json(w, audience)
	case "csv":
		return d.csv(w)
	case "oscal":
		return d.oscal(w)
	}
	return fmt.Errorf("write report: no format %q; use %s", format, strings.Join(DossierFormats(), ", "))
}

// record returns what the period showed of a claim.
func (d *Dossier) record(claim string) ClaimRecord {
	for _, r := range d.Claims {
		if r.Claim == claim {
			return r
		}
	}
	return ClaimRecord{Claim: claim}
}

// local writes an instant by the organisation's clock.
func (d *Dossier) local(t time.Time) string { return moment(t.In(d.Zone)) }

// period says which time the dossier is about.
func (d *Dossier) period() string {
	return day(d.From.In(d.Zone)) + " to " + day(d.To.In(d.Zone))
}

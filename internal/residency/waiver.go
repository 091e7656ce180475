package residency

import (
	"slices"
	"time"
)

// Waiver is an exception that somebody answers for. It changes who is told and
// the exit code, never a verdict or a standing.
type Waiver struct {
	ID       string
	Owner    string // who answers for it
	Approver string // who allowed it
	Reason   string

	// The scope. An empty list is all of them; Claims is never empty.
	Claims    []string
	Vendor    string // "" for any
	Services  []string
	Hosts     []string // of endpoints
	Markets   []Country
	Verdicts  []Verdict // Outside, Undetermined, NotMeasured; never Inside
	Countries Countries // of Outside: where it may be; any other country is told

	From  time.Time // zero: from the start
	Until time.Time // the first instant at which it no longer holds
	Where string    // "config.toml:41"
}

// Holds reports whether the waiver holds at the time.
func (w Waiver) Holds(at time.Time) bool {
	return (w.From.IsZero() || !at.Before(w.From)) && at.Before(w.Until)
}

// Covers reports whether the waiver covers a cell whose outside addresses can
// be in the given countries, at the time. An outside cell is covered only when
// every one of those countries is in the waiver; a place that is not known is
// in no waiver.
func (w Waiver) Covers(c Cell, outside Countries, at time.Time) bool {
	switch {
	case !w.Holds(at), !slices.Contains(w.Verdicts, c.Verdict), !slices.Contains(w.Claims, c.Claim):
		return false
	case w.Vendor != "" && w.Vendor != c.Endpoint.Vendor:
		return false
	case len(w.Services) > 0 && !slices.Contains(w.Services, c.Endpoint.Service):
		return false
	case len(w.Hosts) > 0 && !slices.Contains(w.Hosts, c.Endpoint.Host):
		return false
	case len(w.Markets) > 0 && !slices.Contains(w.Markets, c.Market):
		return false
	case c.Verdict == Outside:
		return !outside.Empty() && outside.SubsetOf(w.Countries)
	}
	return true
}

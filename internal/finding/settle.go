package finding

import (
	"errors"
	"fmt"
	"time"

	"residency/internal/residency"
)

// Acknowledge returns the finding as somebody's who takes it over: nobody is
// reminded of it until it is due. A finding that is closed cannot be.
func Acknowledge(f residency.Finding, m residency.Mark) (residency.Finding, error) {
	switch {
	case !f.Open():
		return f, fmt.Errorf("acknowledge finding %s: it is closed", f.Key)
	case m.By == "" || m.At.IsZero():
		return f, errors.New("acknowledge finding: say who does")
	}
	f = clone(f)
	f.Acknowledged = &m
	return f, nil
}

// Contest returns the finding with the claim that it is wrong. Until that is
// settled nothing else changes.
func Contest(f residency.Finding, d residency.Dispute) (residency.Finding, error) {
	switch {
	case f.Disputed != nil && f.Disputed.Settled == nil:
		return f, fmt.Errorf("dispute finding %s: %s disputes it already", f.Key, f.Disputed.By)
	case f.ClosedAs == residency.ClosedFalsePositive:
		return f, fmt.Errorf("dispute finding %s: it was found to be wrong already", f.Key)
	case d.By == "" || d.At.IsZero() || d.Document == "":
		return f, errors.New("dispute finding: say who does, and name a document that supports it")
	}
	f = clone(f)
	d.Upheld, d.Settled, d.Cause = false, nil, ""
	f.Disputed = &d
	return f, nil
}

// Settle returns the finding with its dispute decided. One that is upheld
// closes the finding as a false positive, also when it was closed otherwise
// before; it needs a cause in a word or two, such as "database" or "anycast".
func Settle(f residency.Finding, upheld bool, cause string, at time.Time) (residency.Finding, error) {
	switch {
	case f.Disputed == nil || f.Disputed.Settled != nil:
		return f, fmt.Errorf("settle finding %s: nobody disputes it", f.Key)
	case upheld && cause == "":
		return f, errors.New("settle finding: say what was wrong (cause)")
	}
	f = clone(f)
	d := *f.Disputed
	d.Upheld, d.Settled, d.Cause = upheld, &at, cause
	f.Disputed = &d
	if upheld {
		if f.Open() {
			f.Closed = at
		}
		f.ClosedAs, f.Waiver, f.Told = residency.ClosedFalsePositive, "", unmark(f.Told, stepOpened)
	}
	return f, nil
}

// Precision is how often findings were right, as far as anybody objected.
type Precision struct {
	Findings int `json:"findings"` // all
	Open     int `json:"open"`
	Disputed int `json:"disputed"` // ever
	Settled  int `json:"settled"`  // of those, decided
	Upheld   int `json:"upheld"`   // of those, found to be wrong

	// Decided are the findings about which there is no more doubt: closed, and
	// not in dispute. NotAsked are left out: nobody knows how they would have
	// ended.
	Decided int `json:"decided"`

	Causes map[string]int `json:"causes"` // of those upheld
}

// Measure counts findings by what came of them.
func Measure(findings []residency.Finding) Precision {
	p := Precision{Causes: map[string]int{}}
	for _, f := range findings {
		p.Findings++
		pending := false
		if f.Open() {
			p.Open++
		}
		if d := f.Disputed; d != nil {
			p.Disputed++
			pending = d.Settled == nil
			if !pending {
				p.Settled++
			}
			if d.Upheld {
				p.Upheld++
				p.Causes[d.Cause]++
			}
		}
		if !f.Open() && !pending && f.ClosedAs != residency.ClosedNotAsked {
			p.Decided++
		}
	}
	return p
}

// Share returns the share of the decided findings that were not found to be
// wrong; false where none is decided. It is an upper bound: a finding that
// nobody objected to counts as right.
func (p Precision) Share() (float64, bool) {
	if p.Decided == 0 {
		return 0, false
	}
	return 1 - float64(p.Upheld)/float64(p.Decided), true
}

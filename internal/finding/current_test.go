package finding

import (
	"testing"
	"time"

	"residency/internal/residency"
)

func TestCurrent(t *testing.T) {
	t.Parallel()
	due := time.Date(2014, 11, 1, 0, 0, 0, 0, time.UTC)
	c := residency.Claim{ID: "c", Vendor: "v", Due: due}
	f := residency.Finding{Key: "k", Vendor: "v", Claim: "c", Market: residency.MustCountry("IN"), Opened: due.AddDate(0, 0, -9)}
	for at, want := range map[time.Time]residency.Severity{due.Add(-time.Second): residency.SeverityWarning, due: residency.SeverityCritical} {
		a := Current(c, f, at)
		if a.Severity != want || a.ID != "" || a.Group != "v/c" || a.Finding == nil || a.Finding.Key != "k" || a.Event != residency.EventOpened {
			t.Errorf("Current at %v = %+v, want severity %v", at, a, want)
		}
	}
}

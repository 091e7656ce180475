package finding

import (
	"time"

	"residency/internal/residency"
)

// Current returns an alert that says no more than that the finding is open, as
// of a time: for receivers that forget and have to be told again. It has no id,
// and goes into no outbox.
func Current(c residency.Claim, f residency.Finding, at time.Time) residency.Alert {
	t := Tracker{}
	a := t.about(residency.Run{At: at}, c, f, residency.EventOpened, severity(c, f, nil, at), "")
	a.ID = ""
	return a
}

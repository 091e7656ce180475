package main

import (
	"time"

	"residency/internal/config"
	"residency/internal/residency"
)

// logFails is what is told of an evidence log that is not what was signed.
// Whoever wrote to the store could have emptied its outbox too, so this goes to
// the channels directly.
func logFails(cfg *config.Config, at time.Time, err error) residency.Alert {
	return residency.Alert{
		ID: at.UTC().Format("20060102T150405Z") + "-log", At: at, Kind: residency.AlertOperations, Event: residency.EventMonitor, Severity: residency.SeverityCritical,
		Group: residency.GroupOperations + "log", Config: cfg.Path,
		Text: "the evidence log is not what was signed, and nothing is signed any more: " + err.Error() +
			"\nSomebody changed the store, or put another in its place. Checks go on. \"residency verify\" says more.",
	}
}

package main

import (
	"context"
	"strings"
	"time"

	"residency/internal/config"
	"residency/internal/finding"
	"residency/internal/residency"
	"residency/internal/store"
)

// memoUnsigned is under which the store notes why the evidence log could not be
// signed last; "" when it could.
const memoUnsigned = "evidence/unsigned"

// noteSigning notes what came of signing, so that the next run tells it, of
// whichever process.
func (e *env) noteSigning(ctx context.Context, s *store.Store, err error) error {
	var last, now string
	if err != nil {
		now, _, _ = strings.Cut(err.Error(), "\n")
	}
	if _, err := s.Memo(ctx, memoUnsigned, &last); err != nil || last == now {
		return err
	}
	return s.SetMemo(ctx, memoUnsigned, now)
}

// troubles returns what does not work of the monitor's own and no run shows:
// what keeps the evidence log from being signed. That the memory itself fails is
// told past it.
func (e *env) troubles(ctx context.Context, cfg *config.Config, s *store.Store) []finding.Trouble {
	var why string
	if cfg.Evidence.Key.IsZero() {
		return nil
	}
	if _, err := s.Memo(ctx, memoUnsigned, &why); err != nil || why == "" {
		return nil // a memory that cannot be read makes the run partial
	}
	return []finding.Trouble{{Part: "log", Text: "the evidence log is not signed: " + strings.TrimPrefix(why, "sign evidence log: ")}}
}

// logFails is what is told of an evidence log that is not what was signed.
// Whoever wrote to the store could have emptied its outbox too, so this goes to
// the channels directly.
func logFails(cfg *config.Config, at time.Time, err error) residency.Alert {
	why := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "sign evidence log: "), "evidence does not match: ")
	return residency.Alert{
		ID: at.UTC().Format("20060102T150405Z") + "-log", At: at, Kind: residency.AlertOperations, Event: residency.EventMonitor, Severity: residency.SeverityCritical,
		Group: residency.GroupOperations + "log", Config: cfg.Path,
		Text: "the evidence log is not what was signed, and nothing is signed any more: " + why +
			"\nSomebody changed the store, or put another in its place. Checks go on. \"residency verify\" says more.",
	}
}

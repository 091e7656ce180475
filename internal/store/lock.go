package store

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// holder is who has the lock of runs, as the lock's file says.
type holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// retryLock is how often a lock that is held is tried again.
const retryLock = 50 * time.Millisecond

// lockRuns waits until no other run is under way, or ctx ends.
func (s *Store) lockRuns(ctx context.Context) (unlock func(), err error) {
	path := s.path + ".lock"
	for {
		f, unlock, held, err := tryLock(path)
		if err != nil {
			return nil, fault(path, err)
		}
		if !held {
			s.sign(f)
			return unlock, nil
		}
		select {
		case <-ctx.Done():
			return nil, s.heldBy(path, context.Cause(ctx))
		case <-time.After(retryLock):
		}
	}
}

// sign writes into the lock's file who has it. It only helps people: what goes
// wrong is of no account.
func (s *Store) sign(f *os.File) {
	text, err := json.Marshal(holder{PID: os.Getpid(), Command: s.options.Command, Since: s.now()})
	if err != nil {
		return
	}
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(append(text, '\n'), 0)
	}
}

// heldBy says who has the lock.
func (s *Store) heldBy(path string, cause error) error {
	f := &Fault{Path: s.path, Kind: ErrBusy, Detail: "a run of another process is under way", Hint: hintHeld, Err: cause}
	var h holder
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &h) == nil && h.PID != 0 {
		f.Detail = fmt.Sprintf("process %d (%s) has had a run under way since %s", h.PID, h.Command, h.Since.UTC().Format(time.RFC3339))
	}
	return f
}

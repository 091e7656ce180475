package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// KeyChange is the body of the record "key": the log is signed with Key from
// here on, after the next checkpoint of Former, if there is one.
type KeyChange struct {
	Schema string `json:"schema"`
	Key    string `json:"key"`
	Former string `json:"former,omitempty"`
}

const keySchema = "residency/key/v1"

// Pruned is what verification wants to know of the body of the record
// "pruned": which runs no longer have their rounds, looks and packets. Their
// leaves and tree hashes stay for ever.
type Pruned struct {
	First int64 `json:"first_seq"` // number of the first run
	Last  int64 `json:"last_seq"`  // number of the last one
}

// acts is what the records of a log say about the log itself.
type acts struct {
	keys     []keyAct
	pruned   []prunedAct
	unsigned []prunedAct // deletions that no checkpoint covers, though there are some
	givenUp  []gapAct
	restored []restoredAct
	records  int64
	runs     int64
	reach    reach // of the runs
}

type (
	keyAct struct {
		leaf int64
		key  Public
	}
	gapAct struct {
		leaf int64
		by   string
		at   time.Time
		Gap
	}
	prunedAct struct {
		leaf int64
		age  time.Duration // of the last run that it deleted
		Pruned
	}
	restoredAct struct {
		leaf int64
		by   string
		at   time.Time
		backup
	}
)

// recordStart is how every leaf of a record begins.
const recordStart = `{"schema":"` + recordSchema + `",`

// note takes in what a leaf says about the log.
func (a *acts) note(index int64, e Entry) error {
	if e.Run != nil {
		a.runs++
		a.reach.add(e.Run)
		return nil
	}
	a.records++
	var err error
	switch r := e.Record; r.Kind {
	case "key":
		var c KeyChange
		if err = json.Unmarshal(r.Body, &c); err == nil {
			var key Public
			if key, err = ParsePublic(c.Key); err == nil {
				a.keys = append(a.keys, keyAct{index, key})
			}
		}
	case "pruned":
		var p Pruned
		if err = json.Unmarshal(r.Body, &p); err == nil {
			a.pruned = append(a.pruned, prunedAct{index, r.At.Sub(a.reach.atOf(p.Last)), p})
		}
	case "restored":
		err = a.noteRestored(index, r)
	}
	if err != nil {
		return fmt.Errorf("read record %q: %w", e.Record.Kind, err)
	}
	return nil
}

// noteRestored takes in a gap that was accepted, or what a store says that it
// restored. The latter excuses nothing, so that its body may have any form.
func (a *acts) noteRestored(index int64, r *RecordEntry) error {
	if bytes.HasPrefix(r.Body, []byte(`{"schema":"`+gapSchema+`"`)) {
		var g Gap
		err := json.Unmarshal(r.Body, &g)
		a.givenUp = append(a.givenUp, gapAct{index, r.By, r.At.Time, g})
		return err
	}
	var b backup
	if err := json.Unmarshal(r.Body, &b); err != nil || b.From == "" || b.Size < 0 || b.Size > index {
		b = backup{Size: -1}
	}
	a.restored = append(a.restored, restoredAct{index, r.By, r.At.Time, b})
	return nil
}

// wasPruned reports whether a run's rounds were deleted by policy.
func (a *acts) wasPruned(seq int64) bool {
	for _, p := range a.pruned {
		if p.First <= seq && seq <= p.Last {
			return true
		}
	}
	return false
}

// onlySigned takes away the deletions by policy that are not among the signed
// leaves: whoever edits a store can put one on record.
func (a *acts) onlySigned(signed int64) {
	all := a.pruned
	a.pruned = nil
	for _, p := range all {
		if p.leaf < signed {
			a.pruned = append(a.pruned, p)
		} else {
			a.unsigned = append(a.unsigned, p)
		}
	}
}

// logActs returns what leaves of the log say about its keys, its gaps and what
// was deleted by policy. It reads all of the leaves, and opens only the records
// of those.
func logActs(ctx context.Context, log Log, from, to int64) (*acts, error) {
	a := &acts{}
	index := from
	for leaf, err := range log.Leaves(ctx, from, to) {
		if err != nil {
			return nil, fmt.Errorf("read leaf %d: %w", index, err)
		}
		kind, isRecord := strings.CutPrefix(string(leaf[:min(len(leaf), 80)]), recordStart)
		if isRecord && (strings.HasPrefix(kind, `"kind":"key"`) || strings.HasPrefix(kind, `"kind":"restored"`) || strings.HasPrefix(kind, `"kind":"pruned"`)) {
			e, err := ParseLeaf(leaf)
			if err == nil {
				err = a.note(index, e)
			}
			if err != nil {
				return nil, tampered(index, "a record about the log", err, "leaf")
			}
		}
		index++
	}
	return a, nil
}

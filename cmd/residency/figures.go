package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"residency/internal/metrics"
	"residency/internal/residency"
	"residency/internal/watch"
)

// writeFigures writes the figures of a check to a file, for whoever collects
// them. A store that cannot be read leaves its own figures out, and is said.
func (m *checkMemory) writeFigures(ctx context.Context, run residency.Run, path string) error {
	f := metrics.Figures{Now: m.e.now()}
	ofRun(&f, run)
	if groups, err := groupsOf(m.house.cfg, f.Now); err == nil { // a check needs no schedule
		f.Schedule = longest(groups, f.Now)
	}
	var unread error
	if m.store != nil {
		unread = storeFigures(ctx, m.store, &f)
	}
	f.StoreUp = storeUp(run, m.store != nil, unread)
	var text bytes.Buffer
	if err := metrics.Write(&text, f); err != nil {
		return errors.Join(unread, err)
	}
	if err := replaceFile(path, text.Bytes()); err != nil {
		return errors.Join(unread, fmt.Errorf("write figures to %s: %w", path, err))
	}
	return unread
}

// storeUp says whether there is a store that works; nil where there is none.
func storeUp(run residency.Run, opened bool, unread error) *bool {
	failed := run.PartialBy == watch.PartialByMemory
	if !opened && !failed {
		return nil
	}
	up := unread == nil && !failed
	return &up
}

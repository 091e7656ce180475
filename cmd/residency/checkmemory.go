package main

import (
	"context"
	"errors"
	"time"

	"residency/internal/ledger"
	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/watch"
)

// largeRun is from how many results on a run hands back only those that are
// not plainly inside, where the output has no place for the others.
const largeRun = 50_000

// checkMemory is what one check is remembered in. One without a store
// remembers nothing.
type checkMemory struct {
	e     *env
	house *house
	store *store.Store
}

// rememberCheck gives the engine of a check its memory, where the configuration
// has one and the check is one of what is configured, as of now. A store that
// cannot be opened keeps nobody from looking: the run says so, and is partial.
func (e *env) rememberCheck(ctx context.Context, h *house, engine *watch.Engine, f checkFlags) *checkMemory {
	m := &checkMemory{e: e, house: h}
	short := f.format == "table" && !f.all || f.format == "nagios"
	engine.Slim = short && engine.Results() > largeRun
	if f.noStore || f.data != "" || !engine.At.IsZero() {
		return m
	}
	s, err := e.openStore(ctx, h.cfg, "residency check")
	if err == nil && s != nil {
		m.store = s
		err = e.recordConfig(ctx, h, s)
	}
	switch {
	case err != nil:
		m.close()
		m.store = nil
		engine.Memory, engine.Window = unopened{err: err}, h.cfg.Schedule.Window
	case s != nil:
		h.remember(engine, s, e.troubles(ctx, h.cfg, s)...)
		if note := e.sharedStore(ctx, h, s); note != "" {
			engine.Header.Notices = append(engine.Header.Notices, note)
		}
	}
	return m
}

// unopened is a memory that could not be opened.
type unopened struct {
	watch.Memory // never called: no run begins
	err          error
}

func (u unopened) Begin(context.Context, residency.Run) (int64, error) { return 0, u.err }

// after does what follows a run: it tells and writes figures, if that is wanted,
// deletes what has grown old, and signs the evidence log. What is to be told is
// told until the given instant; a message that the outbox still has is said, and
// no error. The error has what failed besides.
func (m *checkMemory) after(ctx context.Context, until time.Time, run residency.Run, f checkFlags) error {
	var errs []error
	if f.notify {
		telling, cancel := context.WithDeadline(ctx, until)
		errs = append(errs, m.tell(telling, run))
		cancel()
	}
	if f.metricsFile != "" {
		errs = append(errs, m.writeFigures(ctx, run, f.metricsFile))
	}
	if m.store != nil {
		_, err := m.e.keepStore(ctx, m.store, m.house.cfg.Store)
		unsigned := m.e.signRun(ctx, m.house.cfg, m.store)
		errs = append(errs, err, unsigned)
		if f.notify && ledger.IsTamper(unsigned) {
			errs = append(errs, m.e.tellDirectly(ctx, m.house.cfg, logFails(m.house.cfg, m.e.now(), unsigned)))
		}
	}
	return errors.Join(errs...)
}

// tell brings what there is to tell to the channels: from the outbox what waits
// there, or what the run found where nothing is remembered. Where that is so
// because the memory cannot be used, it is that which is told: what is found by
// one run alone would be told by every run.
func (m *checkMemory) tell(ctx context.Context, run residency.Run) error {
	var err error
	if run.PartialBy == watch.PartialByMemory {
		err = m.e.tellDirectly(ctx, m.house.cfg, memoryFails(run))
	} else if m.store == nil {
		return m.e.notify(ctx, m.house.cfg, run)
	}
	if m.store != nil {
		if _, err := m.e.drain(ctx, m.house.cfg, m.store); err != nil {
			say(m.e, err.Error())
		}
	}
	return err
}

// close closes the store.
func (m *checkMemory) close() {
	if m.store != nil {
		_ = m.store.Close() // everything is on disk already
	}
}

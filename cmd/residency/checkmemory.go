package main

import (
	"context"
	"errors"

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
		h.remember(engine, s)
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
// deletes what has grown old, and signs the evidence log. What fails is one
// error, and nothing of it is lost.
func (m *checkMemory) after(ctx context.Context, run residency.Run, f checkFlags) error {
	var errs []error
	switch {
	case !f.notify:
	case m.store == nil:
		errs = append(errs, m.e.notify(ctx, m.house.cfg, run))
	default:
		_, err := m.e.drain(ctx, m.house.cfg, m.store)
		errs = append(errs, err)
	}
	if m.store != nil {
		_, err := m.e.keepStore(ctx, m.store, m.house.cfg.Store)
		errs = append(errs, err, m.e.signRun(ctx, m.house.cfg, m.store))
	}
	if f.metricsFile != "" {
		errs = append(errs, m.writeFigures(ctx, run, f.metricsFile))
	}
	return errors.Join(errs...)
}

// close closes the store.
func (m *checkMemory) close() {
	if m.store != nil {
		_ = m.store.Close() // everything is on disk already
	}
}

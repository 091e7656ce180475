package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"residency/internal/alert"
	"residency/internal/config"
	"residency/internal/finding"
	"residency/internal/heartbeat"
	"residency/internal/residency"
	"residency/internal/store"
)

// notifyLimit bounds the delivery of one run's messages.
const notifyLimit = 30 * time.Second

// notify tells every pending and broken claim of a run that nothing remembers
// to every channel that wants it. What could not be delivered is one error,
// which names no secret.
func (e *env) notify(ctx context.Context, cfg *config.Config, run residency.Run) error {
	alerts := finding.OfRun(run)
	if len(alerts) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, notifyLimit)
	defer cancel()
	if len(cfg.Alert.Channels) == 0 {
		var words *alert.Templates // the program's own
		return fmt.Errorf("notify: the configuration names no [[alert.channel]], so %s told to nobody", residency.Plural(len(words.Messages(alerts)), "alert"))
	}
	routes, err := e.routes(cfg)
	return errors.Join(err, alert.Tell(ctx, alerts, routes))
}

// courier makes what brings the outbox of the store to the channels. told hears
// of every try; nil: nobody does. A channel that cannot be made is in the
// error, and the courier serves the others.
func (e *env) courier(cfg *config.Config, s *store.Store, told func(alert.Event)) (*alert.Courier, error) {
	routes, err := e.routes(cfg)
	return &alert.Courier{
		Outbox: s, Routes: routes, Fallback: cfg.Alert.Fallback, Now: e.now, Sleep: sleep, Rand: e.chance, Told: told,
		Open: func(ctx context.Context) ([]residency.Alert, error) { return e.openAlerts(ctx, cfg, s) },
	}, err
}

// drain delivers what waits in the outbox until ctx ends, within the limit of
// one run, and leaves the rest for the next. The error has every failure.
func (e *env) drain(ctx context.Context, cfg *config.Config, s *store.Store) (alert.Summary, error) {
	var errs []error
	c, err := e.courier(cfg, s, func(ev alert.Event) {
		if ev.Err != nil {
			errs = append(errs, fmt.Errorf("channel %q: %w", ev.Channel, ev.Err))
		}
	})
	sum, drained := c.Drain(ctx, notifyLimit)
	return sum, errors.Join(append([]error{err}, append(errs, drained)...)...)
}

// openAlerts returns one alert for each finding that is open and not waived.
func (e *env) openAlerts(ctx context.Context, cfg *config.Config, s *store.Store) ([]residency.Alert, error) {
	open, err := s.Findings(ctx, store.Which{State: store.StateOpen})
	if err != nil {
		return nil, err
	}
	claims := map[string]residency.Claim{}
	for _, c := range cfg.Claims {
		claims[c.ID] = c
	}
	var list []residency.Alert
	for _, f := range open {
		if c, ok := claims[f.Claim]; ok && f.Waiver == "" {
			list = append(list, finding.Current(c, f, e.now()))
		}
	}
	return list, nil
}

// heartbeat makes what shows others that the monitor lives; the zero one where
// the configuration has none.
func (e *env) heartbeat(cfg *config.Config) (heartbeat.Heartbeat, error) {
	h := cfg.Alert.Heartbeat
	if h.Success.IsZero() {
		return heartbeat.Heartbeat{}, nil
	}
	out, err := e.outward(cfg.Network)
	if err != nil {
		return heartbeat.Heartbeat{}, err
	}
	s := &secrets{}
	beat := heartbeat.Heartbeat{Success: s.need(h.Success, true), Start: s.need(h.Start, true), Fail: s.need(h.Fail, true), Client: out.client}
	if s.err != nil {
		return heartbeat.Heartbeat{}, fmt.Errorf("heartbeat: %w", s.err)
	}
	start, fail := heartbeat.URLs(beat.Success)
	if h.Start.IsZero() && !h.NoStart {
		beat.Start = start
	}
	if h.Fail.IsZero() && !h.NoFail {
		beat.Fail = fail
	}
	return beat, nil
}

// beat says to the heartbeat of the configuration that a check begins, and
// returns what says how it ended. What goes wrong with it is said, and fails
// nothing.
func (e *env) beat(ctx context.Context, cfg *config.Config) (end func(ctx context.Context, good bool)) {
	h, err := e.heartbeat(cfg)
	if err != nil {
		say(e, err.Error())
	}
	ended := h.Begin(ctx)
	return func(ctx context.Context, good bool) {
		if err := ended(ctx, good); err != nil {
			say(e, err.Error())
		}
	}
}

// sleep waits, until the context ends at most.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// chance returns a number from 0 to 1 by chance.
func (e *env) chance() float64 {
	var b [8]byte
	if _, err := e.rand.Read(b[:]); err != nil {
		return 0
	}
	return float64(binary.BigEndian.Uint64(b[:])) / math.MaxUint64
}

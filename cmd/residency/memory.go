package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"residency/internal/alert"
	"residency/internal/config"
	"residency/internal/ledger"
	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/watch"
)

// The store is the memory of the engine and the outbox of the courier.
var (
	_ watch.Memory = (*store.Store)(nil)
	_ alert.Outbox = (*store.Store)(nil)
)

// errNoStore is what commands say that need a store and have none.
var errNoStore = errors.New("the configuration has no [store]: nothing is remembered\nhint: add [store] to it, then each run is remembered")

// storeOptions says how this program opens a store. command is what it is
// doing, for whoever waits for it.
func (e *env) storeOptions(command string) store.Options {
	return store.Options{Now: e.now, Version: version, Command: command,
		Log: store.Log{RunLeaf: ledger.RunLeaf, RecordLeaf: ledger.RecordLeaf, Hashes: ledger.Hashes}}
}

// openStore opens the store of a configuration, and makes it when it is not
// there yet; nil when the configuration has none.
func (e *env) openStore(ctx context.Context, cfg *config.Config, command string) (*store.Store, error) {
	if !cfg.Store.On {
		return nil, nil
	}
	return store.Open(ctx, cfg.Store.Path, e.storeOptions(command))
}

// readStore opens the store of a configuration that has one for reading.
func (e *env) readStore(ctx context.Context, cfg *config.Config) (*store.Store, error) {
	o := e.storeOptions("")
	o.ReadOnly = true
	return store.Open(ctx, cfg.Store.Path, o)
}

// memoPruned is under which the store notes when it was pruned last.
const memoPruned = "store/pruned"

// keepStore deletes what has grown old, once a day, and does nothing at other
// times. What it deletes becomes a part of the evidence log.
func (e *env) keepStore(ctx context.Context, s *store.Store, keep config.Store) (store.Pruned, error) {
	now := e.now()
	var last time.Time
	if _, err := s.Memo(ctx, memoPruned, &last); err != nil {
		return store.Pruned{}, err
	}
	if since := now.Sub(last); since >= 0 && since < 24*time.Hour { // a clock that was set back is no reason to wait
		return store.Pruned{}, nil
	}
	pruned, err := s.Prune(ctx, store.Pruning{
		Before: now.Add(-keep.Keep), By: "residency " + version,
		Reason: fmt.Sprintf("older than [store] keep, %d days", keep.Keep/(24*time.Hour)),
		Held: func(ep residency.Endpoint) bool {
			return slices.ContainsFunc(keep.Hold, func(h config.Hold) bool { return h.Covers(ep) })
		},
	})
	if err != nil {
		return pruned, err
	}
	return pruned, s.SetMemo(ctx, memoPruned, now)
}

// person names who does something: the one named by a flag, else the user of
// this machine. Neither cron nor a container says in a variable who that is.
func (e *env) person(flag string) (string, error) {
	who := cmp.Or(flag, e.getenv("SUDO_USER"), e.getenv("USER"), e.getenv("LOGNAME"))
	if who == "" && e.user != nil {
		who = e.user()
	}
	if who == "" {
		return "", misused("who does this? --by NAME")
	}
	return who, nil
}

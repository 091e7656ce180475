package main

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"residency/internal/config"
	"residency/internal/store"
)

// TestFollow: a new configuration that names another store has to name one that
// works; of the same store the watch knows since when it fails.
func TestFollow(t *testing.T) {
	t.Parallel()
	at := func(path string) *config.Config {
		return &config.Config{Store: config.Store{On: path != "", Path: path}}
	}
	for _, tt := range []struct {
		before, now string
		strict      bool
	}{{"a.db", "a.db", false}, {"a.db", "b.db", true}, {"", "a.db", true}} {
		d := &daemon{cfg: at(tt.now)}
		d.follow(nil)
		if d.strict {
			t.Errorf("the first, with %q, is strict", tt.now)
		}
		d.follow(&daemon{cfg: at(tt.before), failing: scriptClock})
		if d.strict != tt.strict || d.failing.IsZero() != tt.strict {
			t.Errorf("%q after %q: strict %v, failing since %v, want strict %v", tt.now, tt.before, d.strict, d.failing, tt.strict)
		}
	}
}

// TestPassing: what is wrong with the machine may pass, what is wrong with the
// file does not.
func TestPassing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{&store.Fault{Kind: store.ErrFull}, true}, {&store.Fault{Kind: store.ErrReadOnly}, true},
		{&store.Fault{Kind: store.ErrDenied}, true}, {&store.Fault{Kind: store.ErrDisk}, true},
		{&store.Fault{Kind: store.ErrDamaged}, false}, {&store.Fault{Kind: store.ErrMissing}, false},
		{&store.Fault{Kind: store.ErrNewer}, false}, {&store.Fault{Kind: store.ErrNotStore}, false},
		{&store.Fault{Kind: store.ErrBusy}, false}, {errors.New("something else"), false}, {fs.ErrNotExist, false},
	} {
		if got := passing(fmt.Errorf("open store: %w", tt.err)); got != tt.want {
			t.Errorf("passing(%v) = %v, want %v", tt.err, got, tt.want)
		}
	}
}

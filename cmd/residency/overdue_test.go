package main

import (
	"path/filepath"
	"testing"
	"time"

	"residency/internal/residency"
	"residency/internal/store"
)

func TestAgo(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                               "less than a minute ago",
		29 * time.Second:                "less than a minute ago",
		14*time.Minute + 12*time.Second: "14m ago",
		60*time.Minute - time.Second:    "1h0m ago",
		3*time.Hour + 5*time.Minute:     "3h5m ago",
		52 * time.Hour:                  "2d4h ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("ago(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestStatusOfAnEmptyStore(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	path := filepath.Join(t.TempDir(), "memory.db")
	s, err := store.Open(t.Context(), path, store.Options{Now: time.Now, Version: "test", Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	p.dir = filepath.Dir(path)
	p.configure(t)
	p.run(t, 3, "residency: error: nothing was checked yet\n", "status")
}

// TestWaiverApplied: a check took notice of a waiver only as it was then.
func TestWaiverApplied(t *testing.T) {
	t.Parallel()
	at := scriptClock
	w := residency.Waiver{ID: "W-1", Claims: []string{"c"}, Verdicts: []residency.Verdict{residency.Undetermined}, Until: at.Add(time.Hour)}
	wider, begun := w, w
	wider.Claims = []string{"c", "d"}
	begun.From = at.Add(time.Minute)
	run := residency.Run{At: at, Waivers: []residency.Waiver{w}}
	later := residency.Run{At: at, Waivers: []residency.Waiver{begun}}
	for _, tt := range []struct {
		name string
		run  residency.Run
		w    residency.Waiver
		want bool
	}{
		{"the same", run, w, true}, {"none was known", residency.Run{At: at}, w, false},
		{"it covers more now", run, wider, false}, {"it began since", later, begun, false},
	} {
		if got := applied(tt.run, tt.w); got != tt.want {
			t.Errorf("%s: applied = %v, want %v", tt.name, got, tt.want)
		}
	}
}

//go:build unix

package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/store/storetest"
)

// helperEnv makes the test binary one of the processes below and not a test.
const helperEnv = "RESIDENCY_STORE_HELPER"

func TestMain(m *testing.M) {
	if role := os.Getenv(helperEnv); role != "" {
		if err := helper(role, os.Args[1:]); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// helper is what a process of its own does with the store in a directory.
func helper(role string, args []string) error {
	ctx := context.Background()
	path := args[0]
	switch role {
	case "write": // for ever: the test kills it
		return write(ctx, path, 1<<30)
	case "some":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return write(ctx, path, n)
	case "small disk":
		return smallDisk(ctx, path)
	}
	return errors.New("no such role: " + role)
}

// Sizes of what a writer does.
const (
	crashBatches = 3
	crashRounds  = 40 // of a batch
)

// write makes runs. After each act it says what is on disk now.
func write(ctx context.Context, path string, runs int) error {
	s, err := store.Open(ctx, path, options())
	if err != nil {
		return err
	}
	defer s.Close()
	for range runs {
		last, err := s.LastRuns(ctx, 1)
		if err != nil {
			return err
		}
		n := 1
		if len(last) > 0 {
			n = int(last[0].Seq) + 1
		}
		run := storetest.RunAt(n)
		run.ID = fmt.Sprintf("run-%d-%d", os.Getpid(), time.Now().UnixNano())
		seq, err := s.Begin(ctx, run)
		if err != nil {
			return err
		}
		fmt.Println("began", seq)
		if err := writeRun(ctx, s, seq, run); err != nil {
			return err
		}
	}
	return nil
}

// writeRun saves and ends one run. Every third endpoint changes in it.
func writeRun(ctx context.Context, s *store.Store, seq int64, run residency.Run) error {
	for b := range crashBatches {
		var batch residency.Batch
		for n := b * crashRounds; n < (b+1)*crashRounds; n++ {
			version := 0
			if n%3 == 0 {
				version = int(seq)
			}
			batch.Rounds = append(batch.Rounds, storetest.Round(n, version, int(seq)))
		}
		id := fmt.Sprintf("%d-%d", seq, b)
		f := storetest.Finding(b)
		f.Host = "f" + id
		f.Key = residency.FindingKey(f.Vendor, f.Service, f.Host, f.Market, f.Claim)
		a := storetest.Alert(0, storetest.Start())
		a.ID = "alert-" + id
		batch.Findings, batch.Alerts = []residency.Finding{f}, []residency.Alert{a}
		if err := s.Save(ctx, seq, batch); err != nil {
			return err
		}
		fmt.Println("saved", id)
	}
	if err := s.End(ctx, seq, residency.RunEnd{Run: run}); err != nil {
		return err
	}
	fmt.Println("ended", seq)
	return nil
}

// process starts the test binary in a role.
func process(t *testing.T, role string, args ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), helperEnv+"="+role)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

// promises is what a process said to be on disk.
type promises struct {
	saved map[string]bool
	ended map[int64]bool
}

// add notes one line that a process said.
func (p *promises) add(t *testing.T, line string) {
	t.Helper()
	what, id, _ := strings.Cut(line, " ")
	switch what {
	case "saved":
		p.saved[id] = true
	case "ended":
		seq, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			t.Fatalf("the process said %q", line)
		}
		p.ended[seq] = true
	case "failed:":
		t.Fatalf("the process %s", line)
	}
}

// TestKill kills a process while it saves, twenty times over one store. What it
// said to be on disk is there each time, the store is whole, and the run that
// was broken off is ended by the next.
func TestKill(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/residency.db"
	p := &promises{saved: map[string]bool{}, ended: map[int64]bool{}}
	for kill := range 20 {
		cmd, lines := process(t, "write", path)
		for n := 0; n < 1+kill*7%23 && lines.Scan(); n++ { // each time at another point of a run
			p.add(t, lines.Text())
		}
		time.Sleep(time.Duration(kill*kill) * 37 * time.Microsecond) // and in the middle of something
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it said before it died
			p.add(t, lines.Text())
		}
		_ = cmd.Wait() // it was killed
		p.hold(t, path)
	}
	if len(p.ended) < 10 || len(p.saved) < 40 {
		t.Errorf("only %d runs and %d batches in all: the processes did too little", len(p.ended), len(p.saved))
	}
}

// hold holds a store to what was promised of it.
func (p *promises) hold(t *testing.T, path string) {
	t.Helper()
	s, err := store.Open(t.Context(), path, options())
	if err != nil {
		t.Fatalf("Open after a kill: %v", err)
	}
	defer s.Close()
	whole(t, s)
	findings, err := s.Findings(t.Context(), store.Which{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, f := range findings {
		found[strings.TrimPrefix(f.Host, "f")] = true
	}
	alerts, err := s.Alerts(t.Context(), time.Time{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, a := range alerts {
		told[strings.TrimPrefix(a.ID, "alert-")] = true
	}
	for id := range p.saved {
		if !found[id] || !told[id] {
			t.Errorf("batch %s was saved: finding %v, alert %v", id, found[id], told[id])
		}
	}
	if len(found) != len(told) {
		t.Errorf("%d findings and %d alerts: they were saved together", len(found), len(told))
	}
	for run, err := range s.Runs(t.Context(), time.Time{}, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		if p.ended[run.Seq] && (run.Finished.IsZero() || run.Partial) {
			t.Errorf("run %d was ended, and is %+v", run.Seq, run)
		}
	}
}

// TestTwoProcesses lets two processes make runs on one store: each run is whole
// and has a number of its own.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/residency.db"
	var mu sync.Mutex
	p := &promises{saved: map[string]bool{}, ended: map[int64]bool{}}
	var all sync.WaitGroup
	for range 2 {
		cmd, lines := process(t, "some", path, "6")
		all.Go(func() {
			for lines.Scan() {
				mu.Lock()
				if strings.HasPrefix(lines.Text(), "failed:") {
					t.Error(lines.Text())
				} else {
					p.add(t, lines.Text())
				}
				mu.Unlock()
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("the process ended with %v", err)
			}
		})
	}
	all.Wait()
	p.hold(t, path)
	if len(p.ended) != 12 {
		t.Errorf("%d runs were ended, want 12", len(p.ended))
	}
}

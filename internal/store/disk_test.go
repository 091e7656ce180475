//go:build unix

package store_test

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"testing"

	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/store/storetest"
)

// smallDisk saves until the system lets no file grow any more, says so, and
// goes on when it does again.
func smallDisk(ctx context.Context, path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := store.Open(ctx, path, options())
	if err != nil {
		return err
	}
	defer s.Close()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	small := limit
	small.Cur = 1 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		return err
	}
	seq, err := s.Begin(ctx, storetest.RunAt(1))
	if err != nil {
		return err
	}
	saved, failed := 0, error(nil)
	next := func() error {
		var b residency.Batch
		for n := saved * 100; n < (saved+1)*100; n++ {
			b.Rounds = append(b.Rounds, storetest.Round(n, 2, 1))
		}
		return s.Save(ctx, seq, b)
	}
	for failed == nil && saved < 1000 {
		if failed = next(); failed == nil {
			saved++
		}
	}
	if !errors.Is(failed, store.ErrFull) && !errors.Is(failed, store.ErrDisk) {
		return fmt.Errorf("after %d batches: %w", saved, failed)
	}
	if _, err := s.LastRuns(ctx, 1); err != nil {
		return fmt.Errorf("read on a full disk: %w", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := next(); err != nil {
		return fmt.Errorf("save with room again: %w", err)
	}
	if err := s.End(ctx, seq, residency.RunEnd{Run: storetest.RunAt(1)}); err != nil {
		return err
	}
	fmt.Println("rounds", (saved+1)*100)
	return nil
}

// TestSmallDisk loses nothing of what was saved when a file cannot grow, and
// goes on when it can.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/residency.db"
	cmd, lines := process(t, "small disk", path)
	want := -1
	for lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "rounds %d", &want); err != nil {
			t.Error(lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the process ended with %v", err)
	}
	s, err := store.Open(t.Context(), path, options())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	whole(t, s)
	if list, err := s.Rounds(t.Context(), 1); err != nil || len(list) != want {
		t.Errorf("Rounds = %d, %v, want %d", len(list), err, want)
	}
}

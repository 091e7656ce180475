//go:build unix

package channel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script writes a script for /bin/sh to read and returns its path.
func script(t *testing.T, body string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tell")
	if err := os.WriteFile(name, []byte(body+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCommandGetsMessage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := Command{
		Argv: []string{"/bin/sh", script(t, `cat >"$OUT/stdin"; env >"$OUT/env"; printf '%s|' "$@" >"$OUT/args"`), "$HOME", "a b", "; rm"},
		Env:  []string{"OUT=" + dir, "PATH=/usr/bin:/bin"},
	}
	a := message()
	a.Subject = "zero\x00byte"
	if _, err := cmd.Send(t.Context(), a); err != nil {
		t.Fatalf("Send: %v", err)
	}
	if got := read(t, dir, "stdin"); got != a.Text {
		t.Errorf("standard input = %q, want %q", got, a.Text)
	}
	if got, want := read(t, dir, "args"), "$HOME|a b|; rm|"; got != want {
		t.Errorf("arguments = %q, want %q: no shell may read them", got, want)
	}
	env := strings.Split(read(t, dir, "env"), "\n")
	for _, want := range []string{
		"RESIDENCY_KEY=863937614d348c6dc1a208e65afc1085", "RESIDENCY_CLAIM=phase-2a", "RESIDENCY_VENDOR=xiaomi",
		"RESIDENCY_STANDING=broken", "RESIDENCY_AT=2014-11-02T08:30:00Z", "RESIDENCY_RUN=run-1", "RESIDENCY_SUBJECT=zerobyte",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("environment has no %s:\n%s", want, strings.Join(env, "\n"))
		}
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCommandErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		argv []string
		want string
	}{
		{"no command", nil, "run alert command: no command is named"},
		{"empty name", []string{""}, "run alert command: no command is named"},
		{"not there", []string{"/nowhere/tell", "s3cret"}, "run alert command tell: start it: no such file or directory"},
		{"not in PATH", []string{"residency-no-such-program", "s3cret"}, "run alert command residency-no-such-program: executable file not found in $PATH"},
		{"says no", []string{"/bin/sh", "-c", "echo out; echo 'bad\x1b[2J' >&2; exit 3"}, `run alert command sh: not taken: exit status 3; it wrote "out\nbad\x1b[2J"`},
		{"says no in silence", []string{"/bin/sh", "-c", "exit 1"}, "run alert command sh: not taken: exit status 1"},
		{"reads nothing", []string{"/bin/sh", "-c", "exec <&-; exit 0"}, ""},
	}
	for _, tt := range tests {
		_, err := Command{Argv: tt.argv}.Send(t.Context(), message())
		if got := text(err); got != tt.want {
			t.Errorf("%s: Send = %q, want %q", tt.name, got, tt.want)
		}
		for _, s := range []string{text(err), fmt.Sprintf("%+v", Command{Argv: tt.argv}), fmt.Sprintf("%#v", Command{Argv: tt.argv})} {
			if strings.Contains(s, "s3cret") {
				t.Errorf("%s: %q holds a secret", tt.name, s)
			}
		}
	}
}

func TestCommandOutputIsBounded(t *testing.T) {
	t.Parallel()
	_, err := Command{Argv: []string{"/bin/sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; exit 1"}}.Send(t.Context(), message())
	if n := len(text(err)); n < maxOutput || n > maxOutput+200 {
		t.Errorf("error has %d bytes, want about %d", n, maxOutput)
	}
	if !strings.HasSuffix(text(err), `x ..."`) {
		t.Errorf("error does not say that it was cut: %.80q", text(err)[max(0, len(text(err))-40):])
	}
}

// TestCommandIsKilledWithItsChildren has a script start a child, and both
// sleep: after the time-out neither may be left.
func TestCommandIsKilledWithItsChildren(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := Command{
		Argv:    []string{"/bin/sh", script(t, `sleep 300 & echo $! >"$OUT/child.tmp"; mv "$OUT/child.tmp" "$OUT/child"; echo started; wait`)},
		Env:     []string{"OUT=" + dir, "PATH=/usr/bin:/bin"},
		Timeout: 500 * time.Millisecond,
	}
	began := time.Now()
	_, err := cmd.Send(t.Context(), message())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(text(err), `killed, it took too long: context deadline exceeded; it wrote "started"`) {
		t.Errorf("Send = %v, want killed", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("Send took %v, want about the time-out", took)
	}
	var pid int
	if _, err := fmt.Sscan(read(t, dir, "child"), &pid); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); !gone(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("child %d lives on", pid)
		}
	}
}

// gone reports whether the process has ended. A killed child whose parent is
// dead may stay a zombie where nobody reaps it; it is gone all the same.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	_, state, ok := strings.Cut(string(stat), ") ")
	return ok && strings.HasPrefix(state, "Z")
}

func TestCommandStopsWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := Command{Argv: []string{"/bin/sh", "-c", "sleep 300"}, Timeout: time.Minute}.Send(ctx, message())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Send = %v, want stopped", err)
	}
}

// TestCommandLeavesBackground lets a command start something that outlives it
// and holds its output open: it was taken all the same.
func TestCommandLeavesBackground(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := Command{
		Argv:    []string{"/bin/sh", script(t, `sleep 300 & echo $! >"$OUT/child"`)},
		Env:     []string{"OUT=" + dir, "PATH=/usr/bin:/bin"},
		Timeout: time.Minute,
	}
	if _, err := cmd.Send(t.Context(), message()); err != nil {
		t.Errorf("Send = %v, want nil", err)
	}
	var pid int
	if _, err := fmt.Sscan(read(t, dir, "child"), &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("kill the background process: %v", err)
	}
}

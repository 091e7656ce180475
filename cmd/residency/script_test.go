package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata run the program as a user does. Its clock stands
// still at a fixed moment, so that no test turns stale by itself, and it has no
// network but loopback.
func TestMain(m *testing.M) {
	// A program with the race detector sleeps for a second before it ends, for
	// what still runs: most of the time of hundreds of commands.
	if os.Getenv(raceOptions) == "" {
		os.Setenv(raceOptions, "atexit_sleep_ms=20")
	}
	testscript.Main(m, map[string]func(){
		"residency":      func() { os.Exit(scripted()) },
		"residency-live": func() { os.Exit(live()) }, // the same, by a clock that goes
	})
}

// raceOptions is the variable that the race detector reads when a program
// starts.
const raceOptions = "GORACE"

// scriptClock is the time of the scripts: after the embedded data was made and
// before any of it is old.
var scriptClock = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// testEnv is a world with nothing in it: no input, no variables, a clock that
// stands still, and the machine's network.
func testEnv(out, errs io.Writer) *env {
	return &env{
		stdin: strings.NewReader(""), stdout: out, stderr: errs,
		getenv: func(string) string { return "" },
		now:    func() time.Time { return scriptClock }, rand: bytes.NewReader(make([]byte, 64)),
	}
}

// scripted is realMain with a fixed clock and fixed randomness. SCRIPT_AFTER is
// by how much the clock is later than usual: "26h".
func scripted() int {
	keepWriting()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	after, _ := time.ParseDuration(os.Getenv("SCRIPT_AFTER"))
	e := &env{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv,
		now: func() time.Time { return scriptClock.Add(after) }, rand: bytes.NewReader(make([]byte, 1<<10)),
		inTerminal: os.Getenv("SCRIPT_TERMINAL") != "",
	}
	return run(ctx, e, os.Args[1:])
}

// liveClock is the variable that says when the clock of live began to go, in
// Unix nanoseconds, and what it showed, as SCRIPT_AFTER.
const liveClock = "LIVE_CLOCK"

// live is realMain by a clock that goes from the time of the scripts on.
func live() int {
	keepWriting()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began, err := strconv.ParseInt(os.Getenv(liveClock), 10, 64)
	if err != nil {
		began = time.Now().UnixNano()
	}
	after, _ := time.ParseDuration(os.Getenv("SCRIPT_AFTER"))
	e := &env{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, rand: rand.Reader,
		now: func() time.Time { return scriptClock.Add(after + time.Since(time.Unix(0, began))) },
	}
	return run(ctx, e, os.Args[1:])
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":   exits,
			"waitfor": waitFor,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv(raceOptions, os.Getenv(raceOptions))
			return nil
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// exits runs a command and wants its exit code: exits 2 residency check.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command args...")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("exits: %v", err)
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		ee, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("exits: %v", err)
		}
		got = ee.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// waitFor waits until a file is there and not empty.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitfor FILE")
	}
	path := ts.MkAbs(args[0])
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			return
		}
	}
	ts.Fatalf("%s did not come", fmt.Sprint(args[0]))
}

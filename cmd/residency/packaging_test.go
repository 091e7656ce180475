package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"residency/internal/watch"
)

// TestPackaging: every command and flag in the files for service managers
// exists, the schedules are ones, and systemd finds nothing wrong with its unit.
func TestPackaging(t *testing.T) {
	t.Parallel()
	seen := 0
	known := func(file string, words []string) {
		seen++
		root := newRoot(testEnv(new(bytes.Buffer), new(bytes.Buffer)))
		cmd, rest, err := root.Find(words)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err != nil || cmd == root {
			t.Errorf("%s: residency %s: %v", file, strings.Join(words, " "), err)
		}
	}
	for line := range strings.Lines(packaged(t, "residency.service")) {
		if args, ok := strings.CutPrefix(line, "ExecStart=/usr/local/bin/residency "); ok {
			known("residency.service", strings.Fields(args))
		}
	}
	for line := range strings.Lines(packaged(t, "residency.cron")) {
		fields := strings.Fields(line)
		if len(fields) > 6 && fields[6] == "residency" {
			known("residency.cron", fields[7:])
			if _, err := watch.ParseSchedule([]string{strings.Join(fields[:5], " ")}, time.UTC, scriptClock); err != nil {
				t.Errorf("residency.cron: %v", err)
			}
		}
		if _, args, ok := strings.Cut(line, "=/usr/local/bin/residency "); ok {
			known("residency.cron", strings.Fields(args))
		}
	}
	for line := range strings.Lines(packaged(t, "Dockerfile")) {
		if list, ok := strings.CutPrefix(line, "CMD "); ok {
			var words []string
			if err := json.Unmarshal([]byte(list), &words); err != nil {
				t.Fatalf("Dockerfile: CMD %s: %v", list, err)
			}
			known("Dockerfile", words)
		}
	}
	if seen != 5 {
		t.Errorf("%d command lines found, want 5: the unit's, the container's, two of cron and one for NRPE", seen)
	}
}

// packaged reads a file of packaging.
func packaged(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../packaging", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestUnit has systemd read its unit, where there is one.
func TestUnit(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze here: the unit is not verified")
		return
	}
	// The program is not installed here, and systemd wants one.
	unit := strings.Replace(packaged(t, "residency.service"), "ExecStart=/usr/local/bin/residency ", "ExecStart=/bin/true ", 1)
	file := filepath.Join(t.TempDir(), "residency.service")
	if err := os.WriteFile(file, []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", "--man=no", file).CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestOperationsDoc: the configuration in docs/operations.md loads, its commands
// exist, and it names every metric.
func TestOperationsDoc(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	e := testEnv(new(bytes.Buffer), new(bytes.Buffer))
	configs, commands := 0, 0
	for _, b := range blocks(string(raw)) {
		if b.lang == "toml" {
			configs++
			if _, err := e.loader().Parse("config.toml", []byte(someVendor+strings.Join(b.lines, "\n")+"\n")); err != nil {
				t.Error(err)
			}
		}
		for _, line := range b.lines {
			if args, ok := strings.CutPrefix(line, "residency "); ok {
				commands++
				root := newRoot(e)
				cmd, rest, err := root.Find(strings.Fields(args))
				if err != nil || cmd == root || cmd.ParseFlags(rest) != nil {
					t.Errorf("docs/operations.md: %s: %v", line, err)
				}
			}
		}
	}
	if configs != 1 || commands != 7 {
		t.Errorf("docs/operations.md has %d configurations and %d commands, want 1 and 7", configs, commands)
	}
	source, err := os.ReadFile("../../internal/metrics/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`newGauge\("([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		if m[1] != "build_info" && !strings.Contains(string(raw), "`"+m[1]+"`") {
			t.Errorf("docs/operations.md does not name the metric %s", m[1])
		}
	}
	if n := strings.Count(string(raw), "\n"); n > 150 {
		t.Errorf("docs/operations.md has %d lines, more than 150", n)
	}
}

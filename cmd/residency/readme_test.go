package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/lab"

	"residency/internal/watch"
)

// block is one fenced block of a Markdown file.
type block struct {
	lang  string
	lines []string
}

// blocks returns the fenced blocks of a Markdown text.
func blocks(text string) []block {
	var list []block
	open := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		lang, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !open:
			list = append(list, block{lang: lang})
			open = true
		case fence:
			open = false
		case open:
			b := &list[len(list)-1]
			b.lines = append(b.lines, line)
		}
	}
	return list
}

// reader runs what a README says, as its reader would.
type reader struct {
	t    *testing.T
	root string // of the repository
	dir  string // where the reader works
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	took time.Duration // by all commands so far: the reader takes his time
}

// TestREADME runs every command and loads every configuration of the README,
// and holds what it prints against what stands there.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n > 150 {
		t.Errorf("README.md has %d lines, want at most 150", n)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, root: root, dir: t.TempDir(), dial: inventedInternet(t)}
	t.Chdir(r.dir)
	seen := map[string]int{}
	for _, b := range blocks(string(text)) {
		seen[b.lang]++
		switch b.lang {
		case "console":
			r.console(b)
		case "toml":
			r.config(b)
		case "crontab":
			r.crontab(b)
		default:
			t.Errorf("README.md has a block of kind %q that no test runs", b.lang)
		}
	}
	if seen["console"] < 4 || seen["toml"] < 2 || seen["crontab"] == 0 {
		t.Errorf("blocks found: %v; were they renamed?", seen)
	}
}

// inventedInternet is a network on which every DNS server is one invented
// server that says api.acme.example is in Beijing.
func inventedInternet(t *testing.T) func(ctx context.Context, network, addr string) (net.Conn, error) {
	s := lab.Zone{"api.acme.example": "42.62.48.9"}.Scenario(lab.Server{Name: "all"})
	servers, err := s.Serve(t.Context(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = servers.Close() })
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasPrefix(addr, "127.0.0.1:") { // the lab's own
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		if strings.HasPrefix(addr, "192.0.2.") { // a documentation address, where an answer would mean a lie
			return nil, errors.New("network is unreachable")
		}
		return new(net.Dialer).DialContext(ctx, network, servers.Servers[0].Addr)
	}
}

// console runs each "$ command" and compares what it prints with the lines
// below it, where "..." stands for any lines.
func (r *reader) console(b block) {
	var stop context.CancelFunc = func() {}
	for i := 0; i < len(b.lines); {
		command, ok := strings.CutPrefix(b.lines[i], "$ ")
		if !ok {
			r.t.Fatalf("README.md: %q is no command", b.lines[i])
		}
		end := i + 1
		for end < len(b.lines) && !strings.HasPrefix(b.lines[end], "$ ") {
			end++
		}
		var out string
		if strings.Contains(command, "residency lab") {
			out, stop = r.serve(command)
		} else {
			out = r.command(command)
		}
		if missing := unmatched(b.lines[i+1:end], out); missing != "" {
			r.t.Errorf("README.md: $ %s\ndoes not print %q\nbut\n%s", command, missing, out)
		}
		i = end
	}
	stop()
}

// unmatched returns the first wanted line that out does not have in its
// place, or "".
func unmatched(want []string, out string) string {
	have := strings.Split(strings.TrimRight(out, "\n"), "\n")
	at, anywhere := 0, false
	for _, w := range want {
		if w == "..." {
			anywhere = true
			continue
		}
		k := slices.Index(have[at:], w)
		if k < 0 || k > 0 && !anywhere {
			// What goes before the first line need not be shown.
			if k < 0 || at > 0 {
				return w
			}
		}
		at, anywhere = at+k+1, false
	}
	return ""
}

// command runs one line of the README and returns its standard output.
func (r *reader) command(line string) string {
	words := strings.Fields(line)
	switch {
	case line == "go test ./...":
		// This test cannot run itself; CI runs the line as it stands.
		ci, err := os.ReadFile(filepath.Join(r.root, ".ci", "run"))
		if err != nil || !strings.Contains(string(ci), "go test ./...") {
			r.t.Errorf(".ci/run does not run %q: %v", line, err)
		}
		return ""
	case strings.HasPrefix(line, readmeBuild):
		return "" // TestREADMEBuild runs it, beside the other tests
	}
	args := arguments(r.t, words)
	var out, errs bytes.Buffer
	e := r.env(&out, &errs)
	r.took += time.Minute
	at := scriptClock.Add(r.took)
	e.now = func() time.Time { return at }
	code := run(r.t.Context(), e, args)
	if code != 0 && args[0] != "check" && args[0] != "status" {
		r.t.Errorf("$ %s: exit code %d\n%s", line, code, &errs)
	}
	return out.String()
}

// readmeBuild is how the README builds the program: without its argument.
const readmeBuild = "CGO_ENABLED=0 go build -o residency "

// TestREADMEBuild builds the program as the README does.
func TestREADMEBuild(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n$ "+readmeBuild)
	what, _, _ := strings.Cut(rest, "\n")
	if !ok {
		t.Fatalf("README.md does not say how to build: %s", readmeBuild)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(t.TempDir(), "residency"), what)
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("$ %s%s: %v\n%s", readmeBuild, what, err, out)
	}
}

func (r *reader) env(out, errs *bytes.Buffer) *env {
	e := testEnv(out, errs)
	e.dial = r.dial
	return e
}

// arguments returns the program's arguments of a command line.
func arguments(t *testing.T, words []string) []string {
	switch {
	case len(words) > 1 && words[0] == "residency":
		return words[1:]
	case len(words) > 3 && slices.Equal(words[:3], []string{"go", "run", "./cmd/residency"}):
		return words[3:]
	}
	t.Fatalf("README.md: do not know how to run %q", words)
	return nil
}

// serve starts a lab as the README does, on free ports, and waits until its
// configuration is there.
func (r *reader) serve(line string) (string, context.CancelFunc) {
	args := arguments(r.t, strings.Fields(strings.ReplaceAll(line, "127.0.0.1:5300", "127.0.0.1:0")))
	ctx, cancel := context.WithCancel(r.t.Context())
	var out, errs bytes.Buffer
	done := make(chan int)
	go func() { done <- run(ctx, r.env(&out, &errs), args) }()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if info, err := os.Stat("lab.toml"); err == nil && info.Size() > 0 {
			break
		}
	}
	return "...\nServing until interrupted.", func() {
		cancel()
		if code := <-done; code != 0 || !strings.HasSuffix(out.String(), "Serving until interrupted.\n") {
			r.t.Errorf("$ %s: exit code %d\n%s%s", line, code, &out, &errs)
		}
	}
}

// config loads a configuration block and keeps it for the commands after it.
// One without a vendor is added to the one before.
func (r *reader) config(b block) {
	var text []byte
	if !slices.Contains(b.lines, "[[vendor]]") {
		var err error
		if text, err = os.ReadFile("acme.toml"); err != nil {
			r.t.Fatal(err)
		}
	}
	text = append(text, strings.Join(b.lines, "\n")+"\n"...)
	if err := os.WriteFile("acme.toml", text, 0o644); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.env(nil, nil).loader().Load("acme.toml"); err != nil {
		r.t.Errorf("README.md: %v", err)
	}
}

// crontab checks the schedule and the command line of each entry.
func (r *reader) crontab(b block) {
	for _, line := range b.lines {
		fields := strings.Fields(line)
		if _, err := watch.ParseSchedule([]string{strings.Join(fields[:5], " ")}, time.UTC, scriptClock); err != nil {
			r.t.Errorf("README.md: %v", err)
		}
		r.flags(fields[5:])
	}
}

// flags checks that a command and all its flags exist.
func (r *reader) flags(words []string) {
	root := newRoot(r.env(nil, nil))
	cmd, rest, err := root.Find(arguments(r.t, words))
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err != nil || cmd == root {
		r.t.Errorf("README.md: %q: %v", words, err)
	}
}

func TestUnmatched(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ want, out, missing string }{
		{"a\nb", "a\nb\n", ""},
		{"b", "a\nb\n", ""},
		{"a\nc", "a\nb\nc\n", "c"},
		{"a\n...\nc", "a\nb\nc\n", ""},
		{"...\nd", "a\nb\n", "d"},
	} {
		if got := unmatched(strings.Split(tt.want, "\n"), tt.out); got != tt.missing {
			t.Errorf("unmatched(%q, %q) = %q, want %q", tt.want, tt.out, got, tt.missing)
		}
	}
}

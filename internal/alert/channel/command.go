package channel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"residency/internal/residency"
)

// maxOutput is how much of a command's output is kept for its error, in bytes.
const maxOutput = 1 << 10

// afterKill is how long a killed command's children may keep its output open.
const afterKill = time.Second

// Command runs a program for each alert, directly and not through a shell.
// The message is on its standard input; these variables are in its
// environment: RESIDENCY_KEY, RESIDENCY_CLAIM, RESIDENCY_VENDOR,
// RESIDENCY_STANDING, RESIDENCY_AT (RFC 3339, UTC), RESIDENCY_RUN,
// RESIDENCY_SUBJECT, RESIDENCY_GROUP, RESIDENCY_KIND, RESIDENCY_EVENT,
// RESIDENCY_SEVERITY, RESIDENCY_RESOLVED and RESIDENCY_TEST (both true or
// false). Exit code 0 means taken.
type Command struct {
	Argv    []string      // program and arguments; the program is looked up in PATH
	Timeout time.Duration // until it is killed with all it started; 0: DefaultTimeout
	Env     []string      // environment to add to; nil: this process's
}

// Send runs the command once. When the time is over, or the context ends, its
// whole process group is killed. What it writes is thrown away, but for the
// first kilobyte, which goes into the error when it fails.
func (c Command) Send(ctx context.Context, a residency.Notification) (string, error) {
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return "", errors.New("run alert command: no command is named")
	}
	ctx, cancel := context.WithTimeout(ctx, orDefault(c.Timeout))
	defer cancel()
	if err := c.run(ctx, a); err != nil {
		return "", fmt.Errorf("run alert command %s: %w", filepath.Base(c.Argv[0]), err)
	}
	return "exit code 0", nil
}

// run makes the one try.
func (c Command) run(ctx context.Context, a residency.Notification) error {
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Stdin = strings.NewReader(a.Text)
	cmd.Env = append(c.environ(), facts(a)...)
	out := &head{most: maxOutput}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = afterKill
	killGroup(cmd)

	err := cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil:
		// A child left in the background holds the output open: the command
		// itself ended well.
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("killed, it took too long: %w%s", ctx.Err(), out)
	case ctx.Err() != nil:
		return fmt.Errorf("stopped: %w%s", ctx.Err(), out)
	}
	if e, ok := errors.AsType[*exec.Error](err); ok {
		return e.Err // without the name, which Send gives
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("start it: %w", e.Err)
	}
	return fmt.Errorf("not taken: %w%s", err, out)
}

// environ returns the environment to add to.
func (c Command) environ() []string {
	if c.Env != nil {
		return append([]string(nil), c.Env...)
	}
	return os.Environ()
}

// facts returns the alert as environment variables. A zero byte cannot stand
// in one and would keep the command from starting.
func facts(a residency.Notification) []string {
	list := [][2]string{
		{"KEY", a.Key},
		{"CLAIM", a.Claim},
		{"VENDOR", a.Vendor},
		{"STANDING", a.Standing.String()},
		{"AT", a.At.UTC().Format(time.RFC3339)},
		{"RUN", a.Run},
		{"SUBJECT", a.Subject},
		{"GROUP", a.Group},
		{"KIND", string(a.Kind)},
		{"EVENT", string(a.Event)},
		{"SEVERITY", a.Severity.String()},
		{"RESOLVED", strconv.FormatBool(a.Resolves)},
		{"TEST", strconv.FormatBool(a.Test)},
	}
	env := make([]string, 0, len(list))
	for _, f := range list {
		env = append(env, "RESIDENCY_"+f[0]+"="+strings.ReplaceAll(f[1], "\x00", ""))
	}
	return env
}

// String names the program without its arguments, which may hold secrets.
func (c Command) String() string {
	if len(c.Argv) == 0 {
		return "command"
	}
	return "command " + filepath.Base(c.Argv[0])
}

// GoString is String: %#v would print the arguments.
func (c Command) GoString() string { return c.String() }

// head keeps the first bytes written to it and takes all others.
type head struct {
	most int
	kept []byte
	more bool
}

// Write never fails.
func (h *head) Write(p []byte) (int, error) {
	room := min(len(p), h.most-len(h.kept))
	h.kept = append(h.kept, p[:room]...)
	h.more = h.more || room < len(p)
	return len(p), nil
}

// String returns what was kept as the end of an error: quoted, so that it
// breaks no line and moves no cursor; "" if nothing was written.
func (h *head) String() string {
	text := strings.TrimSpace(string(h.kept))
	if text == "" {
		return ""
	}
	if h.more {
		text += " ..."
	}
	return fmt.Sprintf("; it wrote %q", text)
}

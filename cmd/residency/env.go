package main

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	"time"

	"golang.org/x/term"

	"residency/internal/resolve/dnssec"
)

// env is everything a command may touch of the world outside. Tests hand in
// their own.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	rand           io.Reader
	user           func() string                                                     // name of this machine's user, "" if not known; nil: not known
	dial           func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the system's
	// outTerminal and errTerminal say whether a person is at the other end;
	// width is the terminal's, 0 when unknown.
	inTerminal, outTerminal, errTerminal bool
	width                                int
	// anchors are the keys that are trusted from the start; nil: the root's.
	anchors []dnssec.Anchor
	// hurry lets the process take memory for time; nil: it is not this process's
	// to say.
	hurry func()
	// data is the location data to use in place of that in use: a directory,
	// pickPrevious or pickEmbedded; "" for the data in use.
	data string
}

// realMain runs the program against the real world and returns its exit code.
func realMain() int {
	keepWriting()
	e := &env{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv,
		now: time.Now, rand: rand.Reader, user: loginName,
		inTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		outTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		errTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		hurry:       func() { hurry(os.Getenv) },
	}
	if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		e.width = w
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	defer stop()
	return run(ctx, e, os.Args[1:])
}

// loginName is the user's name by the system's own list.
func loginName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// colour reports whether standard output may be coloured.
func (e *env) colour() bool {
	return e.outTerminal && e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb"
}

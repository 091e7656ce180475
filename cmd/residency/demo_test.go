package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"residency/internal/residency"
)

// TestDemoWithoutLoopback: a story of which nothing is known is none.
func TestDemoWithoutLoopback(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	e := testEnv(&out, &errs)
	e.dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("network is unreachable")
	}
	page := filepath.Join(t.TempDir(), "page")
	if code := run(t.Context(), e, []string{"demo", "--out", page}); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	want := "residency: error: reach the invented name servers on loopback: none answers at 127.0.0.1:"
	if !strings.HasPrefix(errs.String(), want) || strings.Count(errs.String(), "error:") != 1 || !strings.Contains(errs.String(), "hint: is the loopback interface up?") {
		t.Errorf("stderr = %q, want %q", errs.String(), want)
	}
	if strings.Contains(out.String(), "phase-1") {
		t.Errorf("it tells the story all the same: %q", out.String())
	}
	if _, err := os.Stat(page); !os.IsNotExist(err) {
		t.Errorf("there is a page: %v", err)
	}
}

// TestReached: one silent server is a part of some stories.
func TestReached(t *testing.T) {
	t.Parallel()
	up, down := residency.ResolverStatus{Answers: true}, residency.ResolverStatus{Server: "127.0.0.1:53", Failure: residency.FailUnreachable}
	for _, c := range []struct {
		list []residency.ResolverStatus
		good bool
	}{{nil, true}, {[]residency.ResolverStatus{down}, false}, {[]residency.ResolverStatus{down, down}, false}, {[]residency.ResolverStatus{down, up}, true}} {
		if err := reached(residency.Run{Resolvers: c.list}); (err == nil) != c.good {
			t.Errorf("reached(%v) = %v", c.list, err)
		}
	}
}

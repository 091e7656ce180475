package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"residency/internal/lab"
)

// halfYearLived is the migration of 2014 with a memory: a check every ten days from
// August to January, by a user's configuration.
type halfYearLived struct {
	path string // of the configuration
	env  *env   // at the end of it
}

// livedFiles are the files of a half year, and its world at the end.
type livedFiles struct {
	files fstest.MapFS
	env   *env
}

// livedOnce plays the half year once for all the tests that read it.
var livedOnce = sync.OnceValues(func() (*livedFiles, error) {
	dir, err := os.MkdirTemp("", "residency-half-year-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	h := &halfYearLived{path: filepath.Join(dir, "config.toml")}
	if err := h.live(context.Background()); err != nil {
		return nil, err
	}
	all := &livedFiles{files: fstest.MapFS{}, env: h.env}
	from := os.DirFS(dir)
	return all, fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(from, name)
		all.files[name] = &fstest.MapFile{Data: data, Mode: 0o600}
		return err
	})
})

// lived returns a half year of its own, that a test may add to.
func lived(t *testing.T) *halfYearLived {
	t.Helper()
	all, err := livedOnce()
	if err != nil {
		t.Fatal(err)
	}
	mine := t.TempDir()
	if err := os.CopyFS(mine, all.files); err != nil {
		t.Fatal(err)
	}
	return &halfYearLived{path: filepath.Join(mine, "config.toml"), env: all.env}
}

// run runs a command at the end of the half year, and returns its output and
// exit code.
func (h *halfYearLived) run(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	e := *h.env
	e.stdout, e.stderr = &out, &errs
	code = run(context.Background(), &e, append(args, "--config", h.path))
	return out.String(), errs.String(), code
}

func (h *halfYearLived) live(ctx context.Context) error {
	scenario, err := lab.Builtin("xiaomi-2014")
	if err != nil {
		return err
	}
	s := &story{loc: scenario.Steps[0].At.Location()}
	net, err := scenario.Serve(ctx, "127.0.0.1:0", s.now)
	if err != nil {
		return err
	}
	defer net.Close()
	if err := h.configure(scenario, net); err != nil {
		return err
	}
	h.env = testEnv(io.Discard, io.Discard)
	h.env.now, h.env.data, h.env.rand = s.now, pickEmbedded, bytes.NewReader(make([]byte, 1<<16))
	h.env.getenv = func(name string) string { return map[string]string{"USER": "ann"}[name] }
	s.clock.Store(time.Date(2014, 8, 3, 4, 0, 0, 0, time.UTC).Unix())
	cfg, err := h.env.loader().Load(h.path)
	if err != nil {
		return err
	}
	house, err := h.env.furnish(ctx, cfg, false)
	if err != nil {
		return err
	}
	memory, err := h.env.openStore(ctx, cfg, "test")
	if err != nil {
		return err
	}
	defer memory.Close()
	for end := time.Date(2015, 2, 1, 0, 0, 0, 0, time.UTC); s.now().Before(end); s.clock.Add(10 * 24 * 3600) {
		engine := house.engine(h.env, time.Time{})
		house.remember(engine, memory)
		if r := engine.Run(ctx); r.Partial || r.Seq == 0 {
			return fmt.Errorf("check of %s: partial %v, number %d: %v", s.now(), r.Partial, r.Seq, r.Notices)
		}
	}
	return nil
}

// configure writes the scenario's configuration with a memory, and with what
// only reports read.
func (h *halfYearLived) configure(scenario *lab.Scenario, net *lab.Net) error {
	if _, err := writeLabConfig(scenario, net, h.path, true); err != nil {
		return err
	}
	data, err := os.ReadFile(h.path)
	if err != nil {
		return err
	}
	text := strings.Replace(string(data), "[organisation]", "[organisation]\ncontact = \"privacy@org.example\"", 1)
	before, after, ok := strings.Cut(text, "id = \"phase-2b\"")
	i := strings.LastIndex(before, "[[claim]]")
	if !ok || i < 0 {
		return fmt.Errorf("the scenario has no claim phase-2b:\n%s", text)
	}
	text = before[:i] + "[[claim.response]]\ndate = 2014-10-24\nby = \"a spokesman\"\ntext = \"We have only read media reports.\"\n\n" + before[i:] + "id = \"phase-2b\"" + after
	text += "\n[store]\npath = \"memory.db\"\n[schedule]\nwindow = \"21d\"\n"
	return os.WriteFile(h.path, []byte(text), 0o600)
}

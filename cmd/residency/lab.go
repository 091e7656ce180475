package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/lab"
)

func newLab(e *env) *cobra.Command {
	var listen, at, write string
	var force, fromRoot bool
	cmd := &cobra.Command{
		Use:   "lab SCENARIO",
		Short: "Serve a small invented internet on loopback, to try things on",
		Long: `Serve the name servers of a scenario on loopback addresses, as they would have
answered at one moment. The answers are invented.

A scenario is one of: ` + strings.Join(lab.Builtins(), ", ") + `, or the path of a file.

Each server has its own port: the first the one given, the next the one after.

With --from-root the scenario is an internet of its own: a root, the server of its
top-level domains, and the vendors' name servers, each at its own loopback address
and all on one port. The configuration written then finds them from the root down.`,
		Example: `  residency lab xiaomi-2014 --listen 127.0.0.1:5300 --at 2014-11-02 --write-config lab.toml
  residency check --config lab.toml --at 2014-11-02
  residency lab xiaomi-2014 --from-root --write-config root.toml
  dig @127.0.0.1 -p 5300 api.account.xiaomi.com +subnet=49.36.8.0/24`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLab(cmd.Context(), e, args[0], labFlags{listen, at, write, force, fromRoot})
		},
		ValidArgs: lab.Builtins(),
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:5300", "loopback address and port of the first server; port 0 picks free ones")
	cmd.Flags().StringVar(&at, "at", "", "the moment to answer for (2014-11-02 or RFC 3339); the scenario's first step by default")
	cmd.Flags().StringVar(&write, "write-config", "", "write the configuration that asks these servers to this file")
	cmd.Flags().BoolVar(&fromRoot, "from-root", false, "serve a root, top-level domains and the vendors' name servers, to be found from the root")
	cmd.Flags().BoolVar(&force, "force", false, "write over files that are there")
	return cmd
}

// labFlags are the flags of lab.
type labFlags struct {
	listen, at, write string
	force, fromRoot   bool
}

func runLab(ctx context.Context, e *env, name string, f labFlags) error {
	s, err := openScenario(name)
	if errors.Is(err, fs.ErrNotExist) {
		return misused("there is no scenario %q\nhint: there are %s, or the path of a file that ends in .toml", name, strings.Join(lab.Builtins(), ", "))
	}
	if err != nil {
		return misused("%v", err)
	}
	when := s.Steps[0].At
	if f.at != "" {
		if when, err = parseAt(f.at, when.Location()); err != nil {
			return misused("%v", err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	serve := s.Serve
	if f.fromRoot {
		serve = s.ServeFromRoot
	}
	net, err := serve(ctx, f.listen, func() time.Time { return when })
	if err != nil {
		return failed(err)
	}
	defer net.Close()
	var written []string
	if f.write != "" {
		if written, err = writeLabConfig(s, net, f.write, f.force); err != nil {
			return failed(err)
		}
	}
	fmt.Fprintf(e.stdout, "%s\n%s\n\nThe answers of %s. Servers:\n", s.Title, s.Notice, when.Format("2 January 2006 15:04 MST"))
	for _, r := range net.Servers {
		fmt.Fprintf(e.stdout, "  %-16s %s  %s\n", r.Name, r.Addr, r.Does)
	}
	if f.write != "" {
		fmt.Fprintf(e.stdout, "\nWritten: %s\nTry: residency check --config %s --at %s\n", strings.Join(written, ", "), f.write, when.Format(time.DateOnly))
	}
	fmt.Fprintln(e.stdout, "\nServing until interrupted.")
	<-ctx.Done()
	return nil
}

// openScenario takes a builtin's name or a file's path.
func openScenario(name string) (*lab.Scenario, error) {
	if strings.HasSuffix(name, ".toml") {
		return lab.Load(os.DirFS(filepath.Dir(name)), filepath.Base(name))
	}
	return lab.Builtin(name)
}

// writeLabConfig writes the configuration and, beside it, the files it names.
// Files that are there are written over only when forced, or when they are the
// same already. It returns what it wrote.
func writeLabConfig(s *lab.Scenario, net *lab.Net, path string, force bool) ([]string, error) {
	files, err := s.Config(net)
	if err != nil {
		return nil, err
	}
	var written []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		to := filepath.Join(filepath.Dir(path), name)
		if name == "config.toml" {
			to = path
		}
		if old, err := os.ReadFile(to); err == nil && bytes.Equal(old, files[name]) {
			continue
		}
		if err := writeNew(to, files[name], force); err != nil {
			return written, err
		}
		written = append(written, to)
	}
	return written, nil
}

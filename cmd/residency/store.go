package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/ledger"
	"residency/internal/residency"
	"residency/internal/store"
)

func newStore(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "The memory of what was seen: check it, back it up, put a backup back",
		Long: `With [store] in the configuration, every run is remembered in one file: what
was seen and judged, findings, what people were told, and the evidence log.

  residency store check             is it whole?
  residency store backup FILE       a copy, while "residency watch" goes on
  residency store restore FILE      a copy in place of the store

The file is an SQLite database. Do not copy it while it is in use: half of what
was written last may be in the file beside it. "store backup" copies all of it.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	path := cmd.PersistentFlags().StringP("config", "c", "config.toml", "configuration file")
	cmd.AddCommand(newStoreCheck(e, path), newStoreBackup(e, path), newStoreRestore(e, path))
	return cmd
}

// stored loads a configuration that has a store.
func (e *env) stored(path string) (*config.Config, error) {
	cfg, err := e.loader().Load(path)
	if err != nil {
		return nil, exitError{exitUsage, err}
	}
	if !cfg.Store.On {
		return nil, failed(errNoStore)
	}
	return cfg, nil
}

// reading opens the store of a configuration for reading.
func (e *env) reading(ctx context.Context, path string) (*store.Store, error) {
	cfg, err := e.stored(path)
	if err != nil {
		return nil, err
	}
	s, err := e.readStore(ctx, cfg)
	if err != nil {
		return nil, failed(err)
	}
	return s, nil
}

// storePeriod is a store open for reading, and the period that is asked about.
type storePeriod struct {
	cfg      *config.Config
	store    *store.Store
	from, to time.Time // zero: from the start, to the end
}

// readPeriod opens the store of a configuration for reading, and reads the flags
// of the period that is asked about.
func (e *env) readPeriod(ctx context.Context, path, from, to string) (in storePeriod, err error) {
	if in.cfg, err = e.stored(path); err != nil {
		return in, err
	}
	if in.from, in.to, err = period(from, to, in.cfg.Organisation.Location); err != nil {
		return in, exitError{exitUsage, err}
	}
	if in.store, err = e.readStore(ctx, in.cfg); err != nil {
		return in, failed(err)
	}
	return in, nil
}

func newStoreCheck(e *env, cfgPath *string) *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Read the whole store, or a backup, and say what is wrong with it",
		Long: `Read the whole store, or a backup, and say what is wrong with it: the structure
of the database, every part of the evidence against its hash, and that nothing
is missing in between. It changes nothing, and runs may go on meanwhile.

Whether the evidence is still what was signed is another question, which
"residency verify" answers.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			path := ""
			if len(args) == 1 {
				path = args[0]
			} else {
				cfg, err := e.stored(*cfgPath)
				if err != nil {
					return err
				}
				path = cfg.Store.Path
			}
			o := e.storeOptions("residency store check")
			o.ReadOnly = true
			s, err := store.Open(cmd.Context(), path, o)
			if err != nil {
				return failed(err)
			}
			defer s.Close()
			found, err := s.Check(cmd.Context())
			if err != nil {
				return failed(err)
			}
			return e.sayChecked(path, found)
		},
	}
}

// sayChecked says what a check of the store found.
func (e *env) sayChecked(path string, c store.Checked) error {
	for _, w := range c.Warnings {
		fmt.Fprintln(e.stderr, "residency: warning: "+w)
	}
	fmt.Fprintf(e.stdout, "%s: %s of %s, %d stretches of equal answers, %d bodies, %d leaves in the log, %s\n", path,
		residency.Plural(int(c.Runs), "run"), residency.Plural(int(c.Endpoints), "endpoint"), c.Spans, c.Bodies, c.Leaves, size(c.Bytes))
	if len(c.Problems) == 0 {
		fmt.Fprintln(e.stdout, "nothing is wrong with it")
		return nil
	}
	for _, p := range c.Problems {
		fmt.Fprintln(e.stdout, "  "+p)
	}
	return failed(fmt.Errorf("%s: %s\nhint: \"residency store restore FILE\" puts a backup in its place; the damaged file is kept", path, residency.Plural(len(c.Problems), "problem")))
}

// size writes a number of bytes for people.
func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
}

func newStoreBackup(e *env, cfgPath *string) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a whole copy of the store to a new file, while runs go on",
		Long: `Write a whole copy of the store to a new file, while runs go on. The pages that
"residency claim archive" keeps beside the store go beside the copy, into a
directory named like it with .sources.`,
		Example: `  residency store backup /var/backups/residency.db`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := e.reading(cmd.Context(), *cfgPath)
			if err != nil {
				return err
			}
			defer s.Close()
			if err := s.Backup(cmd.Context(), args[0]); err != nil {
				return failed(err)
			}
			info, err := os.Stat(args[0])
			if err != nil {
				return failed(err)
			}
			fmt.Fprintf(e.stdout, "%s: a copy of %s, %s\n", args[0], s.Path(), size(info.Size()))
			return e.saySources(s.Path(), args[0])
		},
	}
}

func newStoreRestore(e *env, cfgPath *string) *cobra.Command {
	var by, reason string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in place of the store; what was there is kept beside it",
		Long: `Put a backup in place of the store. The backup is checked first. What was in its
place, damaged or not, is kept beside it under another name. That it was
restored, when, by whom and why becomes a part of the evidence log: the runs
since the backup are missing in it, and it says so. Archived pages beside the
backup are put back too.

Stop "residency watch" first: a process that has the store open would go on
writing into the file that was put aside. Restoring is refused while one has.`,
		Example: `  residency store restore /var/backups/residency.db --by "A. Rao" --reason "disk failed"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := e.stored(*cfgPath)
			if err != nil {
				return err
			}
			who, err := e.person(by)
			if err != nil {
				return err
			}
			done, err := store.Restore(cmd.Context(), cfg.Store.Path, args[0], e.storeOptions("residency store restore"), who, reason)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrMissing) {
				return failed(fmt.Errorf("restore store: there is no backup %s", args[0]))
			}
			if err != nil {
				return failed(err)
			}
			fmt.Fprintf(e.stdout, "%s: restored from %s, with runs up to number %d\n", cfg.Store.Path, args[0], done.Runs)
			if done.Kept != "" {
				fmt.Fprintf(e.stdout, "what was there before is kept as %s\n", done.Kept)
			}
			if err := e.saySources(args[0], cfg.Store.Path); err != nil {
				return err
			}
			return e.sayGap(cmd.Context(), cfg, done)
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "who restores it (default: the user of this machine)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the evidence log")
	return cmd
}

// sayGap says what comes next when more was signed than a restored backup
// holds: whoever restores it must not learn only from a log file that nothing
// is signed any more. It asks the checkpoint beside the store, as signing does,
// and needs no key for that.
func (e *env) sayGap(ctx context.Context, cfg *config.Config, done store.Restored) error {
	if cfg.Evidence.Key.IsZero() {
		return nil
	}
	kept, err := keptCheckpoints([]string{cfg.Evidence.Checkpoint})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was signed, or nobody remembers
	}
	if err != nil {
		return failed(err)
	}
	signed := kept[0]
	what := fmt.Sprintf("%s were signed, and the backup has %d", ledger.LeavesWords(signed.Size), done.Size)
	if signed.Size <= done.Size {
		s, err := e.readStore(ctx, cfg)
		if err != nil {
			return failed(err)
		}
		defer s.Close()
		root, err := ledger.Root(ctx, s, signed.Size)
		if err != nil {
			return failed(err)
		}
		if root == signed.Root {
			return nil
		}
		what = "the backup is not of the log that was signed"
	}
	_, err = fmt.Fprintf(e.stdout, "%s: nothing is signed any more until\n  residency seal --accept-gap --reason WHY\n", what)
	return err
}

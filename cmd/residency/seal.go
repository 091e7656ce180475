package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/ledger"
	"residency/internal/store"
)

// The store keeps the evidence log.
var (
	_ ledger.Log  = (*store.Store)(nil)
	_ ledger.Book = (*store.Store)(nil)
)

func newSeal(e *env) *cobra.Command {
	var path, by, reason, next string
	var gap bool
	cmd := &cobra.Command{
		Use:   "seal",
		Short: "Sign what is in the evidence log",
		Long: `Sign what is in the evidence log, so that nothing of it can be changed later
without being found out. "residency watch" does so by itself, after every run.

The log must hold everything that was signed before, as the store and the file
of the latest checkpoint say. Where it does not, because a backup was restored
on purpose, --accept-gap goes on; who did so and why is then on record, and
"residency verify" tells it for ever.

A key on record that is to sign the log next is vouched for only by whoever holds
the key so far: "residency key rotate" does so by itself, and --accept-key where
that was cut short. Any other is somebody's who wrote to the store: nothing is
signed any more then.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := e.openLog(cmd.Context(), path, "residency seal")
			if err != nil {
				return err
			}
			defer l.store.Close()
			if next != "" {
				keys, err := publicKeys([]string{next})
				if err != nil {
					return exitError{exitUsage, err}
				}
				l.signer.Accept = keys[0]
			}
			if gap {
				return l.acceptGap(cmd.Context(), e, by, reason)
			}
			cp, err := l.signer.Sign(cmd.Context())
			switch {
			case ledger.IsTamper(err):
				return failed(fmt.Errorf("%w\nhint: nothing is signed any more. \"residency verify\" says more; after restoring a backup on purpose, \"residency seal --accept-gap --reason WHY\" goes on; a next key of your own that was not signed yet is signed by \"residency seal --accept-key KEY\"", err))
			case err != nil:
				return failed(err)
			case cp.Size == 0:
				_, err = fmt.Fprintln(e.stdout, "everything is signed already")
			default:
				_, err = fmt.Fprintf(e.stdout, "signed %s under %s\n", ledger.LeavesWords(cp.Size), cp.Root)
			}
			return err
		},
	}
	cmd.PersistentFlags().StringVarP(&path, "config", "c", "config.toml", "configuration file")
	cmd.Flags().BoolVar(&gap, "accept-gap", false, "go on with a log that lacks what was signed before")
	cmd.Flags().StringVar(&next, "accept-key", "", "public key, or a file with it, that is on record to sign the log next, where \"key rotate\" was cut short")
	cmd.Flags().StringVar(&by, "by", "", "who accepts the gap (default: the user of this machine)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the evidence log")
	cmd.AddCommand(newSealExport(e, &path))
	return cmd
}

// evidenceLog is the log of a configuration, open for signing.
type evidenceLog struct {
	store  *store.Store
	signer *ledger.Signer
}

// openLog opens the log of a configuration that names a key.
func (e *env) openLog(ctx context.Context, path, command string) (*evidenceLog, error) {
	cfg, err := e.stored(path)
	if err != nil {
		return nil, err
	}
	if cfg.Evidence.Key.IsZero() {
		return nil, failed(errNoKey)
	}
	s, err := e.openStore(ctx, cfg, command)
	if err != nil {
		return nil, failed(err)
	}
	signer, err := e.signer(cfg, s, slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		s.Close()
		return nil, failed(err)
	}
	return &evidenceLog{s, signer}, nil
}

// signer returns what signs the log of a store by a configuration; nil when it
// names no key.
func (e *env) signer(cfg *config.Config, s *store.Store, log *slog.Logger) (*ledger.Signer, error) {
	if cfg.Evidence.Key.IsZero() {
		return nil, nil
	}
	key, err := logKey(cfg)
	if err != nil {
		return nil, err
	}
	signer := &ledger.Signer{
		Log: s, Book: s, Key: key, Record: s.Record, File: cfg.Evidence.Checkpoint,
		Now: e.now, Logger: log,
	}
	signer.Outcome = func(ctx context.Context, err error) {
		if err := e.noteSigning(ctx, s, err); err != nil {
			log.Error("note what came of signing", "error", err)
		}
	}
	return signer, e.anchorLog(cfg, signer)
}

// signRun signs what a check added to the log, where the configuration names a
// key. A log that is not what was signed before is an error, and not signed.
func (e *env) signRun(ctx context.Context, cfg *config.Config, s *store.Store) error {
	signer, err := e.signer(cfg, s, slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err == nil && signer != nil {
		_, err = signer.Sign(ctx)
	}
	if err != nil {
		err = fmt.Errorf("sign evidence log: %w", err)
	}
	return errors.Join(err, e.noteSigning(ctx, s, err))
}

func (l *evidenceLog) acceptGap(ctx context.Context, e *env, by, reason string) error {
	who, err := e.person(by)
	if err != nil {
		return err
	}
	if reason == "" {
		return misused("why is there a gap? --reason TEXT")
	}
	accepted, err := l.signer.AcceptGap(ctx, who, reason)
	switch {
	case err != nil:
		return failed(err)
	case !accepted:
		return failed(errors.New("there is no gap: the log holds everything that was signed"))
	}
	_, err = fmt.Fprintf(e.stdout, "the gap is on record, accepted by %s: %s\n", who, reason)
	return err
}

func newSealExport(e *env, path *string) *cobra.Command {
	return &cobra.Command{
		Use:   "export DIR",
		Short: "Write the signed log as files that any client of such logs can audit (C2SP tlog-tiles)",
		Long: `Write the log up to its latest checkpoint into a directory: tiles, leaves and the
checkpoint, in the layout of C2SP tlog-tiles. With the public key alone, any
client of such logs can audit it, and so can "residency verify DIR". What an
earlier export left there is added to.

The leaves tell when was looked and what claims stood like. They do not hold
hosts, answers or configuration: those are in the store, bound by their hashes.`,
		Example: `  residency seal export log/`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := e.reading(cmd.Context(), *path)
			if err != nil {
				return err
			}
			defer s.Close()
			cp, err := s.LastCheckpoint(cmd.Context())
			if err != nil {
				return failed(err)
			}
			if cp.Size == 0 {
				return failed(errors.New("nothing is signed yet\nhint: \"residency seal\" signs what is in the log"))
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return failed(err)
			}
			if err := ledger.ExportDir(cmd.Context(), s, cp, args[0]); err != nil {
				return failed(err)
			}
			_, err = fmt.Fprintf(e.stdout, "%s: %s under %s\n", args[0], ledger.LeavesWords(cp.Size), cp.Root)
			return err
		},
	}
}

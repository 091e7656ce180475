package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/ledger"
	"residency/internal/policy"
	"residency/internal/residency"
	"residency/internal/store"
)

// verifyFlags are what verify is told.
type verifyFlags struct {
	config      string
	keys        []string
	checkpoints []string
	stampRoots  string
	witnesses   []string

	// noKey is why the key of the configuration could not be had, nil otherwise.
	// Verifying needs its public half alone, which the log may name itself.
	noKey error
}

func newVerify(e *env) *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [STORE | BUNDLE.zip | DIR]",
		Short: "Verify that evidence is what was sealed, and judge it again",
		Long: `Verify that nothing was added, dropped, edited or put elsewhere since it was
sealed: every leaf of the log against the signed checkpoints, every run against
its leaf, every look, verdict, location and packet against its hash. Then judge
every round again from what was seen, by the same rules: the same verdicts must
come out, byte by byte.

Without an argument the store of the configuration is verified, with the
checkpoint that is kept beside it and the public half of its key; where the key
cannot be read, with --key or the public key that the log names itself. A bundle
(a zip file or a directory), an exported log, or the file of a store need
nothing else at hand.

  --key         the public key of the log, as "residency key show" prints it,
                got from somewhere else than the evidence itself. Without it
                the log is taken at its word who signs it.
  --checkpoint  a checkpoint that was kept elsewhere: the log must have grown
                out of it. Only so a log is noticed that was written anew by
                somebody who has its key.

  --timestamp-roots, --witness
                whose word is believed on when a checkpoint existed: runs that
                are dated back or ahead are found by it. Without, a time stamp
                in a bundle is held to its checkpoint, and told.

Exit codes: 0 all of it matches; 1 it does not, or could not be read; 2 usage.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := publicKeys(f.keys)
			if err != nil {
				return exitError{exitUsage, err}
			}
			if len(args) == 0 {
				return e.verifyConfigured(cmd.Context(), f, keys)
			}
			return e.verifyPath(cmd.Context(), args[0], f, keys)
		},
	}
	cmd.Flags().StringVarP(&f.config, "config", "c", "config.toml", "configuration file, where no argument is given")
	cmd.Flags().StringArrayVar(&f.keys, "key", nil, "public key of the log, or a file with it; may be given several times")
	cmd.Flags().StringArrayVar(&f.checkpoints, "checkpoint", nil, "file with a checkpoint that was kept elsewhere; may be given several times")
	cmd.Flags().StringVar(&f.stampRoots, "timestamp-roots", "", "PEM file of the roots that time stamps (RFC 3161) must lead to")
	cmd.Flags().StringArrayVar(&f.witnesses, "witness", nil, "public key of a witness; may be given several times")
	return cmd
}

// publicKeys reads keys, or files with one.
func publicKeys(texts []string) ([]ledger.Public, error) {
	var keys []ledger.Public
	for _, text := range texts {
		if !strings.Contains(text, "+") {
			data, err := os.ReadFile(text)
			if err != nil {
				return nil, fmt.Errorf("read public key: %w", err)
			}
			text = string(data)
		}
		key, err := ledger.ParsePublic(text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// verifyConfigured verifies the store of a configuration.
func (e *env) verifyConfigured(ctx context.Context, f verifyFlags, keys []ledger.Public) error {
	cfg, err := e.stored(f.config)
	if err != nil {
		return err
	}
	if len(keys) == 0 && !cfg.Evidence.Key.IsZero() {
		key, err := logKey(cfg)
		if err == nil {
			keys = append(keys, key.Public())
		}
		f.noKey = err
	}
	if f.stampRoots == "" && len(f.witnesses) == 0 {
		f.stampRoots = cfg.Evidence.TimestampRoots
		for _, w := range cfg.Evidence.Witnesses {
			f.witnesses = append(f.witnesses, w.Key)
		}
	}
	if _, err := os.Stat(cfg.Evidence.Checkpoint); err == nil {
		f.checkpoints = append(f.checkpoints, cfg.Evidence.Checkpoint)
	}
	return e.verifyStore(ctx, cfg.Store.Path, f, keys)
}

// verifyPath verifies whatever lies at a path.
func (e *env) verifyPath(ctx context.Context, path string, f verifyFlags, keys []ledger.Public) error {
	info, err := os.Stat(path)
	if err != nil {
		return failed(fmt.Errorf("verify: %w", err))
	}
	if info.IsDir() {
		if _, err := os.Stat(filepath.Join(path, "manifest.json")); errors.Is(err, fs.ErrNotExist) {
			return e.verifyExported(ctx, path, f, keys)
		}
		return e.verifyBundle(ctx, path, os.DirFS(path), f, keys)
	}
	head := make([]byte, 4)
	file, err := os.Open(path)
	if err != nil {
		return failed(fmt.Errorf("verify: %w", err))
	}
	defer file.Close()
	if _, err := io.ReadFull(file, head); err == nil && string(head) == "PK\x03\x04" {
		z, err := zip.NewReader(file, info.Size())
		if err != nil {
			return failed(fmt.Errorf("verify %s: %w", path, err))
		}
		return e.verifyBundle(ctx, path, z, f, keys)
	}
	if beside := path + ".checkpoint"; len(f.checkpoints) == 0 {
		if _, err := os.Stat(beside); err == nil {
			f.checkpoints = append(f.checkpoints, beside)
		}
	}
	return e.verifyStore(ctx, path, f, keys)
}

// verifyStore verifies a store.
func (e *env) verifyStore(ctx context.Context, path string, f verifyFlags, keys []ledger.Public) error {
	kept, err := keptCheckpoints(f.checkpoints)
	if err != nil {
		return failed(err)
	}
	dated, err := datedBy(f.stampRoots, f.witnesses)
	if err != nil {
		return failed(err)
	}
	o := e.storeOptions("residency verify")
	o.ReadOnly = true
	s, err := store.Open(ctx, path, o)
	if err != nil {
		return failed(err)
	}
	defer s.Close()
	bar := e.progress("verifying")
	v := ledger.Verifier{
		Log: s, Checkpoints: checkpointsOf(s), Runs: sealedRuns{s}, Keys: keys, Kept: kept, Dated: dated,
		Judge: new(judge).again, Rules: policy.Version, Workers: runtime.GOMAXPROCS(0),
		Progress: func(done, total int64) { bar.set(int(done), int(total)) },
	}
	rep, err := v.Verify(ctx)
	bar.done()
	if f.noKey != nil {
		rep, err = withoutKey(rep, err, f.noKey)
	}
	return e.sayVerified(path, rep, err, len(keys) > 0)
}

// withoutKey says of a log which public key it was verified with, where that of
// the configuration could not be had. A log that names none cannot be verified.
func withoutKey(rep ledger.Report, err, noKey error) (ledger.Report, error) {
	const hint = "hint: the public key is enough: --key, as \"residency key show\" prints it"
	switch {
	case err != nil:
		return rep, fmt.Errorf("%w\n%s; that of the configuration could not be had: %w", err, hint, noKey)
	case rep.Key == "":
		return rep, fmt.Errorf("%w\n%s", noKey, hint)
	}
	rep.Notes = append(rep.Notes, fmt.Sprintf("%v: verified with the public key that the log names itself, %s", noKey, rep.Key))
	return rep, nil
}

// verifyExported verifies a log that was exported.
func (e *env) verifyExported(ctx context.Context, dir string, f verifyFlags, keys []ledger.Public) error {
	x, err := ledger.OpenExported(os.DirFS(dir))
	if err != nil {
		return failed(fmt.Errorf("verify %s: %w\nhint: it is neither a bundle nor an exported log", dir, err))
	}
	kept, err := keptCheckpoints(f.checkpoints)
	if err != nil {
		return failed(err)
	}
	dated, err := datedBy(f.stampRoots, f.witnesses)
	if err != nil {
		return failed(err)
	}
	v := ledger.Verifier{Log: x, Keys: keys, Kept: append(kept, x.Checkpoint()), Dated: dated, Workers: runtime.GOMAXPROCS(0)}
	rep, err := v.Verify(ctx)
	return e.sayVerified(dir, rep, err, len(keys) > 0)
}

// verifyBundle verifies a bundle.
func (e *env) verifyBundle(ctx context.Context, path string, files fs.FS, f verifyFlags, keys []ledger.Public) error {
	kept, err := keptCheckpoints(f.checkpoints)
	if err != nil {
		return failed(err)
	}
	dated, err := datedBy(f.stampRoots, f.witnesses)
	if err != nil {
		return failed(err)
	}
	others := outsiders{then: dated, rooted: f.stampRoots != "", witnesses: f.witnesses}
	bar := e.progress("verifying")
	v := ledger.BundleVerifier{
		Files: files, Keys: keys, Judge: new(judge).again, Rules: policy.Version, Workers: runtime.GOMAXPROCS(0),
		Progress: func(done, total int64) { bar.set(int(done), int(total)) }, Kept: kept, Dated: others.dated,
	}
	m, rep, err := v.Verify(ctx)
	bar.done()
	if err == nil {
		err = sameMessages(files)
	}
	var pages []string
	if err == nil {
		pages, err = sameSources(files)
	}
	if dated != nil && rep.Dated == 0 {
		others.notes = append(others.notes, "nobody whose word was asked for has seen a checkpoint of it")
	}
	rep.Notes = append(append(rep.Notes, others.notes...), pages...)
	if err == nil {
		fmt.Fprintf(e.stdout, "%s: runs %d to %d of %s, for %s\n", path, m.First, m.Last, m.Origin, residency.Plural(len(m.Endpoints), "endpoint"))
	}
	return e.sayVerified(path, rep, err, len(keys) > 0)
}

// keptCheckpoints reads checkpoints from files. Their signatures are verified
// with the log.
func keptCheckpoints(paths []string) ([]residency.Checkpoint, error) {
	var list []residency.Checkpoint
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read checkpoint: %w", err)
		}
		cp, err := ledger.ReadCheckpoint(data)
		if err != nil {
			return nil, fmt.Errorf("read checkpoint %s: %w", path, err)
		}
		list = append(list, cp)
	}
	return list, nil
}

// checkpointsOf yields the checkpoints of a store.
func checkpointsOf(s *store.Store) func(context.Context) iter.Seq2[residency.Checkpoint, error] {
	return func(ctx context.Context) iter.Seq2[residency.Checkpoint, error] {
		return func(yield func(residency.Checkpoint, error) bool) {
			list, err := s.Checkpoints(ctx, 0)
			if err != nil {
				yield(residency.Checkpoint{}, err)
				return
			}
			for _, cp := range list {
				if !yield(cp, nil) {
					return
				}
			}
		}
	}
}

// sealedRuns are the runs of a store as verification reads them.
type sealedRuns struct{ *store.Store }

// Bodies returns bodies, those that are there.
func (s sealedRuns) Bodies(ctx context.Context, hashes []residency.Hash) (map[residency.Hash][]byte, error) {
	found, err := s.Kept(ctx, hashes)
	if errors.Is(err, store.ErrDamaged) { // the store holds each body to its hash itself
		return nil, &ledger.TamperError{Leaf: -1, What: "a body of the store", Got: err.Error()}
	}
	return found, err
}

// sayVerified says what was verified.
func (e *env) sayVerified(path string, r ledger.Report, err error, keyGiven bool) error {
	if err != nil {
		return failed(fmt.Errorf("%s: %w", path, err))
	}
	w := e.stdout
	fmt.Fprintf(w, "%s: nothing was changed\n", path)
	fmt.Fprintf(w, "  log         %s: %s and %s, under %s\n", ledger.LeavesWords(r.Size), residency.Plural(int(r.Runs), "run"), residency.Plural(int(r.Records), "record")+elsewhere(r), r.Root)
	if r.Key != "" {
		fmt.Fprintf(w, "  signed      %s by %s\n", residency.Plural(int(r.Checkpoints), "checkpoint"), r.Key)
	}
	if r.Dated > 0 {
		fmt.Fprintf(w, "  dated       %s by others, which the runs agree with\n", residency.Plural(int(r.Dated), "time"))
	}
	if r.Rounds > 0 {
		fmt.Fprintf(w, "  rounds      %d; %d bodies match their hashes\n", r.Rounds, r.Bodies)
		fmt.Fprintf(w, "  verdicts    %s judged again, with the same result\n", residency.Plural(int(r.Judged), "round"))
	}
	for _, n := range []struct {
		n    int64
		text string
	}{
		{r.Pruned, "runs are deleted by policy, hashes intact; the youngest was " + aged(r.Youngest) + " old then"},
		{r.NotJudged, "rounds are not judged again: rounds that they rest on are deleted by policy, hashes intact"},
		{r.OtherRules, "rounds are not judged again: rules changed since"},
	} {
		if n.n > 0 {
			fmt.Fprintf(w, "  note        %d %s\n", n.n, n.text)
		}
	}
	if !keyGiven && r.Key != "" {
		r.Notes = append(r.Notes, "the key is the log's own word: compare it with one from elsewhere (--key)")
	}
	for _, note := range r.Notes {
		fmt.Fprintf(w, "  note        %s\n", harmless(note))
	}
	return nil
}

// aged says how old something was in its largest unit, rounded down.
func aged(d time.Duration) string {
	if d < 48*time.Hour {
		return residency.Plural(max(0, int(d/time.Hour)), "hour")
	}
	return residency.Plural(int(d/(24*time.Hour)), "day")
}

// elsewhere says how many leaves of the log are not in a bundle, which has those
// that its runs rest on; "" when all of them are there.
func elsewhere(r ledger.Report) string {
	switch n := r.Size - r.Runs - r.Records; {
	case n < 1:
		return ""
	case n == 1:
		return " (1 leaf is not in this bundle)"
	default:
		return fmt.Sprintf(" (%s are not in this bundle)", ledger.LeavesWords(n))
	}
}

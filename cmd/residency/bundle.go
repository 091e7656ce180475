package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/ledger"
	"residency/internal/residency"
	"residency/internal/store"
)

// bundleFlags are what bundle is told.
type bundleFlags struct {
	config, finding, claim, from, to, out string
}

func newBundle(e *env) *cobra.Command {
	var f bundleFlags
	cmd := &cobra.Command{
		Use:   "bundle --out FILE.zip",
		Short: "Put the evidence of a finding, a claim or a period into one file that proves itself",
		Long: `Put everything that a finding, a claim or a period rests on into one zip file:
what was seen and judged, every message on the wire (also for Wireshark), where
addresses were and by which rows of which data, what people did about it, the
pages that promises stand on ("residency claim archive"), and the proof that all
of it is in the signed log unchanged.

Whoever has the file needs nothing else to verify it: "residency verify FILE.zip",
or the program and the steps in its VERIFY.md, without this program. The same
store and the same flags give the same file.

  --finding  the runs from when it was opened until it was closed, or until now
  --claim    every endpoint the claim is about
  --from     from this day or instant on
  --to       before this day or instant

The file holds the host names, servers and answers of its endpoints. It does not
hold the configuration, keys or other secrets.`,
		Example: `  residency bundle --finding 3f2a91 --out finding.zip
  residency bundle --claim phase-2a --from 2014-10-01 --to 2014-12-01 --out phase-2a.zip`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runBundle(cmd.Context(), e, f) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "config.toml", "configuration file")
	fl.StringVar(&f.finding, "finding", "", "key of a finding, or the beginning of one; a wrong one lists them")
	fl.StringVar(&f.claim, "claim", "", "id of a claim or policy")
	fl.StringVar(&f.from, "from", "", "from this day or instant on")
	fl.StringVar(&f.to, "to", "", "before this day or instant")
	fl.StringVarP(&f.out, "out", "o", "", "file to write; it must not exist yet")
	return cmd
}

func runBundle(ctx context.Context, e *env, f bundleFlags) error {
	switch {
	case f.out == "":
		return misused("where does the bundle go? --out FILE.zip")
	case f.finding == "" && f.claim == "" && f.from == "" && f.to == "":
		return misused("what is the bundle about? --finding KEY, --claim ID, or --from and --to")
	case f.finding != "" && f.claim != "":
		return misused("--finding and --claim do not go together: a finding is about one claim")
	}
	in, err := e.readPeriod(ctx, f.config, f.from, f.to)
	if err != nil {
		return err
	}
	defer in.store.Close()
	p := &packing{store: in.store, from: in.from, to: in.to, program: buildVersion()}
	if err := p.choose(ctx, f); err != nil {
		return failed(err)
	}
	return e.pack(ctx, p, f.out)
}

// packing is what a bundle is made of.
type packing struct {
	store     *store.Store
	from, to  time.Time
	finding   *residency.Finding // nil: it is about no single one
	claim     string             // "": about all
	endpoints []residency.Endpoint
	runs      []residency.Run // of the period that have ended and are signed
	program   string          // version and commit of what makes it
	lost      []string        // archived pages that are not there any more
}

// choose finds the endpoints and the runs that the bundle is about.
func (p *packing) choose(ctx context.Context, f bundleFlags) error {
	all, err := p.store.Endpoints(ctx)
	if err != nil {
		return err
	}
	if f.finding != "" {
		if err := p.chooseFinding(ctx, f.finding); err != nil {
			return err
		}
	}
	if err := p.chooseRuns(ctx); err != nil {
		return err
	}
	switch {
	case p.finding != nil:
		p.claim = p.finding.Claim
		want := residency.Endpoint{Vendor: p.finding.Vendor, Service: p.finding.Service, Host: p.finding.Host}.Key()
		p.endpoints = slices.DeleteFunc(all, func(e residency.Endpoint) bool { return e.Key() != want })
	case f.claim != "":
		p.claim = f.claim
		terms, ok := p.terms()
		if !ok {
			return fmt.Errorf("no run of this time judged a claim %q", f.claim)
		}
		p.endpoints = slices.DeleteFunc(all, func(e residency.Endpoint) bool { return !isAbout(terms, e) })
	default:
		p.endpoints = all
	}
	if len(p.endpoints) == 0 {
		return errors.New("nothing is remembered of what this is about")
	}
	return nil
}

// chooseFinding reads the finding, whose life bounds the period.
func (p *packing) chooseFinding(ctx context.Context, key string) error {
	m, err := find(ctx, p.store, key, false)
	if err != nil {
		return err
	}
	f := m.finding
	p.finding = f
	if p.from.IsZero() {
		p.from = openSince(*f)
	}
	if p.to.IsZero() && !f.Closed.IsZero() {
		p.to = f.Closed.Add(time.Microsecond)
	}
	return nil
}

// chooseRuns finds the runs of the period that are signed.
func (p *packing) chooseRuns(ctx context.Context) error {
	for run, err := range p.store.Runs(ctx, p.from, p.to) {
		if err != nil {
			return err
		}
		if !run.Finished.IsZero() {
			p.runs = append(p.runs, run)
		}
	}
	if len(p.runs) == 0 {
		return errors.New("no run is remembered of this time\nhint: \"residency status\" says when was checked last")
	}
	cp, err := p.store.LastCheckpoint(ctx)
	if err != nil {
		return err
	}
	for n := len(p.runs); n > 0; n-- {
		extent, ok, err := p.store.Extent(ctx, p.runs[n-1].Seq)
		if err != nil {
			return err
		}
		if ok && extent.Leaf >= 0 && extent.Leaf < cp.Size {
			p.runs = p.runs[:n]
			return nil
		}
	}
	return errors.New("none of these runs is signed yet\nhint: \"residency seal\" signs what is in the log; [evidence] key names the key")
}

// runOf returns the run of a number, where it is one of the period.
func (p *packing) runOf(seq int64) (residency.Run, bool) {
	i, ok := slices.BinarySearchFunc(p.runs, seq, func(run residency.Run, seq int64) int { return cmp.Compare(run.Seq, seq) })
	if !ok {
		return residency.Run{}, false
	}
	return p.runs[i], true
}

// terms returns the claim that the bundle is about as it was judged last.
func (p *packing) terms() (residency.Claim, bool) {
	for _, run := range slices.Backward(p.runs) {
		for _, c := range run.Claims {
			if c.Claim.ID == p.claim {
				return c.Claim, true
			}
		}
	}
	return residency.Claim{}, false
}

// pack writes the bundle: whole, or not at all.
func (e *env) pack(ctx context.Context, p *packing, out string) error {
	cps, err := p.store.Checkpoints(ctx, 0)
	if err != nil {
		return failed(err)
	}
	extra, err := p.report(ctx)
	if err != nil {
		return failed(err)
	}
	first, last := p.runs[0].Seq, p.runs[len(p.runs)-1].Seq
	b := ledger.Bundler{
		Log: p.store, Checkpoints: cps, Runs: sealedRuns{p.store}, Names: namedBy, First: first, Last: last,
		Began: p.began, Also: p.isPage, Extra: extra,
		Derive: func(m ledger.Manifest, files map[string][]byte) (map[string][]byte, error) {
			return p.derive(ctx, m, files)
		},
	}
	for _, ep := range p.endpoints {
		b.Endpoints = append(b.Endpoints, ep.Key())
	}
	m, sum, err := writeBundle(ctx, &b, out)
	if err != nil {
		return failed(err)
	}
	for _, text := range p.lost {
		fmt.Fprintln(e.stderr, "residency: warning: "+harmless(text))
	}
	var bytes int64
	for _, f := range m.Files {
		bytes += f.Size
	}
	_, err = fmt.Fprintf(e.stdout, "%s: runs %d to %d of %s, for %s; %d files, %s unpacked\nsha256 %s\nverify it anywhere: residency verify %s\n",
		out, m.First, m.Last, m.Origin, residency.Plural(len(m.Endpoints), "endpoint"), len(m.Files)+1, size(bytes), sum, filepath.Base(out))
	return err
}

// writeBundle writes the file beside its place and puts it there when it is
// whole. It returns the SHA-256 of the file.
func writeBundle(ctx context.Context, b *ledger.Bundler, out string) (m ledger.Manifest, sum residency.Hash, err error) {
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return m, sum, cmp.Or(err, fmt.Errorf("write %s: it is there already, and evidence is not written over", out))
	}
	temp, err := os.CreateTemp(filepath.Dir(out), "."+strings.TrimPrefix(filepath.Base(out), ".")+"-*")
	if err != nil {
		return m, sum, fmt.Errorf("write bundle: %w", err)
	}
	defer os.Remove(temp.Name())
	m, err = b.WriteZip(ctx, temp)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return m, sum, err
	}
	data, err := os.ReadFile(temp.Name())
	if err != nil {
		return m, sum, fmt.Errorf("write bundle: %w", err)
	}
	if err := os.Link(temp.Name(), out); err != nil { // never over another file
		if err = os.Rename(temp.Name(), out); err != nil {
			return m, sum, fmt.Errorf("write bundle: %w", err)
		}
	}
	return m, residency.HashOf(data), nil
}

// began returns the run with which the stretch began that an endpoint was in at
// a run.
func (p *packing) began(ctx context.Context, endpoint string, seq int64) (int64, error) {
	span, ok, err := spanAt(ctx, p.store, endpoint, seq)
	if err != nil || !ok {
		return 0, err
	}
	return span.First, nil
}

// spanAt returns the stretch of equal rounds that an endpoint was in at a run.
func spanAt(ctx context.Context, s *store.Store, endpoint string, seq int64) (residency.Span, bool, error) {
	run, ok, err := s.Run(ctx, seq)
	if err != nil || !ok {
		return residency.Span{}, false, err
	}
	spans, err := s.Spans(ctx, endpoint, run.At, run.At.Add(time.Microsecond))
	if err != nil {
		return residency.Span{}, false, err
	}
	for _, span := range slices.Backward(spans) {
		if span.First <= seq && (span.Open || seq <= span.Last) {
			return span, true, nil
		}
	}
	return residency.Span{}, false, nil
}

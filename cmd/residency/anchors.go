package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"residency/internal/config"
	"residency/internal/ledger"
	"residency/internal/ledger/anchor"
	"residency/internal/residency"
)

// anchorLimit bounds each request to somebody who confirms or keeps a
// checkpoint.
const anchorLimit = 30 * time.Second

// anchorLog has the checkpoints of a configuration confirmed and published by
// all that it names: witnesses first, so that the time stamp covers their
// signatures too.
func (e *env) anchorLog(cfg *config.Config, s *ledger.Signer) error {
	ev := cfg.Evidence
	out, err := e.outward(cfg.Network)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: out.client.Transport, Timeout: anchorLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, w := range ev.Witnesses {
		witness, err := anchor.NewWitness(w.URL, w.Key, client)
		if err != nil {
			return err
		}
		s.Anchors = append(s.Anchors, witness.Confirm)
	}
	if ev.TimestampURL != "" {
		roots, err := stampRoots(ev.TimestampRoots)
		if err != nil {
			return err
		}
		s.Anchors = append(s.Anchors, (&anchor.Stamper{URL: ev.TimestampURL, Roots: roots, Do: client, Rand: e.rand}).Confirm)
	}
	if ev.PublishFile != "" {
		s.Publish = append(s.Publish, anchor.ToFile(ev.PublishFile))
	}
	if !ev.PublishURL.IsZero() {
		url, err := ev.PublishURL.Reveal()
		if err != nil {
			return err
		}
		s.Publish = append(s.Publish, anchor.ToURL(url, client))
	}
	if ev.PublishGit != "" {
		env := os.Environ()
		if out.proxy != "" {
			env = append(env, "https_proxy="+out.proxy, "http_proxy="+out.proxy)
		}
		s.Publish = append(s.Publish, bounded(anchor.ToGit(ev.PublishGit, env)))
	}
	return nil
}

// bounded ends a publisher that takes too long.
func bounded(publish ledger.Publisher) ledger.Publisher {
	return func(ctx context.Context, cp residency.Checkpoint) error {
		ctx, cancel := context.WithTimeout(ctx, anchorLimit)
		defer cancel()
		return publish(ctx, cp)
	}
}

// stampRoots reads the certificates that time stamps must lead to.
func stampRoots(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read roots of time stamps: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read roots of time stamps: %s has no certificate in PEM", path)
	}
	return pool, nil
}

// datedBy returns what says when a checkpoint existed, by people outside: time
// stamps that lead to the roots, and witnesses. Nil when there is neither.
func datedBy(rootsFile string, witnessKeys []string) (func(residency.Checkpoint) ([]time.Time, error), error) {
	var roots *x509.CertPool
	if rootsFile != "" {
		var err error
		if roots, err = stampRoots(rootsFile); err != nil {
			return nil, err
		}
	}
	var witnesses []*anchor.Witness
	for _, key := range witnessKeys {
		w, err := anchor.NewWitness("", key, nil)
		if err != nil {
			return nil, err
		}
		witnesses = append(witnesses, w)
	}
	if roots == nil && len(witnesses) == 0 {
		return nil, nil
	}
	return func(cp residency.Checkpoint) ([]time.Time, error) {
		var list []time.Time
		for _, w := range witnesses {
			if unix, ok := w.Signed(cp.Note); ok {
				list = append(list, time.Unix(unix, 0).UTC())
			}
		}
		if roots != nil && cp.Stamp != nil {
			at, err := anchor.VerifyStamp(cp.Stamp, cp.Note, roots)
			if err != nil {
				return nil, err
			}
			list = append(list, at)
		}
		slices.SortFunc(list, time.Time.Compare)
		return list, nil
	}, nil
}

// outsiders find out of the checkpoints of a bundle when people outside saw
// them. Whose word was not asked for counts for nothing, and is told.
type outsiders struct {
	then      func(residency.Checkpoint) ([]time.Time, error) // whose word is believed; nil: nobody's
	rooted    bool                                            // time stamps are held to roots
	witnesses []string                                        // keys that were given
	notes     []string
}

// dated is for the verifier of a bundle.
func (o *outsiders) dated(cp residency.Checkpoint) ([]time.Time, error) {
	if cp.Stamp != nil && !o.rooted {
		at, by, err := anchor.Stamped(cp.Stamp, cp.Note)
		if err != nil {
			return nil, err
		}
		o.note("the time stamp of %s over the checkpoint of %s is signed by %s, whose word was not asked for: --timestamp-roots FILE verifies it",
			at.UTC().Format(time.RFC3339), ledger.LeavesWords(cp.Size), by)
	}
	origin, _, _ := strings.Cut(string(cp.Note), "\n")
	for line := range strings.Lines(string(cp.Note)) {
		name, ok := strings.CutPrefix(line, "\u2014 ")
		name, _, _ = strings.Cut(name, " ")
		if ok && name != origin && !slices.ContainsFunc(o.witnesses, func(key string) bool { return strings.HasPrefix(key, name+"+") }) {
			o.note("%s signed the checkpoint of %s too, whose word was not asked for: --witness KEY verifies it", name, ledger.LeavesWords(cp.Size))
		}
	}
	if o.then == nil {
		return nil, nil
	}
	return o.then(cp)
}

// note notes something, of many checkpoints the first few.
func (o *outsiders) note(format string, args ...any) {
	if len(o.notes) < mostOutsiders {
		o.notes = append(o.notes, fmt.Sprintf(format, args...))
	}
}

// mostOutsiders is how many words of others are told that nobody asked for.
const mostOutsiders = 5

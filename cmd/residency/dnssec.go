package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"residency/internal/residency"
	"residency/internal/resolve"
	"residency/internal/resolve/dnssec"
)

// newValidator returns what makes the validator of each server, with the root's
// keys where anchors is nil. Signatures are held against the real time, even
// where the run's own clock is another: they are of when they were asked for.
func newValidator(anchors []dnssec.Anchor) func(resolve.Fetch) resolve.Validator {
	if anchors == nil {
		anchors = dnssec.RootAnchors()
	}
	return func(fetch resolve.Fetch) resolve.Validator {
		return validator{&dnssec.Validator{Fetch: fetch, Anchors: anchors}}
	}
}

// readAnchors reads a file with keys to begin at.
func readAnchors(path string) ([]dnssec.Anchor, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	anchors, err := dnssec.ReadAnchors(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return anchors, nil
}

// validator gives the validator's verdicts as nouns.
type validator struct{ v *dnssec.Validator }

// Validate implements resolve.Validator.
func (d validator) Validate(ctx context.Context, response []byte, name string, rtype uint16) residency.DNSSEC {
	got := d.v.Validate(ctx, response, name, rtype)
	out := residency.DNSSEC{State: residency.DNSSECState(got.State), Why: string(got.Why), Text: got.Why.Sentence(), Proof: got.Proof}
	for _, s := range got.Chain {
		out.Steps = append(out.Steps, residency.DNSSECStep{
			Name: withoutDot(s.Name), Type: s.Type, Zone: withoutDot(s.Zone),
			State: residency.DNSSECState(s.State), Why: string(s.Why), KeyTag: s.KeyTag,
		})
	}
	return out
}

// withoutDot returns a name as people write it.
func withoutDot(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}

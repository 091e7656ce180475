package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"residency/internal/ledger"
	"residency/internal/report"
	"residency/internal/residency"
)

//go:embed bundle/VERIFY.md bundle/verify.py
var bundleTexts embed.FS

// howToVerify writes VERIFY.md and the program that it names.
func (p *packing) howToVerify(m ledger.Manifest, files map[string][]byte, messages, pages int) (how, program []byte, err error) {
	text, err := bundleTexts.ReadFile("bundle/VERIFY.md")
	if err != nil {
		return nil, nil, err
	}
	if program, err = bundleTexts.ReadFile("bundle/verify.py"); err != nil {
		return nil, nil, err
	}
	t, err := template.New("VERIFY.md").Parse(string(text))
	if err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, struct {
		ledger.Manifest
		About, Notice, Key, Period string
		Messages, Pages            int
		Program                    string
	}{m, harmless(p.about()), harmless(p.runs[0].Notice), strings.TrimSpace(string(files["key"])), p.period(), messages, pages, p.program})
	if err != nil {
		return nil, nil, fmt.Errorf("write VERIFY.md: %w", err)
	}
	return b.Bytes(), program, nil
}

// about says in a few words what the bundle is about.
func (p *packing) about() string {
	switch {
	case p.finding != nil:
		return fmt.Sprintf("the finding %s: %s for users in %s, against %s/%s", p.finding.Key, p.finding.Host, p.finding.Market.Name(), p.finding.Vendor, p.finding.Claim)
	case p.claim != "":
		return "the claim " + p.claim
	}
	return "everything that was looked at"
}

// period says from when to when its runs are.
func (p *packing) period() string {
	const layout = "2 Jan 2006 15:04:05 MST"
	first, last := p.runs[0].At.UTC().Format(layout), p.runs[len(p.runs)-1].At.UTC().Format(layout)
	if first == last {
		return first
	}
	return first + " to " + last
}

// mostSteps is how many runs the report of a bundle shows.
const mostSteps = 12

// report writes the page of the bundle, and the results of its last run.
func (p *packing) report(ctx context.Context) (map[string][]byte, error) {
	page := report.Page{Title: "Evidence: " + p.about(), Notice: p.runs[0].Notice,
		Lead: "From " + p.period() + ". What each figure rests on is in the other files of this bundle; VERIFY.md says how to verify them."}
	for _, i := range p.steps() {
		run, err := p.filled(ctx, p.runs[i])
		if err != nil {
			return nil, err
		}
		page.Steps = append(page.Steps, report.Step{At: run.At, Run: run})
		if p.finding != nil && page.Explained == nil {
			page.Explained = p.explained(run)
		}
	}
	var html, results bytes.Buffer
	if err := report.HTML(&html, page); err != nil {
		return nil, err
	}
	if err := report.JSON(&results, page.Steps[len(page.Steps)-1].Run); err != nil {
		return nil, err
	}
	return map[string][]byte{"report.html": html.Bytes(), "report.json": results.Bytes()}, nil
}

// steps chooses the runs that the report shows: the first, the last, and those
// in which a claim came to stand otherwise, the latest of many.
func (p *packing) steps() []int {
	steps := []int{0}
	for i := 1; i < len(p.runs); i++ {
		if i+1 == len(p.runs) || p.stands(i) != p.stands(i-1) {
			steps = append(steps, i)
		}
	}
	if n := len(steps) - mostSteps; n > 0 {
		steps = slices.Delete(steps, 1, 1+n)
	}
	return steps
}

// stands writes how the claims stand in a run.
func (p *packing) stands(i int) string {
	var text strings.Builder
	for _, c := range p.runs[i].Claims {
		if p.claim == "" || c.Claim.ID == p.claim {
			fmt.Fprintln(&text, c.Claim.ID, c.Standing)
		}
	}
	return text.String()
}

// filled returns a run with what it showed of the bundle's endpoints, and with
// the claims that the bundle is about.
func (p *packing) filled(ctx context.Context, run residency.Run) (residency.Run, error) {
	run.Claims = slices.DeleteFunc(slices.Clone(run.Claims), func(c residency.ClaimStanding) bool {
		return p.claim != "" && c.Claim.ID != p.claim
	})
	for _, ep := range p.endpoints {
		span, ok, err := spanAt(ctx, p.store, ep.Key(), run.Seq)
		if err != nil {
			return run, err
		}
		if !ok {
			continue
		}
		rounds, err := remembered(ctx, p.store, []residency.Span{span}, []residency.Endpoint{ep})
		if err != nil {
			return run, err
		}
		r := rounds[0]
		r.At = run.At
		r.Cells = slices.DeleteFunc(r.Cells, func(c residency.Cell) bool { return p.claim != "" && c.Claim != p.claim })
		sent, _, err := p.store.Packets(ctx, ep.Key(), span.First)
		if err != nil {
			return run, err
		}
		looks, err := residency.ParsePackets(sent.Body, ep)
		if err != nil {
			return run, err
		}
		wire(&r, looks)
		run.Rounds = append(run.Rounds, r)
	}
	relink(run.Rounds, run.Datasets)
	return run, nil
}

// wire gives the looks of a remembered round what was kept of them on the wire,
// where it is beyond doubt which belongs to which: the same question of the
// same server, and every address is in what was received.
func wire(r *residency.Round, kept []residency.Observation) {
	used := make([]bool, len(kept))
	for i := range r.Observations {
		o := &r.Observations[i]
		for j := range kept {
			k := &kept[j]
			if used[j] || k.Market != o.Market || k.Subnet.Prefix != o.Subnet.Prefix || k.Type != o.Type ||
				k.Resolver != o.Resolver || k.Server != o.Server || k.Failure != o.Failure || !holds(k.Exchanges, o.Addresses) {
				continue
			}
			used[j] = true
			o.Transport, o.Via, o.Detail, o.At, o.RTT, o.Exchanges = k.Transport, k.Via, k.Detail, k.At, k.RTT, k.Exchanges
			break
		}
	}
}

// holds reports whether every address is in some response.
func holds(list []residency.Exchange, addrs []residency.Answer) bool {
	for _, a := range addrs {
		raw := a.Address.AsSlice()
		if a.DNS64.IsValid() {
			raw = a.DNS64.AsSlice()
		}
		if !slices.ContainsFunc(list, func(x residency.Exchange) bool { return bytes.Contains(x.Response, raw) }) {
			return false
		}
	}
	return true
}

// explained is the whole proof of the finding in a run that shows it; nil where
// it does not.
func (p *packing) explained(run residency.Run) []report.Explained {
	for _, r := range run.Rounds {
		for _, c := range r.Cells {
			if c.Market == p.finding.Market && c.Claim == p.finding.Claim && c.Verdict == residency.Outside {
				return []report.Explained{{Run: run, Claim: claimOf(run, c.Claim), Round: r, Cell: c}}
			}
		}
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"residency/internal/dataset"
	"residency/internal/residency"
)

// tell prints a line about each result, and a cause that several have once.
// Its error is the exit code.
func (e *env) tell(results []dataset.Result) error {
	shared := sharedCauses(results)
	if err := writeResults(e.stdout, results, shared); err != nil {
		return failed(fmt.Errorf("write output: %w", err))
	}
	bad := 0
	for _, r := range results {
		if r.Status == dataset.Failed {
			bad++
		}
	}
	if bad == 0 {
		return nil
	}
	var causes strings.Builder
	for _, c := range shared {
		fmt.Fprintf(&causes, "%s: %s\n", strings.Join(c.names, ", "), c.text)
	}
	return failed(fmt.Errorf("%s%d of %s failed: what was in use stays in use", causes.String(), bad, residency.Plural(len(results), "source")))
}

// cause is why several sources failed.
type cause struct {
	text  string
	names []string // of the sources
}

// sharedCauses groups the sources that failed for one reason: without a network
// that is all of them.
func sharedCauses(results []dataset.Result) []cause {
	var list []cause
	for _, r := range results {
		if r.Err == nil {
			continue
		}
		text := causeOf(r.Err)
		i := slices.IndexFunc(list, func(c cause) bool { return c.text == text })
		if i < 0 {
			list, i = append(list, cause{text: text}), len(list)
		}
		list[i].names = append(list[i].names, r.Name)
	}
	return slices.DeleteFunc(list, func(c cause) bool { return len(c.names) < 2 })
}

// causeOf is what went wrong, without what is of the one source alone.
func causeOf(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && !dns.IsNotFound {
		why := dns.Err
		if _, after, cut := strings.Cut(why, ": "); cut {
			why = after // without the addresses of this side
		}
		return "no name server of this machine tells where it is (" + why + ")"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		if _, dns := errors.AsType[*net.DNSError](op.Err); !dns {
			return "no connection to it (" + op.Err.Error() + ")"
		}
	}
	text := oneLine(err)
	if rest, got := strings.CutPrefix(text, "get "); got {
		_, text, _ = strings.Cut(rest, ": ") // without the address
	}
	return text
}

func writeResults(out io.Writer, results []dataset.Result, shared []cause) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range results {
		what, in := "no file of it fetched so far", ""
		if d := r.Dataset; !d.Built.IsZero() {
			what, in = fmt.Sprintf("of %s, %s", d.Built.Format(time.DateOnly), residency.Plural(d.Records, "record")), "in use: "
		}
		switch {
		case slices.ContainsFunc(shared, func(c cause) bool { return slices.Contains(c.names, r.Name) }):
			what = in + what
		case r.Err != nil:
			what = fmt.Sprintf("%s; %s%s", oneLine(r.Err), in, what)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.Name, r.Status, what)
	}
	return w.Flush()
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

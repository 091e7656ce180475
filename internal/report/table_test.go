package report

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"

	"residency/internal/residency"
)

func tableOf(t *testing.T, run residency.Run, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Table(&b, run, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// troubled is inNovember with everything that can be said besides results.
func troubled() residency.Run {
	run := inNovember()
	run.Notice, run.Simulated, run.Partial, run.PartialBy = notice, true, true, "the time budget of 50s ran out"
	run.Notices = []string{"No name server that passes client subnets on was asked, so most answers are meant for our own location and not for the markets."}
	run.Missing = []string{"mine.mmdb: no such file"}
	run.Resolvers = append(run.Resolvers, residency.ResolverStatus{Name: "office", Server: "192.0.2.53:53", Failure: residency.FailTimeout, Text: "does not answer (no answer in time)"})
	run.Rounds[0].Cells[6].Hints = []string{"ask another name server: see [resolve] in config.toml:12"}
	return run
}

func TestTableGolden(t *testing.T) {
	t.Parallel()
	golden(t, "november.txt", []byte(tableOf(t, inNovember(), Options{})))
	golden(t, "troubled-narrow.txt", []byte(tableOf(t, troubled(), Options{Width: 72})))
	golden(t, "quiet.txt", []byte(tableOf(t, inNovember(), Options{Quiet: true})))
	golden(t, "many.txt", []byte(tableOf(t, many(), Options{})))
	golden(t, "done.txt", []byte(tableOf(t, done(), Options{})))
}

// many is a run with more cells than a table shows.
func many() residency.Run {
	run := inNovember()
	for i := range run.Rounds {
		for n := range 30 {
			more := run.Rounds[i]
			more.Cells = append([]residency.Cell(nil), more.Cells...)
			for j := range more.Cells {
				more.Cells[j].Endpoint.Host = "host" + string(rune('a'+n%26)) + strings.Repeat("x", n/26) + ".acme.example"
			}
			run.Rounds = append(run.Rounds, more)
		}
	}
	for i := range run.Claims {
		n := &run.Claims[i].Counts
		n.Inside, n.Outside, n.Undetermined, n.NotMeasured = 31*n.Inside, 31*n.Outside, 31*n.Undetermined, 31*n.NotMeasured
	}
	return run
}

func TestTableAllShowsEveryCell(t *testing.T) {
	t.Parallel()
	run := many()
	got := tableOf(t, run, Options{All: true, Width: 200})
	for _, host := range []string{"static.shop.acme.example", "hosta.acme.example", "hostdx.acme.example"} {
		if !strings.Contains(got, host) {
			t.Errorf("--all does not show %s", host)
		}
	}
	if n := strings.Count(got, "nothing seen outside\n"); n != 2*31 {
		t.Errorf("--all has %d lines with nothing outside, want 62: 31 hosts of two claims", n)
	}
}

func TestTableQuietSaysNothingWhenAllIsWell(t *testing.T) {
	t.Parallel()
	if got := tableOf(t, done(), Options{Quiet: true}); got != "" {
		t.Errorf("quiet and holding: %q", got)
	}
	run := done()
	run.Partial = true
	if got := tableOf(t, run, Options{Quiet: true}); !strings.Contains(got, "Partial") {
		t.Errorf("quiet and partial: %q", got)
	}
}

func TestTableKeepsToItsWidth(t *testing.T) {
	t.Parallel()
	for _, width := range []int{60, 72, 80, 120, 200} {
		for i, line := range strings.Split(tableOf(t, troubled(), Options{Width: width}), "\n") {
			if w := lipgloss.Width(line); w > width {
				t.Errorf("width %d, line %d has %d: %q", width, i, w, line)
			}
		}
	}
}

func TestTableColour(t *testing.T) {
	t.Parallel()
	plain, coloured := tableOf(t, troubled(), Options{}), tableOf(t, troubled(), Options{Color: true})
	if strings.Contains(plain, "\x1b") {
		t.Error("escape sequences without colour")
	}
	if !strings.Contains(coloured, "\x1b[") {
		t.Error("no escape sequences with colour")
	}
}

func TestTableIsDeafToControlCharacters(t *testing.T) {
	t.Parallel()
	run := troubled()
	evil := "a\x1b]0;owned\x07\x1b[2J\u202egnp.exe\r\nb"
	run.Notice, run.PartialBy, run.Notices, run.Missing = evil, evil, []string{evil}, []string{evil}
	run.Resolvers[1].Text, run.Resolvers[1].Name = evil, evil
	for i := range run.Claims {
		run.Claims[i].Claim.Title, run.Claims[i].Claim.Vendor = evil, evil
	}
	for i := range run.Rounds {
		for j := range run.Rounds[i].Cells {
			c := &run.Rounds[i].Cells[j]
			c.Endpoint.Host, c.Endpoint.Service, c.Hints, c.Reasons = evil, evil, []string{evil}, []residency.Reason{residency.Reason(evil)}
		}
	}
	if got := tableOf(t, run, Options{}); strings.ContainsAny(got, "\x1b\x07\r\u202e") {
		t.Errorf("control characters reach the terminal: %q", got)
	}
}

func TestTableSaysWhatItIs(t *testing.T) {
	t.Parallel()
	got := tableOf(t, troubled(), Options{Width: 300})
	for i, want := range []string{
		"Judged as of 2 Nov 2014", notice, "Partial: the time budget of 50s ran out", "No name server that passes client subnets on",
		"still outside; due since 31 Oct 2014; seen in China or Germany from Indonesia",
		"office (192.0.2.53:53)", "mine.mmdb: no such file", "ask another name server",
		residency.Limits()[0], "3 claims: 1 broken, 1 pending, 1 unknown.",
	} {
		at := strings.Index(got, want)
		if at < 0 {
			t.Errorf("%d: %q is not said in:\n%s", i, want, got)
			continue
		}
		got = got[at:] // in this order
	}
}

func BenchmarkTableAll(b *testing.B) {
	run := many()
	for b.Loop() {
		if err := Table(io.Discard, run, Options{All: true}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*651), "ns/cell")
}

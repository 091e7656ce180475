package main

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"residency/internal/lab"
	"residency/internal/residency"
)

// halfYearConfig is what the lab's configuration has besides.
const halfYearConfig = `
[schedule]
check = "0 7,19 * * *"
[store]
[[alert.channel]]
name = "file"
type = "file"
path = "told.ndjson"
per_minute = 600

[[waiver]]
id = "W-7"
owner = "Ann"
approver = "Bob"
reason = "the photos are moved last, as agreed"
services = ["cloud"]
verdicts = ["outside"]
countries = ["CN", "DE"]
from = 2014-11-10
until = 2014-12-14
`

// halfYearCorrection is somebody's word that an address is elsewhere.
const halfYearCorrection = `
[[geo.correction]]
prefix = "42.62.48.0/24"
country = "SG"
owner = "Ann"
approver = "Bob"
expires = 2015-06-30
reason = "moved, by the letter of its holder"
evidence = "letter.txt"
`

// TestHalfYear lets watch live through the lab's August 2014 to January 2015,
// two checks a day, and holds every message to a golden text: what, when, to
// whom, each once.
func TestHalfYear(t *testing.T) {
	t.Parallel()
	st := newStage(t, day("2014-08-14", 6), func(s *lab.Scenario) {
		oneSubnet(s)
		in, de := residency.MustCountry("IN"), netip.MustParseAddr("5.9.31.10")
		// India's shop goes to Germany for a week, and back.
		s.Answers = append(s.Answers,
			lab.Answer{Host: "buy.mi.com", Markets: []residency.Country{in}, From: day("2014-10-08"), Addresses: []netip.Addr{de}},
			lab.Answer{Host: "buy.mi.com", Markets: []residency.Country{in}, From: day("2014-10-15"), Addresses: []netip.Addr{netip.MustParseAddr("42.62.48.31")}})
	})
	st.write("letter.txt", "We moved this network to Singapore.\n")
	st.acts = []act{
		{day("2014-09-02", 12), func(st *stage) { st.change(halfYearConfig + halfYearCorrection) }},
		{day("2014-09-08", 12), func(st *stage) { st.change(halfYearConfig) }},
	}
	st.play(st.configure(halfYearConfig), day("2015-02-01"))
	if alerts, messages := st.undelivered(); alerts+messages > 0 {
		t.Errorf("%d changes and %d messages were not delivered", alerts, messages)
	}
	if len(st.failed) > 0 || st.log.Len() > 0 {
		t.Errorf("something went wrong: %q\n%s", st.failed, &st.log)
	}
	var out strings.Builder
	whole := []string{"opened", "due", "closed", "waiver-ends"} // of the first of each, all that it says
	for _, m := range st.told("told.ndjson") {
		var events []string
		for _, a := range m.Alerts {
			events = append(events, a.Event)
		}
		slices.Sort(events)
		fmt.Fprintf(&out, "%s  %-8s  %s: %s\n", m.At.In(labZone()).Format("2006-01-02 15:04"), m.Severity,
			strings.Join(slices.Compact(events), "+"), strings.TrimPrefix(m.Subject, "[re-enactment] "))
		if i := slices.Index(whole, m.Event); i >= 0 {
			whole = slices.Delete(whole, i, i+1)
			fmt.Fprintf(&out, "\n    %s\n\n", strings.ReplaceAll(strings.TrimRight(m.Text, "\n"), "\n", "\n    "))
		}
	}
	text := strings.ReplaceAll(out.String(), st.dir, "DIR")
	goldenText(t, "testdata/half-year.golden", text)
}

// goldenText compares with a file; UPDATE_SCRIPTS=1 writes it anew.
func goldenText(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

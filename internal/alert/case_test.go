package alert

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

const notice = "Re-enactment: answers invented, judged with today's data, not evidence about anyone."

func set(codes ...string) residency.Countries {
	var s residency.Countries
	for _, c := range codes {
		s = s.With(residency.MustCountry(c))
	}
	return s
}

func day(s string) residency.Date {
	d, err := residency.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func when(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

// promise is phase 2a of 2014.
func promise() *residency.Claim {
	var markets []residency.Country
	for c := range set("HK", "ID", "IN", "MY", "PH", "SG", "TW").All() {
		markets = append(markets, c)
	}
	return &residency.Claim{
		ID: "phase-2a", Title: "Mi Account", Vendor: "xiaomi", Services: []string{"account"}, Markets: markets,
		Regions: residency.Regions{Written: []string{"US", "SG"}, Countries: set("US", "SG")},
		DueOn:   day("2014-10-31"), Due: day("2014-10-31").End(time.UTC),
		SaidBy: "Hugo Barra", SaidOn: day("2014-10-22"),
		Quote:  "we are migrating\n our services to data centers in Singapore and the US",
		Source: "https://example.org/post",
	}
}

// rule is a policy of our own, in force.
func rule() *residency.Claim {
	c := promise()
	c.ID, c.Title, c.Kind = "never-cn", "No user data to China", residency.KindPolicy
	c.Regions, c.Never = residency.Regions{Written: []string{"*"}, Any: true}, set("CN")
	c.DueOn, c.Due, c.SaidBy, c.SaidOn, c.Quote, c.Source = residency.Date{}, time.Time{}, "", residency.Date{}, "", ""
	return c
}

// found is an alert about the finding of one market, with two addresses.
func found(event residency.AlertEvent, c *residency.Claim, market, at string) residency.Alert {
	f := &residency.Finding{
		Key: "key-" + market, Vendor: c.Vendor, Service: "account", Host: "api.account.xiaomi.com", Market: residency.MustCountry(market), Claim: c.ID,
		Opened: when("2014-10-23T08:30:00Z"), LastSeen: when(at), Grade: residency.Corroborated, Countries: set("CN", "DE"),
		Addresses: []netip.Addr{netip.MustParseAddr("110.43.87.16"), netip.MustParseAddr("2001:db8::7")}, Tailoring: residency.TailoringSpecific,
	}
	a := residency.Alert{
		ID: at + string(event) + market, At: when(at), Kind: residency.AlertFinding, Event: event, Severity: residency.SeverityWarning,
		Group: c.Vendor + "/" + c.ID, Vendor: c.Vendor, Claim: c, Standing: residency.Pending, Market: f.Market, Finding: f, Run: "run-" + at,
		Seen: []residency.SeenAddress{
			{Address: f.Addresses[0], Countries: set("CN", "DE"), Grade: residency.Corroborated, Tailoring: residency.TailoringSpecific, Conflict: true},
			{Address: f.Addresses[1], Countries: set("CN"), Region: "aws:cn-north-1", Grade: residency.Asserted, Tailoring: residency.TailoringUnknown, Reasons: []residency.Reason{residency.ReasonStaleData}},
		},
	}
	if c.InForce(a.At) {
		a.Standing, a.Severity = residency.Broken, residency.SeverityCritical
	}
	return a
}

// closed is an alert that a finding was closed.
func closed(c *residency.Claim, market, at string, as residency.ClosedAs) residency.Alert {
	a := found(residency.EventClosed, c, market, at)
	if as == residency.ClosedReclassified {
		a.Event = residency.EventReclassified
	}
	a.Finding.Closed, a.Finding.ClosedAs, a.Finding.LastSeen = a.At, as, a.At.Add(-25*time.Hour)
	a.Severity, a.Standing, a.Seen = residency.SeverityInfo, residency.StandingUnknown, nil
	a.Clear = &residency.Clearing{From: a.At.Add(-24 * time.Hour), Runs: 24, Window: 24 * time.Hour, Coverage: residency.Coverage{Needs: 12, Met: 12}}
	return a
}

// said is an alert that no finding is about.
func said(event residency.AlertEvent, group, at, text string) residency.Alert {
	kind := residency.AlertFinding
	if strings.HasPrefix(group, residency.GroupOperations) {
		kind = residency.AlertOperations
	}
	return residency.Alert{ID: at + string(event), At: when(at), Kind: kind, Event: event, Severity: residency.SeverityWarning, Group: group, Text: text}
}

func waiver() *residency.Waiver {
	return &residency.Waiver{ID: "w-7", Owner: "Ann", Approver: "Bob", Reason: "they leave by March, agreed in writing", Vendor: "xiaomi",
		Claims: []string{"phase-2a"}, Services: []string{"account"}, Markets: []residency.Country{residency.MustCountry("IN")},
		Verdicts: []residency.Verdict{residency.Outside, residency.NotMeasured}, Countries: set("CN"), Until: when("2015-02-01T00:00:00Z"), Where: "config.toml:41"}
}

// messages are the alerts of one message for each thing that can be told.
func messages() map[string][]residency.Alert {
	const early, late = "2014-10-24T08:30:00Z", "2014-11-02T08:30:00Z"
	about := func(a residency.Alert, vendor string, change func(*residency.Alert)) []residency.Alert {
		a.Vendor = vendor
		if change != nil {
			change(&a)
		}
		return []residency.Alert{a}
	}
	first := found(residency.EventOpened, promise(), "IN", late)
	first.Finding.Opened = first.At
	reenacted := found(residency.EventOpened, promise(), "IN", late)
	reenacted.Finding.Opened, reenacted.Notice, reenacted.Config = time.Time{}, notice, "etc/my config.toml"
	reenacted.Limits = []string{"The run ended early (the time budget of 50s ran out), so there may be more.", "Not available in this run: geo.mmdb: file is cut short."}
	again := found(residency.EventReopened, promise(), "TW", late)
	again.Finding.Reopened = again.At
	remembered := found(residency.EventReminder, promise(), "IN", early)
	remembered.Seen = nil
	atRisk := said(residency.EventAtRisk, "xiaomi/phase-2a", early, "")
	atRisk.Claim, atRisk.Standing = promise(), residency.Pending
	atRisk.Trend = &residency.Trend{AtRisk: true, Projected: when("2015-01-20T00:00:00Z"), Days: []residency.DayShare{
		{Day: day("2014-10-22"), Answers: 96, Outside: 96}, {Day: day("2014-10-23"), Answers: 96, Outside: 94}, {Day: day("2014-10-24"), Answers: 48, Outside: 46}}}
	last := said(residency.EventClosed, "xiaomi/phase-2a", late, "Nothing is seen outside any more.")
	last.Claim, last.Last, last.Severity = promise(), true, residency.SeverityInfo
	return map[string][]residency.Alert{
		"opened":        {first, found(residency.EventOpened, promise(), "HK", late)},
		"opened-rule":   {found(residency.EventOpened, rule(), "IN", late)},
		"no-memory":     {reenacted},
		"mixed":         {again, closed(promise(), "HK", late, residency.ClosedGone), found(residency.EventMoved, promise(), "IN", late), found(residency.EventOverdue, promise(), "IN", late)},
		"reclassified":  {found(residency.EventReclassified, promise(), "IN", late)},
		"judged-inside": {closed(promise(), "IN", late, residency.ClosedReclassified)},
		"closed":        {closed(promise(), "IN", late, residency.ClosedGone), closed(promise(), "HK", late, residency.ClosedGone), last},
		"not-asked":     {closed(promise(), "IN", late, residency.ClosedNotAsked)},
		"reminder":      {remembered, found(residency.EventReminder, promise(), "HK", early)},
		"due":           {found(residency.EventDue, promise(), "IN", "2014-11-01T00:00:00Z")},
		"overdue":       {found(residency.EventOverdue, promise(), "IN", late)},
		"at-risk":       about(atRisk, "xiaomi", nil),
		"coverage":      about(said(residency.EventCoverage, "xiaomi/coverage", late, "9 results cannot be told, since 08:30 UTC on 1 Nov 2014\nphase-1: 7 of 14: mostly, sources name different places\nphase-2b: 2 of 14"), "xiaomi", nil),
		"waiver-ends":   about(said(residency.EventWaiverEnds, "waivers", late, "waiver w-7 ends in 7 days"), "xiaomi", func(a *residency.Alert) { a.Waiver = waiver() }),
		"waiver-unused": about(said(residency.EventWaiverUnused, "waivers", late, "waiver w-7 has covered nothing since 00:00 UTC on 1 Sep 2014"), "xiaomi", func(a *residency.Alert) { a.Waiver = waiver() }),
		"monitor":       {said(residency.EventMonitor, "operations/resolvers", late, "name server google (8.8.8.8:53): no answer in time\nSince 07:30 UTC on 2 Nov 2014."), said(residency.EventMonitor, "operations/resolvers", "2014-11-02T08:30:01Z", "name server quad9 (9.9.9.11:53): no answer in time\nSince 07:30 UTC on 2 Nov 2014.")},
		"monitor-good":  about(said(residency.EventMonitorGood, "operations/network", late, "name servers can be reached again\nIt was not so from 07:30 UTC on 2 Nov 2014 to 08:30 UTC on 2 Nov 2014."), "", func(a *residency.Alert) { a.Last = true }),
		"delivery":      {said(residency.EventDelivery, "operations/delivery", late, "channel \"mail\" could not deliver 3 messages\nThe server refused them: 550 no such user.")},
		"test":          {said(residency.EventTest, "test", late, "")},
	}
}

// TestComposeGolden holds every message, word by word.
func TestComposeGolden(t *testing.T) {
	t.Parallel()
	all := messages()
	for _, event := range weights() {
		shown := false
		for _, alerts := range all {
			for _, a := range alerts {
				shown = shown || a.Event == event
			}
		}
		if !shown {
			t.Errorf("no golden message shows the event %q", event)
		}
	}
	for name, alerts := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := Compose(alerts)
			golden(t, name+".txt", fmt.Sprintf("group %s, kind %s, event %s, severity %s\nvendor %q, claim %q, standing %s, resolves %v, test %v\nat %s, run %q\nsubject %s\n\n%s",
				n.Group, n.Kind, n.Event, n.Severity, n.Vendor, n.Claim, n.Standing, n.Resolves, n.Test, n.At.Format(time.RFC3339), n.Run, n.Subject, n.Text))
		})
	}
	golden(t, "opened.html", Compose(all["opened"]).HTML)
}

// golden compares got with the file in testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
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

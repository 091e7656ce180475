package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"residency/internal/store"
)

// faultConfig checks every hour, and tells a file of everything.
const faultConfig = `
[schedule]
check = "0 * * * *"
[store]
[alert]
fallback = "file"
[[alert.channel]]
name = "file"
type = "file"
path = "told.ndjson"
per_minute = 600
`

// events returns what was told, in order, with the hour.
func (st *stage) events() string {
	st.t.Helper()
	var list []string
	for _, m := range st.told("told.ndjson") {
		list = append(list, m.At.In(labZone()).Format("02T15:04")+" "+m.Event+" "+m.Group)
	}
	slices.Sort(list) // messages of one moment may be told in any order
	return strings.Join(list, "\n")
}

// open returns how many findings are open.
func (st *stage) open() int {
	st.t.Helper()
	s, err := st.e.openStore(st.t.Context(), st.d.cfg, "test")
	if err != nil {
		st.t.Fatal(err)
	}
	defer s.Close()
	list, err := s.Findings(st.t.Context(), store.Which{State: store.StateOpen})
	if err != nil {
		st.t.Fatal(err)
	}
	return len(list)
}

// TestDNSDead: nobody answers for half a day. One message says so, one that it
// is over; nothing closes, and nothing opens again.
func TestDNSDead(t *testing.T) {
	t.Parallel()
	st := newStage(t, day("2014-11-20", 0.5), oneSubnet)
	var dead atomic.Bool
	st.e.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dead.Load() {
			return nil, errors.New("network is unreachable")
		}
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}
	before := 0
	st.acts = []act{
		{day("2014-11-20", 6.5), func(st *stage) { before = st.open(); dead.Store(true) }},
		{day("2014-11-20", 18.5), func(st *stage) {
			if now := st.open(); now != before {
				t.Errorf("%d findings are open after half a day without an answer, %d before", now, before)
			}
			dead.Store(false)
		}},
	}
	st.play(st.configure(faultConfig), day("2014-11-20", 23.5))
	if before == 0 || st.open() != before {
		t.Errorf("%d findings are open at the end, %d before; want the same, and some", st.open(), before)
	}
	const want = `20T01:00 opened xiaomi/phase-2a
20T01:00 opened xiaomi/phase-2b
20T08:00 monitor operations/network
20T19:00 monitor-good operations/network`
	if got := st.events(); got != want {
		t.Errorf("told:\n%s\nwant:\n%s", got, want)
	}
}

// TestWebhookDead: a receiver is dead for a day, while things happen. It hears
// of all of it, each once, when it is back; the fallback hears that it is dead.
func TestWebhookDead(t *testing.T) {
	t.Parallel()
	r := newReceiver()
	r.well.Store(true)
	var dead atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if dead.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		r.ServeHTTP(w, req)
	}))
	t.Cleanup(srv.Close)
	st := newStage(t, day("2014-10-29", 0.5), oneSubnet)
	st.acts = []act{
		{day("2014-10-30", 12.5), func(*stage) { dead.Store(true) }},
		{day("2014-10-31", 12.5), func(*stage) { dead.Store(false) }},
	}
	hook := "[[alert.channel]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"" + srv.URL + "\"\nkind = \"finding\"\nper_minute = 600\n"
	st.play(st.configure(strings.Replace(faultConfig, "path = ", "kind = \"operations\"\npath = ", 1)+hook), day("2014-11-01", 6))
	if alerts, messages := st.undelivered(); alerts+messages > 0 {
		t.Errorf("%d changes and %d messages were not delivered", alerts, messages)
	}
	for key, n := range r.taken {
		if n != 1 {
			t.Errorf("message %s was taken %d times", key, n)
		}
	}
	if len(r.wrong) > 0 || len(r.taken) < 6 {
		t.Errorf("%d messages, faults %q; want six or more and none", len(r.taken), r.wrong)
	}
	if got := st.events(); !strings.Contains(got, " delivery operations/delivery/hook") {
		t.Errorf("the fallback was told:\n%s\nwant of the dead channel", got)
	}
}

// TestClockJumps: the clock is put forward over a due date and back again, and
// by days. What was told is not told again, nothing closes, and checks go on.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	st := newStage(t, day("2014-10-31", 12.5), oneSubnet)
	st.acts = []act{
		{day("2014-10-31", 18.5), func(st *stage) { st.jump = 8 * time.Hour }},  // 02:30, after the due date
		{day("2014-11-01", 3.5), func(st *stage) { st.jump = -8 * time.Hour }},  // 19:30 of the day before
		{day("2014-11-01", 5.5), func(st *stage) { st.jump = 3 * time.Hour }},   // now it is due by any clock
		{day("2014-11-01", 9.5), func(st *stage) { st.jump = -30 * time.Hour }}, // a day back
	}
	st.play(st.configure(faultConfig), day("2014-11-01", 12))
	got := st.events()
	for _, event := range []string{"due xiaomi/phase-1", "due xiaomi/phase-2a"} {
		if n := strings.Count(got, event); n != 1 {
			t.Errorf("%q was told %d times, want once:\n%s", event, n, got)
		}
	}
	if strings.Contains(got, "closed") || strings.Contains(got, "reopened") || strings.Contains(got, "monitor") {
		t.Errorf("a clock that jumps changed what is seen:\n%s", got)
	}
	if log := st.log.String(); strings.Count(log, "the clock was set back") < 2 || !strings.Contains(log, "missed") {
		t.Errorf("the log does not say that the clock jumped:\n%s", log)
	}
	if alerts, messages := st.undelivered(); alerts+messages > 0 {
		t.Errorf("%d changes and %d messages were not delivered", alerts, messages)
	}
}

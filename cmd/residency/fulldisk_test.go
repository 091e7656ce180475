//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// alone runs a test by itself in another process, for a limit on the size of
// files holds for a whole process. It reports whether this is that process, and
// then returns what sets a limit: 0 for as much as there was.
func alone(t *testing.T) (set func(limit uint64) func(*stage), here bool) {
	if os.Getenv("RESIDENCY_FULL_DISK") == "" {
		t.Parallel()
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "RESIDENCY_FULL_DISK=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, out)
		}
		return nil, false
	}
	keepWriting()
	var all syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &all); err != nil {
		t.Fatal(err)
	}
	return func(limit uint64) func(*stage) {
		return func(*stage) {
			l := all
			if limit > 0 {
				l.Cur = limit
			}
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
				t.Error(err)
			}
		}
	}, true
}

// TestFullDisk: the store cannot grow for half a day. Checks go on and say so,
// the people who run it are told without the store, and when there is room again
// everything is remembered and told.
func TestFullDisk(t *testing.T) {
	set, here := alone(t)
	if !here {
		return
	}
	st := newStage(t, day("2014-10-29", 12.5), oneSubnet)
	st.acts = []act{
		{day("2014-10-29", 18.5), set(100 << 10)}, // less than the store has, more than the messages
		{day("2014-10-30", 6.5), set(0)},          // sign-in moved meanwhile
	}
	st.play(st.configure(faultConfig), day("2014-10-31", 9))
	got := st.events()
	for _, want := range []string{"29T19:00 monitor operations/store", "30T07:00 monitor-good operations/store", "31T07:00 closed xiaomi/phase-2a"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("no %q, or more than one, in\n%s", want, got)
		}
	}
	if strings.Contains(got, "reopened") || strings.Count(got, "opened ") != 3 {
		t.Errorf("a full disk changed what is seen:\n%s", got)
	}
	if alerts, messages := st.undelivered(); alerts+messages > 0 {
		t.Errorf("%d changes and %d messages were not delivered", alerts, messages)
	}
	if !strings.Contains(st.log.String(), "the memory cannot be used") {
		t.Errorf("the log does not say so:\n%s", &st.log)
	}
}

// TestFullDiskAtTheStart: watch begins when there is no room for a store. It
// looks, tells the people who run it, once, and remembers everything from when
// there is room, without being begun anew.
func TestFullDiskAtTheStart(t *testing.T) {
	set, here := alone(t)
	if !here {
		return
	}
	st := newStage(t, day("2014-10-29", 12.5), oneSubnet)
	ready := make(map[bool]string) // by whether there is room
	look := func(room bool) func(*stage) {
		return func(st *stage) {
			p := page{pulse: st.d.pulse, patient: 24 * time.Hour, figures: st.d.figures}
			w := httptest.NewRecorder()
			p.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			ready[room] = fmt.Sprint(w.Code, " ", w.Body)
		}
	}
	st.acts = []act{
		{day("2014-10-29", 17.5), look(false)},
		{day("2014-10-29", 18.5), set(0)},
		{day("2014-10-29", 20.5), look(true)},
	}
	cfg := st.configure(faultConfig)
	set(16 << 10)(st)
	st.play(cfg, day("2014-10-30", 9))
	const want = `29T12:30 monitor operations/store
29T19:00 monitor-good operations/store
29T20:00 opened xiaomi/phase-1
29T20:00 opened xiaomi/phase-2a
29T20:00 opened xiaomi/phase-2b`
	if got := st.events(); got != want {
		t.Errorf("told:\n%s\nwant:\n%s", got, want)
	}
	if !strings.HasPrefix(ready[false], "503 the store cannot be used") || ready[true] != "200 ok\n" {
		t.Errorf("/readyz says %q, and with room again %q", ready[false], ready[true])
	}
	for _, text := range []string{"the store cannot be used: checks go on without it", "the memory cannot be used"} {
		if strings.Count(st.log.String(), text) != 1 {
			t.Errorf("the log does not say %q once:\n%s", text, &st.log)
		}
	}
	if alerts, messages := st.undelivered(); alerts+messages > 0 {
		t.Errorf("%d changes and %d messages were not delivered", alerts, messages)
	}
}

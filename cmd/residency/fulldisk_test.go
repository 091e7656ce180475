//go:build unix

package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestFullDisk: the store cannot grow for half a day. Checks go on and say so,
// the people who run it are told without the store, and when there is room again
// everything is remembered and told. A limit holds for a whole process, so the
// test runs itself in another one.
func TestFullDisk(t *testing.T) {
	if os.Getenv("RESIDENCY_FULL_DISK") == "" {
		t.Parallel()
		cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
		cmd.Env = append(os.Environ(), "RESIDENCY_FULL_DISK=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestFullDisk") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	keepWriting()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	set := func(l syscall.Rlimit) func(*stage) {
		return func(*stage) {
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
				t.Error(err)
			}
		}
	}
	small := limit
	small.Cur = 100 << 10 // less than the store has, more than the messages
	st := newStage(t, day("2014-10-29", 12.5), oneSubnet)
	st.acts = []act{
		{day("2014-10-29", 18.5), set(small)},
		{day("2014-10-30", 6.5), set(limit)}, // sign-in moved meanwhile
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

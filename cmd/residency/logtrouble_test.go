package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"residency/internal/ledger"
	"residency/internal/residency"
)

// signedStage is a stage whose log is signed, with a first check made, and the
// public half of a key that is not ours.
func signedStage(t *testing.T) (*stage, *daemon, ledger.Public) {
	t.Helper()
	st := newStage(t, day("2014-11-20", 0.5), oneSubnet)
	secret, _, err := st.e.newKey("example.com/residency")
	if err != nil {
		t.Fatal(err)
	}
	st.write("log.key", secret)
	_, other, err := st.e.newKey("example.com/residency")
	if err != nil {
		t.Fatal(err)
	}
	cfg := st.configure(faultConfig + "[evidence]\nkey = \"file:log.key\"\n")
	st.play(cfg, day("2014-11-20", 1.5))
	d := &daemon{e: st.e, cfg: cfg, log: slog.New(slog.NewTextHandler(&st.log, nil)), timeout: time.Minute, notify: true, pulse: &pulse{now: st.clock.now}}
	if err := d.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.close() })
	if _, err := d.signer.Sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	return st, d, other.Public()
}

// TestForeignKeyIsTold: somebody who can write to the store puts a key on record
// as ours. Neither watch nor check signs it, both tell operations, and verify
// names it. Only whoever says that this is the next key has it signed.
func TestForeignKeyIsTold(t *testing.T) {
	t.Parallel()
	st, d, other := signedStage(t)
	body, err := json.Marshal(ledger.KeyChange{Schema: "residency/key/v1", Key: other.String(), Former: d.signer.Key.Public().String()})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.store.Record(t.Context(), residency.Record{Kind: "key", At: d.e.now(), Body: body}); err != nil {
		t.Fatal(err)
	}
	before, err := d.store.LastCheckpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.signer.Every = time.Millisecond
	d.sign(t.Context())
	if n := strings.Count(st.events(), "monitor operations/log"); n != 1 {
		t.Errorf("watch told it %d times, want once:\n%s", n, st.events())
	}
	m := &checkMemory{e: d.e, house: d.house, store: d.store}
	st.clock.set(st.clock.now().Add(time.Hour))
	if err := m.after(t.Context(), time.Now().Add(time.Minute), residency.Run{}, checkFlags{notify: true}); !ledger.IsTamper(err) {
		t.Errorf("check says %v, want a TamperError", err)
	}
	if n := strings.Count(st.events(), "monitor operations/log"); n != 2 {
		t.Errorf("check did not tell it:\n%s", st.events())
	}
	list := st.told("told.ndjson")
	if text := list[len(list)-1].Text; !strings.Contains(text, other.String()) || !strings.Contains(text, "residency verify") {
		t.Errorf("told %q, want the key and what to do", text)
	}
	if after, err := d.store.LastCheckpoint(t.Context()); err != nil || after.Size != before.Size {
		t.Errorf("%d leaves are signed, %d before, %v", after.Size, before.Size, err)
	}
	program := func(want int, args ...string) string {
		t.Helper()
		var out strings.Builder
		if code := run(t.Context(), testEnv(&out, &out), append(args, "--config", d.cfg.Path)); code != want {
			t.Errorf("residency %v: exit %d, want %d:\n%s", args, code, want, out.String())
		}
		return out.String()
	}
	if out := program(exitFailed, "verify"); !strings.Contains(out, "names the key "+other.String()) {
		t.Errorf("verify says\n%s", out)
	}
	if out := program(exitFailed, "seal"); !strings.Contains(out, "--accept-key") {
		t.Errorf("seal says\n%s", out)
	}
	program(exitFailed, "seal", "--accept-key", d.signer.Key.Public().String())
	program(exitFailed, "key", "rotate", "--out", st.dir+"/next.key", "--by", "ann")
	program(0, "seal", "--accept-key", other.String()) // as if it were a rotation that was cut short
	program(0, "verify")
}

// TestUnsignedIsTold: somebody rotated the key and did not configure the new
// one. It is told when two checks in a row could not sign, once, and when it is
// over; and by watch as by check.
func TestUnsignedIsTold(t *testing.T) {
	t.Parallel()
	st, d, _ := signedStage(t)
	look := func(args ...string) {
		t.Helper()
		st.clock.set(st.clock.now().Add(time.Hour))
		if code := run(t.Context(), st.e, append(args, "--config", d.cfg.Path)); code == exitFailed {
			t.Fatalf("residency %v: exit %d", args, code)
		}
	}
	look("key", "rotate", "--out", st.dir+"/next.key", "--by", "ann")
	for range 4 {
		look("check", "--notify")
	}
	if got := st.events(); strings.Count(got, "operations/log") != 1 || !strings.Contains(got, "20T06:00 monitor operations/log") {
		t.Errorf("told:\n%s\nwant the log at the third check, once", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	note := d.signer.Outcome
	d.signer.Outcome = func(ctx context.Context, err error) { note(ctx, err); cancel() }
	d.sign(ctx)
	if why := d.e.troubles(t.Context(), d.cfg, d.store); len(why) != 1 || !strings.Contains(why[0].Text, "the log is signed with the key") {
		t.Errorf("watch says %v, want which key signs", why)
	}
	st.configure(faultConfig + "[evidence]\nkey = \"file:next.key\"\n")
	look("check", "--notify")
	look("check", "--notify")
	if got := st.events(); !strings.HasSuffix(got, "monitor-good operations/log") {
		t.Errorf("told:\n%s\nwant that it is over", got)
	}
}

// TestWatchSignsEachRun: what a run adds to the log is signed soon after, and
// not only when the signer looks the next time, in a minute.
func TestWatchSignsEachRun(t *testing.T) {
	t.Parallel()
	st := newStage(t, day("2014-11-20", 0.5), oneSubnet)
	secret, _, err := st.e.newKey("example.com/residency")
	if err != nil {
		t.Fatal(err)
	}
	st.write("log.key", secret)
	signed := func(st *stage) {
		var size, covered int64
		for range 500 {
			cp, err := st.d.store.LastCheckpoint(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if size, err = st.d.store.Size(t.Context()); err != nil {
				t.Fatal(err)
			}
			if covered = cp.Size; covered == size {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%d of %d leaves are signed", covered, size)
	}
	st.acts = []act{{day("2014-11-20", 2.5), signed}, {day("2014-11-20", 4.5), signed}}
	st.play(st.configure(faultConfig+"[evidence]\nkey = \"file:log.key\"\n"), day("2014-11-20", 5.5))
}

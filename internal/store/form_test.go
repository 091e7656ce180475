package store_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/store/storetest"
)

var updateForm = flag.Bool("update", false, "write the store of the present version in testdata again: only before it is released")

// full returns a value of which every field holds something.
func full[T any]() T {
	var v T
	fill(reflect.ValueOf(&v).Elem())
	return v
}

// fill puts something into every field that is kept.
func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 22, 12, 34, 56, 789000, time.UTC)))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.MustParseAddr("192.0.2.1")))
		return
	case residency.Countries:
		v.Set(reflect.ValueOf(residency.CountriesOf(residency.MustCountry("SG"), residency.MustCountry("US"))))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
				fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(0.25)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	default:
		panic("fill " + v.Type().String())
	}
}

// formRun is the run in testdata/version-N.db.zst.
func formRun() (residency.Run, residency.KeptRound, residency.RunEnd) {
	run := full[residency.Run]()
	run.Seq, run.Rounds = 1, nil
	e := full[residency.Endpoint]()
	r := storetest.Round(1, 1, 1)
	r.Endpoint, r.Cells = e, []residency.Cell{full[residency.Cell]()}
	r.Cells[0].Endpoint = e
	f := full[residency.Finding]()
	f.Vendor, f.Service, f.Host, f.Closed = e.Vendor, e.Service, e.Host, time.Time{}
	return run, r, residency.RunEnd{Run: run, Findings: []residency.Finding{f}, Alerts: []residency.Alert{full[residency.Alert]()},
		Told: []residency.Told{full[residency.Told]()}}
}

// formNotice is the notification in it.
func formNotice(alerts []residency.Alert) residency.Notification {
	n := full[residency.Notification]()
	n.Key, n.Channel, n.Alerts = "key", "ch", alerts
	return n
}

// writeForm puts a value of each kind into a store, every field filled.
func writeForm(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	run, round, end := formRun()
	seq, err := s.Begin(ctx, run)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		s.Save(ctx, seq, residency.Batch{Rounds: []residency.KeptRound{round}}),
		s.End(ctx, seq, end),
		s.Fix(ctx, formNotice(end.Alerts), storetest.Start()),
		s.Tried(ctx, "key", residency.Receipt{At: storetest.Start(), Detail: "500"}, storetest.Start().Add(time.Hour), false, nil),
		s.SaveCheckpoint(ctx, full[residency.Checkpoint]()),
		s.SetMemo(ctx, "m", 7),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// form is what is read of a store that writeForm has written.
type form struct {
	Run         residency.Run
	Cells       []residency.Cell
	Findings    []residency.Finding
	Told        []residency.Told
	Alerts      []residency.Alert
	Deliveries  []residency.Delivery
	Checkpoints []residency.Checkpoint
	Claims      []residency.ClaimState
	Memo        int
}

func readForm(t *testing.T, s *store.Store) (f form) {
	t.Helper()
	ctx := t.Context()
	_, round, _ := formRun()
	key := round.Endpoint.Key()
	all, err := s.Recall(ctx, []string{key}, time.Time{})
	f.Cells, f.Findings = all[key].Cells, all[key].Findings
	errs := []error{err}
	f.Run, _, err = s.Run(ctx, 1)
	errs = append(errs, err)
	_, f.Told, err = s.Ongoing(ctx)
	errs = append(errs, err)
	f.Alerts, err = s.Alerts(ctx, time.Time{}, 0)
	errs = append(errs, err)
	f.Deliveries, err = s.Deliveries(ctx, store.Post{})
	errs = append(errs, err)
	f.Checkpoints, err = s.Checkpoints(ctx, 0)
	errs = append(errs, err)
	f.Claims, err = s.Claims(ctx)
	errs = append(errs, err)
	_, err = s.Memo(ctx, "m", &f.Memo)
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestEveryFieldIsKept gets back every field of what is put in.
func TestEveryFieldIsKept(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer s.Close()
	writeForm(t, s)
	run, round, end := formRun()
	claim := run.Claims[0]
	want := form{
		Run: run, Cells: round.Cells, Findings: end.Findings, Told: end.Told, Alerts: end.Alerts, Memo: 7,
		Deliveries: []residency.Delivery{{Notification: formNotice(end.Alerts), Fixed: storetest.Start(), Next: storetest.Start().Add(time.Hour), Tries: 1,
			Receipts: []residency.Receipt{{At: storetest.Start(), Try: 1, Detail: "500"}}}},
		Checkpoints: []residency.Checkpoint{full[residency.Checkpoint]()},
		Claims:      []residency.ClaimState{{Claim: claim.Claim.ID, Standing: claim.Standing, Since: run.At, LastOutside: claim.LastOutside, Seq: 1}},
	}
	opts := cmp.Options{cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
	if diff := cmp.Diff(want, readForm(t, s), opts); diff != "" {
		t.Errorf("what was kept (-want +got):\n%s", diff)
	}
}

// version is that of the form this program writes.
const version = 2

// TestForm reads a store that was written by each version: a field that was
// given another name since would be lost. Fields may have come since.
func TestForm(t *testing.T) {
	t.Parallel()
	if *updateForm {
		updateGolden(t, fmt.Sprintf("testdata/version-%d", version))
	}
	for v := 1; v <= version; v++ {
		t.Run(fmt.Sprintf("version %d", v), func(t *testing.T) {
			t.Parallel()
			readGolden(t, fmt.Sprintf("testdata/version-%d", v))
		})
	}
}

// readGolden reads a store that was kept, and holds it to what was read of it
// when it was written.
func readGolden(t *testing.T, golden string) {
	dir := t.TempDir()
	unpackGolden(t, golden, filepath.Join(dir, "residency.db"))
	s := open(t, dir)
	defer s.Close()
	if c := whole(t, s); c.Bodies < 7 { // a sight, a judgement, a location, packets, three parts of a run's header
		t.Errorf("it has %d bodies", c.Bodies)
	}
	text, err := os.ReadFile(golden + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for _, lost := range lost("", want, plain(t, readForm(t, s))) {
		t.Errorf("of what was kept, this is not read: %s", lost)
	}
}

// unpackGolden writes a store that was kept to a file.
func unpackGolden(t *testing.T, golden, to string) {
	t.Helper()
	packed, err := os.ReadFile(golden + ".db.zst")
	if err != nil {
		t.Fatal(err)
	}
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	data, err := dec.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOlderForReading names the version of a store that a reader would have to
// bring up to date, and leaves it as it is.
func TestOlderForReading(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "residency.db")
	unpackGolden(t, "testdata/version-1", path)
	o := options()
	o.ReadOnly = true
	if s, err := store.Open(t.Context(), path, o); !errors.Is(err, store.ErrOlder) || !strings.Contains(err.Error(), "version 1") {
		t.Errorf("Open for reading = %v, %v, want %v", s, err, store.ErrOlder)
	}
}

// plain returns v as JSON has it.
func plain(t *testing.T, v any) (out any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// lost names all of want that is not in got.
func lost(path string, want, got any) []string {
	var all []string
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		for key, value := range want {
			all = append(all, lost(path+"."+key, value, got[key])...)
		}
	case []any:
		got, _ := got.([]any)
		for i, value := range want {
			if i >= len(got) {
				return append(all, fmt.Sprintf("%s[%d]", path, i))
			}
			all = append(all, lost(fmt.Sprintf("%s[%d]", path, i), value, got[i])...)
		}
	default:
		if want != got {
			all = append(all, fmt.Sprintf("%s: %v, it is %v", path, want, got))
		}
	}
	return all
}

// updateGolden writes the files of TestForm.
func updateGolden(t *testing.T, golden string) {
	t.Helper()
	s := open(t, t.TempDir())
	defer s.Close()
	writeForm(t, s)
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(readForm(t, s), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{golden + ".db.zst": enc.EncodeAll(data, nil), golden + ".json": append(text, '\n')} {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLost finds what is lost.
func TestLost(t *testing.T) {
	t.Parallel()
	type v1 struct{ A, B string }
	type v2 struct{ A, C string }
	if got := lost("", plain(t, []v1{{"a", "b"}, {}}), plain(t, []v2{{"a", "b"}})); len(got) != 2 {
		t.Errorf("lost = %q, want B of the first and all of the second", got)
	}
	if got := lost("", plain(t, v1{"a", "b"}), plain(t, struct {
		v1
		D int
	}{v1{"a", "b"}, 1})); len(got) != 0 {
		t.Errorf("lost = %q, want nothing", got)
	}
}

// Package storetest is what any store must do, as tests: every implementation
// passes them, whatever it keeps its data in.
package storetest

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"testing"
	"time"

	"residency/internal/residency"
)

// Store is what the tests ask of a store. Its parts are the interfaces of the
// packages that use one.
type Store interface {
	Begin(ctx context.Context, run residency.Run) (int64, error)
	Recall(ctx context.Context, endpoints []string, since time.Time) (map[string]residency.Recollection, error)
	Bodies(ctx context.Context, hashes []residency.Hash) (map[residency.Hash][]byte, error)
	Save(ctx context.Context, seq int64, b residency.Batch) error
	End(ctx context.Context, seq int64, end residency.RunEnd) error
	Claims(ctx context.Context) ([]residency.ClaimState, error)
	Ongoing(ctx context.Context) ([]residency.Finding, []residency.Told, error)

	Waiting(ctx context.Context, channel string, since, now time.Time) ([]residency.Alert, error)
	Pass(ctx context.Context, channel string, ids []string) error
	Fix(ctx context.Context, n residency.Notification, at time.Time) error
	Ready(ctx context.Context, channel string, now, lease time.Time, limit int) ([]residency.Delivery, error)
	Tried(ctx context.Context, key string, r residency.Receipt, next time.Time, parked bool, tell []residency.Alert) error
	Retry(ctx context.Context, key, channel string, at time.Time) (int, error)

	Run(ctx context.Context, seq int64) (residency.Run, bool, error)
	LastRuns(ctx context.Context, n int) ([]residency.Run, error)
	Runs(ctx context.Context, from, to time.Time) iter.Seq2[residency.Run, error]
	Rounds(ctx context.Context, seq int64) ([]residency.RoundSeal, error)
	Spans(ctx context.Context, endpoint string, from, to time.Time) ([]residency.Span, error)
	LatestCells(ctx context.Context, most int, wanted func(endpoint string) bool, claims ...string) (cells []residency.Cell, more bool, err error)

	Record(ctx context.Context, r residency.Record) error
	Records(ctx context.Context, kind string) iter.Seq2[residency.Record, error]
	Size(ctx context.Context) (int64, error)
	Leaves(ctx context.Context, from, to int64) iter.Seq2[[]byte, error]
	Hashes(ctx context.Context, numbers []int64) ([]residency.Hash, error)
	SaveCheckpoint(ctx context.Context, c residency.Checkpoint) error
	Checkpoints(ctx context.Context, from int64) ([]residency.Checkpoint, error)
	LastCheckpoint(ctx context.Context) (residency.Checkpoint, error)

	Memo(ctx context.Context, name string, into any) (bool, error)
	SetMemo(ctx context.Context, name string, v any) error

	Close() error
}

// Start is when the runs of the tests begin.
func Start() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// RunAt returns the header of run n, a quarter of an hour after the one before.
func RunAt(n int) residency.Run {
	at := Start().Add(time.Duration(n-1) * 15 * time.Minute)
	return residency.Run{ID: fmt.Sprintf("run-%04d", n), At: at, Started: at, Finished: at.Add(time.Minute), Version: "test", ConfigSHA256: "c"}
}

// Endpoint returns endpoint n of the tests.
func Endpoint(n int) residency.Endpoint {
	return residency.Endpoint{Vendor: "v", Service: "s", Host: fmt.Sprintf("h%06d.example", n)}
}

// Round returns a round of endpoint n that shows the given version of it, seen
// by the given run: rounds of one version have the same sight and judgement,
// and other packets.
func Round(n, version, run int) residency.KeptRound {
	place := fmt.Appendf(nil, `{"schema":"residency/location/v1","address":"192.0.2.%d","countries":["SG"]}`, version%250)
	h := residency.HashOf(place)
	e := Endpoint(n)
	r := residency.KeptRound{
		Endpoint:  e,
		Sight:     fmt.Appendf(nil, `{"schema":"residency/sight/v1","endpoint":%q,"version":%d,"location":%q}`, e.Key(), version, h),
		Judgement: fmt.Appendf(nil, `{"schema":"residency/judgement/v1","endpoint":%q,"version":%d,"cells":[]}`, e.Key(), version),
		Locations: map[residency.Hash][]byte{h: place},
		Packets:   fmt.Appendf(nil, `{"schema":"residency/packets/v1","endpoint":%q,"run":%d}`, e.Key(), run),
	}
	if version%2 == 1 {
		r.Cells = []residency.Cell{{
			Claim: "c", Endpoint: e, Market: residency.MustCountry("IN"), Verdict: residency.Outside, Grade: residency.Corroborated,
			Addresses: []residency.JudgedAddress{{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(version % 250)}), Side: residency.SideOutside}},
		}}
	}
	return r
}

// Finding returns the finding of endpoint n.
func Finding(n int) residency.Finding {
	e, in := Endpoint(n), residency.MustCountry("IN")
	return residency.Finding{Key: residency.FindingKey(e.Vendor, e.Service, e.Host, in, "c"), Vendor: e.Vendor, Service: e.Service,
		Host: e.Host, Market: in, Claim: "c", Opened: Start(), LastSeen: Start(), Grade: residency.Corroborated}
}

// Alert returns alert n, due when it is made.
func Alert(n int, at time.Time) residency.Alert {
	return residency.Alert{ID: fmt.Sprintf("alert-%06d", n), At: at, NotBefore: at, Kind: residency.AlertFinding,
		Event: residency.EventOpened, Severity: residency.SeverityCritical, Group: "v/c", Vendor: "v", Text: "t"}
}

// Do makes one run with the given rounds, of which each was seen by it.
func Do(t testing.TB, s Store, n int, rounds ...residency.KeptRound) int64 {
	t.Helper()
	ctx := t.Context()
	seq, err := s.Begin(ctx, RunAt(n))
	if err != nil {
		t.Fatalf("Begin(%d): %v", n, err)
	}
	var keys []string
	for _, r := range rounds {
		keys = append(keys, r.Endpoint.Key())
	}
	if _, err := s.Recall(ctx, keys, RunAt(n).At.Add(-24*time.Hour)); err != nil {
		t.Fatalf("Recall(%d): %v", n, err)
	}
	if err := s.Save(ctx, seq, residency.Batch{Rounds: rounds}); err != nil {
		t.Fatalf("Save(%d): %v", n, err)
	}
	if err := s.End(ctx, seq, residency.RunEnd{Run: RunAt(n)}); err != nil {
		t.Fatalf("End(%d): %v", n, err)
	}
	return seq
}

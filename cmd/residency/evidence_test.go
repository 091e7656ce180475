package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/ledger"
	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/watch"
)

// chance answers by chance: from a few addresses, in a few ways, and mostly as
// it did before.
type chance struct {
	rng   *rand.Rand
	addrs []netip.Addr
	last  map[string]residency.Observation
	rate  int // one look in so many shows something else than before
}

func (c *chance) Probe(context.Context, residency.Question) []residency.ResolverStatus {
	return []residency.ResolverStatus{{Name: "one"}, {Name: "two"}}
}

func (c *chance) Observe(_ context.Context, qs []residency.Question, done func(residency.Observation)) {
	for _, q := range qs {
		for _, name := range []string{"one", "two"} {
			key := fmt.Sprint(q.Endpoint.Host, q.Market, q.Subnet, q.Type, name)
			o, ok := c.last[key]
			if !ok || c.rng.IntN(c.rate) == 0 {
				o = c.answer()
			}
			c.last[key] = o
			o.Question, o.Resolver, o.Operator = q, name, name
			o.Exchanges = []residency.Exchange{{Server: "192.0.2.1:53", Name: q.Endpoint.Host, Response: fmt.Append(nil, c.rng.Uint64())}}
			done(o)
		}
	}
}

func (c *chance) answer() residency.Observation {
	switch c.rng.IntN(9) {
	case 0:
		return residency.Observation{Failure: residency.FailTimeout}
	case 1:
		return residency.Observation{Rcode: "NOERROR", Tailoring: residency.TailoringUnknown, Addresses: []residency.Answer{{Address: c.addrs[0]}}}
	}
	o := residency.Observation{Rcode: "NOERROR", Tailoring: residency.TailoringSpecific, Scope: 24}
	for _, a := range c.addrs {
		if c.rng.IntN(len(c.addrs)) == 0 || a == c.addrs[0] && c.rng.IntN(4) > 0 {
			o.Addresses = append(o.Addresses, residency.Answer{Address: a, TTL: uint32(c.rng.IntN(300))})
		}
	}
	return o
}

// Locate puts addresses by their last byte, and one of them elsewhere as time
// goes by.
func (c *chance) Locate(addr netip.Addr, at time.Time) residency.Location {
	b := addr.As4()
	where := residency.CountriesOf(residency.MustCountry("SG"))
	switch {
	case b[3] == 3 || b[3] == 4 && at.Hour()%6 == 0:
		where = residency.CountriesOf(residency.MustCountry("CN"))
	case b[3] == 5:
		where = where.With(residency.MustCountry("CN"))
	}
	return residency.Location{Address: addr, Countries: where, Voices: []residency.Voice{{Name: "a", Countries: where}, {Name: "b", Countries: where}}}
}

// watched is a store that an engine has filled, signed with a key.
type watched struct {
	path   string
	key    *ledger.Key
	now    time.Time
	engine *watch.Engine
	store  *store.Store
	signer *ledger.Signer
}

func watchedStore(t testing.TB, seed uint64, runs int) *watched {
	t.Helper()
	w := &watched{path: filepath.Join(t.TempDir(), "residency.db"), now: scriptClock}
	secret, err := ledger.NewKey(bytes.NewReader(bytes.Repeat([]byte{3}, 32)), "example.com/residency")
	if err != nil {
		t.Fatal(err)
	}
	if w.key, err = ledger.ParseKey(secret); err != nil {
		t.Fatal(err)
	}
	o := testEnv(nil, nil).storeOptions("test")
	o.Now = func() time.Time { return w.now }
	if w.store, err = store.Open(t.Context(), w.path, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	rng := rand.New(rand.NewPCG(seed, 1))
	c := &chance{rng: rng, last: map[string]residency.Observation{}, rate: 12}
	for i := range 5 {
		c.addrs = append(c.addrs, netip.AddrFrom4([4]byte{203, 0, 113, byte(i + 1)}))
	}
	in, id := residency.MustCountry("IN"), residency.MustCountry("ID")
	sg := residency.Regions{Countries: residency.CountriesOf(residency.MustCountry("SG"))}
	subnet := func(s string) []residency.ClientSubnet {
		return []residency.ClientSubnet{{Prefix: netip.MustParsePrefix(s)}}
	}
	w.engine = &watch.Engine{
		Observer: c, Locator: c, Memory: w.store, Window: 3 * time.Hour, Types: []string{"A"},
		Markets: []residency.Market{{Code: in, Subnets: subnet("49.36.0.0/24")}, {Code: id, Subnets: subnet("36.68.0.0/24")}},
		Claims: []residency.Claim{
			{ID: "promise", Vendor: "v", Services: []string{"s"}, Markets: []residency.Country{in, id}, Regions: sg, Floor: residency.Corroborated, Due: w.now.Add(9 * time.Hour)},
			{ID: "rule", Kind: residency.KindPolicy, Vendor: "v", Services: []string{"s"}, Markets: []residency.Country{in}, Regions: residency.Regions{Any: true},
				Never: residency.CountriesOf(residency.MustCountry("CN")), Floor: residency.Corroborated},
		},
		Header: residency.Run{Version: "1.2.3", Clock: residency.Clock{Source: "adjtimex", Synchronised: true}},
		Now:    func() time.Time { return w.now }, Rand: bytes.NewReader(bytes.Repeat([]byte{9}, 1<<16)), Batch: 3,
	}
	for _, host := range []string{"a", "b", "c", "d", "e"} {
		w.engine.Endpoints = append(w.engine.Endpoints, residency.Endpoint{Vendor: "v", Service: "s", Host: host + ".example.com"})
	}
	w.signer = &ledger.Signer{Log: w.store, Book: w.store, Key: w.key, Record: w.store.Record, File: w.path + ".checkpoint", Now: o.Now}
	for i := range runs {
		w.run(t, rng, i)
	}
	return w
}

// run makes a run, a part of it now and then, and signs.
func (w *watched) run(t testing.TB, rng *rand.Rand, i int) {
	t.Helper()
	w.now = w.now.Add(time.Duration(20+rng.IntN(40))*time.Minute + time.Duration(rng.IntN(1e9)))
	w.engine.Due = nil
	if rng.IntN(4) == 0 {
		w.engine.Due = func(e residency.Endpoint) bool { return e.Host != "c.example.com" }
	}
	run := w.engine.Run(t.Context())
	if run.Partial || run.Seq == 0 {
		t.Fatalf("run %d: partial by %q, %q", i, run.PartialBy, run.Notices)
	}
	if rng.IntN(3) == 0 {
		if _, err := w.signer.Sign(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// verify runs the command and returns its exit code and what it said.
func (w *watched) verify(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := run(t.Context(), testEnv(&out, &out), append([]string{"verify"}, args...))
	return code, out.String()
}

// TestVerifyJudgesAgain has the program verify what the engine left behind, over
// histories made by chance: every verdict is made again from the sealed bytes.
func TestVerifyJudgesAgain(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := watchedStore(t, seed, 30)
			if _, err := w.signer.Sign(t.Context()); err != nil {
				t.Fatal(err)
			}
			code, out := w.verify(t, w.path, "--key", w.key.Public().String())
			if code != 0 || !strings.Contains(out, "30 runs") || strings.Contains(out, "note") || strings.Contains(out, " 0 rounds judged") {
				t.Errorf("verify: exit %d\n%s", code, out)
			}
		})
	}
}

// TestVerifyFindsChangesInTheFile edits the database itself.
func TestVerifyFindsChangesInTheFile(t *testing.T) {
	t.Parallel()
	w := watchedStore(t, 7, 12)
	if _, err := w.signer.Sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a leaf":           `UPDATE leaves SET data = CAST(replace(CAST(data AS TEXT), '"partial":false', '"partial":true') AS BLOB) WHERE n = 3`,
		"a leaf is gone":   "DELETE FROM leaves WHERE n = 3",
		"the last leaves":  "DELETE FROM leaves WHERE n > 8",
		"a tree hash":      "UPDATE hashes SET hash = (SELECT hash FROM hashes WHERE n = 9) WHERE n = 4",
		"a checkpoint":     "UPDATE checkpoints SET size = size - 1 WHERE size = (SELECT max(size) FROM checkpoints)",
		"a note":           "UPDATE checkpoints SET note = CAST(replace(CAST(note AS TEXT), 'example.com', 'example.org') AS BLOB)",
		"the time of runs": "UPDATE runs SET started = started - 86400000000 WHERE seq = 5",
		"a run is gone":    "PRAGMA foreign_keys = OFF; DELETE FROM runs WHERE seq = 5",
		"a span is cut":    "UPDATE spans SET last_seq = last_seq - 1 WHERE last_seq > first_seq",
		"judgements":       "UPDATE spans SET judgement = (SELECT judgement FROM spans WHERE endpoint = 2 LIMIT 1) WHERE endpoint = 1",
		"looks":            "UPDATE blocks SET data = (SELECT data FROM blocks LIMIT 1)",
		"bodies are gone":  "DELETE FROM blocks",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "residency.db")
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			res, err := db.Exec(text)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := res.RowsAffected(); err != nil || n == 0 {
				t.Fatalf("nothing was changed: %d, %v", n, err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			code, out := w.verify(t, path, "--key", w.key.Public().String())
			t.Logf("%s", out)
			if code != exitFailed {
				t.Errorf("exit %d, want 1:\n%s", code, out)
			}
		})
	}
}

// TestVerifyBundle makes a bundle of the store and verifies it without it.
func TestVerifyBundle(t *testing.T) {
	t.Parallel()
	w := watchedStore(t, 5, 16)
	if _, err := w.signer.Sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	cps, err := w.store.Checkpoints(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bundle.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	b := ledger.Bundler{Log: w.store, Checkpoints: cps, Runs: sealedRuns{w.store}, Names: namedBy,
		Endpoints: []string{"v/s/c.example.com", "v/s/a.example.com"}, First: 9, Last: 14}
	if _, err := b.WriteZip(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(w.path); err != nil {
		t.Fatal(err)
	}
	code, out := w.verify(t, path, "--key", w.key.Public().String())
	if code != 0 || !strings.Contains(out, "runs 9 to 14 of example.com/residency, for 2 endpoints") || strings.Contains(out, " 0 rounds judged") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := w.verify(t, path); code != exitFailed {
		t.Errorf("a byte is changed: exit %d:\n%s", code, out)
	}
}

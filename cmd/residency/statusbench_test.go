package main

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"residency/internal/store"
)

// BenchmarkStatus answers from a store with many endpoints in seven markets:
// where all are as they should be, and where none is. What it costs to read the
// configuration is in it. RESIDENCY_BENCH_HOSTS=100000 asks for another size.
func BenchmarkStatus(b *testing.B) {
	hosts := 10_000
	if n, err := strconv.Atoi(os.Getenv("RESIDENCY_BENCH_HOSTS")); err == nil {
		hosts = n
	}
	for _, region := range []string{"SG", "US"} {
		b.Run(fmt.Sprintf("hosts=%d/allowed=%s", hosts, region), func(b *testing.B) {
			path := crowded(b, hosts, region)
			for _, args := range [][]string{{"status"}, {"status", "--format", "nagios"}, {"status", "--format", "json"}} {
				b.Run(strings.Join(args, " "), func(b *testing.B) {
					for b.Loop() {
						var out, errs bytes.Buffer
						e := testEnv(&out, &errs)
						e.now = func() time.Time { return scriptClock.Add(16 * time.Minute) }
						run(b.Context(), e, append(args, "-c", path))
						if errs.Len() > 0 || out.Len() == 0 {
							b.Fatalf("%v: %q, %q", args, out.String(), errs.String())
						}
					}
				})
			}
		})
	}
}

// crowded makes a store that two runs over many hosts have filled, and returns
// its configuration.
func crowded(b *testing.B, hosts int, region string) string {
	b.Helper()
	dir := b.TempDir()
	var list, text strings.Builder
	for i := range hosts {
		fmt.Fprintf(&list, "host-%d.example.com\n", i)
	}
	text.WriteString("[schedule]\ncheck = \"*/15 * * * *\"\n[store]\npath = \"r.db\"\n")
	for i, code := range []string{"IN", "HK", "ID", "MY", "PH", "SG", "TW"} {
		fmt.Fprintf(&text, "[[market]]\ncode = %q\nclient_subnets = [\"49.36.%d.0/24\"]\n", code, i)
	}
	text.WriteString("[[vendor]]\nid = \"v\"\nservice = [{id = \"s\", endpoints_file = \"hosts\"}]\n")
	fmt.Fprintf(&text, "[[policy]]\nid = \"p\"\nvendor = \"v\"\nregions = [%q]\n", region)
	path := filepath.Join(dir, "config.toml")
	for name, content := range map[string]string{path: text.String(), filepath.Join(dir, "hosts"): list.String()} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	e := testEnv(&bytes.Buffer{}, &bytes.Buffer{})
	cfg, err := e.loader().Load(path)
	if err != nil {
		b.Fatal(err)
	}
	h, err := e.furnish(b.Context(), cfg, false)
	if err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(b.Context(), cfg.Store.Path, e.storeOptions("bench"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	sight := &crowd{seed: maphash.MakeSeed()}
	for i := range 2 {
		now := scriptClock.Add(time.Duration(i) * 15 * time.Minute)
		e.now, sight.at = func() time.Time { return now }, now
		engine := h.engine(e, time.Time{})
		engine.Observer, engine.Namer, engine.Pool, engine.Slim = sight, nil, nil, true
		for m := range engine.Markets {
			engine.Markets[m].Subnets[0].Displaced = false
		}
		engine.Rand = strings.NewReader(fmt.Sprintf("%8d", i))
		h.remember(engine, s)
		if run := engine.Run(b.Context()); run.Partial {
			b.Fatalf("partial: %q", run.Notices)
		}
	}
	return path
}

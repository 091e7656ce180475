package main

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/watch"
)

// crowd answers for any number of hosts, without a packet: from one of some
// thousand addresses of Amazon's in Singapore, by the host's name. Of moved in
// a thousand hosts the address is another one than in the first run.
type crowd struct {
	seed  maphash.Seed
	moved int
	at    time.Time
}

func (c *crowd) Probe(context.Context, residency.Question) []residency.ResolverStatus {
	return []residency.ResolverStatus{{Name: "bench", Server: "192.0.2.1:53", Answers: true, Declared: true, PassesSubnets: true}}
}

func (c *crowd) Observe(_ context.Context, qs []residency.Question, done func(residency.Observation)) {
	request, response := make([]byte, 60), make([]byte, 90)
	for _, q := range qs {
		o := residency.Observation{
			Question: q, Resolver: "bench", Server: "192.0.2.1:53", Transport: "udp", Authoritative: true,
			Rcode: "NOERROR", Tailoring: residency.TailoringSpecific, Returned: q.Subnet.Prefix, Scope: 24, At: c.at, RTT: time.Millisecond,
			Exchanges: []residency.Exchange{{Server: "192.0.2.1:53", Transport: "udp", Name: q.Endpoint.Host, Request: request, Response: response, At: c.at, RTT: time.Millisecond}},
		}
		if q.Type == "A" {
			n := maphash.String(c.seed, q.Endpoint.Host)
			if int(n>>40%1000) < c.moved {
				n += uint64(c.at.Unix())
			}
			o.Addresses = []residency.Answer{{Address: netip.AddrFrom4([4]byte{54, 255, byte(n >> 8), byte(n)}), TTL: 60, Owner: q.Endpoint.Host}}
		}
		done(o)
	}
}

// cpu returns the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peak returns the largest memory the process has had since the last reset, in
// MiB; 0 where the system does not say.
func peak(reset bool) float64 {
	if reset {
		_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
		return 0
	}
	data, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return n / 1024
		}
	}
	return 0
}

// BenchmarkEngine is everything a run does but the packets: questions, the
// embedded location data, judging over the window, canonical bytes, findings,
// standings and the store; of seven markets, two record types and one server.
// A first run, one in which nothing has changed, and one in which 1.5% of the
// hosts have moved. RESIDENCY_BENCH_CELLS=1000000 asks for another size.
func BenchmarkEngine(b *testing.B) {
	sizes := []int{10_000, 100_000}
	if n, err := strconv.Atoi(os.Getenv("RESIDENCY_BENCH_CELLS")); err == nil {
		sizes = []int{n}
	}
	for _, cells := range sizes {
		b.Run(fmt.Sprintf("cells=%d", cells), func(b *testing.B) {
			for b.Loop() {
				benchEngine(b, cells)
			}
		})
	}
}

func benchEngine(b *testing.B, cells int) {
	e := testEnv(&bytes.Buffer{}, &bytes.Buffer{})
	h := benchHouse(b, e, cells)
	path := filepath.Join(b.TempDir(), "residency.db")
	s, err := store.Open(b.Context(), path, e.storeOptions("bench"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	peak(true)
	sight := &crowd{seed: maphash.MakeSeed()}
	before := int64(0)
	for i, what := range []string{"first", "same", "moved"} {
		now := scriptClock.Add(time.Duration(i) * 15 * time.Minute)
		e.now = func() time.Time { return now }
		sight.at = now
		if what == "moved" {
			sight.moved = 15
		}
		engine := h.engine(e, time.Time{})
		engine.Observer, engine.Namer, engine.Pool, engine.Slim = sight, nil, nil, true
		for m := range engine.Markets {
			engine.Markets[m].Subnets[0].Displaced = false // all of them are India's
		}
		engine.Rand = strings.NewReader(fmt.Sprintf("%8d", i))
		h.remember(engine, s)
		used := cpu()
		run := engine.Run(b.Context())
		b.ReportMetric(float64((cpu()-used).Nanoseconds())/1e3/float64(cells), "us-CPU/cell-"+what)
		if n := run.Claims[0].Counts; run.Partial || n.Inside+n.Undetermined+n.Outside < cells {
			b.Fatalf("%s: partial %v %q, %+v", what, run.Partial, run.Notices, n)
		}
		size := int64(0)
		for _, f := range []string{path, path + "-wal"} {
			if info, err := os.Stat(f); err == nil {
				size += info.Size()
			}
		}
		b.ReportMetric(float64(size-before)/float64(cells), "B/cell-"+what)
		before = size
	}
	b.ReportMetric(peak(false), "MiB-peak")
}

// benchHouse is a house with as many hosts as it takes.
func benchHouse(b *testing.B, e *env, cells int) *house {
	var text strings.Builder
	codes := []string{"IN", "HK", "ID", "MY", "PH", "SG", "TW"}
	for i, code := range codes {
		fmt.Fprintf(&text, "[[market]]\ncode = %q\nclient_subnets = [\"49.36.%d.0/24\"]\n", code, i)
	}
	text.WriteString("[[vendor]]\nid = \"v\"\nservice = [{id = \"s\", endpoints = [\"h.example.com\"]}]\n")
	text.WriteString("[[policy]]\nid = \"p\"\nvendor = \"v\"\nregions = [\"SG\"]\n")
	cfg, err := e.loader().Parse("config.toml", []byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	service := &cfg.Vendors[0].Services[0]
	one := service.Endpoints[0]
	service.Endpoints = nil
	for i := range cells / len(codes) {
		one.Host = fmt.Sprintf("host-%d.example.com", i)
		service.Endpoints = append(service.Endpoints, one)
	}
	for len(cfg.Endpoints())*len(codes) < cells {
		one.Host = fmt.Sprintf("more-%d.example.com", len(service.Endpoints))
		service.Endpoints = append(service.Endpoints, one)
	}
	h, err := e.furnish(b.Context(), cfg, false)
	if err != nil {
		b.Fatal(err)
	}
	return h
}

var _ watch.Observer = (*crowd)(nil)

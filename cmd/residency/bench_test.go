package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"residency/internal/config"
	"residency/internal/lab"
)

// BenchmarkCheck is a whole check of the re-enactment through real sockets,
// answers located and judged, and printed as JSON: looks a second.
func BenchmarkCheck(b *testing.B) {
	s, err := lab.Builtin("xiaomi-2014")
	if err != nil {
		b.Fatal(err)
	}
	at := s.Steps[3].At
	net, err := s.Serve(b.Context(), "127.0.0.1:0", func() time.Time { return at })
	if err != nil {
		b.Fatal(err)
	}
	defer net.Close()
	path := filepath.Join(b.TempDir(), "config.toml")
	if _, err := writeLabConfig(s, net, path, true); err != nil {
		b.Fatal(err)
	}
	e := testEnv(io.Discard, io.Discard)
	cfg, err := e.loader().Load(path)
	if err != nil {
		b.Fatal(err)
	}
	h, err := e.furnish(b.Context(), cfg, false)
	if err != nil {
		b.Fatal(err)
	}
	looks := 0
	b.ReportAllocs()
	for b.Loop() {
		run := h.engine(e, at).Run(b.Context())
		for _, r := range run.Rounds {
			looks += len(r.Observations)
		}
		if err := e.print(run, checkFlags{format: "json"}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(looks)/b.Elapsed().Seconds(), "looks/s")
}

// BenchmarkLocate is the embedded evidence on addresses all over the space.
func BenchmarkLocate(b *testing.B) {
	ev, err := openPicked(b.Context(), config.Geo{Embedded: true}, picked{})
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	addrs := make([]netip.Addr, 1<<16)
	for i := range addrs {
		n := r.Uint32()
		addrs[i] = netip.AddrFrom4([4]byte{byte(n>>24)%223 + 1, byte(n >> 16), byte(n >> 8), byte(n)})
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		ev.locator.Locate(addrs[i&(1<<16-1)], scriptClock)
		i++
	}
	b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "lookups/s")
}

// BenchmarkStart is the whole program from start to exit with all embedded
// data opened: time, and the largest memory it held.
func BenchmarkStart(b *testing.B) {
	program := filepath.Join(b.TempDir(), "residency")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	if info, err := os.Stat(program); err == nil {
		b.ReportMetric(float64(info.Size())/1e6, "MB-file")
	}
	peak := int64(0)
	for b.Loop() {
		cmd := exec.Command(program, "locate", "--format", "csv")
		cmd.Stdin = strings.NewReader("110.43.87.16\n2400:3200::1\n")
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		if n := bytes.Count(out.Bytes(), []byte("\n")); n != 3 {
			b.Fatalf("%d lines, want 3", n)
		}
		if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, u.Maxrss)
		}
	}
	b.ReportMetric(float64(peak)/1024, "MiB-peak")
}

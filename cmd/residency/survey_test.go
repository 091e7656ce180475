package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"residency/internal/geo/rtt"
	"residency/internal/lab"
)

// theatre is a network in the process: DNS on loopback, and all else played.
type theatre struct {
	delays map[string]time.Duration // of "address:port" that answers; all else is silent
	proxy  bool                     // answers at once for everybody

	mu     sync.Mutex
	played map[string]int // handshakes, by target
}

func (w *theatre) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if strings.HasPrefix(addr, "127.0.0.1:") { // the lab's own
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	w.mu.Lock()
	if w.played == nil {
		w.played = map[string]int{}
	}
	w.played[addr]++
	w.mu.Unlock()
	delay, known := w.delays[addr]
	if w.proxy {
		delay, known = 300*time.Microsecond, true
	}
	if network != "tcp" || !known {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.ErrDeadlineExceeded} // without the wait
	}
	time.Sleep(delay)
	here, there := net.Pipe()
	there.Close()
	return here, nil
}

// dialled counts the handshakes with an address.
func (w *theatre) dialled(addr string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.played[addr]
}

// In the play, a vendor's host of which its holder says that it is in
// Singapore, and everybody else that it is in Beijing, is looked at from Seoul.
// By light in a vacuum, Singapore is 31 ms away, and Hong Kong 14 ms.
const (
	surveyed  = inBeijing + ":443"
	hongKong  = "198.41.0.4:443"
	inSeoul   = "[[vantage]]\nname = \"Seoul\"\ncountry = \"KR\"\nlocation = [37.57, 126.98]\n"
	farHosts  = "[[geo.rtt.far]]\nname = \"Hong Kong\"\naddress = \"198.41.0.4\"\nlocation = [22.3, 114.17]\n"
	switchRTT = "[geo.rtt]\nenabled = true\n"
)

// play checks the host with the configuration added and returns the JSON of the
// check, and its exit code. explain prints the proof instead.
func (w *theatre) play(t *testing.T, extra string, args ...string) (string, int) {
	t.Helper()
	config := "[[market]]\ncode = \"SG\"\nclient_subnets = [\"116.86.40.0/24\"]\n" +
		"[[vendor]]\nid = \"acme\"\n[[vendor.service]]\nid = \"s\"\nendpoints = [\"api.acme.example\"]\n" +
		"[[policy]]\nid = \"p\"\nvendor = \"acme\"\nregions = [\"SG\"]\n[resolve]\ntimeout = \"2s\"\n"
	zone := lab.Zone{
		"api.acme.example": "cname lb-1.ap-southeast-1.elb.amazonaws.com", "lb-1.ap-southeast-1.elb.amazonaws.com": inBeijing + " 10.1.2.3",
	}
	for i := range 2 {
		s, err := zone.Scenario(lab.Server{Name: "r"}).Serve(t.Context(), "127.0.0.1:0", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		config += fmt.Sprintf("[[resolve.server]]\nname = \"r%d\"\naddresses = [%q]\npasses_subnets = true\n", i, s.Servers[0].Addr)
	}
	config += "[[geo.geofeed]]\nfile = \"feed.csv\"\n" + extra
	dir := t.TempDir()
	for name, text := range map[string]string{"feed.csv": "42.62.48.0/24,SG,,,\n", "config.toml": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	e := testEnv(&out, &errs)
	start := time.Now()
	e.dial, e.now = w.dial, func() time.Time { return scriptClock.Add(time.Since(start)) }
	code := run(t.Context(), e, append(args, "--config", filepath.Join(dir, "config.toml")))
	if out.Len() == 0 {
		return errs.String(), code
	}
	return out.String(), code
}

// outcome is what the tests read of the JSON of a check.
type outcome struct {
	Datasets []struct{ Name, Class string }
	Surveys  []struct {
		Vantage, Reason, Words string
		Targets, Answered      int
	}
	Notices []string
	Cells   []struct {
		Verdict, Grade string
		Reasons        []string
		Addresses      []struct {
			Address, Side, Grade string
			Countries, Excluded  []string
			Assertions           []struct {
				Class, Region, Note string
				NotIn               []string `json:"not_in"`
			}
		}
	}
}

func TestRTT(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	good := map[string]time.Duration{surveyed: 8 * ms, hongKong: 25 * ms}
	for _, tt := range []struct {
		name   string
		world  *theatre
		extra  string
		args   string
		side   string // of the address
		grade  string
		reason string // of the survey: "none" where there is none
		why    string // a part of the words about it
	}{
		{"not asked for", &theatre{delays: good}, inSeoul + farHosts, "", "unknown", "", "none", ""},
		{"asked for, and it can be nowhere near Singapore", &theatre{delays: good}, inSeoul + farHosts, "--rtt", "outside", "proven", "", "the calibration held: of 1 port, 1 answered"},
		{"by the configuration", &theatre{delays: good}, inSeoul + switchRTT + farHosts, "", "outside", "proven", "", "held"},
		{"not this time", &theatre{delays: good}, inSeoul + switchRTT + farHosts, "--rtt=false", "unknown", "", "none", ""},
		{"slow, so it can be anywhere", &theatre{delays: map[string]time.Duration{surveyed: 90 * ms, hongKong: 25 * ms}}, inSeoul + farHosts, "--rtt", "unknown", "", "", "held"},
		{"silent", &theatre{delays: map[string]time.Duration{hongKong: 25 * ms}}, inSeoul + farHosts, "--rtt", "unknown", "", "", "of 1 port, 0 answered"},
		{"something on the way answers for everybody", &theatre{delays: good, proxy: true}, inSeoul + farHosts, "--rtt", "unknown", "", "rtt-untrusted", "nobody has that address"},
		{"the machine is in Hong Kong", &theatre{delays: map[string]time.Duration{surveyed: 8 * ms, hongKong: ms}}, inSeoul + farHosts, "--rtt", "unknown", "", "rtt-untrusted", "the vantage is not where it says"},
		{"no far host answers", &theatre{delays: map[string]time.Duration{surveyed: 8 * ms}}, inSeoul + farHosts, "--rtt", "unknown", "", "rtt-untrusted", "no far host answered"},
		{"no far host is configured", &theatre{delays: good}, inSeoul, "--rtt", "unknown", "", "rtt-untrusted", "no [[geo.rtt.far]] is configured"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, code := tt.world.play(t, tt.extra, append([]string{"check", "--format", "json"}, strings.Fields(tt.args)...)...)
			var got outcome
			if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Cells) != 1 || len(got.Cells[0].Addresses) != 2 {
				t.Fatalf("exit code %d, %v\n%s", code, err, text)
			}
			cell, addr := got.Cells[0], got.Cells[0].Addresses[1]
			if addr.Address != inBeijing || addr.Side != tt.side || tt.grade != "" && addr.Grade != tt.grade {
				t.Errorf("%s is %s (%s), want %s (%s)", addr.Address, addr.Side, addr.Grade, tt.side, tt.grade)
			}
			verdict, exit := "undetermined", exitUnknown
			if tt.side == "outside" {
				verdict, exit = "outside", 2
			}
			if cell.Verdict != verdict || code != exit {
				t.Errorf("verdict %s, exit code %d, want %s, %d", cell.Verdict, code, verdict, exit)
			}
			if got, want := slices.Contains(cell.Reasons, "rtt-untrusted"), tt.reason == "rtt-untrusted"; got != want {
				t.Errorf("reasons %v, want rtt-untrusted %v", cell.Reasons, want)
			}
			if excludes := slices.Contains(addr.Excluded, "SG"); excludes != (tt.side == "outside") || slices.Contains(addr.Excluded, "CN") {
				t.Errorf("excluded %v", addr.Excluded)
			}
			measured := slices.ContainsFunc(got.Datasets, func(d struct{ Name, Class string }) bool {
				return d.Name == "handshakes from Seoul" && d.Class == "rtt"
			})
			if tt.reason == "none" {
				if len(got.Surveys) > 0 || measured || tt.world.dialled(surveyed)+tt.world.dialled(hongKong) > 0 {
					t.Errorf("surveys %+v, data set %v, handshakes %v", got.Surveys, measured, tt.world.played)
				}
				return
			}
			if len(got.Surveys) != 1 || got.Surveys[0].Vantage != "Seoul" || got.Surveys[0].Reason != tt.reason || !measured ||
				!strings.Contains(got.Surveys[0].Words, tt.why) || !slices.Contains(got.Notices, got.Surveys[0].Words) {
				t.Errorf("surveys %+v, data set %v, notices %q", got.Surveys, measured, got.Notices)
			}
			if tt.world.dialled("10.1.2.3:443") > 0 {
				t.Error("an answer made it knock at an address of this network")
			}
			if !strings.Contains(tt.extra, "far") && len(tt.world.played) > 0 {
				t.Errorf("measured for nothing: %v", tt.world.played)
			}
		})
	}
}

// TestExplainRTTAndHints: the proof says in sentences what contradicts the
// sources: the name, and the delay.
func TestExplainRTTAndHints(t *testing.T) {
	t.Parallel()
	w := &theatre{delays: map[string]time.Duration{surveyed: 8 * time.Millisecond, hongKong: 25 * time.Millisecond}}
	text, code := w.play(t, inSeoul+farHosts, "explain", "api.acme.example", "--rtt")
	e := strings.Join(strings.Fields(text), " ")
	for _, want := range []string{
		"Its name says Singapore (aws:ap-southeast-1), the sources say China.",
		"Named by a source, and too far away for the delay measured: Singapore.",
		"delays were measured from Seoul, and the calibration held",
	} {
		if code != 0 || !strings.Contains(e, want) {
			t.Errorf("exit code %d; the proof lacks %q:\n%s", code, want, text)
		}
	}
}

func TestRTTFlag(t *testing.T) {
	t.Parallel()
	var w theatre
	for i, args := range [][]string{{"check", "--rtt"}, {"explain", "api.acme.example", "--rtt"}} {
		if text, code := w.play(t, farHosts, args...); code != [...]int{exitUnknown, exitUsage}[i] || !strings.Contains(text, "needs to know where this machine stands") {
			t.Errorf("%v without a vantage: exit code %d\n%s", args, code, text)
		}
	}
	swapped := strings.Replace(inSeoul, "[37.57, 126.98]", "[37.57, -126.98]", 1)
	if text, code := w.play(t, swapped, "check"); code != exitUnknown || !strings.Contains(text, "km away from South Korea") || !strings.Contains(text, "did you mean [37.57, 126.98]?") {
		t.Errorf("a vantage in the ocean: exit code %d\n%s", code, text)
	}
	if len(w.played) > 0 {
		t.Errorf("handshakes %v", w.played)
	}
}

// TestPTR: names of addresses are asked for where the configuration says so,
// and that they cannot be got changes nothing.
func TestPTR(t *testing.T) {
	t.Parallel()
	var w theatre
	plain, code := w.play(t, "", "check", "--format", "csv")
	if with, other := w.play(t, "[geo]\nptr = true\n", "check", "--format", "csv"); with != plain || other != code {
		t.Errorf("with names of addresses: exit code %d, %s\nwithout: %d, %s", other, with, code, plain)
	}
	e := testEnv(nil, nil)
	for text, want := range map[string]bool{"": false, "[geo]\nptr = true\n": true} {
		cfg, err := e.loader().Parse("config.toml", []byte(someVendor+text))
		if err != nil {
			t.Fatal(err)
		}
		h, err := e.furnish(t.Context(), cfg, false)
		if err != nil {
			t.Fatal(err)
		}
		if engine := h.engine(e, time.Time{}); (engine.Namer != nil) != want || engine.Hints == nil || engine.Surveyor != nil {
			t.Errorf("%q: namer %v, hints %v, surveyor %v", text, engine.Namer, engine.Hints, engine.Surveyor)
		}
	}
}

// TestEvidenceDoc: the configuration in docs/evidence.md loads, and says what
// the text around it does.
func TestEvidenceDoc(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/evidence.md")
	if err != nil {
		t.Fatal(err)
	}
	e := testEnv(nil, nil)
	n := 0
	for _, b := range blocks(string(text)) {
		if b.lang != "toml" {
			t.Errorf("a block of kind %q that no test runs", b.lang)
			continue
		}
		n++
		// The far host is for the reader to choose; its lines are right when an
		// address that can be one is filled in.
		filled := strings.NewReplacer("\n# ", "\n", "203.0.113.9", "198.41.0.4").Replace(strings.Join(b.lines, "\n"))
		cfg, err := e.loader().Parse("config.toml", []byte(someVendor+filled+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		g := cfg.Geo
		if len(g.ProviderRanges) != 1 || len(g.Geofeeds) != 1 || len(g.Registries) != 1 || len(g.Corrections) != 1 || !g.PTR ||
			!g.RTT.Enabled || g.RTT.From == nil || g.RTT.From.Name != "office" || len(g.RTT.Far) != 1 {
			t.Errorf("the block loads as %+v", g)
		}
	}
	if n != 1 {
		t.Errorf("%d blocks of TOML, want 1", n)
	}
	for _, want := range []string{
		fmt.Sprintf("%.1f km for each millisecond, as one voice", rtt.KmPerMsFibre), fmt.Sprintf("%.1f km for each millisecond, as proof", rtt.KmPerMsLight),
		fmt.Sprintf("at most %d,%03d are in one check, %d at the same time", maxTargets/1000, maxTargets%1000, rtt.DefaultFlight), "`rtt-untrusted`",
	} {
		if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), want) {
			t.Errorf("docs/evidence.md does not say %q", want)
		}
	}
}

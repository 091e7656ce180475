package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/dataset"
	"residency/internal/lab"
	"residency/internal/residency"
)

// A vendor whose host says where it is, asked through two resolvers.
const (
	inSingapore = "54.255.51.43"
	inBeijing   = "42.62.48.9"
)

// trial is one check of api.acme.example in {SG} through resolvers that answer
// as given, each with its own faults.
type trial struct {
	resolvers []resolver
	extra     string // configuration besides
	files     map[string]string
}

type resolver struct {
	says   string // addresses, as of a lab.Zone
	global bool   // answers scope 0
	faults []lab.Fault
	down   bool
}

// verdict runs the trial and returns the one cell's verdict and reasons.
func (x trial) verdict(t *testing.T) (residency.Verdict, string) {
	t.Helper()
	config := "[[market]]\ncode = \"SG\"\nclient_subnets = [\"116.86.40.0/24\", \"121.7.40.0/24\"]\n" +
		"[[vendor]]\nid = \"acme\"\n[[vendor.service]]\nid = \"s\"\nendpoints = [\"api.acme.example\"]\n" +
		"[[policy]]\nid = \"p\"\nvendor = \"acme\"\nregions = [\"SG\"]\n[resolve]\ntimeout = \"300ms\"\ntries = 3\n"
	for i, r := range x.resolvers {
		s := lab.Zone{"api.acme.example": r.says}.Scenario(lab.Server{Name: "r", Faults: r.faults})
		for j := range s.Answers {
			s.Answers[j].Global = r.global
		}
		net, err := s.Serve(t.Context(), "127.0.0.1:0", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = net.Close() })
		if r.down {
			_ = net.Close()
		}
		config += fmt.Sprintf("[[resolve.server]]\nname = \"r%d\"\naddresses = [%q]\npasses_subnets = true\n", i, net.Servers[0].Addr)
	}
	dir := t.TempDir()
	for name, text := range x.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(path, []byte(config+x.extra), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), testEnv(&out, &errs), []string{"check", "--config", path, "--format", "csv", "--timeout", "20s"})
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("exit code %d, %d rows, %v\n%s", code, len(rows), err, &errs)
	}
	var v residency.Verdict
	if err := v.UnmarshalText([]byte(rows[1][5])); err != nil {
		t.Fatal(err)
	}
	want := map[residency.Verdict]int{residency.Inside: 0, residency.Outside: 2}[v]
	if v != residency.Inside && v != residency.Outside {
		want = exitUnknown
	}
	if code != want {
		t.Errorf("%v: exit code %d, want %d", v, code, want)
	}
	return v, rows[1][7]
}

// TestAPlainVendorCanHold: IPv4 only, one address, the same answer for
// everybody. Two resolvers that say so are enough, one is not: what it says may
// depend on who asks.
func TestAPlainVendorCanHold(t *testing.T) {
	t.Parallel()
	plain := resolver{says: inSingapore, global: true}
	if v, why := (trial{resolvers: []resolver{plain, plain}}).verdict(t); v != residency.Inside {
		t.Errorf("two resolvers: %v %q, want inside", v, why)
	}
	if v, why := (trial{resolvers: []resolver{plain}}).verdict(t); v != residency.Undetermined || !strings.Contains(why, "not-tailored") {
		t.Errorf("one resolver: %v %q, want undetermined for want of a second", v, why)
	}
}

// TestNothingLostIsGreener breaks one thing at a time. A verdict may stay or
// become unknown; it never becomes better.
func TestNothingLostIsGreener(t *testing.T) {
	t.Parallel()
	good, bad := resolver{says: inSingapore}, resolver{says: inBeijing}
	faults := map[string]lab.Fault{
		"drops everything": {Kind: lab.FaultDrop}, "drops every second": {Kind: lab.FaultDrop, Every: 2},
		"servfail": {Kind: lab.FaultRcode, Rcode: "SERVFAIL"}, "refused": {Kind: lab.FaultRcode, Rcode: "REFUSED"},
		"nxdomain": {Kind: lab.FaultRcode, Rcode: "NXDOMAIN"}, "garbage": {Kind: lab.FaultGarbage},
		"wrong id": {Kind: lab.FaultWrongID}, "wrong question": {Kind: lab.FaultWrongQuestion},
		"wrong subnet": {Kind: lab.FaultWrongSubnet}, "cut": {Kind: lab.FaultCut}, "spoofed": {Kind: lab.FaultSpoof},
		"slow": {Kind: lab.FaultDelay, Delay: 2 * time.Second}, "no edns": {Kind: lab.FaultNoEDNS},
		"truncated": {Kind: lab.FaultTruncate},
	}
	names := make([]string, 0, len(faults))
	for name := range faults {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, second := range []resolver{good, bad} {
		before, _ := trial{resolvers: []resolver{good, second}}.verdict(t)
		if want := map[string]residency.Verdict{inSingapore: residency.Inside, inBeijing: residency.Outside}[second.says]; before != want {
			t.Fatalf("whole: %v, want %v", before, want)
		}
		for _, name := range names {
			t.Run(name+" "+second.says, func(t *testing.T) {
				t.Parallel()
				broken := second
				broken.faults = []lab.Fault{faults[name]}
				after, why := trial{resolvers: []resolver{good, broken}}.verdict(t)
				if after == residency.Inside && before != residency.Inside {
					t.Errorf("%v became inside", before)
				}
				if name == "drops every second" && after != before {
					t.Errorf("with one packet in two lost: %v %q, want %v: a lost packet is asked for again", after, why, before)
				}
			})
		}
		t.Run("gone "+second.says, func(t *testing.T) {
			t.Parallel()
			gone := second
			gone.down = true
			if after, why := (trial{resolvers: []resolver{good, gone}}).verdict(t); after != residency.Undetermined {
				t.Errorf("%v became %v %q, want undetermined: it could have disagreed", before, after, why)
			}
		})
	}
}

// TestALostDatabaseIsNotGreener: what could not be opened could have disagreed.
func TestALostDatabaseIsNotGreener(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"missing.mmdb": "", "garbage.mmdb": "no database at all"} {
		x := trial{
			resolvers: []resolver{{says: inSingapore}, {says: inSingapore}},
			extra:     fmt.Sprintf("[[geo.database]]\nfile = %q\nlineage = \"other\"\n", name),
		}
		if text != "" {
			x.files = map[string]string{name: text}
		}
		if v, why := x.verdict(t); v != residency.Undetermined || why != "source-missing" {
			t.Errorf("%s: %v %q, want undetermined source-missing", name, v, why)
		}
		x.resolvers[0].says, x.resolvers[1].says = inBeijing, inBeijing
		if v, why := x.verdict(t); v != residency.Outside {
			t.Errorf("%s: %v %q, want outside all the same", name, v, why)
		}
	}
}

// TestACopyIsNoSecondVoice: one database under two names and lineages.
func TestACopyIsNoSecondVoice(t *testing.T) {
	t.Parallel()
	files, err := dataset.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	data := string(files[0].Data)
	x := trial{
		resolvers: []resolver{{says: inSingapore}, {says: inSingapore}},
		files:     map[string]string{"a.mmdb": data, "b.mmdb": data},
		extra:     "[geo]\nembedded = false\n[[geo.database]]\nfile = \"a.mmdb\"\nlineage = \"x\"\n[[geo.database]]\nfile = \"b.mmdb\"\nlineage = \"y\"\n",
	}
	if v, why := x.verdict(t); v != residency.Undetermined || why != "below-grade" {
		t.Errorf("%v %q, want undetermined below-grade: one voice", v, why)
	}
}

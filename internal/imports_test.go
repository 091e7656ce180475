package internal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// row is what one package is and what it may import besides the standard
// library. Imports go down, never sideways or up.
type row struct {
	floor int
	what  string // one sentence

	// pure packages touch neither the world nor the clock: no network, no
	// files, no processes, no randomness, no time.Now.
	pure bool

	// ours names packages of ours that may be imported although the floors
	// alone would not allow it. Only test packages and generators have any.
	ours []string

	// doors names third-party modules (or packages of one) that only this
	// row may import. A row that shares a door says so in its sentence.
	doors []string

	// tests names what test files of the package may import besides: packages
	// of ours in full, or third-party modules.
	tests []string
}

// The floors.
const (
	nouns     = 0 // imports the standard library only
	worker    = 1 // thinkers and workers: imports the nouns, nothing else of ours
	engine    = 2 // puts workers to work: imports floor 1 and the nouns
	program   = 3 // knows everyone; nobody knows it
	generator = 4 // a program for developers, run by go generate: may import what its row says
	testOnly  = 5 // imported by tests only; may import what its row says
)

// everyTest may be imported by any test file: they judge, they do nothing.
var everyTest = []string{
	"github.com/google/go-cmp",
	"pgregory.net/rapid",
}

// house is the whole module, a row a package. A new package needs a row here
// with one sentence, in the same commit.
var house = map[string]row{
	"internal": {floor: testOnly,
		what: "the rules of the house, as tests"},
	"internal/residency": {floor: nouns, pure: true,
		what: "the nouns that everything else shares"},

	"internal/policy": {floor: worker, pure: true,
		what: "judges: verdicts and standings from facts"},
	"internal/finding": {floor: worker, pure: true,
		what: "follows what lies outside from run to run, and plans who is told what"},
	"internal/pool": {floor: worker, pure: true,
		what: "reckons with all the addresses of a name, and plans which to look for"},
	"internal/geo": {floor: worker, pure: true,
		what: "weighs what the sources say about an address into one location"},
	"internal/geo/mmdb": {floor: worker,
		what: "says what country databases say about an address",
		doors: []string{"github.com/oschwald/geoip2-golang/v2", "github.com/oschwald/maxminddb-golang/v2",
			"github.com/phuslu/iploc"},
		tests: []string{"github.com/maxmind/mmdbwriter"}},
	"internal/geo/score": {floor: worker, pure: true,
		what: "says how good location evidence is, against addresses of known country"},
	"internal/geo/prefix": {floor: worker,
		what:  "says what providers' ranges, geofeeds and anycast lists say about an address",
		doors: []string{"github.com/gaissmai/bart"}},
	"internal/geo/hint": {floor: worker, pure: true,
		what: "says what region codes in host names hint at; no voice"},
	"internal/geo/rtt": {floor: worker,
		what: "says where an address cannot be, from the time of handshakes and the speed of light"},
	"internal/dataset": {floor: worker,
		what:  "keeps the data files hashed and dated, with the embedded default",
		doors: []string{"github.com/klauspost/compress"},
		tests: []string{"internal/geo", "internal/geo/mmdb", "internal/geo/prefix"}}, // the embedded default, located with
	"internal/resolve": {floor: worker,
		what:  "asks the DNS as users of a market would",
		doors: []string{"github.com/miekg/dns", "golang.org/x/net/http/httpproxy", "golang.org/x/net/proxy", "golang.org/x/net/publicsuffix", "golang.org/x/time/rate"},
		tests: []string{"golang.org/x/net/dns/dnsmessage"}}, // the codec of the servers it is tested against
	"internal/resolve/dnssec": {floor: worker,
		what:  "validates responses from a trust anchor down; shares the DNS door with resolve, for the same codec",
		doors: []string{"github.com/miekg/dns"}},
	"internal/alert": {floor: worker, pure: true,
		what: "writes what people are told, and has it sent"},
	"internal/alert/channel": {floor: worker,
		what:  "the ways to tell: webhook, mail, chat, incidents, syslog, command, file",
		doors: []string{"github.com/wneessen/go-mail", "github.com/nicholas-fedor/shoutrrr"},
		tests: []string{"github.com/santhosh-tekuri/jsonschema/v6"}},
	"internal/store": {floor: worker,
		what:  "remembers: runs, findings, what is to be told, and the evidence log, in SQLite; shares the compression door with dataset",
		doors: []string{"modernc.org/sqlite", "github.com/klauspost/compress"},
		tests: []string{"internal/store/storetest"}},
	"internal/store/storetest": {floor: testOnly,
		what:  "what any store must do, as tests; a test in a file that is none",
		ours:  []string{"internal/residency"},
		doors: []string{"github.com/google/go-cmp"}},
	"internal/heartbeat": {floor: worker,
		what: "shows others that the monitor lives"},
	"internal/config": {floor: worker,
		what:  "reads config.toml into nouns, or says all that is wrong with it",
		doors: []string{"github.com/pelletier/go-toml/v2", "golang.org/x/net/idna"},
		tests: []string{"github.com/santhosh-tekuri/jsonschema/v6"}},
	"internal/ledger": {floor: worker,
		what:  "seals runs into a signed transparency log, proves, and verifies with judging again",
		doors: []string{"golang.org/x/mod/sumdb", "github.com/transparency-dev/formats"},
		tests: []string{"github.com/transparency-dev/merkle", "github.com/transparency-dev/tessera"}}, // other people's client of such logs
	"internal/ledger/anchor": {floor: worker,
		what: "has others confirm, date and keep the checkpoints of the log; shares the doors of ledger, for the same notes",
		doors: []string{"github.com/digitorus/pkcs7", "github.com/digitorus/timestamp", "github.com/transparency-dev/formats",
			"golang.org/x/mod/sumdb"}},
	"internal/pcap": {floor: worker, pure: true,
		what: "writes DNS messages as a capture that Wireshark opens, and reads it again"},
	"internal/report": {floor: worker,
		what:  "the read side: text, JSON, CSV, HTML from a run, reports from a period",
		doors: []string{"charm.land/lipgloss/v2"},
		tests: []string{"github.com/santhosh-tekuri/jsonschema/v6"}}, // OSCAL's own schema
	"internal/metrics": {floor: worker,
		what:  "shows a run and the state of the monitor to Prometheus",
		doors: []string{"github.com/prometheus/client_golang", "github.com/prometheus/common"}},
	"internal/lab": {floor: worker,
		what:  "a small internet in the process; shares the TOML door with config, for scenarios",
		doors: []string{"golang.org/x/net/dns/dnsmessage", "github.com/pelletier/go-toml/v2"}},

	"internal/watch": {floor: engine,
		what:  "the engine: look, locate, judge, tell; the schedule",
		doors: []string{"github.com/robfig/cron/v3"}},

	"cmd/residency": {floor: program,
		what:  "the program: wiring, and a file per command",
		doors: []string{"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/schollz/progressbar/v3", "golang.org/x/term", "github.com/coreos/go-systemd/v22/daemon", "golang.org/x/crypto/x509roots/fallback"},
		tests: []string{"internal/store/storetest", "github.com/rogpeppe/go-internal", "internal/interop/knot", "github.com/miekg/dns"}}, // a signed internet to validate

	"internal/dataset/gen": {floor: generator,
		what:  "makes the embedded data files; shares the doors of dataset, which reads them, and of geo/mmdb",
		ours:  []string{"internal/dataset", "internal/geo", "internal/geo/mmdb", "internal/residency"},
		doors: []string{"github.com/klauspost/compress", "github.com/oschwald/maxminddb-golang/v2", "go4.org/netipx"}},
	"internal/geo/rtt/gen": {floor: generator,
		what: "makes the outlines that distances are measured to"},
	"internal/report/gen": {floor: generator,
		what: "makes the outlines of the world map"},

	"internal/judging": {floor: testOnly,
		what:  "what must be true of locating and judging together",
		tests: []string{"internal/geo", "internal/policy", "internal/residency"}},
	"bench/geoip2": {floor: generator,
		what:  "a bare program with geoip2-golang to measure against; shares the doors of geo/mmdb, for that is its point",
		doors: []string{"github.com/oschwald/geoip2-golang/v2", "github.com/oschwald/maxminddb-golang/v2", "github.com/maxmind/mmdbwriter"}},

	"internal/interop": {floor: testOnly,
		what:  "our resolver and our servers against other people's",
		tests: []string{"internal/residency", "internal/resolve", "internal/resolve/dnssec", "github.com/miekg/dns", "internal/lab", "internal/interop/knot", "internal/alert/channel"}},
	"internal/interop/knot": {floor: testOnly,
		what: "starts Knot DNS with its geoip module, for tests"},
}

// TestEveryPackageHasARow holds the table to the tree and back.
func TestEveryPackageHasARow(t *testing.T) {
	t.Parallel()
	exists := map[string]bool{}
	for _, f := range goFiles(t) {
		exists[f.dir] = true
	}
	for dir := range exists {
		if _, ok := house[dir]; !ok {
			t.Errorf("package %s has no row: say in internal/imports_test.go what it is and on which floor", dir)
		}
	}
	for dir, r := range house {
		if !exists[dir] {
			t.Errorf("row %s has no package: remove it", dir)
		}
		if r.what == "" {
			t.Errorf("row %s does not say what the package is", dir)
		}
	}
}

// TestImports holds every file to its package's row.
func TestImports(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		for _, problem := range importProblems(f, house) {
			t.Error(problem)
		}
	}
}

// TestEveryDoorIsUsed finds what a row allows and nobody imports.
func TestEveryDoorIsUsed(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, f := range goFiles(t) {
		r := house[f.dir]
		for _, imp := range f.imports() {
			for _, allowed := range slices.Concat(r.doors, r.tests, r.ours) {
				if within(imp, allowed) || imp == module+"/"+allowed {
					used[f.dir+" "+allowed] = true
				}
			}
		}
	}
	for dir, r := range house {
		for _, allowed := range slices.Concat(r.doors, r.tests, r.ours) {
			if !used[dir+" "+allowed] {
				t.Errorf("row %s allows %s, and no file of it imports that: remove it", dir, allowed)
			}
		}
	}
}

// importProblems returns what the file imports against the table.
func importProblems(f *sourceFile, table map[string]row) []string {
	r, ok := table[f.dir]
	if !ok {
		return nil // TestEveryPackageHasARow says so once
	}
	var problems []string
	for _, imp := range f.imports() {
		var why string
		switch {
		case imp == "C":
			why = "one static binary: no cgo"
		case within(imp, module):
			why = ourProblem(f, r, strings.TrimPrefix(imp, module+"/"), table)
		case strings.Contains(strings.SplitN(imp, "/", 2)[0], "."):
			why = doorProblem(f, r, imp, table)
		case r.pure && !f.test && slices.Contains(worldly, imp):
			why = "the package is pure: it may not touch the world"
		}
		if why != "" {
			problems = append(problems, fmt.Sprintf("%s imports %s: %s", f.name, imp, why))
		}
	}
	return problems
}

// worldly are the packages of the standard library through which a pure
// package would touch the world.
var worldly = []string{
	"crypto/rand", "database/sql", "io/ioutil", "log", "log/slog", "math/rand", "math/rand/v2",
	"net", "net/http", "os", "os/exec", "os/signal", "os/user", "runtime", "syscall", "unsafe",
}

// ourProblem says why the file may not import the package of ours, or "".
func ourProblem(f *sourceFile, r row, target string, table map[string]row) string {
	to, ok := table[target]
	switch {
	case !ok:
		return "it has no row"
	case target == f.dir && f.test:
		return "" // an external test of its own package
	case f.test && slices.Contains(r.tests, target), slices.Contains(r.ours, target):
		return ""
	case to.floor == program || to.floor == generator:
		return "nobody imports a program"
	case to.floor == testOnly:
		return "only tests whose row names it may import it"
	case r.floor == generator || r.floor == testOnly:
		return "its row does not name it"
	case strings.HasPrefix(target, f.dir+"/"):
		return "a parent does not import its child"
	case strings.HasPrefix(f.dir, target+"/"):
		return "a child does not import its parent"
	case to.floor == r.floor:
		return "sideways: both stand on one floor"
	case to.floor > r.floor:
		return "upwards"
	case r.floor == worker && target != "internal/residency":
		return "floor 1 imports the nouns and nothing else of ours"
	}
	return ""
}

// doorProblem says why the file may not import the third-party package, or "".
func doorProblem(f *sourceFile, r row, imp string, table map[string]row) string {
	isWithin := func(door string) bool { return within(imp, door) }
	if slices.ContainsFunc(r.doors, isWithin) {
		return ""
	}
	if f.test && (slices.ContainsFunc(everyTest, isWithin) || slices.ContainsFunc(r.tests, isWithin)) {
		return ""
	}
	for dir, other := range table {
		if slices.ContainsFunc(other.doors, isWithin) {
			return "the door to it is " + dir
		}
	}
	return "no row has a door to it"
}

// within reports whether the import path is the package or module, or in it.
func within(imp, mod string) bool { return imp == mod || strings.HasPrefix(imp, mod+"/") }

// TestImportRules shows that each rule catches what it is for.
func TestImportRules(t *testing.T) {
	t.Parallel()
	table := map[string]row{
		"internal/residency":   {floor: nouns, pure: true},
		"internal/geo":         {floor: worker, pure: true, tests: []string{"internal/geo/mmdb"}},
		"internal/geo/mmdb":    {floor: worker, doors: []string{"github.com/phuslu/iploc"}},
		"internal/watch":       {floor: engine},
		"cmd/residency":        {floor: program},
		"internal/geo/gen":     {floor: generator, ours: []string{"internal/geo"}},
		"internal/interop/net": {floor: testOnly},
	}
	tests := []struct {
		file, imp, want string
	}{
		{"internal/geo/a.go", "residency/internal/residency", ""},
		{"internal/geo/a.go", "strings", ""},
		{"internal/geo/a.go", "net/netip", ""},
		{"internal/geo/a.go", "net/http", "the package is pure: it may not touch the world"},
		{"internal/geo/a_test.go", "os", ""},
		{"internal/geo/mmdb/a.go", "os", ""},
		{"internal/geo/mmdb/a.go", "C", "one static binary: no cgo"},
		{"internal/residency/a.go", "residency/internal/geo", "upwards"},
		{"internal/geo/mmdb/a.go", "residency/internal/geo", "a child does not import its parent"},
		{"internal/geo/a.go", "residency/internal/geo/mmdb", "a parent does not import its child"},
		{"internal/geo/a_test.go", "residency/internal/geo/mmdb", ""},
		{"internal/geo/mmdb/a_test.go", "residency/internal/geo", "a child does not import its parent"},
		{"internal/geo/a.go", "residency/internal/watch", "upwards"},
		{"internal/watch/a.go", "residency/internal/geo", ""},
		{"internal/watch/a.go", "residency/internal/interop/net", "only tests whose row names it may import it"},
		{"internal/watch/a.go", "residency/cmd/residency", "nobody imports a program"},
		{"cmd/residency/a.go", "residency/internal/watch", ""},
		{"cmd/residency/a.go", "residency/internal/nowhere", "it has no row"},
		{"internal/geo/gen/a.go", "residency/internal/geo", ""},
		{"internal/geo/gen/a.go", "residency/internal/watch", "its row does not name it"},
		{"internal/geo/mmdb/a.go", "github.com/phuslu/iploc", ""},
		{"internal/geo/a.go", "github.com/phuslu/iploc", "the door to it is internal/geo/mmdb"},
		{"internal/geo/a.go", "github.com/google/go-cmp/cmp", "no row has a door to it"},
		{"internal/geo/a_test.go", "github.com/google/go-cmp/cmp", ""},
		{"internal/geo/a_test.go", "github.com/stretchr/testify/assert", "no row has a door to it"},
	}
	for _, tt := range tests {
		f := parseFile(t, tt.file, fmt.Appendf(nil, "package p\n\nimport %q\n", tt.imp))
		want := []string(nil)
		if tt.want != "" {
			want = []string{fmt.Sprintf("%s imports %s: %s", tt.file, tt.imp, tt.want)}
		}
		if got := importProblems(f, table); !slices.Equal(got, want) {
			t.Errorf("importProblems(%s, %s) = %q, want %q", tt.file, tt.imp, got, want)
		}
	}
}

package interop

import (
	"bufio"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/lab"
	"residency/internal/residency"

	"github.com/google/go-cmp/cmp"
)

// findDig returns BIND's dig. Where it is missing the test is skipped, and
// fails if CI=true is set.
func findDig(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("dig")
	if err != nil {
		const what = "dig is not installed: apt-get install bind9-dnsutils"
		if os.Getenv("CI") == "true" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	return path
}

// labScenario is a scenario of seven markets with one server that honours
// client subnets and one that takes no notice of them.
func labScenario() *lab.Scenario {
	s := &lab.Scenario{
		Name: "interop",
		Servers: []lab.Server{
			{Name: "honours", NSID: "lab-1"},
			{Name: "ignores", Ignores: true, Place: residency.MustCountry("SG")},
			{Name: "authoritative", Authoritative: true},
		},
		Answers: []lab.Answer{
			{Host: "api.vendor.example", Addresses: addrs("198.51.100.1", "2001:db8:f::1"), Global: true},
			{Host: "www.vendor.example", CNAME: "api.vendor.example", Global: true},
			{Host: "gone.vendor.example", NXDomain: true},
			{Host: "big.vendor.example"},
		},
	}
	for i := range 120 {
		s.Answers[3].Addresses = append(s.Answers[3].Addresses, netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)}))
	}
	for _, m := range markets() {
		code := residency.MustCountry(m.code)
		var subnets []netip.Prefix
		for _, p := range m.userSubnets() {
			subnets = append(subnets, netip.MustParsePrefix(p))
		}
		s.Markets = append(s.Markets, lab.Market{
			Code: code, Name: code.Name(), Subnets: subnets,
			Networks: []netip.Prefix{netip.MustParsePrefix(m.v4), netip.MustParsePrefix(m.v6)},
		})
		s.Answers = append(s.Answers, lab.Answer{
			Host: "api.vendor.example", Markets: []residency.Country{code}, Addresses: addrs(m.a1, m.a2, m.answered),
		})
	}
	return s
}

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, a := range list {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

// dug is what dig reads in an answer.
type dug struct {
	Status   string
	Subnet   string   // the option as dig writes it: address/source/scope
	Records  []string // type and data, sorted
	TCP      bool
	Warnings []string // what dig finds wrong with the message
}

// dig runs dig once and reads what it prints.
func dig(t *testing.T, program, addr string, args ...string) dug {
	t.Helper()
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	// -r: no .digrc of the user's.
	all := append([]string{"-r", "@" + at.Addr().String(), "-p", strings.TrimPrefix(addr, at.Addr().String()+":"),
		"+tries=1", "+timeout=10", "+nocookie", "+norecurse"}, args...)
	out, err := exec.CommandContext(t.Context(), program, all...).CombinedOutput()
	if err != nil {
		t.Fatalf("dig %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	var d dug
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	for lines.Scan() {
		line := lines.Text()
		fields := strings.Fields(line)
		switch {
		case strings.Contains(line, "status: "):
			_, rest, _ := strings.Cut(line, "status: ")
			d.Status, _, _ = strings.Cut(rest, ",")
		case strings.HasPrefix(line, "; CLIENT-SUBNET: "):
			d.Subnet = strings.TrimPrefix(line, "; CLIENT-SUBNET: ")
		case strings.HasPrefix(line, ";; SERVER: "):
			d.TCP = strings.HasSuffix(line, "(TCP)")
		case strings.HasPrefix(line, ";; Warning"), strings.HasPrefix(line, ";; WARNING"), strings.HasPrefix(line, ";; Got bad"),
			strings.Contains(line, "malformed"), strings.Contains(line, "extra bytes"):
			d.Warnings = append(d.Warnings, line)
		case line != "" && !strings.HasPrefix(line, ";") && len(fields) == 5 && fields[3] != "SOA":
			d.Records = append(d.Records, fields[3]+" "+fields[4])
		}
	}
	slices.Sort(d.Records)
	return d
}

// TestDig has another client ask the lab's servers.
func TestDig(t *testing.T) {
	t.Parallel()
	program := findDig(t)
	at := time.Date(2014, 11, 2, 0, 0, 0, 0, time.UTC)
	n, err := labScenario().Serve(t.Context(), "127.0.0.1:0", func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	addr := func(name string) string {
		srv, ok := n.Server(name)
		if !ok {
			t.Fatalf("no server %s", name)
		}
		return srv.Addr
	}
	type digCase struct {
		server string
		args   []string
		want   dug
	}
	sg := markets()[5]
	tests := []digCase{
		{"ignores", []string{"+subnet=100.64.77.0/24", "api.vendor.example", "A"},
			dug{Status: "NOERROR", Records: []string{"A " + sg.a1, "A " + sg.a2}}},
		{"honours", []string{"+subnet=100.64.77.0/24", "gone.vendor.example", "A"},
			dug{Status: "NXDOMAIN", Subnet: "100.64.77.0/24/16"}},
		{"honours", []string{"+noedns", "api.vendor.example", "A"},
			dug{Status: "NOERROR", Records: []string{"A 198.51.100.1"}}},
		{"honours", []string{"+subnet=0/0", "api.vendor.example", "AAAA"},
			dug{Status: "NOERROR", Subnet: "0.0.0.0/0/0", Records: []string{"AAAA 2001:db8:f::1"}}},
	}
	for _, m := range markets() {
		for i, subnet := range m.userSubnets() {
			returned := subnet + []string{"/16", "/48"}[i]
			v4 := []string{"A " + m.a1, "A " + m.a2}
			tests = append(tests,
				digCase{"honours", []string{"+subnet=" + subnet, "api.vendor.example", "A"},
					dug{Status: "NOERROR", Subnet: returned, Records: v4}},
				digCase{"authoritative", []string{"+tcp", "+subnet=" + subnet, "api.vendor.example", "AAAA"},
					dug{Status: "NOERROR", Subnet: returned, Records: []string{"AAAA " + m.answered}, TCP: true}})
		}
	}
	for _, tt := range tests {
		t.Run(tt.server+" "+strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, dig(t, program, addr(tt.server), tt.args...)); diff != "" {
				t.Errorf("dig (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("big answer", func(t *testing.T) {
		t.Parallel()
		got := dig(t, program, addr("honours"), "+subnet=100.64.77.0/24", "big.vendor.example", "A")
		if !got.TCP || len(got.Records) != 120 || got.Warnings != nil {
			t.Errorf("dig: %d records, TCP %v, warnings %q, want 120 over TCP without any", len(got.Records), got.TCP, got.Warnings)
		}
	})
}

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/interop/knot"
	"residency/internal/residency"
	"residency/internal/resolve"
	"residency/internal/resolve/dnssec"
)

// atHome tells this test's own program that it runs in a network namespace of
// its own, in which port 53 of every loopback address is free.
const atHome = "RESIDENCY_TEST_HOME"

// TestFromTheRootAsUnbound compares our iterative mode with Unbound: both begin
// at the same three servers as root, top-level domain and zones, all on port 53
// of loopback addresses, and find the same for every name, type and client
// subnet; and both find the same names to be signed.
func TestFromTheRootAsUnbound(t *testing.T) {
	t.Parallel()
	if os.Getenv(atHome) != "" {
		fromTheRoot(t)
		return
	}
	program(t, "unbound")
	n := newNetwork(t, "r")
	cmd := exec.Command("ip", inside(n.servers, os.Args[0], "-test.run=^TestFromTheRootAsUnbound$", "-test.v")...)
	cmd.Env = append(os.Environ(), atHome+"=yes")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "names compared") {
		t.Errorf("in the namespace: %v\n%s", err, out)
	}
}

const rootAddr, tldAddr, leafAddr, unboundAddr = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.9"

// signedInternet is a root, a top-level domain and one zone that are signed,
// each with the key of the next, and two zones that are not. It returns the
// key of the root.
func signedInternet(t *testing.T) dnssec.Anchor {
	t.Helper()
	ds := func(a dnssec.Anchor) string {
		return fmt.Sprintf("DS %d %d %d %X", a.KeyTag, a.Algorithm, a.DigestType, a.Digest)
	}
	leaf := append(zones(), knot.Zone{Origin: "signed.example", Signed: true,
		Records: "www A 192.0.2.1\nwww AAAA 2001:db8::1\nalias CNAME www\naway CNAME api.vendor.example.\n*.wild A 192.0.2.2"})
	for i := range leaf {
		leaf[i].Address = leafAddr
	}
	knot.StartAt(t, 53, knot.Host{Address: leafAddr, Zones: leaf})
	key := anchorAt(t, leafAddr+":53", "signed.example.")
	knot.StartAt(t, 53, knot.Host{Address: tldAddr, Zones: []knot.Zone{{Origin: "example", Address: tldAddr, Signed: true, Records: strings.Join([]string{
		"vendor NS ns.vendor", "ns.vendor A " + leafAddr, "cdn NS ns.cdn", "ns.cdn A " + leafAddr,
		"signed NS ns.signed", "ns.signed A " + leafAddr, "signed " + ds(key),
		"lame NS ns.vendor",
	}, "\n")}}})
	key = anchorAt(t, tldAddr+":53", "example.")
	knot.StartAt(t, 53, knot.Host{Address: rootAddr, Zones: []knot.Zone{{Origin: ".", Address: rootAddr, Signed: true,
		Records: "example NS ns.example\nns.example A " + tldAddr + "\nexample " + ds(key)}}})
	return anchorAt(t, rootAddr+":53", ".")
}

// fromTheRoot is the test itself, in the namespace.
func fromTheRoot(t *testing.T) {
	root := signedInternet(t)
	dir := t.TempDir()
	anchor := file(t, dir, "root.key", fmt.Sprintf(". IN DS %d %d %d %X\n", root.KeyTag, root.Algorithm, root.DigestType, root.Digest))
	file(t, dir, "root.hints", ". 3600000 NS ns.\nns. 3600000 A "+rootAddr+"\n")
	daemon(t, unboundAddr+":53", nil, program(t, "unbound"), "-d", "-c", file(t, dir, "unbound.conf", unboundHead(dir, "subnetcache validator iterator")+fmt.Sprintf(`
  interface: %s@53
  root-hints: "root.hints"
  trust-anchor-file: "root.key"
  send-client-subnet: 127.0.0.0/8
  client-subnet-always-forward: yes
  max-client-subnet-ipv6: 56
`, unboundAddr)))
	ours := &resolve.Resolver{
		Timeout: 10 * time.Second,
		Servers: []resolve.Server{{Name: "from the root", Iterative: &resolve.Iterative{Roots: []string{rootAddr + ":53"}, AllowSpecial: true}}},
		NewValidator: func(fetch resolve.Fetch) resolve.Validator {
			return verdicts{&dnssec.Validator{Fetch: fetch, Anchors: []dnssec.Anchor{root}}}
		},
	}
	theirs := &resolve.Resolver{
		Timeout: 10 * time.Second, MaxChain: 16,
		Servers: []resolve.Server{{Name: "unbound", Addresses: []string{unboundAddr + ":53"}, PassesSubnets: true}},
	}
	qs := rootQuestions()
	if st := ours.Probe(t.Context(), qs[0])[0]; !st.Answers {
		t.Fatalf("the root does not answer: %+v", st)
	}
	want := map[residency.Question]residency.Observation{}
	theirs.Observe(t.Context(), qs, func(o residency.Observation) { want[o.Question] = o })
	compared := 0
	ours.Observe(t.Context(), qs, func(o residency.Observation) {
		compared++
		sameAnswer(t, want[o.Question], o)
	})
	if compared != len(qs) {
		t.Errorf("%d observations of %d questions, each at one server", compared, len(qs))
	}
	t.Logf("%d names compared", compared)
	sameProgram(t, dir, anchor)
}

// rootQuestions are names of every kind, for each market.
func rootQuestions() []residency.Question {
	var qs []residency.Question
	hosts := []string{
		"api.vendor.example", "www.vendor.example", "x.moved.vendor.example", "v4.vendor.example", "same.vendor.example", "big.vendor.example",
		"nope.vendor.example", "www.signed.example", "alias.signed.example", "away.signed.example", "any.wild.signed.example",
		"nope.signed.example", "www.missing.example", "www.missing",
	}
	for _, m := range markets()[:3] {
		for _, subnet := range m.userSubnets() {
			for _, host := range hosts {
				qs = append(qs, question(host, m.code, subnet, "A"), question(host, m.code, subnet, "AAAA"))
			}
		}
	}
	return qs
}

// sameAnswer compares what Unbound found with what we found: the addresses, the
// aliases, the rcode, and whether all of it is signed.
func sameAnswer(t *testing.T, unbound, ours residency.Observation) {
	t.Helper()
	text := func(o residency.Observation) string {
		l := lookOf(o)
		return fmt.Sprint(l.Addresses, l.Chain, l.Rcode, l.Failure)
	}
	if text(unbound) != text(ours) {
		t.Errorf("%s %s through %v:\nUnbound %s (%s)\nours    %s (%s)", ours.Endpoint.Host, ours.Type, ours.Subnet.Prefix,
			text(unbound), unbound.Detail, text(ours), ours.Detail)
	}
	if ours.DNSSEC == nil || (ours.DNSSEC.State == residency.DNSSECSecure) != unbound.Flags.Has(residency.FlagAD) {
		t.Errorf("%s %s: flags of Unbound %q, ours %+v", ours.Endpoint.Host, ours.Type, unbound.Flags, ours.DNSSEC)
	}
}

// sameProgram runs the program with a configuration for the same internet: a
// root of one's own, with its own keys.
func sameProgram(t *testing.T, dir, anchor string) {
	t.Helper()
	config := file(t, dir, "config.toml", judged+fmt.Sprintf(`
[resolve]
dnssec = "validate"

[[resolve.server]]
name = "ours"
iterative = true
root_hints = [%q]
allow_special = true
trust_anchors = %q
`, rootAddr, filepath.Base(anchor)))
	out, err := exec.Command(build(t, dir), "resolve", "www.signed.example", "--config", config, "--format", "ndjson", "--raw", "--type", "A").Output()
	var look struct {
		Addresses []struct{ Address string }
		DNSSEC    struct{ State string }
		Keys      []struct{ Name string }
	}
	if err == nil {
		err = json.Unmarshal(out, &look)
	}
	if err != nil || len(look.Addresses) != 1 || look.Addresses[0].Address != "192.0.2.1" || look.DNSSEC.State != "secure" || len(look.Keys) != 5 {
		t.Errorf("residency resolve: %v\n%s", err, out)
	}
}

package main

import (
	"bytes"
	"context"
	"crypto"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"residency/internal/residency"
	"residency/internal/resolve/dnssec"
)

// signedNet is a small internet of signed zones on loopback: the root and
// example. on two addresses, acme.example. and plain.example., which is not
// signed, on a third, and a recursive server that answers from all of them.
type signedNet struct {
	zones     map[string]*signedZone
	spoil     func(q dns.Question, m *dns.Msg) bool // false: say nothing
	asked     [3]atomic.Int64                       // DNSKEY questions, questions with CD, questions without DO
	timeout   string                                // for one answer, as a configuration has it
	recursive string
	root      string
}

type signedZone struct {
	name   string
	at     string // address of its server, without port
	key    *dns.DNSKEY
	signer crypto.Signer // nil: not signed
	sets   map[string][]dns.RR
	until  time.Time
}

// newSignedNet makes the zones and serves them. Signatures of acme.example. are
// valid until the time given, all others for an hour. more are records of
// acme.example.
func newSignedNet(t *testing.T, until time.Duration, spoil func(dns.Question, *dns.Msg) bool, more ...dns.RR) *signedNet {
	t.Helper()
	n := &signedNet{spoil: spoil, timeout: "5s", zones: map[string]*signedZone{}}
	n.zone(t, ".", "127.0.0.1", time.Hour, "")
	n.zone(t, "example.", "127.0.0.2", time.Hour, "")
	n.zone(t, "acme.example.", "127.0.0.3", until, "api.acme.example. 60 IN A "+inSingapore+"\n"+
		"api.acme.example. 60 IN AAAA 2406:da18::1\nwww.acme.example. 60 IN CNAME api.acme.example.\n"+
		"away.acme.example. 60 IN CNAME api.plain.example.\n")
	n.zone(t, "plain.example.", "127.0.0.3", 0, "api.plain.example. 60 IN A "+inSingapore+"\n")
	n.zones["acme.example."].add(more...)
	for _, z := range n.zones {
		if z.name == "." {
			continue
		}
		up := n.holding(above(z.name))
		up.add(rr(t, z.name+" 60 IN NS ns."+z.name), rr(t, "ns."+z.name+" 60 IN A "+z.at))
		if z.signer != nil {
			up.add(z.key.ToDS(dns.SHA256))
		}
	}
	n.serve(t)
	return n
}

func rr(t *testing.T, text string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (n *signedNet) zone(t *testing.T, name, at string, until time.Duration, records string) {
	t.Helper()
	z := &signedZone{name: name, at: at, sets: map[string][]dns.RR{}, until: time.Now().Add(until)}
	z.add(rr(t, name+" 60 IN SOA ns. admin. 1 2 3 4 60"))
	for line := range strings.Lines(records) {
		z.add(rr(t, line))
	}
	if until != 0 {
		z.key = &dns.DNSKEY{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 60}, Flags: 257, Protocol: 3, Algorithm: dns.ECDSAP256SHA256}
		private, err := z.key.Generate(256)
		if err != nil {
			t.Fatal(err)
		}
		z.signer = private.(crypto.Signer)
		z.add(z.key)
	}
	n.zones[name] = z
}

func (z *signedZone) add(list ...dns.RR) {
	for _, r := range list {
		k := strings.ToLower(r.Header().Name) + dns.TypeToString[r.Header().Rrtype]
		z.sets[k] = append(z.sets[k], r)
	}
}

func above(name string) string {
	if at, end := dns.NextLabel(name, 0); !end {
		return name[at:]
	}
	return "."
}

func (n *signedNet) holding(name string) *signedZone {
	for {
		if z := n.zones[name]; z != nil {
			return z
		}
		name = above(name)
	}
}

// signed is a set with its signature.
func (z *signedZone) signed(set []dns.RR) []dns.RR {
	if z.signer == nil || len(set) == 0 {
		return set
	}
	sig := &dns.RRSIG{Algorithm: z.key.Algorithm, KeyTag: z.key.KeyTag(), SignerName: z.name,
		Inception: uint32(z.until.Add(-3 * time.Hour).Unix()), Expiration: uint32(z.until.Unix())}
	if err := sig.Sign(z.signer, set); err != nil {
		panic(err)
	}
	return append(slices.Clone(set), sig)
}

// denial is an NSEC record made for the name alone: it has these types and
// nothing is below it (RFC 4470).
func (z *signedZone) denial(name string) []dns.RR {
	if z.signer == nil {
		return nil
	}
	types := []uint16{dns.TypeRRSIG, dns.TypeNSEC}
	for k := range z.sets {
		if rest, ok := strings.CutPrefix(k, name); ok && dns.StringToType[rest] != 0 {
			types = append(types, dns.StringToType[rest])
		}
	}
	slices.Sort(types)
	next := `\000.` + strings.TrimPrefix(name, ".")
	return z.signed([]dns.RR{&dns.NSEC{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 60}, NextDomain: next, TypeBitMap: types}})
}

// respond answers with authority for one address, or recursively for "".
func (n *signedNet) respond(req *dns.Msg, at string) *dns.Msg {
	m := new(dns.Msg).SetReply(req)
	q := req.Question[0]
	name := strings.ToLower(q.Name)
	m.Authoritative, m.RecursionAvailable, m.AuthenticatedData = at != "", at == "", false
	for {
		z := n.holding(name)
		if q.Qtype == dns.TypeDS && name != "." {
			z = n.holding(above(name))
		}
		if at != "" && z.at != at { // refer to the zone below that leads there
			for z.name != "." && n.holding(above(z.name)).at != at {
				z = n.holding(above(z.name))
			}
			if len(m.Answer) == 0 {
				up := n.holding(above(z.name))
				m.Authoritative = false
				m.Ns, m.Extra = up.sets[z.name+"NS"], up.sets["ns."+z.name+"A"]
			}
			return m
		}
		if set := z.sets[name+dns.TypeToString[q.Qtype]]; set != nil {
			m.Answer = append(m.Answer, z.signed(set)...)
			return m
		}
		alias := z.sets[name+"CNAME"]
		if alias == nil {
			m.Ns = append(m.Ns, z.signed(z.sets[z.name+"SOA"])...)
			m.Ns = append(m.Ns, z.denial(name)...)
			return m
		}
		m.Answer = append(m.Answer, z.signed(alias)...)
		name = alias[0].(*dns.CNAME).Target
	}
}

func (n *signedNet) serve(t *testing.T) {
	t.Helper()
	serve := func(at string, udp net.PacketConn, tcp net.Listener) {
		for _, s := range []*dns.Server{{PacketConn: udp}, {Listener: tcp}} {
			over := s.Listener != nil
			s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, req *dns.Msg) { n.handle(w, req, at, over) })
			go func() { _ = s.ActivateAndServe() }()
			t.Cleanup(func() { _ = s.Shutdown() })
		}
	}
	hosts := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}
	udp, tcp := onePort(t, hosts...)
	for i, at := range hosts {
		serve(at, udp[i], tcp[i])
	}
	n.root = udp[0].LocalAddr().String()
	udp, tcp = onePort(t, hosts[0])
	serve("", udp[0], tcp[0])
	n.recursive = udp[0].LocalAddr().String()
}

// onePort listens on one port of all hosts over UDP and TCP.
func onePort(t *testing.T, hosts ...string) (udp []net.PacketConn, tcp []net.Listener) {
	t.Helper()
	for range 50 {
		udp, tcp = nil, nil
		port := "0"
		for _, host := range hosts {
			u, err := net.ListenPacket("udp", net.JoinHostPort(host, port))
			if err != nil {
				break
			}
			udp = append(udp, u)
			_, port, _ = net.SplitHostPort(u.LocalAddr().String())
			l, err := net.Listen("tcp", u.LocalAddr().String())
			if err != nil {
				break
			}
			tcp = append(tcp, l)
		}
		if len(tcp) == len(hosts) {
			return udp, tcp
		}
		for _, u := range udp {
			u.Close()
		}
		for _, l := range tcp {
			l.Close()
		}
	}
	t.Fatalf("no port is free on %v", hosts)
	return nil, nil
}

func (n *signedNet) handle(w dns.ResponseWriter, req *dns.Msg, at string, tcp bool) {
	q := req.Question[0]
	opt := req.IsEdns0()
	m := n.respond(req, at)
	switch {
	case q.Qtype == dns.TypeDNSKEY:
		n.asked[0].Add(1)
		if !tcp { // the keys come over TCP only
			m.Truncated, m.Answer = true, nil
		}
	case opt == nil || !opt.Do():
		n.asked[2].Add(1)
		unsign := func(r dns.RR) bool {
			return r.Header().Rrtype == dns.TypeRRSIG || r.Header().Rrtype == dns.TypeNSEC
		}
		m.Answer, m.Ns = slices.DeleteFunc(m.Answer, unsign), slices.DeleteFunc(m.Ns, unsign)
	}
	if req.CheckingDisabled {
		n.asked[1].Add(1)
	}
	if opt != nil {
		m.SetEdns0(1232, opt.Do())
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_SUBNET); ok {
				e.SourceScope = e.SourceNetmask
				m.IsEdns0().Option = append(m.IsEdns0().Option, e)
			}
		}
	}
	if n.spoil == nil || n.spoil(q, m) {
		_ = w.WriteMsg(m)
	}
}

// config is a configuration that asks the net for one host.
func (n *signedNet) config(t *testing.T, host, mode string, iterative bool) string {
	t.Helper()
	text := "[[market]]\ncode = \"SG\"\nclient_subnets = [\"116.86.40.0/24\", \"121.7.40.0/24\"]\n" +
		"[[vendor]]\nid = \"acme\"\n[[vendor.service]]\nid = \"s\"\nendpoints = [\"" + host + "\"]\n" +
		"[[policy]]\nid = \"p\"\nvendor = \"acme\"\nregions = [\"SG\"]\n" +
		"[resolve]\ntimeout = \"" + n.timeout + "\"\ntries = 2\ndnssec = \"" + mode + "\"\ntypes = [\"A\", \"AAAA\"]\n[[resolve.server]]\n"
	if iterative {
		_, port, _ := net.SplitHostPort(n.root)
		text += fmt.Sprintf("name = \"all\"\niterative = true\nallow_special = true\nport = %s\nroot_hints = [%q]\n", port, n.root)
	} else {
		text += fmt.Sprintf("name = \"r\"\naddresses = [%q]\npasses_subnets = true\n", n.recursive)
	}
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// env trusts the net's root.
func (n *signedNet) env(out, errs *bytes.Buffer) *env {
	e := testEnv(out, errs)
	ds := n.zones["."].key.ToDS(dns.SHA256)
	digest, _ := hex.DecodeString(ds.Digest)
	e.anchors = []dnssec.Anchor{{Zone: ".", KeyTag: ds.KeyTag, Algorithm: ds.Algorithm, DigestType: ds.DigestType, Digest: digest}}
	return e
}

// looks is what resolve shows of the host, A first.
func (n *signedNet) looks(t *testing.T, path, host string) []lookLine {
	t.Helper()
	var out, errs bytes.Buffer
	run(t.Context(), n.env(&out, &errs), []string{"resolve", "-c", path, host, "-f", "ndjson", "--market", "SG"})
	var list []lookLine
	for line := range strings.Lines(out.String()) {
		var l lookLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		list = append(list, l)
	}
	slices.SortStableFunc(list, func(a, b lookLine) int { return strings.Compare(a.Type, b.Type) })
	if len(list) == 0 {
		t.Fatalf("no look: %s", &errs)
	}
	return list
}

type lookLine struct {
	Type      string            `json:"type"`
	Failure   residency.Failure `json:"failure"`
	Detail    string            `json:"detail"`
	DNSSEC    *residency.DNSSEC `json:"dnssec"`
	Addresses []struct {
		Address string `json:"address"`
	} `json:"addresses"`
}

// verdict is the one cell of a check, with its reason.
func (n *signedNet) verdict(t *testing.T, path string) (residency.Verdict, string) {
	t.Helper()
	var out, errs bytes.Buffer
	run(t.Context(), n.env(&out, &errs), []string{"check", "--config", path, "--format", "csv", "--timeout", "20s"})
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v\n%s", len(rows), err, &errs)
	}
	var v residency.Verdict
	if err := v.UnmarshalText([]byte(rows[1][5])); err != nil {
		t.Fatal(err)
	}
	return v, rows[1][7]
}

// tampered puts another address into answers.
func tampered(q dns.Question, m *dns.Msg) bool {
	for i, r := range m.Answer {
		if a, ok := r.(*dns.A); ok && q.Qtype == dns.TypeA {
			forged := *a
			forged.A = net.ParseIP("54.255.51.44")
			m.Answer[i] = &forged
		}
	}
	return true
}

// stripped takes the signatures of addresses away.
func stripped(q dns.Question, m *dns.Msg) bool {
	if q.Qtype == dns.TypeA || q.Qtype == dns.TypeAAAA {
		m.Answer = slices.DeleteFunc(m.Answer, func(r dns.RR) bool { return r.Header().Rrtype == dns.TypeRRSIG })
	}
	return true
}

// TestValidate: what each state of an answer's signatures makes of the look and
// of the cell, asked through a recursive server and from the root down. The
// program's own clock stands elsewhere than the signatures'.
func TestValidate(t *testing.T) {
	t.Parallel()
	noKeys := func(q dns.Question, m *dns.Msg) bool { return q.Qtype != dns.TypeDNSKEY || q.Name == "." }
	failing := func(q dns.Question, m *dns.Msg) bool {
		if q.Qtype == dns.TypeDS && q.Name == "acme.example." {
			m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
		}
		return true
	}
	garbled := func(q dns.Question, m *dns.Msg) bool {
		if q.Qtype == dns.TypeDNSKEY && q.Name == "acme.example." {
			m.Answer = append(m.Answer, &dns.RFC3597{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET}, Rdata: "01"})
		}
		return true
	}
	for _, tt := range []struct {
		name, host, mode string
		until            time.Duration
		spoil            func(dns.Question, *dns.Msg) bool
		state            residency.DNSSECState
		why              string
		failure          residency.Failure
		verdict          residency.Verdict
	}{
		{"secure", "api.acme.example", "validate", time.Hour, nil, residency.DNSSECSecure, "", "", residency.Inside},
		{"alias", "www.acme.example", "validate", time.Hour, nil, residency.DNSSECSecure, "", "", residency.Inside},
		{"insecure", "api.plain.example", "validate", time.Hour, nil, residency.DNSSECInsecure, "no-ds", "", residency.Inside},
		{"alias to insecure", "away.acme.example", "validate", time.Hour, nil, residency.DNSSECInsecure, "no-ds", "", residency.Inside},
		{"tampered", "api.acme.example", "validate", time.Hour, tampered, residency.DNSSECBogus, "signature", residency.FailBogus, residency.Undetermined},
		{"tampered, recorded only", "api.acme.example", "record", time.Hour, tampered, "", "", "", residency.Inside},
		{"expired", "api.acme.example", "validate", -time.Minute, nil, residency.DNSSECBogus, "expired", residency.FailBogus, residency.NotMeasured},
		{"stripped", "api.acme.example", "validate", time.Hour, stripped, residency.DNSSECBogus, "unsigned", residency.FailBogus, residency.NotMeasured},
		{"keys dropped", "api.acme.example", "validate", time.Hour, noKeys, residency.DNSSECIndeterminate, "fetch", residency.FailTimeout, residency.NotMeasured},
		{"DS fails", "api.acme.example", "validate", time.Hour, failing, residency.DNSSECIndeterminate, "fetch", residency.FailServfail, residency.NotMeasured},
		{"keys garbled", "api.acme.example", "validate", time.Hour, garbled, residency.DNSSECIndeterminate, "fetch", residency.FailMalformed, residency.NotMeasured},
	} {
		for _, iterative := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, iterative %v", tt.name, iterative), func(t *testing.T) {
				t.Parallel()
				n := newSignedNet(t, tt.until, tt.spoil)
				if tt.failure == residency.FailTimeout {
					n.timeout = "300ms"
				}
				path := n.config(t, tt.host, tt.mode, iterative)
				l := n.looks(t, path, tt.host)[0]
				if tt.state == "" {
					if l.DNSSEC != nil || l.Failure != "" || n.asked[0].Load()+n.asked[1].Load() != 0 {
						t.Errorf("%+v, %d DNSKEY questions, %d with CD; want nothing asked or said of signatures", l, n.asked[0].Load(), n.asked[1].Load())
					}
				} else if l.DNSSEC == nil || l.DNSSEC.State != tt.state || l.DNSSEC.Why != tt.why || l.Failure != tt.failure {
					t.Fatalf("look %+v, DNSSEC %+v; want %s %s and failure %q", l, l.DNSSEC, tt.state, tt.why, tt.failure)
				}
				if (len(l.Addresses) > 0) != (tt.failure == "") {
					t.Errorf("addresses %v with failure %q", l.Addresses, l.Failure)
				}
				if tt.state == residency.DNSSECBogus && (!strings.Contains(l.Detail, l.DNSSEC.Text) || !strings.Contains(l.Detail, "DNSKEY of .")) {
					t.Errorf("detail %q lacks the reason or the chain", l.Detail)
				}
				if wants := tt.mode == "validate" && !iterative; (n.asked[1].Load() > 0) != wants {
					t.Errorf("%d questions with CD", n.asked[1].Load())
				}
				if iterative && tt.failure != residency.FailBogus {
					return // a check takes long, and judges both the same
				}
				if v, why := n.verdict(t, path); v != tt.verdict || tt.failure != "" && !strings.Contains(why, string(tt.failure)) {
					t.Errorf("cell %v %q, want %v because of %q", v, why, tt.verdict, tt.failure)
				}
			})
		}
	}
}

// TestValidateSharesKeys: many looks at one server ask for each key once.
func TestValidateSharesKeys(t *testing.T) {
	t.Parallel()
	var more []dns.RR
	for i := range 40 {
		more = append(more, rr(t, fmt.Sprintf("h%d.acme.example. 60 IN A 192.0.2.%d", i, i)))
	}
	n := newSignedNet(t, time.Hour, nil, more...)
	var out, errs bytes.Buffer
	args := []string{"resolve", "-c", n.config(t, "api.acme.example", "validate", false), "-f", "ndjson", "-t", "A"}
	for i := range 40 {
		args = append(args, fmt.Sprintf("h%d.acme.example", i))
	}
	if code := run(t.Context(), n.env(&out, &errs), args); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	if got := strings.Count(out.String(), `"dnssec":{"state":"secure"`); got != 40 {
		t.Errorf("%d looks secure, want 40\n%s", got, &out)
	}
	if got := n.asked[0].Load(); got != 6 { // three zones, each truncated over UDP and then over TCP
		t.Errorf("%d DNSKEY questions, want 6", got)
	}
}

// TestValidateEndsWithTheRun: a run that ends while keys are asked for ends at
// once, and its looks are no answers.
func TestValidateEndsWithTheRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	n := newSignedNet(t, time.Hour, func(q dns.Question, _ *dns.Msg) bool {
		if q.Qtype == dns.TypeDNSKEY {
			cancel()
		}
		return q.Qtype != dns.TypeDNSKEY
	})
	e := n.env(new(bytes.Buffer), new(bytes.Buffer))
	cfg, err := e.loader().Load(n.config(t, "api.acme.example", "validate", false))
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.resolver(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Timeout = 10 * time.Second
	question := residency.Question{Endpoint: residency.Endpoint{Host: "api.acme.example"}, Type: "A"}
	begin, got := time.Now(), map[residency.Failure]int{}
	r.Observe(ctx, []residency.Question{question}, func(o residency.Observation) {
		got[o.Failure] += 1 + len(o.Addresses)
	})
	if want := map[residency.Failure]int{residency.FailCancelled: 1}; !maps.Equal(got, want) || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v, want %v at once", got, time.Since(begin), want)
	}
}

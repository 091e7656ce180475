package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// internet is name servers by "address:port". Its Dial reaches them and
// nothing else: they may have any address, and no packet leaves the process.
type internet struct {
	t       testing.TB
	mu      sync.Mutex
	servers map[string]*authority
	asked   []string // "address name type", with "+ecs" where a subnet was told
	strange []string // addresses dialled where nobody is
}

// authority is one name server with its zones.
type authority struct {
	zones []zone
	// change may answer in place of the zones; a nil reply is silence.
	change func(r request, honest *reply) *reply
}

// zone is a zone's records in the form of rr, owners in full. Records of names
// that an NS record below the apex delegates are glue.
type zone struct {
	apex    string // "." or without the final dot
	records []string
}

func newInternet(t testing.TB) *internet { return &internet{t: t, servers: map[string]*authority{}} }

// put adds records to a zone of the server at address, port 53.
func (n *internet) put(address, apex string, records ...string) *authority {
	addr := net.JoinHostPort(address, "53")
	if n.servers[addr] == nil {
		n.servers[addr] = &authority{}
	}
	s := n.servers[addr]
	if i := slices.IndexFunc(s.zones, func(z zone) bool { return z.apex == apex }); i >= 0 {
		s.zones[i].records = slices.Concat(s.zones[i].records, records)
		return s
	}
	s.zones = append(s.zones, zone{apex, records})
	return s
}

// resolver returns a resolver that begins at 11.0.0.1.
func (n *internet) resolver(change func(*Iterative)) *Resolver {
	it := &Iterative{Roots: []string{"11.0.0.1:53"}}
	if change != nil {
		change(it)
	}
	return &Resolver{
		Servers: []Server{{Name: "iterative", Iterative: it}}, Dial: n.dial,
		Timeout: 200 * time.Millisecond, Tries: 2, Now: fixedNow, Rate: -1,
	}
}

// queries returns what was asked, and forgets it.
func (n *internet) queries() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.asked
	n.asked = nil
	return list
}

func (n *internet) dial(_ context.Context, network, addr string) (net.Conn, error) {
	n.mu.Lock()
	s := n.servers[addr]
	if s == nil {
		n.strange = append(n.strange, addr)
	}
	n.mu.Unlock()
	if s == nil {
		return nil, errors.New("nobody is at " + addr)
	}
	near, far := net.Pipe()
	go n.serve(s, addr, network == "tcp", far)
	return near, nil
}

// serve answers on one connection until it is closed.
func (n *internet) serve(s *authority, addr string, tcp bool, c net.Conn) {
	defer c.Close()
	buf := make([]byte, 65535)
	for {
		var raw []byte
		if tcp {
			if _, err := io.ReadFull(c, buf[:2]); err != nil {
				return
			}
			raw = buf[:binary.BigEndian.Uint16(buf)]
			if _, err := io.ReadFull(c, raw); err != nil {
				return
			}
		} else {
			size, err := c.Read(buf)
			if err != nil {
				return
			}
			raw = buf[:size]
		}
		r := readRequest(n.t, raw, tcp)
		n.note(addr, r)
		p := s.answer(r)
		if s.change != nil {
			p = s.change(r, p)
		}
		if p == nil {
			continue
		}
		wire := p.message(n.t, r)
		if tcp {
			wire = append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)
		}
		if _, err := c.Write(wire); err != nil {
			return
		}
	}
}

func (n *internet) note(addr string, r request) {
	ecs := ""
	if r.ecs != nil {
		ecs = "+ecs"
	}
	host, _, _ := net.SplitHostPort(addr)
	name := r.name
	if name == "" {
		name = "."
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, host+" "+name+" "+typeName(r)+ecs)
}

func typeName(r request) string {
	return map[dnsmessage.Type]string{1: "A", 28: "AAAA", 2: "NS", 15: "MX", 33: "SRV", 65: "HTTPS"}[r.msg.Questions[0].Type]
}

// under reports whether name is in or below zone.
func under(name, zone string) bool {
	return zone == "." || name == zone || strings.HasSuffix(name, "."+zone)
}

// answer is what an honest server says.
func (s *authority) answer(r request) *reply {
	name := strings.ToLower(r.name)
	if name == "" {
		name = "."
	}
	var z *zone
	for i := range s.zones {
		if c := &s.zones[i]; under(name, c.apex) && (z == nil || len(c.apex) > len(z.apex)) {
			z = c
		}
	}
	if z == nil {
		return &reply{rcode: dnsmessage.RCodeRefused}
	}
	if p := z.referral(name); p != nil {
		return p
	}
	return z.answer(name, typeName(r))
}

// referral returns the referral for a name that the zone delegates, or nil.
func (z *zone) referral(name string) *reply {
	p := &reply{noECS: true}
	for _, text := range z.records {
		f := strings.Fields(text)
		if f[2] == "NS" && f[0] != z.apex && under(name, f[0]) {
			p.authority = append(p.authority, text)
		}
	}
	for _, text := range z.records {
		f := strings.Fields(text)
		if f[2] == "A" || f[2] == "AAAA" {
			if slices.ContainsFunc(p.authority, func(ns string) bool { return strings.Fields(ns)[3] == f[0] }) {
				p.extra = append(p.extra, text)
			}
		}
	}
	if p.authority == nil {
		return nil
	}
	return p
}

// answer returns the zone's own answer: it follows aliases within the zone.
func (z *zone) answer(name, want string) *reply {
	p := &reply{aa: true, scope: 24}
	exists := name == z.apex
	for range 8 {
		alias := ""
		found := false
		for _, text := range z.records {
			f := strings.Fields(text)
			exists = exists || under(f[0], name)
			switch {
			case f[2] == "DNAME" && f[0] != name && under(name, f[0]):
				p.answers = append(p.answers, text)
				alias, exists = strings.TrimSuffix(name, f[0])+f[3], true
			case f[0] == name && f[2] == "CNAME":
				p.answers, alias = append(p.answers, text), f[3]
			case f[0] == name && f[2] == want:
				p.answers, found = append(p.answers, text), true
			}
		}
		if found || alias == "" || !under(alias, z.apex) {
			if alias != "" && !found {
				return p
			}
			if !found {
				p.authority = []string{z.apex + " 60 SOA ns.test"}
			}
			break
		}
		name, exists = alias, false
	}
	if !exists {
		p.rcode = dnsmessage.RCodeNameError
	}
	return p
}

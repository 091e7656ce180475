package lab

import (
	"sync/atomic"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// responder is one server at work: the scenario's data, and how often it was
// asked. It is safe for concurrent use.
type responder struct {
	index  *index
	server Server
	now    func() time.Time
	asked  atomic.Uint64
	turns  turns           // of pools
	counts []atomic.Uint64 // matching requests, by fault

	refer func(*request) reply // of a root or top-level domain; nil: answers from the scenario
}

// countersFor returns a counter for each fault of a server.
func countersFor(s Server) []atomic.Uint64 { return make([]atomic.Uint64, len(s.Faults)) }

// response is what a server sends for one request.
type response struct {
	forged []byte // sent before the message, nil for none
	msg    []byte // nil for no answer
	delay  time.Duration
}

// respond answers one message that came over "udp" or "tcp". The bytes of the
// response may share buf.
func (r *responder) respond(buf, msg []byte, transport string) response {
	req, ok := parseRequest(msg)
	if !ok {
		return response{}
	}
	r.asked.Add(1)
	limit := largest
	if transport == "udp" {
		limit = req.size
	}
	if r.refer != nil {
		rep := r.refer(&req)
		return response{msg: rep.pack(buf, limit)}
	}
	rep := r.index.answer(&r.server, &req, r.now(), r.turns)
	if len(r.server.Faults) == 0 {
		return response{msg: rep.pack(buf, limit)}
	}
	faults := r.due(&req, transport)
	for _, f := range faults {
		f.change(&rep)
	}
	res := response{msg: rep.pack(buf, limit)}
	for _, f := range faults {
		f.damage(&res)
	}
	return res
}

// due returns the faults that this request meets.
func (r *responder) due(req *request, transport string) []Fault {
	var due []Fault
	for i, f := range r.server.Faults {
		if f.Transport != "" && f.Transport != transport {
			continue
		}
		if f.Host != "" && fqdn(f.Host) != keyOf(req.question.Name) {
			continue
		}
		n := r.counts[i].Add(1)
		if f.Every <= 1 || n%uint64(f.Every) == 0 {
			due = append(due, f)
		}
	}
	return due
}

// change applies the faults that are in what a message says.
func (f Fault) change(rep *reply) {
	switch f.Kind {
	case FaultRcode:
		rep.rcode, _ = rcodeByName(f.Rcode)
		rep.answers, rep.soa = nil, nil
	case FaultTruncate:
		rep.truncated, rep.answers, rep.soa = true, nil, nil
	case FaultNoEDNS:
		if rep.edns {
			rep.rcode, rep.answers, rep.soa, rep.edns = dnsmessage.RCodeFormatError, nil, nil, false
		}
	case FaultWrongID:
		rep.id ^= 0x5555
	case FaultWrongQuestion:
		rep.question.Name = dnsmessage.MustNewName("other.lab.invalid.")
	case FaultWrongSubnet:
		rep.subnet = otherSubnet(rep.subnet)
	}
}

// otherSubnet returns a client subnet of the same family and length that
// nobody asked with.
func otherSubnet(s clientSubnet) clientSubnet {
	if !s.prefix.IsValid() || s.source == 0 {
		return s
	}
	b := s.prefix.Addr().AsSlice()
	b[0] ^= 0x80 // the first bit: it is within every prefix that has bits
	s.prefix = prefixFrom(b, s.source)
	return s
}

// damage applies the faults that are in how a message is sent.
func (f Fault) damage(res *response) {
	switch f.Kind {
	case FaultDrop:
		*res = response{}
	case FaultDelay:
		res.delay += f.Delay
	case FaultSpoof:
		if len(res.msg) > 2 {
			res.forged = append([]byte(nil), res.msg...)
			res.forged[0] ^= 0xff
		}
	case FaultCut:
		res.msg = res.msg[:len(res.msg)/2]
	case FaultGarbage:
		// Any bytes do; a fixed sequence keeps tests the same each time.
		x := uint32(2463534242)
		for i := range res.msg {
			x ^= x << 13
			x ^= x >> 17
			x ^= x << 5
			res.msg[i] = byte(x)
		}
	}
}

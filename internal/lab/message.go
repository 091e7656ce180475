package lab

import (
	"golang.org/x/net/dns/dnsmessage"
)

// Sizes of DNS messages in bytes.
const (
	plainUDP = 512   // without EDNS (RFC 1035 section 4.2.1)
	ourUDP   = 1232  // what the servers say they can take in
	largest  = 65535 // over TCP
)

// rcodeBadVers is the extended rcode for an unknown EDNS version (RFC 6891).
const rcodeBadVers dnsmessage.RCode = 16

// request is what a server needs of a message that it was sent.
type request struct {
	id       uint16
	rd, cd   bool
	asked    bool // the question could be read
	question dnsmessage.Question
	rcode    dnsmessage.RCode // what is wrong with it; 0 when it can be answered

	edns   bool
	do     bool
	size   int // largest UDP response that the client takes
	nsid   bool
	subnet clientSubnet
}

// parseRequest reads a message. It reports false for what is not answered at
// all: fragments of a header, and responses, which two servers could otherwise
// send each other for ever.
func parseRequest(msg []byte) (request, bool) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.Response {
		return request{}, false
	}
	r := request{id: h.ID, rd: h.RecursionDesired, cd: h.CheckingDisabled, size: plainUDP}
	if h.OpCode != 0 {
		r.rcode = dnsmessage.RCodeNotImplemented
		return r, true
	}
	if r.question, err = p.Question(); err != nil {
		r.rcode = dnsmessage.RCodeFormatError
		return r, true
	}
	r.asked = true
	if _, err = p.Question(); err != dnsmessage.ErrSectionDone {
		r.rcode = dnsmessage.RCodeFormatError
		return r, true
	}
	if p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil || !r.readAdditionals(&p) {
		r.rcode = dnsmessage.RCodeFormatError
		return r, true
	}
	if r.rcode == dnsmessage.RCodeSuccess {
		r.rcode = unanswerable(r.question)
	}
	return r, true
}

// unanswerable returns the rcode for questions that the lab has no answers to.
func unanswerable(q dnsmessage.Question) dnsmessage.RCode {
	switch {
	case q.Class != dnsmessage.ClassINET:
		return dnsmessage.RCodeRefused
	case q.Type >= 249 && q.Type <= 255 || q.Type == dnsmessage.TypeOPT: // TSIG, transfers, ANY
		return dnsmessage.RCodeNotImplemented
	}
	return dnsmessage.RCodeSuccess
}

// readAdditionals looks for the OPT record; it reports false on a message that
// RFC 6891 and RFC 7871 want answered with FORMERR.
func (r *request) readAdditionals(p *dnsmessage.Parser) bool {
	for {
		h, err := p.AdditionalHeader()
		if err == dnsmessage.ErrSectionDone {
			return true
		}
		if err != nil {
			return false
		}
		if h.Type != dnsmessage.TypeOPT {
			if p.SkipAdditional() != nil {
				return false
			}
			continue
		}
		opt, err := p.OPTResource()
		// A second OPT record, or one of another owner than the root, is wrong.
		if err != nil || r.edns || h.Name.Length != 1 || !r.readOPT(h, opt.Options) {
			return false
		}
	}
}

func (r *request) readOPT(h dnsmessage.ResourceHeader, options []dnsmessage.Option) bool {
	r.edns = true
	r.do = h.DNSSECAllowed()
	r.size = max(int(h.Class), plainUDP)
	if version := h.TTL >> 16 & 0xff; version != 0 {
		r.rcode = rcodeBadVers
		return true
	}
	for _, o := range options {
		switch o.Code {
		case optionNSID:
			r.nsid = true
		case optionSubnet:
			s, ok := parseSubnet(o.Data)
			if !ok || r.subnet.present {
				return false
			}
			r.subnet = s
		}
	}
	return true
}

// record is one resource record of an answer section.
type record struct {
	owner dnsmessage.Name
	ttl   uint32
	cname dnsmessage.Name // an alias when it has a length
	a     [][4]byte       // else addresses, one record each
	aaaa  [][16]byte
}

// reply is a response before it is packed.
type reply struct {
	id            uint16
	rd, cd        bool
	authoritative bool
	recursive     bool
	truncated     bool
	rcode         dnsmessage.RCode
	asked         bool
	question      dnsmessage.Question
	answers       []record
	soa           *zone // for the authority section of a "no" (RFC 2308)
	referral      *referral
	edns, do      bool
	subnet        clientSubnet // returned when present
	scope         int
	nsid          string
}

// pack returns the reply as bytes, at most limit of them: records that do not
// fit are all left out and TC is set, so that nobody takes a part for the whole
// (RFC 2181 section 9). It returns nil if the reply cannot be packed.
func (r *reply) pack(buf []byte, limit int) []byte {
	msg, err := r.build(buf[:0])
	if err == nil && len(msg) > limit {
		short := *r
		short.truncated, short.answers, short.soa, short.referral = true, nil, nil, nil
		msg, err = short.build(buf[:0])
	}
	if err != nil {
		return nil
	}
	return msg
}

func (r *reply) build(buf []byte) ([]byte, error) {
	b := dnsmessage.NewBuilder(buf, dnsmessage.Header{
		ID: r.id, Response: true, Authoritative: r.authoritative, Truncated: r.truncated,
		RecursionDesired: r.rd, RecursionAvailable: r.recursive, CheckingDisabled: r.cd,
		RCode: r.rcode & 0xf,
	})
	b.EnableCompression()
	if r.asked {
		if err := b.StartQuestions(); err != nil {
			return nil, err
		}
		if err := b.Question(r.question); err != nil {
			return nil, err
		}
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	for _, rec := range r.answers {
		if err := rec.add(&b); err != nil {
			return nil, err
		}
	}
	if r.referral != nil {
		if err := r.referral.add(&b); err != nil {
			return nil, err
		}
	}
	if r.soa != nil {
		if err := b.StartAuthorities(); err != nil {
			return nil, err
		}
		h := dnsmessage.ResourceHeader{Name: r.soa.apex, Class: dnsmessage.ClassINET, TTL: r.soa.soa.MinTTL}
		if err := b.SOAResource(h, r.soa.soa); err != nil {
			return nil, err
		}
	}
	if err := r.addAdditionals(&b); err != nil {
		return nil, err
	}
	return b.Finish()
}

func (rec record) add(b *dnsmessage.Builder) error {
	h := dnsmessage.ResourceHeader{Name: rec.owner, Class: dnsmessage.ClassINET, TTL: rec.ttl}
	if rec.cname.Length > 0 {
		return b.CNAMEResource(h, dnsmessage.CNAMEResource{CNAME: rec.cname})
	}
	for _, a := range rec.a {
		if err := b.AResource(h, dnsmessage.AResource{A: a}); err != nil {
			return err
		}
	}
	for _, a := range rec.aaaa {
		if err := b.AAAAResource(h, dnsmessage.AAAAResource{AAAA: a}); err != nil {
			return err
		}
	}
	return nil
}

// addAdditionals adds the addresses of name servers, and an OPT record when the
// request had one, and never otherwise (RFC 6891 section 7).
func (r *reply) addAdditionals(b *dnsmessage.Builder) error {
	if err := b.StartAdditionals(); err != nil {
		return err
	}
	if r.referral != nil {
		if err := r.referral.addGlue(b); err != nil {
			return err
		}
	}
	if !r.edns {
		return nil
	}
	var h dnsmessage.ResourceHeader
	if err := h.SetEDNS0(ourUDP, r.rcode, r.do); err != nil {
		return err
	}
	var opt dnsmessage.OPTResource
	if r.subnet.present {
		data := r.subnet.appendOption(make([]byte, 0, 20), r.scope)
		opt.Options = append(opt.Options, dnsmessage.Option{Code: optionSubnet, Data: data})
	}
	if r.nsid != "" {
		opt.Options = append(opt.Options, dnsmessage.Option{Code: optionNSID, Data: []byte(r.nsid)})
	}
	return b.OPTResource(h, opt)
}

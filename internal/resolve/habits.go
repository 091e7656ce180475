package resolve

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"residency/internal/residency"
)

// How much of EDNS a server is asked with. One that refuses it is asked with
// less: without the options that nothing depends on, then without EDNS.
const (
	ednsFull = iota // client subnet, cookie, NSID
	ednsBare        // client subnet
	ednsNone
)

const (
	// habitsLast is how long a server is taken to be as it was: old servers
	// get replaced, and a forged refusal must not last.
	habitsLast = time.Hour
	// habitAfter is how many looks must have got their answer with less EDNS,
	// and none with all, before the next ones begin with less.
	habitAfter = 3
)

// habits is what is known of how a server takes EDNS, shared by all looks at
// it and kept between runs.
type habits struct {
	client [8]byte // our half of the cookie (RFC 7873 section 4.1): random, for this server alone
	cookie atomic.Pointer[[]byte]
	nsid   atomic.Pointer[string] // the last one, so that looks share it
	nat64  atomic.Pointer[[]netip.Prefix]
	level  atomic.Int32 // where looks begin

	mu     sync.Mutex
	less   [ednsNone + 1]int // looks answered with less, in a row
	rcode  string            // with which the server refused EDNS
	learnt time.Time         // when level was last raised
	some   atomic.Bool       // less is not all zero
	loose  atomic.Bool       // answers without our cookie are usual
}

func newHabits() *habits {
	h := new(habits)
	rand.Read(h.client[:]) // never fails: crypto/rand.Read ends the program instead
	h.nat64.Store(&[]netip.Prefix{wellKnown64()})
	return h
}

// begin returns how much EDNS to begin a look with, and the rcode with which
// the server refused more.
func (h *habits) begin(now time.Time) (level int, rcode string) {
	level = int(h.level.Load())
	if level == ednsFull {
		return level, ""
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.learnt) > habitsLast {
		h.less = [ednsNone + 1]int{}
		h.level.Store(ednsFull)
		return ednsFull, ""
	}
	return level, h.rcode
}

// answered notes that a look got its answer at a level, after the server
// refused more with rcode.
func (h *habits) answered(level int, rcode string, now time.Time) {
	if level == ednsFull {
		if h.some.Load() {
			h.mu.Lock()
			h.some.Store(false)
			h.less = [ednsNone + 1]int{}
			h.mu.Unlock()
		}
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.some.Store(true)
	h.less[level]++
	if h.less[level] >= habitAfter && int(h.level.Load()) < level {
		h.rcode, h.learnt = rcode, now
		h.level.Store(int32(level))
	}
}

// sends returns the cookie to send: our half, and the server's once it gave
// one. It is not to be changed.
func (h *habits) sends() []byte {
	if c := h.cookie.Load(); c != nil {
		return *c
	}
	return h.client[:]
}

// learns keeps the server's half of a cookie.
func (h *habits) learns(cookie []byte) {
	if old := h.cookie.Load(); old != nil && string(*old) == string(cookie) {
		return
	}
	c := append([]byte(nil), cookie...)
	h.cookie.Store(&c)
}

// machine returns an NSID as text; the same text for the same machine.
func (h *habits) machine(nsid []byte) string {
	if len(nsid) == 0 {
		return ""
	}
	text := readable(nsid)
	if old := h.nsid.Load(); old != nil && *old == text {
		return *old
	}
	h.nsid.Store(&text)
	return text
}

// prefixes64 returns the prefixes with which IPv6 addresses are made from IPv4
// ones: those of the resolver, once found, and always the well-known one.
func (h *habits) prefixes64() []netip.Prefix { return *h.nat64.Load() }

// checkCookie holds the response to a try against the cookie that was sent, and
// keeps the server's (RFC 7873 section 5.3). A response over UDP that has not
// the cookie it should have may be somebody else's: the server is asked again
// over TCP, where that cannot be.
func (h *habits) checkCookie(t *try, sent []byte) {
	if t.resp == nil || sent == nil {
		return
	}
	back, cause := t.resp.cookie, error(nil)
	switch {
	case back == nil && len(sent) > clientCookie && t.resp.opt && !h.loose.Load():
		cause = errNoCookie
		if t.Transport != overUDP { // so it is the server's way
			h.loose.Store(true)
		}
	case back == nil:
	case len(back) < clientCookie || string(back[:clientCookie]) != string(sent[:clientCookie]):
		cause = errCookie
	case len(back) >= clientCookie+8 && len(back) <= clientCookie+32:
		h.learns(back)
	}
	if cause != nil && t.Transport == overUDP {
		t.resp, t.Failure, t.cause, t.overTCP = nil, residency.FailMismatch, cause, true
	}
}

var (
	errNoCookie = errors.New("the answer lacks the cookie that the server gave before")
	errCookie   = errors.New("the answer carries another cookie than the one sent")
)

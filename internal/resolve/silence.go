package resolve

import (
	"sync"
	"sync/atomic"

	"residency/internal/residency"
)

// silentLooks is how many looks in a row must go without a usable response
// before a server is given up.
const silentLooks = 8

// silence decides when to stop asking a server, so that a dead one costs a few
// time-outs and not one for each question. Two things look alike and are kept
// apart: a server that is gone, and a recursive server that has no answer for
// one name because that name's own servers are gone. After silentLooks looks
// in a row about one host, that host is given up at this server; the server as
// a whole is given up only when the row holds two hosts. Any usable response
// ends the row.
type silence struct {
	mu      sync.Mutex
	row     int               // looks in a row without a usable response
	host    string            // of the first look of the row
	several bool              // the row holds a second host
	last    residency.Failure // of the last look of the row
	hosts   map[string]int    // the same for each host alone

	some atomic.Bool // there is a row, or a host with one
}

func newSilence() *silence { return &silence{hosts: map[string]int{}} }

// heard ends the row: the server gave a usable response to a question.
func (s *silence) heard(q *residency.Question) {
	if !s.some.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.row, s.several = 0, false
	delete(s.hosts, quietKey(q))
	s.some.Store(len(s.hosts) > 0)
}

// missed counts a look about host that ended without a usable response.
func (s *silence) missed(host string, f residency.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.some.Store(true)
	if s.row == 0 {
		s.host = host
	}
	s.several = s.several || host != s.host
	s.row++
	s.last = f
	s.hosts[host]++
}

// missedExtra counts a look that nothing depends on (HTTPS records, which some
// servers do not answer at all): its silence ends looks of its own kind only.
func (s *silence) missedExtra(key string, f residency.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.some.Store(true)
	s.last = f
	s.hosts[key]++
}

// quietKey is what looks are counted under: the host, and apart from it the
// HTTPS records of the host.
func quietKey(q *residency.Question) string {
	if q.Type == residency.TypeHTTPS {
		return q.Endpoint.Host + " " + q.Type
	}
	return q.Endpoint.Host
}

// gaveUp returns the failure of a look that is not worth asking for any more,
// or "".
func (s *silence) gaveUp(q *residency.Question) residency.Failure {
	if !s.some.Load() {
		return ""
	}
	host := quietKey(q)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hosts[host] >= silentLooks || s.row >= silentLooks && s.several {
		return s.last
	}
	return ""
}

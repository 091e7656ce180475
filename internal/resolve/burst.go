package resolve

import (
	"net"
	"slices"
	"syscall"
)

// burstMost is how many requests are written to one socket at a time, and how
// many messages are read from one before new looks are begun. A server that is
// sent one request at a time goes to sleep after each, and waking it costs more
// than the request.
const burstMost = 32

// burst is requests that wait to be written to one UDP socket together.
type burst struct {
	wire  []byte // all of them, one after the other
	list  []span
	alike bool // the system cuts what is alike in length into packets itself
	err   error

	next int // of list, the first not written yet
	step func(fd uintptr) bool
	sys  burstSys
}

// span is where a request is in wire.
type span struct{ begin, end int }

func (s span) size() int { return s.end - s.begin }

func newBurst() *burst {
	b := new(burst)
	b.step = b.some
	return b
}

// add adds a copy of a request.
func (b *burst) add(wire []byte) {
	begin := len(b.wire)
	b.wire = append(b.wire, wire...)
	b.list = append(b.list, span{begin, len(b.wire)})
}

// write writes the requests, and leaves the burst empty. raw is what the
// system knows conn as, or nil. The system may tell whoever writes, and only
// that one, what it learned of earlier requests: that nobody listens there.
func (b *burst) write(conn net.Conn, raw syscall.RawConn) error {
	defer b.empty()
	if raw == nil {
		for _, s := range b.list {
			if _, err := conn.Write(b.wire[s.begin:s.end]); err != nil {
				return err
			}
		}
		return nil
	}
	if b.alike {
		slices.SortStableFunc(b.list, func(x, y span) int { return x.size() - y.size() })
	}
	if err := raw.Write(b.step); err != nil {
		return err
	}
	return b.err
}

func (b *burst) empty() {
	b.wire, b.list, b.next, b.err = b.wire[:0], b.list[:0], 0, nil
}

// inbox is messages that were read from one socket together.
type inbox struct {
	room []byte
	list []span
	err  error
}

// newInbox returns an inbox that always has room for the longest message there
// is, and before it for several of the usual size.
func newInbox() *inbox { return &inbox{room: make([]byte, maxMessage+burstMost*512)} }

// read reads what has come, by a function that returns syscall.EAGAIN when
// there is no more. It reports whether there may be more.
func (in *inbox) read(read func(room []byte) (int, error)) (more bool) {
	in.list, in.err = in.list[:0], nil
	for at := 0; len(in.list) < burstMost && at+maxMessage <= len(in.room); {
		n, err := read(in.room[at : at+maxMessage])
		switch err {
		case nil:
			in.list = append(in.list, span{at, at + n})
			at += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			in.err = err
			return false
		}
	}
	return true
}

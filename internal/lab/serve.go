package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

const (
	maxRequest = 4096             // bytes of a UDP request that are read; no real one is longer
	maxConns   = 256              // TCP connections of one server at a time
	idleTCP    = 10 * time.Second // an idle connection is closed (RFC 7766 section 6.2.3)
)

// Net is the servers of a scenario at work.
type Net struct {
	Servers []Running // in the scenario's order; from the root: the root and the top-level domains first
	Root    string    // address of the root server, "" where there is none

	cancel context.CancelFunc
	close  []io.Closer
	wg     sync.WaitGroup
}

// Running is one server at work.
type Running struct {
	Name          string
	Addr          string // "127.0.0.1:5300", for UDP and TCP
	Honours       bool   // answers by client subnet
	Authoritative bool
	Does          string // what it does, in words for people

	responder *responder
}

// Queries returns how many requests the server has read so far, those that a
// fault left unanswered included.
func (r Running) Queries() uint64 { return r.responder.asked.Load() }

// Server returns the server of that name.
func (n *Net) Server(name string) (Running, bool) {
	for _, r := range n.Servers {
		if r.Name == name {
			return r, true
		}
	}
	return Running{}, false
}

// Close stops all servers and returns once none of them uses its sockets.
func (n *Net) Close() error {
	n.cancel()
	var errs []error
	for _, c := range n.close {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	n.wg.Wait()
	return errors.Join(errs...)
}

// Serve opens the scenario's servers on a loopback address. With port 0 each
// gets a free port; with port P the first server gets P, the second P+1, and so
// on. What time it is in the scenario is asked of now at each request; nil is
// the wall clock. The servers stop when ctx ends or the Net is closed.
func (s *Scenario) Serve(ctx context.Context, listen string, now func() time.Time) (*Net, error) {
	if err := s.check(nil); err != nil {
		return nil, fmt.Errorf("serve scenario %s: %w", s.Name, err)
	}
	at, err := loopback(listen)
	if err != nil {
		return nil, fmt.Errorf("serve scenario %s: %w", s.Name, err)
	}
	if now == nil {
		now = time.Now
	}
	ctx, cancel := context.WithCancel(ctx)
	n := &Net{cancel: cancel}
	x := newIndex(s)
	for i, srv := range s.Servers {
		addr := at
		if at.Port() != 0 {
			if int(at.Port())+i > 65535 {
				return nil, errors.Join(fmt.Errorf("serve scenario %s: no port %d for server %q", s.Name, int(at.Port())+i, srv.Name), n.Close())
			}
			addr = netip.AddrPortFrom(at.Addr(), at.Port()+uint16(i))
		}
		r := &responder{index: x, server: srv, now: now, turns: make(turns, x.pools)}
		r.counts = countersFor(srv)
		bound, err := n.start(ctx, addr, r)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("serve scenario %s: start server %q: %w", s.Name, srv.Name, err), n.Close())
		}
		n.Servers = append(n.Servers, running(r, bound))
	}
	context.AfterFunc(ctx, func() { _ = n.Close() })
	return n, nil
}

// running describes a responder at work.
func running(r *responder, addr netip.AddrPort) Running {
	return Running{
		Name: r.server.Name, Addr: addr.String(), Honours: !r.server.Ignores,
		Authoritative: r.server.Authoritative, Does: r.server.does(), responder: r,
	}
}

// loopback reads a listen address and refuses any that others can reach.
func loopback(listen string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(listen)
	if err != nil {
		return at, fmt.Errorf("read listen address %q: want an address and a port, such as 127.0.0.1:5300", listen)
	}
	if !at.Addr().IsLoopback() {
		return at, fmt.Errorf("listen on %q: the answers are invented, so the lab listens on loopback addresses only", listen)
	}
	return at, nil
}

// does says in words what the server does.
func (s Server) does() string {
	text := "honours client subnets"
	switch {
	case s.Ignores && s.Place.Known():
		text = "ignores client subnets, answers as " + s.Place.Name()
	case s.Ignores:
		text = "ignores client subnets"
	}
	if s.Authoritative {
		text = "authoritative, " + text
	}
	for _, f := range s.Faults {
		text += ", " + f.String()
	}
	return text
}

// start opens one server's sockets and serves them.
func (n *Net) start(ctx context.Context, addr netip.AddrPort, r *responder) (netip.AddrPort, error) {
	tcp, udp, err := openBoth(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	n.close = append(n.close, tcp, udp)
	for range min(runtime.GOMAXPROCS(0), 4) {
		n.wg.Go(func() { n.serveUDP(ctx, udp, r) })
	}
	n.wg.Go(func() { n.serveTCP(ctx, tcp, r) })
	return udp.LocalAddr().(*net.UDPAddr).AddrPort(), nil
}

// openBoth opens the same port for TCP and UDP. With port 0 the system picks
// one for TCP that may be taken for UDP, so it is asked again.
func openBoth(addr netip.AddrPort) (*net.TCPListener, *net.UDPConn, error) {
	for try := 1; ; try++ {
		tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
		if err != nil {
			return nil, nil, err
		}
		bound := tcp.Addr().(*net.TCPAddr).AddrPort()
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(bound))
		if err == nil {
			// A burst of looks is larger than the usual buffer; a smaller one
			// than asked for only means more repeated questions.
			_ = udp.SetReadBuffer(4 << 20)
			return tcp, udp, nil
		}
		err = errors.Join(err, tcp.Close())
		if addr.Port() != 0 || try == 20 {
			return nil, nil, err
		}
	}
}

// serveUDP answers datagrams until the socket is closed.
func (n *Net) serveUDP(ctx context.Context, conn *net.UDPConn, r *responder) {
	in, out := make([]byte, maxRequest), make([]byte, 0, maxRequest)
	for {
		size, from, err := conn.ReadFromUDPAddrPort(in)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an ICMP error of an earlier answer; the socket is sound
		}
		res := r.respond(out, in[:size], "udp")
		if res.delay > 0 && res.msg != nil {
			late := response{forged: res.forged, msg: append([]byte(nil), res.msg...)}
			n.later(ctx, res.delay, func() { sendUDP(conn, from, late) })
			continue
		}
		sendUDP(conn, from, res)
	}
}

// later runs send after a delay, unless the servers stop before.
func (n *Net) later(ctx context.Context, delay time.Duration, send func()) {
	n.wg.Go(func() {
		if pause(ctx, delay) {
			send()
		}
	})
}

// pause waits; it reports false if the servers stop before.
func pause(ctx context.Context, delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// sendUDP sends a response. A client that is gone is no matter of the server's.
func sendUDP(conn *net.UDPConn, to netip.AddrPort, res response) {
	for _, msg := range [][]byte{res.forged, res.msg} {
		if msg != nil {
			_, _ = conn.WriteToUDPAddrPort(msg, to)
		}
	}
}

// serveTCP accepts connections until the listener is closed.
func (n *Net) serveTCP(ctx context.Context, l *net.TCPListener, r *responder) {
	slots := make(chan struct{}, maxConns)
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of file descriptors, most likely: some come back shortly.
			pause(ctx, 10*time.Millisecond)
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = conn.Close()
			continue
		}
		n.wg.Go(func() {
			defer func() { <-slots }()
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			serveConn(ctx, conn, r)
		})
	}
}

// serveConn answers the messages of one connection in turn (RFC 1035 section
// 4.2.2: each has its length in front).
func serveConn(ctx context.Context, conn net.Conn, r *responder) {
	defer conn.Close()
	in, out := make([]byte, largest), make([]byte, 0, maxRequest)
	for {
		if err := conn.SetDeadline(time.Now().Add(idleTCP)); err != nil {
			return
		}
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		msg := in[:binary.BigEndian.Uint16(length[:])]
		if _, err := io.ReadFull(conn, msg); err != nil {
			return
		}
		res := r.respond(out, msg, "tcp")
		if res.delay > 0 && !pause(ctx, res.delay) {
			return
		}
		if err := sendTCP(conn, res); err != nil {
			return
		}
	}
}

func sendTCP(conn net.Conn, res response) error {
	for _, msg := range [][]byte{res.forged, res.msg} {
		if msg == nil {
			continue
		}
		// One write, so that length and message leave in one segment.
		framed := binary.BigEndian.AppendUint16(make([]byte, 0, len(msg)+2), uint16(len(msg)))
		if _, err := conn.Write(append(framed, msg...)); err != nil {
			return err
		}
	}
	return nil
}

package rtt

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"residency/internal/residency"
)

// Delay is what several handshakes with one address and port showed. That
// none was answered is data, not an error.
type Delay struct {
	Target   netip.AddrPort
	At       time.Time         // when the first handshake began
	Tries    int               // handshakes begun
	Answered int               // of them answered, refusals included
	Min      time.Duration     // the shortest accepted one, else the shortest refused; 0: none
	Refused  bool              // none was accepted: Min is that of a refusal
	Failure  residency.Failure // why none was answered; "" if one was
	Detail   string            // the last failure in words
}

// Known reports whether the delay says anything.
func (d Delay) Known() bool { return d.Answered > 0 && d.Min > 0 }

// saysMore reports whether d is to be believed before other: an acceptance
// before a refusal, which can come from anything on the way, however short;
// then the shorter one.
func (d Delay) saysMore(other Delay) bool {
	switch {
	case !d.Known() || !other.Known():
		return d.Known()
	case d.Refused != other.Refused:
		return other.Refused
	}
	return d.Min < other.Min
}

// Defaults of a Prober.
const (
	LeastTries     = 5                      // and the default
	DefaultGap     = 200 * time.Millisecond // between two handshakes with one address
	DefaultTimeout = time.Second            // a round trip of 200 ms excludes nothing any more
	DefaultFlight  = 16
)

// Prober measures the time of TCP handshakes. It sends no data: a connection
// is closed as soon as it stands.
type Prober struct {
	// Dial opens a connection, as net.Dialer.DialContext does. It must connect
	// to the address itself: through a proxy the delay would be the proxy's.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	Now  func() time.Time // must have a monotonic clock, as time.Now has

	Tries    int           // for each target; LeastTries if less
	Gap      time.Duration // DefaultGap if 0
	Timeout  time.Duration // of one handshake; DefaultTimeout if 0
	InFlight int           // targets measured at the same time; DefaultFlight if 0
}

// Measure measures every target and returns as many delays, in the same order.
// Targets are measured side by side, the handshakes with one target one after
// another. It returns soon after ctx ends.
func (p *Prober) Measure(ctx context.Context, targets []netip.AddrPort) []Delay {
	return p.measure(ctx, targets, max(p.Tries, LeastTries))
}

func (p *Prober) measure(ctx context.Context, targets []netip.AddrPort, tries int) []Delay {
	delays := make([]Delay, len(targets))
	inFlight := orDefault(p.InFlight, DefaultFlight)
	free := make(chan struct{}, inFlight)
	var wg sync.WaitGroup
	for i, t := range targets {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			delays[i] = p.target(ctx, t, tries)
		})
	}
	wg.Wait()
	return delays
}

// target makes the handshakes with one target. After two without an answer and
// none with, no more are made: it would be knocking at a closed door.
func (p *Prober) target(ctx context.Context, t netip.AddrPort, tries int) Delay {
	d := Delay{Target: t, At: p.Now()}
	for d.Tries < tries && (d.Answered > 0 || d.Tries < 2) {
		if d.Tries > 0 {
			pause(ctx, orDefault(p.Gap, DefaultGap))
		}
		if ctx.Err() != nil {
			break
		}
		d.Tries++
		took, err := p.handshake(ctx, t)
		refused := errors.Is(err, syscall.ECONNREFUSED)
		if err != nil && !refused {
			d.Failure, d.Detail = failureOf(err), err.Error()
			continue
		}
		d.Answered++
		if now := (Delay{Answered: 1, Min: took, Refused: refused}); now.saysMore(d) {
			d.Min, d.Refused = took, refused
		}
	}
	switch {
	case d.Answered > 0:
		d.Failure, d.Detail = "", ""
	case ctx.Err() != nil:
		d.Failure, d.Detail = ended(ctx), context.Cause(ctx).Error()
	}
	return d
}

// handshake returns how long one took, up to the answer.
func (p *Prober) handshake(ctx context.Context, t netip.AddrPort) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(p.Timeout, DefaultTimeout))
	defer cancel()
	start := p.Now()
	conn, err := p.Dial(ctx, "tcp", t.String())
	took := p.Now().Sub(start)
	if err == nil {
		conn.Close() // nothing was sent, so nothing can be lost
	}
	return took, err
}

// failureOf names why a handshake had no answer.
func failureOf(err error) residency.Failure {
	var timeout interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return residency.FailTimeout
	}
	return residency.FailUnreachable
}

func ended(ctx context.Context) residency.Failure {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return residency.FailBudget
	}
	return residency.FailCancelled
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

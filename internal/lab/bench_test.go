package lab

import (
	"net"
	"sync"
	"testing"
	"time"
)

// BenchmarkRespond is one request from bytes to bytes, without sockets.
func BenchmarkRespond(b *testing.B) {
	s, err := Builtin("xiaomi-2014")
	must(b, err)
	at := s.Steps[len(s.Steps)-1].At
	for name, a := range map[string]ask{
		"addresses": {name: "app.chat.xiaomi.net.", subnet: "49.36.8.0/24"},
		"chain":     {name: "www.mi.com.", subnet: "49.36.8.0/24"},
		"nxdomain":  {name: "app01.nodes.gslb.mi-idc.com.", subnet: "2405:201:4000::/56"},
	} {
		b.Run(name, func(b *testing.B) {
			r := responderFor(b, s, at)
			req, buf := a.request(b), make([]byte, 0, maxRequest)
			b.ReportAllocs()
			for b.Loop() {
				if r.respond(buf, req, "udp").msg == nil {
					b.Fatal("no answer")
				}
			}
		})
	}
}

// BenchmarkServe is requests through real sockets: 8 clients with 32 requests
// under way each. Clients and server share the processors.
func BenchmarkServe(b *testing.B) {
	s, err := Builtin("xiaomi-2014")
	must(b, err)
	n := serve(b, s, func() time.Time { return s.Steps[0].At })
	req := ask{name: "buy.mi.com.", subnet: "49.36.8.0/24"}.request(b)
	const clients, window = 8, 32
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range clients {
		count := b.N / clients
		if i < b.N%clients {
			count++
		}
		wg.Go(func() { keepAsking(b, n.Servers[0].Addr, req, count, window) })
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
}

// keepAsking asks count times, with at most window requests unanswered.
func keepAsking(b *testing.B, addr string, req []byte, count, window int) {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	buf := make([]byte, 2048)
	for sent, got := 0, 0; got < count; {
		for ; sent < count && sent-got < window; sent++ {
			if _, err := conn.Write(req); err != nil {
				b.Error(err)
				return
			}
		}
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := conn.Read(buf); err != nil {
			b.Error(err)
			return
		}
		got++
	}
}

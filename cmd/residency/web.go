package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"residency/internal/metrics"
)

// pulse is the sign of life of a loop: when it last went round, and whether it
// has done what it takes to be of use. It may be used by several goroutines.
type pulse struct {
	last  atomic.Int64 // Unix nanoseconds; 0: never
	ready atomic.Bool
	now   func() time.Time
}

func (p *pulse) beat() { p.last.Store(p.now().UnixNano()) }

// silentFor returns how long the loop has not gone round.
func (p *pulse) silentFor() time.Duration {
	last := p.last.Load()
	if last == 0 {
		return 0
	}
	return p.now().Sub(time.Unix(0, last))
}

// page is what watch serves over HTTP.
type page struct {
	pulse   *pulse
	patient time.Duration // how long the loop may be silent and still count as alive
	figures func(context.Context) (metrics.Figures, error)
}

// handler serves /metrics, /healthz and /readyz, and nothing else.
func (p page) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.Handler(p.figures))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if silent := p.pulse.silentFor(); silent > p.patient {
			http.Error(w, fmt.Sprintf("the loop has not gone round for %s", silent.Round(time.Second)), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if !p.pulse.ready.Load() {
			http.Error(w, "the first check is not over", http.StatusServiceUnavailable)
			return
		}
		f, err := p.figures(r.Context())
		if err == nil && f.StoreUp != nil && !*f.StoreUp {
			err = errors.New("the store cannot be used")
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

// serve serves the page until ctx ends. The address is taken at once, so that
// one that cannot be is an error at the start; stop waits for the end.
func (p page) serve(ctx context.Context, listen string, log *slog.Logger) (stop func(), err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	server := &http.Server{
		Handler: p.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 1 << 14,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("serve metrics", "error", err)
		}
	}()
	log.Info("serving /metrics, /healthz and /readyz", "listen", l.Addr().String())
	return func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(end); err != nil {
			_ = server.Close() // a scrape that does not end is cut off
		}
		<-done
	}, nil
}

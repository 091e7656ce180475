package main

import (
	"context"
	"log/slog"
	"sync"

	"residency/internal/config"
	"residency/internal/dataset"
	"residency/internal/watch"
)

// keepFresh asks for newer data on the schedule of the configuration, beside
// the checks, until ctx ends. stop waits for the end. Nothing is asked at the
// start: a program that is started again and again would ask again and again.
func (e *env) keepFresh(ctx context.Context, cfg *config.Config, log *slog.Logger) (stop func(), err error) {
	if len(cfg.Schedule.GeoData) == 0 {
		return func() {}, nil
	}
	schedule, err := watch.ParseSchedule(cfg.Schedule.GeoData, cfg.Organisation.Location, e.now())
	if err != nil {
		return nil, err
	}
	sources, err := chosen(readable(cfg.Geo.Updates), nil)
	if err != nil {
		return nil, err
	}
	u, err := e.updaterFor(cfg.Geo, sources)
	if err != nil {
		return nil, err
	}
	loop := watch.Loop{
		Entries: []watch.Entry{{Name: "geo_data", Schedule: schedule}}, Patient: true,
		Now: e.now, Log: log.With("schedule", "geo_data"),
		Do: func(ctx context.Context, _ watch.Due) { logUpdate(log, u.Update(ctx)) },
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = loop.Run(ctx) }) // without a memory its error is always nil
	return wg.Wait, nil
}

// logUpdate writes one line about each source that brought something or failed.
func logUpdate(log *slog.Logger, results []dataset.Result) {
	for _, r := range results {
		switch r.Status {
		case dataset.Updated:
			log.Info("location data updated", "source", r.Name, "of", r.Dataset.Built, "records", r.Dataset.Records, "sha256", r.Dataset.SHA256)
		case dataset.Failed:
			log.Warn("location data not updated: what was in use stays in use", "source", r.Name, "error", r.Err)
		}
	}
}

// refurnish opens the location data anew when files of it have changed. When
// that fails the house goes on with what it has.
func (e *env) refurnish(ctx context.Context, h *house, log *slog.Logger) *house {
	stamp := dataset.Store{Dir: e.dataDir(h.cfg.Geo)}.Stamp()
	if stamp == h.geo.stamp {
		return h
	}
	ev, err := e.openEvidence(ctx, h.cfg.Geo)
	if err != nil {
		log.Error("open newer location data", "error", err)
		return h
	}
	other := *h
	other.geo = ev
	log.Info("location data opened anew", "datasets", len(ev.datasets), "missing", len(ev.missing))
	return &other
}

package main

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/geo"
	"residency/internal/geo/rtt"
	"residency/internal/residency"
	"residency/internal/watch"
)

// maxTargets is how many addresses, each with a port, are measured in a run.
// They come from answers of others, who must not be able to make this program
// knock at doors without end.
const maxTargets = 1000

// rttFlag is the flag --rtt.
type rttFlag struct{ on, set bool }

func (f *rttFlag) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "rtt", false, "measure how far addresses can be, from the [[vantage]] of the configuration (default [geo.rtt] enabled)")
}

// read notes whether the flag was given.
func (f *rttFlag) read(cmd *cobra.Command) { f.set = cmd.Flags().Changed("rtt") }

// apply returns the configuration with delays measured as the flag says, or as
// it says itself when the flag was not given.
func (f rttFlag) apply(cfg *config.Config) (*config.Config, error) {
	if !f.set || f.on == cfg.Geo.RTT.Enabled {
		return cfg, nil
	}
	if f.on && cfg.Geo.RTT.From == nil {
		return nil, misused("--rtt needs to know where this machine stands\nhint: add [[vantage]] with name, country and location to the configuration, and [geo.rtt] vantage = NAME if there are several")
	}
	other := *cfg
	other.Geo.RTT.Enabled = f.on
	return &other, nil
}

// farFrom returns what says how far a point is from a country. The outlines are
// read when they are asked for first.
func farFrom() func(residency.Country, float64, float64) (float64, bool) {
	load := sync.OnceValues(rtt.Load)
	return func(c residency.Country, lat, lon float64) (float64, bool) {
		o, err := load()
		if err != nil {
			return 0, false
		}
		return o.Distance(c, rtt.LatLon{Lat: lat, Lon: lon})
	}
}

// surveyor measures delays from this machine.
type surveyor struct {
	prober   rtt.Prober
	from     rtt.Vantage
	far      []rtt.FarHost
	outlines *rtt.Outlines
	locator  *geo.Locator
	at       time.Time // for the locator
}

// surveyor returns what measures delays, nil where the configuration does not
// want it.
func (h *house) surveyor(e *env, at time.Time) watch.Surveyor {
	cfg := h.cfg.Geo.RTT
	if !cfg.Enabled || cfg.From == nil || h.outlines == nil {
		return nil
	}
	s := &surveyor{
		prober:   rtt.Prober{Dial: e.dial, Now: e.now, Tries: cfg.Tries},
		from:     rtt.Vantage{Name: cfg.From.Name, At: latLon(cfg.From.Place), Within: cfg.From.Place.Within},
		outlines: h.outlines, locator: h.geo.locator, at: at,
	}
	if s.prober.Dial == nil {
		s.prober.Dial = new(net.Dialer).DialContext
	}
	for _, f := range cfg.Far {
		s.far = append(s.far, rtt.FarHost{Name: f.Name, Target: f.Target, At: latLon(f.Place), Within: f.Place.Within})
	}
	return s
}

func latLon(p config.Place) rtt.LatLon { return rtt.LatLon{Lat: p.Lat, Lon: p.Lon} }

// Survey measures the targets and makes a locator that knows what came of it.
// Without far hosts nothing could be believed, so nothing is measured.
func (s *surveyor) Survey(ctx context.Context, targets []netip.AddrPort) watch.Surveyed {
	targets = s.worth(targets)
	if len(targets) == 0 {
		return watch.Surveyed{}
	}
	measured := targets[:min(len(targets), maxTargets)]
	var survey rtt.Survey
	if len(s.far) == 0 {
		const why = "no [[geo.rtt.far]] is configured, so nothing could show that the delays are true, and none was measured"
		survey = rtt.Survey{Vantage: s.from, At: s.prober.Now(), Reason: residency.ReasonRTTUntrusted, Why: why, WhyNot4: why, WhyNot6: why}
	} else {
		survey = s.prober.Survey(ctx, s.from, rtt.Calibration{Far: s.far}, measured)
	}
	out := watch.Surveyed{Surveys: []residency.Survey{summary(survey, targets, len(targets)-len(measured))}}
	source, err := rtt.NewSource(s.outlines, survey)
	if err != nil {
		one := &out.Surveys[0]
		one.Reason, one.Why, one.WhyNot4, one.WhyNot6 = residency.ReasonRTTUntrusted, err.Error(), err.Error(), err.Error()
		return out
	}
	locator := *s.locator
	locator.Sources = append(slices.Clip(locator.Sources), source)
	out.Locator, out.Datasets = &locator, source.Datasets()
	return out
}

// worth leaves out the targets that a delay could say nothing of: addresses
// that are not on the public internet, at which nobody may be made to knock by
// an answer, and those that are in many places at once.
func (s *surveyor) worth(targets []netip.AddrPort) []netip.AddrPort {
	return slices.DeleteFunc(slices.Clone(targets), func(t netip.AddrPort) bool {
		return geo.SpecialPurpose(t.Addr()) || s.locator.Locate(t.Addr(), s.at).Veto != ""
	})
}

// summary is a survey as a run keeps it. Of an address family without targets
// it does not matter whether it is believed.
func summary(s rtt.Survey, targets []netip.AddrPort, leftOut int) residency.Survey {
	out := residency.Survey{
		Vantage: s.Vantage.Name, At: s.At, Targets: len(targets), LeftOut: leftOut,
		Reason: s.Reason, Why: s.Why,
	}
	for _, d := range s.Delays {
		if d.Answered > 0 {
			out.Answered++
		}
	}
	for _, t := range targets {
		if t.Addr().Unmap().Is4() {
			out.WhyNot4 = s.WhyNot4
		} else {
			out.WhyNot6 = s.WhyNot6
		}
	}
	return out
}

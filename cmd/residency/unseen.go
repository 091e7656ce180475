package main

import (
	"context"
	"fmt"
	"time"

	"residency/internal/config"
	"residency/internal/residency"
	"residency/internal/store"
)

// addUnseen counts the results of endpoints that came into the configuration
// after the latest check as not measured: no claim about one of them is known to
// hold. Where the configuration is that of the check there are none.
func addUnseen(ctx context.Context, cfg *config.Config, s *store.Store, run *residency.Run, now time.Time) error {
	if run.ConfigSHA256 == cfg.SHA256 {
		return nil
	}
	byKey := map[string]residency.Endpoint{}
	var keys []string
	for _, ep := range cfg.Endpoints() {
		if !ep.Retired.IsZero() && !now.Before(ep.Retired) {
			continue
		}
		keys = append(keys, ep.Key())
		byKey[ep.Key()] = ep
	}
	unseen, err := s.Unseen(ctx, keys)
	if err != nil || len(unseen) == 0 {
		return err
	}
	counted := 0
	for _, key := range unseen {
		about := false
		for i := range run.Claims {
			if c := &run.Claims[i]; isAbout(c.Claim, byKey[key]) {
				notMeasured(c, max(1, len(c.Claim.Markets)))
				about = true
			}
		}
		if about {
			counted++
		}
	}
	if counted > 0 {
		run.Notices = append(run.Notices, fmt.Sprintf("not looked at yet: %s that came into the configuration after the check", residency.Plural(counted, "host")))
	}
	return nil
}

// notMeasured adds cells that were not measured to a standing.
func notMeasured(c *residency.ClaimStanding, cells int) {
	c.Counts.NotMeasured += cells
	c.Untold += cells
	if c.Standing == residency.Holding {
		c.Standing = residency.StandingUnknown
	}
	if c.Effective == residency.Holding {
		c.Effective = residency.StandingUnknown
	}
}

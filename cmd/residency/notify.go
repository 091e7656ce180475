package main

import (
	"context"
	"fmt"
	"time"

	"residency/internal/alert"
	"residency/internal/alert/channel"
	"residency/internal/config"
	"residency/internal/residency"
)

// notifyLimit bounds the delivery of one run's messages, which comes after the
// check and outside of its budget.
const notifyLimit = 30 * time.Second

// notify tells every pending and broken claim of a run to every channel. What
// could not be delivered is one error, which names no secret.
func (e *env) notify(ctx context.Context, cfg config.Alert, run residency.Run) error {
	alerts := alert.Plan(run)
	if len(alerts) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, notifyLimit)
	defer cancel()
	channels, err := channels(cfg)
	if err != nil {
		return err
	}
	if len(channels) == 0 {
		return fmt.Errorf("notify: the configuration names no [[alert.channel]], so %d alerts were told to nobody", len(alerts))
	}
	return alert.Notify(ctx, alerts, channels)
}

// channels makes the channels of a configuration. The secrets are read now,
// not when the configuration was.
func channels(cfg config.Alert) ([]alert.Channel, error) {
	var list []alert.Channel
	for _, c := range cfg.Channels {
		if c.Type == "command" {
			list = append(list, &channel.Command{Argv: c.Command, Timeout: c.Timeout})
			continue
		}
		url, err := c.URL.Reveal()
		if err != nil {
			return nil, fmt.Errorf("channel %q: %w", c.Name, err)
		}
		list = append(list, &channel.Webhook{URL: url, Timeout: c.Timeout})
	}
	return list, nil
}

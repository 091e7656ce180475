package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"residency/internal/alert"
	"residency/internal/alert/channel"
	"residency/internal/config"
	"residency/internal/finding"
	"residency/internal/residency"
)

// notifyLimit bounds the delivery of one run's messages, which comes after the
// check and outside of its budget.
const notifyLimit = 30 * time.Second

// notify tells every pending and broken claim of a run to every channel. What
// could not be delivered is one error, which names no secret.
func (e *env) notify(ctx context.Context, cfg config.Alert, run residency.Run) error {
	var words *alert.Templates // the program's own
	alerts := words.Messages(finding.OfRun(run))
	if len(alerts) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, notifyLimit)
	defer cancel()
	list, err := channels(cfg)
	if len(cfg.Channels) == 0 {
		return fmt.Errorf("notify: the configuration names no [[alert.channel]], so %s told to nobody", residency.Plural(len(alerts), "alert"))
	}
	return errors.Join(err, alert.Notify(ctx, alerts, list))
}

// channels makes the channels of a configuration. The secrets are read now,
// not when the configuration was. A channel whose secret cannot be read is in
// the error, and the others are made all the same.
func channels(cfg config.Alert) ([]alert.Channel, error) {
	var list []alert.Channel
	var errs []error
	for _, c := range cfg.Channels {
		if c.Type == "command" {
			list = append(list, &channel.Command{Argv: c.Command, Timeout: c.Timeout})
			continue
		}
		url, err := c.URL.Reveal()
		if err != nil {
			errs = append(errs, fmt.Errorf("channel %q: %w", c.Name, err))
			continue
		}
		list = append(list, &channel.Webhook{URL: url, Timeout: c.Timeout})
	}
	return list, errors.Join(errs...)
}

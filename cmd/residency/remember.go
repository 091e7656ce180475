package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"residency/internal/config"
	"residency/internal/finding"
	"residency/internal/policy"
	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/watch"
)

// gathering is how long what a run found waits for what else it finds, so that
// people get one message of it: a run saves what it learns in parts.
const gathering = 10 * time.Second

// remember lets the engine's runs be remembered: its verdicts look back over
// the window, and what follows from them (findings, and what is to be told) is
// saved with them. Of the monitor's own troubles the run shows most itself; the
// others are handed in.
func (h *house) remember(engine *watch.Engine, s *store.Store, troubles ...finding.Trouble) {
	engine.Memory, engine.Window, engine.Confirm = s, h.cfg.Schedule.Window, policy.DefaultConfirmations()
	claims := map[string]residency.Claim{}
	for _, c := range h.claims {
		claims[c.ID] = c
	}
	tracker := &finding.Tracker{Claims: claims, Hold: gathering}
	engine.Track = tracker.Track
	engine.Conclude = func(run residency.Run, open []residency.Finding, told []residency.Told) residency.RunEnd {
		state := finding.State{Run: run, Findings: open, Told: told, Endpoints: engine.Endpoints, Troubles: troubles, Reasons: map[string]residency.Reason{}}
		for _, c := range run.Claims {
			state.Reasons[c.Claim.ID] = run.MainReason(c.Claim.ID)
		}
		findings, alerts, kept := tracker.Conclude(state)
		return residency.RunEnd{Findings: findings, Alerts: alerts, Told: kept}
	}
}

// The forms in which the evidence log keeps what is judged by, and what people
// are told by. They hold no secret.
type (
	configRecord struct {
		Schema    string               `json:"schema"` // "residency/config/v1"
		SHA256    string               `json:"sha256"` // of the files
		Window    string               `json:"window"`
		Confirm   policy.Confirmations `json:"confirm"`
		Markets   []residency.Country  `json:"markets"`
		Claims    []residency.Claim    `json:"claims"`
		Endpoints []residency.Endpoint `json:"endpoints"`
		Servers   []serverRecord       `json:"servers"`
		Channels  []channelRecord      `json:"channels"`
	}
	serverRecord struct {
		Name          string              `json:"name"`
		Addresses     []string            `json:"addresses"` // without user, path or query
		Operator      string              `json:"operator"`
		PassesSubnets bool                `json:"passes_subnets"`
		Authoritative bool                `json:"authoritative"`
		StandsIn      []residency.Country `json:"stands_in"`
		Iterative     bool                `json:"iterative"`
	}
	channelRecord struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
)

// recordConfig has the evidence log keep what runs are judged by and people are
// told by, whenever it is another than what it kept last: configuration,
// waivers and corrections, each by itself.
func (e *env) recordConfig(ctx context.Context, h *house, s *store.Store) error {
	return errors.Join(
		e.recordFiles(ctx, s, h.cfg),
		e.recordOnce(ctx, s, "waivers", h.cfg.Waivers),
		e.recordOnce(ctx, s, "corrections", h.cfg.Geo.Corrections),
	)
}

// recordFiles records the configuration. It follows from the bytes of its files
// and from the program, so where both are those of the last time it is not even
// put together: a large one takes longer than looking at a thousand names.
func (e *env) recordFiles(ctx context.Context, s *store.Store, cfg *config.Config) error {
	const memo = "recorded/config/from"
	from, last := cfg.SHA256+" "+version+" "+buildCommit(), ""
	if _, err := s.Memo(ctx, memo, &last); err != nil {
		return fmt.Errorf("record config: %w", err)
	}
	if from == last {
		return nil
	}
	if last != "" { // where the program is killed before the end of this, the next one looks
		if err := s.SetMemo(ctx, memo, ""); err != nil {
			return fmt.Errorf("record config: %w", err)
		}
	}
	if err := e.recordOnce(ctx, s, "config", configRecordOf(cfg)); err != nil {
		return err
	}
	return s.SetMemo(ctx, memo, from)
}

func configRecordOf(cfg *config.Config) configRecord {
	c := configRecord{
		Schema: "residency/config/v1", SHA256: cfg.SHA256, Window: cfg.Schedule.Window.String(),
		Confirm: policy.DefaultConfirmations(), Claims: cfg.Claims, Endpoints: cfg.Endpoints(),
	}
	for _, m := range cfg.Markets {
		c.Markets = append(c.Markets, m.Code)
	}
	for _, v := range cfg.Resolve.Servers {
		r := serverRecord{
			Name: v.Name, Operator: v.Operator, PassesSubnets: v.PassesSubnets, Authoritative: v.Authoritative,
			StandsIn: v.StandsIn, Iterative: v.Iterative != nil,
		}
		for _, a := range v.Addresses {
			r.Addresses = append(r.Addresses, withoutSecrets(a))
		}
		c.Servers = append(c.Servers, r)
	}
	for _, ch := range cfg.Alert.Channels {
		c.Channels = append(c.Channels, channelRecord{ch.Name, ch.Type})
	}
	return c
}

// sharedStore says that the store was last used with another configuration
// file: each of the two ends what the other found, since nobody asks about it
// any more. "" when it was not.
func (e *env) sharedStore(ctx context.Context, h *house, s *store.Store) string {
	const memo = "config/path"
	path, err := filepath.Abs(h.cfg.Path)
	if err != nil {
		return ""
	}
	var last string
	if _, err := s.Memo(ctx, memo, &last); err != nil || last == path {
		return ""
	}
	if err := s.SetMemo(ctx, memo, path); err != nil || last == "" {
		return ""
	}
	return fmt.Sprintf("the store %s was last used with another configuration, %s: what only that one asks about counts as no longer asked. Give each its own [store] path", s.Path(), last)
}

// recordOnce records a value unless it is what was recorded of its kind last.
func (e *env) recordOnce(ctx context.Context, s *store.Store, kind string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("record %s: %w", kind, err)
	}
	memo := "recorded/" + kind
	var last residency.Hash
	if _, err := s.Memo(ctx, memo, &last); err != nil {
		return fmt.Errorf("record %s: %w", kind, err)
	}
	hash := residency.HashOf(body)
	if hash == last || last == (residency.Hash{}) && string(body) == "null" {
		return nil
	}
	if err := s.SetMemo(ctx, memo, residency.HashOf(nil)); err != nil { // of no value: a program that is killed now leaves it to the next
		return fmt.Errorf("record %s: %w", kind, err)
	}
	who, err := e.person("")
	if err != nil {
		who = "" // a check is not kept from looking because the machine does not say who runs it
	}
	if err := s.Record(ctx, residency.Record{Kind: kind, At: e.now(), By: who, Body: body}); err != nil {
		return fmt.Errorf("record %s: %w", kind, err)
	}
	return s.SetMemo(ctx, memo, hash)
}

// withoutSecrets returns an address of a server without what may be a key to
// it: user, path and query of a URL.
func withoutSecrets(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	return u.Scheme + "://" + u.Host
}

package main

import (
	"io"
	"testing"
)

// TestShippedConfig: every client subnet of the shipped configuration still
// stands for its market, and there are several for each.
func TestShippedConfig(t *testing.T) {
	t.Parallel()
	e := testEnv(io.Discard, io.Discard)
	cfg, err := e.loader().Load("../../config.toml")
	if err != nil {
		t.Fatal(err)
	}
	ev, err := openPicked(t.Context(), cfg.Geo, picked{})
	if err != nil {
		t.Fatal(err)
	}
	markets, notices := ev.settle(cfg.Markets, cfg.Resolve, scriptClock)
	for _, n := range notices {
		t.Errorf("config.toml: %s", n)
	}
	for _, m := range markets {
		if len(m.Subnets) < 3 {
			t.Errorf("config.toml: market %s has %d client subnets, want several", m.Code, len(m.Subnets))
		}
	}
}

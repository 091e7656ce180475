package main

import (
	"slices"
	"testing"

	"residency/internal/config"
	"residency/internal/geo/prefix"
)

// TestRangeProviders holds that the configuration takes every provider whose
// list can be read, and no other.
func TestRangeProviders(t *testing.T) {
	t.Parallel()
	if got, want := config.RangeProviders(), prefix.Providers(); !slices.Equal(got, want) {
		t.Errorf("[[geo.provider_ranges]] takes %v, and %v can be read", got, want)
	}
}

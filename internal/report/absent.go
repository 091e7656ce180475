package report

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"residency/internal/residency"
)

// rememberedWords says what earlier runs have to do with a result: that it was
// seen too few times yet, or not in this run; "" where they say the same.
func rememberedWords(run *residency.Run, c *residency.Cell) string {
	at := func(t time.Time) string { return moment(t.In(run.At.Location())) }
	switch {
	case c.Confirm != (residency.Confirmation{}):
		return fmt.Sprintf("seen in %d of %s", c.Confirm.Seen, residency.Plural(c.Confirm.Needed, "run"))
	case !c.LastOutside.IsZero() && !c.ClearFrom.IsZero():
		return "last seen " + at(c.LastOutside) + ", not since " + at(c.ClearFrom)
	case !c.LastOutside.IsZero():
		return "last seen " + at(c.LastOutside) + ", and not everything was answered since"
	}
	return ""
}

// prefix writes a prefix, "" for none.
func prefix(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}

// known returns nil, JSON's null, for the zero time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// written returns nil, JSON's null, for no date.
func written(d residency.Date) *residency.Date {
	if d.IsZero() {
		return nil
	}
	return &d
}

// some returns the list, never nil, so that JSON has [] and not null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return slices.Clip(list)
}

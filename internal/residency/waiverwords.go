package residency

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// LastDay returns the last day on which the waiver holds, by the clock of the
// organisation.
func (w Waiver) LastDay() Date { return DateOf(w.Until.Add(-time.Nanosecond)) }

// Words returns the waiver as it is named beside what it covers.
func (w Waiver) Words() string { return w.ID + " until " + w.LastDay().Human() }

// WaiverWords names the waivers with the given ids, and until when each holds.
func (r Run) WaiverWords(ids ...string) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = id
		if at := slices.IndexFunc(r.Waivers, func(w Waiver) bool { return w.ID == id }); at >= 0 {
			words[i] = r.Waivers[at].Words()
		}
	}
	return strings.Join(words, ", ")
}

// ClaimWords returns what is said of a claim of the run as a whole, with what
// waivers cover of it.
func (r Run) ClaimWords(s ClaimStanding) string {
	words := s.Words(r.MainReason(s.Claim.ID))
	if len(s.Waived) == 0 {
		return words
	}
	waivers := r.WaiverWords(s.Waived...)
	switch {
	case s.Effective == Holding && s.Standing == StandingUnknown:
		if s.Counts.Inside == 0 {
			return fmt.Sprintf("cannot be told, and accepted as unknown (waived %s)", waivers)
		}
		return fmt.Sprintf("nothing seen outside except %s accepted as unknown (waived %s)", Plural(s.Counts.Waived, "result"), waivers)
	case s.Effective == Holding:
		return fmt.Sprintf("%s (waived %s)", words, waivers)
	}
	return fmt.Sprintf("%s; %s waived (%s)", words, Plural(s.Counts.Waived, "result"), waivers)
}

// Scope says what the waiver covers, in words.
func (w Waiver) Scope() string {
	parts := []string{strings.Join(w.Claims, ", ")}
	for _, list := range [][]string{w.Services, w.Hosts} {
		if len(list) > 0 {
			parts = append(parts, strings.Join(list, ", "))
		}
	}
	if len(w.Markets) > 0 {
		parts = append(parts, "users in "+strings.Join(CountriesOf(w.Markets...).Codes(), ", "))
	}
	var what []string
	for _, v := range w.Verdicts {
		words := v.Words()
		if v == Outside {
			words += " in " + w.Countries.Names()
		}
		what = append(what, words)
	}
	return strings.Join(append(parts, strings.Join(what, ", or ")), "; ")
}

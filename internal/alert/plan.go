// Package alert plans who is told what about a run, and has it sent.
//
// Planning is pure: a run in, messages out, one for each claim that has
// something outside. Seven markets are one message that lists them. Sending is
// done by channels (package channel); Notify tries every one.
//
// It keeps no memory yet: each run that finds a claim broken tells so again,
// and the message says that. A receiver that wants to hear of a thing once can
// join on the alert's Key.
package alert

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"residency/internal/residency"
)

// Plan returns what is to be told of the run: one alert for each claim that is
// pending or broken, broken ones first, then by vendor and claim.
//
// Nothing is told of a run judged as of another time (check --at), nor of a
// claim that is historic, withdrawn or superseded: those are shown to who asks,
// and accuse nobody.
func Plan(run residency.Run) []residency.Notification {
	if run.Simulated {
		return nil
	}
	var alerts []residency.Notification
	for _, s := range run.Claims {
		if !s.Claim.Live() || (s.Standing != residency.Pending && s.Standing != residency.Broken) {
			continue
		}
		alerts = append(alerts, residency.Notification{
			Key:      Key(s.Claim.Vendor, s.Claim.ID, s.Standing),
			Claim:    s.Claim.ID,
			Vendor:   s.Claim.Vendor,
			Standing: s.Standing,
			At:       run.At,
			Subject:  subject(run, s),
			Text:     text(run, s, gather(run, s.Claim)),
			Run:      run.ID,
		})
	}
	slices.SortStableFunc(alerts, func(a, b residency.Notification) int {
		return cmp.Or(
			-cmp.Compare(a.Standing, b.Standing),
			cmp.Compare(a.Vendor, b.Vendor),
			cmp.Compare(a.Claim, b.Claim),
		)
	})
	return alerts
}

// Key returns the stable key of what is told about a claim: the same for the
// same vendor, claim and standing in every run and on every machine. It is 32
// hexadecimal digits.
func Key(vendor, claim string, standing residency.Standing) string {
	h := sha256.New()
	for _, part := range []string{"residency/alert/v1", vendor, claim, standing.String()} {
		// The length goes before the text, so that no two triples of names
		// can run together into the same bytes.
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

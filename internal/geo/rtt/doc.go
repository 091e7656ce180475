// Package rtt turns measured delay into where an address cannot be. A signal
// and its answer cannot be faster than light, so the time of a TCP handshake
// bounds how far away the other end is, and countries beyond that are excluded.
//
//	survey := prober.Survey(ctx, vantage, calibration, targets)
//	outlines, err := rtt.Load()
//	source, err := rtt.NewSource(outlines, survey)
//	said := source.Assert(addr, nil) // a geo.Source
//
// It removes countries and never adds one: a small delay shows nearness to the
// vantage and to everything around it. It cannot tell places apart that are
// near each other (Singapore from Johor, Hong Kong from Shenzhen), and a large
// delay says nothing, as anything can be slow.
//
// Whoever answers in the place of others (a proxy, a middlebox) makes far
// things look near. So a survey is calibrated while it runs, and when the
// calibration does not hold, or shows nothing, every delay of it is dropped.
package rtt

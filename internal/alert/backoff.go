package alert

import (
	"errors"
	"time"
)

// Times between tries. The first is short, since most failures are; the
// longest is an hour, so that a receiver that was away for days hears within
// the hour of its return.
const (
	firstWait   = 30 * time.Second
	longestWait = time.Hour

	// longestAsked is the most of a Retry-After that is believed.
	longestAsked = 6 * time.Hour
)

// backoff returns how long to wait after the given number of failed tries: the
// double of the time before, up to an hour, less up to a half of it by chance
// (random is from 0 to 1), so that what failed together is not tried together.
func backoff(tries int, random float64) time.Duration {
	wait := longestWait
	if tries < 1 {
		tries = 1
	}
	if shift := tries - 1; shift < 16 {
		wait = min(firstWait<<shift, longestWait)
	}
	return wait - time.Duration(random*float64(wait)/2)
}

// permanent reports whether trying again is of no use. A channel's error says
// so by a method, so that the two packages need not know each other.
func permanent(err error) bool {
	var e interface{ Permanent() bool }
	return errors.As(err, &e) && e.Permanent()
}

// askedWait returns how long the receiver asked to be left alone, capped.
func askedWait(err error) time.Duration {
	var e interface{ RetryAfter() time.Duration }
	if !errors.As(err, &e) {
		return 0
	}
	return min(e.RetryAfter(), longestAsked)
}

// bucket says how many messages may be sent: so many a minute, and as many at
// once after a quiet minute.
type bucket struct {
	perMinute int
	left      float64
	last      time.Time
}

// room returns how many may be sent at now, at most.
func (b *bucket) room(now time.Time) int {
	if b.last.IsZero() || now.Before(b.last) { // the start, or the clock was set back
		if b.last.IsZero() {
			b.left = float64(b.perMinute)
		}
		b.last = now
	}
	b.left = min(b.left+now.Sub(b.last).Minutes()*float64(b.perMinute), float64(b.perMinute))
	b.last = now
	return int(b.left)
}

// use notes that one was sent.
func (b *bucket) use() { b.left-- }

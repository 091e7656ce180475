package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
	"residency/internal/store"
)

// The keys of findings and messages are 32 hexadecimal digits. As of a commit
// in git their beginning will do, if nothing else begins with it.
const (
	keyLength   = 32
	shortestKey = 6
)

// meant is what a key stands for: one of the two.
type meant struct {
	finding *residency.Finding
	message *residency.Delivery
}

// find returns the finding that a key, or the beginning of one, stands for; with
// messages also the message.
func find(ctx context.Context, s *store.Store, given string, messages bool) (meant, error) {
	key := strings.ToLower(strings.TrimSpace(given))
	all, err := s.Findings(ctx, store.Which{})
	if err != nil {
		return meant{}, failed(err)
	}
	found := slices.DeleteFunc(slices.Clone(all), func(f residency.Finding) bool { return !strings.HasPrefix(f.Key, key) })
	var posts []residency.Delivery
	if messages {
		if posts, err = messagesBy(ctx, s, key, store.Post{}); err != nil {
			return meant{}, failed(err)
		}
	}
	what := "finding"
	if messages {
		what = "finding and no message"
	}
	candidates := theirKeys(found) + theirMessages(posts)
	if candidates == "" {
		candidates = theirKeys(all)
	}
	if err := single(given, what, candidates, len(found)+len(posts)); err != nil {
		return meant{}, err
	}
	if len(found) == 1 {
		return meant{finding: &found[0]}, nil
	}
	return meant{message: &posts[0]}, nil
}

// single is nil where what was given stands for one thing, and otherwise says
// what it could be.
func single(given, what, candidates string, n int) error {
	switch {
	case n == 0 || strings.TrimSpace(given) == "":
		return failed(fmt.Errorf("there is no %s %q%s\nhint: \"residency finding list\" shows the keys of findings, \"residency alert list\" those of messages", what, given, candidates))
	case n > 1:
		return misused("%q is the beginning of %d keys%s", given, n, candidates)
	case len(given) < shortestKey:
		return misused("%q is too short for a key: give at least its first %d signs%s", given, shortestKey, candidates)
	}
	return nil
}

// messagesBy returns the messages whose keys begin so, of those asked for.
func messagesBy(ctx context.Context, s *store.Store, key string, of store.Post) ([]residency.Delivery, error) {
	if len(key) == keyLength {
		of.Key = key
	}
	list, err := s.Deliveries(ctx, of)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(d residency.Delivery) bool { return !strings.HasPrefix(d.Notification.Key, key) }), nil
}

// mostKeys is how many candidates an error lists.
const mostKeys = 20

// theirKeys lists findings in hints, the latest of many.
func theirKeys(list []residency.Finding) string {
	var text strings.Builder
	for _, f := range list[max(0, len(list)-mostKeys):] {
		fmt.Fprintf(&text, "\nhint: %s is %s for users in %s, against %s, since %s", f.Key, f.Host, f.Market, f.Claim, f.Opened.UTC().Format(time.DateOnly))
	}
	return text.String()
}

// theirMessages lists messages in hints, the latest of many.
func theirMessages(list []residency.Delivery) string {
	var text strings.Builder
	for _, d := range list[:min(len(list), mostKeys)] {
		n := d.Notification
		fmt.Fprintf(&text, "\nhint: %s is a message to %s of %s: %s", n.Key, n.Channel, d.Fixed.UTC().Format(time.DateOnly), n.Subject)
	}
	return text.String()
}

// about returns which findings a key stands for: that of a finding itself, or
// the open ones that the message with that key told of.
func about(ctx context.Context, s *store.Store, given string) (store.Which, error) {
	m, err := find(ctx, s, given, true)
	switch {
	case err != nil:
		return store.Which{}, err
	case m.finding != nil:
		return store.Which{Keys: []string{m.finding.Key}}, nil
	}
	q := store.Which{State: store.StateOpen}
	for _, a := range m.message.Notification.Alerts {
		if a.Finding != nil && !slices.Contains(q.Keys, a.Finding.Key) {
			q.Keys = append(q.Keys, a.Finding.Key)
		}
	}
	if len(q.Keys) == 0 {
		return q, failed(fmt.Errorf("message %s tells of no finding", m.message.Notification.Key))
	}
	return q, nil
}

// oneFinding stands for the finding with the key, or with the one that begins so.
func oneFinding(given string) func(context.Context, *store.Store) (store.Which, error) {
	return func(ctx context.Context, s *store.Store) (store.Which, error) {
		m, err := find(ctx, s, given, false)
		if err != nil {
			return store.Which{}, err
		}
		return store.Which{Keys: []string{m.finding.Key}}, nil
	}
}

// parked returns the key of the parked message that was meant.
func parked(ctx context.Context, s *store.Store, given string) (string, error) {
	list, err := messagesBy(ctx, s, strings.ToLower(given), store.Post{Parked: true})
	if err != nil {
		return "", failed(err)
	}
	if len(list) == 0 {
		return "", failed(errors.New("no parked message " + given + "\nhint: \"residency alert list --parked\" shows them"))
	}
	if err := single(given, "parked message", theirMessages(list), len(list)); err != nil {
		return "", err
	}
	return list[0].Notification.Key, nil
}

package ledger

import (
	"context"
	"errors"
	"fmt"

	"residency/internal/residency"
)

// learnKeys finds out which keys the log was signed with, and holds the latest
// checkpoint to them.
func (s *Signer) learnKeys(ctx context.Context, kept residency.Checkpoint, size int64) error {
	s.chain, s.gaps, s.read = nil, nil, 0
	if err := s.readKeys(ctx, size); err != nil {
		return err
	}
	if kept.Size == 0 {
		return nil
	}
	if _, _, err := OpenCheckpoint(kept.Note, s.known()...); err != nil {
		return tampered(-1, "signed with a key of the log", err, "the last checkpoint of the store")
	}
	return nil
}

// readKeys reads the leaves that were not read yet for keys and gaps.
func (s *Signer) readKeys(ctx context.Context, size int64) error {
	if size <= s.read {
		return nil
	}
	more, err := logActs(ctx, s.Log, s.read, size)
	if err != nil {
		return err
	}
	s.chain, s.gaps, s.read = append(s.chain, more.keys...), append(s.gaps, more.givenUp...), size
	return nil
}

// mySign reports whether it is for our key to sign the log at the given size,
// and returns the size to sign. A log without a key gets ours on record first,
// so that it says itself who signs it.
//
// A key that another follows signs once more: the checkpoint that covers the
// record of its successor. That is what makes the successor believable.
func (s *Signer) mySign(ctx context.Context, size int64) (int64, error) {
	if err := s.readKeys(ctx, size); err != nil {
		return 0, err
	}
	ours, n := s.Key.Public(), len(s.chain)
	if n == 0 {
		return s.introduce(ctx, size)
	}
	last := s.chain[n-1]
	vouched := s.last.Size > last.leaf || n == 1
	switch {
	case last.key.String() == ours.String() && vouched:
		return size, nil
	case last.key.String() == ours.String():
		return 0, fmt.Errorf("the key before, %s, has to sign the record of the new one\nhint: run \"residency seal\" once with the key before", s.chain[n-2].key)
	case n > 1 && s.chain[n-2].key.String() == ours.String() && !vouched:
		return size, nil
	}
	return 0, fmt.Errorf("the log is signed with the key %s, not with %s\nhint: \"residency key rotate\" goes over to a new key", last.key, ours)
}

// introduce puts our key on record, and returns the size of the log then.
func (s *Signer) introduce(ctx context.Context, size int64) (int64, error) {
	if s.Record == nil {
		return size, nil
	}
	body := canonical(KeyChange{Schema: keySchema, Key: s.Key.Public().String()})
	if err := s.Record(ctx, residency.Record{Kind: "key", At: s.Now(), Body: body}); err != nil {
		return 0, fmt.Errorf("record key: %w", err)
	}
	size, err := s.Log.Size(ctx)
	if err != nil {
		return 0, fmt.Errorf("read size of log: %w", err)
	}
	return size, s.readKeys(ctx, size)
}

// Rotate goes over to another key of the same origin: it puts that on record,
// and signs the record with the key so far. From then on only the next key
// signs. by says who did so.
func (s *Signer) Rotate(ctx context.Context, next Public, by string) (residency.Checkpoint, error) {
	ours := s.Key.Public()
	if next.Origin() != ours.Origin() {
		return residency.Checkpoint{}, fmt.Errorf("rotate key: the next key is of the log %q, this log is %q", next.Origin(), ours.Origin())
	}
	if next.String() == ours.String() {
		return residency.Checkpoint{}, errors.New("rotate key: it is the key in use")
	}
	if _, err := s.Sign(ctx); err != nil { // so that the log is ours to begin with
		return residency.Checkpoint{}, err
	}
	body := canonical(KeyChange{Schema: keySchema, Key: next.String(), Former: ours.String()})
	if err := s.Record(ctx, residency.Record{Kind: "key", At: s.Now(), By: by, Body: body}); err != nil {
		return residency.Checkpoint{}, fmt.Errorf("record key: %w", err)
	}
	return s.Sign(ctx)
}

package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"residency/internal/residency"
)

// learnKeys finds out which keys the log was signed with, and holds the latest
// checkpoint to them.
func (s *Signer) learnKeys(ctx context.Context, kept residency.Checkpoint, size int64) error {
	s.chain, s.gaps, s.read = nil, nil, 0
	if err := s.readKeys(ctx, size); err != nil {
		return err
	}
	_, err := s.signedBy(kept)
	return err
}

// signedBy returns the key that signed a checkpoint of the store: ours, where it
// is one of several. What the store says of it must be what was signed.
func (s *Signer) signedBy(kept residency.Checkpoint) (Public, error) {
	if kept.Size == 0 {
		return Public{}, nil
	}
	said, by, err := OpenCheckpoint(kept.Note, s.Key.Public())
	if err != nil {
		said, by, err = OpenCheckpoint(kept.Note, s.known()...)
	}
	switch {
	case err != nil:
		return Public{}, tampered(-1, "signed with a key of the log", err, "the last checkpoint of the store")
	case said.Size != kept.Size || said.Root != kept.Root:
		return Public{}, tampered(-1, TreeState{said.Size, said.Root}, TreeState{kept.Size, kept.Root},
			"what the store says of its last checkpoint is not what was signed")
	}
	return by, nil
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
// record of its successor. That is what makes the successor believable, so it is
// signed for a successor that we were told of (Accept, Rotate) and for no other:
// whoever can write to the store can put a key on record.
func (s *Signer) mySign(ctx context.Context, size int64) (int64, error) {
	if err := s.readKeys(ctx, size); err != nil {
		return 0, err
	}
	by, err := s.signedBy(s.last)
	if err != nil {
		return 0, err
	}
	ours, keys := s.Key.Public().String(), changes(s.chain)
	if len(keys) == 0 {
		return s.introduce(ctx, size)
	}
	covered := slices.IndexFunc(keys, func(k keyAct) bool { return k.leaf >= s.last.Size })
	switch {
	case covered < 0:
		covered = len(keys)
	case covered == 0: // nothing is signed: the first key has nobody to vouch for it
		covered = 1
	}
	now, next := keys[covered-1], keys[covered:]
	switch last := keys[len(keys)-1].key.String(); {
	case len(next) == 0 && last == ours && (len(keys) == 1 || by.String() == ours || s.follows(keys, by)):
		return size, nil
	case now.key.String() == ours && len(next) == 1 && last == s.Accept.String():
		return size, nil
	case now.key.String() == ours && len(next) > 0:
		return 0, &foreignKeyError{tampered(next[0].leaf, "a key that ours vouches for", next[0].key, "a record names the key that signs the log next")}
	case len(next) == 1 && last == ours:
		return 0, fmt.Errorf("the key before, %s, has to sign the record of the new one\nhint: run \"residency seal --accept-key KEY\" once with the key before, KEY being the new one", now.key)
	}
	return 0, fmt.Errorf("the log is signed with the key %s, not with %s\nhint: \"residency key rotate\" goes over to a new key; where nobody did, somebody else wrote to the store, and \"residency verify\" says more", keys[len(keys)-1].key, ours)
}

// follows reports whether our key, the last of the log, was vouched for by the
// key before it, which signed the last checkpoint, and is new. One that comes
// back would be no proof: another could have stood in between.
func (s *Signer) follows(keys []keyAct, by Public) bool {
	n, ours := len(keys), s.Key.Public().String()
	return n > 1 && keys[n-2].key.String() == by.String() &&
		!slices.ContainsFunc(keys[:n-1], func(k keyAct) bool { return k.key.String() == ours })
}

// changes returns the records of keys that change the key. Two processes that
// begin a log at the same time both put theirs on record.
func changes(chain []keyAct) []keyAct {
	return slices.CompactFunc(slices.Clone(chain), func(a, b keyAct) bool { return a.key.String() == b.key.String() })
}

// foreignKeyError is the TamperError of a key that is on record and that nobody
// told us of.
type foreignKeyError struct{ *TamperError }

// Unwrap returns the TamperError.
func (e *foreignKeyError) Unwrap() error { return e.TamperError }

// isForeignKey reports whether it is a key on record that is in the way.
func isForeignKey(err error) bool {
	_, ok := errors.AsType[*foreignKeyError](err)
	return ok
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
	if slices.ContainsFunc(s.chain, func(k keyAct) bool { return k.key.String() == next.String() }) {
		return residency.Checkpoint{}, errors.New("rotate key: the log was signed with the next key before; it has to be a new one")
	}
	body := canonical(KeyChange{Schema: keySchema, Key: next.String(), Former: ours.String()})
	if err := s.Record(ctx, residency.Record{Kind: "key", At: s.Now(), By: by, Body: body}); err != nil {
		return residency.Checkpoint{}, fmt.Errorf("record key: %w", err)
	}
	s.Accept = next
	return s.Sign(ctx)
}

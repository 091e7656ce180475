package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"residency/internal/residency"
)

// Book keeps checkpoints beside the log they are about.
type Book interface {
	// SaveCheckpoint keeps a checkpoint, in place of one of the same size.
	SaveCheckpoint(ctx context.Context, cp residency.Checkpoint) error

	// LastCheckpoint returns the one of the largest size, the zero Checkpoint
	// when there is none.
	LastCheckpoint(ctx context.Context) (residency.Checkpoint, error)
}

// Growth proves that the tree of a checkpoint grew out of a smaller one.
type Growth = func(ctx context.Context, from int64) ([]residency.Hash, error)

// Anchor has somebody else confirm a checkpoint, and returns it with that: a
// witness's signature, a time stamp.
type Anchor func(ctx context.Context, cp residency.Checkpoint, grown Growth) (residency.Checkpoint, error)

// Publisher puts a checkpoint where others can keep it.
type Publisher func(ctx context.Context, cp residency.Checkpoint) error

// Signer follows a log and signs what is committed. One call at a time.
type Signer struct {
	Log  Log
	Book Book
	Key  *Key

	// Record puts something on record in the log: the key, before it signs for
	// the first time.
	Record func(ctx context.Context, r residency.Record) error

	// Accept is the key that is to follow ours, where its record is in the log
	// already and ours has not signed that yet. Any other key on record that ours
	// did not sign is a TamperError. The zero Public: none is to follow.
	Accept Public

	// File keeps the latest checkpoint outside of the store, so that a store
	// that was cut short or swapped is noticed. "" for none.
	File string

	// Anchors confirm a checkpoint before it is kept, Publish tells it
	// afterwards. What fails there is logged, and the checkpoint stands.
	Anchors []Anchor
	Publish []Publisher

	// Every is the time between two looks at the log, at least; 0: a minute.
	Every time.Duration
	// Wake cuts the wait short; nil: nobody does.
	Wake <-chan struct{}

	// Outcome is told what came of every try of Run, nil where nothing failed. It
	// may be nil.
	Outcome func(ctx context.Context, err error)

	Now    func() time.Time
	Logger *slog.Logger // nil: nothing is logged

	last  residency.Checkpoint // the latest that was compared with the tree
	begun bool
	filed residency.Checkpoint // the one in the file, when it was compared
	chain []keyAct             // the keys that the log names
	gaps  []gapAct             // the gaps that it names
	read  int64                // leaves that were read for those

	foreign bool // the look before this one found a key that nobody told us of
}

// Run signs until ctx ends. It returns a TamperError as soon as the log is not
// one that grew out of what was signed before, and signs nothing more then.
// Anything else that fails is logged and tried again.
func (s *Signer) Run(ctx context.Context) error {
	every := s.Every
	if every <= 0 {
		every = time.Minute
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.Wake:
		case <-timer.C:
		}
		cp, err := s.Sign(ctx)
		hasty := isForeignKey(err) && !s.foreign
		s.foreign = isForeignKey(err)
		if s.Outcome != nil && !hasty && ctx.Err() == nil {
			s.Outcome(ctx, err)
		}
		switch {
		case hasty: // or a rotation is under way, which signs its record at once
			s.logger().Warn("the log names another key; it is looked at once more", "error", err)
		case IsTamper(err):
			s.logger().Error("the evidence log is not what was signed before; nothing more is signed", "error", err)
			return err
		case err != nil && ctx.Err() == nil:
			s.logger().Error("sign checkpoint", "error", err)
		case cp.Size > 0:
			s.logger().Info("signed checkpoint", "leaves", cp.Size, "root", cp.Root.String())
		}
		timer.Reset(every)
	}
}

// Sign signs a checkpoint of what is committed, and returns it; the zero
// Checkpoint when everything is signed already. The first call compares the
// tree with the latest checkpoints, as Compare does.
func (s *Signer) Sign(ctx context.Context) (residency.Checkpoint, error) {
	if !s.begun {
		if err := s.Compare(ctx); err != nil {
			return residency.Checkpoint{}, err
		}
	}
	size, err := s.Log.Size(ctx)
	if err != nil {
		return residency.Checkpoint{}, fmt.Errorf("read size of log: %w", err)
	}
	if err := s.catchUp(ctx, size); err != nil {
		return residency.Checkpoint{}, err
	}
	if size, err = s.mySign(ctx, size); err != nil || size == s.last.Size {
		return residency.Checkpoint{}, err
	}
	if err := s.holds(ctx, s.last, size, "the last checkpoint"); err != nil {
		return residency.Checkpoint{}, err
	}
	root, err := Root(ctx, s.Log, size)
	if err != nil {
		return residency.Checkpoint{}, err
	}
	cp, err := s.Key.Sign(size, root, s.Now())
	if err != nil {
		return residency.Checkpoint{}, err
	}
	cp = s.anchored(ctx, cp)
	return cp, s.keep(ctx, cp)
}

// catchUp takes in what another process signed in the meantime.
func (s *Signer) catchUp(ctx context.Context, size int64) error {
	kept, err := s.Book.LastCheckpoint(ctx)
	if err != nil {
		return fmt.Errorf("read last checkpoint: %w", err)
	}
	if kept.Size <= s.last.Size || kept.Size > size { // more was added since size was read
		return nil
	}
	if s.givenUp(kept) {
		return nil
	}
	if err := s.holds(ctx, kept, size, "the last checkpoint of the store"); err != nil {
		return err
	}
	if err := s.readKeys(ctx, size); err != nil {
		return err
	}
	if _, err := s.signedBy(kept); err != nil {
		return err
	}
	s.last = kept
	return nil
}

// givenUp reports whether a checkpoint of the store was given up on record,
// and we signed that record: the checkpoint in the file covers it. The word of
// the log alone would not do, for whoever edits a store can write it.
func (s *Signer) givenUp(cp residency.Checkpoint) bool {
	a := acts{givenUp: s.gaps}
	g := a.gap(cp)
	return g != nil && s.filed.Size > g.leaf
}

// anchored has the checkpoint confirmed by all who were asked to.
func (s *Signer) anchored(ctx context.Context, cp residency.Checkpoint) residency.Checkpoint {
	grown := func(ctx context.Context, from int64) ([]residency.Hash, error) {
		return Consistency(ctx, s.Log, from, cp.Size)
	}
	for _, anchor := range s.Anchors {
		more, err := anchor(ctx, cp, grown)
		if err != nil {
			s.logger().Warn("confirm checkpoint", "leaves", cp.Size, "error", err)
			continue
		}
		cp.Note, cp.Stamp = more.Note, more.Stamp // the rest is not theirs to say
	}
	return cp
}

// keep keeps a signed checkpoint everywhere.
func (s *Signer) keep(ctx context.Context, cp residency.Checkpoint) error {
	if err := s.Book.SaveCheckpoint(ctx, cp); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	s.last = cp
	if s.File != "" {
		if err := s.writeFile(cp); err != nil {
			return err
		}
		s.filed = cp
	}
	for _, publish := range s.Publish {
		if err := publish(ctx, cp); err != nil {
			s.logger().Warn("publish checkpoint", "leaves", cp.Size, "error", err)
		}
	}
	return nil
}

// Compare compares the tree with the latest checkpoint of the book and the one
// in the file. A tree that is shorter or different is a TamperError: the store
// was cut short, edited or replaced.
func (s *Signer) Compare(ctx context.Context) error {
	size, err := s.Log.Size(ctx)
	if err != nil {
		return fmt.Errorf("read size of log: %w", err)
	}
	kept, err := s.Book.LastCheckpoint(ctx)
	if err != nil {
		return fmt.Errorf("read last checkpoint: %w", err)
	}
	if err := s.learnKeys(ctx, kept, size); err != nil {
		return err
	}
	filed, err := s.readFile()
	if err != nil {
		return err
	}
	if filed.Size == 0 && s.File != "" && kept.Size > 0 {
		s.logger().Warn("the file of the latest checkpoint is gone; it is written anew", "file", s.File)
	}
	s.last, s.filed = residency.Checkpoint{}, residency.Checkpoint{}
	err = s.holds(ctx, filed, size, "the checkpoint in "+s.File)
	if err == nil {
		s.last, s.filed = filed, filed
	}
	if !s.givenUp(kept) {
		// The store's own word comes first: it says more about what happened.
		if err := s.holds(ctx, kept, size, "the last checkpoint of the store"); err != nil {
			return err
		}
		if kept.Size > s.last.Size {
			s.last = kept
		}
	}
	s.begun = err == nil
	return err
}

// holds reports whether the tree of the given size grew out of a checkpoint.
func (s *Signer) holds(ctx context.Context, cp residency.Checkpoint, size int64, what string) error {
	if cp.Size == 0 {
		return nil
	}
	if cp.Size > size {
		return tampered(-1, fmt.Sprintf("at least %d leaves", cp.Size), fmt.Sprintf("%d", size),
			"the log is shorter than %s says", what)
	}
	root, err := Root(ctx, s.Log, cp.Size)
	if err != nil {
		return err
	}
	if root != cp.Root {
		return tampered(-1, cp.Root, root, "the root of the first %d leaves is not that of %s", cp.Size, what)
	}
	return nil
}

// logger returns where to log.
func (s *Signer) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}

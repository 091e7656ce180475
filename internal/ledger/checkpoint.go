package ledger

import (
	"errors"
	"fmt"
	"slices"
	"time"

	flog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"residency/internal/residency"
)

// maxNote is the most bytes that a checkpoint may have, with the signatures of
// a good many witnesses.
const maxNote = 64 << 10

// Sign states that the log had size leaves under root, as a C2SP checkpoint
// with our signature.
func (k *Key) Sign(size int64, root residency.Hash, at time.Time) (residency.Checkpoint, error) {
	text := flog.Checkpoint{Origin: k.public.Origin(), Size: uint64(size), Hash: root[:]}.Marshal()
	signed, err := note.Sign(&note.Note{Text: string(text)}, k.signer)
	if err != nil {
		return residency.Checkpoint{}, fmt.Errorf("sign checkpoint of %d leaves: %w", size, err)
	}
	return residency.Checkpoint{Size: size, Root: root, At: at.UTC(), Note: signed}, nil
}

// OpenCheckpoint reads a checkpoint that one of the keys signed, and says
// which. A note that none of them signed, or of another origin, is an error.
func OpenCheckpoint(msg []byte, keys ...Public) (residency.Checkpoint, Public, error) {
	none := func(err error) (residency.Checkpoint, Public, error) {
		return residency.Checkpoint{}, Public{}, fmt.Errorf("open checkpoint: %w", err)
	}
	if len(msg) > maxNote {
		return none(fmt.Errorf("it has more than %d bytes", maxNote))
	}
	var known []note.Verifier
	seen := map[string]bool{} // a key that is there twice would be ambiguous
	for _, k := range keys {
		if k.verifier != nil && !seen[k.text] {
			seen[k.text], known = true, append(known, k.verifier)
		}
	}
	n, err := note.Open(msg, note.VerifierList(known...))
	if err != nil {
		if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
			return none(errors.New("none of the known keys signed it"))
		}
		return none(err)
	}
	cp, origin, err := parseCheckpoint(n.Text)
	if err != nil {
		return none(err)
	}
	cp.Note = slices.Clone(msg)
	for _, s := range n.Sigs {
		for _, k := range keys {
			if k.verifier != nil && s.Hash == k.verifier.KeyHash() && s.Name == origin && k.Origin() == origin {
				return cp, k, nil
			}
		}
	}
	return none(fmt.Errorf("it is of the log %q, which none of the keys belongs to", origin))
}

// ReadCheckpoint reads what a signed note says, and verifies no signature. It is
// for checkpoints that Verifier is given.
func ReadCheckpoint(msg []byte) (residency.Checkpoint, error) {
	text, _, ok := cutNote(msg)
	if !ok {
		return residency.Checkpoint{}, errors.New("read checkpoint: it is no signed note")
	}
	cp, _, err := parseCheckpoint(text)
	if err != nil {
		return residency.Checkpoint{}, fmt.Errorf("read checkpoint: %w", err)
	}
	cp.Note = slices.Clone(msg)
	return cp, nil
}

// parseCheckpoint reads the text of a checkpoint: origin, size, root and
// nothing more, in the one form that Sign writes.
func parseCheckpoint(text string) (residency.Checkpoint, string, error) {
	var c flog.Checkpoint
	rest, err := c.Unmarshal([]byte(text))
	switch {
	case err != nil:
		return residency.Checkpoint{}, "", err
	case len(rest) > 0 || string(c.Marshal()) != text:
		return residency.Checkpoint{}, "", errors.New("it is not in canonical form")
	case len(c.Hash) != len(residency.Hash{}) || c.Size > 1<<62:
		return residency.Checkpoint{}, "", errors.New("its size or root cannot be")
	}
	return residency.Checkpoint{Size: int64(c.Size), Root: residency.Hash(c.Hash)}, c.Origin, nil
}

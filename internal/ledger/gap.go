package ledger

import (
	"context"
	"errors"
	"fmt"

	"residency/internal/residency"
)

// Gap is the body of the "restored" record: who went on with a log that does
// not hold what was signed before, which checkpoints that gives up, and why.
type Gap struct {
	Schema  string      `json:"schema"`
	GivenUp []TreeState `json:"given_up"`
	Tree    TreeState   `json:"tree"` // as it was found
	Reason  string      `json:"reason"`
}

// TreeState is the size and root of a tree.
type TreeState struct {
	Size int64          `json:"size"`
	Root residency.Hash `json:"root"`
}

const gapSchema = "residency/gap/v1"

// AcceptGap goes on with a log that is not what was signed before, because a
// backup was restored on purpose. It puts on record who said so, why, and
// which checkpoints are given up, keeps the file of the old checkpoint under
// another name, and signs. Without a gap it changes nothing and returns false.
func (s *Signer) AcceptGap(ctx context.Context, by, reason string) (bool, error) {
	if by == "" || reason == "" {
		return false, errors.New("accept gap: say who does so and why")
	}
	err := s.Compare(ctx)
	if !IsTamper(err) {
		return false, err
	}
	gap, err := s.gap(ctx, reason)
	if err != nil {
		return false, err
	}
	if err := s.Record(ctx, residency.Record{Kind: "restored", At: s.Now(), By: by, Body: canonical(gap)}); err != nil {
		return false, fmt.Errorf("record gap: %w", err)
	}
	if err := s.setAside(gap.GivenUp); err != nil {
		return false, err
	}
	s.begun = true // s.last is a checkpoint that holds, if there is one
	_, err = s.Sign(ctx)
	return true, err
}

// gap describes what does not match.
func (s *Signer) gap(ctx context.Context, reason string) (Gap, error) {
	size, err := s.Log.Size(ctx)
	if err != nil {
		return Gap{}, fmt.Errorf("read size of log: %w", err)
	}
	g := Gap{Schema: gapSchema, Tree: TreeState{Size: size}, Reason: reason}
	if g.Tree.Root, err = Root(ctx, s.Log, size); err != nil {
		return Gap{}, err
	}
	kept, err := s.Book.LastCheckpoint(ctx)
	if err != nil {
		return Gap{}, fmt.Errorf("read last checkpoint: %w", err)
	}
	filed, err := s.readFile()
	if err != nil {
		return Gap{}, err
	}
	for _, cp := range []residency.Checkpoint{kept, filed} {
		if err := s.holds(ctx, cp, size, ""); IsTamper(err) {
			g.GivenUp = append(g.GivenUp, TreeState{cp.Size, cp.Root})
		} else if err != nil {
			return Gap{}, err
		}
	}
	return g, nil
}

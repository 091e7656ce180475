package ledger

import (
	"cmp"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// stampEnd is how the name of a checkpoint's time stamp ends in a bundle.
const stampEnd = ".tsr"

// stamp returns the time stamp of a checkpoint of the bundle; nil when it has
// none.
func (b *opened) stamp(checkpoint string) ([]byte, error) {
	name := checkpoint + stampEnd
	if _, ok := b.files[name]; !ok {
		return nil, nil
	}
	data, err := readFile(b.v.Files, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// bySize sorts checkpoints by size; those of one size stay in their order.
func bySize(list []keptCheckpoint) []keptCheckpoint {
	slices.SortStableFunc(list, func(a, b keptCheckpoint) int { return cmp.Compare(a.Size, b.Size) })
	return list
}

// dates holds the times of the bundle's runs to when people outside saw its
// checkpoints.
func (b *opened) dates(cps []keptCheckpoint) error {
	v := &Verifier{Dated: b.v.Dated}
	if err := v.dates(&b.rep, cps); err != nil {
		return err
	}
	w := walker{dated: datedOnly(cps)}
	for _, n := range b.indexes {
		e, err := ParseLeaf(b.leaves[n])
		if err != nil {
			return tampered(n, "a run or a record", err, "leaf")
		}
		if err := w.date(n, e.Run); err != nil {
			return err
		}
	}
	return nil
}

// kept compares the checkpoints that were kept elsewhere with the bundle's tree.
// A bundle has the tiles that its own leaves and checkpoints need; one that was
// kept and cannot be compared by those is told.
func (b *opened) kept(reader tlog.HashReader) ([]keptCheckpoint, error) {
	var list []keptCheckpoint
	for _, cp := range b.v.Kept {
		if b.known.gap(cp) != nil { // on record, under the bundle's checkpoint
			continue
		}
		why := ""
		if cp.Size > b.cp.Size {
			why = "it is younger than the bundle"
		} else if root, err := tlog.TreeHash(cp.Size, reader); err != nil {
			why = "the bundle has no tiles for it"
		} else if residency.Hash(root) != cp.Root {
			return nil, tampered(-1, cp.Root, residency.Hash(root), "the root of the first %d leaves is not that of the checkpoint in a file", cp.Size)
		}
		if why != "" {
			b.rep.Notes = append(b.rep.Notes, fmt.Sprintf("the checkpoint of %s in a file was not compared: %s", LeavesWords(cp.Size), why))
			continue
		}
		list = append(list, keptCheckpoint{Checkpoint: cp, from: "a file"})
	}
	return list, nil
}

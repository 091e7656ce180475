package watch

import (
	"context"
	"time"

	"residency/internal/residency"
)

// Memory remembers runs. One run is under way at a time, also when several
// processes share the memory. Every method either does all of what it says, on
// disk, or nothing and returns an error; none tries again by itself.
type Memory interface {
	// Begin opens a run and returns its number, one more than that of the last
	// run. The run has the claims that it judges, with no standing yet. It waits for a run of another process to end, until ctx ends; a run
	// whose process is gone is ended as partial first.
	Begin(ctx context.Context, run residency.Run) (seq int64, err error)

	// Recall returns what is remembered of each endpoint (by Endpoint.Key):
	// its spans since the given time, its latest cells and its findings. An
	// endpoint never seen has an empty Recollection.
	Recall(ctx context.Context, endpoints []string, since time.Time) (map[string]residency.Recollection, error)

	// Bodies returns sights, judgements and locations by hash. One that is not
	// there is an error: it was promised.
	Bodies(ctx context.Context, hashes []residency.Hash) (map[residency.Hash][]byte, error)

	// Save remembers a batch of rounds and all that follows from them, in one
	// transaction. Recall and Bodies, of other endpoints, may be called while it
	// is under way. A round of the same sight and judgement as the one before
	// extends its span.
	Save(ctx context.Context, seq int64, b residency.Batch) error

	// Ongoing returns what goes on beyond one endpoint: every open finding, and
	// what was told of each subject. It is asked once the batches are saved.
	Ongoing(ctx context.Context) ([]residency.Finding, []residency.Told, error)

	// Claims returns how each claim that was ever judged stands, since when.
	Claims(ctx context.Context) ([]residency.ClaimState, error)

	// End ends the run, in one transaction with its leaf of the evidence log.
	End(ctx context.Context, seq int64, end residency.RunEnd) error
}

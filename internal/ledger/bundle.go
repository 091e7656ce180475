package ledger

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"residency/internal/residency"
)

// A bundle is a directory or a zip file with everything that is needed to
// verify some rounds of some runs without the store they are from:
//
//	manifest.json      what is in it, and the SHA-256 of every other file
//	key                the public key in force at its checkpoint
//	log/checkpoint     the signed note over the whole log
//	log/checkpoint.tsr its time stamp (RFC 3161), where there is one
//	log/tile/...       tiles of the log (C2SP tlog-tiles) that prove its leaves
//	checkpoints/SIZE   older signed notes, of the time of its runs, each with its
//	                   time stamp as SIZE.tsr, where there is one
//	leaves/INDEX       leaves of the log, byte by byte
//	rounds/RUN.json    rounds of a run, each with the path to the run's root
//	bodies/SHA256      sights, judgements, locations, packets, claims, records
//
// Whatever else is in it (a report, VERIFY.md) is held to the manifest alone.
const bundleSchema = "residency/bundle/v1"

// Manifest is what a bundle says of itself.
type Manifest struct {
	Schema    string   `json:"schema"`
	Origin    string   `json:"origin"`
	Endpoints []string `json:"endpoints"` // whose rounds are in it, sorted

	// First and Last are the runs it is about. Earlier runs from Context on are
	// in it because verdicts rest on them.
	First   int64 `json:"first_run"`
	Last    int64 `json:"last_run"`
	Context int64 `json:"context_run"`

	// Earlier are runs before Context that are in it for their packets: with
	// them began what an endpoint still showed in Context, and packets are
	// sealed where something changed.
	Earlier []int64 `json:"earlier_runs,omitempty"`

	Files []BundleFile `json:"files"` // sorted by name
}

// BundleFile is a file of a bundle.
type BundleFile struct {
	Name   string         `json:"name"`
	Size   int64          `json:"size"`
	SHA256 residency.Hash `json:"sha256"`
}

// bundleRounds is the file of the rounds of a run.
type bundleRounds struct {
	Run    int64         `json:"run"`
	Leaf   int64         `json:"leaf"` // of the run, in the log
	Rounds []bundleRound `json:"rounds"`

	// Absent are the endpoints that the run did not look at: their neighbours
	// in the order of endpoints stand side by side.
	Absent []bundleAbsence `json:"absent,omitempty"`
}

type bundleRound struct {
	Leaf  string     `json:"leaf"` // of the round
	Proof RoundProof `json:"proof"`
}

type bundleAbsence struct {
	Endpoint string       `json:"endpoint"`
	Before   *bundleRound `json:"before,omitempty"` // nil: it would be the first
	After    *bundleRound `json:"after,omitempty"`  // nil: it would be the last
}

// Bundler puts a bundle together from a store.
type Bundler struct {
	Log         Log
	Checkpoints []residency.Checkpoint // of the log, by size; those that were given up are left out
	Runs        Runs

	Endpoints   []string // whose rounds
	First, Last int64    // of which runs

	// Names returns the hashes of what a sight or a judgement names: the
	// locations.
	Names func(body []byte) ([]residency.Hash, error)

	// Began returns the run with which the stretch of equal rounds began that an
	// endpoint was in at a run; 0 where that is not known. Nil: packets from
	// before Context are left out.
	Began func(ctx context.Context, endpoint string, run int64) (int64, error)

	// Also chooses records that are in the bundle wherever they stand in the log,
	// besides those about the log itself. Nil: none.
	Also func(r RecordEntry) bool

	// Extra are further files by name, such as "report.html".
	Extra map[string][]byte

	// Derive makes further files of all those that are in the bundle, such as
	// packets for Wireshark. It does not change them. May be nil.
	Derive func(m Manifest, files map[string][]byte) (map[string][]byte, error)
}

// BodyFile returns the name under which a bundle has a body.
func BodyFile(h residency.Hash) string { return bodyName(h) }

// Write hands every file of the bundle to put, in the order of their names but
// for the manifest, which comes first. The same log, runs and extras give the
// same bytes.
func (b *Bundler) Write(ctx context.Context, put func(name string, data []byte) error) (Manifest, error) {
	c := &collected{b: b, files: map[string][]byte{}, opened: map[residency.Hash]bool{}, begun: map[string]bool{}}
	if err := c.collect(ctx); err != nil {
		return Manifest{}, fmt.Errorf("make bundle: %w", err)
	}
	names := slices.Sorted(maps.Keys(c.files))
	for _, name := range names {
		data := c.files[name]
		c.manifest.Files = append(c.manifest.Files, BundleFile{name, int64(len(data)), residency.HashOf(data)})
	}
	if err := put("manifest.json", append(canonical(c.manifest), '\n')); err != nil {
		return Manifest{}, fmt.Errorf("write bundle: %w", err)
	}
	for _, name := range names {
		if err := put(name, c.files[name]); err != nil {
			return Manifest{}, fmt.Errorf("write bundle: %w", err)
		}
	}
	return c.manifest, nil
}

// WriteZip writes the bundle as a zip file. Its files have no time of their
// own, so that the same content is the same file.
func (b *Bundler) WriteZip(ctx context.Context, w io.Writer) (Manifest, error) {
	z := zip.NewWriter(w)
	m, err := b.Write(ctx, func(name string, data []byte) error {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: zipEpoch()})
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return err
	})
	if err != nil {
		return m, err
	}
	if err := z.Close(); err != nil {
		return m, fmt.Errorf("write bundle: %w", err)
	}
	return m, nil
}

// zipEpoch is the first time that a zip file can tell.
func zipEpoch() time.Time { return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) }

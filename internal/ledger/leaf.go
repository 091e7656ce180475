package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"residency/internal/residency"
)

// The versions of what is sealed. A change of the bytes needs a new one.
const (
	runSchema    = "residency/run/v1"
	recordSchema = "residency/record/v1"
	roundSchema  = "residency/round/v1"
)

// maxLeaf is the most bytes a leaf may have. Entry bundles of a C2SP log could
// hold 65,535.
const maxLeaf = 16 << 10

// maxList is the most bytes that a list within a leaf may have. A longer one
// stands there by its hash.
const maxList = 5 << 10

// RunEntry is the leaf of a run.
type RunEntry struct {
	Schema    string `json:"schema"`
	ID        string `json:"id"`
	Seq       int64  `json:"seq"`
	At        stamp  `json:"at"`
	Started   stamp  `json:"started"`
	Finished  stamp  `json:"finished"`
	Partial   bool   `json:"partial"`
	PartialBy string `json:"partial_by,omitempty"`
	Version   string `json:"version"`
	Commit    string `json:"commit,omitempty"`
	Rules     int    `json:"rules"`
	WindowUS  int64  `json:"window_us"`
	Config    string `json:"config_sha256,omitempty"`

	// Each list stands here itself, or, when it is long, as SHA-256 of its
	// canonical JSON.
	Datasets       []DatasetEntry `json:"datasets,omitempty"`
	DatasetsSHA256 residency.Hash `json:"datasets_sha256,omitzero"`
	Missing        []string       `json:"missing,omitempty"`
	MissingSHA256  residency.Hash `json:"missing_sha256,omitzero"`
	Claims         []ClaimEntry   `json:"claims,omitempty"`
	ClaimsSHA256   residency.Hash `json:"claims_sha256,omitzero"`

	Terms    residency.Hash `json:"terms_sha256"` // SHA-256 of ClaimsBody: what was judged
	Clock    ClockEntry     `json:"clock"`
	Coverage CoverageEntry  `json:"coverage"` // of all claims together
	Rounds   int64          `json:"rounds"`
	Root     residency.Hash `json:"root"` // RFC 6962 root over the rounds, by endpoint
}

// Window returns how far back the verdicts of the run looked.
func (e RunEntry) Window() time.Duration { return time.Duration(e.WindowUS) * time.Microsecond }

// DatasetEntry names a data set that locations of the run came from.
type DatasetEntry struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// ClaimEntry is what the run said of a claim.
type ClaimEntry struct {
	ID        string             `json:"id"`
	Standing  residency.Standing `json:"standing"`
	Effective residency.Standing `json:"effective"`
	Cells     CountsEntry        `json:"cells"`
}

// CountsEntry counts the cells of a claim. It has the fields of
// residency.CellCounts, and its own names for what is sealed.
type CountsEntry struct {
	Inside       int `json:"inside"`
	Outside      int `json:"outside"`
	Undetermined int `json:"undetermined"`
	NotMeasured  int `json:"not_measured"`
	NotCounted   int `json:"not_counted"`
	Waived       int `json:"waived"`
}

// CoverageEntry counts what was wanted and had, as residency.Coverage does.
type CoverageEntry struct {
	Needs   int `json:"needs"`
	Met     int `json:"met"`
	Looks   int `json:"looks"`
	Counted int `json:"counted"`
	Failed  int `json:"failed"`
}

// ClockEntry is what was known of the clock that the run was timed by.
type ClockEntry struct {
	Source       string `json:"source"` // "unknown" when nothing was
	OffsetUS     int64  `json:"offset_us"`
	MaxErrorUS   int64  `json:"max_error_us"`
	Synchronised bool   `json:"synchronised"`
}

// RunLeaf returns the leaf of a run: canonical JSON of at most 16 KiB. The
// rounds must be in the order of their endpoints, each endpoint once.
func RunLeaf(run residency.Run, rounds []residency.RoundSeal) ([]byte, error) {
	root, err := RoundsRoot(rounds)
	if err != nil {
		return nil, fmt.Errorf("seal run %d: %w", run.Seq, err)
	}
	e := RunEntry{
		Schema: runSchema, ID: run.ID, Seq: run.Seq,
		At: stamp{run.At}, Started: stamp{run.Started}, Finished: stamp{run.Finished},
		Partial: run.Partial, PartialBy: run.PartialBy, Version: run.Version, Commit: run.Commit,
		Rules: run.Rules, WindowUS: run.Window.Microseconds(), Config: run.ConfigSHA256,
		Clock:  clockEntry(run.Clock),
		Rounds: int64(len(rounds)), Root: root,
	}
	for _, d := range run.Datasets {
		e.Datasets = append(e.Datasets, DatasetEntry{d.Name, d.SHA256})
	}
	e.summarise(run.Claims)
	e.Missing = run.Missing
	e.Datasets, e.DatasetsSHA256 = orHash(e.Datasets)
	e.Claims, e.ClaimsSHA256 = orHash(e.Claims)
	e.Missing, e.MissingSHA256 = orHash(e.Missing)
	leaf := canonical(e)
	if len(leaf) > maxLeaf {
		return nil, fmt.Errorf("seal run %d: the leaf would have %d bytes, more than %d", run.Seq, len(leaf), maxLeaf)
	}
	return leaf, nil
}

// summarise takes in what the run said of the claims.
func (e *RunEntry) summarise(standings []residency.ClaimStanding) {
	var sum residency.Coverage
	var claims []residency.Claim
	for _, c := range standings {
		sum = sum.Add(c.Coverage)
		claims = append(claims, c.Claim)
		e.Claims = append(e.Claims, ClaimEntry{c.Claim.ID, c.Standing, c.Effective, CountsEntry(c.Counts)})
	}
	e.Coverage = CoverageEntry(sum)
	e.Terms = residency.HashOf(ClaimsBody(claims))
}

// orHash returns the list, or its hash when it is long.
func orHash[T any](list []T) ([]T, residency.Hash) {
	if text := canonical(list); len(text) > maxList {
		return nil, residency.HashOf(text)
	}
	return list, residency.Hash{}
}

func clockEntry(c residency.Clock) ClockEntry {
	if c.Source == "" {
		return ClockEntry{Source: "unknown"}
	}
	return ClockEntry{c.Source, c.Offset.Microseconds(), c.MaxError.Microseconds(), c.Synchronised}
}

// RecordEntry is the leaf of a Record. A body that would make the leaf too
// large is there by its hash and size alone.
type RecordEntry struct {
	Schema     string          `json:"schema"`
	Kind       string          `json:"kind"`
	At         stamp           `json:"at"`
	By         string          `json:"by,omitempty"`
	Body       json.RawMessage `json:"body,omitempty"`
	BodySHA256 residency.Hash  `json:"body_sha256,omitzero"`
	BodySize   int             `json:"body_size,omitempty"`
}

// RecordLeaf returns the leaf of a record: canonical JSON of at most 16 KiB.
// The record's body must be JSON in its shortest form, as json.Marshal makes
// it.
func RecordLeaf(r residency.Record) ([]byte, error) {
	if r.Kind == "" {
		return nil, fmt.Errorf("seal record: it has no kind")
	}
	e := RecordEntry{Schema: recordSchema, Kind: r.Kind, At: stamp{r.At}, By: r.By}
	switch {
	case len(r.Body) > maxLeaf/2:
		e.BodySHA256, e.BodySize = residency.HashOf(r.Body), len(r.Body)
	case len(r.Body) > 0:
		var short bytes.Buffer
		if err := json.Compact(&short, r.Body); err != nil || !bytes.Equal(short.Bytes(), r.Body) {
			return nil, fmt.Errorf("seal record %q: its body is not JSON in its shortest form", r.Kind)
		}
		e.Body = r.Body
	}
	leaf := canonical(e)
	if len(leaf) > maxLeaf {
		return nil, fmt.Errorf("seal record %q: the leaf would have %d bytes, more than %d", r.Kind, len(leaf), maxLeaf)
	}
	return leaf, nil
}

// Entry is a leaf that was read: a run or a record.
type Entry struct {
	Run    *RunEntry
	Record *RecordEntry
}

// ParseLeaf reads a leaf. Bytes that are not exactly those which RunLeaf or
// RecordLeaf would make of their content are an error.
func ParseLeaf(leaf []byte) (Entry, error) {
	if len(leaf) > maxLeaf {
		return Entry{}, fmt.Errorf("parse leaf: it has %d bytes, more than %d", len(leaf), maxLeaf)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(leaf, &head); err != nil {
		return Entry{}, fmt.Errorf("parse leaf: %w", err)
	}
	switch head.Schema {
	case runSchema:
		var e RunEntry
		return Entry{Run: &e}, exactly(leaf, &e)
	case recordSchema:
		var e RecordEntry
		return Entry{Record: &e}, exactly(leaf, &e)
	}
	return Entry{}, fmt.Errorf("parse leaf: %q is no schema of a leaf", head.Schema)
}

// exactly reads JSON into v, and wants it to be canonical: the bytes are what
// is sealed, so that two readings of them must not be possible.
func exactly(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("parse %T: %w", v, err)
	}
	if !bytes.Equal(canonical(v), data) {
		return fmt.Errorf("parse %T: it is not in canonical form", v)
	}
	return nil
}

// canonical writes v as JSON in one way: fields in the order of the type, no
// blanks, nothing escaped that need not be.
func canonical(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil // of these types none fails; and no leaf parses as nil
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// stamp is a time to the microsecond in UTC, as every store can keep it.
type stamp struct{ time.Time }

const stampLayout = "2006-01-02T15:04:05.000000Z"

// MarshalJSON writes the time, "" for none.
func (s stamp) MarshalJSON() ([]byte, error) {
	if s.IsZero() {
		return []byte(`""`), nil
	}
	return []byte(`"` + s.UTC().Format(stampLayout) + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *stamp) UnmarshalJSON(text []byte) error {
	*s = stamp{}
	if string(text) == `""` {
		return nil
	}
	t, err := time.Parse(`"`+stampLayout+`"`, string(text))
	*s = stamp{t}
	return err
}

// byEndpoint compares two rounds by their endpoints.
func byEndpoint(a, b residency.RoundSeal) int {
	return bytes.Compare([]byte(a.Endpoint), []byte(b.Endpoint))
}

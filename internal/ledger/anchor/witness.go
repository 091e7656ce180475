package anchor

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"residency/internal/residency"
)

// Witness has a witness confirm checkpoints (C2SP tlog-witness, signatures of
// cosignature/v1). One call at a time.
type Witness struct {
	url      string
	verifier note.Verifier
	do       Doer
	size     int64 // the last tree that the witness is known to have seen
}

// NewWitness returns a witness by the prefix of its URL and its public key.
func NewWitness(url, key string, do Doer) (*Witness, error) {
	v, err := cosignature.NewVerifierForCosignatureV1(strings.TrimSpace(key))
	if err != nil {
		return nil, fmt.Errorf("read key of witness %q: want name+hash+key", key)
	}
	return &Witness{url: strings.TrimSuffix(url, "/"), verifier: v, do: do}, nil
}

// Confirm returns the checkpoint with the witness's signature added. The
// witness is shown that the log grew out of what it saw last.
func (w *Witness) Confirm(ctx context.Context, cp residency.Checkpoint, grown func(context.Context, int64) ([]residency.Hash, error)) (residency.Checkpoint, error) {
	status, body, err := w.add(ctx, cp, grown)
	if err == nil && status == http.StatusConflict { // it says what it saw last
		size, parseErr := strconv.ParseInt(strings.TrimSpace(string(body)), 10, 62)
		if parseErr != nil || size < 0 || size > cp.Size {
			return cp, fmt.Errorf("confirm checkpoint: witness %s has seen a log that is not this one", w.verifier.Name())
		}
		w.size = size
		status, body, err = w.add(ctx, cp, grown)
	}
	if err != nil {
		return cp, fmt.Errorf("confirm checkpoint: witness %s: %w", w.verifier.Name(), err)
	}
	if status != http.StatusOK {
		return cp, fmt.Errorf("confirm checkpoint: witness %s answers with status %d", w.verifier.Name(), status)
	}
	signed, err := w.signature(cp.Note, body)
	if err != nil {
		return cp, fmt.Errorf("confirm checkpoint: witness %s: %w", w.verifier.Name(), err)
	}
	cp.Note, w.size = signed, cp.Size
	return cp, nil
}

// add sends the checkpoint, with the proof that it grew out of the last one
// that the witness saw.
func (w *Witness) add(ctx context.Context, cp residency.Checkpoint, grown func(context.Context, int64) ([]residency.Hash, error)) (int, []byte, error) {
	proof, err := grown(ctx, w.size)
	if err != nil {
		return 0, nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", w.size)
	for _, h := range proof {
		fmt.Fprintln(&b, base64.StdEncoding.EncodeToString(h[:]))
	}
	b.WriteByte('\n')
	b.Write(cp.Note)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/add-checkpoint", &b)
	if err != nil {
		return 0, nil, bare(err)
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	return reply(w.do, r)
}

// signature adds the witness's own line of the reply to the note, if it is a
// signature of that note. Whatever else it sends is left out.
func (w *Witness) signature(msg, body []byte) ([]byte, error) {
	for line := range strings.Lines(string(body)) {
		if !strings.HasSuffix(line, "\n") || !strings.HasPrefix(line, "— "+w.verifier.Name()+" ") {
			continue
		}
		signed := append(bytes.Clone(msg), line...)
		n, err := note.Open(signed, note.VerifierList(w.verifier))
		if err == nil && len(n.Sigs) > 0 {
			return signed, nil
		}
	}
	return nil, fmt.Errorf("the reply has no signature of the checkpoint")
}

// Signed reports whether the witness signed a checkpoint, and when, by the
// witness's own clock in seconds since 1970.
func (w *Witness) Signed(msg []byte) (unix int64, ok bool) {
	n, err := note.Open(msg, note.VerifierList(w.verifier))
	if err != nil || len(n.Sigs) == 0 {
		return 0, false
	}
	at, err := cosignature.CoSigV1Timestamp(n.Sigs[0])
	return at.Unix(), err == nil
}

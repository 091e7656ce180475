package ledger

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// algEd25519 is the algorithm of C2SP signed notes that every reader knows.
const algEd25519 = 1

// Key signs checkpoints. Its secret text is never part of an error.
type Key struct {
	signer note.Signer
	public Public
}

// Public is the key that checkpoints are verified with, in the text form of
// C2SP signed notes: "origin+hash+key".
type Public struct {
	verifier note.Verifier
	text     string
}

// NewKey makes a key for a log of the given origin from 32 bytes of
// randomness. The origin is the log's name for ever, such as
// "example.com/residency": a URL without scheme that nobody else uses.
func NewKey(random io.Reader, origin string) (secret string, err error) {
	if why := originProblem(origin); why != "" {
		return "", fmt.Errorf("make key: %q is no origin of a log: %s", origin, why)
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", fmt.Errorf("make key: %w", err)
	}
	public, err := publicOf(origin, seed)
	if err != nil {
		return "", fmt.Errorf("make key: %w", err)
	}
	hash := strings.SplitN(public, "+", 3)[1]
	return "PRIVATE+KEY+" + origin + "+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, seed...)), nil
}

// originProblem says why a text is no origin, or "". Signed notes forbid
// spaces and plus signs in it; the rest keeps it readable.
func originProblem(origin string) string {
	if origin == "" {
		return "it is empty"
	}
	if len(origin) > 200 {
		return "it is longer than 200 characters"
	}
	for _, c := range []byte(origin) {
		if c <= ' ' || c > '~' || c == '+' {
			return "only printable ASCII is allowed, without blanks and plus signs"
		}
	}
	return ""
}

func publicOf(origin string, seed []byte) (string, error) {
	pub, ok := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if !ok {
		return "", errors.New("no Ed25519 key")
	}
	return note.NewEd25519VerifierKey(origin, pub)
}

// ParseKey reads the text that NewKey made.
func ParseKey(secret string) (*Key, error) {
	secret = strings.TrimSpace(secret)
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, errors.New("read key: it is no secret key of a log: want one line PRIVATE+KEY+origin+hash+key, as \"residency key new\" writes it")
	}
	fields := strings.SplitN(secret, "+", 5) // NewSigner has checked the form
	seed, err := base64.StdEncoding.DecodeString(fields[4])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil, errors.New("read key: it has the wrong length")
	}
	text, err := publicOf(signer.Name(), seed[1:])
	if err != nil {
		return nil, errors.New("read key: it is no Ed25519 key")
	}
	public, err := ParsePublic(text)
	if err != nil {
		return nil, err
	}
	return &Key{signer: signer, public: public}, nil
}

// Public returns the key to verify with.
func (k *Key) Public() Public { return k.public }

// ParsePublic reads a public key: "origin+hash+key" as in C2SP signed notes.
func ParsePublic(text string) (Public, error) {
	text = strings.TrimSpace(text)
	v, err := note.NewVerifier(text)
	if err != nil {
		return Public{}, fmt.Errorf("read public key %q: want origin+hash+key, as \"residency key show\" prints it", text)
	}
	return Public{verifier: v, text: text}, nil
}

// String returns the key in its text form, "" for none.
func (p Public) String() string { return p.text }

// Origin returns the name of the log that the key belongs to.
func (p Public) Origin() string {
	if p.verifier == nil {
		return ""
	}
	return p.verifier.Name()
}

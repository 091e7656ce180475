package anchor

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"

	"residency/internal/residency"
)

// Stamper has a time stamp authority (RFC 3161) state when a checkpoint
// existed.
type Stamper struct {
	URL   string
	Roots *x509.CertPool // whose word is believed
	Do    Doer
	Rand  io.Reader // for nonces
}

// Confirm returns the checkpoint with the authority's response, which is over
// the SHA-256 of the note as it is then. It is verified before it is taken.
func (s *Stamper) Confirm(ctx context.Context, cp residency.Checkpoint, _ func(context.Context, int64) ([]residency.Hash, error)) (residency.Checkpoint, error) {
	token, err := s.ask(ctx, cp.Note)
	if err != nil {
		return cp, fmt.Errorf("stamp checkpoint: %w", err)
	}
	cp.Stamp = token
	return cp, nil
}

func (s *Stamper) ask(ctx context.Context, data []byte) ([]byte, error) {
	random := make([]byte, 16)
	if _, err := io.ReadFull(s.Rand, random); err != nil {
		return nil, err
	}
	nonce := new(big.Int).SetBytes(random)
	query, err := timestamp.CreateRequest(bytes.NewReader(data), &timestamp.RequestOptions{Hash: crypto.SHA256, Certificates: true, Nonce: nonce})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(query))
	if err != nil {
		return nil, bare(err)
	}
	r.Header.Set("Content-Type", "application/timestamp-query")
	status, body, err := reply(s.Do, r)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("the authority answers with status %d", status)
	}
	ts, err := verifyStamp(body, data, s.Roots)
	if err != nil {
		return nil, err
	}
	if ts.Nonce == nil || ts.Nonce.Cmp(nonce) != 0 {
		return nil, errors.New("the stamp does not answer this request: another nonce")
	}
	return body, nil
}

// VerifyStamp returns the time at which the authority says that the data
// existed, if its word is believed: the response is over the SHA-256 of the
// data, and signed by a certificate for time stamps and nothing else (RFC 3161
// section 2.3) that led to one of the roots at that time.
func VerifyStamp(response, data []byte, roots *x509.CertPool) (time.Time, error) {
	ts, err := verifyStamp(response, data, roots)
	if err != nil {
		return time.Time{}, fmt.Errorf("verify time stamp: %w", err)
	}
	return ts.Time, nil
}

// Stamped returns when a time stamp says that the data existed, and the name of
// the certificate that signed it, without asking whether that is to be believed:
// anybody can make such a certificate. A stamp over something else is an error.
func Stamped(response, data []byte) (at time.Time, by string, err error) {
	ts, p7, err := parseStamp(response, data)
	if err != nil {
		return time.Time{}, "", fmt.Errorf("read time stamp: %w", err)
	}
	return ts.Time, p7.GetOnlySigner().Subject.String(), nil
}

// parseStamp reads a response that is over the data and signed by the one
// certificate in it that is for time stamps and nothing else.
func parseStamp(response, data []byte) (*timestamp.Timestamp, *pkcs7.PKCS7, error) {
	ts, err := timestamp.ParseResponse(response) // verifies the signature, and nothing else
	if err != nil {
		return nil, nil, err
	}
	if want := sha256.Sum256(data); ts.HashAlgorithm != crypto.SHA256 || !bytes.Equal(ts.HashedMessage, want[:]) {
		return nil, nil, errors.New("the stamp is over something else")
	}
	p7, err := pkcs7.Parse(ts.RawToken)
	if err != nil {
		return nil, nil, err
	}
	signer := p7.GetOnlySigner()
	if signer == nil {
		return nil, nil, errors.New("the stamp does not have exactly one signer, with its certificate")
	}
	if !onlyForStamps(signer) {
		return nil, nil, errors.New("the signer's certificate is not one for time stamps and nothing else")
	}
	return ts, p7, nil
}

func verifyStamp(response, data []byte, roots *x509.CertPool) (*timestamp.Timestamp, error) {
	ts, p7, err := parseStamp(response, data)
	if err != nil {
		return nil, err
	}
	others := x509.NewCertPool()
	for _, c := range p7.Certificates {
		others.AddCert(c)
	}
	_, err = p7.GetOnlySigner().Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: ts.Time,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
	if err != nil {
		return nil, err
	}
	return ts, nil
}

// onlyForStamps reports whether a certificate may sign time stamps and nothing
// else, and says so critically.
func onlyForStamps(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(c.UnknownExtKeyUsage) > 0 {
		return false
	}
	usage := asn1.ObjectIdentifier{2, 5, 29, 37} // id-ce-extKeyUsage
	for _, e := range c.Extensions {
		if e.Id.Equal(usage) {
			return e.Critical
		}
	}
	return false
}

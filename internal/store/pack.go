package store

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// The first byte of packed data says how it is packed.
const (
	packedPlain = 0
	packedZstd  = 1
)

// maxBody bounds what unpacking makes: no body of ours comes near it, and a
// damaged or hostile file must not eat the memory.
const maxBody = 256 << 20

// packer compresses what is kept. Its methods may be called from several
// goroutines.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacker() (packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return packer{}, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxBody))
	return packer{enc, dec}, err
}

func (p packer) close() {
	if p.enc != nil {
		_ = p.enc.Close()
	}
	if p.dec != nil {
		p.dec.Close()
	}
}

// pack returns data as it is kept.
func (p packer) pack(data []byte) []byte {
	out := make([]byte, 1, 64+len(data)/2)
	out[0] = packedZstd
	if out = p.enc.EncodeAll(data, out); len(out) <= len(data) {
		return out
	}
	return append([]byte{packedPlain}, data...)
}

// unpack returns what was packed.
func (p packer) unpack(packed []byte) ([]byte, error) {
	switch {
	case len(packed) == 0:
		return nil, fmt.Errorf("unpack body: it is empty: %w", ErrDamaged)
	case packed[0] == packedPlain:
		return bytes.Clone(packed[1:]), nil
	case packed[0] == packedZstd:
		data, err := p.dec.DecodeAll(packed[1:], nil)
		if err != nil {
			return nil, fmt.Errorf("unpack body: %w: %w", ErrDamaged, err)
		}
		return data, nil
	}
	return nil, fmt.Errorf("unpack body: form %d is not known: %w", packed[0], ErrDamaged)
}

// packJSON packs v as JSON.
func (p packer) packJSON(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return p.pack(data), nil
}

// unpackJSON reads what packJSON wrote.
func (p packer) unpackJSON(packed []byte, into any) error {
	data, err := p.unpack(packed)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

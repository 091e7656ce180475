package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"residency/internal/residency"
)

// readFile reads the checkpoint that is kept outside of the store; the zero
// Checkpoint when there is none yet. One that cannot be read is a TamperError:
// it was there, and we wrote it whole.
func (s *Signer) readFile() (residency.Checkpoint, error) {
	if s.File == "" {
		return residency.Checkpoint{}, nil
	}
	msg, err := readSome(s.File, maxNote)
	if errors.Is(err, fs.ErrNotExist) {
		return residency.Checkpoint{}, nil
	}
	if err != nil {
		return residency.Checkpoint{}, err
	}
	cp, _, err := OpenCheckpoint(msg, s.known()...)
	if err != nil {
		return residency.Checkpoint{}, tampered(-1, "a checkpoint that our key signed", err, "the checkpoint in %s", s.File)
	}
	return cp, nil
}

// known are the keys that a checkpoint may be signed with: ours, and those that
// the log names.
func (s *Signer) known() []Public {
	list := []Public{s.Key.Public()}
	for _, k := range s.chain {
		list = append(list, k.key)
	}
	return list
}

// writeFile replaces the checkpoint in the file. It never goes back: of two
// processes the one that saw more wins.
func (s *Signer) writeFile(cp residency.Checkpoint) error {
	if there, err := s.readFile(); err == nil && there.Size > cp.Size {
		return nil
	}
	if err := writeWhole(s.File, cp.Note, 0o644); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return nil
}

// setAside keeps a file whose checkpoint was given up, under a name that says
// how much it had signed.
func (s *Signer) setAside(givenUp []TreeState) error {
	if s.File == "" || len(givenUp) == 0 {
		return nil
	}
	to := fmt.Sprintf("%s.given-up-%d", s.File, givenUp[len(givenUp)-1].Size)
	err := os.Rename(s.File, to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("set checkpoint aside: %w", err)
	}
	return nil
}

// readSome reads a file of at most limit bytes.
func readSome(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read %s: it has more than %d bytes", path, limit)
	}
	return data, nil
}

// writeWhole replaces a file so that after a crash either the old or the new
// content is there, and the new once this returns: a temporary file beside it,
// synced, renamed, and the directory synced.
func writeWhole(path string, data []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone once it is renamed
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

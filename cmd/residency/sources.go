package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"residency/internal/ledger"
	"residency/internal/residency"
)

// bundleSources is the directory of a bundle with the pages that promises stand
// on, each under its SHA-256.
const bundleSources = "sources/"

// sourcesOf returns the directory of archived pages beside a store.
func sourcesOf(storePath string) string { return storePath + ".sources" }

// archivedIn reads a record as that of an archived page; false when it is
// another, or of another version of the program.
func archivedIn(r ledger.RecordEntry) (archiveRecord, bool) {
	var a archiveRecord
	if r.Kind != "archived" || json.Unmarshal(r.Body, &a) != nil || a.Schema != archiveSchema {
		return a, false
	}
	a.At, a.By = r.At.Time, r.By
	return a, true
}

// isPage reports whether a record is about a page that a promise of the bundle
// stands on: it is in the bundle, whenever the page was archived.
func (p *packing) isPage(r ledger.RecordEntry) bool {
	a, ok := archivedIn(r)
	return ok && (p.claim == "" || a.Claim == p.claim)
}

// pages returns the archived pages that leaves of the bundle name, by file name.
// One that is not beside the store as it was archived is left out, and said.
func (p *packing) pages(files map[string][]byte) (map[string][]byte, error) {
	pages := map[string][]byte{}
	for name, data := range files {
		if !strings.HasPrefix(name, "leaves/") {
			continue
		}
		e, err := ledger.ParseLeaf(data)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if e.Record == nil || !p.isPage(*e.Record) {
			continue
		}
		a, _ := archivedIn(*e.Record)
		if !isHash(a.SHA256) {
			continue
		}
		page, err := readPage(filepath.Join(sourcesOf(p.store.Path()), a.SHA256), a.SHA256)
		if err != nil {
			p.lost = append(p.lost, fmt.Sprintf("the page that %s stands on, archived %s, is not in the bundle: %v", a.Claim, a.At.UTC().Format("2006-01-02 15:04Z"), err))
			continue
		}
		pages[bundleSources+a.SHA256] = page
	}
	slices.Sort(p.lost)
	return pages, nil
}

// isHash reports whether a text is a SHA-256 as files are named by it, and so no
// path to somewhere else.
func isHash(text string) bool {
	return len(text) == 2*len(residency.Hash{}) && strings.Trim(text, "0123456789abcdef") == ""
}

// readPage reads a page that has the given hash.
func readPage(path, hash string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := atMost(f)
	if err != nil {
		return nil, err
	}
	if residency.HashOf(data).String() != hash {
		return nil, fmt.Errorf("%s is not what was archived", path)
	}
	return data, nil
}

// sameSources holds the archived pages of a bundle to the records that name
// them, and says of each what it is. The leaves were verified before.
func sameSources(files fs.FS) (notes []string, err error) {
	names, err := fs.Glob(files, "leaves/*")
	if err != nil {
		return nil, err
	}
	named := map[string]archiveRecord{}
	for _, name := range names {
		leaf, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if e, err := ledger.ParseLeaf(leaf); err == nil && e.Record != nil {
			if a, ok := archivedIn(*e.Record); ok && (named[a.SHA256].At.IsZero() || a.At.Before(named[a.SHA256].At)) {
				named[a.SHA256] = a
			}
		}
	}
	if names, err = fs.Glob(files, bundleSources+"*"); err != nil {
		return nil, err
	}
	for _, name := range names {
		page, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		hash := strings.TrimPrefix(name, bundleSources)
		a, ok := named[hash]
		switch got := residency.HashOf(page).String(); {
		case got != hash:
			return nil, &ledger.TamperError{Leaf: -1, What: "page " + name, Want: hash, Got: got}
		case !ok:
			return nil, &ledger.TamperError{Leaf: -1, What: "page " + name, Want: "a record that it was archived", Got: "none"}
		}
		notes = append(notes, fmt.Sprintf("%s is what %s stands on, as %s had it when it was archived at %s", name, a.Claim, a.From, a.At.UTC().Format("2006-01-02 15:04Z")))
	}
	return notes, nil
}

// copySources copies archived pages from beside one store to beside another,
// those that are not there yet, and returns how many it copied. A page that is
// not what was archived any more is left out, and its name returned.
func copySources(from, to string) (copied int, spoilt []string, err error) {
	entries, err := os.ReadDir(sourcesOf(from))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("copy archived pages: %w", err)
	}
	for _, entry := range entries {
		hash := entry.Name()
		if !isHash(hash) || !entry.Type().IsRegular() {
			continue
		}
		target := filepath.Join(sourcesOf(to), hash)
		if there, err := hashFile(target); err == nil && there == hash {
			continue
		}
		page, err := readPage(filepath.Join(sourcesOf(from), hash), hash)
		if err != nil {
			spoilt = append(spoilt, hash)
			continue
		}
		if err := os.MkdirAll(sourcesOf(to), 0o755); err != nil {
			return copied, spoilt, fmt.Errorf("copy archived pages: %w", err)
		}
		if err := replaceFile(target, page); err != nil {
			return copied, spoilt, fmt.Errorf("copy archived pages: %w", err)
		}
		copied++
	}
	return copied, spoilt, nil
}

// saySources copies archived pages and says so.
func (e *env) saySources(from, to string) error {
	copied, spoilt, err := copySources(from, to)
	if err != nil {
		return failed(err)
	}
	for _, hash := range spoilt {
		fmt.Fprintf(e.stderr, "residency: warning: the archived page %s is not what was archived any more, and is not copied\n", filepath.Join(sourcesOf(from), hash))
	}
	if copied > 0 {
		_, err = fmt.Fprintf(e.stdout, "%s: %s that promises stand on\n", sourcesOf(to), residency.Plural(copied, "page"))
	}
	return err
}

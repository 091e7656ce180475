package ledger

import (
	"archive/zip"
	"bytes"
	"context"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"residency/internal/residency"
)

// bundleOf makes a bundle of two endpoints and some runs as files.
func bundleOf(t testing.TB, m *memory, first, last int64) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	b := m.bundler(first, last)
	if _, err := b.Write(context.Background(), func(name string, data []byte) error {
		files[name] = &fstest.MapFile{Data: bytes.Clone(data)}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return files
}

func (m *memory) bundler(first, last int64) *Bundler {
	return &Bundler{Log: m, Checkpoints: m.checkpoints, Runs: m, Endpoints: []string{"acme/api/d.example.com", "acme/api/b.example.com"},
		First: first, Last: last, Extra: map[string][]byte{"report.html": []byte("<p>report")}}
}

func verifyBundle(files fs.FS, keys ...Public) (Manifest, Report, error) {
	v := &BundleVerifier{Files: files, Keys: keys, Judge: judgeAgain, Rules: 1, Workers: 2}
	return v.Verify(context.Background())
}

func TestBundle(t *testing.T) {
	t.Parallel()
	m, key := sealed(t, 20)
	files := bundleOf(t, m, 9, 13)
	for _, name := range []string{"key", "log/checkpoint", "report.html", "rounds/13.json"} {
		if files[name] == nil {
			t.Errorf("the bundle has no %s: %q", name, slices.Sorted(maps.Keys(files)))
		}
	}
	man, rep, err := verifyBundle(files, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if man.Context != 5 || rep.Judged != 10 || rep.Rounds != 18 || rep.Key != key.Public().String() || rep.Size != m.checkpoints[len(m.checkpoints)-1].Size {
		t.Errorf("Verify = %+v, %+v", man, rep)
	}
	if _, _, err := verifyBundle(files); err != nil {
		t.Errorf("without a key: %v", err)
	}
	if _, _, err := verifyBundle(files, testKey(t, 9).Public()); !IsTamper(err) {
		t.Errorf("with a key of another log: %v", err)
	}
}

// TestBundleZip: the same log gives the same file, byte by byte.
func TestBundleZip(t *testing.T) {
	t.Parallel()
	m, key := sealed(t, 12)
	var first, second bytes.Buffer
	for _, w := range []*bytes.Buffer{&first, &second} {
		if _, err := m.bundler(3, 9).WriteZip(context.Background(), w); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two bundles of the same runs differ")
	}
	z, err := zip.NewReader(bytes.NewReader(first.Bytes()), int64(first.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := verifyBundle(z, key.Public()); err != nil {
		t.Error(err)
	}
}

// TestBundleAbsence has a run that did not look at an endpoint of the bundle,
// first, last and in between.
func TestBundleAbsence(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for drop := range 3 {
		m, key := newMemory(), testKey(t, 1)
		for seq := int64(1); seq <= 2; seq++ {
			var rounds []residency.RoundSeal
			for i, e := range []string{"acme/api/b.example.com", "acme/api/c.example.com", "acme/api/d.example.com"} {
				if seq == 1 || i != drop {
					rounds = append(rounds, residency.RoundSeal{Endpoint: e, Sight: m.keep("s"), Judgement: m.keep("j")})
				}
			}
			if err := m.end(testRun(seq), rounds); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := m.signer(key).Sign(ctx); err != nil {
			t.Fatal(err)
		}
		files := fstest.MapFS{}
		b := m.bundler(1, 2)
		b.Endpoints = []string{"acme/api/b.example.com", "acme/api/c.example.com", "acme/api/d.example.com", "acme/api/e.example.com"}
		if _, err := b.Write(ctx, func(name string, data []byte) error {
			files[name] = &fstest.MapFile{Data: data}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		v := &BundleVerifier{Files: files}
		if _, rep, err := v.Verify(ctx); err != nil || rep.Rounds != 5 {
			t.Errorf("without round %d: %d rounds, %v", drop, rep.Rounds, err)
		}
		// A round that is there cannot be said to be absent.
		text := string(files["rounds/1.json"].Data)
		text = strings.Replace(text, `"endpoint":"acme/api/e.`, `"endpoint":"acme/api/c.`, 1)
		files["rounds/1.json"].Data = []byte(text)
		remanifest(t, files)
		if _, _, err := v.Verify(ctx); !IsTamper(err) {
			t.Errorf("absence of a round that is there: %v", err)
		}
	}
}

// remanifest writes the manifest anew, as whoever edits a bundle would.
func remanifest(t testing.TB, files fstest.MapFS) {
	t.Helper()
	var m Manifest
	if err := exactly(bytes.TrimSpace(files["manifest.json"].Data), &m); err != nil {
		t.Fatal(err)
	}
	m.Files = nil
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name != "manifest.json" {
			data := files[name].Data
			m.Files = append(m.Files, BundleFile{name, int64(len(data)), residency.HashOf(data)})
		}
	}
	files["manifest.json"] = &fstest.MapFile{Data: append(canonical(m), '\n')}
}

// TestEveryFileOfABundleCounts flips a byte of each file, drops each file and
// adds one, with the manifest left as it is and written anew.
func TestEveryFileOfABundleCounts(t *testing.T) {
	t.Parallel()
	m, key := sealed(t, 12)
	whole := bundleOf(t, m, 6, 9)
	for name := range whole {
		for _, drop := range []bool{false, true} {
			for _, manifest := range []bool{false, true} {
				if manifest && (name == "report.html" || name == "manifest.json") {
					continue // the report is held to the manifest alone
				}
				files := fstest.MapFS{}
				for n, f := range whole {
					files[n] = &fstest.MapFile{Data: bytes.Clone(f.Data)}
				}
				if drop {
					delete(files, name)
				} else {
					files[name].Data[len(files[name].Data)/2] ^= 1
				}
				if manifest {
					remanifest(t, files)
				}
				_, _, err := verifyBundle(files, key.Public())
				if drop && manifest && (strings.HasPrefix(name, "checkpoints/") || name == "leaves/3") {
					continue // one checkpoint less is no lie, nor is the record of the key where the key is given
				}
				if err == nil {
					t.Errorf("%s, dropped %v, manifest anew %v: nothing found", name, drop, manifest)
				}
			}
		}
	}
	files := bundleOf(t, m, 6, 9)
	files["more"] = &fstest.MapFile{Data: []byte("x")}
	if _, _, err := verifyBundle(files, key.Public()); !IsTamper(err) {
		t.Errorf("a file that the manifest does not name: %v", err)
	}
}

// FuzzBundleRounds: no file of rounds brings the reader down, and none but the
// true one is taken.
func FuzzBundleRounds(f *testing.F) {
	m, _ := sealed(f, 6)
	whole := bundleOf(f, m, 2, 4)
	want := whole["rounds/3.json"].Data
	f.Add(want)
	f.Add([]byte(`{"run":3,"leaf":2,"rounds":[{"leaf":"","proof":{"index":-1,"path":[]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		files := maps.Clone(whole)
		files["rounds/3.json"] = &fstest.MapFile{Data: data}
		remanifest(t, files)
		if _, _, err := verifyBundle(files); err == nil && !bytes.Equal(data, want) {
			t.Errorf("%q is taken for the rounds of run 3", data)
		}
	})
}

// FuzzManifest: no manifest brings the reader down.
func FuzzManifest(f *testing.F) {
	m, _ := sealed(f, 4)
	whole := bundleOf(f, m, 2, 3)
	f.Add(whole["manifest.json"].Data)
	f.Add([]byte(`{"schema":"residency/bundle/v1","files":[{"name":"../x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		files := maps.Clone(whole)
		files["manifest.json"] = &fstest.MapFile{Data: data}
		if man, _, err := verifyBundle(files); err == nil && man.Schema != bundleSchema {
			t.Errorf("%q is taken for a manifest", data)
		}
	})
}

func FuzzParseEntries(f *testing.F) {
	m, _ := sealed(f, 3)
	data, err := entryBundle(context.Background(), m, 0, 3)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{0, 9, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		leaves, err := ParseEntries(data)
		if err != nil {
			return
		}
		n := 0
		for _, leaf := range leaves {
			n += 2 + len(leaf)
		}
		if n != len(data) {
			t.Errorf("ParseEntries of %d bytes accounts for %d", len(data), n)
		}
	})
}

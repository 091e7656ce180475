package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"residency/internal/config"
	"residency/internal/ledger"
	"residency/internal/pcap"
	"residency/internal/residency"
)

// bundled is a bundle of a store that an engine filled, as files.
func bundled(t *testing.T, seed uint64, runs int, p packing) (*watched, string, fstest.MapFS) {
	t.Helper()
	w := watchedStore(t, seed, 2)
	w.archive(t, "promise", "all of it by the end of October")
	w.archive(t, "rule", "never there")
	if err := os.Remove(w.archive(t, "promise", "a copy that was lost")); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	for i := range runs - 2 {
		w.run(t, rng, i)
	}
	if _, err := w.signer.Sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.store = w.store
	if err := p.choose(t.Context(), bundleFlags{claim: "promise"}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bundle.zip")
	var out bytes.Buffer
	if err := testEnv(&out, &out).pack(t.Context(), &p, path); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "warning: the page that promise stands on"); n != 1 || strings.Contains(out.String(), "rule") {
		t.Errorf("%d warnings of a page that is lost, want 1:\n%s", n, &out)
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := fstest.MapFS{}
	for _, f := range z.File {
		data, err := fs.ReadFile(z, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = &fstest.MapFile{Data: data}
	}
	return w, path, files
}

// archive keeps a page that a promise stands on, as claim archive does, and
// returns where.
func (w *watched) archive(t *testing.T, claim, page string) string {
	t.Helper()
	hash := residency.HashOf([]byte(page)).String()
	path, err := keepCopy(&config.Config{Store: config.Store{Path: w.path}}, hash, []byte(page))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(archiveRecord{Schema: archiveSchema, Claim: claim, From: "https://example.com/post", SHA256: hash, Size: int64(len(page))})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.Record(t.Context(), residency.Record{Kind: "archived", At: w.now, By: "ann", Body: body}); err != nil {
		t.Fatal(err)
	}
	return path
}

// withFile returns a bundle with another file in it, and a manifest that agrees.
func withFile(t *testing.T, files fstest.MapFS, name string, data []byte) fstest.MapFS {
	t.Helper()
	changed := maps.Clone(files)
	changed[name] = &fstest.MapFile{Data: data}
	var m ledger.Manifest
	if err := json.Unmarshal(files["manifest.json"].Data, &m); err != nil {
		t.Fatal(err)
	}
	m.Files = slices.DeleteFunc(m.Files, func(f ledger.BundleFile) bool { return f.Name == name })
	m.Files = append(m.Files, ledger.BundleFile{Name: name, Size: int64(len(data)), SHA256: residency.HashOf(data)})
	slices.SortFunc(m.Files, func(a, b ledger.BundleFile) int { return strings.Compare(a.Name, b.Name) })
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	changed["manifest.json"] = &fstest.MapFile{Data: append(text, '\n')}
	return changed
}

func verified(t *testing.T, files fs.FS, keys ...ledger.Public) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := testEnv(&out, &out).verifyBundle(t.Context(), "bundle", files, verifyFlags{}, keys)
	return out.String(), err
}

// TestEveryFileOfTheBundle changes a byte at the beginning, in the middle and at
// the end of every file of a bundle.
func TestEveryFileOfTheBundle(t *testing.T) {
	t.Parallel()
	w, _, files := bundled(t, 5, 14, packing{from: scriptClock.Add(6 * time.Hour), program: versionOf("091fbb5887391234")})
	if said, err := verified(t, files, w.key.Public()); err != nil || strings.Contains(said, " 0 rounds judged") {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, name := range []string{"VERIFY.md", "verify.py", "packets.pcapng", "packets.txt", "datasets.json", "records.json", "report.html", "report.json", "key", "log/checkpoint"} {
		if files[name] == nil {
			t.Errorf("the bundle has no %s", name)
		}
	}
	if end := "\nMade by residency " + version + "+091fbb588739.\n"; !strings.HasSuffix(string(files["VERIFY.md"].Data), end) {
		t.Errorf("VERIFY.md does not end with %q: %s", end, files["VERIFY.md"].Data)
	}
	for name, f := range files {
		for _, at := range []int{0, len(f.Data) / 2, len(f.Data) - 1} {
			changed := maps.Clone(files)
			data := bytes.Clone(f.Data)
			data[at] ^= 1
			changed[name] = &fstest.MapFile{Data: data}
			if _, err := verified(t, changed, w.key.Public()); err == nil {
				t.Errorf("byte %d of %s is changed: nothing found", at, name)
			}
		}
	}
}

// TestCaptureOfOtherMessages has a capture that was edited, with a manifest that
// agrees.
func TestCaptureOfOtherMessages(t *testing.T) {
	t.Parallel()
	w, _, files := bundled(t, 5, 14, packing{})
	list, err := pcap.Read(files[bundlePackets].Data)
	if err != nil || len(list) < 3 {
		t.Fatalf("%d messages, %v", len(list), err)
	}
	for what, meddle := range map[string]func([]pcap.Message) []pcap.Message{
		"one is edited": func(l []pcap.Message) []pcap.Message { l[1].Data = append(bytes.Clone(l[1].Data), 1); return l },
		"one is gone":   func(l []pcap.Message) []pcap.Message { return l[1:] },
		"one is twice":  func(l []pcap.Message) []pcap.Message { return append(l, l[0]) },
	} {
		var b bytes.Buffer
		if err := pcap.Write(&b, "", meddle(slices.Clone(list))); err != nil {
			t.Fatal(err)
		}
		changed := withFile(t, files, bundlePackets, b.Bytes())
		if _, err := verified(t, changed, w.key.Public()); err == nil || !strings.Contains(err.Error(), bundlePackets) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestBundleWithoutUs verifies a bundle with the program in it, which is not
// ours to run: Python and openssl alone.
func TestBundleWithoutUs(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err == nil {
		_, err = exec.LookPath("openssl")
	}
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("there is no python3 or no openssl")
	} else if err != nil {
		t.Fatal(err)
	}
	// More than 256 leaves, so that the tree has tiles above tiles.
	w := watchedStore(t, 3, 6)
	for i := range 260 {
		if err := w.store.Record(t.Context(), residency.Record{Kind: "delivered", At: w.now, By: "test", Body: []byte(`{"n":` + string(rune('0'+i%10)) + `}`)}); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		w.now = w.now.Add(time.Hour)
		w.engine.Run(t.Context())
	}
	if _, err := w.signer.Sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := packing{store: w.store, from: scriptClock.Add(time.Hour)}
	if err := p.choose(t.Context(), bundleFlags{claim: "rule"}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	zipped := filepath.Join(dir, "b.zip")
	var out bytes.Buffer
	if err := testEnv(&out, &out).pack(t.Context(), &p, zipped); err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(zipped)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	root := filepath.Join(dir, "b")
	if err := os.CopyFS(root, z); err != nil {
		t.Fatal(err)
	}
	check := func() (string, error) {
		text, err := exec.CommandContext(t.Context(), python, filepath.Join(root, "verify.py"), root).CombinedOutput()
		return string(text), err
	}
	said, err := check()
	if err != nil || !strings.Contains(said, "Nothing was changed") || strings.Contains(said, "NOT VERIFIED") {
		t.Fatalf("verify.py: %v\n%s", err, said)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "log/") && !strings.HasSuffix(path, "rounds/9.json") && !strings.HasSuffix(path, "/key") {
			return err
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data := bytes.Clone(whole)
		data[len(data)/3] ^= 1
		edit(t, root, path, data)
		if said, err := check(); err == nil {
			t.Errorf("a byte of %s is changed, with a manifest that agrees: %s", path, said)
		}
		edit(t, root, path, whole)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// edit writes a file of an unpacked bundle, and the manifest to agree with it.
func edit(t *testing.T, root, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m ledger.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	for i := range m.Files {
		if filepath.Join(root, filepath.FromSlash(m.Files[i].Name)) == path {
			m.Files[i].Size, m.Files[i].SHA256 = int64(len(data)), residency.HashOf(data)
		}
	}
	if text, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "manifest.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

package ledger

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"residency/internal/residency"
)

// steadyLog has an endpoint that shows the same from run 2 on, with what it
// showed on the wire sealed in that run alone, and one that changes in run 9.
func steadyLog(t testing.TB) (*memory, *Key) {
	t.Helper()
	m, key := newMemory(), testKey(t, 1)
	steady := residency.RoundSeal{Endpoint: "acme/api/b.example.com", Sight: m.keep("s"), Judgement: m.keep("j")}
	for seq := int64(1); seq <= 12; seq++ {
		a := residency.RoundSeal{Endpoint: "acme/api/a.example.com", Sight: m.keep("s"), Judgement: m.keep("j")}
		b := steady
		switch seq {
		case 1:
			a.Packets, b.Sight, b.Packets = m.keep("a in run 1"), m.keep("other"), m.keep("b in run 1")
		case 2:
			b.Packets, b.LastPackets = m.keep("b in run 2"), m.keep("b in run 1")
		case 9:
			a.Packets, a.LastPackets = m.keep("a in run 9"), m.keep("a in run 8")
		}
		if err := m.end(testRun(seq), []residency.RoundSeal{a, b}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.signer(key).Sign(context.Background()); err != nil {
		t.Fatal(err)
	}
	return m, key
}

// TestBundleHasThePackets: what an endpoint showed on the wire is in the bundle
// also where that was sealed long before the bundle's runs.
func TestBundleHasThePackets(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, key := steadyLog(t)
	b := m.bundler(11, 12)
	b.Endpoints = []string{"acme/api/b.example.com", "acme/api/a.example.com"}
	b.Began = func(_ context.Context, endpoint string, run int64) (int64, error) {
		if endpoint == "acme/api/b.example.com" && run >= 2 {
			return 2, nil
		}
		return 1, nil
	}
	b.Derive = func(man Manifest, files map[string][]byte) (map[string][]byte, error) {
		return map[string][]byte{"names.txt": []byte(strings.Join(slices.Sorted(maps.Keys(files)), "\n"))}, nil
	}
	files := fstest.MapFS{}
	man, err := b.Write(ctx, func(name string, data []byte) error {
		files[name] = &fstest.MapFile{Data: bytes.Clone(data)}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if man.Context != 7 || !slices.Equal(man.Earlier, []int64{1, 2}) {
		t.Errorf("context from run %d, earlier runs %v, want 7 and [1 2]", man.Context, man.Earlier)
	}
	want := bodyName(m.keep("b in run 2"))
	if files[want] == nil || !strings.Contains(string(files["names.txt"].Data), want) {
		t.Errorf("the packets of the endpoint that did not change are not in the bundle")
	}
	v := &BundleVerifier{Files: files, Keys: []Public{key.Public()}}
	if _, rep, err := v.Verify(ctx); err != nil || rep.Rounds != 2*2+2*6 {
		t.Fatalf("Verify: %d rounds, %v", rep.Rounds, err)
	}
	for what, meddle := range map[string]func(fstest.MapFS){
		"a byte of the packets": func(f fstest.MapFS) { f[want].Data[0] ^= 1 },
		"the packets are gone":  func(f fstest.MapFS) { delete(f, want) },
		"the rounds are gone":   func(f fstest.MapFS) { delete(f, "rounds/2.json") },
		"the leaf is gone":      func(f fstest.MapFS) { delete(f, "leaves/1") },
		"rounds of another run": func(f fstest.MapFS) { f["rounds/2.json"] = f["rounds/1.json"] },
	} {
		changed := fstest.MapFS{}
		for n, f := range files {
			changed[n] = &fstest.MapFile{Data: bytes.Clone(f.Data)}
		}
		meddle(changed)
		remanifest(t, changed)
		v := &BundleVerifier{Files: changed, Keys: []Public{key.Public()}}
		if _, _, err := v.Verify(ctx); !IsTamper(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestBundleOfWhatIsNotSigned(t *testing.T) {
	t.Parallel()
	m, _ := steadyLog(t)
	if err := m.end(testRun(13), nil); err != nil {
		t.Fatal(err)
	}
	_, err := m.bundler(12, 13).Write(context.Background(), func(string, []byte) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "run 13 is not signed yet") {
		t.Errorf("a bundle with a run that is not signed: %v", err)
	}
}

package ledger

import (
	"bytes"
	"testing"

	"residency/internal/residency"
)

// FuzzParseLeaf: what parses is canonical, and no bytes bring it down.
func FuzzParseLeaf(f *testing.F) {
	m, _ := sealed(f, 4)
	for _, leaf := range m.leaves {
		f.Add(leaf)
	}
	f.Add([]byte(`{"schema":"residency/record/v1","kind":"key","at":"","body":null}`))
	f.Fuzz(func(t *testing.T, leaf []byte) {
		e, err := ParseLeaf(leaf)
		if err != nil {
			return
		}
		again := canonical(e.Run)
		if e.Record != nil {
			again = canonical(e.Record)
		}
		if !bytes.Equal(again, leaf) {
			t.Errorf("%q parses, and is written as %q", leaf, again)
		}
		_ = (&acts{}).note(0, e)
	})
}

func FuzzParseRound(f *testing.F) {
	f.Add(RoundLeaf(residency.RoundSeal{Endpoint: "a/b/c", Sight: residency.HashOf(nil), Judgement: residency.HashOf([]byte("x"))}))
	f.Add([]byte(`{"schema":"residency/round/v1","endpoint":"\u00e4","sight":"","judgement":""}`))
	f.Fuzz(func(t *testing.T, leaf []byte) {
		r, err := ParseRound(leaf)
		if err == nil && !bytes.Equal(RoundLeaf(r), leaf) {
			t.Errorf("%q parses, and is written as %q", leaf, RoundLeaf(r))
		}
	})
}

func FuzzParseClaims(f *testing.F) {
	f.Add(ClaimsBody(nil))
	f.Add(ClaimsBody([]residency.Claim{testRun(1).Claims[0].Claim}))
	f.Fuzz(func(t *testing.T, data []byte) {
		claims, err := ParseClaims(data)
		if err == nil && len(claims) > 0 && claims[0].ID == "" && len(data) == 0 {
			t.Error("claims out of nothing")
		}
	})
}

// FuzzOpenCheckpoint: what opens has the size and root that it says.
func FuzzOpenCheckpoint(f *testing.F) {
	m, key := sealed(f, 4)
	for _, cp := range m.checkpoints {
		f.Add(cp.Note)
	}
	f.Add([]byte("example.com/residency\n1\nAAAA\n\n— x y\n"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		cp, by, err := OpenCheckpoint(msg, key.Public())
		if err != nil {
			return
		}
		if by.String() != key.Public().String() || cp.Size < 0 || !bytes.Equal(cp.Note, msg) {
			t.Errorf("OpenCheckpoint(%q) = %+v, %v", msg, cp, by)
		}
		again, err := key.Sign(cp.Size, cp.Root, day)
		if err != nil || !bytes.HasPrefix(msg, bytes.SplitAfter(again.Note, []byte("\n\n"))[0]) {
			t.Errorf("%q opens, and is written as %q", msg, again.Note)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	secret, err := NewKey(bytes.NewReader(make([]byte, 32)), "example.com/log")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(secret)
	f.Add("PRIVATE+KEY+a+00000000+AQ==")
	f.Fuzz(func(t *testing.T, text string) {
		if key, err := ParseKey(text); err == nil {
			if _, err := ParsePublic(key.Public().String()); err != nil {
				t.Errorf("the public key of %q: %v", text, err)
			}
		}
		_, _ = ParsePublic(text)
	})
}

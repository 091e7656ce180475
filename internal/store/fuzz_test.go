package store

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// FuzzScope reads scopes out of a file that may be damaged or hostile.
func FuzzScope(f *testing.F) {
	f.Add([]byte{})
	f.Add(scopeOf([]int64{1, 2, 3, 7, 1 << 30}).append(nil))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1})
	f.Add([]byte{1, 0, 1, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseScope(data)
		if err != nil {
			return
		}
		back, err := parseScope(s.append(nil))
		if err != nil || !slices.Equal(back, s) {
			t.Errorf("parseScope(%x) = %v, written and read again %v, %v", data, s, back, err)
		}
		for i, st := range s {
			if st.last < st.first || (i > 0 && st.first <= s[i-1].last+1) {
				t.Errorf("parseScope(%x) = %v: stretches touch", data, s)
			}
		}
	})
}

// FuzzUnpack unpacks what a damaged or hostile file holds.
func FuzzUnpack(f *testing.F) {
	p, err := newPacker()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(p.close)
	f.Add([]byte{})
	f.Add([]byte{packedPlain, 1, 2})
	f.Add([]byte{7, 1, 2})
	f.Add(p.pack(bytes.Repeat([]byte("residency "), 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		plain, err := p.unpack(data)
		if err != nil {
			return
		}
		back, err := p.unpack(p.pack(plain))
		if err != nil || !bytes.Equal(back, plain) {
			t.Errorf("unpack(%x) = %x, packed and unpacked again %x, %v", data, plain, back, err)
		}
	})
}

// FuzzBlock reads the content of blocks out of a file that may be damaged or
// hostile.
func FuzzBlock(f *testing.F) {
	one := body{data: []byte("a sight"), refs: make([]byte, 64)}
	one.hash[0] = 1
	f.Add([]byte{}, []byte{})
	f.Add(appendBlock(nil, []body{one, {data: []byte("b")}}), hashesOf([]body{one, {}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0}, make([]byte, 32))
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, make([]byte, 32))
	f.Fuzz(func(t *testing.T, content, hashes []byte) {
		bodies, err := parseBlock(content, hashes)
		if err != nil {
			return
		}
		again, err := parseBlock(appendBlock(nil, bodies), hashesOf(bodies))
		if err != nil || !reflect.DeepEqual(again, bodies) {
			t.Errorf("parseBlock(%x, %x) = %v, written and read again %v, %v", content, hashes, bodies, again, err)
		}
	})
}

// TestScope holds sets of endpoints to what a plain map would say.
func TestScope(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(rapid.Int64Range(1, 60)).Draw(t, "ids")
		more := rapid.SliceOf(rapid.Int64Range(1, 60)).Draw(t, "more")
		s := union(scopeOf(ids), scopeOf(more))
		in := map[int64]bool{}
		for _, id := range slices.Concat(ids, more) {
			in[id] = true
		}
		back, err := parseScope(s.append(nil))
		if err != nil || !slices.Equal(back, s) || s.size() != int64(len(in)) {
			t.Fatalf("scope of %v and %v = %v, read again %v, %v", ids, more, s, back, err)
		}
		for id := int64(0); id < 62; id++ {
			if s.has(id) != in[id] {
				t.Fatalf("scope of %v and %v has %d: %v", ids, more, id, s.has(id))
			}
		}
	})
}

package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestUnwatched: a claim whose place was taken by one that nobody judges is
// warned of, unless it says itself that it is over.
func TestUnwatched(t *testing.T) {
	t.Parallel()
	policy := func(id, more string) string {
		return "[[policy]]\nid = \"" + id + "\"\nvendor = \"acme\"\nnever = [\"CN\"]\n" + more + "\n"
	}
	by := func(id string) string { return "superseded_by = \"" + id + "\"" }
	const over = "withdrawn = 2026-01-31"
	for _, tt := range []struct {
		name, text string
		want       []string // claims that are warned of, with the one named
	}{
		{"by a live one", policy("old", by("new")) + policy("new", ""), nil},
		{"by a historic one", policy("old", by("new")) + policy("new", "historic = true"), []string{`"new", which took its place, is historic`}},
		{"by a withdrawn one", policy("old", by("new")) + policy("new", over), []string{`"new", which took its place, is withdrawn`}},
		{"over two to a live one", policy("a", by("b")) + policy("b", by("c")+"\n"+over) + policy("c", ""), nil},
		{"over two to a withdrawn one", policy("a", by("b")) + policy("b", by("c")) + policy("c", over),
			[]string{`"c", which took its place, is withdrawn`, `"c", which took its place, is withdrawn`}},
		{"in the other order", policy("c", over) + policy("b", by("c")) + policy("a", by("b")),
			[]string{`"c", which took its place, is withdrawn`, `"c", which took its place, is withdrawn`}},
		{"historic itself", policy("old", by("new")+"\nhistoric = true") + policy("new", "historic = true"), nil},
		{"withdrawn itself", policy("old", by("new")+"\n"+over) + policy("new", over), nil},
	} {
		l := Loader{Now: func() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }}
		c, err := load(t, l, memory{"config.toml": []byte(small + tt.text)})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		var got []string
		for _, w := range c.Warnings {
			_, text, _ := strings.Cut(w.Text, ": ")
			got = append(got, text)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: warnings %q, want %q", tt.name, got, tt.want)
		}
	}
}

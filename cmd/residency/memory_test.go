package main

import (
	"io"
	"slices"
	"testing"
)

func TestPerson(t *testing.T) {
	t.Parallel()
	name := func(s string) func() string { return func() string { return s } }
	for _, c := range []struct {
		what string
		flag string
		vars map[string]string
		user func() string
		want string // "": an error
	}{
		{"the flag", "ann", map[string]string{"SUDO_USER": "bob"}, name("root"), "ann"},
		{"behind sudo", "", map[string]string{"SUDO_USER": "bob", "USER": "root"}, name("root"), "bob"},
		{"a variable", "", map[string]string{"LOGNAME": "cy"}, name("root"), "cy"},
		{"cron and containers", "", nil, name("root"), "root"},
		{"a user without a name", "", nil, name(""), ""},
		{"a world without users", "", nil, nil, ""},
	} {
		e := testEnv(io.Discard, io.Discard)
		e.getenv = func(key string) string { return c.vars[key] }
		e.user = c.user
		if got, err := e.person(c.flag); got != c.want || (err == nil) == (c.want == "") {
			t.Errorf("%s: person(%q) = %q, %v, want %q", c.what, c.flag, got, err, c.want)
		}
	}
}

// TestRecordOnceNamesWho: what the evidence log keeps of a configuration says
// who ran the program with it, also under cron and in a container; where nobody
// knows, it is kept all the same.
func TestRecordOnceNamesWho(t *testing.T) {
	t.Parallel()
	w := watchedStore(t, 1, 0)
	e := testEnv(io.Discard, io.Discard)
	e.getenv = func(string) string { return "" }
	for i, who := range []string{"residency", "", "root"} {
		e.user = func() string { return who }
		for range 2 { // the same value, once
			if err := e.recordOnce(t.Context(), w.store, "config", i); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got []string
	for r, err := range w.store.Records(t.Context(), "config") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.By)
	}
	if want := []string{"residency", "", "root"}; !slices.Equal(got, want) {
		t.Errorf("recorded by %q, want %q", got, want)
	}
}

package main

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"testing"

	"residency/internal/config"
	"residency/internal/residency"
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

// TestAConfigurationIsRecordedAfterOneThatWasNotNoted: the program was killed
// between recording a configuration and noting that; going back to the one
// before is recorded too.
func TestAConfigurationIsRecordedAfterOneThatWasNotNoted(t *testing.T) {
	t.Parallel()
	w := watchedStore(t, 1, 0)
	e := testEnv(io.Discard, io.Discard)
	one := &config.Config{SHA256: "1"}
	if err := e.recordFiles(t.Context(), w.store, one); err != nil {
		t.Fatal(err)
	}
	killed, kill := context.WithCancel(t.Context())
	e.user = func() string { kill(); return "" }
	if err := e.recordFiles(killed, w.store, &config.Config{SHA256: "2"}); err == nil {
		t.Fatal("a record while the program is killed succeeded")
	}
	e.user = nil
	body, err := json.Marshal(configRecordOf(&config.Config{SHA256: "2"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.Record(t.Context(), residency.Record{Kind: "config", At: w.now, Body: body}); err != nil { // what it came to
		t.Fatal(err)
	}
	if err := e.recordFiles(t.Context(), w.store, one); err != nil {
		t.Fatal(err)
	}
	var got []string
	for r, err := range w.store.Records(t.Context(), "config") {
		if err != nil {
			t.Fatal(err)
		}
		var c configRecord
		if err := json.Unmarshal(r.Body, &c); err != nil {
			t.Fatal(err)
		}
		got = append(got, c.SHA256)
	}
	if want := []string{"1", "2", "1"}; !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

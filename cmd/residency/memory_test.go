package main

import (
	"io"
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

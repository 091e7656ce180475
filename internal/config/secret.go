package config

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// masked stands for a secret wherever one is written.
const masked = "***"

// Secret is a text that is never written anywhere: not in logs, errors, JSON
// or reports. Only Reveal gives it. The zero Secret is empty.
type Secret struct {
	// A function, because fmt prints what pointers in unexported fields point
	// to when the verb does not fit; a function it never calls.
	held func() held
}

type held struct {
	value string
	from  string // "env:NAME" or "file:/path"; "" when it stands in the file itself
	err   error
}

// secret hides what is held.
func (h held) secret() Secret { return Secret{func() held { return h }} }

// Reveal returns the secret, or why it cannot be had: `read secret env:HOOK:
// not set`. The error never holds the secret.
func (s Secret) Reveal() (string, error) {
	if s.held == nil {
		return "", errors.New("read secret: none given")
	}
	h := s.held()
	if h.err != nil {
		return "", fmt.Errorf("read secret %s: %w", h.from, h.err)
	}
	return h.value, nil
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.held == nil }

// From says where the secret comes from: "env:NAME", "file:/path", or "" when
// it stands in the configuration itself.
func (s Secret) From() string {
	if s.held == nil {
		return ""
	}
	return s.held().from
}

// String returns "***", or "" for no secret.
func (s Secret) String() string {
	if s.held == nil {
		return ""
	}
	return masked
}

// Format writes "***" whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue logs "***".
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText writes "***".
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// secret resolves what the file says: env:NAME, file:/path, or the secret
// itself. What cannot be read now is a warning, not a problem: a check that
// tells nobody needs no secret.
func (a *assembly) secret(s section, name string) Secret {
	return a.secretFor(s, name, "nothing can be sent without it")
}

// secretFor is secret with words of its own for what cannot be done without.
func (a *assembly) secretFor(s section, name, hint string) Secret {
	v := s.value(name)
	if v == nil {
		return Secret{}
	}
	switch {
	case strings.HasPrefix(v.text, "env:"):
		h := held{from: v.text}
		if a.Getenv != nil {
			h.value = strings.TrimSpace(a.Getenv(strings.TrimPrefix(v.text, "env:")))
		}
		if h.value == "" {
			h.err = errors.New("not set")
			a.warn.add(v.pos, s.at(name), "the environment variable is not set", hint)
		}
		return h.secret()
	case strings.HasPrefix(v.text, "file:"):
		path := beside(v.pos.src.shown, strings.TrimPrefix(v.text, "file:"))
		h := held{from: "file:" + path}
		data, err := a.files.read(path, maxSecret, false)
		h.value = strings.TrimSpace(string(data))
		if err == nil && h.value == "" {
			err = errors.New("the file is empty")
		}
		if err != nil {
			h.err = err
			a.warn.add(v.pos, s.at(name), "the secret's file cannot be read: "+err.Error(), hint)
		}
		return h.secret()
	}
	return held{value: strings.TrimSpace(v.text)}.secret()
}

// maxSecret is the most bytes a secret's file may have.
const maxSecret = 64 << 10

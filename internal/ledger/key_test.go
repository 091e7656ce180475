package ledger

import (
	"bytes"
	"strings"
	"testing"
)

func TestNewKey(t *testing.T) {
	t.Parallel()
	secret, err := NewKey(bytes.NewReader(bytes.Repeat([]byte{7}, 32)), "example.com/log")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(secret + "\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := key.Public().Origin(); got != "example.com/log" {
		t.Errorf("Origin = %q", got)
	}
	if strings.Contains(key.Public().String(), "PRIVATE") {
		t.Errorf("the public key is %s", key.Public())
	}
	for _, origin := range []string{"", "a b", "a+b", "ä", "a\nb", strings.Repeat("x", 201)} {
		if _, err := NewKey(bytes.NewReader(make([]byte, 32)), origin); err == nil {
			t.Errorf("NewKey takes the origin %q", origin)
		}
	}
	if _, err := NewKey(bytes.NewReader(make([]byte, 31)), "a"); err == nil {
		t.Error("NewKey makes a key from 31 bytes")
	}
	for _, bad := range []string{"", secret[:len(secret)-9], strings.Replace(secret, "example", "exomple", 1), key.Public().String()} {
		if _, err := ParseKey(bad); err == nil || strings.Contains(err.Error(), secret[40:60]) {
			t.Errorf("ParseKey(...) = %v, want an error without the secret", err)
		}
	}
}

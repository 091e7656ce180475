package policy_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"residency/internal/policy"
)

// TestConfirmationsDoc holds the numbers that people read to those that judge.
func TestConfirmationsDoc(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	k := policy.DefaultConfirmations()
	for _, row := range []struct {
		words string
		runs  int
	}{
		{"proven: distance alone excludes every approved place", k.Proven},
		{"in no country but one where data may never go", k.Never},
		{"two or more sources agree", k.Corroborated},
		{"one source only, or sources differ", k.Asserted},
	} {
		if want := fmt.Sprintf("| %s | %d |\n", row.words, row.runs); !strings.Contains(string(text), want) {
			t.Errorf("docs/findings.md has no row %q", want)
		}
	}
}

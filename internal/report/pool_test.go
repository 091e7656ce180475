package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFold(t *testing.T) {
	t.Parallel()
	rows := [][]string{{"A", "ns", "1"}, {"AAAA", "ns", "2"}, {"A", "ns", "3"}, {"A", "ns", "4"}, {"A", "ns2", "5"}}
	want := [][]string{{"A", "ns", "1; 2 more"}, {"AAAA", "ns", "2"}, {"A", "ns2", "5"}}
	if diff := cmp.Diff(want, fold(rows)); diff != "" {
		t.Errorf("fold: %s", diff)
	}
	if rows[0][2] != "1" {
		t.Error("fold changed its argument")
	}
}

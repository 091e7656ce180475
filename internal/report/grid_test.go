package report

import (
	"image/color"
	"slices"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
)

func TestWrapCell(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text  string
		width int
		want  []string
	}{
		{"", 5, []string{""}},
		{"two words", 20, []string{"two words"}},
		{"China or Singapore, India", 10, []string{"China or", "Singapore,", "India"}},
		{"static.shop.acme.example", 12, []string{"static.shop.", "acme.example"}},
		{"2001:db8:1:2::1", 8, []string{"2001:", "db8:1:", "2::1"}},
		{"Kirchengesangbuch", 8, []string{"Kircheng", "esangbuc", "h"}},
		{"a 中文中文", 4, []string{"a", "中文", "中文"}},
	}
	for _, tt := range tests {
		got := wrapCell(tt.text, tt.width)
		if !slices.Equal(got, tt.want) {
			t.Errorf("wrapCell(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

// TestTableBreaksNoWord: at any usual width every word of a table is whole and
// every heading is there.
func TestTableBreaksNoWord(t *testing.T) {
	t.Parallel()
	for _, width := range []int{64, 72, 80, 100, 120} {
		for _, run := range []func() string{
			func() string { return tableOf(t, troubled(), Options{Width: width}) },
			func() string { return tableOf(t, many(), Options{Width: width}) },
		} {
			got := run()
			for _, word := range []string{"Singapore", "Germany", "users", "answers"} {
				if !strings.Contains(got, word) {
					t.Errorf("width %d: no whole %q in\n%s", width, word, got)
				}
			}
			if strings.Contains(got, "…") {
				t.Errorf("width %d: something is cut:\n%s", width, got)
			}
			for _, line := range strings.Split(got, "\n") {
				if lipgloss.Width(line) > width {
					t.Errorf("width %d: %q", width, line)
				}
				for _, w := range strings.Fields(line) {
					if slices.Contains([]string{"e", "e,", "re", "re,", "ore,", "gapore"}, w) {
						t.Errorf("width %d: a piece of a word in %q", width, line)
					}
				}
			}
		}
	}
}

func TestGridLeavesOutWhatYields(t *testing.T) {
	t.Parallel()
	rows := [][]string{{"host.example", "two or more sources agree", "nothing seen outside here"}}
	for width, there := range map[int]bool{120: true, 60: true, 50: false} {
		p := &printer{o: Options{Width: width}}
		p.gridYielding([]string{"host", "how sure", "result"}, rows, 0, 1, func(int) color.Color { return nil }, -1)
		if got := strings.Contains(p.String(), "how sure"); got != there {
			t.Errorf("width %d: the yielding column is there: %v, want %v\n%s", width, got, there, p.String())
		}
		if !strings.Contains(p.String(), "nothing seen outside here") {
			t.Errorf("width %d: the result is broken up:\n%s", width, p.String())
		}
	}
}

// TestCausesPutAlikeHostsTogether: hosts of a service that are all alike are
// one row; one that differs makes them rows of their own.
func TestCausesPutAlikeHostsTogether(t *testing.T) {
	t.Parallel()
	run := many()
	got := tableOf(t, run, Options{Width: 120})
	if !strings.Contains(got, "shop, all 31 hosts") || strings.Contains(got, "hosta.acme.example") {
		t.Errorf("hosts that are alike have rows of their own:\n%s", got)
	}
	if n := strings.Count(got, "\n"); n > 45 {
		t.Errorf("the table has %d lines", n)
	}
	run.Rounds[0].Cells = append(run.Rounds[0].Cells[:0:0], run.Rounds[0].Cells...)
	for i := range run.Rounds[0].Cells {
		run.Rounds[0].Cells[i].Reasons = nil
	}
	if got := tableOf(t, run, Options{Width: 120}); strings.Contains(got, "shop, all") || !strings.Contains(got, "hosta.acme.example") {
		t.Errorf("a host that differs is among those that are alike:\n%s", got)
	}
}

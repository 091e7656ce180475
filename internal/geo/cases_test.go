package geo

import (
	"net/netip"
	"os"
	"strings"
	"testing"
)

// TestWorkedCases runs every row of the table of worked cases in the
// documentation, so that it says what the program does.
func TestWorkedCases(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/fusion.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| --- | --- | --- | --- | --- |\n")
	if !found {
		t.Fatal("docs/fusion.md has no table of worked cases")
	}
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 5 {
			break
		}
		for i := range cells {
			if cells[i] = strings.TrimSpace(cells[i]); cells[i] == "-" {
				cells[i] = ""
			}
		}
		rows++
		loc := Fuse(netip.MustParseAddr("9.9.9.9"), sayAll(strings.ReplaceAll(cells[1], ", ", ",")))
		want := set(strings.ReplaceAll(cells[2], " ", "|"))
		if loc.Countries != want || string(loc.Decision) != cells[3] || loc.Conflict != (cells[4] == "yes") {
			t.Errorf("%s: Fuse(%s) = %v by %s, conflict %v; the table says %v by %s, %s", cells[0], cells[1],
				loc.Countries, loc.Decision, loc.Conflict, want, cells[3], cells[4])
		}
	}
	if rows < 20 {
		t.Errorf("%d rows were read, want the whole table", rows)
	}
}

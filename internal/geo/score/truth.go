// Package score says how good location evidence is, against addresses of which
// the country is known: how often each source and the fusion name one country,
// how often it is the right one, and the two numbers that matter for a claim:
// addresses said to be inside that are not, and the other way round.
//
//	rows, err := score.ReadTruth(file)
//	sheet := score.Lay(rows)
//	figures := sheet.Score(ctx, contestants, options)
//
// It opens nothing and asks nobody: what an address gets as an answer is handed
// in as a function. The same input gives the same figures.
package score

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"residency/internal/residency"
)

// Truth is one prefix whose country is known.
type Truth struct {
	Prefix   netip.Prefix
	Country  residency.Country
	Provider string // who says so; "" if the file does not tell
}

const (
	maxTruths  = 4_000_000 // of one file
	maxTold    = 20        // bad lines that an error names
	longestRow = 4096      // bytes
)

// ReadTruth reads rows of "prefix,country" or "prefix,country,provider"; more
// fields are not looked at. Empty lines and lines that begin with "#" are
// comments, and "prefix,..." before the first row names the fields. The error names
// every line that cannot be understood, up to twenty: figures against half of a
// truth would be about something else.
func ReadTruth(r io.Reader) ([]Truth, error) {
	var rows []Truth
	var bad []error
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, longestRow), longestRow)
	n := 0
	for lines.Scan() {
		n++
		text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if text == "" || text[0] == '#' || len(rows) == 0 && len(bad) == 0 && strings.HasPrefix(text, "prefix,") {
			continue
		}
		row, err := parseTruth(text)
		switch {
		case err == nil:
			rows = append(rows, row)
		case len(bad) < maxTold:
			bad = append(bad, fmt.Errorf("line %d: %w", n, err))
		}
		if len(rows) > maxTruths {
			return nil, fmt.Errorf("read truth: more than %d rows", maxTruths)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read truth: line %d: %w", n+1, err)
	}
	if len(bad) > 0 {
		return nil, fmt.Errorf("read truth: %w", errors.Join(bad...))
	}
	if len(rows) == 0 {
		return nil, errors.New("read truth: no rows in it")
	}
	return rows, nil
}

func parseTruth(text string) (Truth, error) {
	fields := strings.Split(text, ",")
	if len(fields) < 2 {
		return Truth{}, fmt.Errorf("%q is not prefix,country", text)
	}
	p, err := netip.ParsePrefix(strings.TrimSpace(fields[0]))
	if err != nil || p.Addr().Is4In6() {
		return Truth{}, fmt.Errorf("%q is no prefix", fields[0])
	}
	if p != p.Masked() {
		return Truth{}, fmt.Errorf("%q has host bits set", fields[0])
	}
	c, ok := residency.ParseCountry(strings.TrimSpace(fields[1]))
	if !ok {
		return Truth{}, fmt.Errorf("%q is no country code", fields[1])
	}
	row := Truth{Prefix: p, Country: c}
	if len(fields) > 2 {
		row.Provider = strings.TrimSpace(fields[2])
	}
	return row, nil
}

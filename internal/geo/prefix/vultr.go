package prefix

import (
	"bytes"
	"fmt"
	"time"
)

// vultrFile is the part that is read of Vultr's JSON
// (https://geofeed.constant.com/?json).
type vultrFile struct {
	Updated string `json:"updated"`
	Subnets []struct {
		Prefix  string `json:"ip_prefix"`
		Country string `json:"alpha2code"`
		Region  string `json:"region"` // ISO 3166-2
		City    string `json:"city"`
	} `json:"subnets"`
}

// readVultr reads what Vultr publishes as JSON or, the same, as RFC 8805 lines.
// Its list has had documentation and 6to4 prefixes; those are skipped.
func readVultr(l *list, f file) (time.Time, error) {
	if text := bytes.TrimSpace(f.data); len(text) == 0 || text[0] != '{' {
		return readFeed(l, f)
	}
	var from vultrFile
	if err := f.decode(&from); err != nil {
		return time.Time{}, err
	}
	subdivisions := readSubdivisions()
	for i, row := range from.Subnets {
		e, err := l.parse(i+1, row.Prefix)
		if err != nil {
			return time.Time{}, err
		}
		place, err := subdivisions.place(row.Country, row.Region)
		if err != nil {
			return time.Time{}, fmt.Errorf("entry %d: %w", i+1, err)
		}
		l.city(e, place, row.City)
	}
	return dayIn(from.Updated), nil
}

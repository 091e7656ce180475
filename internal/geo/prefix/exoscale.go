package prefix

import (
	"fmt"
	"time"
)

// exoscaleFile is the part that is read of Exoscale's exoscale_prefixes.json
// (https://exoscale-prefixes.sos-ch-dk-2.exo.io/exoscale_prefixes.json).
type exoscaleFile struct {
	Prefixes []struct {
		Prefix4 string `json:"IPv4Prefix"` // one of the two, or both
		Prefix6 string `json:"IPv6Prefix"`
		Zone    string `json:"zone"` // "ch-gva-2"
	} `json:"prefixes"`
}

func readExoscale(l *list, f file) (time.Time, error) {
	var from exoscaleFile
	if err := f.decode(&from); err != nil {
		return time.Time{}, err
	}
	for i, row := range from.Prefixes {
		if row.Zone == "" {
			return time.Time{}, fmt.Errorf("entry %d: no zone", i+1)
		}
		texts := []string{row.Prefix4, row.Prefix6}
		if row.Prefix4 == "" {
			texts = texts[1:]
		} else if row.Prefix6 == "" {
			texts = texts[:1]
		}
		for _, text := range texts {
			e, err := l.parse(i+1, text)
			if err != nil {
				return time.Time{}, err
			}
			e.region(row.Zone)
		}
	}
	return time.Time{}, nil
}

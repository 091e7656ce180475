package prefix

import (
	"fmt"
	"time"
)

// oracleFile is the part that is read of Oracle's public_ip_ranges.json
// (https://docs.oracle.com/en-us/iaas/Content/General/Concepts/addressranges.htm).
type oracleFile struct {
	Updated string `json:"last_updated_timestamp"` // "2025-07-21T07:13:25.457838"
	Regions []struct {
		Region string `json:"region"`
		CIDRs  []struct {
			CIDR string `json:"cidr"`
		} `json:"cidrs"`
	} `json:"regions"`
}

func readOracle(l *list, f file) (time.Time, error) {
	var from oracleFile
	if err := f.decode(&from); err != nil {
		return time.Time{}, err
	}
	built := dayIn(from.Updated)
	if built.IsZero() {
		return time.Time{}, fmt.Errorf("last_updated_timestamp %q is no date such as 2025-07-21T07:13:25", clip(from.Updated))
	}
	n := 0
	for _, r := range from.Regions {
		for _, c := range r.CIDRs {
			n++
			e, err := l.parse(n, c.CIDR)
			if err != nil {
				return time.Time{}, err
			}
			if r.Region == "" {
				return time.Time{}, fmt.Errorf("entry %d: %s has no region", n, c.CIDR)
			}
			e.region(r.Region)
		}
	}
	return built, nil
}

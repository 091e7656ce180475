package prefix

import (
	"errors"
	"fmt"
	"time"
)

// googleFile is the part that is read of Google's cloud.json
// (https://cloud.google.com/compute/docs/faq#find_ip_range).
type googleFile struct {
	CreationTime string `json:"creationTime"` // "2025-07-24T19:16:28.780563"
	Prefixes     []struct {
		Prefix4 string `json:"ipv4Prefix"` // one of the two
		Prefix6 string `json:"ipv6Prefix"`
		Scope   string `json:"scope"` // a region, or "global"
	} `json:"prefixes"`
}

// readGoogle reads cloud.json. The scope "global" is in no region: databases
// agree on the US for all of it, and are wrong.
func readGoogle(l *list, f file) (time.Time, error) {
	var from googleFile
	if err := f.decode(&from); err != nil {
		return time.Time{}, err
	}
	built := dayIn(from.CreationTime)
	if built.IsZero() {
		return time.Time{}, fmt.Errorf("creationTime %q is no date such as 2025-07-24T19:16:28", clip(from.CreationTime))
	}
	for i, row := range from.Prefixes {
		if row.Prefix4 != "" && row.Prefix6 != "" {
			return time.Time{}, fmt.Errorf("entry %d: two prefixes in one", i+1)
		}
		e, err := l.parse(i+1, row.Prefix4+row.Prefix6)
		switch {
		case err != nil:
			return time.Time{}, err
		case row.Scope == "":
			return time.Time{}, errNoScope
		case row.Scope == "global":
			e.global = "Google Cloud lists it as global, in no region"
		default:
			e.region(row.Scope)
		}
	}
	return built, nil
}

var errNoScope = errors.New("a prefix without a scope: cloud.json has them, goog.json has not")

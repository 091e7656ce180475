package prefix

import (
	"fmt"
	"slices"
	"time"
)

// awsFile is the part that is read of AWS's ip-ranges.json
// (https://docs.aws.amazon.com/vpc/latest/userguide/aws-ip-ranges.html).
type awsFile struct {
	CreateDate string   `json:"createDate"` // "2025-07-24-20-23-14", UTC
	Prefixes   []awsRow `json:"prefixes"`
	Prefixes6  []awsRow `json:"ipv6_prefixes"`
}

type awsRow struct {
	Prefix  string `json:"ip_prefix"`
	Prefix6 string `json:"ipv6_prefix"`
	Service string `json:"service"`

	// Group is where the addresses are announced from. "region" is not read:
	// sixteen groups lie in another country than the region they belong to
	// (us-east-1-scl-1 is Santiago de Chile).
	Group string `json:"network_border_group"`
}

const awsGlobal = "GLOBAL"

// edgeService reports whether AWS serves many customers of the service from
// the same addresses in many places, whatever region the list gives them.
func edgeService(service string) bool {
	return service == "CLOUDFRONT" || service == "GLOBALACCELERATOR"
}

// ReadAWS reads AWS's list of its ranges from memory, as Read does.
func ReadAWS(data []byte, name string) (*Source, error) {
	return Read(data, name, time.Time{}, "aws")
}

// readAWS reads ip-ranges.json. An edge service vetoes everything under its
// prefix, also where a longer prefix has a region; GLOBAL alone vetoes only
// where it is the longest match.
func readAWS(l *list, f file) (time.Time, error) {
	var from awsFile
	if err := f.decode(&from); err != nil {
		return time.Time{}, err
	}
	built, err := time.Parse("2006-01-02-15-04-05", from.CreateDate)
	if err != nil {
		return time.Time{}, fmt.Errorf("createDate %q is no date such as 2025-07-24-20-23-14", clip(from.CreateDate))
	}
	for i, row := range slices.Concat(from.Prefixes, from.Prefixes6) {
		text := row.Prefix
		if i >= len(from.Prefixes) {
			text = row.Prefix6
		}
		e, err := l.parse(i+1, text)
		switch {
		case err != nil:
			return time.Time{}, err
		case row.Group == "":
			return time.Time{}, fmt.Errorf("entry %d: %s has no network_border_group", i+1, text)
		case row.Group == awsGlobal:
			e.global = "AWS lists it as GLOBAL, in no region"
		default:
			e.region(row.Group)
		}
		if edgeService(row.Service) {
			e.edge = "shared edge of AWS (" + row.Service + ")"
		}
	}
	return built, nil
}

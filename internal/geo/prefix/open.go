package prefix

import (
	"errors"
	"fmt"
	"time"

	"residency/internal/residency"
)

// format is how a provider publishes its ranges.
type format struct {
	name    string // what Open takes, and region ids begin with
	what    string // for messages
	licence string
	class   residency.Class
	read    func(*list, file) (built time.Time, err error)
}

// published is the licence of nearly every list: they are public, for customers
// to use, and say nothing else.
const published = "none stated; published by the operator for its customers"

// formats returns the formats that can be read, in the order of Providers.
func formats() []format {
	const own, edge = residency.ClassProvider, residency.ClassEdge
	return []format{
		{"aws", "AWS ranges", published, own, readAWS},
		{"gcp", "Google Cloud ranges", published, own, readGoogle},
		{"azure", "Azure service tags", published, own, readAzure},
		{"oci", "Oracle Cloud ranges", published, own, readOracle},
		{"digitalocean", "DigitalOcean ranges", published, own, readFeed},
		{"linode", "Linode ranges", published, own, readFeed},
		{"vultr", "Vultr ranges", published, own, readVultr},
		{"exoscale", "Exoscale ranges", published, own, readExoscale},
		{"csv", "ranges", "", own, readCSV},
		{"cloudflare", "Cloudflare edges", published, edge, readCloudflare},
		{"fastly", "Fastly edges", published, edge, readFastly},
	}
}

// ErrProvider says that no list of this provider can be read.
var ErrProvider = errors.New("no such provider of ranges")

// Providers returns the names that Open takes. All but "csv" are providers and
// mean the list as that one publishes it; "csv" is a list of one's own, a line
// "prefix,region" or "prefix,country" for each prefix. cloudflare and fastly
// publish edges, which veto.
func Providers() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// Open reads the list of ranges that a provider publishes. The date of the data
// is the provider's; of a list that tells none it is built, and when that is
// zero too, the data has no date and counts as old.
func Open(path, provider string, built time.Time) (*Source, error) {
	if _, ok := formatOf(provider); !ok {
		return nil, fmt.Errorf("open %s: %w: %q", path, ErrProvider, provider)
	}
	f, err := openFile(path, built)
	if err != nil {
		return nil, err
	}
	return readRanges(f, provider)
}

// Read reads such a list from memory. name is what errors and the identity of
// the data have, changed when the data was received: its date if it tells none.
//
// A JSON list with an entry that cannot be understood is refused as a whole:
// without the entry a shorter prefix would speak in its place. Of lists of
// lines the bad ones are left out and counted, and silence their prefix. Entries
// outside the public internet are skipped and counted, repeated ones are one.
func Read(data []byte, name string, changed time.Time, provider string) (*Source, error) {
	return readRanges(file{name, changed, data}, provider)
}

func readRanges(f file, provider string) (*Source, error) {
	how, ok := formatOf(provider)
	if !ok {
		return nil, fmt.Errorf("read %s: %w: %q", f.name, ErrProvider, provider)
	}
	l := newList(how.name, how.name)
	built, err := how.read(l, f)
	if err == nil {
		var s *Source
		if s, err = l.finish(f.identity(how.name, how.class, built, how.licence)); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("read %s %s: %w", how.what, f.name, err)
}

func formatOf(provider string) (format, bool) {
	for _, f := range formats() {
		if f.name == provider {
			return f, true
		}
	}
	return format{}, false
}

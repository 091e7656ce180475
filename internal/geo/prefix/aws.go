package prefix

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"residency/internal/residency"
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

// OpenAWS reads AWS's list of its ranges, ip-ranges.json.
func OpenAWS(path string) (*Source, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return ReadAWS(data, path)
}

// ReadAWS reads AWS's list of its ranges from memory; file is the name that
// errors and the identity of the data have. A list with an entry that cannot be
// understood is refused as a whole: without the entry a shorter prefix would
// speak in its place. Entries outside the public internet are skipped and
// counted, repeated ones are one.
func ReadAWS(data []byte, file string) (*Source, error) {
	list, built, err := parseAWS(data)
	if err != nil {
		return nil, fmt.Errorf("read AWS ranges %s: %w", file, err)
	}
	sum := sha256.Sum256(data)
	s := &Source{name: "aws", dataset: residency.Dataset{
		Name:    filepath.Base(file),
		Lineage: "aws",
		Class:   residency.ClassProvider,
		Built:   built,
		SHA256:  hex.EncodeToString(sum[:]),
		File:    file,
	}}
	entries, err := s.gather(list)
	if err != nil {
		return nil, fmt.Errorf("read AWS ranges %s: %w", file, err)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("read AWS ranges %s: no prefixes in it", file)
	}
	s.dataset.Records = len(entries)
	s.fill(entries)
	return s, nil
}

func parseAWS(data []byte) (awsFile, time.Time, error) {
	var list awsFile
	if len(data) == 0 {
		return list, time.Time{}, errEmpty
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return list, time.Time{}, fmt.Errorf("not the JSON that AWS publishes, or half of it: %w", err)
	}
	built, err := time.Parse("2006-01-02-15-04-05", list.CreateDate)
	if err != nil {
		return list, time.Time{}, fmt.Errorf("createDate %q is no date such as 2025-07-24-20-23-14", list.CreateDate)
	}
	return list, built, nil
}

// awsEntry is all rows of one prefix.
type awsEntry struct {
	groups []string // network border groups, GLOBAL left out
	global bool
	edge   string // the edge service in it, or ""
}

// gather joins the rows of each prefix.
func (s *Source) gather(list awsFile) (map[netip.Prefix]*awsEntry, error) {
	entries := make(map[netip.Prefix]*awsEntry, len(list.Prefixes)+len(list.Prefixes6))
	for i, row := range slices.Concat(list.Prefixes, list.Prefixes6) {
		text := row.Prefix
		if i >= len(list.Prefixes) {
			text = row.Prefix6
		}
		p, err := parsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		if row.Group == "" {
			return nil, fmt.Errorf("entry %d: %s has no network_border_group", i+1, p)
		}
		if bogon(p) {
			s.skipped++
			continue
		}
		e := entries[p]
		if e == nil {
			e = &awsEntry{}
			entries[p] = e
		}
		e.add(row)
	}
	return entries, nil
}

func (e *awsEntry) add(row awsRow) {
	switch {
	case row.Group == awsGlobal:
		e.global = true
	case !slices.Contains(e.groups, row.Group):
		e.groups = append(e.groups, row.Group)
	}
	if edgeService(row.Service) {
		e.edge = row.Service
	}
}

// fill makes the table: for each prefix, what is said of an address whose
// longest match it is. An edge service vetoes everything under its prefix, also
// where a longer prefix has a region; GLOBAL alone vetoes only where it is the
// longest match.
func (s *Source) fill(entries map[netip.Prefix]*awsEntry) {
	places := places()
	edges := make(map[netip.Prefix]string)
	lengths := map[int]bool{}
	for p, e := range entries {
		if e.edge != "" {
			edges[p], lengths[p.Bits()] = e.edge, true
		}
	}
	for p, e := range entries {
		var said []residency.Assertion
		if service := edgeOver(p, edges, lengths); service != "" {
			said = append(said, s.edge(p, "shared edge of AWS ("+service+")"))
		} else if e.global {
			said = append(said, s.edge(p, "AWS lists it as GLOBAL, in no region"))
		}
		for _, group := range e.groups {
			id := "aws:" + group
			a := residency.Assertion{Source: s.name, Class: residency.ClassProvider, Lineage: s.dataset.Lineage, Region: id, Prefix: p, Dataset: &s.dataset}
			if country, ok := places[id]; ok {
				a.In = residency.CountriesOf(country)
			} else {
				a.Note = "the place of this region is not known"
			}
			said = append(said, a)
		}
		s.table.Insert(p, said)
	}
}

func (s *Source) edge(p netip.Prefix, note string) residency.Assertion {
	return residency.Assertion{Source: s.name, Class: residency.ClassEdge, Lineage: s.dataset.Lineage, Prefix: p, Note: note, Dataset: &s.dataset}
}

// edgeOver returns the edge service of p or of a shorter prefix around it.
func edgeOver(p netip.Prefix, edges map[netip.Prefix]string, lengths map[int]bool) string {
	for n := p.Bits(); n >= 0; n-- {
		if !lengths[n] {
			continue
		}
		if service := edges[netip.PrefixFrom(p.Addr(), n).Masked()]; service != "" {
			return service
		}
	}
	return ""
}

// Open reads the list of ranges that a provider publishes. AWS's is the one
// that can be read.
func Open(path, provider string) (*Source, error) {
	if provider != "aws" {
		return nil, fmt.Errorf("open %s: %w: %q", path, ErrProvider, provider)
	}
	return OpenAWS(path)
}

// ErrProvider says that no list of this provider can be read.
var ErrProvider = errors.New("no such provider of ranges")

// Providers returns the names that Open takes.
func Providers() []string { return []string{"aws"} }

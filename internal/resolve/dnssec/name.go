package dnssec

import (
	"errors"

	"github.com/miekg/dns"
)

// Names inside this package are canonical: fully qualified, lower case, and
// escaped the way the codec escapes what it unpacks, so that equal names are
// equal strings. Suffixes are never compared as text: "\." is a dot inside a
// label, and "notexample.com." ends in "example.com.".

var errName = errors.New("not a domain name")

// canonical returns the canonical form of a name from outside.
func canonical(name string) (string, error) {
	wire, err := wireName(name)
	if err != nil {
		return "", err
	}
	text, _, err := dns.UnpackDomainName(wire, 0)
	if err != nil {
		return "", errName
	}
	return dns.CanonicalName(text), nil
}

// wireName returns the uncompressed wire form.
func wireName(name string) ([]byte, error) {
	buf := make([]byte, 256)
	n, err := dns.PackDomainName(dns.Fqdn(name), buf, 0, nil, false)
	if err != nil {
		return nil, errName
	}
	return buf[:n], nil
}

// within reports whether name is zone or below it.
func within(zone, name string) bool { return dns.IsSubDomain(zone, name) }

// parent returns the name without its first label; the root is its own parent.
func parent(name string) string {
	off, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[off:]
}

// lastLabels returns the ancestor of name that has n labels.
func lastLabels(name string, n int) string {
	idx := dns.Split(name)
	if n <= 0 {
		return "."
	}
	if n >= len(idx) {
		return name
	}
	return name[idx[len(idx)-n]:]
}

// under returns label.zone.
func under(label, zone string) string {
	if zone == "." {
		return label + "."
	}
	return label + "." + zone
}

// common returns the longest name that both are at or below.
func common(a, b string) string { return lastLabels(a, dns.CompareDomainName(a, b)) }

// labelCount is the number of labels without a leading "*" (RFC 4034 section 3.1.3).
func labelCount(name string) int {
	n := dns.CountLabel(name)
	if len(name) > 1 && name[0] == '*' && name[1] == '.' {
		n--
	}
	return n
}

// order is a name as its raw labels, from the root down. slices.Compare of two
// of them is the canonical order of RFC 4034 section 6.1.
type order []string

// orderOf returns nil for a name that cannot be packed, which canonical names can.
func orderOf(name string) order {
	wire, err := wireName(name)
	if err != nil {
		return nil
	}
	var labels order
	for len(wire) > 0 && wire[0] != 0 {
		n := int(wire[0])
		labels = append(labels, string(wire[1:1+n]))
		wire = wire[1+n:]
	}
	for i, j := 0, len(labels)-1; i < j; i, j = i+1, j-1 {
		labels[i], labels[j] = labels[j], labels[i]
	}
	return labels
}

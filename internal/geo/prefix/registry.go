package prefix

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"residency/internal/residency"
)

// OpenRegistry reads the file of a registry that says to whom it delegated which
// blocks: RIR statistics exchange format, version 2, plain or extended
// (https://www.apnic.net/about-apnic/corporate-documents/documents/resource-guidelines/rir-statistics-exchange-format/).
// The country is that of the holder at the time, not of the addresses; the class
// is residency.ClassRegistry, which is shown and has no voice. Blocks that are
// not delegated are passed over. IPv4 blocks come as a count of addresses and
// are split into prefixes. Lines that cannot be understood are left out and
// counted; a file with fewer records than its head says is refused as half of
// one.
func OpenRegistry(path string) (*Source, error) {
	f, err := openFile(path, time.Time{})
	if err != nil {
		return nil, err
	}
	return readRegistry(f)
}

// ReadRegistry reads such a file from memory; see Read for name and changed.
func ReadRegistry(data []byte, name string, changed time.Time) (*Source, error) {
	return readRegistry(file{name, changed, data})
}

func readRegistry(f file) (*Source, error) {
	l := newList("registry", "")
	built, err := l.registry(f)
	if err == nil {
		var s *Source
		if s, err = l.finish(f.identity("registry", residency.ClassRegistry, built, "")); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("read registry file %s: %w", f.name, err)
}

// registryHead is the first line that is no comment:
// 2|apnic|20210715|69826|19830613|20210714|+1000.
type registryHead struct {
	name    string
	records int
	built   time.Time
}

func (l *list) registry(f file) (time.Time, error) {
	text, err := f.text()
	if err != nil {
		return time.Time{}, err
	}
	var head registryHead
	n, records := 0, 0
	for line := range lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "|")
		switch {
		case head.name == "":
			if head, err = readHead(fields); err != nil {
				return time.Time{}, fmt.Errorf("line %d: %w", n, err)
			}
			l.source.name = head.name
		case len(fields) == 6 && fields[5] == "summary":
		default:
			records++
			if why := l.record(n, fields); why != "" {
				l.source.skip(n, line, why)
			}
		}
	}
	switch {
	case head.name == "":
		return time.Time{}, errors.New("only comments in it")
	case records < head.records:
		return time.Time{}, fmt.Errorf("half a file: %d of %d records", records, head.records)
	}
	return head.built, nil
}

func readHead(fields []string) (registryHead, error) {
	if len(fields) < 7 || fields[0] != "2" && !strings.HasPrefix(fields[0], "2.") || fields[1] == "" {
		return registryHead{}, errors.New("no head such as 2|apnic|20210715|69826|19830613|20210714|+1000")
	}
	records, err := strconv.Atoi(fields[3])
	if err != nil || records < 0 {
		return registryHead{}, fmt.Errorf("%q is no number of records", clip(fields[3]))
	}
	// The end of the period is a date at every registry, the serial is not.
	return registryHead{clip(fields[1]), records, dayIn(fields[5])}, nil
}

// record reads registry|cc|type|start|value|date|status and says what is wrong
// with it.
func (l *list) record(n int, fields []string) string {
	if len(fields) < 7 {
		return "fewer than seven fields"
	}
	kind, status := fields[2], fields[6]
	switch {
	case kind == "asn":
		return ""
	case status == "available" || status == "reserved":
		return ""
	case status != "allocated" && status != "assigned":
		return fmt.Sprintf("status %q is not known", clip(status))
	}
	country, ok := residency.ParseCountry(fields[1])
	if !ok {
		return fmt.Sprintf("%q is no country", clip(fields[1]))
	}
	start, err := netip.ParseAddr(fields[3])
	value, bad := strconv.ParseUint(fields[4], 10, 33)
	if err != nil || bad != nil || value == 0 || start.Is4In6() || start.Zone() != "" {
		return "no block of addresses"
	}
	in := residency.CountriesOf(country)
	switch {
	case kind == "ipv4" && start.Is4():
		return l.block4(n, start, value, in)
	case kind == "ipv6" && start.Is6() && value <= 128:
		p := netip.PrefixFrom(start, int(value))
		if p != p.Masked() {
			return "host bits set"
		}
		l.at(n, p).country(in, "")
		return ""
	}
	return fmt.Sprintf("type %q does not fit the address", clip(kind))
}

// block4 adds count addresses from start on as the fewest prefixes.
func (l *list) block4(n int, start netip.Addr, count uint64, in residency.Countries) string {
	b := start.As4()
	first := uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
	if first+count > 1<<32 {
		return "runs past the end of the address space"
	}
	for count > 0 {
		size := bits.Len64(count) - 1 // the largest power of two that is left
		if first != 0 {
			size = min(size, bits.TrailingZeros64(first))
		}
		at := netip.AddrFrom4([4]byte{byte(first >> 24), byte(first >> 16), byte(first >> 8), byte(first)})
		l.at(n, netip.PrefixFrom(at, 32-size)).country(in, "")
		first, count = first+1<<size, count-1<<size
	}
	return ""
}

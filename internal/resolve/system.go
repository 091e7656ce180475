package resolve

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Limits of a resolv.conf.
const (
	maxResolvConf    = 1 << 20 // bytes read
	maxSystemServers = 3       // resolv.conf(5), MAXNS: the C library uses no more
)

// SystemServers returns the addresses, with port 53, of the name servers that
// a resolv.conf (resolv.conf(5)) names: at most three, each once, in order.
// What is no address is passed over, as the C library does. An empty list
// means that none is named; the error is of reading only.
func SystemServers(resolvConf io.Reader) ([]string, error) {
	var servers []string
	lines := bufio.NewScanner(io.LimitReader(resolvConf, maxResolvConf))
	for lines.Scan() && len(servers) < maxSystemServers {
		// The keyword begins the line; one with white space in front is none.
		rest, ok := strings.CutPrefix(lines.Text(), "nameserver")
		if !ok || rest == "" || !strings.ContainsAny(rest[:1], " \t") {
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		server := net.JoinHostPort(addr.String(), "53")
		if !slices.Contains(servers, server) {
			servers = append(servers, server)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read resolv.conf: %w", err)
	}
	return servers, nil
}

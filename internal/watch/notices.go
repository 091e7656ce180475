package watch

import (
	"fmt"
	"slices"
	"strings"

	"residency/internal/residency"
)

// PartialByMemory is why a run is partial whose memory could not be read or
// written.
const PartialByMemory = "the memory could not be used"

// overHTTPS reports whether the address last tried of a resolver was over HTTPS.
func overHTTPS(s residency.ResolverStatus) bool { return strings.HasPrefix(s.Server, "https://") }

// resolverNotices says what the user must know of the resolvers first.
func resolverNotices(list []residency.ResolverStatus) []string {
	var notices []string
	answering, passing := 0, 0
	for _, s := range list {
		if s.Answers {
			answering++
		}
		if s.Answers && (s.PassesSubnets || len(s.StandsIn) > 0) {
			passing++
		}
	}
	if answering == 0 {
		var each []string
		for _, s := range list {
			each = append(each, fmt.Sprintf("%s (%s)", s.Server, s.Failure))
		}
		if !slices.ContainsFunc(list, func(s residency.ResolverStatus) bool { return s.Failure != residency.FailIntercepted }) {
			return append(notices, fmt.Sprintf("no configured resolver is believed: %s. Something on this network changes answers; \"residency resolvers\" shows what. Ask over TLS or HTTPS, or through a proxy elsewhere ([network] proxy)", strings.Join(each, ", ")))
		}
		text := fmt.Sprintf("no configured resolver answered: %s. Is there a network, and may this host send DNS queries to port 53?", strings.Join(each, ", "))
		if !slices.ContainsFunc(list, overHTTPS) {
			text += " A host that may not can ask over HTTPS, also through a proxy: [[resolve.server]] addresses = [\"https://dns.google/dns-query\"], bootstrap = [\"8.8.8.8\"], and [network] proxy"
		}
		return append(notices, text)
	}
	if passing == 0 {
		notices = append(notices, "no configured resolver passes client subnets on: what follows was seen from here, and is about no market")
	}
	for _, s := range list {
		if !s.Answers || (s.Declared && !s.PassesSubnets) {
			notices = append(notices, fmt.Sprintf("resolver %s %s", s.Name, s.Text))
		}
	}
	return notices
}

package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// hostName reads a host name as people write it: any case, letters of any
// script, a dot at the end. It returns the name in lower-case A-labels
// (RFC 5890) without the dot, or says why the text is none.
//
// Underscores are taken: some vendors' names have them. So are hyphens in the
// third and fourth place, which strict IDNA refuses and large networks use.
func hostName(text string) (host, why, hint string) {
	if plainHost(text) {
		return text, "", ""
	}
	return anyHost(text)
}

// plainHost reports whether a text is a host name just as the DNS has it. Most
// are, and in lists of millions the long way would be felt.
func plainHost(text string) bool {
	dots, size, letter := 0, 0, false // of the label under way
	for i := range len(text) {
		c := text[i]
		switch {
		case c == '.':
			if size == 0 || text[i-1] == '-' {
				return false
			}
			dots, size, letter = dots+1, -1, false
		case 'a' <= c && c <= 'z' || c == '_':
			letter = true
		case c == '-' && size > 0:
			if text[i-1] == '-' {
				return false // an A-label is to be checked
			}
		case '0' <= c && c <= '9':
		default:
			return false
		}
		if size++; size > 63 {
			return false
		}
	}
	return dots > 0 && letter && text[len(text)-1] != '-' && len(text) <= 253
}

// anyHost reads a host name the long way.
func anyHost(text string) (host, why, hint string) {
	if why, hint = notHost(text); why != "" {
		return "", why, hint
	}
	profile := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false), idna.CheckHyphens(false))
	host, err := profile.ToASCII(strings.TrimSuffix(text, "."))
	if err != nil {
		return "", "is no host name", "it has characters or labels that the DNS does not take"
	}
	if len(host) > 253 {
		return "", fmt.Sprintf("is no host name: %d characters, and 253 are the most", len(host)), ""
	}
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if why := labelProblem(l); why != "" {
			return "", "is no host name: " + why, ""
		}
	}
	last := labels[len(labels)-1]
	switch {
	case len(labels) < 2:
		return "", "is no full host name", `write it with its domain, such as "api.example.com"`
	case strings.Trim(last, "0123456789") == "":
		return "", "is no host name: its last part is a number", ""
	}
	return host, "", ""
}

// notHost recognises what people write in place of a host name.
func notHost(text string) (why, hint string) {
	if _, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return "is an address, not a host name", fmt.Sprintf("write it as { address = %q }", strings.Trim(text, "[]"))
	}
	if strings.Contains(text, "://") || strings.Contains(text, "/") {
		whole := text
		if !strings.Contains(whole, "://") {
			whole = "https://" + whole
		}
		if u, err := url.Parse(whole); err == nil && u.Hostname() != "" {
			return "is a URL, not a host name", fmt.Sprintf("did you mean %q?", u.Hostname())
		}
		return "is a URL, not a host name", ""
	}
	switch {
	case strings.Contains(text, "*"):
		return "is a pattern, not a host name", "name each host; a pattern cannot be looked up"
	case strings.Contains(text, "@"):
		return "is a mail address, not a host name", ""
	case strings.Contains(text, ":"):
		return "has a port", fmt.Sprintf("did you mean %q?", text[:strings.Index(text, ":")])
	case strings.ContainsAny(text, " \t\r\n,;"):
		return "is no host name", "one name each, without spaces"
	}
	return "", ""
}

// labelProblem says why a text is no label of a host name, or "".
func labelProblem(l string) string {
	switch {
	case l == "":
		return "it has an empty part between dots"
	case len(l) > 63:
		return fmt.Sprintf("%s has %d characters, and 63 are the most", quote(l), len(l))
	case l[0] == '-' || l[len(l)-1] == '-':
		return quote(l) + " begins or ends with a hyphen"
	}
	for i := range len(l) {
		if c := l[i]; !isKeyByte(c) {
			return fmt.Sprintf("%s has the character %q", quote(l), rune(c))
		}
	}
	return ""
}

// HostName reads a host name as people write it and returns it as the DNS has
// it: in lower-case A-labels (RFC 5890), without the final dot.
func HostName(text string) (string, error) {
	host, why, hint := hostName(text)
	if why == "" {
		return host, nil
	}
	if hint != "" {
		hint = "\nhint: " + hint
	}
	return "", fmt.Errorf("%s %s%s", quote(text), why, hint)
}

package residency

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Role says what an endpoint is to its service; it decides how it is judged.
type Role uint8

const (
	RoleOrigin  Role = iota // takes user data itself; the default
	RoleAPI                 // the same, for programs
	RolePush                // keeps a connection to the device
	RoleCDN                 // a declared content delivery edge
	RoleHTTPDNS             // hands out addresses over HTTP and so bypasses the DNS
)

var roleNames = [...]string{"origin", "api", "push", "cdn", "httpdns"}

// RoleNames returns the names of all roles in order.
func RoleNames() []string { return append([]string(nil), roleNames[:]...) }

// ParseRole returns the role with the given name.
func ParseRole(name string) (Role, bool) {
	for i, n := range roleNames {
		if n == name {
			return Role(i), true
		}
	}
	return 0, false
}

// String returns the role's name.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}

// MarshalText writes the role's name.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a role's name.
func (r *Role) UnmarshalText(text []byte) error {
	v, ok := ParseRole(string(text))
	if !ok {
		return fmt.Errorf("%q is no role", text)
	}
	*r = v
	return nil
}

// Endpoint is a host name, or an address, of a service that user data is sent
// to. It is comparable.
type Endpoint struct {
	Vendor  string // id
	Service string // id
	Host    string // lower-case ASCII (A-labels), no trailing dot; the address as text for an endpoint that is one
	Role    Role

	// Address is set for an endpoint that is an address and no name. Nothing is
	// asked of the DNS about it: it is located and judged as it stands.
	Address netip.Addr

	// Port is the port of the service; 0 for that of its protocol. Only HTTPS
	// records depend on it (RFC 9460 section 9.1).
	Port uint16

	// Records are the record types that lead to the service, separated by
	// blanks, such as "MX" for the mail of a domain; "" for those that are
	// asked of every endpoint.
	Records string

	URL string // as configured, when the endpoint was written as one

	// RetiredOn is the day the vendor took the endpoint out of use, and
	// Retired the first instant of that day in the organisation's time zone.
	// From then the endpoint does not count, unless an address is seen again.
	RetiredOn Date
	Retired   time.Time

	Note   string // free text for people
	Source string // where it is known from
	Where  string // "config.toml:88", for hints that name a line
}

// TCPPort returns the port that users connect to: the endpoint's own, else that
// of mail for what is reached by MX records alone, else that of HTTPS.
func (e Endpoint) TCPPort() uint16 {
	switch {
	case e.Port != 0:
		return e.Port
	case e.Records == "MX":
		return 25
	}
	return 443
}

// Key identifies the endpoint among all: vendor, service and host.
func (e Endpoint) Key() string { return e.Vendor + "/" + e.Service + "/" + e.Host }

// Types returns the record types to ask for: the endpoint's own, else the
// given ones. HTTPS records say where web clients connect, so they are not
// asked of an endpoint that is no web server.
func (e Endpoint) Types(usual []string) []string {
	switch {
	case e.Address.IsValid():
		return nil
	case e.Records != "":
		return strings.Fields(e.Records)
	case e.Role != RolePush && e.Role != RoleHTTPDNS:
		return usual
	}
	return Needed(usual)
}

// TypeHTTPS is the record type that can only add addresses: clients that do
// not know it connect all the same, so no answer to it is ever needed.
const TypeHTTPS = "HTTPS"

// Needed returns the record types that must be answered before an endpoint can
// be called inside: all but HTTPS.
func Needed(types []string) []string {
	var list []string
	for _, typ := range types {
		if typ != TypeHTTPS {
			list = append(list, typ)
		}
	}
	return list
}

// RetiredAt reports whether the endpoint was retired at the given time.
func (e Endpoint) RetiredAt(at time.Time) bool {
	return !e.Retired.IsZero() && !at.Before(e.Retired)
}

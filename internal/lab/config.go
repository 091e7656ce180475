package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"residency/internal/residency"
)

// Config writes the configuration that asks the servers of n about the
// scenario's endpoints: "config.toml" and the files that it names, by name.
func (s *Scenario) Config(n *Net) (map[string][]byte, error) {
	if n.Root == "" && len(n.Servers) != len(s.Servers) {
		return nil, fmt.Errorf("write configuration of scenario %s: the servers are another scenario's", s.Name)
	}
	files := map[string][]byte{}
	for _, r := range s.Ranges {
		if r.Data == nil {
			return nil, fmt.Errorf("write configuration of scenario %s: provider ranges %s were not read", s.Name, r.File)
		}
		files[r.File] = bytes.Clone(r.Data)
	}
	w := &writer{}
	s.writeHead(w)
	s.writeMarkets(w)
	s.writeVendor(w)
	s.writeClaims(w)
	s.writeServers(w, n)
	s.writeRanges(w)
	files["config.toml"] = w.buf.Bytes()
	return files, nil
}

// writer writes TOML for people: aligned by hand, with comments.
type writer struct{ buf bytes.Buffer }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.buf, format+"\n", args...) }

// text writes a key with a text, or nothing for an empty one.
func (w *writer) text(indent, key, value string) {
	if value != "" {
		w.line("%s%s = %s", indent, key, quote(value))
	}
}

// list writes a key with a list of texts, or nothing for an empty one.
func (w *writer) list(key string, values []string) {
	if len(values) > 0 {
		w.line("%s = %s", key, quoteAll(values))
	}
}

// day writes a key with a date, or nothing for no date.
func (w *writer) day(key string, d residency.Date) {
	if !d.IsZero() {
		w.line("%s = %s", key, d)
	}
}

// quote writes a TOML basic string. A JSON string is one, since TOML knows all of
// JSON's escapes, but for DEL, which JSON leaves as it is.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // a string always encodes
	}
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007f`)
}

func quoteAll(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func (s *Scenario) writeHead(w *writer) {
	w.line("# %s", oneLine(s.Title))
	w.line("# %s", oneLine(s.Notice))
	w.line("#")
	w.line("# Written by `residency lab %s`. It asks the servers of that lab, which run as", oneLine(s.Name))
	w.line("# long as the command does. What they answer depends on the day the lab plays,")
	w.line("# so give `residency check` the same day with --at.")
	for _, step := range s.Steps {
		w.line("#   %s  %s", step.At.In(s.location()).Format("2006-01-02"), oneLine(step.Caption))
	}
	w.line("")
	w.line("[organisation]")
	w.line("name = %s", quote("Scenario "+s.Name))
	w.line("timezone = %s", quote(s.location().String()))
	w.text("", "notice", s.Notice)
	w.line("")
}

// oneLine makes a text fit for a comment, in which TOML allows no controls.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
}

func (s *Scenario) writeMarkets(w *writer) {
	w.line("# Markets: users of the vendor in one country, and networks of theirs that the")
	w.line("# servers are told of.")
	for _, m := range s.Markets {
		subnets := make([]string, len(m.Subnets))
		for i, p := range m.Subnets {
			subnets[i] = p.String()
		}
		w.line("")
		w.line("[[market]]")
		w.line("code = %s", quote(m.Code.String()))
		w.text("", "name", m.Name)
		w.list("client_subnets", subnets)
	}
	w.line("")
}

func (s *Scenario) writeVendor(w *writer) {
	if s.Vendor.ID == "" {
		return
	}
	w.line("# The vendor, its services, and the hosts that take their data.")
	w.line("")
	w.line("[[vendor]]")
	w.line("id = %s", quote(s.Vendor.ID))
	w.text("", "name", s.Vendor.Name)
	for _, svc := range s.Services {
		w.line("")
		w.line("  [[vendor.service]]")
		w.line("  id = %s", quote(svc.ID))
		w.text("  ", "name", svc.Name)
		w.line("  endpoints = [")
		for _, e := range svc.Endpoints {
			w.line("    { %s },", e.inline())
		}
		w.line("  ]")
	}
	w.line("")
}

// inline writes the endpoint's keys for an inline table.
func (e Endpoint) inline() string {
	text := fmt.Sprintf("host = %s, role = %s", quote(e.Host), quote(e.Role.String()))
	if !e.Retired.IsZero() {
		text += fmt.Sprintf(", retired = %s", e.Retired)
	}
	if e.Note != "" {
		text += ", note = " + quote(e.Note)
	}
	if e.Source != "" {
		text += ", source = " + quote(e.Source)
	}
	return text
}

func (s *Scenario) writeClaims(w *writer) {
	if len(s.Claims) == 0 {
		return
	}
	w.line("# What the vendor promised: which services' data of which markets' users would")
	w.line("# be in which places, and by when.")
	for _, c := range s.Claims {
		markets := make([]string, len(c.Markets))
		for i, m := range c.Markets {
			markets[i] = m.String()
		}
		w.line("")
		w.line("[[claim]]")
		w.line("id = %s", quote(c.ID))
		w.text("", "title", c.Title)
		w.line("vendor = %s", quote(s.Vendor.ID))
		w.list("services", c.Services)
		w.list("markets", markets)
		w.list("regions", c.Regions)
		w.day("due", c.Due)
		w.text("", "said_by", c.SaidBy)
		w.day("said_on", c.SaidOn)
		w.text("", "quote", c.Quote)
		w.text("", "source", c.Source)
	}
	w.line("")
}

func (s *Scenario) writeServers(w *writer, n *Net) {
	w.line("# The names of a scenario have addresses and aliases only, so HTTPS records are")
	w.line("# not asked for.")
	w.line("[resolve]")
	w.list("types", []string{"A", "AAAA"})
	w.line("")
	if n.Root != "" {
		w.line("# Whom to ask: nobody but the vendors' own name servers, found from the root of")
		w.line("# this small internet. All of them stand on this machine, on one port.")
		w.line("")
		w.line("[[resolve.server]]")
		w.line("name = %s", quote("from the root"))
		w.line("iterative = true")
		w.list("root_hints", []string{n.Root})
		w.line("port = %d", netip.MustParseAddrPort(n.Root).Port())
		w.line("allow_special = true")
		w.line("")
		return
	}
	w.line("# Whom to ask. Only a server that passes client subnets on answers for a market;")
	w.line("# another one answers for the place it stands in.")
	for i, r := range n.Servers {
		w.line("")
		w.line("[[resolve.server]] # %s", oneLine(r.Does))
		w.line("name = %s", quote(r.Name))
		w.list("addresses", []string{r.Addr})
		w.line("passes_subnets = %t", r.Honours)
		if r.Authoritative {
			w.line("authoritative = true")
		}
		w.text("", "learns", s.Servers[i].Learns)
	}
	w.line("")
}

func (s *Scenario) writeRanges(w *writer) {
	if len(s.Ranges) == 0 {
		return
	}
	w.line("# Lists that cloud providers publish of where their networks are, cut to the")
	w.line("# networks of this scenario.")
	for _, r := range s.Ranges {
		w.line("")
		w.line("[[geo.provider_ranges]]")
		w.line("provider = %s", quote(r.Provider))
		w.line("file = %s", quote(r.File))
	}
}

package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"residency/internal/residency"
)

// Answers is what one has to know to write a configuration for a vendor of
// one's own. Vendor, Hosts, Markets and one of Regions and Never are needed.
type Answers struct {
	Organisation string // who looks
	Contact      string
	Timezone     string // "" is UTC
	Vendor       string // the vendor's name; its id is made from it
	Hosts        []string
	Markets      []string // ISO 3166-1 codes
	Regions      []string // where the data may go
	Never        []string // where it may never go
	Due          string   // last day to fulfil the promise, YYYY-MM-DD; "" for none
	Policy       bool     // a rule of one's own, not a promise; Due is then its first day
	SaidBy       string
	SaidOn       string // YYYY-MM-DD
	Quote        string
	Source       string

	// HostsAs is what errors call the hosts; "" is "--host". All else they call
	// by the flags of "residency config init".
	HostsAs string
}

// Init returns Loader{}.Init(a): no provider regions are known.
func Init(a Answers) ([]byte, error) { return Loader{}.Init(a) }

// Init writes a commented configuration from answers. What it returns loads
// without problems; answers that do not allow that are refused, all at once, by
// the flag that gave them: `--market: "UK" is no country code`, and the hint
// below it. What is given twice counts once.
func (l Loader) Init(a Answers) ([]byte, error) {
	if err := a.complete(); err != nil {
		return nil, err
	}
	for _, list := range []*[]string{&a.Hosts, &a.Markets, &a.Regions, &a.Never} {
		*list = once(*list)
	}
	t, err := template.New("config.toml").Funcs(template.FuncMap{
		"text": tomlText, "list": tomlList, "id": idOf, "name": countryName,
	}).Parse(initTemplate)
	if err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	var out strings.Builder
	if err := t.Execute(&out, a); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	text := []byte(out.String())
	_, err = l.load("config.toml", memory{"config.toml": text})
	var bad *Errors
	if errors.As(err, &bad) {
		return nil, a.refusal(bad.Problems)
	}
	return text, err
}

// once returns the list without what stands in it before.
func once(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// refusal says what is wrong with the answers, by the flags that gave them.
func (a Answers) refusal(problems []Problem) error {
	var lines []string
	for _, p := range problems {
		if strings.HasSuffix(p.Key, "].markets") { // said of market[0].code
			continue
		}
		hint := p.Hint
		if strings.HasPrefix(hint, "write it as {") {
			hint = "only a configuration file can name it: endpoints = [" + strings.TrimPrefix(hint, "write it as ") + "]"
		}
		line := strings.TrimPrefix(a.flagOf(p.Key)+": ", ": ") + p.Text
		if hint != "" {
			line += "\nhint: " + hint
		}
		lines = append(lines, line)
	}
	return errors.New(strings.Join(once(lines), "\n"))
}

// flagOf returns the flag that gave what stands under the key.
func (a Answers) flagOf(key string) string {
	switch last := key[strings.LastIndexByte(key, '.')+1:]; {
	case strings.HasPrefix(key, "market["):
		return "--market"
	case strings.HasPrefix(last, "endpoints["):
		return cmp.Or(a.HostsAs, "--host")
	case strings.HasPrefix(key, "vendor["):
		return "--vendor"
	case last == "from" || last == "due":
		return "--due"
	case last == "regions", last == "never", last == "quote", last == "source", last == "said_by":
		return "--" + strings.ReplaceAll(last, "_", "-")
	}
	return key
}

// complete reports what is missing, all at once.
func (a Answers) complete() error {
	var missing []string
	need := func(have bool, what string) {
		if !have {
			missing = append(missing, what)
		}
	}
	need(strings.TrimSpace(a.Vendor) != "", "the vendor")
	need(len(a.Hosts) > 0, "at least one host")
	need(len(a.Markets) > 0, "at least one market")
	need(len(a.Regions)+len(a.Never) > 0, "regions where data may go, or countries where it never may")
	if len(missing) > 0 {
		return errors.New("write configuration: missing: " + strings.Join(missing, "; "))
	}
	var bad []error
	for _, d := range [][2]string{{"due", a.Due}, {"said-on", a.SaidOn}} {
		if _, err := residency.ParseDate(d[1]); d[1] != "" && err != nil {
			bad = append(bad, fmt.Errorf("--%s: %q is no date: want one such as 2027-01-31", d[0], d[1]))
		}
	}
	return errors.Join(bad...)
}

// memory is a file system of a few texts.
type memory map[string][]byte

func (m memory) read(path string, limit int64, _ bool) ([]byte, error) {
	data, ok := m[path]
	if !ok {
		return nil, errors.New("no such file")
	}
	if int64(len(data)) > limit {
		return nil, tooLarge(int64(len(data)), limit)
	}
	return data, nil
}

func (m memory) glob(string) ([]string, error) { return nil, nil }

// tomlText writes a TOML basic string.
func tomlText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// tomlList writes a list of texts on one line.
func tomlList(list []string) string {
	var parts []string
	for _, s := range list {
		parts = append(parts, tomlText(s))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// idOf makes an id of a name: small letters and digits, other signs as dashes.
func idOf(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r < 128 && idByte(byte(r)):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	id := strings.TrimLeft(strings.TrimRight(b.String(), "-._"), "-._")
	if len(id) > 40 {
		id = strings.TrimRight(id[:40], "-._")
	}
	if id == "" {
		return "vendor"
	}
	return id
}

// countryName returns the name of a country for a comment, or the code as it is.
func countryName(code string) string {
	if c, ok := residency.ParseCountry(code); ok {
		return c.Name()
	}
	return code
}

const initTemplate = `#:schema ./config.schema.json
#
# Written by "residency config init". "residency config check" says whether
# anything in it is wrong; "residency config schema > config.schema.json"
# gives editors completion.

# Who looks, and by which clock a day begins and ends.
[organisation]
{{- if .Organisation}}
name     = {{text .Organisation}}
{{- end}}
{{- if .Contact}}
contact  = {{text .Contact}}
{{- end}}
timezone = {{if .Timezone}}{{text .Timezone}}{{else}}"UTC"{{end}}

# When "residency watch" checks: minute hour day month weekday.
[schedule]
check = "7 * * * *"

# Whose data is concerned. To see what users in a country are answered, DNS
# servers are told of networks there; "residency config subnets --write" writes
# down which.
{{- range .Markets}}

[[market]]
code = {{text .}}
name = {{text (name .)}}
{{- end}}

# Who receives the data, and through which hosts. A host can say more:
#   { host = "cdn.example.com", role = "cdn", source = "where it is known from" }
# Roles: origin, api, push, cdn, httpdns.
[[vendor]]
id   = {{text (id .Vendor)}}
name = {{text .Vendor}}

  [[vendor.service]]
  id = "main"
  endpoints = [
{{- range .Hosts}}
    {{text .}},
{{- end}}
  ]
{{if .Policy}}
# Your own rule: where this data may go and where not, from when on.
[[policy]]
{{- else}}
# The promise: where this data goes, by when, and who said so where.
[[claim]]
{{- end}}
id      = {{text (print (id .Vendor) "-1")}}
vendor  = {{text (id .Vendor)}}
markets = {{list .Markets}}
{{- if .Regions}}
regions = {{list .Regions}}
{{- end}}
{{- if .Never}}
never   = {{list .Never}}
{{- end}}
{{- if .Due}}
{{if .Policy}}from    = {{.Due}}{{else}}due     = {{.Due}} # the whole of that day{{end}}
{{- end}}
{{- if and .SaidBy (not .Policy)}}
said_by = {{text .SaidBy}}
{{- end}}
{{- if and .SaidOn (not .Policy)}}
said_on = {{.SaidOn}}
{{- end}}
{{- if .Quote}}
quote   = {{text .Quote}}
{{- end}}
{{- if .Source}}
source  = {{text .Source}}
{{- end}}

# Whom we ask. Both pass client subnets on; each learns what we ask about.
[[resolve.server]]
name           = "google"
addresses      = ["8.8.8.8", "2001:4860:4860::8888"]
passes_subnets = true
learns         = "Google learns the hosts and client subnets asked about, and our address."

[[resolve.server]]
name           = "quad9-ecs"
addresses      = ["9.9.9.11", "2620:fe::11"]
passes_subnets = true
learns         = "Quad9 learns the hosts and client subnets asked about, and our address."

# Who is told. Keep secrets out of this file.
# [[alert.channel]]
# name = "compliance"
# type = "email"
# server = "smtp.example.com"
# from = "Residency <alerts@example.com>"
# to = ["compliance@example.com"]
# kind = "finding"
#
# [[alert.channel]]
# name = "hook"
# type = "webhook"
# url = "env:RESIDENCY_WEBHOOK"
# secret = "env:RESIDENCY_WEBHOOK_SECRET"
`

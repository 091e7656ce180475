package config

import "residency/internal/residency"

// kind is the type of a key's value.
type kind uint8

const (
	kText        kind = iota + 1 // "text"
	kSecret                      // a text that is never shown
	kFlag                        // true, false
	kNumber                      // a whole number within min and max
	kDay                         // 2014-10-31
	kSpan                        // "24h", "365d", within min and max seconds
	kTexts                       // ["a", "b"]
	kTextOrTexts                 // "a" or ["a", "b"]
	kTable                       // [name]
	kTables                      // [[name]]
	kHosts                       // a list of texts and of tables
	kPlace                       // [latitude, longitude]
	kSets                        // [name] with keys of the user's choice, each a list of texts
)

// wants says what a kind accepts, for messages.
func (k kind) wants() string {
	return [...]string{"", "a text in quotes", "a text in quotes", "true or false", "a whole number",
		"a date such as 2014-10-31, without quotes", `a duration in quotes, such as "24h" or "365d"`,
		"a list of texts", "a text in quotes or a list of texts", "a table", "a list of tables",
		"a list of host names or of tables", "a place as [latitude, longitude]", "a table of lists"}[k]
}

// table is what a table of the file may hold.
type table struct {
	name string // of its definition in the JSON Schema
	doc  string
	keys []key
}

// key is one key of a table: all that the reader, the hints and the schema
// know of it.
type key struct {
	name  string
	kind  kind
	doc   string
	need  bool
	oneOf []string // the texts allowed
	shape string   // regular expression a text has to match, checked elsewhere in Go
	min   int64
	max   int64
	of    *table   // of a table, a list of tables or hosts
	alias []string // other words people write for it
	main  bool     // allowed in the main file only
}

// find returns the key of that name, or nil.
func (t *table) find(name string) *key {
	for i := range t.keys {
		if t.keys[i].name == name {
			return &t.keys[i]
		}
	}
	return nil
}

// names returns the names of all keys.
func (t *table) names() []string {
	var names []string
	for _, k := range t.keys {
		names = append(names, k.name)
	}
	return names
}

// Shapes of texts, for the schema. The reader says more than that a text does
// not match.
const (
	shapeID      = `^[a-z0-9][a-z0-9._-]{0,63}$`
	shapeCountry = `^[A-Z]{2}$`
	shapeSpan    = `^([0-9]+(\.[0-9]+)?(d|h|m|s|ms))+$`
)

const day = 24 * 60 * 60 // seconds

// rootTable is everything config.toml may hold.
func rootTable() *table {
	return &table{name: "config", doc: "What is watched, what was promised, and how to look.", keys: []key{
		{name: "include", kind: kTexts, doc: "More files to read, as paths or patterns relative to this file. They may hold vendors, claims, policies, waivers, markets and regions.", alias: []string{"includes", "import"}},
		{name: "organisation", kind: kTable, of: organisationTable(), main: true, doc: "Who looks, and by which clock.", alias: []string{"organization", "org"}},
		{name: "schedule", kind: kTable, of: scheduleTable(), main: true, doc: "When `residency watch` checks."},
		{name: "regions", kind: kSets, doc: "Names of your own for sets of places, to use in claims and policies. EU, EEA and EU-adequate exist already.", alias: []string{"region"}},
		{name: "market", kind: kTables, of: marketTable(), doc: "A country whose users the promises are about.", alias: []string{"markets"}},
		{name: "vendor", kind: kTables, of: vendorTable(), doc: "Who receives the data, through which services and hosts.", alias: []string{"vendors"}},
		{name: "claim", kind: kTables, of: claimTable(), doc: "A promise of a vendor: which data may go where, from when on.", alias: []string{"claims", "promise"}},
		{name: "policy", kind: kTables, of: policyTable(), doc: "A rule of your own (law, contract) about where data may go.", alias: []string{"policies"}},
		{name: "waiver", kind: kTables, of: waiverTable(), doc: "An exception that somebody answers for. It changes who is told and the exit code, and never a result.", alias: []string{"waivers", "exception", "exemption"}},
		{name: "resolve", kind: kTable, of: resolveTable(), main: true, doc: "Whom to ask for addresses, and how patiently.", alias: []string{"resolver", "dns"}},
		{name: "network", kind: kTable, of: networkTable(), main: true, doc: "By which way servers are reached.", alias: []string{"net"}},
		{name: "vantage", kind: kTables, of: vantageTable(), main: true, doc: "A place from which delays to addresses are measured, with its coordinates.", alias: []string{"vantages"}},
		{name: "geo", kind: kTable, of: geoTable(), main: true, doc: "What to know about where an address is."},
		{name: "alert", kind: kTable, of: alertTable(), main: true, doc: "Who is told.", alias: []string{"alerts", "alerting"}},
		{name: "store", kind: kTable, of: storeTable(), main: true, doc: "Where is remembered what was seen. Without it, each run is judged by itself.", alias: []string{"memory", "database"}},
		{name: "evidence", kind: kTable, of: evidenceTable(), main: true, doc: "How what is remembered is signed, so that nobody can change it later without being found out.", alias: []string{"ledger"}},
		{name: "web", kind: kTable, of: webTable(), main: true, doc: "What `residency watch` serves over HTTP."},
		{name: "log", kind: kTable, of: logTable(), main: true, doc: "How `residency watch` writes its log.", alias: []string{"logging"}},
	}}
}

func organisationTable() *table {
	return &table{name: "organisation", keys: []key{
		{name: "name", kind: kText, doc: "Name shown in reports."},
		{name: "contact", kind: kText, doc: "Whom readers of a report can ask."},
		{name: "timezone", kind: kText, doc: "The clock by which days begin and end, such as \"Asia/Kolkata\". Default \"UTC\".", alias: []string{"tz", "time_zone"}},
		{name: "notice", kind: kText, doc: "One line shown at the top of every output."},
		{name: "waiver_max_days", kind: kNumber, min: 1, max: 3660, doc: "How many days a [[waiver]] may hold at most. Default 366.", alias: []string{"max_waiver_days", "max_days"}},
	}}
}

func scheduleTable() *table {
	return &table{name: "schedule", keys: []key{
		{name: "check", kind: kTextOrTexts, doc: "Times to check, as cron expressions of five fields (minute hour day month weekday) by the organisation's clock.", alias: []string{"cron", "interval", "every"}},
		{name: "geo_data", kind: kTextOrTexts, doc: "Times at which `residency watch` asks for newer location data, in the same form. Default never.", alias: []string{"data", "update"}},
		{name: "window", kind: kSpan, min: 60, max: 90 * day, doc: "How far back a verdict looks, where runs are remembered: nothing may have been seen outside within it, and everything must have been answered. Default \"24h\"."},
		{name: "jitter", kind: kSpan, min: 0, max: 600, doc: "Longest time, taken by chance, before a check of `residency watch` asks a server first, so that not all programs ask at the full minute. Default \"10s\".", alias: []string{"splay"}},
	}}
}

func marketTable() *table {
	return &table{name: "market", keys: []key{
		{name: "code", kind: kText, need: true, shape: shapeCountry, doc: "ISO 3166-1 code of the country, such as \"SG\".", alias: []string{"id", "country"}},
		{name: "name", kind: kText, doc: "Name for people. Default the country's English name."},
		{name: "client_subnets", kind: kTexts, doc: "Networks of users there, at most /24 (IPv4) and /56 (IPv6), that DNS servers are told of. Chosen by the program when left out.", alias: []string{"subnets", "client_subnet", "ecs", "networks"}},
		{name: "resolvers", kind: kTexts, doc: "Names of the [[resolve.server]]s that questions of this market go to, and no others: servers of a branch office there. Default all that no market names.", alias: []string{"resolver", "servers"}},
		{name: "proxy", kind: kSecret, doc: "Proxy that stands in the market: env:NAME, file:/path, or a URL such as \"socks5://branch.example:1080\". Questions of this market go through it, over TCP where the server's address names no other transport.", alias: []string{"https_proxy", "http_proxy"}},
	}}
}

func vendorTable() *table {
	return &table{name: "vendor", keys: []key{
		{name: "id", kind: kText, need: true, shape: shapeID, doc: "Short name used in claims: small letters, digits, dot, dash, underscore."},
		{name: "name", kind: kText, doc: "Name for people. Default the id."},
		{name: "service", kind: kTables, of: serviceTable(), need: true, doc: "A part of what the vendor offers, with the hosts that take its data.", alias: []string{"services"}},
	}}
}

func serviceTable() *table {
	return &table{name: "service", keys: []key{
		{name: "id", kind: kText, need: true, shape: shapeID, doc: "Short name used in claims."},
		{name: "name", kind: kText, doc: "Name for people. Default the id."},
		{name: "role", kind: kText, oneOf: residency.RoleNames(), doc: "Role of the endpoints that state none themselves. Default origin."},
		{name: "endpoints", kind: kHosts, of: endpointTable(), doc: "Host names, or tables with a host and more about it.", alias: []string{"hosts", "endpoint", "hostnames"}},
		{name: "endpoints_file", kind: kText, doc: "File with one host name a line; # begins a comment. Relative to this file.", alias: []string{"hosts_file", "endpoint_file"}},
	}}
}

func endpointTable() *table {
	return &table{name: "endpoint", keys: []key{
		{name: "host", kind: kText, doc: "Host name that user data is sent to.", alias: []string{"name", "hostname"}},
		{name: "address", kind: kText, doc: "In place of host: an IP address that user data is sent to. It is located and judged as it is; nothing is asked of the DNS.", alias: []string{"ip", "addr"}},
		{name: "url", kind: kText, doc: "In place of host: a URL, of which the host and the port are used.", alias: []string{"uri", "link"}},
		{name: "records", kind: kTexts, oneOf: ownTypes(), doc: "Record types that lead to the service, in place of the usual ones: \"MX\" for the mail of a domain, \"SRV\" for a name such as _xmpp-server._tcp.example.com.", alias: []string{"record", "types", "type"}},
		{name: "role", kind: kText, oneOf: residency.RoleNames(), doc: "origin (default) and api take user data; push keeps a connection to the device; cdn is a declared content delivery edge; httpdns hands out addresses over HTTP and so bypasses the DNS."},
		{name: "retired", kind: kDay, doc: "Day from which the vendor no longer uses the host. It is still looked at."},
		{name: "check", kind: kTextOrTexts, doc: "Times at which `residency watch` looks at this host, in place of [schedule] check and of its claims' own.", alias: []string{"schedule", "cron"}},
		{name: "note", kind: kText, doc: "Anything for people.", alias: []string{"notes", "comment"}},
		{name: "source", kind: kText, doc: "Where the host is known from."},
	}}
}

// ruleKeys are the keys that a claim and a policy share.
func ruleKeys() []key {
	return []key{
		{name: "id", kind: kText, need: true, shape: shapeID, doc: "Short name of its own among claims and policies."},
		{name: "title", kind: kText, doc: "One line for people."},
		{name: "vendor", kind: kText, need: true, doc: "Id of the vendor."},
		{name: "services", kind: kTexts, doc: "Ids of the vendor's services it is about. Default all.", alias: []string{"service"}},
		{name: "markets", kind: kTexts, doc: "Countries whose users it is about. Default all markets.", alias: []string{"market", "countries"}},
		{name: "regions", kind: kTexts, doc: "Where data may go: country codes, provider regions (aws:ap-southeast-1), names of sets, or \"*\" for anywhere but `never`.", alias: []string{"region", "approved", "allowed"}},
		{name: "never", kind: kTexts, doc: "Countries or sets of countries where data may never go.", alias: []string{"forbidden", "denied"}},
		{name: "cdn_regions", kind: kTexts, doc: "Where endpoints of role cdn may stand besides."},
		{name: "timezone", kind: kText, doc: "The clock by which its days begin and end. Default the organisation's.", alias: []string{"tz", "time_zone"}},
		{name: "floor", kind: kText, oneOf: []string{"asserted", "corroborated", "proven"}, doc: "How sure a location must be before it counts. Default corroborated.", alias: []string{"grade"}},
		{name: "check", kind: kTextOrTexts, doc: "Times at which `residency watch` looks at the hosts it is about, in place of [schedule] check.", alias: []string{"schedule", "cron"}},
		{name: "quote", kind: kText, doc: "The words themselves, short."},
		{name: "source", kind: kText, doc: "Where the words can be read.", alias: []string{"url", "link"}},
		{name: "historic", kind: kFlag, doc: "True for an old promise that is shown only on request."},
		{name: "withdrawn", kind: kDay, doc: "Day on which it was taken back."},
		{name: "superseded_by", kind: kText, doc: "Id of the claim or policy that took its place."},
	}
}

func claimTable() *table {
	return &table{name: "claim", keys: append(ruleKeys(),
		key{name: "due", kind: kDay, doc: "Last day to fulfil it: due from 00:00 of the next day. Without it, it is due at once.", alias: []string{"deadline", "by", "from", "until"}},
		key{name: "said_by", kind: kText, doc: "Who promised.", alias: []string{"by_whom", "speaker"}},
		key{name: "said_on", kind: kDay, doc: "Day on which it was promised.", alias: []string{"date"}},
		key{name: "response", kind: kTables, of: responseTable(), doc: "What the vendor said to it later; shown in every report.", alias: []string{"responses", "reply"}},
	)}
}

func policyTable() *table {
	return &table{name: "policy", keys: append(ruleKeys(),
		key{name: "from", kind: kDay, doc: "First day on which it is in force. Default always.", alias: []string{"due", "since", "deadline"}},
	)}
}

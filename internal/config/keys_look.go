package config

// The tables that say how to look, and who is told.

func resolveTable() *table {
	return &table{name: "resolve", keys: []key{
		{name: "server", kind: kTables, of: serverTable(), doc: "A DNS server to ask. Default: two public resolvers that pass client subnets on.", alias: []string{"servers", "resolver"}},
		{name: "timeout", kind: kSpan, min: 0, max: 60, doc: "How long to wait for one answer. Default \"2s\"."},
		{name: "tries", kind: kNumber, min: 1, max: 10, doc: "How often to ask before giving up. Default 3.", alias: []string{"retries"}},
		{name: "in_flight", kind: kNumber, min: 1, max: 10000, doc: "Questions open at one server at a time. Default 64.", alias: []string{"concurrency"}},
		{name: "queries_per_second", kind: kNumber, min: 1, max: 1_000_000, doc: "Questions that one server gets in a second, from all markets together. Default 50, and no limit for servers on this machine.", alias: []string{"rate", "qps"}},
		{name: "mix_case", kind: kFlag, doc: "True to mix capitals and small letters in the names asked for, which makes answers harder to forge. Default false.", alias: []string{"0x20"}},
		{name: "dnssec", kind: kText, oneOf: []string{"record", "validate"}, doc: "record keeps what servers say of signatures themselves; validate checks them here, from the root down, and takes an answer whose signatures are wrong, or cannot be checked, for none. The servers must then pass signatures on. Default record."},
		{name: "controls", kind: kTable, of: controlsTable(), doc: "Questions with known answers, which show whether a server and the path to it are to be believed.", alias: []string{"control"}},
		{name: "max_chain", kind: kNumber, min: 1, max: 64, doc: "Aliases (CNAME, DNAME) to follow. Default 16."},
		{name: "subnets_per_market", kind: kNumber, min: 1, max: 64, doc: "Client subnets to choose for a market that names none. Default 3."},
		{name: "types", kind: kTexts, oneOf: recordTypes(), doc: "Record types to ask for. Default A, AAAA and HTTPS: HTTPS records can name further hosts that web clients connect to, and nothing depends on their being answered.", alias: []string{"type", "records"}},
		{name: "pool", kind: kTable, of: poolTable(), doc: "How far to ask again for addresses that the first answer did not show."},
	}}
}

func poolTable() *table {
	return &table{name: "pool", keys: []key{
		{name: "until_no_new", kind: kNumber, min: 1, max: 1000, doc: "Answers in a row without a new address that end it, where they are always the same or come in turns. Default 20; no pattern is named, and no share reckoned, below 20 answers.", alias: []string{"until"}},
		{name: "max", kind: kNumber, min: 1, max: 10000, doc: "Answers to one question that are enough in any case; answers that vary in no order are asked for up to here. Default 104: one address of eight then stays unseen less than once in a million times. 1: never ask again.", alias: []string{"cap", "limit"}},
		{name: "authoritative", kind: kFlag, doc: "False not to ask a vendor's own name servers again within a check. Default true.", alias: []string{"authoritatives"}},
		{name: "recursive", kind: kFlag, doc: "True to ask other servers again within a check, each time their answer's time to live has run out. Default false: they are left to the next check.", alias: []string{"recursives"}},
		{name: "per_run", kind: kNumber, min: 0, max: 10_000_000, doc: "Questions of one check that may be spent on it. Default 5000."},
		{name: "time", kind: kSpan, min: 0, max: 86400, doc: "Time of one check that may be spent on it; never more than half of what is left. Default \"20s\".", alias: []string{"timeout", "budget"}},
		{name: "window", kind: kSpan, min: 0, max: 30 * day, doc: "How long `residency watch` counts answers of earlier checks. Default \"24h\"."},
	}}
}

func serverTable() *table {
	return &table{name: "server", keys: append([]key{
		{name: "name", kind: kText, need: true, doc: "Name shown with every answer.", alias: []string{"id"}},
		{name: "addresses", kind: kTexts, doc: "IP addresses, with a port where it is not 53, or \"tcp://9.9.9.9\", \"tls://9.9.9.9\" (DNS over TLS), \"tls://dns.quad9.net@9.9.9.9\", \"https://dns.google/dns-query\" (DNS over HTTPS); the first that answers is used.", alias: []string{"address", "addr", "ip", "host"}},
		{name: "tls_name", kind: kText, doc: "Whom the server's certificate must be for, where the address does not say it.", alias: []string{"auth_name", "server_name"}},
		{name: "bootstrap", kind: kTexts, doc: "IP addresses of the host in an https address, so that no other server has to be asked for them."},
		{name: "queries_per_second", kind: kNumber, min: 1, max: 1_000_000, doc: "Questions that it gets in a second; with iterative, each server that is found. Default that of [resolve].", alias: []string{"rate", "qps"}},
		{name: "in_flight", kind: kNumber, min: 1, max: 10000, doc: "Questions open at it at a time. Default that of [resolve]; with iterative 4, at each server that is found.", alias: []string{"concurrency"}},
		{name: "learns", kind: kText, doc: "What the operator of the server learns from being asked, in plain words."},
		{name: "operator", kind: kText, doc: "Who runs the server. Servers of one operator are one witness, however many are named. Default what its address or name says for the well-known public resolvers, else the domain of its name, else the server stands for itself."},
		{name: "passes_subnets", kind: kFlag, doc: "True if it passes client subnets (RFC 7871) on to the vendor's servers.", alias: []string{"ecs"}},
		{name: "authoritative", kind: kFlag, doc: "True if it is a vendor's own name server."},
		{name: "stands_in", kind: kTexts, doc: "Markets in which the server stands, so that its answers are meant for them."},
		{name: "trust_anchors", kind: kText, doc: "With dnssec = \"validate\": file with the keys to begin at, as DS or DNSKEY records, one a line: those of a root of your own, or of zones that only this server knows. Relative to this file. Default the keys of the internet's root, which the program carries.", alias: []string{"anchors", "trust_anchor", "trust_anchor_file"}},
		{name: "system", kind: kFlag, doc: "True for the resolvers of this machine, in place of addresses."},
	}, iterativeKeys()...)}
}

func geoTable() *table {
	return &table{name: "geo", keys: []key{
		{name: "embedded", kind: kFlag, doc: "False to leave out the data that the program carries. Default true."},
		{name: "max_age", kind: kSpan, min: day, max: 36500 * day, doc: "Older data says nothing good. Default \"365d\"."},
		{name: "warn_age", kind: kSpan, min: 0, max: 36500 * day, doc: "Older data is warned of, where a result rests on it. Default \"60d\"."},
		{name: "database", kind: kTables, of: databaseTable(), doc: "A geolocation database of your own.", alias: []string{"databases"}},
		{name: "provider_ranges", kind: kTables, of: rangesTable(), doc: "A cloud provider's own list of its regions.", alias: []string{"provider_range", "ranges"}},
		{name: "geofeed", kind: kTables, of: geofeedTable(), doc: "A list in which whoever holds addresses says where they are (RFC 8805).", alias: []string{"geofeeds", "feed"}},
		{name: "registry", kind: kTables, of: registryTable(), doc: "A registry's list of what it delegated to whom.", alias: []string{"registries", "rir", "delegated"}},
		{name: "anycast", kind: kTables, of: anycastTable(), doc: "A list of networks that are in no one place.", alias: []string{"anycast_list"}},
		{name: "correction", kind: kTables, of: correctionTable(), doc: "Where a network may be, against all data. It can make a result undetermined and never inside.", alias: []string{"corrections", "override"}},
		{name: "ptr", kind: kFlag, doc: "True to ask the DNS for the names that addresses have by themselves (PTR), to show what they hint at. Default false.", alias: []string{"reverse", "reverse_dns"}},
		{name: "rtt", kind: kTable, of: rttTable(), doc: "How far addresses can be, by the delay measured from a vantage.", alias: []string{"delay", "latency"}},
		{name: "data_dir", kind: kText, doc: "Directory of the data that `residency data update` and `import` keep, relative to this file. Default the user's cache directory.", alias: []string{"data", "cache", "directory"}},
		{name: "update", kind: kTables, of: updateTable(), doc: "A source of data whose place is another, that needs credentials, or that is to be left out.", alias: []string{"updates", "source", "sources"}},
	}}
}

func updateTable() *table {
	return &table{name: "update", keys: []key{
		{name: "name", kind: kText, need: true, shape: shapeID, doc: "Name of the source, as `residency data list --sources` shows it.", alias: []string{"id", "source"}},
		{name: "url", kind: kText, doc: "Where to get it, in place of its maker: a mirror. {key} in it stands for the key, {month} for a month such as 2026-11.", alias: []string{"urls", "mirror"}},
		{name: "account", kind: kSecret, doc: "Account at the maker: env:NAME, file:/path, or itself.", alias: []string{"account_id", "user"}},
		{name: "key", kind: kSecret, doc: "Licence key or download token of the account: env:NAME or file:/path (so that it is not in this file), or itself. Never shown.", alias: []string{"licence_key", "license_key", "token"}},
		{name: "off", kind: kFlag, doc: "True to leave the source out. Default false.", alias: []string{"disabled"}},
	}}
}

package config

// The tables that say by which way to ask, and what to test of it.

func networkTable() *table {
	return &table{name: "network", keys: []key{
		{name: "proxy", kind: kSecret, doc: "Proxy for DNS over HTTPS, TLS and TCP: env:NAME, file:/path, or a URL such as \"http://proxy.example:3128\" or \"socks5://user:password@proxy.example:1080\". \"none\": no proxy, whatever the environment says. Default HTTPS_PROXY, else ALL_PROXY, of the environment, unless NO_PROXY excepts the server.", alias: []string{"https_proxy", "http_proxy", "all_proxy"}},
		{name: "ca_file", kind: kText, doc: "PEM file with certificate authorities to believe besides the system's, such as that of a proxy that inspects TLS. Relative to this file.", alias: []string{"ca", "cafile", "ca_bundle"}},
	}}
}

func controlsTable() *table {
	return &table{name: "controls", keys: []key{
		{name: "enabled", kind: kFlag, doc: "False to believe every server untested. Default true."},
		{name: "names", kind: kTexts, doc: "Names with all their IPv4 addresses: another address in the answer means that something changes answers. Default [\"a.root-servers.net=198.41.0.4\", \"k.root-servers.net=193.0.14.129\"].", alias: []string{"known", "name"}},
		{name: "signed", kind: kText, doc: "A name with a good DNSSEC signature. Default \"www.iana.org\"."},
		{name: "bogus", kind: kText, doc: "A name whose DNSSEC signature is wrong. Default \"dnssec-failed.org\"."},
		{name: "nowhere", kind: kText, doc: "An address at which no name server can be: an answer from there means that something on the path answers in the place of servers. Default \"192.0.2.53\"; \"none\" for no such test."},
	}}
}

package config

import "slices"

// rangeProviders are the lists that provider_ranges can name.
var rangeProviders = [...]string{"aws", "gcp", "azure", "oci", "digitalocean", "linode", "vultr", "exoscale", "csv", "cloudflare", "fastly"}

// RangeProviders returns the names that the key provider of
// [[geo.provider_ranges]] may have.
func RangeProviders() []string { return slices.Clone(rangeProviders[:]) }

// The tables of files that say where addresses are.

func databaseTable() *table {
	return &table{name: "database", keys: []key{
		{name: "file", kind: kText, need: true, doc: "MMDB file, relative to this file. One of AS numbers is shown and has no voice.", alias: []string{"path"}},
		{name: "lineage", kind: kText, need: true, shape: shapeID, doc: "Where the data come from, such as \"maxmind\". Databases of one lineage are one voice."},
	}}
}

func rangesTable() *table {
	return &table{name: "provider_ranges", keys: []key{
		{name: "file", kind: kText, need: true, doc: "The list as the provider publishes it, relative to this file.", alias: []string{"path"}},
		{name: "provider", kind: kText, need: true, oneOf: RangeProviders(), doc: "Whose list it is; cloudflare and fastly publish edges, and csv is a list of your own with a line \"prefix,region\" or \"prefix,country\" for each network."},
		builtKey(),
	}}
}

func geofeedTable() *table {
	return &table{name: "geofeed", keys: []key{
		{name: "file", kind: kText, need: true, doc: "Geofeed (RFC 8805) of whoever holds the addresses, or a pattern such as \"geofeeds/*.csv\", relative to this file.", alias: []string{"path", "files"}},
		builtKey(),
	}}
}

func registryTable() *table {
	return &table{name: "registry", keys: []key{
		{name: "file", kind: kText, need: true, doc: "A registry's list of what it delegated to whom, such as delegated-apnic-latest, relative to this file. It is shown and decides nothing.", alias: []string{"path"}},
	}}
}

func anycastTable() *table {
	return &table{name: "anycast", keys: []key{
		{name: "file", kind: kText, need: true, doc: "List of networks that are announced from many places at once, one a line, relative to this file. Nothing in them is in one place.", alias: []string{"path"}},
		builtKey(),
	}}
}

// builtKey is the date of a file that tells none.
func builtKey() key {
	return key{name: "built", kind: kDay, doc: "Day on which its maker made it, for a file that does not tell. Without a date its data counts as old. When the file was written says nothing.", alias: []string{"date", "dated", "of"}}
}

func correctionTable() *table {
	return &table{name: "correction", keys: []key{
		{name: "prefix", kind: kText, need: true, doc: "Network that data gets wrong, such as \"110.43.80.0/21\".", alias: []string{"network", "cidr", "address"}},
		{name: "country", kind: kText, need: true, shape: shapeCountry, doc: "Country in which it may be, by ISO 3166-1 code.", alias: []string{"code", "in"}},
		{name: "evidence", kind: kText, need: true, doc: "File that shows it, relative to this file. Its hash is kept with every result.", alias: []string{"file", "proof"}},
		{name: "owner", kind: kText, need: true, doc: "Who has to keep it true."},
		{name: "approver", kind: kText, need: true, doc: "Who agreed to it.", alias: []string{"approved_by"}},
		{name: "reason", kind: kText, need: true, doc: "Why the data is wrong, in one line.", alias: []string{"why", "comment"}},
		{name: "expires", kind: kDay, need: true, doc: "Last day on which it is used.", alias: []string{"until", "expiry", "expires_on"}},
	}}
}

package config

// The tables about delays.

func vantageTable() *table {
	return &table{name: "vantage", keys: []key{
		{name: "name", kind: kText, need: true, doc: "Name shown with every delay.", alias: []string{"id"}},
		{name: "country", kind: kText, need: true, shape: shapeCountry, doc: "ISO 3166-1 code of the country it stands in.", alias: []string{"code"}},
		{name: "location", kind: kPlace, need: true, doc: "Where it stands, as [latitude, longitude] in degrees, such as [1.35, 103.82].", alias: []string{"place", "coordinates", "position"}},
		{name: "within_km", kind: kNumber, min: 0, max: 20000, doc: "How far, in km, the true place may be from it. Default 25.", alias: []string{"within", "accuracy_km"}},
	}}
}

func rttTable() *table {
	return &table{name: "rtt", keys: []key{
		{name: "enabled", kind: kFlag, doc: "True to measure delays in every check and in `residency watch`. Default false: only where --rtt is given.", alias: []string{"on"}},
		{name: "vantage", kind: kText, doc: "Name of the [[vantage]] that this machine is. Needed when there are several.", alias: []string{"from"}},
		{name: "tries", kind: kNumber, min: 5, max: 20, doc: "Handshakes with one address and port; the shortest counts. Default 5."},
		{name: "far", kind: kTables, of: farTable(), doc: "A host in a known place at least 1,000 km away, to see whether delays can be believed. Without one that answers, none is.", alias: []string{"far_host", "hosts", "reference"}},
	}}
}

func farTable() *table {
	return &table{name: "far", keys: []key{
		{name: "name", kind: kText, need: true, doc: "Name for people."},
		{name: "address", kind: kText, need: true, doc: "IP address. It must stand in one place (no anycast, no delivery network), and its operator must not mind.", alias: []string{"ip", "host", "addr"}},
		{name: "port", kind: kNumber, min: 1, max: 65535, doc: "TCP port on which it answers. Default 443."},
		{name: "location", kind: kPlace, need: true, doc: "Where it stands, as [latitude, longitude] in degrees.", alias: []string{"place", "coordinates", "position"}},
		{name: "within_km", kind: kNumber, min: 0, max: 20000, doc: "How far, in km, the true place may be from it. Default 25.", alias: []string{"within", "accuracy_km"}},
	}}
}

package dataset

import "residency/internal/residency"

// None of these places could be reached where this table was written; they are
// known from the makers' documentation and from public programs that use them,
// in November 2026. The witness of each stands in docs/data.md. Every URL can be
// replaced in the configuration.

const noneStated = "none stated; published by the operator for its customers"

// Remotes returns the data sets that can be kept fresh, in a fixed order.
func Remotes() []Remote {
	list := append(databases(), providers()...)
	return append(list, vetoes()...)
}

// databases are the three lineages that the program carries, and MaxMind's.
func databases() []Remote {
	return []Remote{
		{
			// Published on the first days of a month under its name.
			Name: "dbip-country-lite", Title: "DB-IP Country Lite", Lineage: "dbip", File: "dbip-country-lite.mmdb",
			Class: residency.ClassDatabase, Format: FormatMMDB, Via: ViaMonth, Pack: PackGzip, Least: 200_000,
			URLs:    []string{"https://download.db-ip.com/free/dbip-country-lite-{month}.mmdb.gz"},
			Licence: "CC BY 4.0", Attribution: "IP Geolocation by DB-IP, https://db-ip.com",
			Homepage: "https://db-ip.com/db/download/ip-to-country-lite",
			Offline:  [][]string{{"dbip-country-lite*.mmdb", "dbip-country.mmdb"}},
		},
		{
			// The maker stopped geo-whois-asn-country in June 2026. In its
			// place stand user-country and server-country, from the same
			// routing data and geofeeds without the registries' whois; the
			// second is about the machine and so is what we ask. It is the
			// same maker's voice. How right it is has not been measured.
			Name: "ip-location-db", Title: "ip-location-db server-country", Lineage: "geo-whois-asn", File: "server-country.mmdb",
			Class: residency.ClassDatabase, Format: FormatMMDB, Least: 100_000,
			URLs:    []string{"https://github.com/sapics/ip-location-db/releases/download/latest/server-country.mmdb"},
			Licence: "CDLA-Permissive-2.0 or PDDL 1.0, as the maker states at the time", Attribution: "ip-location-db, https://github.com/sapics/ip-location-db",
			Homepage: "https://github.com/sapics/ip-location-db",
			Offline:  [][]string{{"server-country.mmdb", "geo-whois-asn-country.mmdb"}},
		},
		{
			// The maker's page lists no codes of MMDB files; several public
			// programs get this one under this code.
			Name: "ip2location-lite", Title: "IP2Location LITE DB1", Lineage: "ip2location", File: "IP2LOCATION-LITE-DB1.MMDB",
			Class: residency.ClassDatabase, Format: FormatMMDB, Pack: PackZip, Member: ".mmdb", NeedsKey: true, Least: 100_000,
			URLs:    []string{"https://www.ip2location.com/download/?token={key}&file=DB1LITEMMDB"},
			Licence: "CC BY-SA 4.0", Attribution: "this product includes IP2Location LITE data available from https://lite.ip2location.com",
			Homepage: "https://lite.ip2location.com",
			Offline:  [][]string{{"ip2location-lite-db1*.mmdb", "db1litemmdb"}},
		},
		maxMind("GeoLite2-Country", "GeoLite2 EULA: old files are to be destroyed within 30 days"),
		maxMind("GeoIP2-Country", "MaxMind's licence for the database you bought"),
	}
}

// maxMind is an edition by the geoipupdate protocol, as version 7 of that
// program speaks it: metadata with date and MD5, then a tar.gz.
func maxMind(edition, licence string) Remote {
	return Remote{
		Name:  map[string]string{"GeoLite2-Country": "geolite2-country", "GeoIP2-Country": "geoip2-country"}[edition],
		Title: "MaxMind " + edition, Lineage: "maxmind", File: edition + ".mmdb",
		Class: residency.ClassDatabase, Format: FormatMMDB, Via: ViaMaxMind, Pack: PackTarGz, Member: edition + ".mmdb", NeedsKey: true, Least: 100_000,
		URLs:    []string{"https://updates.maxmind.com"},
		Licence: licence, Homepage: "https://dev.maxmind.com/geoip",
		Offline: [][]string{{edition + "*.mmdb", edition, edition + "_*"}},
	}
}

// providers are the lists of clouds that say which prefix is in which region,
// and the geofeeds of those that publish that instead.
func providers() []Remote {
	ranges := func(provider, title, file, url string, offline ...string) Remote {
		return Remote{
			Name: provider, Title: title, Lineage: provider, File: file, Class: residency.ClassProvider,
			Format: FormatRanges, Provider: provider, URLs: []string{url}, Licence: noneStated,
			Homepage: url, Offline: [][]string{append(offline, file)},
		}
	}
	azure := ranges("azure", "Azure service tags", "ServiceTags_Public.json", "https://www.microsoft.com/en-us/download/details.aspx?id=56519", "servicetags_public_*.json")
	azure.Via = ViaPage
	return []Remote{
		ranges("aws", "AWS ip-ranges", "ip-ranges.json", "https://ip-ranges.amazonaws.com/ip-ranges.json"),
		awsGeofeed(),
		ranges("gcp", "Google Cloud ranges", "cloud.json", "https://www.gstatic.com/ipranges/cloud.json"),
		azure,
		ranges("oci", "Oracle Cloud ranges", "public_ip_ranges.json", "https://docs.oracle.com/iaas/tools/public_ip_ranges.json"),
		ranges("digitalocean", "DigitalOcean geofeed", "google.csv", "https://digitalocean.com/geo/google.csv", "digitalocean.csv"),
		ranges("linode", "Linode geofeed", "geofeed.csv", "https://geoip.linode.com/", "linode.csv", "linode.txt"),
		ranges("vultr", "Vultr geofeed", "vultr.json", "https://geofeed.constant.com/?json"),
		ranges("exoscale", "Exoscale prefixes", "exoscale_prefixes.json", "https://exoscale-prefixes.sos-ch-dk-2.exo.io/exoscale_prefixes.json"),
	}
}

// awsGeofeed is AWS's word about where users of its addresses are. It writes
// Hong Kong as CN with subdivision CN-HK. It is the same holder as the ranges.
func awsGeofeed() Remote {
	return Remote{
		Name: "aws-geofeed", Title: "AWS geofeed", Lineage: "holder", File: "geo-ip-feed.csv", Class: residency.ClassGeofeed,
		Format: FormatGeofeed, Provider: "aws", URLs: []string{"https://ip-ranges.amazonaws.com/geo-ip-feed.csv"},
		Licence: noneStated, Homepage: "https://ip-ranges.amazonaws.com/geo-ip-feed.csv",
		Offline: [][]string{{"geo-ip-feed.csv"}},
	}
}

// vetoes are the networks that are in no one place. They add to those that the
// program carries: a veto that is dropped could let a place be named.
func vetoes() []Remote {
	const bgp = "https://raw.githubusercontent.com/bgptools/anycast-prefixes/master/"
	return []Remote{
		{
			Name: "cloudflare", Title: "Cloudflare addresses", Lineage: "cloudflare", File: "cloudflare-ips.txt",
			Class: residency.ClassEdge, Format: FormatRanges, Provider: "cloudflare", Least: 15,
			URLs:    []string{"https://www.cloudflare.com/ips-v4", "https://www.cloudflare.com/ips-v6"},
			Licence: noneStated, Homepage: "https://www.cloudflare.com/ips/",
			Offline: [][]string{{"ips-v4", "ips-v4.txt"}, {"ips-v6", "ips-v6.txt"}},
		},
		{
			Name: "fastly", Title: "Fastly addresses", Lineage: "fastly", File: "public-ip-list.json",
			Class: residency.ClassEdge, Format: FormatRanges, Provider: "fastly", Least: 10,
			URLs: []string{"https://api.fastly.com/public-ip-list"}, Licence: noneStated,
			Homepage: "https://api.fastly.com/public-ip-list", Offline: [][]string{{"public-ip-list.json", "fastly.json"}},
		},
		{
			// Version 4 and 6 together: half of it would lose vetoes.
			Name: "anycast", Title: "bgp.tools anycast prefixes", Lineage: "anycast", File: "anycast-prefixes.csv",
			Class: residency.ClassAnycast, Format: FormatPrefixes, Least: 3000,
			URLs:    []string{bgp + "anycatch-v4-prefixes.csv", bgp + "anycatch-v6-prefixes.csv"},
			Licence: "none stated", Attribution: "bgp.tools anycast-prefixes", Homepage: "https://github.com/bgptools/anycast-prefixes",
			Offline: [][]string{{"anycatch-v4-prefixes.csv", "anycatch-v4-prefixes.txt"}, {"anycatch-v6-prefixes.csv", "anycatch-v6-prefixes.txt"}},
		},
	}
}

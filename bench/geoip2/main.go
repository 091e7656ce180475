// Geoip2 locates addresses with geoip2-golang and nothing else, for bench/geo.sh:
// the least a Go program does that prints a country for each line.
//
//	geoip2 FILE.mmdb < addresses.txt         prints "address,country" lines
//	geoip2 -convert IN.mmdb OUT.mmdb         makes a flat country file one that geoip2-golang opens
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"
)

func main() {
	convertIt := flag.Bool("convert", false, "convert a flat country file")
	flag.Parse()
	err := errors.New("usage: geoip2 FILE.mmdb < addresses, or geoip2 -convert IN.mmdb OUT.mmdb")
	switch {
	case *convertIt && flag.NArg() == 2:
		err = convert(flag.Arg(0), flag.Arg(1))
	case !*convertIt && flag.NArg() == 1:
		err = locate(flag.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "geoip2:", err)
		os.Exit(1)
	}
}

func locate(file string) error {
	db, err := geoip2.Open(file)
	if err != nil {
		return err
	}
	defer db.Close()
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		addr, err := netip.ParseAddr(lines.Text())
		if err != nil {
			return err
		}
		c, err := db.Country(addr)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s,%s\n", lines.Text(), c.Country.ISOCode)
	}
	return errors.Join(lines.Err(), out.Flush())
}

func convert(from, to string) error {
	db, err := maxminddb.Open(from)
	if err != nil {
		return err
	}
	defer db.Close()
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: "DBIP-Country-Lite", BuildEpoch: int64(db.Metadata.BuildEpoch),
		IncludeReservedNetworks: true, DisableIPv4Aliasing: true,
		Description: map[string]string{"en": "converted for a benchmark"},
	})
	if err != nil {
		return err
	}
	for result := range db.Networks() {
		var code string
		if err := errors.Join(result.Err(), result.DecodePath(&code, "country_code")); err != nil {
			return err
		}
		p := result.Prefix()
		network := &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
		record := mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}}
		if err := tree.Insert(network, record); err != nil {
			return fmt.Errorf("insert %s: %w", p, err)
		}
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = tree.WriteTo(f)
	return errors.Join(err, f.Close())
}

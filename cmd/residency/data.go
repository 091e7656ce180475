package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/dataset"
	"residency/internal/geo/mmdb"
	"residency/internal/residency"
)

const dataUsage = "locate with other data than that in use: a data directory, or " + pickPrevious + ", or " + pickEmbedded

// with returns an env that locates with the data of that word or directory.
func (e *env) with(data string) *env {
	if data == "" || data == pickCurrent {
		return e
	}
	other := *e
	other.data = data
	return &other
}

// dataFlags are the flags that the data commands share.
type dataFlags struct {
	config, dir string
}

func newData(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "The location data: what is loaded, newer files, what they change",
		Long: `The program carries location data and so works without any file. That data
grows old. "data update" gets newer files from their makers, "data import" from
a directory, for a site without a network. They are kept in the data directory
([geo] data_dir of the configuration, else in the user's cache directory) and
speak in place of those that the program carries. The file before is kept.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var f dataFlags
	cmd.PersistentFlags().StringVarP(&f.config, "config", "c", "", "take directory, sources and credentials of this configuration")
	cmd.PersistentFlags().StringVar(&f.dir, "dir", "", "data directory, in place of the configured one")
	cmd.AddCommand(newDataList(e, &f), newDataUpdate(e, &f), newDataImport(e, &f), newDataDiff(e, &f), newDataBench(e, &f), newDataTruth(e))
	return cmd
}

// geo returns what the flags say of location data.
func (f *dataFlags) geo(e *env) (config.Geo, error) {
	g := defaultGeo()
	if f.config != "" {
		cfg, err := e.loader().Load(f.config)
		if err != nil {
			return g, exitError{exitUsage, err}
		}
		g = cfg.Geo
	}
	if f.dir != "" {
		g.DataDir = f.dir
	}
	return g, nil
}

// defaultGeo is what holds without a configuration.
func defaultGeo() config.Geo {
	return config.Geo{Embedded: true, WarnAge: 60 * 24 * time.Hour}
}

// unwarned is g without a warning of data that is getting old: that is for
// outputs with a verdict, which rests on it.
func unwarned(g config.Geo) config.Geo {
	g.WarnAge = 0
	return g
}

// dataSources are the names of the sources that can be kept fresh.
func dataSources() []string {
	var names []string
	for _, r := range dataset.Remotes() {
		names = append(names, r.Name)
	}
	return names
}

// updater makes the one that gets files, into dir.
func (e *env) updater(dir string, sources []dataset.Remote) *dataset.Updater {
	return &dataset.Updater{
		Client: e.httpClient(), Dir: dir, Now: e.now, Sources: sources,
		Agent: "residency/" + version, Verify: verifier(sources),
	}
}

// httpClient goes through the proxy that the environment names.
func (e *env) httpClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: e.dial, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: 60 * time.Second, IdleConnTimeout: 10 * time.Second,
		OnProxyConnectResponse: func(_ context.Context, proxy *url.URL, _ *http.Request, res *http.Response) error {
			if res.StatusCode != http.StatusOK {
				return fmt.Errorf("the proxy %s refused it: %s", proxy.Host, res.Status)
			}
			return nil
		},
	}}
}

// verifier reads a file as it will be read to locate, to the end.
func verifier(sources []dataset.Remote) func(name, path string) (residency.Dataset, error) {
	return func(name, path string) (residency.Dataset, error) {
		i := slices.IndexFunc(sources, func(r dataset.Remote) bool { return r.Name == name })
		if i < 0 {
			return residency.Dataset{}, fmt.Errorf("no source %q", name)
		}
		r := sources[i]
		d, err := readWhole(r, path)
		if err == nil && d.Lineage != r.Lineage {
			err = fmt.Errorf("it is data of %s, not of %s", d.Lineage, r.Lineage)
		}
		return d, err
	}
}

// readWhole reads every record of a file.
func readWhole(r dataset.Remote, path string) (residency.Dataset, error) {
	if r.Format == dataset.FormatMMDB {
		// Whose data it is, is asked of the file first: another maker's under
		// this name would be one voice twice.
		s, err := mmdb.Open(path, "")
		if err != nil {
			s, err = mmdb.Open(path, r.Lineage)
		}
		if err != nil {
			return residency.Dataset{}, err
		}
		return s.Dataset(), nil
	}
	data, err := os.ReadFile(path) // not longer than the updater lets it be
	if err != nil {
		return residency.Dataset{}, err
	}
	s, err := openData(r.Format, r.Provider, data, residency.Dataset{Name: r.Title, Lineage: r.Lineage, Class: r.Class, File: path})
	if err != nil {
		return residency.Dataset{}, err
	}
	return s.Dataset(), nil
}

// listRow is one data set of data list.
type listRow struct {
	residency.Dataset
	Built *time.Time `json:"built"`          // null as age_days
	Sum   string     `json:"sha256"`         // of the file; "" for data that came in a Go module
	Hash  string     `json:"hash,omitempty"` // of that module, as go.sum has it
	From  string     `json:"from"`           // embedded, updated, file
	Days  *int       `json:"age_days"`       // null: nobody says of when it is
	Used  bool       `json:"used"`
	Why   string     `json:"why,omitempty"` // it is not used
}

func newDataList(e *env, f *dataFlags) *cobra.Command {
	var format string
	var sources bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Say which data is loaded: of when, from whom, how much, under which licence",
		Long: `Say which location data is loaded, and what is here without being used. Data with
the same word under COUNTS AS is of one maker, or a copy of it, and counts as one
source however often it is loaded. HASH is the beginning of the SHA-256 of the
file, or of the hash that go.sum has for the Go module that the data came in.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			g, err := f.geo(e)
			if err != nil {
				return err
			}
			if sources {
				return listSources(e, g)
			}
			return listData(cmd.Context(), e, g, format)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "table", "output: table, json")
	cmd.Flags().BoolVar(&sources, "sources", false, "list the sources that can be updated, and where they are")
	return cmd
}

// listData prints what is loaded and what is here without being used.
func listData(ctx context.Context, e *env, g config.Geo, format string) error {
	if format != "table" && format != "json" {
		return misused("no format %q: want table or json", format)
	}
	ev, err := e.openEvidence(ctx, g)
	if err != nil {
		return failed(err)
	}
	now := e.now()
	var rows []listRow
	add := func(d residency.Dataset, used bool, why string) {
		from := "file"
		switch {
		case d.File == "embedded":
			from = "embedded"
		case strings.HasPrefix(d.File, e.dataDir(g)):
			from = "updated"
		}
		row := listRow{Dataset: d, Sum: d.SHA256, From: from, Used: used, Why: why}
		if d.OfModule() {
			row.Sum, row.Hash = "", d.SHA256
		}
		if !d.Built.IsZero() {
			days := int(now.Sub(d.Built).Hours() / 24)
			row.Built, row.Days = &d.Built, &days
		}
		rows = append(rows, row)
	}
	for _, d := range ev.datasetsAt(now, g.MaxAge) {
		add(d, true, "")
	}
	for _, u := range ev.unused {
		add(u.dataset, false, u.why)
	}
	if err := printRows(e, rows, format); err != nil {
		return failed(fmt.Errorf("write output: %w", err))
	}
	for _, n := range append(ev.notices(now, unwarned(g), false), ev.missing...) {
		fmt.Fprintln(e.stderr, "residency: note: "+n)
	}
	if len(ev.missing) > 0 {
		return exitError{code: exitFailed}
	}
	return nil
}

func printRows(e *env, rows []listRow, format string) error {
	if format == "json" {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"schema": "residency/data/v1", "datasets": rows})
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DATA\tCOUNTS AS\tKIND\tOF\tAGE\tRECORDS\tFROM\tHASH\tLICENCE")
	for _, r := range rows {
		state := r.From
		if !r.Used {
			state += ", not used: " + r.Why
		}
		records := "-"
		if r.Records > 0 {
			records = strconv.Itoa(r.Records)
		}
		age := "-"
		if r.Days != nil {
			age = fmt.Sprintf("%dd", *r.Days)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Lineage, r.Class, dayOf(r.Dataset), age, records, state, hashBrief(r.Dataset), cmp.Or(r.Licence, "not known"))
	}
	return w.Flush()
}

// hashBrief is the beginning of the hash of a data set, with what it is of.
func hashBrief(d residency.Dataset) string {
	switch {
	case d.SHA256 == "":
		return "-"
	case d.OfModule():
		return fmt.Sprintf("module %.15s", d.SHA256)
	}
	return fmt.Sprintf("SHA-256 %.12s", d.SHA256)
}

// listSources prints what can be kept fresh.
func listSources(e *env, g config.Geo) error {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tWHAT\tCOUNTS AS\tCREDENTIALS\tWHERE")
	for _, r := range readable(g.Updates) {
		needs := "none"
		switch {
		case r.NeedsKey && r.Key == nil:
			needs = "missing: not updated"
		case r.Key != nil:
			needs = "configured"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Name, r.Title, r.Lineage, needs, strings.Join(r.URLs, " "))
	}
	if err := w.Flush(); err != nil {
		return failed(fmt.Errorf("write output: %w", err))
	}
	return nil
}

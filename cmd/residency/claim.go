package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/residency"
	"residency/internal/store"
)

const (
	// archiveSchema names the version of the record of an archived source.
	archiveSchema = "residency/archived/v1"

	// The bounds of what is fetched: a page that a promise stands on is no more.
	archiveMost  = 32 << 20
	archiveTime  = time.Minute
	archiveHops  = 5
	archiveAgent = "residency (archives the source of a promise)"
)

// archiveRecord is what the evidence log keeps of a copy.
type archiveRecord struct {
	Schema string `json:"schema"`
	Claim  string `json:"claim"`
	Source string `json:"source"`           // as the configuration names it
	From   string `json:"from"`             // the address it came from at last, or the name of the file
	Type   string `json:"type,omitempty"`   // of the content, as the server said
	Status int    `json:"status,omitempty"` // of the answer
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`

	At time.Time `json:"-"` // of the record
	By string    `json:"-"`
}

func newClaim(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "claim",
		Short: "Keep the page that a promise stands on",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	path := cmd.PersistentFlags().StringP("config", "c", "config.toml", "configuration file")
	cmd.AddCommand(newClaimArchive(e, path))
	return cmd
}

// archiveFlags are the flags of claim archive.
type archiveFlags struct{ file, url, by string }

func newClaimArchive(e *env, path *string) *cobra.Command {
	var f archiveFlags
	cmd := &cobra.Command{
		Use:   "archive CLAIM",
		Short: "Keep a copy of the page that a promise stands on, and notice when it has changed",
		Long: `Fetch the source of a claim, through the proxy of [network], or take a file, and
keep its bytes beside the store under their hash. The hash goes into the evidence
log: nobody can say later that the page said something else.

When there is a copy already and the page is another now, the exit code is 1.
Pages with a date or a counter in them are never the same twice: then compare the
two copies.`,
		Example: `  residency claim archive phase-2a
  residency claim archive phase-2a --file post-of-22-october.pdf`,
		RunE: func(cmd *cobra.Command, args []string) error { return runArchive(cmd.Context(), e, f, *path, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.file, "file", "", "a copy that you have, in place of the page")
	fl.StringVar(&f.url, "url", "", "the address to fetch (default: the claim's source)")
	fl.StringVar(&f.by, "by", "", "who archives it (default: the user of this machine)")
	return cmd
}

func runArchive(ctx context.Context, e *env, f archiveFlags, path, id string) error {
	if f.file != "" && f.url != "" {
		return misused("--file and --url do not go together: the copy comes from one of them")
	}
	cfg, err := e.stored(path)
	if err != nil {
		return err
	}
	n := slices.IndexFunc(cfg.Claims, func(c residency.Claim) bool { return c.ID == id })
	if n < 0 {
		var known []string
		for _, c := range cfg.Claims {
			known = append(known, c.ID)
		}
		return misused("there is no claim %q\nhint: there are %s", id, strings.Join(known, ", "))
	}
	who, err := e.person(f.by)
	if err != nil {
		return err
	}
	r := archiveRecord{Schema: archiveSchema, Claim: id, Source: cfg.Claims[n].Source}
	data, err := e.fetchSource(ctx, cfg, f, &r)
	if err != nil {
		return failed(err)
	}
	s, err := e.openStore(ctx, cfg, "claim archive")
	if err != nil {
		return failed(err)
	}
	defer s.Close()
	before, err := archived(ctx, s)
	if err != nil {
		return failed(err)
	}
	hash := residency.HashOf(data)
	r.SHA256, r.Size = hex.EncodeToString(hash[:]), int64(len(data))
	kept, err := keepCopy(cfg, r.SHA256, data)
	if err != nil {
		return failed(err)
	}
	body, err := json.Marshal(r)
	if err != nil {
		return failed(fmt.Errorf("archive source: %w", err))
	}
	if err := s.Record(ctx, residency.Record{Kind: "archived", At: e.now(), By: who, Body: body}); err != nil {
		return failed(err)
	}
	fmt.Fprintf(e.stdout, "archived %d bytes from %s\n  SHA-256 %s\n  in %s\n", r.Size, r.From, r.SHA256, kept)
	return changedSince(before[id], r)
}

// changedSince is the error that the page of a promise is another than that of
// the last copy; nil when it is the same, or there was none.
func changedSince(before []archiveRecord, now archiveRecord) error {
	if len(before) == 0 {
		return nil
	}
	last := before[len(before)-1]
	if last.SHA256 == now.SHA256 {
		return nil
	}
	return failed(fmt.Errorf("the promise's page has changed since %s: it was %s, and is %s\nhint: compare the two copies",
		last.At.UTC().Format("2006-01-02 15:04Z"), last.SHA256, now.SHA256))
}

// fetchSource returns the bytes of a claim's source, and notes where they came
// from.
func (e *env) fetchSource(ctx context.Context, cfg *config.Config, f archiveFlags, r *archiveRecord) ([]byte, error) {
	if f.file != "" {
		r.From = filepath.Base(f.file)
		in, err := os.Open(f.file)
		if err != nil {
			return nil, fmt.Errorf("archive source: %w", err)
		}
		defer in.Close()
		return atMost(in)
	}
	address := f.url
	if address == "" {
		address = r.Source
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("archive source: the claim's source is no web address\nhint: --file FILE takes a copy that you have, --url another address")
	}
	out, err := e.outward(cfg.Network)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, archiveTime)
	defer cancel()
	return fetchPage(ctx, out.client, u, r)
}

// fetchPage fetches one page, over as many redirects as are usual.
func fetchPage(ctx context.Context, client *http.Client, u *url.URL, r *archiveRecord) ([]byte, error) {
	bounded := *client
	bounded.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if len(via) > archiveHops {
			return fmt.Errorf("more than %d redirects", archiveHops)
		}
		if via[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
			return errors.New("a redirect away from https")
		}
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("archive source: %w", err)
	}
	req.Header.Set("User-Agent", archiveAgent)
	resp, err := bounded.Do(req)
	if err != nil {
		return nil, fmt.Errorf("archive source: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("archive source: %s answered %s\nhint: --file FILE takes a copy that you have", u.Redacted(), resp.Status)
	}
	r.From, r.Type, r.Status = resp.Request.URL.Redacted(), resp.Header.Get("Content-Type"), resp.StatusCode
	return atMost(resp.Body)
}

// atMost reads everything, and refuses what is too large.
func atMost(in io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(in, archiveMost+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("archive source: %w", err)
	case len(data) > archiveMost:
		return nil, fmt.Errorf("archive source: it is larger than %d MB", archiveMost>>20)
	case len(data) == 0:
		return nil, errors.New("archive source: it is empty")
	}
	return data, nil
}

// keepCopy keeps bytes beside the store under their hash, and returns where.
func keepCopy(cfg *config.Config, hash string, data []byte) (string, error) {
	dir := sourcesOf(cfg.Store.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("archive source: %w", err)
	}
	path := filepath.Join(dir, hash)
	if kept, err := hashFile(path); err == nil && kept == hash {
		return path, nil
	}
	return path, replaceFile(path, data)
}

// archived returns the copies of the sources of claims, by claim, oldest first.
func archived(ctx context.Context, s *store.Store) (map[string][]archiveRecord, error) {
	all := map[string][]archiveRecord{}
	for r, err := range s.Records(ctx, "archived") {
		if err != nil {
			return nil, err
		}
		var a archiveRecord
		if err := json.Unmarshal(r.Body, &a); err != nil || a.Schema != archiveSchema {
			continue // of another version of the program
		}
		a.At, a.By = r.At, r.By
		all[a.Claim] = append(all[a.Claim], a)
	}
	return all, nil
}

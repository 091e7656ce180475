package dataset

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// download makes a candidate from what the maker publishes. errSame: nothing
// new. The second result is how many bytes came.
func (u *Updater) download(ctx context.Context, r Remote, set Set, dir string) (candidate, int64, error) {
	key, account, err := r.credentials()
	if err != nil {
		return candidate{}, 0, err
	}
	if r.Via == ViaMaxMind {
		return u.fromMaxMind(ctx, r, set, dir, account, key)
	}
	requests, err := u.requests(ctx, r, key, dir)
	if err != nil {
		return candidate{}, 0, err
	}
	r.File = r.fileName(requests[0].shown)
	answers, n, err := u.parts(ctx, requests, set.Current, dir)
	if err != nil {
		return candidate{}, n, err
	}
	c := candidate{}
	for _, a := range answers {
		c.origins = append(c.origins, a.origin)
		if a.modified.After(c.modified) {
			c.modified = a.modified
		}
	}
	c, err = u.unpackParts(r, c, dir, len(answers), r.Pack)
	return c, n, err
}

// fileName is the name to keep a file under. Where the maker's name has its day,
// that is kept: it may be the only date there is.
func (r Remote) fileName(from string) string {
	base := from[strings.LastIndexAny(from, `/\`)+1:]
	if r.Via == ViaPage && datedLink.FindString(base) == base {
		return base
	}
	return r.File
}

// credentials reveals what the remote needs.
func (r Remote) credentials() (key, account string, err error) {
	reveal := func(what string, f func() (string, error)) (string, error) {
		if f == nil {
			return "", nil
		}
		s, err := f()
		if err != nil {
			return "", fmt.Errorf("%s of %s: %w", what, r.Name, err)
		}
		return s, nil
	}
	if key, err = reveal("key", r.Key); err != nil {
		return "", "", err
	}
	if account, err = reveal("account", r.Account); err != nil {
		return "", "", err
	}
	switch {
	case r.NeedsKey && key == "":
		return "", "", errors.New("it needs a key: name one in [[geo.update]]")
	case r.Via == ViaMaxMind && account == "":
		return "", "", errors.New("it needs an account: name one in [[geo.update]]")
	}
	return key, account, nil
}

// requests turns the URLs of a remote into what is to be asked for.
func (u *Updater) requests(ctx context.Context, r Remote, key, dir string) ([]request, error) {
	var list []request
	for _, pattern := range r.URLs {
		q := request{
			url: strings.ReplaceAll(pattern, "{key}", url.QueryEscape(key)), shown: strings.ReplaceAll(pattern, "{key}", "***"),
			limit: r.maxBytes(),
		}
		if r.Via == ViaPage && !strings.HasSuffix(q.url, ".json") {
			link, err := u.link(ctx, q, dir)
			if err != nil {
				return nil, err
			}
			q.url, q.shown = link, link
		}
		list = append(list, q)
	}
	if len(list) == 0 {
		return nil, errors.New("it has no URL")
	}
	return list, nil
}

// maxPage is the most a page with a link may have.
const maxPage = 4 << 20

// datedLink finds the links to files that are named by their day.
var datedLink = regexp.MustCompile(`[^\s"'<>\\]+_(\d{8})\.json`)

// link finds on a page the link to the newest file. It must lead to the host of
// the page or to another of the same maker: a link to elsewhere is not taken.
func (u *Updater) link(ctx context.Context, q request, dir string) (string, error) {
	path := filepath.Join(dir, "page")
	q.limit = maxPage
	if _, err := u.get(ctx, q, path); err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	page, err := url.Parse(q.url)
	if err != nil {
		return "", errors.New("it is no URL")
	}
	newest, day := "", ""
	for _, m := range datedLink.FindAllStringSubmatch(string(text), -1) {
		to, err := page.Parse(m[0])
		if err == nil && m[1] > day && sameMaker(page, to) {
			newest, day = to.String(), m[1]
		}
	}
	if newest == "" {
		return "", fmt.Errorf("get %s: no link to a file such as ..._20260101.json on the page: it may have changed, name the file in [[geo.update]] url", q.shown)
	}
	return newest, nil
}

// sameMaker reports whether a link of a page stays with who made the page: the
// same host, or two hosts of one domain over TLS.
func sameMaker(page, to *url.URL) bool {
	if page.Host == to.Host && page.Scheme == to.Scheme {
		return true
	}
	domain := func(u *url.URL) string {
		labels := strings.Split(u.Hostname(), ".")
		return strings.Join(labels[max(0, len(labels)-2):], ".")
	}
	return to.Scheme == "https" && page.Scheme == "https" && domain(page) == domain(to)
}

// parts gets all parts of a list. When some have changed and others not, those
// are asked for again: a list is made of parts of one time.
func (u *Updater) parts(ctx context.Context, list []request, cur *Version, dir string) ([]answer, int64, error) {
	answers, total, same := make([]answer, len(list)), int64(0), 0
	unchanged := make([]bool, len(list))
	for i, q := range list {
		if cur != nil && len(cur.Sources) == len(list) {
			q.cond = cur.Sources[i]
		}
		a, err := u.monthly(ctx, q, partPath(dir, i))
		total += a.bytes
		switch {
		case errors.Is(err, errSame):
			unchanged[i] = true
			same++
		case err != nil:
			return nil, total, err
		}
		answers[i] = a
	}
	if same == len(list) {
		return nil, total, errSame
	}
	for i, q := range list {
		if !unchanged[i] {
			continue
		}
		a, err := u.monthly(ctx, q, partPath(dir, i))
		total += a.bytes
		if err != nil {
			return nil, total, err
		}
		answers[i] = a
	}
	return answers, total, nil
}

func partPath(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("part-%d", i)) }

// monthly gets a file; of one that is named by its month, the newest of this
// month and the last. The condition counts only for the file it was said of.
func (u *Updater) monthly(ctx context.Context, q request, path string) (answer, error) {
	months := []string{""}
	if strings.Contains(q.url, "{month}") {
		now := u.Now().UTC()
		first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
		months = []string{first.Format("2006-01"), first.AddDate(0, -1, 0).Format("2006-01")}
	}
	var a answer
	var err error
	for _, m := range months {
		one := q
		one.url, one.shown = strings.ReplaceAll(q.url, "{month}", m), strings.ReplaceAll(q.shown, "{month}", m)
		if one.cond.URL != one.shown {
			one.cond = Origin{}
		}
		a, err = u.get(ctx, one, path)
		if missing, ok := errors.AsType[statusError](err); !ok || missing.code != http.StatusNotFound {
			return a, err
		}
	}
	return a, err
}

// edition is what MaxMind says of the newest file of an edition.
type edition struct {
	Date string `json:"date"` // 2026-11-20
	ID   string `json:"edition_id"`
	MD5  string `json:"md5"` // of the .mmdb
}

// fromMaxMind asks as the program geoipupdate does since version 7: metadata
// with date and MD5, and the file only when that MD5 is new. The second answer
// is a redirect to a storage that is not MaxMind's; net/http does not take the
// credentials there.
func (u *Updater) fromMaxMind(ctx context.Context, r Remote, set Set, dir, account, key string) (candidate, int64, error) {
	base, id := strings.TrimSuffix(r.URLs[0], "/"), strings.TrimSuffix(r.Member, ".mmdb")
	where := base + "/geoip/updates/metadata?" + url.Values{"edition_id": {id}}.Encode()
	q := request{url: where, shown: where, user: account, key: key, auth: true, limit: maxPage}
	path := filepath.Join(dir, "metadata")
	if _, err := u.get(ctx, q, path); err != nil {
		return candidate{}, 0, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return candidate{}, 0, err
	}
	newest, err := parseEdition(text, id)
	if err != nil {
		return candidate{}, 0, fmt.Errorf("get %s: %w", where, err)
	}
	if set.Current != nil && strings.EqualFold(set.Current.MD5, newest.MD5) {
		return candidate{}, 0, errSame
	}
	where = base + "/geoip/databases/" + url.PathEscape(id) + "/download?" +
		url.Values{"date": {strings.ReplaceAll(newest.Date, "-", "")}, "suffix": {"tar.gz"}}.Encode()
	q.url, q.shown, q.limit = where, where, r.maxBytes()
	a, err := u.get(ctx, q, partPath(dir, 0))
	if err != nil {
		return candidate{}, a.bytes, err
	}
	c, err := u.unpackParts(r, candidate{origins: []Origin{a.origin}, modified: a.modified, md5: newest.MD5}, dir, 1, r.Pack)
	if err != nil {
		return c, a.bytes, err
	}
	return c, a.bytes, checkMD5(filepath.Join(c.dir, c.file), newest.MD5)
}

// parseEdition reads the answer about one edition.
func parseEdition(text []byte, id string) (edition, error) {
	var said struct {
		Databases []edition `json:"databases"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return edition{}, fmt.Errorf("read metadata: %w", err)
	}
	for _, e := range said.Databases {
		if e.ID != id {
			continue
		}
		if _, err := time.Parse(time.DateOnly, e.Date); err != nil {
			return edition{}, fmt.Errorf("read metadata: date %q is not such as 2026-11-20", e.Date)
		}
		if sum, err := hex.DecodeString(e.MD5); err != nil || len(sum) != md5.Size {
			return edition{}, fmt.Errorf("read metadata: %q is no MD5", e.MD5)
		}
		return e, nil
	}
	return edition{}, fmt.Errorf("read metadata: edition %s is not in it: it may not be part of the account", id)
}

// checkMD5 holds a file against the sum its maker publishes. It finds damage on
// the way; against forgery stands TLS.
func checkMD5(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := md5.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, want) {
		return fmt.Errorf("the file has MD5 %s, the maker says %s", got, want)
	}
	return nil
}

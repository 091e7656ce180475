package dataset

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"residency/internal/residency"
)

// A list of these tests has a date in its first line and then one record a
// line. parseList is their parser.
func parseList(name, path string) (residency.Dataset, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return residency.Dataset{}, err
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	built, err := time.Parse(time.DateOnly, lines[0])
	if err != nil {
		return residency.Dataset{}, fmt.Errorf("open %s: line 1 is no date", path)
	}
	return residency.Dataset{Name: name, Built: built, Records: len(lines) - 1}, nil
}

func list(day string, records int) []byte {
	return []byte(day + "\n" + strings.Repeat("record\n", records))
}

var clock = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func testRemote(urls ...string) Remote {
	return Remote{Name: "list", Title: "The list", Lineage: "list", Class: residency.ClassProvider, Format: FormatRanges, File: "list.txt", URLs: urls, Licence: "free"}
}

func newUpdater(t *testing.T, r Remote) *Updater {
	t.Helper()
	return &Updater{
		Client: &http.Client{Transport: &http.Transport{Proxy: nil}}, Dir: filepath.Join(t.TempDir(), "data"), Now: func() time.Time { return clock },
		Sources: []Remote{r}, Verify: parseList, Stall: 5 * time.Second,
	}
}

// one runs an update of one source.
func one(t *testing.T, u *Updater) Result {
	t.Helper()
	list := u.Update(t.Context())
	if len(list) != len(u.Sources) {
		t.Fatalf("%d results of %d sources", len(list), len(u.Sources))
	}
	return list[0]
}

// text is what the store has in use.
func text(t *testing.T, u *Updater) (current, previous string) {
	t.Helper()
	set, err := u.store().Set(u.Sources[0].Name)
	if err != nil {
		return "", ""
	}
	read := func(v *Version) string {
		if v == nil {
			return ""
		}
		data, err := u.store().Read(set, v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return read(set.Current), read(set.Previous)
}

// server answers with what the test sets.
type server struct {
	*httptest.Server
	handler atomic.Pointer[http.HandlerFunc]
	asked   atomic.Int64
}

func serve(t *testing.T) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		(*s.handler.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) say(h http.HandlerFunc) { s.handler.Store(&h) }
func (s *server) give(data []byte) {
	s.say(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) })
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	s := serve(t)
	u := newUpdater(t, testRemote(s.URL+"/list"))
	first, second := list("2026-11-01", 10), list("2026-11-20", 12)
	data, tag := first, `"one"`
	s.say(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	res := one(t, u)
	if res.Status != Updated || res.Err != nil || res.Dataset.Records != 10 || res.Bytes != int64(len(first)) {
		t.Fatalf("first Update = %+v", res)
	}
	if d := res.Dataset; d.Name != "The list" || d.Licence != "free" || d.Built.Format(time.DateOnly) != "2026-11-01" || !strings.HasSuffix(d.File, "list.txt") {
		t.Errorf("Dataset = %+v", d)
	}
	if res = one(t, u); res.Status != Unchanged || res.Bytes != 0 || res.Dataset.Records != 10 {
		t.Errorf("second Update = %+v, want unchanged by ETag", res)
	}
	tag = `"same-bytes"`
	if res = one(t, u); res.Status != Unchanged || res.Bytes == 0 {
		t.Errorf("Update with a new ETag of the same bytes = %+v", res)
	}
	if res = one(t, u); res.Status != Unchanged || res.Bytes != 0 {
		t.Errorf("Update after it = %+v, want the new ETag used", res)
	}
	data, tag = second, `"two"`
	if res = one(t, u); res.Status != Updated || res.Dataset.Records != 12 {
		t.Errorf("Update with new data = %+v", res)
	}
	if cur, prev := text(t, u); cur != string(second) || prev != string(first) {
		t.Errorf("store has %q and before it %q", cur, prev)
	}
	data, tag = list("2026-11-21", 11), `"three"`
	one(t, u)
	entries, err := os.ReadDir(filepath.Join(u.Dir, "list"))
	if err != nil || len(entries) != 3 {
		t.Errorf("%d entries in the set's directory (%v), want set.json and two files", len(entries), err)
	}
	if info, err := os.Stat(u.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v, %v", info.Mode(), err)
	}
}

// bads are answers of which each must leave the file in use.
func bads(t *testing.T) map[string]struct {
	h    http.HandlerFunc
	want string
} {
	write := func(data []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }
	}
	type bad = struct {
		h    http.HandlerFunc
		want string
	}
	return map[string]bad{
		"page":      {write([]byte("\n <!DOCTYPE html><title>Please log in</title>")), "a web page came in place of the data"},
		"empty":     {write(nil), "it is empty"},
		"not found": {http.NotFound, "the server answered 404 Not Found"},
		"forbidden": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "are account and key right"},
		"too many":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, "asked too often"},
		"304 of nothing": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", "x")
			w.WriteHeader(http.StatusNoContent)
		}, "the server answered 204"},
		"half by length": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(list("2026-11-21", 12))
		}, "the connection ended in the middle of the file"},
		"half by chunk": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(list("2026-11-21", 12))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "the connection ended in the middle of the file"},
		"half unseen": {write(list("2026-11-21", 4)), "it has 4 records, and the one that is here has 10"},
		"too long, said": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000000")
		}, "it is 1000000000 bytes, more than the limit of 65536"},
		"too long, not said": {func(w http.ResponseWriter, _ *http.Request) {
			for range 1000 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, "more than the limit of 65536 bytes"},
		"not understood": {write([]byte("{}")), "verify: open list.txt: line 1 is no date"},
		"older":          {write(list("2026-10-31", 10)), "it is of 2026-10-31, older than the one of 2026-11-01 that is here"},
		"future":         {write(list("2027-01-01", 10)), "it is dated 2027-01-01, which is in the future"},
		"redirect to a file": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, "redirect from http to file refused"},
		"redirect for ever": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) }, "more than 5 redirects"},
		"slow": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("2026-11-21\n"))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "nothing came for 150ms"},
		"drip": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte("2"))
				_ = http.NewResponseController(w).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}, "not done after 400ms"},
		"silent": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "nothing came for 150ms"},
	}
}

// TestUpdateBad holds that no bad answer changes what is in use, or leaves
// anything behind.
func TestUpdateBad(t *testing.T) {
	t.Parallel()
	for name, tt := range bads(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			r := testRemote(s.URL + "/list")
			r.MaxBytes = 1 << 16
			u := newUpdater(t, r)
			first := list("2026-11-01", 10)
			s.give(first)
			if res := one(t, u); res.Status != Updated {
				t.Fatalf("first Update = %+v", res)
			}
			stamp := u.store().Stamp()
			u.Stall, u.Timeout = 150*time.Millisecond, 400*time.Millisecond
			switch { // on a slow machine the other limit must not be reached first
			case strings.Contains(tt.want, "nothing came"):
				u.Timeout = time.Minute
			case strings.Contains(tt.want, "not done"):
				u.Stall = time.Minute
			}
			s.say(tt.h)
			res := one(t, u)
			if res.Status != Failed || res.Err == nil || !strings.Contains(res.Err.Error(), tt.want) {
				t.Errorf("Update = %s, %v, want an error with %q", res.Status, res.Err, tt.want)
			}
			if res.Dataset.Records != 10 {
				t.Errorf("Dataset in use = %+v", res.Dataset)
			}
			if cur, prev := text(t, u); cur != string(first) || prev != "" || u.store().Stamp() != stamp {
				t.Errorf("store has %q, before it %q", cur, prev)
			}
			entries, err := os.ReadDir(filepath.Join(u.Dir, "list"))
			if err != nil || len(entries) != 2 {
				t.Errorf("%d entries left (%v), want set.json and one file", len(entries), err)
			}
		})
	}
}

func TestUpdateForce(t *testing.T) {
	t.Parallel()
	s := serve(t)
	u := newUpdater(t, testRemote(s.URL))
	u.Sources[0].Least = 5
	s.give(list("2026-11-01", 4))
	if res := one(t, u); res.Status != Failed || !strings.Contains(res.Err.Error(), "fewer than 5 are taken for half a file") {
		t.Errorf("Update with too few records: %+v", res)
	}
	s.give(list("2026-11-01", 10))
	one(t, u)
	s.give(list("2026-10-01", 3))
	u.Force = true
	if res := one(t, u); res.Status != Updated || res.Dataset.Records != 3 {
		t.Errorf("forced Update = %+v", res)
	}
}

// TestUpdateParts holds that a list of two parts is never made of parts of
// which one is missing, and that both are asked for when one has changed.
func TestUpdateParts(t *testing.T) {
	t.Parallel()
	var parts sync.Map
	set := func(path, text, tag string) { parts.Store(path, [2]string{text, tag}) }
	s := serve(t)
	s.say(func(w http.ResponseWriter, r *http.Request) {
		v, ok := parts.Load(r.URL.Path)
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", v.([2]string)[1])
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(v.([2]string)[0]))
	})
	u := newUpdater(t, testRemote(s.URL+"/v4", s.URL+"/v6"))
	set("/v4", "2026-11-01\n192.0.2.0/24", `"4"`)
	if res := one(t, u); res.Status != Failed || !strings.Contains(res.Err.Error(), "/v6: the server answered 404") {
		t.Errorf("Update with one part = %+v", res)
	}
	set("/v6", "2001:db8::/32\n", `"6"`)
	if res := one(t, u); res.Status != Updated {
		t.Fatalf("Update = %+v", res)
	}
	if cur, _ := text(t, u); cur != "2026-11-01\n192.0.2.0/24\n2001:db8::/32\n" {
		t.Errorf("joined: %q", cur)
	}
	if res := one(t, u); res.Status != Unchanged || res.Bytes != 0 {
		t.Errorf("Update without news = %+v", res)
	}
	set("/v6", "2001:db8::/33\n", `"66"`)
	if res := one(t, u); res.Status != Updated {
		t.Errorf("Update with one new part = %+v", res)
	}
	if cur, _ := text(t, u); cur != "2026-11-01\n192.0.2.0/24\n2001:db8::/33\n" {
		t.Errorf("joined: %q", cur)
	}
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data)
	_ = z.Close()
	return b.Bytes()
}

func tarred(t *testing.T, files map[string][]byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(data)
	}
	_ = w.Close()
	return gzipped(b.Bytes())
}

func zipped(t *testing.T, files map[string][]byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(data)
	}
	_ = z.Close()
	return b.Bytes()
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	good := list("2026-11-01", 100)
	flip := func(data []byte) []byte {
		data = bytes.Clone(data)
		data[len(data)-6] ^= 1 // within the checksum
		return data
	}
	two := map[string][]byte{"a/x.mmdb": good, "b/y.MMDB": good}
	in := map[string][]byte{"README": []byte("r"), "../../x.MMDB": good, "._x.mmdb": []byte("resource fork")}
	none := map[string][]byte{"README": []byte("r")}
	for _, tt := range []struct {
		name string
		pack Pack
		data []byte
		want string // "" for success
	}{
		{"gzip", PackGzip, gzipped(good), ""},
		{"gzip half", PackGzip, gzipped(good)[:20], "it is damaged, or half a file"},
		{"gzip checksum", PackGzip, flip(gzipped(good)), "it is damaged, or half a file"},
		{"gzip not", PackGzip, good, "not gzip, or half of it"},
		{"gzip bomb", PackGzip, gzipped(make([]byte, 1<<20)), "it unpacks to more than the limit of 65536 bytes"},
		{"gzip of a page", PackGzip, gzipped([]byte("<html>")), "a web page came in place of the data"},
		{"zip", PackZip, zipped(t, in), ""},
		{"zip half", PackZip, zipped(t, in)[:60], "not zip, or half of it"},
		{"zip bomb", PackZip, zipped(t, map[string][]byte{"x.mmdb": make([]byte, 1<<20)}), "it unpacks to more than the limit of 65536 bytes"},
		{"zip none", PackZip, zipped(t, none), "no .mmdb in the archive"},
		{"zip two", PackZip, zipped(t, two), "two .mmdb in the archive"},
		{"tar", PackTarGz, tarred(t, in), ""},
		{"tar half", PackTarGz, tarred(t, in)[:100], "it is damaged, or half a file"},
		{"tar checksum", PackTarGz, flip(tarred(t, in)), "it is damaged, or half a file"},
		{"tar none", PackTarGz, tarred(t, none), "no .mmdb in the archive"},
		{"tar two", PackTarGz, tarred(t, two), "two .mmdb in the archive"},
		{"unknown", "7z", good, `unknown packing "7z"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			r := testRemote(s.URL)
			r.Pack, r.Member, r.MaxUnpacked = tt.pack, ".mmdb", 1<<16
			u := newUpdater(t, r)
			s.give(tt.data)
			res := one(t, u)
			if tt.want == "" {
				if cur, _ := text(t, u); res.Status != Updated || cur != string(good) {
					t.Errorf("Update = %+v", res)
				}
				return
			}
			if res.Err == nil || !strings.Contains(res.Err.Error(), tt.want) {
				t.Errorf("Update: %v, want %q", res.Err, tt.want)
			}
		})
	}
}

// TestUpdateMonth: this month's file, else the last month's.
func TestUpdateMonth(t *testing.T) {
	t.Parallel()
	s := serve(t)
	r := testRemote(s.URL + "/lite-{month}.txt")
	r.Via = ViaMonth
	u := newUpdater(t, r)
	has := map[string][]byte{"/lite-2026-10.txt": list("2026-10-01", 10)}
	s.say(func(w http.ResponseWriter, r *http.Request) {
		data, ok := has[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"same-for-all"`) // it must not be used for another month
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	if res := one(t, u); res.Status != Updated || res.Dataset.Built.Month() != time.October {
		t.Errorf("Update = %+v, want October's file", res)
	}
	if res := one(t, u); res.Status != Unchanged || res.Bytes != 0 {
		t.Errorf("second Update = %+v, want unchanged by ETag", res)
	}
	has = map[string][]byte{"/lite-2026-10.txt": list("2026-10-01", 10), "/lite-2026-11.txt": list("2026-11-01", 10)}
	if res := one(t, u); res.Status != Updated || res.Dataset.Built.Month() != time.November {
		t.Errorf("Update = %+v, want November's file", res)
	}
}

func TestUpdatePage(t *testing.T) {
	t.Parallel()
	s := serve(t)
	r := testRemote(s.URL + "/download/details?id=56519")
	r.Via = ViaPage
	u := newUpdater(t, r)
	page := ""
	s.say(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/download/details":
			fmt.Fprint(w, page)
		case "/files/Tags_20261116.json":
			_, _ = w.Write(list("2026-11-16", 10))
		default:
			http.NotFound(w, r)
		}
	})
	for _, tt := range []struct{ page, want string }{
		{`<!doctype html><a href="http://evil.example/Tags_20261130.json">x</a> <a href='/files/Tags_20261109.json'> {"url":"` + s.URL + `/files/Tags_20261116.json"}`, ""},
		{`<!doctype html><a href="http://evil.example/Tags_20261130.json">x</a>`, "no link to a file such as ..._20260101.json"},
		{`<!doctype html>`, "no link to a file"},
	} {
		page = tt.page
		res := one(t, u)
		if tt.want == "" && res.Status == Failed || tt.want != "" && (res.Err == nil || !strings.Contains(res.Err.Error(), tt.want)) {
			t.Errorf("page %q: %+v, want %q", tt.page, res, tt.want)
		}
	}
	if cur, _ := text(t, u); cur != string(list("2026-11-16", 10)) {
		t.Errorf("in use is %q", cur)
	}
	if set, err := u.store().Set("list"); err != nil || !strings.HasSuffix(set.Current.File, "/Tags_20261116.json") {
		t.Errorf("the day in the name is lost: %+v, %v", set.Current, err)
	}
}

// maxMindServer speaks the geoipupdate protocol; its storage is another server.
func maxMindServer(t *testing.T, data func() []byte, sum func() string) (api *httptest.Server, downloads *atomic.Int64) {
	downloads = &atomic.Int64{}
	storage := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" {
			t.Errorf("the storage was told %v", r.Header)
		}
		downloads.Add(1)
		_, _ = w.Write(tarred(t, map[string][]byte{"GeoLite2-Country_20261120/GeoLite2-Country.mmdb": data(), "GeoLite2-Country_20261120/LICENSE.txt": []byte("l")}))
	}))
	api = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, key, _ := r.BasicAuth()
		switch {
		case user != "999" || key != "s3cret":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/geoip/updates/metadata" && r.URL.Query().Get("edition_id") == "GeoLite2-Country":
			fmt.Fprintf(w, `{"databases":[{"date":"2026-11-20","edition_id":"GeoLite2-Country","md5":%q}]}`, sum())
		case r.URL.Path == "/geoip/databases/GeoLite2-Country/download" && r.URL.Query().Get("date") == "20261120" && r.URL.Query().Get("suffix") == "tar.gz":
			http.Redirect(w, r, strings.Replace(storage.URL, "127.0.0.1", "localhost", 1)+"/object", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(storage.Close)
	t.Cleanup(api.Close)
	return api, downloads
}

func TestUpdateMaxMind(t *testing.T) {
	t.Parallel()
	data := list("2026-11-20", 10)
	sum := func() string { s := md5.Sum(data); return hex.EncodeToString(s[:]) }
	said := sum
	api, downloads := maxMindServer(t, func() []byte { return data }, func() string { return said() })
	r := testRemote(api.URL)
	r.Via, r.Pack, r.Member, r.NeedsKey = ViaMaxMind, PackTarGz, "GeoLite2-Country.mmdb", true
	u := newUpdater(t, r)
	u.Client = api.Client()
	u.Client.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify = true // the storage's certificate is for no name
	key := ""
	secret := func() (string, error) { return key, nil }
	u.Sources[0].Key = secret
	u.Sources[0].Account = func() (string, error) { return "999", nil }
	if res := one(t, u); res.Err == nil || !strings.Contains(res.Err.Error(), "it needs a key") {
		t.Errorf("Update without a key: %v", res.Err)
	}
	key = "wrong"
	if res := one(t, u); res.Err == nil || !strings.Contains(res.Err.Error(), "401 Unauthorized: are account and key right") || strings.Contains(res.Err.Error(), "wrong") {
		t.Errorf("Update with a wrong key: %v", res.Err)
	}
	key = "s3cret"
	said = func() string { return strings.Repeat("0", 32) }
	if res := one(t, u); res.Err == nil || !strings.Contains(res.Err.Error(), "the maker says 00000000") {
		t.Errorf("Update with another MD5: %v", res.Err)
	}
	said = sum
	if res := one(t, u); res.Status != Updated || res.Dataset.Records != 10 {
		t.Errorf("Update = %+v", res)
	}
	n := downloads.Load()
	if res := one(t, u); res.Status != Unchanged || downloads.Load() != n {
		t.Errorf("second Update = %+v, %d downloads", res, downloads.Load()-n)
	}
	if files := grepTree(t, u.Dir, "s3cret"); len(files) > 0 {
		t.Errorf("the key is in %v", files)
	}
}

// grepTree returns the files below dir that hold the text.
func grepTree(t *testing.T, dir, text string) (files []string) {
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestUpdateKeyInURL holds that a key in a URL is in no error and no file, and
// is not told to whom the server redirects.
func TestUpdateKeyInURL(t *testing.T) {
	t.Parallel()
	s := serve(t)
	r := testRemote(s.URL + "/download/?token={key}&file=X")
	r.NeedsKey, r.Key = true, func() (string, error) { return "s3 cret", nil }
	u := newUpdater(t, r)
	s.say(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/object" && r.Header.Get("Referer") == "":
			_, _ = w.Write(list("2026-11-01", 10))
		case r.URL.Query().Get("token") == "s3 cret":
			http.Redirect(w, r, "/object", http.StatusFound)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	})
	if res := one(t, u); res.Status != Updated {
		t.Errorf("Update = %+v", res)
	}
	if files := grepTree(t, u.Dir, "cret"); len(files) > 0 {
		t.Errorf("the key is in %v", files)
	}
	s.Close()
	if res := one(t, u); res.Err == nil || strings.Contains(res.Err.Error(), "cret") || !strings.Contains(res.Err.Error(), "token=***") {
		t.Errorf("Update without a server: %v", res.Err)
	}
	u.Sources[0].URLs = []string{"http://download.example/?token={key}"}
	if res := one(t, u); res.Err == nil || !strings.Contains(res.Err.Error(), "credentials are not sent without TLS") {
		t.Errorf("Update without TLS: %v", res.Err)
	}
	u.Sources[0].URLs = []string{"http://a b/{key}"}
	if res := one(t, u); res.Err == nil || strings.Contains(res.Err.Error(), "cret") {
		t.Errorf("Update of no URL: %v", res.Err)
	}
}

// TestUpdateToPlain holds that a redirect from TLS to no TLS is refused.
func TestUpdateToPlain(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
	}))
	t.Cleanup(s.Close)
	u := newUpdater(t, testRemote(s.URL))
	u.Client = s.Client()
	if res := one(t, u); res.Err == nil || !strings.Contains(res.Err.Error(), "redirect from https to http refused") {
		t.Errorf("Update: %v", res.Err)
	}
}

// TestUpdateNoNetwork: a machine without a network fails clearly and in time.
func TestUpdateNoNetwork(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		dial func(ctx context.Context, network, addr string) (net.Conn, error)
		want string
	}{
		"refused": {func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("network is unreachable")
		}, "get https://maker.example/list: network is unreachable"},
		"silent": {func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }, "nothing came for 100ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUpdater(t, testRemote("https://maker.example/list"))
			u.Client = &http.Client{Transport: &http.Transport{DialContext: tt.dial}}
			u.Stall = 100 * time.Millisecond
			started := time.Now()
			res := one(t, u)
			if res.Err == nil || !strings.Contains(res.Err.Error(), tt.want) {
				t.Errorf("Update: %v, want %q", res.Err, tt.want)
			}
			if took := time.Since(started); took > 3*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestUpdateOthersGoOn holds that one source that fails stops no other, and
// that results come in order, each told once.
func TestUpdateOthersGoOn(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.say(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/3" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(list("2026-11-01", 10))
	})
	u := newUpdater(t, Remote{})
	u.Sources = nil
	for i := range 9 {
		r := testRemote(fmt.Sprintf("%s/%d", s.URL, i))
		r.Name = fmt.Sprintf("list-%d", i)
		u.Sources = append(u.Sources, r)
	}
	told := map[string]int{}
	u.Done = func(r Result) { told[r.Name]++ }
	for i, res := range u.Update(t.Context()) {
		if want := fmt.Sprintf("list-%d", i); res.Name != want || (res.Status == Failed) != (i == 3) || told[want] != 1 {
			t.Errorf("result %d = %+v, told %d times", i, res, told[want])
		}
	}
	sets, err := u.store().Sets()
	if err != nil || len(sets) != 8 {
		t.Errorf("%d sets, %v", len(sets), err)
	}
}

// full is a file on a disk that is full after some bytes.
type full struct {
	file
	left int
}

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.left {
		n, _ := f.file.Write(p[:f.left])
		f.left = 0
		return n, errNoSpace
	}
	f.left -= len(p)
	return f.file.Write(p)
}

var errNoSpace = errors.New("no space left on device")

func TestUpdateDiskFull(t *testing.T) {
	t.Parallel()
	s := serve(t)
	u := newUpdater(t, testRemote(s.URL))
	first := list("2026-11-01", 10)
	s.give(first)
	one(t, u)
	second := list("2026-11-02", 20)
	s.give(second)
	for name, create := range map[string]func(path string) (file, error){
		"download": func(path string) (file, error) {
			f, err := os.Create(path)
			return &full{f, 20}, err
		},
		"unpacking": func(path string) (file, error) {
			f, err := os.Create(path)
			left := 20
			if strings.HasPrefix(filepath.Base(path), "part-") {
				left = 1 << 20
			}
			return &full{f, left}, err
		},
		"device": func(string) (file, error) { return os.OpenFile("/dev/full", os.O_WRONLY, 0) },
	} {
		if _, err := os.Stat("/dev/full"); err != nil && name == "device" {
			continue
		}
		u.create = create
		if res := one(t, u); res.Err == nil || !strings.Contains(res.Err.Error(), "no space left on device") {
			t.Errorf("%s: %v", name, res.Err)
		}
		if cur, _ := text(t, u); cur != string(first) {
			t.Errorf("%s: store has %q", name, cur)
		}
	}
	u.create = nil
	if res := one(t, u); res.Status != Updated {
		t.Errorf("after that: %+v", res)
	}
}

// TestUpdateLocked: two processes at once.
func TestUpdateLocked(t *testing.T) {
	t.Parallel()
	s := serve(t)
	u := newUpdater(t, testRemote(s.URL))
	s.give(list("2026-11-01", 10))
	unlock, err := u.lock()
	if err != nil {
		t.Fatal(err)
	}
	if res := one(t, u); res.Err == nil || !strings.Contains(res.Err.Error(), "another update is under way") {
		t.Errorf("Update under a lock: %v", res.Err)
	}
	unlock()
	if res := one(t, u); res.Status != Updated {
		t.Errorf("Update = %+v", res)
	}
}

// TestUpdateMends: what was damaged on disk is replaced, though the server
// would say that nothing has changed, and an update that was killed leaves
// nothing for long.
func TestUpdateMends(t *testing.T) {
	t.Parallel()
	s := serve(t)
	u := newUpdater(t, testRemote(s.URL))
	data := list("2026-11-01", 10)
	s.say(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	res := one(t, u)
	if err := os.WriteFile(res.Dataset.File, []byte("truncated"), 0o600); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(u.Dir, "list", tempPrefix+"killed")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	set, err := u.store().Set("list")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.store().Read(set, set.Current); err == nil || !strings.Contains(err.Error(), "it is not the file that was taken") {
		t.Errorf("Read of a damaged file: %v", err)
	}
	if res := one(t, u); res.Status != Updated {
		t.Errorf("Update = %+v", res)
	}
	if cur, _ := text(t, u); cur != string(data) {
		t.Errorf("store has %q", cur)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed update left is still there")
	}
}

func TestStoreBadSets(t *testing.T) {
	t.Parallel()
	store := Store{Dir: t.TempDir()}
	for name, tt := range map[string]struct{ text, want string }{
		"half":    {`{"schema":`, "unexpected end"},
		"schema":  {`{"schema":"residency/data/v9"}`, `schema "residency/data/v9", want`},
		"name":    {`{"schema":"residency/data/v1","name":"other"}`, `it is about "other"`},
		"lineage": {`{"schema":"residency/data/v1","name":"lineage"}`, "lineage, class or format is missing"},
		"nofile":  {`{"schema":"residency/data/v1","name":"nofile","lineage":"l","class":"database","format":"mmdb"}`, "it names no file"},
		"outside": {`{"schema":"residency/data/v1","name":"outside","lineage":"l","class":"database","format":"mmdb","current":{"file":"../../x"}}`, "is outside of its directory"},
	} {
		if err := errors.Join(os.Mkdir(filepath.Join(store.Dir, name), 0o700), os.WriteFile(filepath.Join(store.Dir, name, setFile), []byte(tt.text), 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Set(name); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Set(%s): %v, want %q", name, err, tt.want)
		}
	}
	if sets, err := store.Sets(); len(sets) != 0 || err == nil || strings.Count(err.Error(), "\n") != 5 {
		t.Errorf("Sets() = %v, %v", sets, err)
	}
	if sets, err := (Store{Dir: filepath.Join(store.Dir, "none")}).Sets(); len(sets) != 0 || err != nil {
		t.Errorf("Sets() of nothing = %v, %v", sets, err)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	s := serve(t)
	remote := testRemote(s.URL+"/a", s.URL+"/b")
	remote.Offline = [][]string{{"list-a*.txt"}, {"LIST-B.txt"}}
	other := testRemote(s.URL + "/none")
	other.Name, other.Offline = "other", [][]string{{"other.txt"}}
	put := func(dir, name string, data []byte) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700), os.WriteFile(filepath.Join(dir, name), data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	u := newUpdater(t, remote)
	u.Sources = append(u.Sources, other)
	try := func(dir string) []Result { return u.Import(t.Context(), dir) }
	dir := filepath.Join(t.TempDir(), "odd[name]*")
	put(dir, "list-a-2026.txt.gz", gzipped(list("2026-11-01", 5)))
	if res := try(dir); !errors.Is(res[0].Err, ErrNotThere) || !errors.Is(res[1].Err, ErrNotThere) {
		t.Errorf("Import of one part = %+v", res)
	}
	put(dir, "sub/list-b.txt", []byte("record\n"))
	if res := try(dir); res[0].Err == nil || !strings.Contains(res[0].Err.Error(), "packed in another way") {
		t.Errorf("Import of parts packed differently = %+v", res[0])
	}
	put(dir, "sub/list-b.txt", nil)
	if err := os.Remove(filepath.Join(dir, "sub/list-b.txt")); err != nil {
		t.Fatal(err)
	}
	put(dir, "sub/list-b.txt.gz", gzipped([]byte("record\nrecord\n")))
	if res := try(dir); res[0].Status != Updated || res[0].Dataset.Records != 7 {
		t.Errorf("Import = %+v", res[0])
	}
	put(dir, "list-a.txt", nil)
	if res := try(dir); res[0].Err == nil || !strings.Contains(res[0].Err.Error(), "two files of it in the directory") {
		t.Errorf("Import of two that fit = %+v", res[0])
	}
	// Another store, as it comes from a machine with a network.
	closed := newUpdater(t, remote)
	if res := closed.Import(t.Context(), u.Dir); res[0].Status != Updated || res[0].Dataset.Records != 7 {
		t.Errorf("Import of a store = %+v", res[0])
	}
	set, err := u.store().Set("list")
	if err != nil {
		t.Fatal(err)
	}
	put(u.Dir, "list/"+set.Current.File, []byte("bad"))
	if res := newUpdater(t, remote).Import(t.Context(), u.Dir); res[0].Err == nil || !strings.Contains(res[0].Err.Error(), "it was damaged") {
		t.Errorf("Import of a damaged store = %+v", res[0])
	}
	for _, bad := range []string{filepath.Join(dir, "nowhere"), filepath.Join(dir, "list-a.txt")} {
		if res := try(bad); res[0].Err == nil || !strings.HasPrefix(res[0].Err.Error(), "import: ") {
			t.Errorf("Import(%s) = %+v", bad, res[0])
		}
	}
	if s.asked.Load() != 0 {
		t.Errorf("Import asked the network %d times", s.asked.Load())
	}
}

// TestRemotes holds the table to its own rules.
func TestRemotes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	lineages := map[string]bool{}
	for _, r := range Remotes() {
		if seen[r.Name] || r.Title == "" || r.Lineage == "" || r.Class == "" || r.Format == "" || r.File == "" || r.Licence == "" || r.Homepage == "" || len(r.Offline) != len(r.URLs) {
			t.Errorf("incomplete or repeated: %+v", r)
		}
		seen[r.Name], lineages[r.Lineage] = true, true
		for i, u := range r.URLs {
			if !strings.HasPrefix(u, "https://") || strings.Contains(u, "{key}") && !r.NeedsKey || strings.Contains(u, "{month}") != (r.Via == ViaMonth) {
				t.Errorf("%s: URL %q", r.Name, u)
			}
			if _, ok := r.offline(i, r.File); !ok && len(r.URLs) == 1 {
				t.Errorf("%s: Import does not know its own file %s", r.Name, r.File)
			}
		}
		if (r.Pack == PackZip || r.Pack == PackTarGz) && r.Member == "" {
			t.Errorf("%s: which file of the archive?", r.Name)
		}
	}
	entries, err := Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Class == residency.ClassDatabase && !lineages[e.Lineage] {
			t.Errorf("the embedded lineage %s cannot be renewed", e.Lineage)
		}
	}
}

func TestOfflineNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"dbip-country-lite-2026-11.mmdb.gz":  "dbip-country-lite gzip",
		"IP2LOCATION-LITE-DB1.MMDB.ZIP":      "ip2location-lite zip",
		"GeoLite2-Country_20261120.tar.gz":   "geolite2-country tar.gz",
		"GeoLite2-Country.mmdb":              "geolite2-country ",
		"ServiceTags_Public_20261116.json":   "azure ",
		"geo-whois-asn-country.mmdb":         "ip-location-db ",
		"ip-ranges.json":                     "aws ",
		"anycatch-v4-prefixes.csv":           "anycast ",
		"README.md":                          "",
		"GeoLite2-ASN.mmdb":                  "",
		"dbip-country-lite-2026-11.mmdb.bak": "",
	} {
		got := ""
		for _, r := range Remotes() {
			if pack, ok := r.offline(0, name); ok {
				got += r.Name + " " + string(pack)
			}
		}
		if got != want {
			t.Errorf("%s is known as %q, want %q", name, got, want)
		}
	}
}

// FuzzExtract holds that no archive makes unpacking panic or write more than
// its bound.
func FuzzExtract(f *testing.F) {
	var z bytes.Buffer
	w := zip.NewWriter(&z)
	if m, err := w.Create("a.mmdb"); err == nil {
		_, _ = m.Write([]byte("data"))
	}
	_ = w.Close()
	f.Add(z.Bytes())
	f.Add(gzipped([]byte("data")))
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "part-0")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, pack := range []Pack{PackNone, PackGzip, PackZip, PackTarGz} {
			var out bytes.Buffer
			_ = onePart(&bounded{w: &out, left: 1 << 16, limit: 1 << 16}, path, pack, ".mmdb")
			if out.Len() > 1<<16 {
				t.Errorf("%s: %d bytes written", pack, out.Len())
			}
		}
	})
}

// FuzzParseEdition holds that an edition which is understood can be asked for.
func FuzzParseEdition(f *testing.F) {
	f.Add([]byte(`{"databases":[{"date":"2026-11-20","edition_id":"E","md5":"d41d8cd98f00b204e9800998ecf8427e"}]}`))
	f.Add([]byte(`{"databases":[{"date":"tomorrow","edition_id":"E","md5":""}]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if e, err := parseEdition(text, "E"); err == nil && (len(e.Date) != 10 || len(e.MD5) != 32) {
			t.Errorf("parseEdition(%q) = %+v", text, e)
		}
	})
}

// FuzzSet holds that a manifest which is understood names files of its own.
func FuzzSet(f *testing.F) {
	f.Add([]byte(`{"schema":"residency/data/v1","name":"x","lineage":"l","class":"database","format":"mmdb","current":{"file":"a/b"},"previous":{"file":"/etc/passwd"}}`))
	f.Add([]byte(`{"schema":"residency/data/v1","name":"x","lineage":"l","class":"database","format":"mmdb","current":{"file":"a/b"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := Store{Dir: t.TempDir()}
		if err := errors.Join(os.Mkdir(filepath.Join(s.Dir, "x"), 0o700), os.WriteFile(filepath.Join(s.Dir, "x", setFile), text, 0o600)); err != nil {
			t.Fatal(err)
		}
		set, err := s.Set("x")
		if err != nil {
			return
		}
		for _, v := range []*Version{set.Current, set.Previous} {
			if v != nil && !strings.HasPrefix(s.Path(set, v), filepath.Join(s.Dir, "x")) {
				t.Errorf("Path = %s", s.Path(set, v))
			}
		}
	})
}

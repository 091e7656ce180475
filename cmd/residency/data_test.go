package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"residency/internal/config"
	"residency/internal/dataset"
)

// dbip is the embedded DB-IP file, made over into one of another day in which
// every address of Germany is in France.
func dbip(t *testing.T, day string) []byte {
	t.Helper()
	files, err := dataset.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	built, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Lineage != "dbip" {
			continue
		}
		data := bytes.Clone(f.Data)
		key := []byte("build_epoch\x04\x02") // then four bytes
		i := bytes.LastIndex(data, key)
		if i < 0 || bytes.Count(data, []byte("\x42DE")) != 1 {
			t.Fatal("the embedded DB-IP file is not as it was")
		}
		binary.BigEndian.PutUint32(data[i+len(key):], uint32(built.Unix()))
		return bytes.Replace(data, []byte("\x42DE"), []byte("\x42FR"), 1)
	}
	t.Fatal("no embedded DB-IP file")
	return nil
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = z.Write(data)
	_ = z.Close()
	return b.Bytes()
}

// awsRanges is a list as AWS publishes it, of that day, with n prefixes.
func awsRanges(day string, n int) []byte {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"ip_prefix":"3.%d.0.0/16","region":"ap-southeast-1","service":"EC2","network_border_group":"ap-southeast-1"}`, i)
	}
	return fmt.Appendf(nil, `{"createDate":"%s-00-00-00","prefixes":[%s],"ipv6_prefixes":[]}`, day, strings.Join(rows, ","))
}

// maker is a server of data on loopback.
type maker struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string][]byte
}

func newMaker(t *testing.T) *maker {
	m := &maker{files: map[string][]byte{}}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		data, ok := m.files[r.URL.Path]
		m.mu.Unlock()
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(data)))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *maker) put(path string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[path] = data
}

// site is a user of the program, with a configuration that knows the maker.
type site struct {
	t   *testing.T
	dir string
	cfg string // path of the configuration
	now func() time.Time
}

// someVendor is a configuration without anything about data.
const someVendor = `[[market]]
code = "IN"
[[vendor]]
id = "acme"
[[vendor.service]]
id = "sync"
endpoints = ["api.acme.example"]
[[policy]]
id = "one"
vendor = "acme"
regions = ["US", "SG"]
`

func newSite(t *testing.T, m *maker, more string) *site {
	dir := t.TempDir()
	s := &site{t: t, dir: dir, cfg: filepath.Join(dir, "config.toml"), now: func() time.Time { return scriptClock }}
	s.write("config.toml", someVendor+fmt.Sprintf(`
[geo]
data_dir = "data"
[[geo.update]]
name = "dbip-country-lite"
url = "%[1]s/dbip-{month}.mmdb.gz"
[[geo.update]]
name = "aws"
url = "%[1]s/ip-ranges.json"
`, m.URL)+more)
	return s
}

func (s *site) write(name string, data string) string {
	path := filepath.Join(s.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(data), 0o600)); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// run runs the program; nothing it does may leave loopback.
func (s *site) run(want int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	e := testEnv(&out, &errs)
	e.now = s.now
	e.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if !strings.HasPrefix(addr, "127.0.0.1:") {
			s.t.Errorf("%v: asked for %s", args, addr)
			return nil, errors.New("not in a test")
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	if got := run(s.t.Context(), e, append(args, "--config", s.cfg)); got != want {
		s.t.Errorf("%v: exit code %d, want %d\n%s%s", args, got, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// wants holds that a text has all of these.
func wants(t *testing.T, text string, all ...string) {
	t.Helper()
	for _, want := range all {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in:\n%s", want, text)
		}
	}
}

func TestDataUpdate(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	s := newSite(t, m, "")
	m.put("/dbip-2026-10.mmdb.gz", gzipped(dbip(t, "2026-10-01"))) // of November there is none yet
	m.put("/ip-ranges.json", awsRanges("2026-11-20", 10))
	update := []string{"data", "update", "dbip-country-lite", "aws"}

	out, _ := s.run(0, update...)
	wants(t, out, "dbip-country-lite  updated  of 2026-10-01, 1367495 records", "aws                updated  of 2026-11-20, 10 records")
	out, _ = s.run(0, update...)
	wants(t, out, "dbip-country-lite  unchanged  of 2026-10-01", "aws                unchanged  of 2026-11-20")
	out, errs := s.run(0, "data", "list")
	wants(t, out, "DB-IP Country Lite                                        dbip           database        2026-10-01  52d   1367495  updated",
		"embedded, not used: replaced by DB-IP Country Lite", "ip-ranges.json")
	if strings.Contains(errs, "DB-IP Country Lite (2026-06-01") {
		t.Errorf("the embedded data that is not used is called old:\n%s", errs)
	}

	// Located with the newer data, and with the older when asked.
	addr := "110.43.87.16"
	out, _ = s.run(0, "locate", addr, "3.1.2.3")
	wants(t, out, `"countries":["CN","FR"]`, `"region":"aws:ap-southeast-1"`)
	out, errs = s.run(0, "locate", "--data", "embedded", addr)
	wants(t, out, `"countries":["CN","DE"]`)
	wants(t, errs, "note: located with the data that the program carries alone, in place of the data in use")
	out, _ = s.run(0, "data", "diff", "embedded", "current", addr, "8.8.8.8", "3.1.2.3")
	wants(t, out, addr+"  CN|DE -> CN|FR\n  dbip: DE -> FR\n", "1 of 3 addresses are elsewhere")
	out, _ = s.run(1, "data", "diff", "embedded", "current", "--format", "ndjson", addr, "nonsense")
	wants(t, out, `{"address":"110.43.87.16","old":["CN","DE"],"new":["CN","FR"]`, `{"source":"dbip","old":"DE","new":"FR"}`)

	// A bad answer changes nothing, and is told.
	m.put("/ip-ranges.json", []byte("<html>Sign in</html>"))
	m.put("/dbip-2026-11.mmdb.gz", gzipped(dbip(t, "2026-11-01"))[:1<<20])
	out, errs = s.run(1, update...)
	wants(t, out, "a web page came in place of the data; in use: of 2026-11-20, 10 records", "it is damaged, or half a file", "in use: of 2026-10-01")
	wants(t, errs, "2 of 2 sources failed: what was in use stays in use")
	out, _ = s.run(0, "locate", addr)
	wants(t, out, `"countries":["CN","FR"]`)

	// The file before the last one.
	m.put("/ip-ranges.json", awsRanges("2026-11-21", 6))
	s.run(0, "data", "update", "aws")
	out, _ = s.run(0, "data", "diff", "previous", "current", "3.8.1.1", "3.1.1.1")
	wants(t, out, "3.8.1.1  ", "aws: SG aws:ap-southeast-1 -> nothing", "1 of 2 addresses")
	out, errs = s.run(0, "locate", "--data", "previous", "3.8.1.1")
	wants(t, out, `"region":"aws:ap-southeast-1"`)
	wants(t, errs, "located with the files before the last update")
}

// TestDataNoNetwork: every default source, on a machine without a network, is
// one clear line, and soon.
func TestDataNoNetwork(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	e := testEnv(&out, &errs)
	asked := map[string]bool{}
	var mu sync.Mutex
	e.dial = func(_ context.Context, _, addr string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		asked[addr] = true
		return nil, errors.New("network is unreachable")
	}
	started := time.Now()
	if code := run(t.Context(), e, []string{"data", "update", "--dir", t.TempDir()}); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	sources, err := chosen(readable(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "failed  no file of it fetched so far\n"); n != len(sources) {
		t.Errorf("%d lines of sources that failed, want %d:\n%s", n, len(sources), out.String())
	}
	if n := strings.Count(errs.String(), "network is unreachable"); n != 1 {
		t.Errorf("the cause of all is said %d times, want once:\n%s", n, errs.String())
	}
	if !asked["download.db-ip.com:443"] || len(asked) < 3 {
		t.Errorf("asked for %v", asked)
	}
	out.Reset()
	if code := run(t.Context(), e, []string{"data", "update"}); code != 1 || !strings.Contains(errs.String(), "this user has no cache directory") {
		t.Errorf("exit code %d without a directory: %s", code, errs.String())
	}
	for _, args := range [][]string{
		{"data", "update", "nobody"}, {"data", "update", "--timeout", "0s"}, {"data", "list", "--format", "xml"},
		{"data", "diff", "embedded"}, {"data", "diff", "embedded", "current", "--format", "xml"}, {"data", "import"},
		{"check", "--data", "embedded", "--notify", "h.example", "--market", "IN", "--regions", "US"},
	} {
		if code := run(t.Context(), e, args); code != exitUsage && args[0] != "check" || code == 0 {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}

// TestDataProxy: requests go through a proxy, and what it refuses is said.
func TestDataProxy(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.URL.String() != "http://mirror.example/ip-ranges.json" {
			t.Errorf("the proxy was asked for %s", r.URL)
		}
		_, _ = w.Write(awsRanges("2026-11-20", 10))
	}))
	t.Cleanup(proxy.Close)
	e := testEnv(io.Discard, io.Discard)
	sources, err := chosen(readable([]config.Update{{Name: "aws", URL: "http://mirror.example/ip-ranges.json"}}), []string{"aws", "gcp"})
	if err != nil {
		t.Fatal(err)
	}
	u := e.updater(t.TempDir(), sources)
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Client.Transport.(*http.Transport).Proxy = http.ProxyURL(at)
	results := u.Update(t.Context())
	if r := results[0]; r.Status != dataset.Updated || r.Dataset.Records != 10 {
		t.Errorf("through the proxy: %+v", r)
	}
	if r := results[1]; r.Err == nil || !strings.HasSuffix(r.Err.Error(), "the proxy "+at.Host+" refused it: 403 Forbidden") {
		t.Errorf("refused by the proxy: %v", r.Err)
	}
}

func TestDataImport(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	s := newSite(t, m, "")
	files := filepath.Join(s.dir, "usb")
	s.write("usb/dbip-country-lite-2026-11.mmdb.gz", string(gzipped(dbip(t, "2026-11-01"))))
	s.write("usb/aws/ip-ranges.json", string(awsRanges("2026-11-20", 10)))
	s.write("usb/README", "nothing to do with it")

	// Files as they lie there, without importing them.
	out, errs := s.run(0, "locate", "--data", files, "110.43.87.16", "3.1.1.1")
	wants(t, out, `"countries":["CN","FR"]`, `"region":"aws:ap-southeast-1"`)
	wants(t, errs, "located with the data of "+files)
	out, _ = s.run(0, "locate", "110.43.87.16")
	wants(t, out, `"countries":["CN","DE"]`)

	out, _ = s.run(0, "data", "import", files)
	wants(t, out, "dbip-country-lite  updated  of 2026-11-01", "aws                updated  of 2026-11-20")
	if n := strings.Count(out, "\n"); n != 2 {
		t.Errorf("%d lines, want those of two sources:\n%s", n, out)
	}
	out, _ = s.run(0, "locate", "110.43.87.16")
	wants(t, out, `"countries":["CN","FR"]`)
	out, _ = s.run(1, "data", "import", files, "anycast")
	wants(t, out, "anycast  failed  no file of it in the directory; no file of it fetched so far")

	// A data directory as it comes from another machine.
	other := newSite(t, m, "")
	out, _ = other.run(0, "data", "import", filepath.Join(s.dir, "data"))
	wants(t, out, "dbip-country-lite  updated  of 2026-11-01")
	out, _ = other.run(0, "locate", "--data", filepath.Join(s.dir, "data"), "110.43.87.16")
	wants(t, out, `"countries":["CN","FR"]`)

	s.write("usb2/ip-ranges.json", "{")
	out, _ = s.run(1, "data", "import", filepath.Join(s.dir, "usb2"))
	wants(t, out, "aws  failed  verify: ", "in use: of 2026-11-20, 10 records")
	_, errs = s.run(1, "data", "import", s.t.TempDir())
	wants(t, errs, "no data set in it, and no file that this program knows")
	_, errs = s.run(1, "locate", "--data", filepath.Join(s.dir, "nowhere"), "8.8.8.8")
	wants(t, errs, "neither a directory nor one of current, previous, embedded")
	out, errs = s.run(0, "locate", "--data", filepath.Join(s.dir, "usb2"), "8.8.8.8")
	wants(t, out, `"missing":["data directory: aws: verify:`)
	wants(t, errs, "nothing can be said to be inside")

	// Another maker's data under this name would be one voice twice.
	made, err := os.ReadFile("../../internal/geo/mmdb/testdata/GeoLite2-Country-Test.mmdb")
	if err != nil {
		t.Fatal(err)
	}
	s.write("usb3/dbip-country-lite.mmdb", string(made))
	out, _ = s.run(1, "data", "import", "--force", filepath.Join(s.dir, "usb3"))
	wants(t, out, "it is data of maxmind, not of dbip")
}

// TestDataPlaces holds what takes whose place.
func TestDataPlaces(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	s := newSite(t, m, `
[[geo.database]]
file = "mine.mmdb"
lineage = "dbip"
`)
	s.write("mine.mmdb", string(dbip(t, "2026-11-05")))
	s.write("usb/dbip-country-lite.mmdb", string(dbip(t, "2026-11-01")))
	s.run(0, "data", "import", filepath.Join(s.dir, "usb"))
	// A user's own file replaces the embedded and the updated one.
	out, _ := s.run(0, "data", "list", "--format", "json")
	type row struct {
		File, From, Why, Lineage string
		Used                     bool
	}
	var said struct{ Datasets []row }
	rows := func() map[string]row {
		said.Datasets = nil
		if err := json.Unmarshal([]byte(out), &said); err != nil {
			t.Fatal(err)
		}
		list := map[string]row{}
		for _, r := range said.Datasets {
			if r.Lineage == "dbip" {
				list[r.From] = r
			}
		}
		return list
	}
	if r := rows(); !r["file"].Used || r["updated"].Used || r["embedded"].Used || r["embedded"].Why != "a file of the configuration speaks for it" {
		t.Errorf("with a file of the user's: %+v", r)
	}
	// Also when it cannot be opened: what it would say is not known.
	s.write("mine.mmdb", "half")
	out, errs := s.run(1, "data", "list", "--format", "json")
	if r := rows(); r["updated"].Used || r["embedded"].Used {
		t.Errorf("with a damaged file of the user's: %+v", r)
	}
	wants(t, errs, "mine.mmdb: open ")
	// An updated file that was damaged on disk is missing; the embedded speaks.
	s = newSite(t, m, "")
	s.write("usb/dbip-country-lite.mmdb", string(dbip(t, "2026-11-01")))
	s.run(0, "data", "import", filepath.Join(s.dir, "usb"))
	out, _ = s.run(0, "data", "list", "--format", "json")
	if err := os.Truncate(rows()["updated"].File, 1000); err != nil {
		t.Fatal(err)
	}
	out, errs = s.run(1, "data", "list", "--format", "json")
	if r := rows(); !r["embedded"].Used {
		t.Errorf("with a damaged updated file: %+v", r)
	}
	wants(t, errs, "it is not the file that was taken", "nothing can be said to be inside")
	// What the program carries wins when it is newer, but not over a directory
	// that is asked for.
	s.write("usb/dbip-country-lite.mmdb", string(dbip(t, "2026-05-01")))
	s.run(0, "data", "import", "--force", filepath.Join(s.dir, "usb"))
	out, _ = s.run(0, "data", "list", "--format", "json")
	if r := rows(); !r["embedded"].Used || r["updated"].Why != "the one that the program carries is not older" {
		t.Errorf("with an older updated file: %+v", r)
	}
	out, _ = s.run(0, "locate", "--data", filepath.Join(s.dir, "data"), "110.43.87.16")
	wants(t, out, `"countries":["CN","FR"]`)
}

// TestCheckData: a check with other data says so in its output.
func TestCheckData(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	s := newSite(t, m, "")
	s.write("config.toml", someVendor+`
[resolve]
timeout = "10ms"
tries = 1
[[resolve.server]]
name = "nobody"
addresses = ["127.0.0.1:1"]
passes_subnets = true
`)
	s.write("usb/dbip-country-lite.mmdb", string(dbip(t, "2026-11-01")))
	usb := filepath.Join(s.dir, "usb")
	out, _ := s.run(3, "check", "--format", "json", "--data", usb)
	wants(t, out, "located with the data of "+usb, filepath.Join(usb, "dbip-country-lite.mmdb"), `"built":"2026-11-01T00:00:00Z"`)
}

// TestWatchData: newer data is asked for on its schedule, and the next check
// uses it.
func TestWatchData(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	off := ""
	for _, name := range dataSources() {
		if name != "dbip-country-lite" && name != "aws" {
			off += fmt.Sprintf("[[geo.update]]\nname = %q\noff = true\n", name)
		}
	}
	s := newSite(t, m, off+"[schedule]\ncheck = \"0 0 1 1 *\"\ngeo_data = \"* * * * *\"\n")
	m.put("/ip-ranges.json", awsRanges("2026-11-20", 10))
	var errs lockedBuffer
	e := testEnv(&errs, &errs)
	start := time.Now()
	e.now = func() time.Time { return scriptClock.Add(59700*time.Millisecond + time.Since(start)) }
	cfg, err := e.loader().Load(s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&errs, nil))
	h, err := e.furnish(t.Context(), cfg, false)
	if err != nil {
		t.Fatal(err)
	}
	if same := e.refurnish(t.Context(), h, log); same != h {
		t.Error("opened anew although nothing has changed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	start = time.Now() // the minute ends soon
	stop, err := e.keepFresh(ctx, cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(errs.String(), "source=dbip-country-lite"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no update came:\n%s", errs.String())
		}
	}
	cancel()
	stop()
	wants(t, errs.String(), `msg="location data updated" source=aws`, `msg="location data not updated: what was in use stays in use" source=dbip-country-lite`)
	newer := e.refurnish(t.Context(), h, log)
	if newer == h || len(newer.geo.datasets) != len(h.geo.datasets)+1 {
		t.Errorf("after the update: %d data sets, before it %d", len(newer.geo.datasets), len(h.geo.datasets))
	}
	if none, err := e.keepFresh(ctx, &config.Config{}, log); err != nil {
		t.Error(err)
	} else {
		none()
	}
}

// lockedBuffer may be written and read at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestDataDir(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		home, cache, configured, want string
	}{
		{"/home/u", "", "", "/home/u/.cache/residency"},
		{"/home/u", "/var/cache/u", "", "/var/cache/u/residency"},
		{"/home/u", "relative", "", "/home/u/.cache/residency"},
		{"", "", "", ""},
		{"/home/u", "", "/srv/data", "/srv/data"},
	} {
		e := &env{getenv: func(name string) string {
			return map[string]string{"HOME": tt.home, "XDG_CACHE_HOME": tt.cache}[name]
		}}
		got := e.dataDir(config.Geo{DataDir: tt.configured})
		if got != tt.want && os.PathSeparator == '/' && !strings.Contains(got, "Library") {
			t.Errorf("dataDir(%+v) = %q", tt, got)
		}
	}
}

// TestDataDoc: the configuration in docs/data.md loads, its commands exist, and
// it says from where each source comes.
func TestDataDoc(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/data.md")
	if err != nil {
		t.Fatal(err)
	}
	e := testEnv(io.Discard, io.Discard)
	n := 0
	for _, b := range blocks(string(text)) {
		if b.lang != "toml" {
			continue
		}
		n++
		cfg, err := e.loader().Parse("config.toml", []byte(someVendor+strings.Join(b.lines, "\n")+"\n"))
		switch {
		case err != nil:
			t.Errorf("block %d: %v", n, err)
		case n == 1 && (len(cfg.Geo.Updates) != 3 || len(cfg.Schedule.GeoData) != 1):
			t.Errorf("the first block loads as %+v", cfg)
		case n == 2 && cfg.Geo.Geofeeds[0].Built.String() != "2026-10-01":
			t.Errorf("the second block loads as %+v", cfg.Geo)
		}
	}
	if n != 2 {
		t.Errorf("%d blocks of TOML in it, want 2", n)
	}
	for _, r := range dataset.Remotes() {
		for _, url := range r.URLs {
			if !strings.Contains(string(text), r.Name) || !strings.Contains(string(text), "`"+url+"`") {
				t.Errorf("docs/data.md does not say that %s comes from %s", r.Name, url)
			}
		}
	}
	for _, name := range []string{"list", "update", "import", "diff"} {
		if cmd, _, err := newRoot(e).Find([]string{"data", name}); err != nil || cmd.Name() != name || !strings.Contains(string(text), "`residency data "+name) {
			t.Errorf("data %s: %v", name, err)
		}
	}
}

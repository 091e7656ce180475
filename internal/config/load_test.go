package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// small is the least configuration that loads.
const small = `[[market]]
code = "IN"
[[vendor]]
id = "acme"
[[vendor.service]]
id = "sync"
endpoints = ["api.acme.example"]
[[claim]]
id = "one"
vendor = "acme"
regions = ["US", "SG"]
`

// load reads files from memory; "config.toml" is the main one.
func load(t *testing.T, l Loader, files memory) (*Config, error) {
	t.Helper()
	return l.load("config.toml", files)
}

func TestLoadEverything(t *testing.T) {
	t.Parallel()
	l := testLoader()
	l.Getenv = func(name string) string { return map[string]string{"HOOK": "https://hooks.example/T0P"}[name] }
	c, err := l.Load("testdata/good/everything.toml")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range c.Endpoints() {
		got = append(got, fmt.Sprintf("%s %s %s %s", e.Key(), e.Role, e.RetiredOn, e.Where))
	}
	want := []string{
		"acme/sync/api.acme.example api  everything.toml:34",
		"acme/sync/xn--bcher-kva.example cdn 2026-03-29 everything.toml:35",
		"acme/sync/one.acme.example api  hosts.txt:2",
		"acme/sync/two.acme.example api  hosts.txt:3",
		"acme/push/r3---sn-apo3q.push_edge.example origin  everything.toml:41",
		"other/main/www.other.example origin  vendors/other.toml:6",
	}
	if !slices.Equal(got, want) {
		t.Errorf("endpoints:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// 2026-03-29 begins at midnight in Berlin; the clocks change two hours later.
	if got, want := c.Endpoints()[1].Retired.UTC(), time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("retired = %v, want %v", got, want)
	}
	law, promise, included := c.Claims[0], c.Claims[1], c.Claims[2]
	if law.ID != "law" || !law.Regions.Any || law.Never.Len() != 31 || law.From.UTC().Format(time.RFC3339) != "2026-03-28T16:00:00Z" || len(law.Services) != 2 {
		t.Errorf("law = %+v", law)
	}
	if promise.Due.UTC().Format(time.RFC3339) != "2026-10-31T23:00:00Z" || promise.Floor != residency.Proven || promise.SupersededBy != "law" || promise.Live() {
		t.Errorf("promise = %+v", promise)
	}
	if n := promise.Regions.Countries.Len(); n != 30 || !promise.Regions.Names("aws:us-west-2") || promise.Regions.String() != "wide, JP" {
		t.Errorf("regions = %+v, %d countries", promise.Regions, n)
	}
	if included.Where != "vendors/other.toml:8" || len(included.Markets) != 2 || included.Regions.Providers[0].Country.String() != "SG" {
		t.Errorf("included = %+v", included)
	}
	r := c.Resolve
	if r.Timeout != 1500*time.Millisecond || r.Tries != 2 || r.InFlight != 8 || r.MaxChain != 5 || r.SubnetsPerMarket != 2 ||
		!slices.Equal(r.Servers[0].Addresses, []string{"127.0.0.1:5300", "[::1]:5300"}) || !r.Servers[1].System || len(r.Servers[0].StandsIn) != 1 {
		t.Errorf("resolve = %+v", r)
	}
	if want := (Pool{UntilNoNew: 10, Max: 30, Recursive: true, PerRun: 70, Time: 5 * time.Second, Window: 48 * time.Hour}); r.Pool != want {
		t.Errorf("pool = %+v, want %+v", r.Pool, want)
	}
	g := c.Geo
	if g.Embedded || g.MaxAge != 36*time.Hour || g.WarnAge != 90*time.Minute || g.Databases[0].File != filepath.Join("testdata", "good", "country.mmdb") || g.ProviderRanges[0].File != "/srv/ip-ranges.json" || g.ProviderRanges[0].Built.String() != "2026-10-01" {
		t.Errorf("geo = %+v", g)
	}
	if x := g.RTT; !g.PTR || !x.Enabled || x.Tries != 7 || x.From == nil || x.From.Name != "rack" || x.From.Country.String() != "SG" || x.From.Place != (Place{1.3521, 103.8198, 40}) ||
		len(c.Positions) != 2 || c.Positions[1].Place != (Place{52, 13.4, usualWithin}) {
		t.Errorf("rtt = %+v, positions %+v", x, c.Positions)
	}
	if x := g.RTT.Far; len(x) != 2 || x[0].Target.String() != "198.41.0.4:443" || x[0].Place != (Place{37.3387, -121.8853, usualWithin}) || x[1].Target.String() != "[2001:500:2::c]:53" || x[1].Place != (Place{-32, 115.8, 3}) {
		t.Errorf("far hosts = %+v", x)
	}
	good := filepath.Join("testdata", "good")
	var feeds []string
	for _, f := range g.Geofeeds {
		feeds = append(feeds, f.File)
	}
	if want := []string{filepath.Join(good, "feed.csv"), filepath.Join(good, "vendors", "other.toml"), filepath.Join(good, "none", "*.csv")}; !slices.Equal(feeds, want) {
		t.Errorf("geofeeds = %v, want %v", feeds, want)
	}
	if g.Registries[0].File != filepath.Join(good, "delegated-apnic-latest") || g.Anycast[0].File != "/srv/anycast.csv" || g.Anycast[0].Written != "/srv/anycast.csv" || g.Anycast[0].Built.String() != "2026-08-22" || g.Geofeeds[1].Built.String() != "2026-09-30" {
		t.Errorf("registries %+v, anycast %+v", g.Registries, g.Anycast)
	}
	if x := g.Corrections[0]; x.Prefix.String() != "110.43.80.0/21" || x.Country.String() != "CN" || x.Evidence != filepath.Join(good, "evidence", "letter.pdf") || x.Owner != "Ann" ||
		x.Approver != "Bob" || x.Reason != "ticket 7" || x.Expires.String() != "2027-01-31" || x.End.UTC().Format(time.RFC3339) != "2027-01-31T23:00:00Z" || g.Corrections[1].Prefix.Bits() != 128 {
		t.Errorf("corrections = %+v", g.Corrections)
	}
	if v, err := c.Alert.Channels[0].URL.Reveal(); err != nil || v != "https://hooks.example/T0P" || c.Alert.Channels[0].Timeout != 3*time.Second {
		t.Errorf("channel = %+v, %q, %v", c.Alert.Channels[0], v, err)
	}
	if len(c.Files) != 3 || c.Files[1].Path != "hosts.txt" || len(c.SHA256) != 64 {
		t.Errorf("files = %+v, hash %s", c.Files, c.SHA256)
	}
	if m := c.Markets[0]; m.Name != "Deutschland" || m.Subnets[1].Prefix.String() != "2003:c0::/56" || m.Subnets[0].Chosen {
		t.Errorf("market = %+v", m)
	}
}

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	c, err := load(t, Loader{}, memory{"config.toml": []byte(small)})
	if err != nil {
		t.Fatal(err)
	}
	if c.Organisation.Location != time.UTC || !c.Geo.Embedded || c.Geo.MaxAge != 365*24*time.Hour || c.Geo.WarnAge != 60*24*time.Hour {
		t.Errorf("organisation %+v, geo %+v", c.Organisation, c.Geo)
	}
	if len(c.Resolve.Servers) != 2 || !c.Resolve.Servers[0].Default || c.Resolve.Timeout != 2*time.Second {
		t.Errorf("resolve = %+v", c.Resolve)
	}
	if want := (Pool{UntilNoNew: 20, Max: 104, Authoritative: true, PerRun: 5000, Time: 20 * time.Second, Window: 24 * time.Hour}); c.Resolve.Pool != want {
		t.Errorf("pool = %+v, want %+v", c.Resolve.Pool, want)
	}
	if cl := c.Claims[0]; !cl.InForce(time.Unix(0, 0)) || cl.Floor != residency.Corroborated || cl.Where != "config.toml:8" {
		t.Errorf("claim = %+v", cl)
	}
	if c.Markets[0].Name != "India" || c.Vendors[0].Name != "acme" || c.Vendors[0].Services[0].Where != "config.toml:5" {
		t.Errorf("markets %+v, vendors %+v", c.Markets, c.Vendors)
	}
}

// TestLoadBytes holds files that are strange and right.
func TestLoadBytes(t *testing.T) {
	t.Parallel()
	plain, err := load(t, Loader{}, memory{"config.toml": []byte(small)})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"byte order mark": "\xef\xbb\xbf" + small,
		"CRLF":            strings.ReplaceAll(small, "\n", "\r\n"),
		"no last newline": strings.TrimSpace(small),
	} {
		c, err := load(t, Loader{}, memory{"config.toml": []byte(text)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.Claims[0].Where != plain.Claims[0].Where || c.SHA256 == plain.SHA256 {
			t.Errorf("%s: where %s, hash equal %v; want the same line and another hash", name, c.Claims[0].Where, c.SHA256 == plain.SHA256)
		}
	}
}

// TestHash holds the hash to depend on contents and names, not on the place.
func TestHash(t *testing.T) {
	t.Parallel()
	write := func(main, vendor string) string {
		dir := t.TempDir()
		put(t, filepath.Join(dir, "config.toml"), main)
		put(t, filepath.Join(dir, "v.toml"), vendor)
		c, err := Loader{}.Load(filepath.Join(dir, "config.toml"))
		if err != nil {
			t.Fatal(err)
		}
		return c.SHA256
	}
	main := "include = [\"v.toml\"]\n" + small
	one, again, other := write(main, "# a\n"), write(main, "# a\n"), write(main, "# b\n")
	if one != again || one == other {
		t.Errorf("hashes %s, %s, %s: want the first two equal, the third not", one, again, other)
	}
}

func TestInclude(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "config.toml"), "include = [\"sub/*.toml\", \"sub/b.toml\"]\n"+small)
	put(t, filepath.Join(dir, "sub", "a.toml"), "include = [\"b.toml\"]\n[[market]]\ncode = \"HK\"\n")
	put(t, filepath.Join(dir, "sub", "b.toml"), "[[market]]\ncode = \"SG\"\n[regions]\nus = [\"US\"]\n[[claim]]\nid = \"b\"\nvendor = \"acme\"\nregions = [\"us\"]\n")
	c, err := Loader{}.Load(filepath.Join(dir, "config.toml"))
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, m := range c.Markets {
		codes = append(codes, m.Code.String())
	}
	if got := strings.Join(codes, " "); got != "IN HK SG" || len(c.Claims) != 2 || len(c.Claims[0].Markets) != 3 || len(c.Files) != 3 {
		t.Errorf("markets %s, %d claims, %d files: want IN HK SG, 2, 3 (a file included twice counts once)", got, len(c.Claims), len(c.Files))
	}
}

func TestIncludeTooDeep(t *testing.T) {
	t.Parallel()
	files := memory{"config.toml": []byte("include = [\"0.toml\"]\n" + small)}
	for i := range 20 {
		files[fmt.Sprintf("%d.toml", i)] = fmt.Appendf(nil, "include = [\"%d.toml\"]\n", i+1)
	}
	_, err := load(t, Loader{}, files)
	if err == nil || !strings.Contains(err.Error(), "7.toml:1:12: include: files include each other more than 8 deep") {
		t.Errorf("Load of a long chain = %v", err)
	}
}

// TestUnreadable holds files that cannot be a configuration to be refused at
// once and in plain words.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge.toml")
	put(t, huge, "")
	if err := os.Truncate(huge, 2<<30); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	large := filepath.Join(dir, "large.toml")
	put(t, large, strings.Repeat("#\n", maxFile/2)+"#")
	withHuge := filepath.Join(dir, "with.toml")
	put(t, withHuge, strings.Replace(small, `endpoints = ["api.acme.example"]`, `endpoints_file = "huge.toml"`, 1))
	for path, want := range map[string]string{
		dir:                           "is a directory, not a file",
		huge:                          "is too large: 2.0 GiB, and 16.0 MiB is the most",
		large:                         "is too large: 16.0 MiB, and 16.0 MiB is the most",
		filepath.Join(dir, "no.toml"): "no such file\n\thint: `residency config init` writes one, --config names another",
		withHuge:                      "huge.toml\": is too large: 2.0 GiB",
	} {
		start := time.Now()
		_, err := Loader{}.Load(path)
		var bad *Errors
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%s) = %v, want %q", path, err, want)
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("Load(%s) took %v", path, d)
		}
	}
}

// TestManyProblems holds the number of kept problems to its bound.
func TestManyProblems(t *testing.T) {
	t.Parallel()
	files := memory{"config.toml": []byte(strings.Replace(small, `endpoints = ["api.acme.example"]`, `endpoints_file = "h.txt"`, 1)),
		"h.txt": []byte(strings.Repeat("not a host\n", 5000))}
	_, err := load(t, Loader{}, files)
	var bad *Errors
	if !errors.As(err, &bad) || len(bad.Problems) != maxProblems || bad.Omitted != 4000 {
		t.Fatalf("Load = %d problems, %d omitted", len(bad.Problems), bad.Omitted)
	}
	if !strings.HasSuffix(err.Error(), "and 4000 more") {
		t.Errorf("the error does not end in the number omitted")
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	text := small + "due = 2026-01-31\nsaid_on = 2026-12-24\n[[alert.channel]]\nname = \"h\"\ntype = \"webhook\"\nurl = \"env:NOWHERE\"\n[[alert.channel]]\nname = \"f\"\ntype = \"webhook\"\nurl = \"file:none\"\n"
	l := Loader{Now: func() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }, Getenv: func(string) string { return "" }}
	c, err := load(t, l, memory{"config.toml": []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range c.Warnings {
		got = append(got, w.String())
	}
	want := []string{
		"config.toml:13:11: claim[0].said_on: the promise was made on 2026-12-24, after it was due on 2026-01-31",
		"config.toml:13:11: claim[0].said_on: 2026-12-24 is in the future",
		"config.toml:17:7: alert.channel[0].url: the environment variable is not set",
		"config.toml:21:7: alert.channel[1].url: the secret's file cannot be read: no such file",
	}
	if !slices.Equal(got, want) {
		t.Errorf("warnings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := c.Alert.Channels[0].URL.Reveal(); err == nil || err.Error() != "read secret env:NOWHERE: not set" {
		t.Errorf("Reveal = %v", err)
	}
}

// TestSecretIsNeverWritten prints a secret in every way Go has.
func TestSecretIsNeverWritten(t *testing.T) {
	t.Parallel()
	text := small + "[[alert.channel]]\nname = \"h\"\ntype = \"webhook\"\nurl = \"https://hooks.example/T0PSECRET\"\n"
	c, err := load(t, Loader{}, memory{"config.toml": []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	ch := c.Alert.Channels[0]
	if v, err := ch.URL.Reveal(); err != nil || v != "https://hooks.example/T0PSECRET" {
		t.Fatalf("Reveal = %q, %v", v, err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", ch.URL)
		fmt.Fprintf(&out, verb+"\n", ch)
		fmt.Fprintf(&out, verb+"\n", *c)
		fmt.Fprintf(&out, verb+"\n", struct{ inner Secret }{ch.URL})
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "url", ch.URL, "channel", ch)
	data, err := json.Marshal(ch)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(data)
	if s := out.String(); strings.Contains(s, "T0PSECRET") || strings.Contains(s, fmt.Sprintf("%x", "T0PSECRET")) || !strings.Contains(s, "***") {
		t.Errorf("a secret is written:\n%s", s)
	}
}

func TestSecretFile(t *testing.T) {
	t.Parallel()
	files := memory{"config.toml": []byte(small + "[[alert.channel]]\nname = \"h\"\ntype = \"webhook\"\nurl = \"file:hook.txt\"\n"), "hook.txt": []byte("https://hooks.example/x\n")}
	c, err := load(t, Loader{}, files)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.Alert.Channels[0].URL.Reveal(); err != nil || v != "https://hooks.example/x" || c.Alert.Channels[0].URL.From() != "file:hook.txt" {
		t.Errorf("Reveal = %q, %v", v, err)
	}
	files["hook.txt"] = []byte("ftp://x\n")
	if _, err := load(t, Loader{}, files); err == nil || strings.Contains(err.Error(), "ftp") {
		t.Errorf("Load with a secret that is no URL = %v", err)
	}
}

func TestParseScheduleIsAsked(t *testing.T) {
	t.Parallel()
	l := Loader{ParseSchedule: func(string) error { return errors.New("no") }}
	_, err := load(t, l, memory{"config.toml": []byte(small + "[schedule]\ncheck = \"7 * * * *\"\n")})
	if err == nil || !strings.Contains(err.Error(), `schedule.check: "7 * * * *" is no time to check: no`) {
		t.Errorf("Load = %v", err)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestUpdates reads where newer location data comes from, and when.
func TestUpdates(t *testing.T) {
	t.Parallel()
	l := testLoader()
	l.Getenv = func(name string) string { return map[string]string{"MM_KEY": "s3cret"}[name] }
	files := memory{"dir/config.toml": []byte(small + `
[schedule]
geo_data = "17 4 * * *"
[geo]
data_dir = "data"
[[geo.update]]
name = "geolite2-country"
url = "https://mirror.example/{month}/{key}"
account = "999"
key = "env:MM_KEY"
[[geo.update]]
name = "aws"
off = true
key = "env:NOT_SET"
`)}
	c, err := l.load("dir/config.toml", files)
	if err != nil {
		t.Fatal(err)
	}
	if g := c.Geo; g.DataDir != filepath.Join("dir", "data") || len(g.Updates) != 2 || g.Updates[0].Off || !g.Updates[1].Off || g.Updates[0].URL != "https://mirror.example/{month}/{key}" {
		t.Errorf("Geo = %+v", g)
	}
	key, err := c.Geo.Updates[0].Key.Reveal()
	if account, err2 := c.Geo.Updates[0].Account.Reveal(); key != "s3cret" || account != "999" || err != nil || err2 != nil {
		t.Errorf("key %q (%v), account %q (%v)", key, err, account, err2)
	}
	if len(c.Schedule.GeoData) != 1 || len(c.Schedule.Check) != 0 {
		t.Errorf("Schedule = %+v", c.Schedule)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Hint, "cannot get this source without it") {
		t.Errorf("Warnings = %v", c.Warnings)
	}
}

package hint

import (
	"fmt"
	"strings"
	"testing"

	"residency/internal/residency"
)

// regions is a part of the table that the program hands in.
func regions() []residency.ProviderRegion {
	var list []residency.ProviderRegion
	for _, text := range []string{
		"aws:us-east-1 US", "aws:us-west-2 US", "aws:us-east-1-scl-1 CL", "aws:ap-south-1 IN", "aws:eu-central-1 DE",
		"aws:eu-west-1 IE", "aws:ap-southeast-1 SG", "aws:cn-north-1 CN",
		"azure:southeastasia SG", "azure:westeurope NL", "azure:chinaeast2 CN", "azure:eastus US", "azure:eastus2 US",
		"gcp:us-central1 US", "gcp:asia-southeast1 SG", "gcp:europe-west1 BE", "gcp:europe-west10 DE", "gcp:asia-east2 HK",
		"oci:ap-singapore-1 SG", "oci:us-ashburn-1 US", "digitalocean:sgp1 SG", "linode:us-southeast US",
		"vultr:sgp SG", "hetzner:fsn1 DE", "ovh:GRA FR", "scaleway:fr-par FR",
	} {
		id, country, _ := strings.Cut(text, " ")
		list = append(list, residency.ProviderRegion{ID: id, Country: residency.MustCountry(country)})
	}
	return list
}

func hints(tb testing.TB) *Hints {
	tb.Helper()
	h, err := New(regions())
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	return h
}

// text writes assertions as "source countries region", one after another.
func text(said []residency.Assertion) string {
	var list []string
	for _, a := range said {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %v %s", a.Source, a.In, a.Region)))
	}
	return strings.Join(list, ", ")
}

func TestAssert(t *testing.T) {
	t.Parallel()
	h := hints(t)
	tests := []struct{ name, want string }{
		// Aliases of real endpoints, as seen in public in 2020.
		{"us-api-micloud-xiaomi-net-5630734.us-west-2.elb.amazonaws.com", "aws US aws:us-west-2"},
		{"api-setting-intl-miui-com-59771552.ap-south-1.elb.amazonaws.com.", "aws IN aws:ap-south-1"},
		{"apidevicexiaominet-1824452031.ap-south-1.elb.amazonaws.com", "aws IN aws:ap-south-1"},
		{"fr-app-chat-global-xiaomi-net-1516654448.eu-central-1.elb.amazonaws.com", "aws DE aws:eu-central-1"},
		{"cdn.awsde0-fusion.fds.api.mi-img.com", "label DE"},
		{"awsusor0-cdn.fds-ssl.api.xiaomi.com", "label US"},
		{"9-alisgp.bigdata.pub.neo.xiaomi.com", "label SG"},
		{"10-awsind.bigdata.pub.neo.xiaomi.com", "label IN"},
		{"5-c3.bigdata.ctc.neo.xiaomi.com", ""},
		{"app.chat.xiaomi.net", ""},
		{"resolver.gslb.mi-idc.com", ""},
		{"log-va.tiktokv.com", ""}, // two letters are too few

		// AWS
		{"s3.eu-west-1.amazonaws.com", "aws IE aws:eu-west-1"},
		{"s3-ap-southeast-1.amazonaws.com", "aws SG aws:ap-southeast-1"},
		{"s3-website-eu-west-1.amazonaws.com", "aws IE aws:eu-west-1"},
		{"s3-us-west-2-w.amazonaws.com", "aws US aws:us-west-2"},
		{"s3-1-w.amazonaws.com", "aws US aws:us-east-1"},
		{"bucket.s3.dualstack.us-west-2.amazonaws.com", "aws US aws:us-west-2"},
		{"eu-west-1.s3.amazonaws.com", ""}, // a bucket of that name
		{"ec2-13-126-0-1.ap-south-1.compute.amazonaws.com", "aws IN aws:ap-south-1"},
		{"ec2-52-1-2-3.compute-1.amazonaws.com", "aws US aws:us-east-1"},
		{"ec2-52-80-1-2.cn-north-1.compute.amazonaws.com.cn", "aws CN aws:cn-north-1"},
		{"db.c1abcdefghij.eu-central-1.rds.amazonaws.com", "aws DE aws:eu-central-1"},
		{"x-0123456789abcdef.elb.us-west-2.amazonaws.com", "aws US aws:us-west-2"},
		{"c.abc123.0001.use1.cache.amazonaws.com", "aws US aws:us-east-1"},
		{"eu-west-1.host.us-west-2.elb.amazonaws.com", "aws US aws:us-west-2"}, // the nearest label
		{"h.us-east-1-scl-1.compute.amazonaws.com", "aws CL aws:us-east-1-scl-1"},
		{"abc.lambda-url.eu-west-1.on.aws", "aws IE aws:eu-west-1"},
		{"x.eu-north-9.elb.amazonaws.com", ""}, // a region that nobody told of
		{"d111111abcdef8.cloudfront.net", ""},
		{"a1234.awsglobalaccelerator.com", ""},
		{"us-west-2.elb.amazonaws.com.example.org", ""},
		{"notamazonaws.com", ""},

		// the others
		{"vm1.southeastasia.cloudapp.azure.com", "azure SG azure:southeastasia"},
		{"vm1.chinaeast2.cloudapp.chinacloudapi.cn", "azure CN azure:chinaeast2"},
		{"app-ehb5fhc2h6a7.westeurope-01.azurewebsites.net", "azure NL azure:westeurope"},
		{"app-h6a7.eastus2-01.azurewebsites.net", "azure US azure:eastus2"},
		{"app.azurewebsites.net", ""},
		{"x.z01.azurefd.net", ""},
		{"svc-123456.asia-southeast1.run.app", "gcp SG gcp:asia-southeast1"},
		{"svc-abcdef1234-uc.a.run.app", "gcp US gcp:us-central1"},
		{"asia-east2-project.cloudfunctions.net", "gcp HK gcp:asia-east2"},
		{"europe-west10-my-project.cloudfunctions.net", "gcp DE gcp:europe-west10"},
		{"project.uc.r.appspot.com", "gcp US gcp:us-central1"},
		{"europe-west1-docker.pkg.dev", "gcp BE gcp:europe-west1"},
		{"us-central1-aiplatform.googleapis.com", "gcp US gcp:us-central1"},
		{"storage.googleapis.com", ""},
		{"objectstorage.ap-singapore-1.oraclecloud.com", "oci SG oci:ap-singapore-1"},
		{"ns.compat.objectstorage.us-ashburn-1.oci.customer-oci.com", "oci US oci:us-ashburn-1"},
		{"bucket.sgp1.cdn.digitaloceanspaces.com", "digitalocean SG digitalocean:sgp1"},
		{"bucket.us-southeast-1.linodeobjects.com", "linode US linode:us-southeast"},
		{"sgp1.vultrobjects.com", "vultr SG vultr:sgp"},
		{"fsn1.your-objectstorage.com", "hetzner DE hetzner:fsn1"},
		{"s3.gra.io.cloud.ovh.net", "ovh FR ovh:GRA"},
		{"s3.fr-par.scw.cloud", "scaleway FR scaleway:fr-par"},
		{"bucket.oss-cn-beijing.aliyuncs.com", "alibaba CN alibaba:cn-beijing"},
		{"bucket.oss-cn-hangzhou-internal.aliyuncs.com", "alibaba CN alibaba:cn-hangzhou"},
		{"oss-cn-hongkong.aliyuncs.com", "alibaba HK alibaba:cn-hongkong"},
		{"bucket.oss-ap-southeast-1.aliyuncs.com", "alibaba SG alibaba:ap-southeast-1"},
		{"oss-eu-west-1.aliyuncs.com", "alibaba GB alibaba:eu-west-1"}, // not Ireland, as at AWS
		{"rm-abc.mysql.singapore.rds.aliyuncs.com", "alibaba SG alibaba:ap-southeast-1"},
		{"obs.ap-southeast-3.myhuaweicloud.com", "huawei SG huawei:ap-southeast-3"},
		{"obs.ap-southeast-1.myhuaweicloud.com", "huawei HK huawei:ap-southeast-1"}, // not Singapore
		{"obs.eu-west-101.myhuaweicloud.com", "huawei IE huawei:eu-west-101"},
		{"b-1250000000.cos.ap-beijing.myqcloud.com", "tencent CN tencent:ap-beijing"},
		{"b.ks3-cn-beijing.ksyuncs.com", "kingsoft CN kingsoft:cn-beijing"},

		// airports and cities, in the names that people give machines
		{"fra16s51-in-f14.1e100.net", "airport DE"},
		{"sin11s01-in-f3.1e100.net", "airport SG"},
		{"server-1.hkg60.r.example.net", "airport HK"},
		{"ae-1.edge2.nrt-b.example.net", "airport JP"},
		{"10fra1.example.net.test.example", "airport DE"},
		{"sin.cos.tan.example.org", ""}, // a word without a number
		{"man.pages.example.org", ""},
		{"man2.pages.example.org", "airport GB"},
		{"x7fra2k.node.example.org", ""}, // in the middle of a hash
		{"sha256.sums.example.org", ""},
		{"can1.bus.example.org", ""}, // denied
		{"fra.example", ""},          // the owner's domain
		{"hkg.example.org", "airport HK"},
		{"frankfurt2.node.example.org", "city DE|US"},
		{"edge-hong-kong-1.example.org", "city HK"},
		{"lb-singapore.example.org", "city SG"},
		{"sgp-api.buy.mi.com", "city SG"},
		{"london.pop.example.org", "city CA|GB|US"},
		{"hyderabad.pop.example.org", "city IN|PK"},
		{"hkg1-lax2.link.example.org", "airport HK, airport US"},
		{"www.example.com", ""},

		// no names at all
		{"", ""}, {".", ""}, {"..", ""}, {"fra1..example.org", ""},
		{strings.Repeat("fra1.", 60) + "example.org", ""},
		{strings.Repeat("a", 64) + ".fra1.example.org", ""},
		{"fra1.\x00\x1b[31m.example.org", "airport DE"},
	}
	for _, tt := range tests {
		said := h.Assert([]string{tt.name}, nil)
		if got := text(said); got != tt.want {
			t.Errorf("Assert(%q) = %q, want %q", tt.name, got, tt.want)
		}
		checkHints(t, said)
	}
}

// checkHints holds what every hint must be.
func checkHints(t *testing.T, said []residency.Assertion) {
	t.Helper()
	for _, a := range said {
		if a.Class != residency.ClassHint || a.In.Empty() || !a.NotIn.Empty() || !a.Proven.Empty() || a.Prefix.IsValid() {
			t.Errorf("a hint says more than a hint: %+v", a)
		}
		if a.Dataset == nil || a.Dataset.Class != residency.ClassHint || a.Source == "" || a.Note == "" {
			t.Errorf("a hint without its origin: %+v", a)
		}
		if strings.ContainsFunc(a.Note, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("a name's control characters are in the note %q", a.Note)
		}
	}
}

func TestNote(t *testing.T) {
	t.Parallel()
	h := hints(t)
	said := h.Assert([]string{"X.Us-West-2.elb.amazonaws.com", "fra1.example.org"}, nil)
	want := []string{
		`region "us-west-2" in the name "X.Us-West-2.elb.amazonaws.com"`,
		`airport code "fra1" in the name "fra1.example.org"`,
	}
	for i, a := range said {
		if a.Note != want[i] {
			t.Errorf("note %d = %s, want %s", i, a.Note, want[i])
		}
	}
	if len(said) != len(want) {
		t.Errorf("%d hints, want %d", len(said), len(want))
	}
}

func TestAssertManyNames(t *testing.T) {
	t.Parallel()
	h := hints(t)
	before := residency.Assertion{Source: "aws", In: residency.CountriesOf(residency.MustCountry("US")), Region: "aws:us-west-2"}
	said := h.Assert([]string{"a.us-west-2.elb.amazonaws.com", "b.us-west-2.elb.amazonaws.com"}, []residency.Assertion{before})
	if len(said) != 2 || !strings.Contains(said[1].Note, `"a.us-west-2`) {
		t.Errorf("Assert = %v, want one hint after what was there, from the first name", said)
	}
	var names []string
	for code := range h.patterns.airports {
		names = append(names, code+"1.example.org")
	}
	if said = h.Assert(names, nil); len(said) > maxHints {
		t.Errorf("%d hints, more than %d", len(said), maxHints)
	}
	if said = h.Assert(nil, nil); said != nil {
		t.Errorf("Assert of no name = %v", said)
	}
}

// TestEmbeddedPatterns: every provider with a rule has regions, and the
// table's regions are the providers' word.
func TestEmbeddedPatterns(t *testing.T) {
	t.Parallel()
	h := hints(t)
	d := h.Dataset()
	if d.Built.IsZero() || len(d.SHA256) != 64 || d.Records < 300 || d.Class != residency.ClassHint {
		t.Errorf("Dataset = %+v", d)
	}
	for _, r := range h.patterns.rules {
		if len(h.regions[r.provider]) == 0 {
			t.Errorf("rule for %s, of which no region is known", r.domain)
		}
	}
	for code := range h.patterns.airports {
		if code != strings.ToLower(code) {
			t.Errorf("airport %q is not lower case", code)
		}
	}
	own, err := New([]residency.ProviderRegion{{ID: "huawei:ap-southeast-1", Country: residency.MustCountry("SG")}, {ID: "no-colon"}, {ID: "x:y"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := text(own.Assert([]string{"obs.ap-southeast-1.myhuaweicloud.com"}, nil)); got != "huawei SG huawei:ap-southeast-1" {
		t.Errorf("a region handed in does not win: %q", got)
	}
	if got := own.Assert([]string{"x.us-west-2.elb.amazonaws.com"}, nil); got != nil {
		t.Errorf("a region that was not handed in is known: %v", got)
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const date = "# date 2026-11-22\n"
	tests := []struct{ text, want string }{
		{"airport fra DE\n", "no date"},
		{"# date yesterday\n", `line 1: parsing time "yesterday"`},
		{date + "airport fra\n", `line 2: "airport" is no rule of 2 words`},
		{date + "airfield fra DE\n", `line 2: "airfield" is no rule of 3 words`},
		{date + "airport frankfurt DE\n", `line 2: "frankfurt" is no airport code`},
		{date + "city frankfurt DEU\n", `line 2: "DEU" is no country`},
		{date + "region alibaba cn-beijing XX\n", `line 2: "XX" is no country`},
		{date + "rule aws amazonaws.com region\n", `line 2: form "region" has no {region}`},
		{date + "rule aws amazonaws.com *{region}\n", `line 2: form "*{region}": a star stands with a dash only`},
		{date + "rule aws amazonaws.com {region}-x*\n", `line 2: form "{region}-x*": a star stands with a dash only`},
		{date + "deny web\nairport web DE\n", "airport web is denied"},
		{date + "stop amazonaws.com s3\n", "a stop for amazonaws.com, which no rule is for"},
	}
	for _, tt := range tests {
		if _, err := parse(tt.text); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("parse(%q) = %v, want %q", tt.text, err, tt.want)
		}
	}
}

func FuzzAssert(f *testing.F) {
	h := hints(f)
	for _, name := range []string{
		"x-5630734.us-west-2.elb.amazonaws.com", "svc-abc-uc.a.run.app", "a-b-c-d.cloudfunctions.net",
		"fra16s51-in-f14.1e100.net", "edge-hong-kong-1.example.org", "..", "-.-.-", "*.s3.amazonaws.com", "\xff.fra1.a.b",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		said := h.Assert([]string{name, name}, nil)
		checkHints(t, said)
		if len(said) > maxHints {
			t.Errorf("%d hints from one name", len(said))
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(patternsText[:2000])
	f.Add("# date 2026-11-22\nregion aws us-west-2 US\nalias aws d1 us-west-2\nairportnum sin SG\ndeny web\ncity a-b US|GB\nlabel c DE\n")
	f.Add("# date 2026-11-22\nrule aws amazonaws.com *-{region}-*\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parse(text)
		if err != nil {
			return
		}
		checkHints(t, with(p, nil).Assert([]string{"a-b.c-d1.us-west-2.amazonaws.com"}, nil))
	})
}

func BenchmarkAssert(b *testing.B) {
	h := hints(b)
	names := []string{"us-api-micloud-xiaomi-net-5630734.us-west-2.elb.amazonaws.com"}
	into := make([]residency.Assertion, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		into = h.Assert(names, into[:0])
	}
}

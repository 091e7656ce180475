package lab

import (
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"residency/internal/residency"
)

// small is the least that is a scenario, with something of everything.
const small = `title = "Small"
notice = "invented"
timezone = "Asia/Kolkata"
[[step]]
on = 2014-10-31
caption = "one"
[[server]]
name = "a"
kind = "authoritative"
subnets = "ignores"
place = "SG"
learns = "nothing"
nsid = "x"
[[server.fault]]
kind = "delay"
delay = "50ms"
every = 2
[[server.fault]]
kind = "rcode"
rcode = "REFUSED"
[[market]]
code = "IN"
name = "India"
client_subnets = ["10.1.2.0/24"]
networks = ["10.0.0.0/8"]
[vendor]
id = "v"
name = "Vendor"
[[service]]
id = "s"
name = "Service"
[[service.endpoint]]
host = "www.example.com"
role = "cdn"
retired = 2014-12-01
note = "n"
source = "o"
[[claim]]
id = "c"
title = "Claim"
services = ["s"]
markets = ["IN"]
regions = ["US"]
due = 2014-10-31
said_by = "somebody"
said_on = 2014-10-22
quote = "soon"
source = "paper"
[[answer]]
host = "www.example.com"
markets = ["IN"]
from = 2014-10-31
a = ["192.0.2.1"]
aaaa = ["2001:db8::1"]
ttl = 7
scope = 20
[[provider_ranges]]
provider = "aws"
file = "x.json"
`

func TestParseSmall(t *testing.T) {
	t.Parallel()
	s, err := Parse("small", []byte(small))
	must(t, err)
	midnight := time.Date(2014, 10, 30, 18, 30, 0, 0, time.UTC) // 31 October in India
	srv, a, e, c := s.Servers[0], s.Answers[0], s.Services[0].Endpoints[0], s.Claims[0]
	for name, ok := range map[string]bool{
		"title":    s.Name == "small" && s.Title == "Small" && s.Notice == "invented" && s.Location.String() == "Asia/Kolkata",
		"step":     s.Steps[0].At.Equal(midnight.Add(12*time.Hour)) && s.Steps[0].Caption == "one",
		"server":   srv.Authoritative && srv.Ignores && srv.Place == residency.MustCountry("SG") && srv.Learns == "nothing" && srv.NSID == "x",
		"faults":   len(srv.Faults) == 2 && srv.Faults[0] == Fault{Kind: FaultDelay, Delay: 50 * time.Millisecond, Every: 2} && srv.Faults[1].Rcode == "REFUSED",
		"market":   s.Markets[0].Code == residency.MustCountry("IN") && s.Markets[0].Subnets[0] == netip.MustParsePrefix("10.1.2.0/24"),
		"vendor":   s.Vendor == Vendor{"v", "Vendor"},
		"endpoint": e.Host == "www.example.com" && e.Role == residency.RoleCDN && e.Retired.String() == "2014-12-01" && e.Note == "n" && e.Source == "o",
		"claim":    c.ID == "c" && c.Due.String() == "2014-10-31" && c.SaidOn.String() == "2014-10-22" && c.Quote == "soon" && c.Source == "paper" && c.SaidBy == "somebody",
		"answer":   a.From.Equal(midnight) && len(a.Addresses) == 2 && a.TTL == 7 && a.Scope == 20 && len(a.Markets) == 1,
		"ranges":   len(s.Ranges) == 1 && s.Ranges[0].File == "x.json" && s.Ranges[0].Data == nil,
		"hosts":    len(s.Hosts()) == 1 && s.Hosts()[0] == "www.example.com",
	} {
		if !ok {
			t.Errorf("Parse(small): %s is wrong in %+v", name, s)
		}
	}
}

func TestParseSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	const server, answer = "[[server]]\nname=\"a\"\n", "[[answer]]\nhost=\"a.example\"\na=[\"192.0.2.1\"]\n"
	tests := []struct{ name, data, want string }{
		{"empty", "", `x: server: none, so there is nobody to ask`},
		{"no TOML", "= 1", `x:1:1: `},
		{"unknown key", server + "tytle = 1\n[[answers]]\n", "x:3:1: unknown key \"server.tytle\"\nx:4:3: unknown key \"answers\""},
		{"wrong type", "title = 7", `x:1:9: title: `},
		{"no country", "[[market]]\ncode = \"ZZ\"", `x:2:8: market.code: `},
		{"no date", "[[step]]\non = \"2014\"", `x:2:6: step.on: `},
		{"no such date", "[[step]]\non = 2014-02-30", `x:2:14: step.on: impossible date`},
		{"step without a date", server + "[[step]]\ncaption = \"x\"", `x:3: step[0].on: no date`},
		{"no time zone", "timezone = \"Asia/Nowhere\"", `x: timezone "Asia/Nowhere" is not known`},
		{"no duration", "[[server]]\n[[server.fault]]\ndelay = \"soon\"", `x:3:9: server.fault.delay: `},
		{"kind", "[[server]]\nname = \"a\"\nkind = \"root\"", `x:3: server[0].kind: "root" is not recursive or authoritative`},
		{"subnets", "[[server]]\nsubnets = \"yes\"", `x:2: server[0].subnets: "yes" is not honours or ignores`},
		{"name used twice", server + server, `x:4: server[1].name: "a" is empty or used twice`},
		{"long nsid", server + `nsid = "` + strings.Repeat("n", 129) + `"`, `x:3: server[0].nsid: longer than 128 bytes`},
		{"fault", server + "[[server.fault]]\nkind=\"nap\"\n[[server.fault]]\nkind=\"drop\"\nrcode=\"REFUSED\"\n" + server + "[[server.fault]]\nkind=\"rcode\"\n",
			"x:3: server[0].fault[0]: \"nap\" is no kind of fault\n" +
				"x:5: server[0].fault[1]: rcode goes with kind rcode, and \"REFUSED\" is none that can be answered\n" +
				"x:9: server[1].name: \"a\" is empty or used twice\n" +
				"x:10: server[1].fault[0]: rcode goes with kind rcode, and \"\" is none that can be answered"},
		{"more faults", server + "[[server.fault]]\nkind=\"delay\"\n[[server.fault]]\nkind=\"drop\"\nevery=-1\n[[server.fault]]\nkind=\"drop\"\nhost=\"a b\"\n[[server.fault]]\nkind=\"drop\"\ntransport=\"quic\"\n",
			"x:3: server[0].fault[0]: delay goes with kind delay, and is above 0\n" +
				"x:5: server[0].fault[1]: every is below 0\n" +
				"x:8: server[0].fault[2]: \"a b\" is no host name\n" +
				"x:11: server[0].fault[3]: \"quic\" is not udp or tcp"},
		{"step order", server + "[[step]]\non=2014-10-02\n[[step]]\non=2014-10-01\n", `x:6: step[1].on: does not come after the step before it`},
		{"market twice", server + "[[market]]\ncode=\"IN\"\n[[market]]\ncode=\"IN\"\n", `x:6: market[1].code: "IN" is no country or is used twice`},
		{"network with host bits", server + "[[market]]\ncode=\"IN\"\nnetworks=[\"10.0.0.1/8\"]\n", `x:3: market[0]: 10.0.0.1/8 is no network`},
		{"network of two", server + "[[market]]\ncode=\"IN\"\nnetworks=[\"10.0.0.0/8\"]\n[[market]]\ncode=\"SG\"\nnetworks=[\"10.0.0.0/8\"]\n", `x:8: market[1].networks: 10.0.0.0/8 belongs to another market already`},
		{"subnet elsewhere", server + "[[market]]\ncode=\"IN\"\nclient_subnets=[\"172.16.1.0/24\"]\nnetworks=[\"10.0.0.0/8\"]\n", `x:5: market[0].client_subnets: 172.16.1.0/24 is in none of the market's networks`},
		{"claim", server + "[[claim]]\nid=\"c\"\nservices=[\"s\"]\nmarkets=[\"IN\"]\n", "x:5: claim[0].services: \"s\" is no service\nx:6: claim[0].markets: \"IN\" is no market of the scenario\nx:3: claim[0]: wants services and regions"},
		{"endpoint", server + "[[service]]\nid=\"s\"\n[[service.endpoint]]\nhost=\"b.example\"\n", `x:6: service[0].endpoint[0].host: "b.example" has no answer`},
		{"nothing said", server + "[[answer]]\nhost=\"a.example\"\n", `x:3: answer[0]: has 0 of addresses, cname, nxdomain and nodata; want one`},
		{"two things said", server + answer + "nodata=true\n", `x:3: answer[0]: has 2 of addresses, cname, nxdomain and nodata; want one`},
		{"wrong family", server + "[[answer]]\nhost=\"a.example\"\na=[\"::1\"]\naaaa=[\"192.0.2.1\"]\n", "x:5: answer[0].a: ::1 is no IPv4 address\nx:6: answer[0].aaaa: 192.0.2.1 is no IPv6 address"},
		{"mapped address", server + "[[answer]]\nhost=\"a.example\"\naaaa=[\"::ffff:192.0.2.1\"]\n", `x:3: answer[0]: has an address that cannot be in an A or AAAA record`},
		{"host", server + "[[answer]]\nhost=\"a..example\"\nnodata=true\n", `x:4: answer[0].host: "a..example" is no host name`},
		{"alias to nowhere", server + "[[answer]]\nhost=\"a.example\"\ncname=\"b.example\"\n", `x:5: answer[0].cname: "b.example" has no answer; say nxdomain if it does not exist`},
		{"long label", server + "[[answer]]\nhost=\"a.example\"\ncname=\"" + strings.Repeat("b", 64) + ".example\"\n", `is no host name`},
		{"market of an answer", server + answer + "markets=[\"IN\"]\n", `x:6: answer[0].markets: "IN" is no market of the scenario and no server's place`},
		{"scope", server + answer + "scope=129\n", `x:6: answer[0].scope: 129 is not within 0 and 128, or global is set too`},
		{"ranges", server + "[[provider_ranges]]\nprovider=\"aws\"\nfile=\"../x\"\n", `x:3: provider_ranges[0]: wants a provider, and a file beside the scenario`},
	}
	for _, tt := range tests {
		_, err := Parse("x", []byte(tt.data))
		// Messages that end in a colon and a space go on in the decoder's words.
		exact := !strings.HasSuffix(tt.want, ": ") && tt.name != "long label"
		if err == nil || exact && err.Error() != tt.want || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Parse = %v\nwant %s", tt.name, err, tt.want)
		}
	}
}

func TestLoadReadsTheRanges(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{"d/small.toml": {Data: []byte(small)}, "d/x.json": {Data: []byte("{}")}}
	s, err := Load(fsys, "d/small.toml")
	if err != nil || s.Name != "small" || string(s.Ranges[0].Data) != "{}" {
		t.Errorf("Load = %+v, %v", s, err)
	}
	delete(fsys, "d/x.json")
	if _, err := Load(fsys, "d/small.toml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load without the ranges = %v, want not exist", err)
	}
	for _, name := range []string{"nothing", "../scenarios/xiaomi-2014", "", "xiaomi-2014.aws"} {
		if _, err := Builtin(name); err == nil {
			t.Errorf("Builtin(%q) gave a scenario", name)
		}
	}
	if got := Builtins(); !equal(got, []string{"xiaomi-2014"}) {
		t.Errorf("Builtins() = %v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	// The built-in scenario is no seed: it is large, and the fuzzer would spend
	// its first minute making it smaller.
	f.Add([]byte("[[server]]\nname='a'\n[[server.fault]]\nkind='drop'\n[[answer]]\nhost='a'\ncname='a'\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("x", data)
		if err != nil {
			return
		}
		// What was accepted can be served and asked.
		r := responderFor(t, s, time.Unix(1414800000, 0))
		for _, host := range s.Hosts() {
			if len(host) < 250 {
				r.respond(nil, ask{name: fqdn(host), subnet: "10.0.0.0/24"}.request(t), "tcp")
			}
		}
	})
}

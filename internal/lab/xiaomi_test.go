package lab

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"residency/internal/residency"
)

// places are the networks of the scenario's addresses and where the embedded
// databases put them. The program's own judging of the scenario is tested in
// the command; this table only holds the scenario to its story.
func places() map[string]string {
	return map[string]string{
		"42.62.48.0/24": "CN", "223.202.68.0/24": "CN", "58.68.235.232/32": "CN",
		"220.181.106.104/32": "CN", "110.43.87.16/32": "CN",
		"54.241.0.0/16": "US", "54.200.0.0/15": "US", "2600:1f14::/34": "US",
		"54.251.0.0/16": "SG", "54.254.0.0/15": "SG", "2406:da18::/36": "SG",
		"117.239.141.70/32": "IN", "59.144.112.70/32": "IN", "2405:200:1602::70/128": "IN",
		"203.198.0.0/16": "HK", "2404:c804:16::70/128": "HK",
		"118.98.95.70/32": "ID", "36.86.63.70/32": "ID", "2404:c0:1000::70/128": "ID",
		"58.26.5.70/32": "MY", "219.93.38.70/32": "MY", "2404:160:8010::70/128": "MY",
		"122.55.104.70/32": "PH", "58.69.103.70/32": "PH", "2001:4450:10::70/128": "PH",
		"104.64.192.70/31": "SG", "165.21.13.70/32": "SG", "2406:3003:10::70/128": "SG",
		"210.59.219.70/32": "TW", "61.219.10.70/32": "TW", "2001:b034:16::70/128": "TW",
	}
}

func placeOf(t *testing.T, addr netip.Addr) string {
	t.Helper()
	for prefix, country := range places() {
		if netip.MustParsePrefix(prefix).Contains(addr) {
			return country
		}
	}
	t.Errorf("%s is in no known place", addr)
	return ""
}

func xiaomi(t testing.TB) *Scenario {
	t.Helper()
	s, err := Builtin("xiaomi-2014")
	must(t, err)
	return s
}

// lookAll asks server i for everything, as a check does, and returns for each
// claim the markets in which a counting endpoint has an address in CN.
func lookAll(t *testing.T, s *Scenario, i int, at time.Time) map[string]string {
	t.Helper()
	r := &responder{index: newIndex(s), server: s.Servers[i], now: func() time.Time { return at }}
	found := map[string]string{}
	for _, c := range s.Claims {
		outside := map[string]bool{}
		for _, svc := range s.Services {
			if !slices.Contains(c.Services, svc.ID) {
				continue
			}
			for _, e := range svc.Endpoints {
				for _, m := range s.Markets {
					if lookOne(t, r, e, m, at) {
						outside[m.Code.String()] = true
					}
				}
			}
		}
		found[c.ID] = strings.Join(slices.Sorted(maps.Keys(outside)), " ")
	}
	return found
}

// lookOne reports whether a market sees an address of the endpoint in CN, and
// holds every answer to what inside cells need: an answer meant for the market,
// at least one address, and addresses nowhere but where the role allows.
func lookOne(t *testing.T, r *responder, e Endpoint, m Market, at time.Time) (inChina bool) {
	t.Helper()
	retired := !e.Retired.IsZero() && !at.Before(e.Retired.Start(time.FixedZone("IST", 5*3600+1800)))
	addresses := 0
	for _, subnet := range m.Subnets {
		for _, qtype := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
			got := read(t, r.respond(nil, ask{name: fqdn(e.Host), qtype: qtype, subnet: subnet.String()}.request(t), "udp").msg)
			if want := dnsmessage.RCodeSuccess; retired {
				want = dnsmessage.RCodeNameError
				if got.rcode != want {
					t.Errorf("%s for %s at %s: %v after it was retired", e.Host, m.Code, at, got.rcode)
				}
			} else if got.rcode != want {
				t.Errorf("%s for %s at %s: %v before it was retired", e.Host, m.Code, at, got.rcode)
			}
			if !r.server.Ignores && (got.subnet != subnet.String() || got.scope <= 0 || got.scope >= subnet.Bits()) {
				t.Errorf("%s for %s: subnet %s came back as %s scope %d", e.Host, m.Code, subnet, got.subnet, got.scope)
			}
			for _, text := range got.addrs {
				addresses++
				country := placeOf(t, netip.MustParseAddr(text))
				inChina = inChina || country == "CN"
				ownEdge := e.Role == residency.RoleCDN && country == m.Code.String()
				if !ownEdge && !slices.Contains([]string{"CN", "US", "SG"}, country) && !r.server.Ignores {
					t.Errorf("%s for %s: %s is in %s", e.Host, m.Code, text, country)
				}
			}
		}
	}
	if addresses == 0 && !retired {
		t.Errorf("%s for %s at %s has no address", e.Host, m.Code, at)
	}
	return inChina
}

const allMarkets = "HK ID IN MY PH SG TW"

// TestXiaomiStory holds the scenario to its story: who still sees Beijing at
// each step.
func TestXiaomiStory(t *testing.T) {
	t.Parallel()
	s := xiaomi(t)
	want := []struct{ day, phase1, phase2a, phase2b string }{
		{"2014-08-15", allMarkets, allMarkets, allMarkets},
		{"2014-09-25", allMarkets, allMarkets, allMarkets},
		{"2014-10-20", "HK ID IN PH TW", allMarkets, allMarkets},
		{"2014-11-02", "IN", "HK TW", allMarkets},
		{"2014-11-17", "", "HK TW", allMarkets},
		{"2014-11-26", "", "", allMarkets},
		{"2014-12-20", "", "", allMarkets},
		{"2015-01-02", "", "", allMarkets},
		{"2015-01-25", "", "", ""},
	}
	if len(s.Steps) != len(want) {
		t.Fatalf("%d steps, want %d", len(s.Steps), len(want))
	}
	for i, w := range want {
		if got := s.Steps[i].At.In(s.Location).Format("2006-01-02 15:04"); got != w.day+" 12:00" {
			t.Errorf("step %d is at %s, want noon of %s", i, got, w.day)
		}
		// Noon, and the start of the day by either clock, show the same.
		midnight := s.Steps[i].At.Add(-12 * time.Hour)
		for _, at := range []time.Time{s.Steps[i].At, midnight, midnight.Add(5*time.Hour + 30*time.Minute)} {
			got := lookAll(t, s, 0, at)
			if got["phase-1"] != w.phase1 || got["phase-2a"] != w.phase2a || got["phase-2b"] != w.phase2b {
				t.Errorf("at %s: in China for %v, want %v", at, got, w)
			}
		}
	}
}

// TestXiaomiHasItsTraps looks for each thing that the story is told for.
func TestXiaomiHasItsTraps(t *testing.T) {
	t.Parallel()
	s := xiaomi(t)
	look := func(server int, host, subnet, day string) told {
		at, err := time.ParseInLocation(time.DateOnly, day, s.Location)
		must(t, err)
		r := &responder{index: newIndex(s), server: s.Servers[server], now: func() time.Time { return at }}
		return read(t, r.respond(nil, ask{name: fqdn(host), subnet: subnet}.request(t), "udp").msg)
	}
	const india, hongkong = "49.36.8.0/24", "112.118.40.0/24"

	pool := look(0, "app.chat.xiaomi.net", india, "2015-01-02").addrs
	if len(pool) != 8 || !slices.Contains(pool, "58.68.235.232") {
		t.Errorf("pool at 2 January: %v, want eight with 58.68.235.232", pool)
	}
	if pool := look(0, "app.chat.xiaomi.net", india, "2015-01-19").addrs; len(pool) != 8 || slices.Contains(pool, "58.68.235.232") {
		t.Errorf("pool at 19 January: %v, want eight without 58.68.235.232", pool)
	}
	chain := look(0, "account.xiaomi.com", hongkong, "2014-11-02")
	if len(chain.chain) != 2 || !equal(chain.addrs, []string{"220.181.106.104"}) {
		t.Errorf("sign-in from Hong Kong: %v %v, want two aliases that end at 220.181.106.104", chain.chain, chain.addrs)
	}
	if edge := look(0, "www.mi.com", india, "2014-11-02"); len(edge.chain) != 2 || !slices.Contains(edge.addrs, "117.239.141.70") {
		t.Errorf("static pages from India: %v %v, want an edge in India", edge.chain, edge.addrs)
	}
	if gone := look(0, "app01.nodes.gslb.mi-idc.com", india, "2014-12-28"); len(gone.addrs) != 1 {
		t.Errorf("the reserve host the day before it is retired: %v, want an address", gone.addrs)
	}
	if trap := look(0, "api.micloud.xiaomi.net", india, "2014-11-02"); !slices.Contains(trap.addrs, "110.43.87.16") {
		t.Errorf("cloud from India: %v, want 110.43.87.16 among them", trap.addrs)
	}
	// The server that ignores subnets shows Singapore to India, too early.
	if early := look(1, "buy.mi.com", india, "2014-10-20"); early.subnet != "" || !slices.Contains(early.addrs, "54.254.31.11") {
		t.Errorf("shop from India by the other server: %v for %q, want Singapore's answer without an option", early.addrs, early.subnet)
	}
	if !strings.Contains(s.Notice, "re-enactment") || !strings.Contains(s.Notice, "not evidence about anyone") {
		t.Errorf("notice %q", s.Notice)
	}
}

// TestXiaomiRangesHoldEveryCloudAddress keeps the cut list and the answers in
// step: each address in the US or Singapore is in a row of the same region's
// country, edges aside.
func TestXiaomiRangesHoldEveryCloudAddress(t *testing.T) {
	t.Parallel()
	s := xiaomi(t)
	var list struct {
		CreateDate string `json:"createDate"`
		Prefixes   []struct {
			Prefix netip.Prefix `json:"ip_prefix"`
			Group  string       `json:"network_border_group"`
		} `json:"prefixes"`
		V6 []struct {
			Prefix netip.Prefix `json:"ipv6_prefix"`
			Group  string       `json:"network_border_group"`
		} `json:"ipv6_prefixes"`
	}
	must(t, json.Unmarshal(s.Ranges[0].Data, &list))
	if list.CreateDate != "2025-07-24-20-23-14" {
		t.Errorf("createDate %q", list.CreateDate)
	}
	groups := map[netip.Prefix]string{}
	for _, p := range list.Prefixes {
		groups[p.Prefix] = p.Group
	}
	for _, p := range list.V6 {
		groups[p.Prefix] = p.Group
	}
	countries := map[string]string{"us-west-1": "US", "us-west-2": "US", "ap-southeast-1": "SG"}
	used := map[netip.Prefix]bool{}
	for _, a := range s.Answers {
		for _, addr := range a.Addresses {
			country := placeOf(t, addr)
			covered := false
			for p, group := range groups {
				if p.Contains(addr) {
					covered, used[p] = true, true
					if countries[group] != country {
						t.Errorf("%s is in %s by the list's %s %s, and in %s by the databases", addr, countries[group], group, p, country)
					}
				}
			}
			edge := strings.HasSuffix(a.Host, ".akamai.net")
			if want := (country == "US" || country == "SG") && !edge; covered != want {
				t.Errorf("%s (%s, %s): covered %v, want %v", addr, a.Host, country, covered, want)
			}
		}
	}
	if len(used) != len(groups) {
		t.Errorf("%d of %d ranges hold an address of the scenario", len(used), len(groups))
	}
}

package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2/unstable"

	"residency/internal/residency"
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestWriteSubnets(t *testing.T) {
	t.Parallel()
	in := prefixes("1.6.1.0/24", "2404:8800::/56")
	for _, tt := range []struct{ name, file, want string }{
		{"missing key",
			"[[market]]\ncode = \"IN\" # India\nname = \"India\"\n",
			"[[market]]\ncode = \"IN\" # India\nclient_subnets = [\"1.6.1.0/24\", \"2404:8800::/56\"]\nname = \"India\"\n"},
		{"missing key, last line without end",
			"[[market]]\ncode = \"IN\"",
			"[[market]]\ncode = \"IN\"\nclient_subnets = [\"1.6.1.0/24\", \"2404:8800::/56\"]\n"},
		{"missing key, indented, CRLF, byte order mark",
			"\xef\xbb\xbf[[market]]\r\n\tcode = \"IN\"\r\n",
			"\xef\xbb\xbf[[market]]\r\n\tcode = \"IN\"\r\n\tclient_subnets = [\"1.6.1.0/24\", \"2404:8800::/56\"]\r\n"},
		{"inline list",
			"[[market]]\ncode='IN'\nclient_subnets=[ \"1.7.0.0/24\" ]  # old\n# end",
			"[[market]]\ncode='IN'\nclient_subnets=[\"1.6.1.0/24\", \"2404:8800::/56\"]  # old\n# end"},
		{"inline market",
			"market = [ {code=\"SG\"}, { code = \"IN\" } ] # all\n",
			"market = [ {code=\"SG\"}, { code = \"IN\", client_subnets = [\"1.6.1.0/24\", \"2404:8800::/56\"] } ] # all\n"},
		{"many lines",
			"[[market]]\n  code = \"IN\"\n  client_subnets = [\n    \"1.7.0.0/24\",\n    \"1.7.1.0/24\"\n  ]\n",
			"[[market]]\n  code = \"IN\"\n  client_subnets = [\n    \"1.6.1.0/24\",\n    \"2404:8800::/56\",\n  ]\n"},
		{"comments in the list",
			"[[market]]\ncode = \"IN\"\nclient_subnets = [ # mine\n  # Airtel\n  \"1.6.1.0/24\", # Delhi\n  \"1.7.1.0/24\", # gone, with a \"#\"\n\n  # end\n] # after\n",
			"[[market]]\ncode = \"IN\"\nclient_subnets = [ # mine\n  # Airtel\n  \"1.6.1.0/24\", # Delhi\n  # gone, with a \"#\"\n  # end\n  \"2404:8800::/56\",\n] # after\n"},
		{"another market stays",
			"[[market]]\ncode = \"SG\"\nclient_subnets = [\"1.7.0.0/24\"]\n[[market]]\ncode = \"IN\"\n",
			"[[market]]\ncode = \"SG\"\nclient_subnets = [\"1.7.0.0/24\"]\n[[market]]\ncode = \"IN\"\nclient_subnets = [\"1.6.1.0/24\", \"2404:8800::/56\"]\n"},
	} {
		got, err := WriteSubnets([]byte(tt.file), map[residency.Country][]netip.Prefix{residency.MustCountry("IN"): in})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if diff := cmp.Diff(tt.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestWriteSubnetsShipped writes into the shipped file: it loads again, with
// the subnets, and every line that was there still is.
func TestWriteSubnetsShipped(t *testing.T) {
	t.Parallel()
	before := readText(t, shipped)
	codes, err := MarketsIn([]byte(before))
	if err != nil || len(codes) != 7 {
		t.Fatalf("MarketsIn = %v, %v", codes, err)
	}
	want := map[residency.Country][]netip.Prefix{}
	for i, c := range codes {
		want[c] = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{1, 6, byte(i), 0}), 24)}
	}
	after, err := WriteSubnets([]byte(before), want)
	if err != nil {
		t.Fatal(err)
	}
	c, err := load(t, Loader{}, memory{"config.toml": after})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range c.Markets {
		if len(m.Subnets) != 1 || m.Subnets[0].Prefix != want[m.Code][0] {
			t.Errorf("market %s has %v, want %v", m.Code, m.Subnets, want[m.Code])
		}
	}
	others := func(text string) string {
		var kept []string
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "client_subnets = ") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	if want, got := others(before), others(string(after)); got != want {
		t.Errorf("other lines changed:\n%s", cmp.Diff(want, got))
	}
	again, err := WriteSubnets(after, want)
	if err != nil || string(again) != string(after) {
		t.Errorf("writing the same again changes the file (%v)", err)
	}
}

func TestWriteSubnetsRefuses(t *testing.T) {
	t.Parallel()
	in := residency.MustCountry("IN")
	for _, tt := range []struct {
		file, want string
		list       []netip.Prefix
	}{
		{"[[market]]\ncode = \"SG\"\n", "write client subnets of IN: the file has no such market", prefixes("1.6.1.0/24")},
		{"[[market]]\ncode = \"IN\"\n", "write client subnets of IN: none given", nil},
		{"[[market]\n", "read markets: config:1:", prefixes("1.6.1.0/24")},
	} {
		got, err := WriteSubnets([]byte(tt.file), map[residency.Country][]netip.Prefix{in: tt.list})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("WriteSubnets(%q) = %q, %v, want %q", tt.file, got, err, tt.want)
		}
	}
}

// FuzzWriteSubnets: whatever the file, writing keeps every comment, and what
// comes out is as good TOML as what went in.
func FuzzWriteSubnets(f *testing.F) {
	f.Add("[[market]]\ncode = \"IN\" # a\n")
	f.Add("[[market]]\ncode = \"IN\"\nclient_subnets = [ # a\n'1.2.3.0/24', # b\n\"\"\"x\"\"\"]\n")
	f.Add("market = [{code='IN'}]")
	f.Add("[[market]]\nclient_subnets.x = 1\ncode = '''IN'''\n")
	in := residency.MustCountry("IN")
	f.Fuzz(func(t *testing.T, file string) {
		want := prefixes("1.6.1.0/24", "2404:8800::/56")
		out, err := WriteSubnets([]byte(file), map[residency.Country][]netip.Prefix{in: want})
		if err != nil {
			return
		}
		codes, err := MarketsIn(out)
		if err != nil || !slices.Contains(codes, in) {
			t.Fatalf("WriteSubnets(%q) = %q: %v, %v", file, out, codes, err)
		}
		if before, after := comments(file), comments(string(out)); !slices.Equal(before, after) {
			t.Fatalf("WriteSubnets(%q) = %q: comments were %q, are %q", file, out, before, after)
		}
	})
}

// comments returns the comments of a TOML text, sorted.
func comments(text string) []string {
	var list []string
	var walk func(*unstable.Node)
	walk = func(n *unstable.Node) {
		if n == nil {
			return
		}
		if n.Kind == unstable.Comment {
			list = append(list, strings.TrimRight(string(n.Data), "\r"))
		}
		walk(n.Child())
		walk(n.Next())
	}
	p := unstable.Parser{KeepComments: true}
	p.Reset([]byte(strings.TrimPrefix(text, "\xef\xbb\xbf")))
	for p.NextExpression() {
		walk(p.Expression())
	}
	slices.Sort(list)
	return list
}

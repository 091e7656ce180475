package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	l := testLoader()
	l.Getenv = func(name string) string { return map[string]string{"PROXY": "http://proxy.example:3128"}[name] }
	c, err := l.Load("testdata/good/network.toml")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := c.Network.Proxy.Reveal(); err != nil || p != "http://proxy.example:3128" || c.Network.NoProxy || c.Network.CAFile != filepath.Join("testdata", "good", "inspecting.pem") {
		t.Errorf("network = %+v, proxy %q, %v", c.Network, p, err)
	}
	in, sg := c.Markets[0].Code, c.Markets[1].Code
	v, ok := c.Vantage(in)
	if p, err := v.Proxy.Reveal(); !ok || err != nil || p != "socks5://u:T0PSECRET@branch.example:1080" || !slices.Equal(v.Servers, []string{"branch"}) {
		t.Errorf("vantage of IN = %+v", v)
	}
	if _, ok := c.Vantage(sg); ok {
		t.Error("SG has a vantage of its own")
	}
	if s := fmt.Sprintf("%+v", c); strings.Contains(s, "T0PSECRET") {
		t.Errorf("the configuration shows a secret: %s", s)
	}
	want := [][]string{
		{"10.0.0.53:53"}, {"https://dns.google/dns-query", "https://8.8.4.4/dns-query"},
		{"tls://9.9.9.11:853", "tls://dns.quad9.net@[2620:fe::11]:853", "tcp://9.9.9.11:5353", "9.9.9.11:53"},
	}
	for i, s := range c.Resolve.Servers {
		if !slices.Equal(s.Addresses, want[i]) || c.ForAll(s) != (i > 0) {
			t.Errorf("server %s: %q, for all %v", s.Name, s.Addresses, c.ForAll(s))
		}
	}
	google := c.Resolve.Servers[1]
	if google.Rate != 5 || google.InFlight != 3 || len(google.Bootstrap) != 2 || c.Resolve.Servers[2].TLSName != "dns11.quad9.net" || c.Resolve.Rate != 20 || !c.Resolve.MixCase || !c.Resolve.Validate || DefaultResolve().Validate || c.Schedule.Jitter != 30*time.Second {
		t.Errorf("resolve = %+v", c.Resolve)
	}
	ctl := c.Resolve.Controls
	if ctl.Off || ctl.NoNowhere || ctl.Nowhere != "198.51.100.53:53" || ctl.Signed != "good.example" || ctl.Bogus != "bad.example" ||
		fmt.Sprint(ctl.Names) != "[{control.example [192.0.2.1 192.0.2.2]}]" {
		t.Errorf("controls = %+v", ctl)
	}
}

func TestNoProxyAndNoControls(t *testing.T) {
	t.Parallel()
	text := readText(t, "testdata/good/network.toml")
	text = strings.Replace(text, `"env:PROXY"`, `"none"`, 1)
	text = strings.Replace(text, `nowhere = "198.51.100.53"`, "nowhere = \"none\"\nenabled = false", 1)
	c, err := testLoader().Parse("network.toml", []byte(text))
	if err != nil || !c.Network.NoProxy || !c.Network.Proxy.IsZero() || !c.Resolve.Controls.Off || !c.Resolve.Controls.NoNowhere {
		t.Errorf("%v, network %+v, controls %+v", err, c.Network, c.Resolve.Controls)
	}
}

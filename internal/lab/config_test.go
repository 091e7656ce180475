package lab

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"residency/internal/residency"
)

func TestConfigOfXiaomi(t *testing.T) {
	t.Parallel()
	s := xiaomi(t)
	n := serve(t, s, nil)
	files, err := s.Config(n)
	must(t, err)
	if len(files) != 2 || string(files["xiaomi-2014.aws.json"]) != string(s.Ranges[0].Data) {
		t.Errorf("Config gave %d files, want config.toml and the ranges", len(files))
	}
	text := string(files["config.toml"])
	var c struct {
		Organisation struct{ Notice, Timezone string }
		Market       []struct {
			Code    string
			Subnets []string `toml:"client_subnets"`
		}
		Vendor []struct {
			ID      string
			Service []struct {
				ID        string
				Endpoints []map[string]any
			}
		}
		Claim []struct {
			ID, Vendor        string
			Services, Regions []string
			Due               toml.LocalDate
		}
		Resolve struct {
			Server []struct {
				Name      string
				Addresses []string
				Passes    bool `toml:"passes_subnets"`
			}
		}
		Geo struct {
			Ranges []map[string]string `toml:"provider_ranges"`
		}
	}
	must(t, toml.Unmarshal(files["config.toml"], &c))
	for name, ok := range map[string]bool{
		"notice":   c.Organisation.Notice == s.Notice && c.Organisation.Timezone == "Asia/Kolkata",
		"markets":  len(c.Market) == 7 && c.Market[0].Code == "IN" && len(c.Market[0].Subnets) == 3,
		"vendor":   len(c.Vendor) == 1 && c.Vendor[0].ID == "xiaomi" && len(c.Vendor[0].Service) == 4,
		"endpoint": c.Vendor[0].Service[0].Endpoints[0]["role"] == "cdn",
		"retired":  c.Vendor[0].Service[2].Endpoints[1]["retired"] == toml.LocalDate{Year: 2014, Month: 12, Day: 29},
		"claims":   len(c.Claim) == 3 && c.Claim[2].Due == toml.LocalDate{Year: 2014, Month: 12, Day: 31} && len(c.Claim[2].Services) == 2,
		"first":    c.Resolve.Server[0].Passes && c.Resolve.Server[0].Addresses[0] == n.Servers[0].Addr,
		"second":   !c.Resolve.Server[1].Passes && c.Resolve.Server[1].Addresses[0] == n.Servers[1].Addr,
		"ranges":   len(c.Geo.Ranges) == 1 && c.Geo.Ranges[0]["file"] == "xiaomi-2014.aws.json" && c.Geo.Ranges[0]["provider"] == "aws",
	} {
		if !ok {
			t.Errorf("%s is wrong in\n%s", name, text)
		}
	}
	for _, step := range s.Steps {
		if !strings.Contains(text, "#   "+step.At.In(s.Location).Format("2006-01-02")) {
			t.Errorf("the step of %s is not in the comments", step.At)
		}
	}
}

// TestConfigQuotes puts what TOML has to escape into every text.
func TestConfigQuotes(t *testing.T) {
	t.Parallel()
	const nasty = "say \"no\" \\ to\nlines\t\x01\x7f # and é"
	s := geoZone(Server{Name: nasty, Learns: nasty, Authoritative: true})
	s.Name, s.Title, s.Notice = nasty, nasty, nasty
	s.Markets = []Market{{Code: residency.MustCountry("IN"), Name: nasty, Subnets: []netip.Prefix{netip.MustParsePrefix("10.1.2.0/24")}}}
	s.Answers = s.Answers[:0]
	s.Answers = append(s.Answers, Answer{Host: "a.example", NoData: true})
	s.Vendor = Vendor{ID: "v", Name: nasty}
	s.Services = []Service{{ID: "s", Name: nasty, Endpoints: []Endpoint{{Host: "a.example", Note: nasty, Source: nasty}}}}
	s.Claims = []Claim{{ID: "c", Title: nasty, Services: []string{"s"}, Markets: []residency.Country{residency.MustCountry("IN")}, Regions: []string{nasty}, Quote: nasty, SaidBy: nasty, Source: nasty}}
	n := serve(t, s, nil)
	files, err := s.Config(n)
	must(t, err)
	var got map[string]any
	if err := toml.Unmarshal(files["config.toml"], &got); err != nil {
		t.Fatalf("%v in\n%s", err, files["config.toml"])
	}
	claim := got["claim"].([]any)[0].(map[string]any)
	want := map[string]any{
		"id": "c", "title": nasty, "vendor": "v", "services": []any{"s"}, "markets": []any{"IN"},
		"regions": []any{nasty}, "said_by": nasty, "quote": nasty, "source": nasty,
	}
	if diff := cmp.Diff(want, claim); diff != "" {
		t.Errorf("claim (-want +got):\n%s", diff)
	}
	server := got["resolve"].(map[string]any)["server"].([]any)[0].(map[string]any)
	if server["name"] != nasty || server["authoritative"] != true {
		t.Errorf("server %v", server)
	}
}

func TestConfigRefuses(t *testing.T) {
	t.Parallel()
	s := xiaomi(t)
	n := serve(t, geoZone(), nil)
	if _, err := s.Config(n); err == nil || !strings.Contains(err.Error(), "another scenario's") {
		t.Errorf("Config with another scenario's servers = %v", err)
	}
	s.Ranges[0].Data = nil
	own, err := s.Serve(context.Background(), "127.0.0.1:0", nil)
	must(t, err)
	defer own.Close()
	if _, err := s.Config(own); err == nil || !strings.Contains(err.Error(), "were not read") {
		t.Errorf("Config without ranges = %v", err)
	}
}

func TestZoneRefusesNonsense(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]string{
		"a.example":    "not an address",
		"b.example":    "",
		"c.example@ZZ": "192.0.2.1",
		"d.example@IN": "192.0.2.1", // no such market
		"":             "nodata",
	} {
		if err := (Zone{key: value}).Scenario().check(nil); err == nil {
			t.Errorf("Zone{%q: %q} was accepted", key, value)
		}
	}
}

package config

import (
	"fmt"
	"testing"
	"time"
)

func TestScheduleOfAnEndpoint(t *testing.T) {
	t.Parallel()
	const text = `
[schedule]
check = "7 * * * *"
window = "12h"
[[market]]
code = "IN"
[[vendor]]
id = "acme"
  [[vendor.service]]
  id = "api"
  endpoints = ["a.example", { host = "b.example", check = ["*/5 * * * *"] }]
  [[vendor.service]]
  id = "shop"
  endpoints = ["shop.example"]
[[policy]]
id = "one"
vendor = "acme"
services = ["api"]
regions = ["SG"]
check = "30 2 * * *"
[[policy]]
id = "two"
vendor = "acme"
services = ["api"]
regions = ["SG"]
check = ["30 2 * * *", "0 4 * * *"]
`
	cfg, err := load(t, Loader{}, memory{"config.toml": []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Schedule.Window != 12*time.Hour {
		t.Errorf("window %v, want 12h", cfg.Schedule.Window)
	}
	for host, want := range map[string]string{
		"a.example": "[0 4 * * * 30 2 * * *]", "b.example": "[*/5 * * * *]", "shop.example": "[7 * * * *]",
	} {
		for _, e := range cfg.Endpoints() {
			if got := fmt.Sprint(cfg.Schedule.Of(e, cfg.Claims)); e.Host == host && got != want {
				t.Errorf("Of(%s) = %s, want %s", host, got, want)
			}
		}
	}
}

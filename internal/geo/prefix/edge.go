package prefix

import "time"

// readCloudflare reads ips-v4 or ips-v6 (https://www.cloudflare.com/ips/): a
// prefix a line. All of it is announced from everywhere.
func readCloudflare(l *list, f file) (time.Time, error) {
	return time.Time{}, l.vetoes(f, "shared edge of Cloudflare")
}

// readFastly reads the public IP list (https://api.fastly.com/public-ip-list).
func readFastly(l *list, f file) (time.Time, error) {
	var from struct {
		Addresses  []string `json:"addresses"`
		Addresses6 []string `json:"ipv6_addresses"`
	}
	if err := f.decode(&from); err != nil {
		return time.Time{}, err
	}
	for i, text := range append(from.Addresses, from.Addresses6...) {
		e, err := l.parse(i+1, text)
		if err != nil {
			return time.Time{}, err
		}
		e.global = "shared edge of Fastly"
	}
	return time.Time{}, nil
}

package score

import (
	"net/netip"
	"testing"

	"residency/internal/residency"
)

func truths(t *testing.T, rows ...[2]string) []Truth {
	t.Helper()
	var list []Truth
	for _, r := range rows {
		list = append(list, Truth{Prefix: netip.MustParsePrefix(r[0]), Country: residency.MustCountry(r[1])})
	}
	return list
}

func TestAgainst(t *testing.T) {
	t.Parallel()
	later := Lay(truths(t,
		[2]string{"198.18.0.0/17", "SG"}, [2]string{"198.18.128.0/18", "SG"}, [2]string{"198.18.192.0/18", "SG"},
		[2]string{"198.19.0.0/24", "VN"}, [2]string{"198.20.0.0/15", "US"}, [2]string{"198.20.7.0/24", "CA"},
		[2]string{"255.255.255.0/24", "DE"}, [2]string{"2001:db8::/32", "JP"},
	))
	tests := []struct {
		prefix, want string
		whole        bool
	}{
		{"198.18.0.0/16", "SG", true},      // in pieces, all of it
		{"198.18.0.0/15", "SG|VN", false},  // a part is elsewhere, a part not known
		{"198.19.0.0/25", "VN", true},      // inside a shorter one
		{"198.19.0.0/23", "VN", false},     // a half
		{"198.20.0.0/16", "CA|US", true},   // a hole with another country
		{"198.20.8.0/24", "US", true},      // beside the hole
		{"198.30.0.0/16", "", false},       // nothing
		{"255.255.255.128/25", "DE", true}, // up to the last address
		{"2001:db8:1::/48", "JP", true},    // IPv6
		{"2001:db9::/48", "", false},       // beyond the last
	}
	for _, tt := range tests {
		sheet := Lay(truths(t, [2]string{tt.prefix, "SG"}))
		if got := sheet.Against(later)[0]; got.Countries.String() != tt.want || got.Whole != tt.whole {
			t.Errorf("Against(%s) = %v, whole %v; want %s, %v", tt.prefix, got.Countries, got.Whole, tt.want, tt.whole)
		}
	}
}

// TestAgainstOwn holds that a row answers only for the addresses that longer
// rows leave it, and that several rows are answered in one walk.
func TestAgainstOwn(t *testing.T) {
	t.Parallel()
	sheet := Lay(truths(t, [2]string{"198.18.0.0/16", "SG"}, [2]string{"198.18.4.0/24", "VN"}, [2]string{"198.19.0.0/24", "US"}))
	words := sheet.Against(Lay(truths(t, [2]string{"198.18.0.0/15", "SG"}, [2]string{"198.18.4.0/24", "VN"})))
	for i, want := range []string{"SG", "VN", "SG"} {
		if words[i].Countries.String() != want || !words[i].Whole {
			t.Errorf("row %v = %v, whole %v; want %s, all", sheet.Rows[i].Prefix, words[i].Countries, words[i].Whole, want)
		}
	}
	if words := sheet.Against(Lay(nil)); words[0].Whole || !words[0].Countries.Empty() {
		t.Errorf("against nothing = %+v", words[0])
	}
}

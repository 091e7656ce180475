package geo

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestWithout(t *testing.T) {
	t.Parallel()
	tests := []struct{ said, want string }{
		{"dbip DE,ip2l CN,whois CN", "dbip: CN lineages-agree"},
		{"dbip SG,ip2l SG,whois SG", ""},
		{"dbip SG,ip2l SG", "dbip: SG one-lineage, ip2l: SG one-lineage"},
		{"edge,dbip US,ip2l US,whois US", "edge: US lineages-agree"},
		{"edge,anycast,dbip US", "edge:  veto"},
		{"aws/16=aws:a SG,dbip SG,ip2l VN", "aws: SG|VN lineages-differ, dbip: SG|VN holder-contradicted"},
		{"dbip SG,dbip US", "dbip:  no-evidence"},
		{"", ""},
	}
	for _, tt := range tests {
		var got []string
		for _, c := range Without(Fuse(netip.MustParseAddr("9.9.9.9"), sayAll(tt.said))) {
			got = append(got, fmt.Sprintf("%s: %s %s", c.Source, c.Location.Countries, c.Location.Decision))
		}
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("Without(%s) = %q, want %q", tt.said, s, tt.want)
		}
	}
}

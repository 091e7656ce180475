package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// large returns a configuration of n endpoints, a hundred a vendor, with a
// claim for each vendor.
func large(n int) []byte {
	var b strings.Builder
	b.WriteString("[[market]]\ncode = \"IN\"\n")
	for v := range n / 100 {
		fmt.Fprintf(&b, "[[vendor]]\nid = \"v%d\"\n[[vendor.service]]\nid = \"s\"\nendpoints = [\n", v)
		for e := range 100 {
			fmt.Fprintf(&b, "  { host = \"h%d.v%d.example\", role = \"api\", source = \"a page\" },\n", e, v)
		}
		fmt.Fprintf(&b, "]\n[[claim]]\nid = \"c%d\"\nvendor = \"v%d\"\nregions = [\"EU\"]\n", v, v)
	}
	return []byte(b.String())
}

func BenchmarkLoad5000Endpoints(b *testing.B) {
	files := memory{"config.toml": large(5000)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Loader{}).load("config.toml", files); err != nil {
			b.Fatal(err)
		}
	}
}

// TestHostileSizes holds the time for files made to be slow: a small part of
// the size allowed takes far less than a second, and a minute is granted for
// slow machines; what grows with the square takes many.
func TestHostileSizes(t *testing.T) {
	if testing.Short() {
		t.Skip("reads large files")
	}
	t.Parallel()
	const size = 1 << 19
	repeat := func(s string) string { return strings.Repeat(s, size/len(s)) }
	numbered := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, format, i, i+1)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"unknown tables":    repeat("[[markte]]\n"),
		"unknown keys":      numbered("endpionts%d = %d\n"),
		"brackets":          "x = " + repeat("["),
		"syntax errors":     repeat("[a]\nx\n"),
		"unclosed":          repeat("[a]\nx = \"\"\"\n"),
		"one line":          "# " + repeat("x"),
		"regions":           small + "never = [" + repeat("\"XX\",") + "]\n",
		"superseded chain":  small + numbered("[[policy]]\nid=\"p%d\"\nvendor=\"acme\"\nnever=[\"CN\"]\nsuperseded_by=\"p%d\"\n"),
		"superseded by bad": small + numbered("[[policy]]\nid=\"p%d\"\nvendor=\"acme\"\nnever=[\"CN\"]\nsuperseded_by=\"q%d\"\n"),
		"sets in sets":      "[regions]\n" + numbered("s%d = [\"s%d\"]\n") + small,
		"vendors":           small + numbered("[[vendor]]\nid=\"v%d\"\nname=\"%d\"\n"),
		"subnets":           strings.Replace(small, `code = "IN"`, "code = \"IN\"\nclient_subnets = ["+repeat(`"1.2.3.0/24",`)+"]", 1),
		"services":          small + "services = [" + numbered("\"s%d\",\"s%d\",") + "]\n",
	} {
		start := time.Now()
		_, err := testLoader().load("config.toml", memory{"config.toml": []byte(text)})
		d := time.Since(start)
		t.Logf("%-18s %v", name, d.Round(time.Millisecond))
		if err == nil {
			t.Errorf("%s: no problem found", name)
		}
		if d > time.Minute {
			t.Errorf("%s: took %v", name, d)
		}
	}
}

package report

import (
	"bytes"
	"strings"
	"testing"

	"residency/internal/residency"
)

// TestSignatures: what validating came to is in the proof of a cell, in the
// JSON of a look and below the table of looks.
func TestSignatures(t *testing.T) {
	t.Parallel()
	o := residency.Observation{Rcode: "NOERROR", DNSSEC: &residency.DNSSEC{
		State: residency.DNSSECInsecure, Why: "no-ds", Text: "the parent zone proves it",
		Steps: []residency.DNSSECStep{{Name: "acme.example", Type: "no DS", State: residency.DNSSECInsecure, Why: "no-ds"}},
	}}
	o.Endpoint.Host, o.Type = "acme.example", "A"
	facts := map[string]string{}
	for _, f := range besides(&o) {
		facts[f.Label] = f.Text
	}
	if facts["signatures"] != o.DNSSEC.Sentence() || facts["chain of trust"] != "no DS of acme.example is insecure (no-ds)" {
		t.Errorf("besides has %q", facts)
	}
	if got := lookOf(&o).DNSSEC; got != o.DNSSEC {
		t.Errorf("JSON of a cell's look has %+v", got)
	}
	for format, want := range map[string]string{
		"ndjson": `"dnssec":{"state":"insecure","why":"no-ds"`, "table": "DNSSEC insecure: The answer is not signed",
	} {
		for _, validated := range []bool{true, false} {
			var out bytes.Buffer
			l, err := NewLooks(&out, format, false, Options{Width: 200})
			if err != nil {
				t.Fatal(err)
			}
			look := o
			if !validated {
				look.DNSSEC = nil
			}
			if err := l.Write(&look); err != nil {
				t.Fatal(err)
			}
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(out.String(), want) != validated {
				t.Errorf("%s, validated %v:\n%s", format, validated, &out)
			}
		}
	}
}

package residency

import (
	"bytes"
	"testing"
	"time"
)

// TestKeysAreKept: the requests for keys behind a verdict on signatures are part
// of what is raw of a look.
func TestKeysAreKept(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	x := Exchange{Server: "192.0.2.1:53", Transport: "udp", Name: "example", Request: []byte{1}, Response: []byte{2}, At: at, RTT: 3}
	e := Endpoint{Vendor: "v", Service: "s", Host: "a.example"}
	r := Round{Endpoint: e, Observations: []Observation{
		{Question: Question{Endpoint: e, Type: "A"}, At: at, DNSSEC: &DNSSEC{State: DNSSECSecure, Proof: []Exchange{x}}},
		{Question: Question{Endpoint: e, Type: "AAAA"}, At: at, DNSSEC: &DNSSEC{State: DNSSECSecure}},
	}}
	data := r.Packets()
	got, err := ParsePackets(data, e)
	if err != nil {
		t.Fatal(err)
	}
	if d := got[0].DNSSEC; d == nil || len(d.Proof) != 1 || !d.Proof[0].Same(x) || !bytes.Equal(d.Proof[0].Response, x.Response) {
		t.Errorf("read back: %+v", d)
	}
	if got[1].DNSSEC != nil {
		t.Errorf("read back, of a look without: %+v", got[1].DNSSEC)
	}
	if again := (Round{Endpoint: e, Observations: got}).Packets(); !bytes.Equal(again, data) {
		t.Errorf("written again:\n%s\n%s", again, data)
	}
	other := x
	other.Request = []byte{9}
	if x.Same(other) || !x.Same(x) {
		t.Error("Same does not tell exchanges apart")
	}
}

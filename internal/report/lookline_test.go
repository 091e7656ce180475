package report

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

// jsonAlone is a look by itself.
type jsonAlone struct {
	Schema       string                    `json:"schema"`
	Name         string                    `json:"name"`
	Type         string                    `json:"type"`
	Market       *residency.Country        `json:"market"`
	ClientSubnet string                    `json:"client_subnet"`
	Resolver     string                    `json:"resolver"`
	Server       string                    `json:"server"`
	Via          string                    `json:"via,omitempty"`
	Transport    string                    `json:"transport"`
	Path         []residency.Delegation    `json:"path,omitempty"`
	Returned     string                    `json:"returned"`
	Scope        int                       `json:"scope"`
	Tailoring    residency.Tailoring       `json:"tailoring"`
	TailoringWhy string                    `json:"tailoring_why"`
	Rcode        string                    `json:"rcode"`
	Flags        residency.HeaderFlags     `json:"flags"`
	NSID         string                    `json:"nsid,omitempty"`
	Errors       []residency.ExtendedError `json:"errors,omitempty"`
	DNSSEC       *residency.DNSSEC         `json:"dnssec,omitempty"`
	Failure      residency.Failure         `json:"failure"`
	Detail       string                    `json:"detail,omitempty"`
	Chain        []residency.Link          `json:"chain"`
	Addresses    []jsonAnswer              `json:"addresses"`
	RTT          float64                   `json:"rtt_ms"`
	At           time.Time                 `json:"at"`
	Exchanges    []jsonExchange            `json:"exchanges,omitempty"`
	Keys         []jsonExchange            `json:"keys,omitempty"` // behind the verdict on signatures
}

type jsonAnswer struct {
	Address string `json:"address"`
	TTL     uint32 `json:"ttl"`
	Owner   string `json:"owner"`
	Hint    bool   `json:"hint,omitempty"`
	DNS64   string `json:"dns64,omitempty"` // as it was answered, when made from Address
}

// jsonExchange is a request and its response; the bytes are in base64.
type jsonExchange struct {
	Server    string            `json:"server"`
	Transport string            `json:"transport"`
	Name      string            `json:"name"`
	Request   []byte            `json:"request"`
	Response  []byte            `json:"response"`
	Failure   residency.Failure `json:"failure"`
	RTT       float64           `json:"rtt_ms"`
	At        time.Time         `json:"at"`
}

func (l *Looks) alone(o *residency.Observation) jsonAlone {
	a := jsonAlone{
		Schema: LookSchema, Name: o.Endpoint.Host, Type: o.Type, ClientSubnet: prefix(o.Subnet.Prefix),
		Resolver: o.Resolver, Server: o.Server, Via: o.Via, Transport: o.Transport, Path: o.Path,
		Returned: prefix(o.Returned), Scope: o.Scope, Tailoring: o.Tailoring, TailoringWhy: o.TailoringWhy,
		Rcode: o.Rcode, Flags: o.Flags, NSID: o.NSID, Errors: o.Errors, DNSSEC: o.DNSSEC, Failure: o.Failure, Detail: o.Detail,
		Chain: some(o.Chain), Addresses: []jsonAnswer{}, RTT: milliseconds(o.RTT), At: o.At,
	}
	if o.Market.Known() {
		a.Market = &o.Market
	}
	for _, x := range o.Addresses {
		answer := jsonAnswer{Address: x.Address.String(), TTL: x.TTL, Owner: x.Owner, Hint: x.Hint}
		if x.DNS64.IsValid() {
			answer.DNS64 = x.DNS64.String()
		}
		a.Addresses = append(a.Addresses, answer)
	}
	if !l.raw {
		return a
	}
	a.Exchanges = jsonExchanges(o.Exchanges)
	if o.DNSSEC != nil {
		a.Keys = jsonExchanges(o.DNSSEC.Proof)
	}
	return a
}

func jsonExchanges(from []residency.Exchange) (list []jsonExchange) {
	for _, x := range from {
		list = append(list, jsonExchange{
			Server: x.Server, Transport: x.Transport, Name: x.Name, Request: x.Request, Response: x.Response,
			Failure: x.Failure, RTT: milliseconds(x.RTT), At: x.At,
		})
	}
	return list
}

// TestLookLine: the line of a look says what its JSON form says, in its order.
func TestLookLine(t *testing.T) {
	t.Parallel()
	india, _ := residency.ParseCountry("IN")
	at := time.Date(2014, 10, 26, 12, 0, 0, 123456000, time.UTC)
	full := residency.Observation{
		Question: residency.Question{
			Endpoint: residency.Endpoint{Host: "api.example"}, Market: india, Type: "AAAA",
			Subnet: residency.ClientSubnet{Prefix: netip.MustParsePrefix("203.0.113.0/24")},
		},
		Resolver: `a "quoted" name`, Server: "192.0.2.53:53", Via: "proxy.example:3128", Transport: "udp",
		Path:     []residency.Delegation{{Zone: ".", Server: "a.example", Address: "192.0.2.1:53"}},
		Returned: netip.MustParsePrefix("203.0.113.0/24"), Scope: 20, Tailoring: residency.TailoringSpecific, TailoringWhy: "é \x01",
		Rcode: "NOERROR", Flags: residency.FlagAD | residency.FlagRA, NSID: "m1",
		Errors: []residency.ExtendedError{{Code: 15, Name: "Blocked", Text: "by order"}}, Failure: residency.FailIntercepted, Detail: "why",
		DNSSEC: &residency.DNSSEC{State: residency.DNSSECBogus, Why: "expired", Steps: []residency.DNSSECStep{{Name: ".", Type: "DNSKEY", KeyTag: 7}},
			Proof: []residency.Exchange{{Server: "s", Transport: "udp", Name: ".", Request: []byte{7}, Response: []byte{8}, At: at, RTT: time.Second}}},
		Chain: []residency.Link{{Owner: "a", Type: "CNAME", Target: "b", TTL: 1}, {Owner: "b", Type: "DNAME", Target: "c", TTL: 4294967295}},
		Addresses: []residency.Answer{
			{Address: netip.MustParseAddr("2001:db8::1"), TTL: 60, Owner: "c"},
			{Address: netip.MustParseAddr("192.0.2.1"), Owner: "c", Hint: true, DNS64: netip.MustParseAddr("64:ff9b::c000:201")},
		},
		Exchanges: []residency.Exchange{
			{Server: "s", Transport: "udp", Name: "a", Request: []byte{1, 2, 3}, Failure: residency.FailTimeout, At: at, RTT: 2 * time.Second},
			{Server: "s", Transport: "tcp", Name: "a", Request: []byte{4}, Response: []byte{}, At: at, RTT: 1234567},
		},
		At: at, RTT: 1234567,
	}
	other := full // in what is kept from line to line
	other.Market, other.Returned, other.NSID = 0, netip.Prefix{}, "m2"
	var lines lookLines
	for _, o := range []residency.Observation{full, {}, {}, other, full, full, {At: at.In(time.FixedZone("IST", 19800))}} {
		for _, raw := range []bool{false, true} {
			l := Looks{raw: raw}
			want, err := json.Marshal(l.alone(&o))
			if err != nil {
				t.Fatal(err)
			}
			got := bytes.TrimSuffix(lines.append(nil, &o, raw), []byte("\n"))
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("raw %v (-want +got):\n%s", raw, diff)
			}
		}
	}
}

// TestLooksKeepNothing: a look that is used again after it was written does not
// change what a table says of it.
func TestLooksKeepNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l, err := NewLooks(&out, "table", false, Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := residency.Observation{
		Question: residency.Question{Endpoint: residency.Endpoint{Host: "api.example"}, Type: "A"}, Rcode: "NOERROR",
		Addresses: []residency.Answer{{Address: netip.MustParseAddr("192.0.2.1")}},
	}
	if err := l.Write(&o); err != nil {
		t.Fatal(err)
	}
	o.Addresses[0].Address = netip.MustParseAddr("192.0.2.99")
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out.Bytes(), []byte("192.0.2.1 ")) {
		t.Errorf("the table does not have the address:\n%s", out.String())
	}
}

// TestLineParts: what is written the quick way is what the slow way writes.
func TestLineParts(t *testing.T) {
	t.Parallel()
	var at stamps
	begin := time.Date(2014, 10, 31, 23, 59, 59, 0, time.UTC)
	times := []time.Time{{}, begin.AddDate(9000, 0, 0), begin, begin.In(time.FixedZone("IST", 19800)), begin.In(time.FixedZone("", -1))}
	for _, ns := range []time.Duration{1, 10, 999_999_999, 123_456_000, time.Second, time.Second + 500, -1} {
		times = append(times, begin.Add(ns))
	}
	for _, x := range append(times, times...) {
		if got, want := string(at.append(nil, x)), x.Format(time.RFC3339Nano); got != want {
			t.Errorf("a time is written %s, want %s", got, want)
		}
	}
	for _, d := range []time.Duration{0, 1, 999, 1000, 10_000, 120_000, 1_000_000, 1_234_567, 50 * time.Millisecond, time.Hour + 1001, -1500} {
		want, err := json.Marshal(milliseconds(d))
		if err != nil {
			t.Fatal(err)
		}
		if got := appendMilliseconds(nil, d); string(got) != string(want) {
			t.Errorf("%d ns are written %s, want %s", d, got, want)
		}
	}
	for c := range 256 {
		for _, where := range []int{0, 3, 7, 8, 12} { // in a word of eight bytes, and after it
			text := []byte("plain ~text !")
			text[where] = byte(c)
			want := c >= ' ' && c <= '~' && c != '"' && c != '\\'
			if got := simple(string(text)); got != want {
				t.Errorf("simple(%q) = %v, want %v", text, got, want)
			}
		}
	}
}

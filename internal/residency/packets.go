package residency

import (
	"net/netip"
	"time"
)

const packetsSchema = "residency/packets/v1"

// Packets returns the canonical bytes of everything of the round's looks that
// differs from round to round: when each was made, how long it took, and every
// request and response as they were on the wire.
func (r Round) Packets() []byte { return r.AppendPackets(nil) }

// AppendPackets appends to b what Packets returns.
func (r Round) AppendPackets(b []byte) []byte {
	w := &canon{b}
	w.open('{')
	w.str("schema", packetsSchema)
	w.str("endpoint", r.Endpoint.Key())
	w.key("looks")
	w.open('[')
	for i := range r.Observations {
		w.sep()
		appendRaw(w, &r.Observations[i])
	}
	w.shut(']')
	w.shut('}')
	return w.b
}

// appendRaw writes what is raw of one look, and what says which look it is.
func appendRaw(w *canon, o *Observation) {
	w.open('{')
	w.str("market", o.Market.String())
	w.prefix("subnet", o.Subnet.Prefix)
	w.str("type", o.Type)
	w.str("resolver", o.Resolver)
	w.str("server", o.Server)
	w.str("transport", o.Transport)
	w.str("via", o.Via)
	w.str("failure", string(o.Failure))
	w.str("detail", o.Detail)
	w.time("at", o.At)
	w.num("rtt_ns", int64(o.RTT))
	appendExchanges(w, "exchanges", o.Exchanges)
	if o.DNSSEC != nil && len(o.DNSSEC.Proof) > 0 {
		appendExchanges(w, "keys", o.DNSSEC.Proof)
	}
	w.shut('}')
}

// appendExchanges writes requests and their responses under a key.
func appendExchanges(w *canon, key string, list []Exchange) {
	w.key(key)
	w.open('[')
	for i := range list {
		x := &list[i]
		w.sep()
		w.open('{')
		w.str("server", x.Server)
		w.str("transport", x.Transport)
		w.str("name", x.Name)
		w.bytes("request", x.Request)
		w.bytes("response", x.Response)
		w.str("failure", string(x.Failure))
		w.time("at", x.At)
		w.num("rtt_ns", int64(x.RTT))
		w.shut('}')
	}
	w.shut(']')
}

// The forms in which packets are read.
type (
	packetsJSON struct {
		Schema   string    `json:"schema"`
		Endpoint string    `json:"endpoint"`
		Looks    []rawJSON `json:"looks"`
	}
	rawJSON struct {
		Market    Country        `json:"market"`
		Subnet    netip.Prefix   `json:"subnet"`
		Type      string         `json:"type"`
		Resolver  string         `json:"resolver"`
		Server    string         `json:"server"`
		Transport string         `json:"transport"`
		Via       string         `json:"via"`
		Failure   Failure        `json:"failure"`
		Detail    string         `json:"detail"`
		At        time.Time      `json:"at"`
		RTT       time.Duration  `json:"rtt_ns"`
		Exchanges []exchangeJSON `json:"exchanges"`
		Keys      []exchangeJSON `json:"keys"` // behind the verdict on signatures
	}
	exchangeJSON struct {
		Server    string        `json:"server"`
		Transport string        `json:"transport"`
		Name      string        `json:"name"`
		Request   []byte        `json:"request"`
		Response  []byte        `json:"response"`
		Failure   Failure       `json:"failure"`
		At        time.Time     `json:"at"`
		RTT       time.Duration `json:"rtt_ns"`
	}
)

func (p *packetsJSON) schema() string { return p.Schema }

// ParsePackets reads the bytes that Packets writes: the looks in the order in
// which they were written, each with its exchanges and what says which it is.
// What was judged of them is in the sight.
func ParsePackets(data []byte, e Endpoint) ([]Observation, error) {
	var p packetsJSON
	if err := readCanonical(data, packetsSchema, &p); err != nil {
		return nil, err
	}
	looks := make([]Observation, 0, len(p.Looks))
	for _, l := range p.Looks {
		o := Observation{
			Question: Question{Endpoint: e, Market: l.Market, Subnet: ClientSubnet{Prefix: l.Subnet}, Type: l.Type},
			Resolver: l.Resolver, Server: l.Server, Transport: l.Transport, Via: l.Via, Failure: l.Failure, Detail: l.Detail,
			At: l.At, RTT: l.RTT,
		}
		for _, x := range l.Exchanges {
			o.Exchanges = append(o.Exchanges, Exchange(x))
		}
		for _, x := range l.Keys {
			if o.DNSSEC == nil {
				o.DNSSEC = &DNSSEC{} // its verdict is in the sight
			}
			o.DNSSEC.Proof = append(o.DNSSEC.Proof, Exchange(x))
		}
		looks = append(looks, o)
	}
	return looks, nil
}

package report

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"strconv"
	"time"

	"residency/internal/residency"
)

// lookLines writes looks as lines of JSON. Looks come by the million, and most
// have most in common with the one before: such parts are kept as text.
type lookLines struct {
	at   stamps
	asks keptPart[askedLook]
	gets keptPart[gotLook]
}

// askedLook is who was asked for whom.
type askedLook struct {
	market           residency.Country
	subnet           netip.Prefix
	resolver, server string
	via, transport   string
}

// gotLook is what came back, but for the answer itself.
type gotLook struct {
	returned         netip.Prefix
	scope            int
	tailoring        residency.Tailoring
	why, rcode, nsid string
	flags            residency.HeaderFlags
}

// keptPart is a part of a line and what it says.
type keptPart[K comparable] struct {
	of   K
	text []byte
}

// append appends the part about of, which write writes.
func (k *keptPart[K]) append(b []byte, of K, write func([]byte, *K) []byte) []byte {
	if k.text == nil || k.of != of {
		k.of = of
		k.text = write(k.text[:0], &k.of)
	}
	return append(b, k.text...)
}

// append appends one look as a line of JSON. raw says that the bytes of every
// message are part of it.
func (l *lookLines) append(b []byte, o *residency.Observation, raw bool) []byte {
	b = appendString(append(b, `{"schema":"`+LookSchema+`","name":`...), o.Endpoint.Host)
	b = appendString(append(b, `,"type":`...), o.Type)
	b = l.asks.append(b, askedLook{o.Market, o.Subnet.Prefix, o.Resolver, o.Server, o.Via, o.Transport}, appendAsked)
	if len(o.Path) > 0 {
		b = appendAny(append(b, `,"path":`...), o.Path)
	}
	b = l.gets.append(b, gotLook{o.Returned, o.Scope, o.Tailoring, o.TailoringWhy, o.Rcode, o.NSID, o.Flags}, appendGot)
	if len(o.Errors) > 0 {
		b = appendAny(append(b, `,"errors":`...), o.Errors)
	}
	if o.DNSSEC != nil {
		b = appendAny(append(b, `,"dnssec":`...), o.DNSSEC)
	}
	b = appendString(append(b, `,"failure":`...), string(o.Failure))
	b = appendIf(b, "detail", o.Detail)
	b = appendLinks(append(b, `,"chain":[`...), o.Chain)
	b = appendAnswers(append(b, `],"addresses":[`...), o.Addresses)
	b = appendMilliseconds(append(b, `],"rtt_ms":`...), o.RTT)
	b = append(l.at.append(append(b, `,"at":"`...), o.At), '"')
	if raw && len(o.Exchanges) > 0 {
		b = append(appendExchanges(append(b, `,"exchanges":[`...), o.Exchanges, &l.at), ']')
	}
	if raw && o.DNSSEC != nil && len(o.DNSSEC.Proof) > 0 {
		b = append(appendExchanges(append(b, `,"keys":[`...), o.DNSSEC.Proof, &l.at), ']')
	}
	return append(b, "}\n"...)
}

func appendAsked(b []byte, a *askedLook) []byte {
	b = append(b, `,"market":`...)
	if a.market.Known() {
		b = appendString(b, a.market.String())
	} else {
		b = append(b, "null"...)
	}
	b = append(appendPrefix(append(b, `,"client_subnet":"`...), a.subnet), '"')
	b = appendString(append(b, `,"resolver":`...), a.resolver)
	b = appendString(append(b, `,"server":`...), a.server)
	b = appendIf(b, "via", a.via)
	return appendString(append(b, `,"transport":`...), a.transport)
}

func appendGot(b []byte, g *gotLook) []byte {
	b = append(appendPrefix(append(b, `,"returned":"`...), g.returned), '"')
	b = strconv.AppendInt(append(b, `,"scope":`...), int64(g.scope), 10)
	b = appendString(append(b, `,"tailoring":`...), g.tailoring.String())
	b = appendString(append(b, `,"tailoring_why":`...), g.why)
	b = appendString(append(b, `,"rcode":`...), g.rcode)
	b = strconv.AppendUint(append(b, `,"flags":`...), uint64(g.flags), 10)
	return appendIf(b, "nsid", g.nsid)
}

// appendIf appends a field that is left out when it is empty.
func appendIf(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return appendString(b, value)
}

// appendAny appends what is rare the slow way.
func appendAny(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil { // these are numbers and strings, which cannot fail
		return append(b, "null"...)
	}
	return append(b, text...)
}

func appendLinks(b []byte, list []residency.Link) []byte {
	for i, k := range list {
		b = appendComma(b, i)
		b = appendString(append(b, `{"owner":`...), k.Owner)
		b = appendString(append(b, `,"type":`...), k.Type)
		b = appendString(append(b, `,"target":`...), k.Target)
		b = strconv.AppendUint(append(b, `,"ttl":`...), uint64(k.TTL), 10)
		b = append(b, '}')
	}
	return b
}

func appendAnswers(b []byte, list []residency.Answer) []byte {
	for i := range list {
		a := &list[i]
		b = appendComma(b, i)
		b = a.Address.AppendTo(append(b, `{"address":"`...))
		b = strconv.AppendUint(append(b, `","ttl":`...), uint64(a.TTL), 10)
		b = appendString(append(b, `,"owner":`...), a.Owner)
		if a.Hint {
			b = append(b, `,"hint":true`...)
		}
		if a.DNS64.IsValid() {
			b = append(a.DNS64.AppendTo(append(b, `,"dns64":"`...)), '"')
		}
		b = append(b, '}')
	}
	return b
}

func appendExchanges(b []byte, list []residency.Exchange, at *stamps) []byte {
	for i := range list {
		x := &list[i]
		b = appendComma(b, i)
		b = appendString(append(b, `{"server":`...), x.Server)
		b = appendString(append(b, `,"transport":`...), x.Transport)
		b = appendString(append(b, `,"name":`...), x.Name)
		b = appendBytes(append(b, `,"request":`...), x.Request)
		b = appendBytes(append(b, `,"response":`...), x.Response)
		b = appendString(append(b, `,"failure":`...), string(x.Failure))
		b = appendMilliseconds(append(b, `,"rtt_ms":`...), x.RTT)
		b = append(at.append(append(b, `,"at":"`...), x.At), `"}`...)
	}
	return b
}

// appendBytes appends bytes in base64; null when there are none.
func appendBytes(b, data []byte) []byte {
	if data == nil {
		return append(b, "null"...)
	}
	return append(base64.StdEncoding.AppendEncode(append(b, '"'), data), '"')
}

// appendMilliseconds appends milliseconds with their microseconds.
func appendMilliseconds(b []byte, d time.Duration) []byte {
	us := d.Microseconds()
	if us < 0 {
		return strconv.AppendFloat(b, milliseconds(d), 'f', -1, 64)
	}
	return appendFraction(strconv.AppendInt(b, us/1000, 10), us%1000, 100)
}

// appendFraction appends the digits after the point, as many as are needed;
// unit is what the first of them counts.
func appendFraction(b []byte, rest, unit int64) []byte {
	if rest > 0 {
		b = append(b, '.')
	}
	for ; rest > 0; unit /= 10 {
		b = append(b, byte('0'+rest/unit))
		rest %= unit
	}
	return b
}

// stamps writes times as RFC 3339 has them. Those of one second have nearly all
// in common.
type stamps struct {
	second int64
	zone   *time.Location
	head   []byte // to the second
	tail   []byte // the zone
}

const toTheSecond = len("2006-01-02T15:04:05")

func (s *stamps) append(b []byte, t time.Time) []byte {
	if sec := t.Unix(); len(s.head) == 0 || sec != s.second || t.Location() != s.zone {
		if y := t.Year(); y < 0 || y > 9999 { // of another length
			return t.AppendFormat(b, time.RFC3339Nano)
		}
		text := t.AppendFormat(s.head[:0], time.RFC3339)
		s.second, s.zone = sec, t.Location()
		s.head, s.tail = text[:toTheSecond], text[toTheSecond:]
	}
	b = append(b, s.head...)
	return append(appendFraction(b, int64(t.Nanosecond()), 1e8), s.tail...)
}

// appendComma separates elements from the second on.
func appendComma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

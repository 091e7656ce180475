package interop

import (
	"context"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/miekg/dns"

	"residency/internal/interop/knot"
	"residency/internal/residency"
	"residency/internal/resolve"
	"residency/internal/resolve/dnssec"
)

// verdicts gives a validator's verdicts as the resolver wants them.
type verdicts struct{ *dnssec.Validator }

func (v verdicts) Validate(ctx context.Context, response []byte, name string, rtype uint16) residency.DNSSEC {
	got := v.Validator.Validate(ctx, response, name, rtype)
	return residency.DNSSEC{State: residency.DNSSECState(got.State), Why: string(got.Why), Proof: got.Proof}
}

// TestValidateOverKnot: what Knot signs is found to be secure: answers, both
// kinds of denial, wildcards and aliases. With another anchor it is bogus.
func TestValidateOverKnot(t *testing.T) {
	t.Parallel()
	server := knot.Start(t,
		knot.Zone{Origin: "signed.example", Signed: true, Records: "www A 192.0.2.1\nalias CNAME www\n*.wild A 192.0.2.2\nsub NS ns.sub\nns.sub A 127.0.0.1"},
		knot.Zone{Origin: "sub.signed.example", Records: "www A 192.0.2.3"})
	right := anchorAt(t, server.Addr, "signed.example.")
	wrong := right
	wrong.Digest = append([]byte(nil), right.Digest...)
	wrong.Digest[0] ^= 1
	for _, tt := range []struct {
		host    string
		anchor  dnssec.Anchor
		state   residency.DNSSECState
		why     string
		failure residency.Failure
	}{
		{"www.signed.example", right, residency.DNSSECSecure, "", ""},
		{"alias.signed.example", right, residency.DNSSECSecure, "", ""},
		{"any.wild.signed.example", right, residency.DNSSECSecure, "", ""},
		{"wild.signed.example", right, residency.DNSSECSecure, "", ""}, // no data
		{"gone.signed.example", right, residency.DNSSECSecure, "", residency.FailNXDomain},
		{"www.sub.signed.example", right, residency.DNSSECInsecure, "no-ds", ""},
		{"www.signed.example", wrong, residency.DNSSECBogus, "key-mismatch", residency.FailBogus},
	} {
		r := &resolve.Resolver{
			Timeout: 10 * time.Second,
			Servers: []resolve.Server{{Name: "knot", Addresses: []string{server.Addr}, Authoritative: true}},
			NewValidator: func(fetch resolve.Fetch) resolve.Validator {
				return verdicts{&dnssec.Validator{Fetch: fetch, Anchors: []dnssec.Anchor{tt.anchor}}}
			},
		}
		question := residency.Question{Endpoint: residency.Endpoint{Host: tt.host}, Type: "A"}
		r.Observe(t.Context(), []residency.Question{question}, func(o residency.Observation) {
			if o.DNSSEC == nil || o.DNSSEC.State != tt.state || o.DNSSEC.Why != tt.why || o.Failure != tt.failure {
				t.Errorf("%s: %+v, failure %q (%s); want %s %s, failure %q", tt.host, o.DNSSEC, o.Failure, o.Detail, tt.state, tt.why, tt.failure)
				return
			}
			redo(t, o, tt.anchor)
		})
	}
}

// redo validates a look again from the bytes that it keeps, and asks nobody.
func redo(t *testing.T, o residency.Observation, anchor dnssec.Anchor) {
	t.Helper()
	v := &dnssec.Validator{Anchors: []dnssec.Anchor{anchor}, Fetch: func(_ context.Context, name string, rtype uint16) (residency.Exchange, error) {
		for _, x := range o.DNSSEC.Proof {
			var req, resp dns.Msg
			if req.Unpack(x.Request) == nil && resp.Unpack(x.Response) == nil && req.Id == resp.Id &&
				req.Question[0].Name == name && req.Question[0].Qtype == rtype {
				return x, nil
			}
		}
		return residency.Exchange{}, errors.New("not kept")
	}}
	last := o.Exchanges[len(o.Exchanges)-1]
	if got := v.Validate(t.Context(), last.Response, dns.Fqdn(last.Name), dns.TypeA); string(got.State) != string(o.DNSSEC.State) || string(got.Why) != o.DNSSEC.Why {
		t.Errorf("%s: redone %s %s, want %s %s", o.Endpoint.Host, got.State, got.Why, o.DNSSEC.State, o.DNSSEC.Why)
	}
}

// anchorAt is the key of a zone as its server has it, waiting until it signs.
func anchorAt(t *testing.T, addr, zone string) dnssec.Anchor {
	t.Helper()
	for range 100 {
		m := new(dns.Msg)
		m.SetQuestion(zone, dns.TypeDNSKEY)
		if resp, err := dns.Exchange(m, addr); err == nil {
			for _, r := range resp.Answer {
				key, ok := r.(*dns.DNSKEY)
				if !ok || key.Flags&dns.SEP == 0 {
					continue
				}
				ds := key.ToDS(dns.SHA256)
				digest, err := hex.DecodeString(ds.Digest)
				if err != nil {
					t.Fatal(err)
				}
				return dnssec.Anchor{Zone: zone, KeyTag: ds.KeyTag, Algorithm: ds.Algorithm, DigestType: ds.DigestType, Digest: digest}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the server shows no key for %s", zone)
	return dnssec.Anchor{}
}

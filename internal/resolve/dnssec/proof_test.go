package dnssec

import (
	"context"
	"errors"
	"testing"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// TestProof: what is kept of a validation is all that it takes to do it again:
// an auditor with the answer, the exchanges and the anchor comes to the same
// verdict, without asking anybody. That holds for links remembered from an
// earlier call, too.
func TestProof(t *testing.T) {
	t.Parallel()
	in := world(t)
	first := in.validator(t)
	for _, tt := range []struct {
		name  string
		qtype uint16
	}{
		{"www.bank.test.", dns.TypeA}, {"www.bank.test.", dns.TypeAAAA}, {"nope.bank.test.", dns.TypeA}, {"www.bank.test.", dns.TypeMX},
	} {
		raw := in.raw(t, tt.name, tt.qtype)
		for _, again := range []bool{false, true} {
			got := first.Validate(context.Background(), raw, tt.name, tt.qtype)
			if len(got.Proof) == 0 || again && got.Work.Fetches != 0 {
				t.Fatalf("%s, again %v: %d exchanges kept, %d fetched", tt.name, again, len(got.Proof), got.Work.Fetches)
			}
			auditor := &Validator{Anchors: first.Anchors, Now: first.Now, Fetch: fromProof(got.Proof)}
			redone := auditor.Validate(context.Background(), raw, tt.name, tt.qtype)
			if redone.State != got.State || redone.Why != got.Why || len(redone.Chain) != len(got.Chain) {
				t.Errorf("%s: %s (%s) in %d steps, redone %s (%s) in %d", tt.name, got.State, got.Why, len(got.Chain), redone.State, redone.Why, len(redone.Chain))
			}
			if redone.Work.Fetches != len(got.Proof) {
				t.Errorf("%s: %d exchanges kept, %d needed", tt.name, len(got.Proof), redone.Work.Fetches)
			}
		}
	}
}

// fromProof gives what was kept, and nothing else.
func fromProof(list []residency.Exchange) func(context.Context, string, uint16) (residency.Exchange, error) {
	return func(_ context.Context, name string, qtype uint16) (residency.Exchange, error) {
		for _, x := range list {
			var m dns.Msg
			if m.Unpack(x.Response) == nil && len(m.Question) == 1 && m.Question[0].Name == name && m.Question[0].Qtype == qtype {
				return x, nil
			}
		}
		return residency.Exchange{}, errors.New("not kept")
	}
}

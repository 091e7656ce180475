package resolve

import (
	"fmt"

	"residency/internal/residency"
)

// tailor says whether one response is about the market, and why in one
// sentence.
//
// A scope longer than the subnet sent still makes the answer specific: by
// RFC 7871 section 7.2.1 the server did choose it for our subnet, and only
// adds that parts of the subnet could be told another answer. Another subnet
// than ours means none, although section 7.3 would have the response dropped:
// it was not made for our question, and what it said is worth showing.
//
// A server that stands in the market and was told no subnet, or shows no sign
// that it took ours, answers as to its own clients, who are of the market:
// unknown, since another server there may say otherwise.
func tailor(q *query, resp *response, server *Server, local bool) (residency.Tailoring, string) {
	back := resp.subnet
	switch {
	case !q.sent.IsValid() && local:
		return residency.TailoringUnknown, "no client subnet was sent; the server stands in the market and answers as to its clients there"
	case !q.edns:
		return residency.TailoringNone, "the server does not understand EDNS, so it could not be told the client subnet"
	case !q.sent.IsValid():
		return residency.TailoringNone, "no client subnet was sent, so the answer is meant for our own location"
	case !back.present && server.Authoritative:
		return residency.TailoringUnknown, "the authoritative server returned no client subnet, so its answer may depend on who asks"
	case !back.present && local:
		return residency.TailoringUnknown, "the server returned no client subnet, but it stands in the market and answers as to its clients there"
	case !back.present:
		return residency.TailoringNone, "the server returned no client subnet, so the answer is meant for our own location"
	case back.broken:
		return residency.TailoringNone, "the client subnet option that came back is broken, so the market was not asked"
	case back.prefix != q.sent:
		return residency.TailoringNone, fmt.Sprintf("the answer is for the client subnet %v and not for %v, which was asked", back.prefix, q.sent)
	case back.scope > q.sent.Bits():
		return residency.TailoringSpecific, fmt.Sprintf("the answer is for the subnet asked; its scope /%d is longer, so parts of the subnet may get other answers", back.scope)
	case back.scope > 0:
		return residency.TailoringSpecific, fmt.Sprintf("the answer is for the subnet asked, scope /%d", back.scope)
	case server.Authoritative:
		return residency.TailoringGlobal, "the authoritative server answered scope /0: the same for every client"
	}
	return residency.TailoringUnknown, "the recursive server answered scope /0: it may not have passed the client subnet on"
}

package residency

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const judgementSchema = "residency/judgement/v1"

// Judgement returns the canonical bytes of the round's cells: verdicts,
// grades, reasons, and the addresses they rest on. What is reckoned from
// repeated answers, hints and waivers are left out: they change no verdict.
//
// Where a verdict rests on an address that an earlier round showed, the hash of
// its location is here, as the sight has only what its own looks showed.
func (r Round) Judgement() []byte {
	where := make(map[netip.Addr]Hash, len(r.Locations))
	for addr, loc := range r.Locations {
		where[addr] = HashOf(loc.Canonical())
	}
	return r.AppendJudgement(nil, where)
}

// AppendJudgement appends to b what Judgement returns, for a caller that knows
// the hash of each location.
func (r Round) AppendJudgement(b []byte, where map[netip.Addr]Hash) []byte {
	w := &canon{b}
	w.open('{')
	w.str("schema", judgementSchema)
	w.str("endpoint", r.Endpoint.Key())
	cells := make([]*Cell, len(r.Cells))
	for i := range r.Cells {
		cells[i] = &r.Cells[i]
	}
	slices.SortFunc(cells, func(a, b *Cell) int {
		return cmp.Or(strings.Compare(a.Claim, b.Claim), strings.Compare(a.Market.String(), b.Market.String()))
	})
	w.key("cells")
	w.open('[')
	for _, c := range cells {
		w.sep()
		appendCell(w, c)
	}
	w.shut(']')
	appendHashes(w, "past", r.earlier(), where)
	w.shut('}')
	return w.b
}

// earlier lists the judged addresses that none of the round's looks showed.
func (r Round) earlier() []netip.Addr {
	var list []netip.Addr
	shown := r.Shown()
	for i := range r.Cells {
		for _, a := range r.Cells[i].Addresses {
			if _, known := slices.BinarySearchFunc(shown, a.Address, netip.Addr.Compare); !known {
				list = append(list, a.Address)
			}
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

func appendCell(w *canon, c *Cell) {
	w.open('{')
	w.str("claim", c.Claim)
	w.str("market", c.Market.String())
	w.str("verdict", c.Verdict.String())
	w.str("grade", c.Grade.String())
	words(w, "reasons", c.Reasons)
	w.yes("counts", c.Counts)
	w.countries("suspected", c.Suspected)
	w.key("addresses")
	w.open('[')
	for i := range c.Addresses {
		w.sep()
		appendJudged(w, &c.Addresses[i])
	}
	w.shut(']')
	w.num("not_counted", int64(c.NotCounted))
	w.key("coverage")
	w.open('{')
	w.num("needs", int64(c.Coverage.Needs))
	w.num("met", int64(c.Coverage.Met))
	w.num("looks", int64(c.Coverage.Looks))
	w.num("counted", int64(c.Coverage.Counted))
	w.num("failed", int64(c.Coverage.Failed))
	w.shut('}')
	if c.Confirm != (Confirmation{}) {
		w.key("confirm")
		w.open('{')
		w.num("seen", int64(c.Confirm.Seen))
		w.num("needed", int64(c.Confirm.Needed))
		w.shut('}')
	}
	w.time("last_outside", c.LastOutside)
	w.time("clear_from", c.ClearFrom)
	w.shut('}')
}

func appendJudged(w *canon, a *JudgedAddress) {
	w.open('{')
	w.addr("address", a.Address)
	w.str("side", a.Side.String())
	w.str("grade", a.Grade.String())
	words(w, "reasons", a.Reasons)
	w.yes("counts", a.Counts)
	w.str("tailoring", a.Tailoring.String())
	words(w, "resolvers", a.Resolvers)
	w.shut('}')
}

// The forms in which a judgement is read.
type (
	judgementJSON struct {
		Schema   string         `json:"schema"`
		Endpoint string         `json:"endpoint"`
		Cells    []cellJSON     `json:"cells"`
		Past     []locationHash `json:"past"`
	}
	cellJSON struct {
		Claim       string       `json:"claim"`
		Market      Country      `json:"market"`
		Verdict     Verdict      `json:"verdict"`
		Grade       Grade        `json:"grade"`
		Reasons     []Reason     `json:"reasons"`
		Counts      bool         `json:"counts"`
		Suspected   Countries    `json:"suspected"`
		Addresses   []judgedJSON `json:"addresses"`
		NotCounted  int          `json:"not_counted"`
		Coverage    Coverage     `json:"coverage"`
		Confirm     Confirmation `json:"confirm"`
		LastOutside time.Time    `json:"last_outside"`
		ClearFrom   time.Time    `json:"clear_from"`
	}
	judgedJSON struct {
		Address   netip.Addr `json:"address"`
		Side      Side       `json:"side"`
		Grade     Grade      `json:"grade"`
		Reasons   []Reason   `json:"reasons"`
		Counts    bool       `json:"counts"`
		Tailoring Tailoring  `json:"tailoring"`
		Resolvers []string   `json:"resolvers"`
	}
)

func (j *judgementJSON) schema() string { return j.Schema }

// ParseJudgement reads the bytes that Judgement writes: the cells of an
// endpoint, whose key alone is in them, and the hashes of the locations of
// those addresses that an earlier round showed.
func ParseJudgement(data []byte, e Endpoint) ([]Cell, map[netip.Addr]Hash, error) {
	var j judgementJSON
	if err := readCanonical(data, judgementSchema, &j); err != nil {
		return nil, nil, err
	}
	cells := make([]Cell, 0, len(j.Cells))
	for _, c := range j.Cells {
		cell := Cell{
			Claim: c.Claim, Endpoint: e, Market: c.Market, Verdict: c.Verdict, Grade: c.Grade, Reasons: c.Reasons,
			Counts: c.Counts, Suspected: c.Suspected, NotCounted: c.NotCounted, Coverage: c.Coverage, Confirm: c.Confirm,
			LastOutside: c.LastOutside, ClearFrom: c.ClearFrom, Addresses: make([]JudgedAddress, 0, len(c.Addresses)),
		}
		for _, a := range c.Addresses {
			cell.Addresses = append(cell.Addresses, JudgedAddress(a))
		}
		cells = append(cells, cell)
	}
	past := make(map[netip.Addr]Hash, len(j.Past))
	for _, l := range j.Past {
		past[l.Address] = l.SHA256
	}
	return cells, past, nil
}

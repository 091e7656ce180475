package residency

import "net/netip"

const locationSchema = "residency/location/v1"

// Canonical returns the canonical bytes of what is known of where the address
// is, without the address: those of one network share one body.
//
// A data set is named and no more. Which file that was is in the header of the
// run, so that newer data that says the same of an address changes nothing
// here. Delays differ a little each time: of them only what they exclude is
// kept.
func (l Location) Canonical() []byte { return l.AppendCanonical(nil) }

// AppendCanonical appends to b what Canonical returns.
func (l Location) AppendCanonical(b []byte) []byte {
	w := &canon{b}
	w.open('{')
	w.str("schema", locationSchema)
	w.countries("countries", l.Countries)
	w.str("region", l.Region)
	w.str("decision", string(l.Decision))
	w.str("veto", string(l.Veto))
	w.yes("conflict", l.Conflict)
	w.key("voices")
	w.open('[')
	for i := range l.Voices {
		w.sep()
		w.open('{')
		w.str("name", l.Voices[i].Name)
		w.countries("countries", l.Voices[i].Countries)
		w.yes("stale", l.Voices[i].Stale)
		w.shut('}')
	}
	w.shut(']')
	w.countries("excluded", l.Excluded)
	w.countries("impossible", l.Impossible)
	w.key("assertions")
	w.open('[')
	for i := range l.Assertions {
		w.sep()
		appendAssertion(w, &l.Assertions[i])
	}
	w.shut(']')
	words(w, "missing", l.Missing)
	w.shut('}')
	return w.b
}

func appendAssertion(w *canon, a *Assertion) {
	w.open('{')
	w.str("source", a.Source)
	w.str("class", string(a.Class))
	w.str("lineage", a.Lineage)
	w.countries("in", a.In)
	w.countries("not_in", a.NotIn)
	w.countries("proven", a.Proven)
	w.str("region", a.Region)
	w.prefix("prefix", a.Prefix)
	w.yes("stale", a.Stale)
	if a.Class != ClassRTT {
		w.str("note", a.Note) // that of a delay tells the delay
	}
	if a.Dataset != nil {
		w.str("dataset", a.Dataset.Name)
	}
	w.shut('}')
}

// The forms in which a location is read.
type (
	locationJSON struct {
		Schema     string          `json:"schema"`
		Countries  Countries       `json:"countries"`
		Region     string          `json:"region"`
		Decision   Decision        `json:"decision"`
		Veto       Reason          `json:"veto"`
		Conflict   bool            `json:"conflict"`
		Voices     []voiceJSON     `json:"voices"`
		Excluded   Countries       `json:"excluded"`
		Impossible Countries       `json:"impossible"`
		Assertions []assertionJSON `json:"assertions"`
		Missing    []string        `json:"missing"`
	}
	voiceJSON struct {
		Name      string    `json:"name"`
		Countries Countries `json:"countries"`
		Stale     bool      `json:"stale"`
	}
	assertionJSON struct {
		Source  string       `json:"source"`
		Class   Class        `json:"class"`
		Lineage string       `json:"lineage"`
		In      Countries    `json:"in"`
		NotIn   Countries    `json:"not_in"`
		Proven  Countries    `json:"proven"`
		Region  string       `json:"region"`
		Prefix  netip.Prefix `json:"prefix"`
		Stale   bool         `json:"stale"`
		Note    string       `json:"note"`
		Dataset string       `json:"dataset"`
	}
)

func (l *locationJSON) schema() string { return l.Schema }

// ParseLocation reads the bytes that Canonical writes, for the address it is
// about. The data sets of its assertions have a name, lineage and class only;
// the header of the run has the rest.
func ParseLocation(data []byte, addr netip.Addr) (Location, error) {
	var l locationJSON
	if err := readCanonical(data, locationSchema, &l); err != nil {
		return Location{}, err
	}
	loc := Location{
		Address: addr, Countries: l.Countries, Region: l.Region, Decision: l.Decision, Veto: l.Veto, Conflict: l.Conflict,
		Excluded: l.Excluded, Impossible: l.Impossible, Missing: l.Missing,
	}
	for _, v := range l.Voices {
		loc.Voices = append(loc.Voices, Voice(v))
	}
	for _, a := range l.Assertions {
		loc.Assertions = append(loc.Assertions, Assertion{
			Source: a.Source, Class: a.Class, Lineage: a.Lineage, In: a.In, NotIn: a.NotIn, Proven: a.Proven,
			Region: a.Region, Prefix: a.Prefix, Stale: a.Stale, Note: a.Note,
			Dataset: &Dataset{Name: a.Dataset, Lineage: a.Lineage, Class: a.Class},
		})
	}
	return loc, nil
}

// Keeper puts rounds into the form in which they are remembered. It works out
// the hash of a location once for many addresses; the zero value is ready for
// use, by one goroutine at a time.
type Keeper struct {
	scratch []byte
	known   map[string]keptLocation // by body

	sight, judgement, packets roomy
}

// roomy makes buffers as large as those of its kind have lately become, so that
// they need not grow.
type roomy int

func (r *roomy) buffer() []byte { return make([]byte, 0, int(*r)+int(*r)/8) }

func (r *roomy) made(b []byte) []byte {
	*r = roomy(max(len(b), int(*r)-int(*r)/16))
	return b
}

// keptLocation is the body of a location, and its hash.
type keptLocation struct {
	hash Hash
	body []byte
}

// maxKept bounds how many locations a Keeper remembers.
const maxKept = 1 << 13

// Keep returns the round as it is remembered.
func (k *Keeper) Keep(r *Round) KeptRound {
	kept, where := k.See(r)
	k.Judged(&kept, where, r)
	return kept
}

// See begins to keep a round, before it is judged: what it showed, and the hash
// of the location of every address.
func (k *Keeper) See(r *Round) (KeptRound, map[netip.Addr]Hash) {
	where := make(map[netip.Addr]Hash, len(r.Locations))
	kept := KeptRound{Endpoint: r.Endpoint, Locations: make(map[Hash][]byte, len(r.Locations))}
	k.locate(&kept, where, r)
	kept.Sight = k.sight.made(r.AppendSight(k.sight.buffer(), where))
	return kept, where
}

// Judged adds what See could not know: the judgement, locations of addresses
// that earlier rounds showed, the cells that are not plainly inside, and the
// packets.
func (k *Keeper) Judged(kept *KeptRound, where map[netip.Addr]Hash, r *Round) {
	k.locate(kept, where, r)
	kept.Judgement = k.judgement.made(r.AppendJudgement(k.judgement.buffer(), where))
	kept.Packets = k.packets.made(r.AppendPackets(k.packets.buffer()))
	for _, c := range r.Cells {
		if !c.Plain() {
			kept.Cells = append(kept.Cells, c)
		}
	}
}

// locate works out the hashes that are not known yet.
func (k *Keeper) locate(kept *KeptRound, where map[netip.Addr]Hash, r *Round) {
	for addr, loc := range r.Locations {
		if _, known := where[addr]; !known {
			l := k.location(&loc)
			where[addr] = l.hash
			kept.Locations[l.hash] = l.body
		}
	}
}

// location returns the hash and body of a location. All addresses of a network
// share one.
func (k *Keeper) location(loc *Location) keptLocation {
	k.scratch = loc.AppendCanonical(k.scratch[:0])
	if l, known := k.known[string(k.scratch)]; known {
		return l
	}
	if k.known == nil || len(k.known) >= maxKept {
		k.known = make(map[string]keptLocation)
	}
	body := append([]byte(nil), k.scratch...)
	l := keptLocation{HashOf(body), body}
	k.known[string(body)] = l
	return l
}

// Plain reports whether the cell is inside and counts: what most cells are,
// and what needs no row of its own in a memory.
func (c Cell) Plain() bool {
	return c.Verdict == Inside && c.Counts && c.Waiver == ""
}

package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"time"

	"residency/internal/residency"
)

// Schema names the version of the JSON of a check. Fields may be added under
// one version; a field that changes its meaning makes a new one.
const Schema = "residency/check/v1"

type jsonRun struct {
	ID           string     `json:"id"`
	At           time.Time  `json:"at"`
	Started      *time.Time `json:"started"`
	Finished     *time.Time `json:"finished"`
	Overdue      string     `json:"overdue,omitempty"` // why it is too old to say anything of now
	Partial      bool       `json:"partial"`
	PartialBy    string     `json:"partial_by,omitempty"`
	SimulatedAt  *time.Time `json:"simulated_at"`
	Version      string     `json:"version"`
	ConfigSHA256 string     `json:"config_sha256"`
	Notice       string     `json:"notice,omitempty"`
	ExitCode     int        `json:"exit_code"`
	Looks        int        `json:"looks"`
	Failed       int        `json:"failed"`

	// Number is that in the memory, and WindowSeconds how far back verdicts
	// look; both null where nothing is remembered and verdicts rest on this run
	// alone.
	Number        *int64     `json:"number"`
	WindowSeconds *float64   `json:"window_s"`
	Due           *time.Time `json:"due"`    // the instant the schedule wanted it at; null: somebody asked
	Missed        int        `json:"missed"` // instants of the schedule that passed before it
	Reassessed    bool       `json:"reassessed,omitempty"`
}

// jsonDataset hides two fields of the data set by its own: built is null when
// it is not known, and sha256 is that of a file only. Data that came in a Go
// module has an empty sha256, and in hash the module's own hash ("h1:..."),
// which go.sum has and sha256sum cannot check.
type jsonDataset struct {
	residency.Dataset
	Built  *time.Time `json:"built"`
	SHA256 string     `json:"sha256"`
	Hash   string     `json:"hash,omitempty"`

	Asked  int `json:"asked"`  // addresses of the run that it was asked about
	Silent int `json:"silent"` // of these, those it had no answer for; many are usual for lists
}

func datasetOf(d residency.Dataset) jsonDataset {
	out := jsonDataset{Dataset: d, Built: known(d.Built), SHA256: d.SHA256}
	if d.OfModule() {
		out.SHA256, out.Hash = "", d.SHA256
	}
	return out
}

type jsonResolver struct {
	Name          string            `json:"name"`
	Server        string            `json:"server"`
	Answers       bool              `json:"answers"`
	Failure       residency.Failure `json:"failure"`
	PassesSubnets bool              `json:"passes_subnets"`
	Declared      bool              `json:"declared"`
	Authoritative bool              `json:"authoritative"`
	StandsIn      []string          `json:"stands_in"`
	Text          string            `json:"text"`
}

type jsonClaim struct {
	ID           string               `json:"id"`
	Kind         residency.ClaimKind  `json:"kind"`
	Vendor       string               `json:"vendor"`
	Title        string               `json:"title"`
	Standing     residency.Standing   `json:"standing"`
	Effective    residency.Standing   `json:"effective"` // as the exit code takes it
	WaivedBy     []string             `json:"waived_by"` // ids of the waivers that cover some of its results
	Live         bool                 `json:"live"`
	Words        string               `json:"words"`
	Due          *residency.Date      `json:"due"`
	DueAt        *time.Time           `json:"due_at"`
	From         *residency.Date      `json:"from"`
	LastOutside  *time.Time           `json:"last_outside"` // null: never, or nothing is remembered
	BrokenSince  *time.Time           `json:"broken_since"` // null: it is not broken, or nothing is remembered
	Markets      int                  `json:"markets"`
	OutsideFrom  []string             `json:"outside_from"` // markets
	OutsideIn    residency.Countries  `json:"outside_in"`   // countries
	Cells        residency.CellCounts `json:"cells"`
	Coverage     residency.Coverage   `json:"coverage"`
	Unseen       *float64             `json:"unseen"`        // of the worst cell; null: not known
	OutsideBound *float64             `json:"outside_bound"` // the same
	SaidBy       string               `json:"said_by"`
	SaidOn       *residency.Date      `json:"said_on"`
	AllowedAsCDN int                  `json:"allowed_as_cdn"` // cells with an address inside only because its host is declared an edge
	Quote        string               `json:"quote"`
	Source       string               `json:"source"`
	SupersededBy string               `json:"superseded_by,omitempty"`
}

type jsonCell struct {
	Claim     string              `json:"claim"`
	Vendor    string              `json:"vendor"`
	Service   string              `json:"service"`
	Endpoint  string              `json:"endpoint"`
	Role      residency.Role      `json:"role"`
	Market    residency.Country   `json:"market"`
	Verdict   residency.Verdict   `json:"verdict"`
	Grade     residency.Grade     `json:"grade"`
	Reasons   []residency.Reason  `json:"reasons"`
	Counts    bool                `json:"counts"`
	Waiver    string              `json:"waiver"` // id; "" if none covers it
	Suspected residency.Countries `json:"suspected"`
	Addresses []jsonAddress       `json:"addresses"`
	// NotCounted is the number of addresses that do not count.
	NotCounted int                `json:"addresses_not_counted"`
	Looks      []jsonLook         `json:"looks"`
	Coverage   residency.Coverage `json:"coverage"`

	// Confirm is null unless an address outside was seen in too few runs yet.
	// LastOutside and ClearFrom are null unless the cell is still outside though
	// this run did not show it so.
	Confirm     *residency.Confirmation `json:"confirm"`
	LastOutside *time.Time              `json:"last_outside"`
	ClearFrom   *time.Time              `json:"clear_from"`

	Pool  jsonPool `json:"pool"`
	Hints []string `json:"hints"`
}

type jsonAddress struct {
	Address    netip.Addr          `json:"address"`
	Chain      []residency.Link    `json:"chain"`
	TTL        uint32              `json:"ttl"`
	Countries  residency.Countries `json:"countries"`
	Region     string              `json:"region"`
	Side       residency.Side      `json:"side"`
	Grade      residency.Grade     `json:"grade"`
	Reasons    []residency.Reason  `json:"reasons"`
	Counts     bool                `json:"counts"`
	FromHere   bool                `json:"seen_from_here,omitempty"` // by no look about the market: shown, no more
	AllowedAs  string              `json:"allowed_as,omitempty"`     // "cdn": approved only because the host is declared an edge
	Tailoring  residency.Tailoring `json:"tailoring"`
	Resolvers  []string            `json:"resolvers"`
	Hint       bool                `json:"hint,omitempty"` // known only as a hint in an HTTPS record
	DecidedBy  residency.Decision  `json:"decided_by"`
	Conflict   bool                `json:"conflict"`
	Missing    []string            `json:"missing"`
	Excluded   residency.Countries `json:"excluded,omitzero"` // of countries: too far away for the delay measured
	Assertions []jsonAssertion     `json:"assertions"`
}

type jsonAssertion struct {
	Source  string              `json:"source"`
	Class   residency.Class     `json:"class"`
	Lineage string              `json:"lineage"`
	In      residency.Countries `json:"in"`
	NotIn   residency.Countries `json:"not_in"`
	Proven  residency.Countries `json:"proven,omitzero"` // of not_in: too far even for light in a vacuum
	Region  string              `json:"region"`
	Prefix  string              `json:"prefix"`
	Stale   bool                `json:"stale"`
	Note    string              `json:"note,omitempty"`
	Dataset string              `json:"dataset"`
}

type jsonHead struct {
	Run       jsonRun        `json:"run"`
	Datasets  []jsonDataset  `json:"datasets"`
	Missing   []string       `json:"missing"`
	Resolvers []jsonResolver `json:"resolvers"`
	Surveys   []jsonSurvey   `json:"surveys"`
	Notices   []string       `json:"notices"`
}

// JSON writes the run as one document, a line per claim and cell, so that a
// large run needs no more memory than its largest cell.
func JSON(w io.Writer, run residency.Run) error {
	out := bufio.NewWriterSize(w, 64<<10)
	head, err := marshal(headOf(&run))
	if err != nil {
		return err
	}
	out.WriteString(`{"schema":"` + Schema + `",`)
	out.Write(head[1 : len(head)-1]) // its members
	out.WriteString(",\n\"claims\":[")
	for i, c := range run.Claims {
		if err := member(out, i, claimOf(&run, c)); err != nil {
			return err
		}
	}
	out.WriteString("],\n\"cells\":[")
	i, claims := 0, claimsByID(&run)
	for round, cell := range cells(&run) {
		if err := member(out, i, cellOf(claims[cell.Claim], round, cell)); err != nil {
			return err
		}
		i++
	}
	out.WriteString("]}\n")
	return out.Flush()
}

// member writes one element of an array on a line of its own.
func member(out *bufio.Writer, i int, v any) error {
	if i > 0 {
		out.WriteByte(',')
	}
	out.WriteByte('\n')
	b, err := marshal(v)
	if err != nil {
		return err
	}
	_, err = out.Write(b)
	return err
}

// NDJSON writes one object a line: first the run, then claims, then cells.
// Each names its type.
func NDJSON(w io.Writer, run residency.Run) error {
	out := bufio.NewWriterSize(w, 64<<10)
	line := func(kind string, v any) error {
		b, err := marshal(v)
		if err != nil {
			return err
		}
		out.WriteString(`{"type":"` + kind + `",`)
		out.Write(b[1:])
		return out.WriteByte('\n')
	}
	head := struct {
		Schema string `json:"schema"`
		jsonHead
	}{Schema, headOf(&run)}
	if err := line("run", head); err != nil {
		return err
	}
	for _, c := range run.Claims {
		if err := line("claim", claimOf(&run, c)); err != nil {
			return err
		}
	}
	claims := claimsByID(&run)
	for round, cell := range cells(&run) {
		if err := line("cell", cellOf(claims[cell.Claim], round, cell)); err != nil {
			return err
		}
	}
	return out.Flush()
}

// marshal encodes without escaping <, > and &: this JSON goes into no page.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func headOf(run *residency.Run) jsonHead {
	looks, failed, _ := coverage(run)
	head := jsonHead{
		Run: jsonRun{
			ID: run.ID, At: run.At, Started: known(run.Started), Finished: known(run.Finished),
			Overdue: run.Overdue, Partial: run.Partial, PartialBy: run.PartialBy, Version: run.Version,
			ConfigSHA256: run.ConfigSHA256, Notice: run.Notice, ExitCode: ExitCode(*run),
			Looks: looks, Failed: failed, Due: known(run.Due), Missed: run.Missed, Reassessed: run.Reassessed,
		},
		Datasets: []jsonDataset{}, Missing: some(run.Missing),
		Resolvers: []jsonResolver{}, Surveys: surveysOf(run), Notices: some(run.Notices),
	}
	if run.Simulated {
		head.Run.SimulatedAt = &run.At
	}
	if run.Seq != 0 {
		head.Run.Number = &run.Seq
	}
	if run.Window != 0 {
		seconds := run.Window.Seconds()
		head.Run.WindowSeconds = &seconds
	}
	said := spokenIn(run)
	for _, d := range run.Datasets {
		out := datasetOf(d)
		out.Asked, out.Silent = said.asked, said.silent(d)
		head.Datasets = append(head.Datasets, out)
	}
	for _, r := range run.Resolvers {
		in := residency.CountriesOf(r.StandsIn...).Codes()
		head.Resolvers = append(head.Resolvers, jsonResolver{
			r.Name, r.Server, r.Answers, r.Failure, r.PassesSubnets, r.Declared, r.Authoritative, in, r.Text,
		})
	}
	return head
}

func claimOf(run *residency.Run, c residency.ClaimStanding) jsonClaim {
	from := make([]string, len(c.Outside))
	for i, m := range c.Outside {
		from[i] = m.String()
	}
	return jsonClaim{
		ID: c.Claim.ID, Kind: c.Claim.Kind, Vendor: c.Claim.Vendor, Title: c.Claim.Title,
		Standing: c.Standing, Effective: c.Effective, Live: c.Claim.Live(),
		Words: run.ClaimWords(c), WaivedBy: some(c.Waived),
		Due: written(c.Claim.DueOn), DueAt: known(c.Claim.Due), From: written(c.Claim.FromOn),
		LastOutside: known(c.LastOutside), BrokenSince: known(c.BrokenSince),
		Markets: c.Markets, OutsideFrom: from, OutsideIn: c.Where,
		Cells: c.Counts, AllowedAsCDN: c.Edges, Coverage: c.Coverage, Unseen: c.Unseen, OutsideBound: c.OutsideBound,
		SaidBy: c.Claim.SaidBy, SaidOn: written(c.Claim.SaidOn), Quote: c.Claim.Quote, Source: c.Claim.Source,
		SupersededBy: c.Claim.SupersededBy,
	}
}

func cellOf(claim residency.Claim, round *residency.Round, cell *residency.Cell) jsonCell {
	out := jsonCell{
		Claim: cell.Claim, Vendor: cell.Endpoint.Vendor, Service: cell.Endpoint.Service,
		Endpoint: cell.Endpoint.Host, Role: cell.Endpoint.Role, Market: cell.Market,
		Verdict: cell.Verdict, Grade: cell.Grade, Reasons: some(cell.Reasons), Counts: cell.Counts, Waiver: cell.Waiver,
		Suspected: cell.Suspected, Addresses: []jsonAddress{}, NotCounted: cell.NotCounted,
		Looks: []jsonLook{}, Coverage: cell.Coverage, Pool: poolOf(cell.Pool), Hints: some(cell.Hints),
		LastOutside: known(cell.LastOutside), ClearFrom: known(cell.ClearFrom),
	}
	if cell.Confirm != (residency.Confirmation{}) {
		out.Confirm = &cell.Confirm
	}
	for _, a := range cell.Addresses {
		out.Addresses = append(out.Addresses, addressOf(claim, round, cell, a))
	}
	for i := range round.Observations {
		if o := &round.Observations[i]; o.Market == cell.Market {
			out.Looks = append(out.Looks, lookOf(o))
		}
	}
	return out
}

func addressOf(claim residency.Claim, round *residency.Round, cell *residency.Cell, a residency.JudgedAddress) jsonAddress {
	at := round.Locations[a.Address]
	out := jsonAddress{
		Address: a.Address, Countries: at.Countries, Region: at.Region, Side: a.Side, Grade: a.Grade,
		Reasons: some(a.Reasons), Counts: a.Counts, FromHere: fromHere(a), Tailoring: a.Tailoring, Resolvers: some(a.Resolvers),
		DecidedBy: at.Decision, Conflict: at.Conflict, Missing: some(at.Missing), Assertions: []jsonAssertion{},
		Excluded: at.Countries.Intersect(at.Excluded),
	}
	seen := sightings(round, cell.Market, a.Address)
	if edgeOf(claim, cell, a, at) != edgeNot {
		out.AllowedAs = residency.RoleCDN.String()
	}
	out.Chain, out.Hint = []residency.Link{}, len(seen) > 0
	for i, s := range seen {
		if i == 0 {
			out.Chain, out.TTL = some(s.look.Chain), s.ttl
		}
		out.TTL, out.Hint = min(out.TTL, s.ttl), out.Hint && s.hint
	}
	for _, said := range at.Assertions {
		out.Assertions = append(out.Assertions, assertionOf(said))
	}
	return out
}

func assertionOf(said residency.Assertion) jsonAssertion {
	a := jsonAssertion{
		Source: said.Source, Class: said.Class, Lineage: said.Lineage, In: said.In, NotIn: said.NotIn, Proven: said.Proven,
		Region: said.Region, Prefix: prefix(said.Prefix), Stale: said.Stale, Note: said.Note,
	}
	if said.Dataset != nil {
		a.Dataset = said.Dataset.Name
	}
	return a
}

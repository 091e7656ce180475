package report

import (
	"bufio"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// The part of the OSCAL assessment results model (NIST, version 1.2.1) that a
// report fills in.
type (
	oscalRoot struct {
		Results oscalResults `json:"assessment-results"`
	}
	oscalResults struct {
		UUID     string        `json:"uuid"`
		Metadata oscalMetadata `json:"metadata"`
		Plan     oscalHref     `json:"import-ap"`
		Results  []oscalResult `json:"results"`
	}
	oscalHref struct {
		Href    string `json:"href"`
		Remarks string `json:"remarks,omitempty"`
	}
	oscalMetadata struct {
		Title        string       `json:"title"`
		LastModified time.Time    `json:"last-modified"`
		Version      string       `json:"version"`
		OSCAL        string       `json:"oscal-version"`
		Parties      []oscalParty `json:"parties,omitempty"`
		Remarks      string       `json:"remarks,omitempty"`
	}
	oscalParty struct {
		UUID    string `json:"uuid"`
		Type    string `json:"type"`
		Name    string `json:"name"`
		Remarks string `json:"remarks,omitempty"`
	}
	oscalProp struct {
		Name  string `json:"name"`
		NS    string `json:"ns"`
		Value string `json:"value"`
	}
	oscalResult struct {
		UUID         string             `json:"uuid"`
		Title        string             `json:"title"`
		Description  string             `json:"description"`
		Start        time.Time          `json:"start"`
		End          time.Time          `json:"end"`
		Props        []oscalProp        `json:"props,omitempty"`
		Controls     oscalControls      `json:"reviewed-controls"`
		Observations []oscalObservation `json:"observations,omitempty"`
		Findings     []oscalFinding     `json:"findings,omitempty"`
		Remarks      string             `json:"remarks,omitempty"`
	}
	oscalControls struct {
		Selections []oscalSelection `json:"control-selections"`
	}
	oscalSelection struct {
		Description string         `json:"description"`
		All         *struct{}      `json:"include-all,omitempty"`
		Include     []oscalControl `json:"include-controls,omitempty"`
	}
	oscalControl struct {
		ID string `json:"control-id"`
	}
	oscalObservation struct {
		UUID        string      `json:"uuid"`
		Title       string      `json:"title"`
		Description string      `json:"description"`
		Props       []oscalProp `json:"props"`
		Methods     []string    `json:"methods"`
		Types       []string    `json:"types"`
		Collected   time.Time   `json:"collected"`
		Remarks     string      `json:"remarks,omitempty"`
	}
	oscalFinding struct {
		UUID        string         `json:"uuid"`
		Title       string         `json:"title"`
		Description string         `json:"description"`
		Props       []oscalProp    `json:"props"`
		Target      oscalTarget    `json:"target"`
		Related     []oscalRelated `json:"related-observations,omitempty"`
		Remarks     string         `json:"remarks,omitempty"`
	}
	oscalTarget struct {
		Type   string      `json:"type"`
		ID     string      `json:"target-id"`
		Title  string      `json:"title,omitempty"`
		Status oscalStatus `json:"status"`
	}
	oscalStatus struct {
		State   string `json:"state"`
		Reason  string `json:"reason"`
		Remarks string `json:"remarks"`
	}
	oscalRelated struct {
		UUID string `json:"observation-uuid"`
	}
)

// oscalSpace names what is ours among properties, and is the name space of our
// UUIDs.
const oscalSpace = "https://residency.example/ns/oscal"

// uuidOf returns the name-based UUID (RFC 9562 section 5.5) of its parts: the
// same dossier gives the same bytes.
func uuidOf(parts ...string) string {
	space := [16]byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8} // for URLs, RFC 9562 section 6.6
	h := sha1.New()
	h.Write(space[:])
	io.WriteString(h, oscalSpace)
	for _, p := range parts {
		fmt.Fprintf(h, "/%d:%s", len(p), p)
	}
	u := h.Sum(nil)[:16]
	u[6], u[8] = u[6]&0x0f|0x50, u[8]&0x3f|0x80
	x := hex.EncodeToString(u)
	return strings.Join([]string{x[:8], x[8:12], x[12:16], x[16:20], x[20:]}, "-")
}

func props(pairs ...string) []oscalProp {
	var list []oscalProp
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := strings.TrimSpace(clean(pairs[i+1])); v != "" {
			list = append(list, oscalProp{pairs[i], oscalSpace, v})
		}
	}
	return list
}

// oscal writes the report as OSCAL assessment results: a finding for each claim
// and an observation for each result. The model knows satisfied and
// not-satisfied only; what cannot be told is not-satisfied for the reason
// "other", and says so in its properties.
func (d *Dossier) oscal(w io.Writer) error {
	seed := d.Run.ID + "\x00" + d.Log.Checkpoint.Root.String() + "\x00" + d.From.UTC().Format(time.RFC3339Nano) + "\x00" + d.To.UTC().Format(time.RFC3339Nano)
	r := d.head("officer")
	res := oscalResult{
		UUID: uuidOf("result", seed), Title: d.period(), Description: strings.Join([]string{r.Totals, r.Lead, strings.Join(residency.Limits(), " ")}, " "),
		Start: d.From, End: d.To, Props: props("run", d.Run.ID, "configuration-sha256", d.Run.ConfigSHA256, "public-key", d.Log.Key), Remarks: r.Notice,
	}
	sel := oscalSelection{Description: "Promises and rules about where users' data may be sent."}
	for _, c := range d.Run.Claims {
		sel.Include = append(sel.Include, oscalControl{claimToken(c.Claim)})
		var list []oscalObservation
		for round, cell := range cells(&d.Run) {
			if cell.Claim == c.Claim.ID {
				list = append(list, d.observation(seed, round, cell))
			}
		}
		res.Observations = append(res.Observations, list...)
		res.Findings = append(res.Findings, d.oscalFinding(seed, c, list))
	}
	if len(sel.Include) > 0 {
		res.Controls.Selections = []oscalSelection{sel}
	} else {
		res.Controls.Selections = []oscalSelection{{Description: "No claim was judged.", All: &struct{}{}}}
	}
	root := oscalRoot{oscalResults{
		UUID: uuidOf("assessment-results", seed), Results: []oscalResult{res},
		Plan:     oscalHref{"#" + uuidOf("plan", d.Run.ConfigSHA256), "The plan is the configuration of the program; its SHA-256 is among the properties of the result."},
		Metadata: oscalMetadata{Title: audienceTitles["officer"], LastModified: d.Made, Version: nonEmpty(d.Program, "unversioned"), OSCAL: "1.2.1", Remarks: r.Notice},
	}}
	if name := strings.TrimSpace(clean(d.Organisation)); name != "" {
		root.Results.Metadata.Parties = []oscalParty{{UUID: uuidOf("party", name), Type: "organization", Name: name, Remarks: clean(d.Contact)}}
	}
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(root); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return out.Flush()
}

func nonEmpty(s, other string) string {
	if s = strings.TrimSpace(clean(s)); s == "" {
		return other
	}
	return s
}

// claimToken is the claim's name as an OSCAL token.
func claimToken(c residency.Claim) string { return "claim-" + c.ID }

func (d *Dossier) observation(seed string, round *residency.Round, cell *residency.Cell) oscalObservation {
	e := cell.Endpoint
	key := residency.FindingKey(e.Vendor, e.Service, e.Host, cell.Market, cell.Claim)
	collected := round.At
	if collected.IsZero() {
		collected = d.Run.At
	}
	p := props("verdict", cell.Verdict.String(), "grade", cell.Grade.String(), "market", cell.Market.String(), "host", e.Host, "vendor", e.Vendor, "service", e.Service,
		"countries", strings.Join(allPlaces(round, cell).Codes(), " "), "reasons", strings.ReplaceAll(join(cell.Reasons), "|", " "), "addresses", strings.ReplaceAll(addresses(cell), "|", " "))
	o := oscalObservation{
		UUID: uuidOf("observation", seed, key), Title: clean(e.Host) + " for users in " + cell.Market.Name(), Props: p,
		Description: sentence(verdictWords(&d.Run, cell)) + " " + cell.Verdict.Limit(), Methods: []string{"TEST"}, Types: []string{"finding"}, Collected: collected,
	}
	if cell.Verdict != residency.Outside {
		o.Types = []string{"control-objective"}
	}
	if i := slices.IndexFunc(d.Findings, func(f residency.Finding) bool { return f.Key == key }); i >= 0 {
		o.Remarks = "Finding " + d.Findings[i].Key + ": " + clean(d.findingState(d.Findings[i])) + "."
	}
	return o
}

func (d *Dossier) oscalFinding(seed string, c residency.ClaimStanding, list []oscalObservation) oscalFinding {
	status := oscalStatus{State: "not-satisfied", Reason: "fail", Remarks: sentence(claimWords(&d.Run, c))}
	switch c.Standing {
	case residency.Holding:
		status.State, status.Reason = "satisfied", "pass"
		status.Remarks += " " + residency.Limits()[0]
	case residency.Pending:
		status.Reason = "other"
		status.Remarks += " The promise is not due yet."
	case residency.StandingUnknown:
		status.Reason = "other"
		status.Remarks += " It is neither shown nor refuted."
	}
	f := oscalFinding{
		UUID: uuidOf("finding", seed, c.Claim.ID), Title: nonEmpty(c.Claim.Title, claimName(c.Claim)), Description: nonEmpty(c.Claim.Quote, allowed(c.Claim)),
		Props:  props("standing", c.Standing.String(), "effective-standing", c.Effective.String(), "due", c.Claim.DueOn.String(), "said-by", c.Claim.SaidBy, "source", c.Claim.Source),
		Target: oscalTarget{Type: "objective-id", ID: claimToken(c.Claim), Title: claimName(c.Claim), Status: status},
	}
	if f.Description == "" {
		f.Description = "No words are on record."
	}
	for _, o := range list {
		f.Related = append(f.Related, oscalRelated{o.UUID})
	}
	var says []string
	for _, s := range d.says(c.Claim.ID) {
		says = append(says, s.Label+": "+s.Text)
	}
	f.Remarks = strings.Join(says, " ")
	return f
}

package report

import (
	"bufio"
	"encoding/csv"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// DossierSchema names the version of the JSON of a report.
const DossierSchema = "residency/report/v1"

type (
	jsonDossier struct {
		Schema       string         `json:"schema"`
		Audience     string         `json:"audience"`
		Title        string         `json:"title,omitempty"`
		Organisation string         `json:"organisation"`
		Contact      string         `json:"contact"`
		Notice       string         `json:"notice,omitempty"`
		Made         time.Time      `json:"made"`
		From         time.Time      `json:"from"`
		To           time.Time      `json:"to"`
		Zone         string         `json:"zone"`
		Overdue      string         `json:"overdue,omitempty"`
		Runs         int            `json:"runs"`
		Partial      int            `json:"partial_runs"`
		Looks        map[string]int `json:"looks"` // by failure; "answered" for those with an answer
		Latest       jsonHead       `json:"latest"`

		Claims      []jsonRecord     `json:"claims"`
		Events      []jsonEvent      `json:"chronology"`
		Findings    []jsonFinding    `json:"findings"`
		Tried       jsonTried        `json:"precision"`
		Waivers     []jsonWaiver     `json:"waivers"`
		Corrections []jsonCorrection `json:"corrections"`
		Acts        []jsonAct        `json:"acts"`
		Log         jsonLog          `json:"log"`
		Bundle      string           `json:"bundle,omitempty"`
		BundleHash  string           `json:"bundle_sha256,omitempty"`
		Limits      []string         `json:"limits"`
		Cells       []jsonCell       `json:"cells"` // of the latest results; none for the board, without looks but for the engineer
	}
	jsonRecord struct {
		jsonClaim
		Since     *time.Time     `json:"since"`
		Days      []jsonDay      `json:"days"`
		Countries []jsonSeen     `json:"countries"`
		Responses []jsonResponse `json:"responses"`
		Archived  []jsonArchived `json:"archived"`
	}
	jsonDay struct {
		Day      string             `json:"day"`
		Standing residency.Standing `json:"standing"`
		Inside   int                `json:"inside"`
		Outside  int                `json:"outside"`
		Open     int                `json:"unknown"`
		Answers  int                `json:"answers"`
		Out      int                `json:"answers_outside"`
		Unknown  int                `json:"answers_unknown"`
	}
	jsonSeen struct {
		Country residency.Country   `json:"country"`
		Side    residency.Side      `json:"side"`
		Sure    bool                `json:"sure"`
		First   time.Time           `json:"first"`
		Last    time.Time           `json:"last"`
		Markets []residency.Country `json:"markets"`
		Hosts   []string            `json:"hosts"`
	}
	jsonResponse struct {
		On     string `json:"date"`
		By     string `json:"by"`
		Text   string `json:"text"`
		Source string `json:"source"`
	}
	jsonArchived struct {
		At     time.Time `json:"at"`
		From   string    `json:"from"`
		SHA256 string    `json:"sha256"`
		Size   int64     `json:"size"`
		By     string    `json:"by"`
	}
	jsonEvent struct {
		At    time.Time `json:"at"`
		Day   bool      `json:"day_only,omitempty"`
		Claim string    `json:"claim"`
		Host  string    `json:"host,omitempty"`
		Text  string    `json:"text"`
	}
	jsonFinding struct {
		Key       string              `json:"key"`
		Claim     string              `json:"claim"`
		Vendor    string              `json:"vendor"`
		Service   string              `json:"service"`
		Host      string              `json:"host"`
		Market    residency.Country   `json:"market"`
		Opened    time.Time           `json:"opened"`
		LastSeen  time.Time           `json:"last_seen"`
		Closed    *time.Time          `json:"closed"`
		ClosedAs  residency.ClosedAs  `json:"closed_as,omitempty"`
		Grade     residency.Grade     `json:"grade"`
		Countries residency.Countries `json:"countries"`
		Addresses []netip.Addr        `json:"addresses"`
		Waiver    string              `json:"waiver,omitempty"`
		Taken     *residency.Mark     `json:"acknowledged"`
		Disputed  *residency.Dispute  `json:"disputed"`
	}
	jsonTried struct {
		Findings int            `json:"findings"`
		Open     int            `json:"open"`
		Disputed int            `json:"disputed"`
		Settled  int            `json:"settled"`
		Upheld   int            `json:"upheld"`
		Decided  int            `json:"decided"`
		Causes   map[string]int `json:"causes,omitempty"`
		Share    *float64       `json:"right_at_most"` // of those decided; null: none is
	}
	jsonWaiver struct {
		ID       string    `json:"id"`
		Claims   []string  `json:"claims"`
		Owner    string    `json:"owner"`
		Approver string    `json:"approver"`
		Reason   string    `json:"reason"`
		Until    time.Time `json:"until"`
		Holds    bool      `json:"holds"`
	}
	jsonCorrection struct {
		Prefix   netip.Prefix      `json:"prefix"`
		Country  residency.Country `json:"country"`
		Evidence string            `json:"evidence"`
		SHA256   string            `json:"evidence_sha256"`
		Owner    string            `json:"owner"`
		Approver string            `json:"approver"`
		Reason   string            `json:"reason"`
		Expires  string            `json:"expires"`
	}
	jsonAct struct {
		At   time.Time `json:"at"`
		By   string    `json:"by"`
		What string    `json:"what"`
	}
	jsonLog struct {
		Key    string     `json:"public_key"`
		Leaves int64      `json:"leaves"`
		Size   int64      `json:"checkpoint_size"`
		Root   string     `json:"checkpoint_root"`
		At     *time.Time `json:"checkpoint_at"`
		Note   string     `json:"checkpoint"`
	}
)

// json writes the report for machines.
func (d *Dossier) json(w io.Writer, audience string) error {
	j := jsonDossier{
		Schema: DossierSchema, Audience: audience, Title: d.Title, Organisation: d.Organisation, Contact: d.Contact, Notice: d.Notice,
		Made: d.Made, From: d.From, To: d.To, Zone: d.Zone.String(), Overdue: d.Overdue, Runs: d.Runs, Partial: d.Partial,
		Looks: map[string]int{}, Latest: headOf(&d.Run), Claims: []jsonRecord{}, Events: []jsonEvent{}, Findings: []jsonFinding{},
		Tried: jsonTried(d.Tried), Waivers: []jsonWaiver{}, Corrections: []jsonCorrection{}, Acts: []jsonAct{},
		Log:    jsonLog{d.Log.Key, d.Log.Leaves, d.Log.Checkpoint.Size, d.Log.Checkpoint.Root.String(), known(d.Log.Checkpoint.At), string(d.Log.Checkpoint.Note)},
		Bundle: d.Bundle, BundleHash: d.BundleSHA256, Limits: residency.Limits(), Cells: []jsonCell{},
	}
	for f, n := range d.Looks {
		if f == "" {
			f = "answered"
		}
		j.Looks[string(f)] += n
	}
	for _, c := range d.Run.Claims {
		j.Claims = append(j.Claims, recordJSON(claimOf(&d.Run, c), d.record(c.Claim.ID)))
	}
	for _, e := range d.Events {
		j.Events = append(j.Events, jsonEvent(e))
	}
	for _, f := range d.Findings {
		j.Findings = append(j.Findings, jsonFinding{f.Key, f.Claim, f.Vendor, f.Service, f.Host, f.Market, f.Opened, f.LastSeen, known(f.Closed),
			f.ClosedAs, f.Grade, f.Countries, some(f.Addresses), f.Waiver, f.Acknowledged, f.Disputed})
	}
	for _, v := range d.Waivers {
		j.Waivers = append(j.Waivers, jsonWaiver{v.ID, v.Claims, v.Owner, v.Approver, v.Reason, v.Until, v.Holds(d.To)})
	}
	for _, c := range d.Corrections {
		j.Corrections = append(j.Corrections, jsonCorrection{c.Prefix, c.Country, c.Evidence, c.EvidenceHash, c.Owner, c.Approver, c.Reason, c.Expires.String()})
	}
	for _, a := range d.Acts {
		j.Acts = append(j.Acts, jsonAct(a))
	}
	d.jsonCells(&j, audience)
	b, err := marshal(j)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	out.Write(b)
	out.WriteByte('\n')
	return out.Flush()
}

func (d *Dossier) jsonCells(j *jsonDossier, audience string) {
	if audience == "board" {
		return
	}
	claims := claimsByID(&d.Run)
	for round, cell := range cells(&d.Run) {
		c := cellOf(claims[cell.Claim], round, cell)
		if audience != "engineer" {
			c.Looks = []jsonLook{}
		}
		j.Cells = append(j.Cells, c)
	}
}

func recordJSON(c jsonClaim, r ClaimRecord) jsonRecord {
	out := jsonRecord{jsonClaim: c, Since: known(r.Since), Days: []jsonDay{}, Countries: []jsonSeen{}, Responses: []jsonResponse{}, Archived: []jsonArchived{}}
	for _, d := range r.Days {
		out.Days = append(out.Days, jsonDay{d.Day.String(), d.Standing, d.Inside, d.Outside, d.Open, d.Answers, d.OutsideAns, d.OpenAns})
	}
	for _, s := range r.Seen {
		out.Countries = append(out.Countries, jsonSeen(s))
	}
	for _, s := range r.Responses {
		out.Responses = append(out.Responses, jsonResponse{s.On.String(), s.By, s.Text, s.Source})
	}
	for _, a := range r.Archived {
		out.Archived = append(out.Archived, jsonArchived(a))
	}
	return out
}

// csv writes one row a result, as a check does, with its finding.
func (d *Dossier) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write(strings.Split("claim,vendor,service,endpoint,market,verdict,grade,reasons,countries,addresses,standing,due,finding,opened,last_seen", ",")); err != nil {
		return err
	}
	when := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	for round, cell := range cells(&d.Run) {
		standing, due := "", ""
		if i := slices.IndexFunc(d.Run.Claims, func(c residency.ClaimStanding) bool { return c.Claim.ID == cell.Claim }); i >= 0 {
			standing, due = d.Run.Claims[i].Standing.String(), d.Run.Claims[i].Claim.DueOn.String()
		}
		e := cell.Endpoint
		row := []string{cell.Claim, e.Vendor, e.Service, e.Host, cell.Market.String(), cell.Verdict.String(), cell.Grade.String(), join(cell.Reasons),
			allPlaces(round, cell).String(), addresses(cell), standing, due, "", "", ""}
		key := residency.FindingKey(e.Vendor, e.Service, e.Host, cell.Market, cell.Claim)
		if i := slices.IndexFunc(d.Findings, func(f residency.Finding) bool { return f.Key == key && f.Open() }); i >= 0 {
			f := d.Findings[i]
			row[12], row[13], row[14] = f.Key, when(f.Opened), when(f.LastSeen)
		}
		for i := range row {
			row[i] = harmless(row[i])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

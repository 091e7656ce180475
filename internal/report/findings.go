package report

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"image/color"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// FindingsSchema names the version of the JSON of a list of findings.
const FindingsSchema = "residency/findings/v1"

// FindingFormats are the names of the formats that WriteFindings takes.
func FindingFormats() []string { return []string{"table", "json", "csv"} }

// WriteFindings writes a list of findings in a format of FindingFormats: those
// that are open first, of each the latest first. For people times are in the
// zone; for machines in UTC. Options are for the table only.
func WriteFindings(w io.Writer, format string, list []residency.Finding, zone *time.Location, o Options) error {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b residency.Finding) int {
		if a.Open() != b.Open() {
			if a.Open() {
				return -1
			}
			return 1
		}
		return cmp.Or(began(b).Compare(began(a)), strings.Compare(a.Key, b.Key))
	})
	switch format {
	case "table":
		return findingsTable(w, list, zone, o)
	case "json":
		return findingsJSON(w, list)
	case "csv":
		return findingsCSV(w, list)
	}
	return fmt.Errorf("write findings: no format %q; use %s", format, strings.Join(FindingFormats(), ", "))
}

// began is when the finding was opened, or reopened last.
func began(f residency.Finding) time.Time {
	if f.Reopened.After(f.Opened) {
		return f.Reopened
	}
	return f.Opened
}

// shortKey is how much of a key tables show: enough to name it to a command.
const shortKey = 12

// findingsTable writes the list for people.
func findingsTable(w io.Writer, list []residency.Finding, zone *time.Location, o Options) error {
	if len(list) == 0 {
		_, err := io.WriteString(w, "no findings\n")
		return err
	}
	p := &printer{run: &residency.Run{}, o: o}
	rows := make([][]string, len(list))
	for i, f := range list {
		rows[i] = []string{f.Key[:min(shortKey, len(f.Key))], clean(f.Host), f.Market.String(), clean(f.Vendor + "/" + f.Claim),
			day(began(f).In(zone)), f.Countries.Names(), clean(stateOf(f, zone))}
	}
	p.grid([]string{"key", "host", "users in", "against", "since", "seen in", "how it stands"}, rows, 0, func(int) color.Color { return nil }, 0)
	_, err := io.WriteString(w, p.String())
	return err
}

// stateOf says in words how a finding stands, and what people said of it.
func stateOf(f residency.Finding, zone *time.Location) string {
	parts := []string{"open"}
	if !f.Open() {
		parts[0] = "closed " + day(f.Closed.In(zone)) + ": " + f.ClosedAs.Words()
	}
	if f.Acknowledged != nil && f.Open() {
		parts = append(parts, "taken over by "+f.Acknowledged.By)
	}
	switch d := f.Disputed; {
	case d == nil:
	case d.Settled == nil:
		parts = append(parts, "disputed by "+d.By)
	case d.Upheld:
		parts = append(parts, "it was wrong: "+d.Cause)
	default:
		parts = append(parts, "disputed, and it stands")
	}
	if f.Waiver != "" {
		parts = append(parts, "waived "+f.Waiver)
	}
	return strings.Join(parts, "; ")
}

// listedFinding is a finding in the JSON of a list. Instants are null where they
// were not.
type listedFinding struct {
	Key          string              `json:"key"`
	State        string              `json:"state"` // open or closed
	Vendor       string              `json:"vendor"`
	Service      string              `json:"service"`
	Endpoint     string              `json:"endpoint"`
	Market       residency.Country   `json:"market"`
	Claim        string              `json:"claim"`
	Opened       *time.Time          `json:"opened"` // first
	Reopened     *time.Time          `json:"reopened"`
	LastSeen     *time.Time          `json:"last_seen"`
	Closed       *time.Time          `json:"closed"`
	ClosedAs     residency.ClosedAs  `json:"closed_as"` // "" while open
	Grade        residency.Grade     `json:"grade"`
	Countries    residency.Countries `json:"countries"`
	Addresses    []netip.Addr        `json:"addresses"`
	Region       string              `json:"region"`
	Reasons      []residency.Reason  `json:"reasons"`
	Waiver       string              `json:"waiver"`
	Acknowledged *residency.Mark     `json:"acknowledged"`
	Disputed     *residency.Dispute  `json:"disputed"`
	Earlier      []residency.Episode `json:"earlier"` // lives under the same key, oldest first
}

// openness is whether the finding is open, in a word for machines.
func openness(f residency.Finding) string {
	if f.Open() {
		return "open"
	}
	return "closed"
}

// findingsJSON writes the list for machines.
func findingsJSON(w io.Writer, list []residency.Finding) error {
	out := make([]listedFinding, 0, len(list))
	for _, f := range list {
		out = append(out, listedFinding{
			Key: f.Key, State: openness(f), Vendor: f.Vendor, Service: f.Service, Endpoint: f.Host, Market: f.Market, Claim: f.Claim,
			Opened: known(f.Opened), Reopened: known(f.Reopened), LastSeen: known(f.LastSeen), Closed: known(f.Closed), ClosedAs: f.ClosedAs,
			Grade: f.Grade, Countries: f.Countries, Addresses: some(f.Addresses), Region: f.Region, Reasons: some(f.Reasons),
			Waiver: f.Waiver, Acknowledged: f.Acknowledged, Disputed: f.Disputed, Earlier: some(f.Earlier),
		})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Schema   string          `json:"schema"`
		Findings []listedFinding `json:"findings"`
	}{FindingsSchema, out})
}

// findingsCSV writes a row a finding.
func findingsCSV(w io.Writer, list []residency.Finding) error {
	rows := [][]string{strings.Split("key,state,claim,vendor,service,endpoint,market,opened,reopened,last_seen,closed,closed_as,grade,countries,addresses,waiver,acknowledged_by,disputed_by,upheld", ",")}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	for _, f := range list {
		var took, disputed, upheld string
		if f.Acknowledged != nil {
			took = f.Acknowledged.By
		}
		if d := f.Disputed; d != nil {
			disputed = d.By
			if d.Settled != nil {
				upheld = fmt.Sprint(d.Upheld)
			}
		}
		row := []string{f.Key, openness(f), f.Claim, f.Vendor, f.Service, f.Host, f.Market.String(), at(f.Opened), at(f.Reopened), at(f.LastSeen),
			at(f.Closed), string(f.ClosedAs), f.Grade.String(), strings.Join(f.Countries.Codes(), "|"), joined(f.Addresses), f.Waiver, took, disputed, upheld}
		for i := range row {
			row[i] = harmless(row[i])
		}
		rows = append(rows, row)
	}
	out := csv.NewWriter(w)
	if err := out.WriteAll(rows); err != nil {
		return err
	}
	return out.Error()
}

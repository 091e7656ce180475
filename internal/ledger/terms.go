package ledger

import (
	"fmt"

	"residency/internal/residency"
)

const claimsSchema = "residency/claims/v1"

// claimsBody are the claims of a run, as they are sealed: everything that
// verdicts and standings go by, and what was promised in whose words.
type claimsBody struct {
	Schema string       `json:"schema"`
	Claims []claimTerms `json:"claims"`
}

type claimTerms struct {
	ID           string              `json:"id"`
	Kind         string              `json:"kind"`
	Title        string              `json:"title,omitempty"`
	Vendor       string              `json:"vendor"`
	Services     []string            `json:"services"`
	Markets      []residency.Country `json:"markets"`
	Regions      regionTerms         `json:"regions"`
	Never        residency.Countries `json:"never"`
	CDNRegions   regionTerms         `json:"cdn_regions"`
	DueOn        string              `json:"due_on,omitempty"`
	Due          stamp               `json:"due"`
	FromOn       string              `json:"from_on,omitempty"`
	From         stamp               `json:"from"`
	Floor        residency.Grade     `json:"floor"`
	SaidBy       string              `json:"said_by,omitempty"`
	SaidOn       string              `json:"said_on,omitempty"`
	Quote        string              `json:"quote,omitempty"`
	Source       string              `json:"source,omitempty"`
	Historic     bool                `json:"historic,omitempty"`
	Withdrawn    string              `json:"withdrawn,omitempty"`
	SupersededBy string              `json:"superseded_by,omitempty"`
}

type regionTerms struct {
	Written   []string            `json:"written,omitempty"`
	Any       bool                `json:"any,omitempty"`
	Countries residency.Countries `json:"countries"`
	Providers []providerTerms     `json:"providers,omitempty"`
}

type providerTerms struct {
	ID      string            `json:"id"`
	Country residency.Country `json:"country"`
}

// ClaimsBody returns the canonical bytes of the claims of a run, in their
// order. The leaf of the run has their SHA-256.
func ClaimsBody(claims []residency.Claim) []byte {
	body := claimsBody{Schema: claimsSchema, Claims: []claimTerms{}}
	for _, c := range claims {
		body.Claims = append(body.Claims, claimTerms{
			ID: c.ID, Kind: c.Kind.String(), Title: c.Title, Vendor: c.Vendor,
			Services: orNone(c.Services), Markets: orNone(c.Markets),
			Regions: regionsOf(c.Regions), Never: c.Never, CDNRegions: regionsOf(c.CDNRegions),
			DueOn: c.DueOn.String(), Due: stamp{c.Due}, FromOn: c.FromOn.String(), From: stamp{c.From}, Floor: c.Floor,
			SaidBy: c.SaidBy, SaidOn: c.SaidOn.String(), Quote: c.Quote, Source: c.Source,
			Historic: c.Historic, Withdrawn: c.Withdrawn.String(), SupersededBy: c.SupersededBy,
		})
	}
	return canonical(body)
}

// orNone returns the list, and an empty one for nil: it reads back the same.
func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func regionsOf(r residency.Regions) regionTerms {
	t := regionTerms{Written: r.Written, Any: r.Any, Countries: r.Countries}
	for _, p := range r.Providers {
		t.Providers = append(t.Providers, providerTerms(p))
	}
	return t
}

// ParseClaims reads the bytes that ClaimsBody writes.
func ParseClaims(data []byte) ([]residency.Claim, error) {
	var body claimsBody
	if err := exactly(data, &body); err != nil {
		return nil, err
	}
	if body.Schema != claimsSchema {
		return nil, fmt.Errorf("parse claims: %q is not the schema of claims", body.Schema)
	}
	list := make([]residency.Claim, 0, len(body.Claims))
	for _, t := range body.Claims {
		c := residency.Claim{
			ID: t.ID, Title: t.Title, Vendor: t.Vendor, Services: t.Services, Markets: t.Markets,
			Regions: t.Regions.regions(), Never: t.Never, CDNRegions: t.CDNRegions.regions(),
			Due: t.Due.Time, From: t.From.Time, Floor: t.Floor, SaidBy: t.SaidBy, Quote: t.Quote, Source: t.Source,
			Historic: t.Historic, SupersededBy: t.SupersededBy,
		}
		if t.Kind == residency.KindPolicy.String() {
			c.Kind = residency.KindPolicy
		}
		for _, d := range []struct {
			text string
			into *residency.Date
		}{{t.DueOn, &c.DueOn}, {t.FromOn, &c.FromOn}, {t.SaidOn, &c.SaidOn}, {t.Withdrawn, &c.Withdrawn}} {
			if d.text == "" {
				continue
			}
			var err error
			if *d.into, err = residency.ParseDate(d.text); err != nil {
				return nil, fmt.Errorf("parse claim %q: %w", t.ID, err)
			}
		}
		list = append(list, c)
	}
	return list, nil
}

func (t regionTerms) regions() residency.Regions {
	r := residency.Regions{Written: t.Written, Any: t.Any, Countries: t.Countries}
	for _, p := range t.Providers {
		r.Providers = append(r.Providers, residency.ProviderRegion(p))
	}
	return r
}

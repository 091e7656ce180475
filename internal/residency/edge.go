package residency

// EdgeOnly returns the countries in which an address that is inside may be
// though the claim's own regions do not approve them: it is inside only because
// its host is declared a CDN edge, which may also be in the users' own country
// and in the claim's CDNRegions. It returns none for every other address.
func (c Claim) EdgeOnly(cell *Cell, a JudgedAddress, at Location) Countries {
	if cell.Endpoint.Role != RoleCDN || a.Side != SideInside || c.Regions.Any {
		return Countries{}
	}
	own := c.Regions.Countries
	for _, p := range c.Regions.Providers {
		if p.ID == at.Region {
			own = own.With(p.Country)
		}
	}
	return at.Countries.Minus(own.Minus(c.Never))
}

package alert

import (
	"cmp"
	"slices"

	"residency/internal/residency"
)

// Messages joins alerts that nothing remembers into one message for each group:
// broken claims first, then by vendor and claim. The key of each is the same in
// every run as long as its claim stands the same, so that a receiver who wants
// to hear of a thing once can join on it.
func (t *Templates) Messages(alerts []residency.Alert) []residency.Notification {
	return joined(alerts, t.Compose)
}

// joined is Messages with any words.
func joined(alerts []residency.Alert, write func([]residency.Alert) residency.Notification) []residency.Notification {
	groups := map[string][]residency.Alert{}
	for _, a := range alerts {
		groups[a.Group] = append(groups[a.Group], a)
	}
	var list []residency.Notification
	for _, group := range groups {
		n := write(group)
		n.Key = Key(n.Vendor, n.Claim, n.Standing)
		if n.Claim == "" { // about the monitor itself: what happened then
			var ids []string
			for _, a := range group {
				ids = append(ids, a.ID)
			}
			n.Key = DeliveryKey("", ids)
		}
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b residency.Notification) int {
		return cmp.Or(
			-cmp.Compare(a.Standing, b.Standing),
			cmp.Compare(a.Vendor, b.Vendor),
			cmp.Compare(a.Claim, b.Claim),
			cmp.Compare(a.Group, b.Group),
		)
	})
	return list
}

// Key returns the stable key of what is told about a claim where nothing is
// remembered: the same for the same vendor, claim and standing in every run and
// on every machine. It is 32 hexadecimal digits.
func Key(vendor, claim string, standing residency.Standing) string {
	return digest("residency/alert/v1", vendor, claim, standing.String())
}

package residency

import "strings"

var decisionWords = map[Decision]string{
	DecidedNothing:       "no source says anything, so the place is not known",
	DecidedSpecial:       "the address is reserved and has no place on the public internet",
	DecidedVeto:          "the address is served from many places, so it has no single one",
	DecidedHolder:        "the holder's own word, and at least one other source agrees",
	DecidedHolderAlone:   "the holder's own word; no other source speaks",
	DecidedHolderOld:     "the holder's own word is old and too few others agree, so every place named is possible",
	DecidedHolderAgainst: "the holder's own word is contradicted by all others, so every place named is possible",
	DecidedAgree:         "all sources name the same place",
	DecidedDiffer:        "sources differ, so every place named is possible",
	DecidedOne:           "a single source speaks",
}

// Words returns the rule that decided where an address is, in words.
func (d Decision) Words() string {
	if words, ok := decisionWords[d]; ok {
		return words
	}
	return "no rule was applied"
}

// Words returns where the address can be, in words: countries, or why it has
// no single place.
func (l Location) Words() string {
	switch l.Veto {
	case ReasonAnycast:
		return "no single place (announced from many places at once)"
	case ReasonEdge:
		return "no single place (a delivery network shared by many)"
	case ReasonSpecialPurpose:
		return "no place on the public internet"
	}
	return l.Left().Names()
}

// Brief is Words without the why, for tables.
func (l Location) Brief() string {
	brief, _, _ := strings.Cut(l.Words(), " (")
	return brief
}

// Widened returns the countries that only a correction names: without it the
// address could not be there as far as is known.
func (l Location) Widened() Countries {
	var named, corrected Countries
	for _, v := range l.Voices {
		decides := l.Decision != DecidedHolder && l.Decision != DecidedHolderAlone
		if decides || v.Name == "holder" {
			named = named.Union(v.Countries)
		}
	}
	for _, a := range l.Assertions {
		if a.Class == ClassCorrection {
			corrected = corrected.Union(a.In)
		}
	}
	return l.Countries.Intersect(corrected).Minus(named)
}

// StaleWords returns what it means that data of the class is old, in words; ""
// where it means nothing. Only a source that speaks for a place can be too old
// to clear anything: a list of addresses without a single place clears nothing.
func (c Class) StaleWords() string {
	switch c {
	case ClassProvider, ClassGeofeed, ClassDatabase:
		return "too old to clear anything"
	case ClassEdge:
		return "an edge newer than that is not known to be one"
	case ClassAnycast:
		return "an address served from many places since is not known to be one"
	}
	return ""
}

// HashWords returns the hash of the data set with what it is a hash of.
func (d Dataset) HashWords() string {
	switch {
	case d.SHA256 == "":
		return "no hash"
	case d.OfModule():
		return "module hash " + d.SHA256
	}
	return "SHA-256 " + d.SHA256
}

// OfModule reports whether the hash is not that of a file but of the Go module
// that the data came in ("h1:...", golang.org/x/mod/sumdb/dirhash).
func (d Dataset) OfModule() bool { return strings.HasPrefix(d.SHA256, "h1:") }

var classWords = map[Class]string{
	ClassProvider:   "the operator's own list of its regions",
	ClassGeofeed:    "the holder's own published list",
	ClassDatabase:   "a geolocation database",
	ClassAnycast:    "a list of addresses served from many places",
	ClassEdge:       "a list of shared delivery networks",
	ClassRTT:        "measured delay: how far it can be",
	ClassCorrection: "a correction declared by the user",
	ClassHint:       "a place code in a name; shown, not counted",
	ClassRegistry:   "to whom the block was handed out; shown, not counted",
	ClassNetwork:    "which network announces it; shown, not counted",
}

// Words returns what kind of source it is, in words.
func (c Class) Words() string {
	if words, ok := classWords[c]; ok {
		return words
	}
	return "a source of an unknown kind"
}

// Names returns the English short names of the set's countries in the order
// of their codes, joined by "or", as a thing can be in any of them; "nowhere
// known" for the empty set.
func (s Countries) Names() string {
	if s.Empty() {
		return "nowhere known"
	}
	names := make([]string, 0, s.Len())
	for c := range s.All() {
		names = append(names, c.Name())
	}
	return strings.Join(names, " or ")
}

// SeenWords returns where addresses were seen: first the countries in which
// some certainly are, then those among which others are.
func SeenWords(certain, possible Countries) string {
	var parts []string
	if !certain.Empty() {
		names := make([]string, 0, certain.Len())
		for c := range certain.All() {
			names = append(names, c.Name())
		}
		parts = append(parts, "in "+strings.Join(names, " and "))
	}
	if !possible.Empty() {
		parts = append(parts, "in "+possible.Names())
	}
	return strings.Join(parts, ", and ")
}

package hint

import "strings"

// places finds airports, cities and vendors' own labels in a name. The last
// two labels are the owner's domain, which says nothing about a machine.
func (h *Hints) places(labels []string) []found {
	var list []found
	for i := len(labels) - 3; i >= 0; i-- {
		parts := strings.FieldsFunc(labels[i], func(r rune) bool { return r == '-' || r == '_' })
		for k, part := range parts {
			if f, ok := h.place(part); ok {
				list = append(list, f)
				continue
			}
			if k+1 == len(parts) {
				continue
			}
			two := part + "-" + strings.TrimRight(parts[k+1], digits)
			if in, ok := h.patterns.cities[two]; ok {
				list = append(list, found{source: "city", what: "city", label: two, in: in})
			}
		}
	}
	return list
}

const digits = "0123456789"

// place reads one part of a label.
func (h *Hints) place(part string) (found, bool) {
	if in, ok := h.patterns.labels[part]; ok {
		return found{source: "label", what: "label", label: part, in: in}, true
	}
	if in, ok := h.patterns.cities[strings.TrimRight(part, digits)]; ok {
		return found{source: "city", what: "city", label: part, in: in}, true
	}
	code, number, ok := airportCode(part)
	if !ok || h.patterns.denied[code] {
		return found{}, false
	}
	a, ok := h.patterns.airports[code]
	if !ok || a.number && !number {
		return found{}, false
	}
	return found{source: "airport", what: "airport code", label: part, in: a.in}, true
}

// airportCode returns the three letters of a part that is a code with numbers:
// "fra", "fra2", "10fra1", "fra16s51" (site 16, shelf 51). Letters in the
// middle of others are no code: hashes are full of them.
func airportCode(part string) (code string, number, ok bool) {
	rest := strings.TrimLeft(part, digits)
	if len(rest) < 3 || letters(rest) != 3 {
		return "", false, false
	}
	code, rest = rest[:3], rest[3:]
	after := strings.TrimLeft(rest, digits)
	number = len(after) < len(rest)
	if after == "" {
		return code, number, true
	}
	unit := strings.TrimLeft(after[1:], digits) // one letter and its number
	return code, number, number && letters(after) == 1 && unit == "" && len(after) > 1
}

// letters returns how many letters a to z the text begins with.
func letters(s string) int {
	n := 0
	for n < len(s) && s[n] >= 'a' && s[n] <= 'z' {
		n++
	}
	return n
}

package config

import (
	"fmt"
	"strings"
	"time"

	"residency/internal/residency"
)

// check holds a table of the file against what it may hold, and all tables in
// it. What is wrong is reported and marked, so that nobody reads it.
func check(ps *problems, n *node, t *table, path string) {
	src := n.pos.src
	for _, f := range n.fields {
		k := t.find(f.name)
		if k == nil {
			ps.add(f.pos, joinPath(path, f.name), "unknown key", unknownHint(ps, t, f.name))
			continue
		}
		if k.main && src.order != 0 {
			ps.add(f.pos, joinPath(path, f.name), "only the main file may have this",
				"an included file holds vendors, claims, policies, markets and regions")
			f.value.bad = true
			continue
		}
		checkValue(ps, f.value, k, joinPath(path, f.name))
	}
	for _, k := range t.keys {
		if k.need && n.get(k.name) == nil && !src.broken {
			ps.add(n.pos, joinPath(path, k.name), "missing", plain(k.doc))
		}
	}
}

// plain makes a key's documentation a hint: a small letter to begin with,
// unless the first word is an abbreviation, and no full stop.
func plain(doc string) string {
	doc = strings.TrimSuffix(doc, ".")
	if len(doc) > 1 && doc[1] >= 'a' && doc[1] <= 'z' {
		doc = strings.ToLower(doc[:1]) + doc[1:]
	}
	return doc
}

// unknownHint says which key is meant.
func unknownHint(ps *problems, t *table, name string) string {
	for _, k := range t.keys {
		for _, a := range k.alias {
			if strings.EqualFold(a, name) {
				return fmt.Sprintf("did you mean %q?", k.name)
			}
		}
	}
	if hint := ps.didYouMean(name, t.names); hint != "" {
		return hint
	}
	return "known keys: " + strings.Join(t.names(), ", ")
}

// checkValue holds a value against its key.
func checkValue(ps *problems, v *node, k *key, path string) {
	switch k.kind {
	case kTable:
		if expect(ps, v, k, path, aTable) {
			check(ps, v, k.of, path)
		}
	case kTables:
		checkTables(ps, v, k, path)
	case kHosts:
		checkHosts(ps, v, k, path)
	case kSets:
		if expect(ps, v, k, path, aTable) {
			if len(v.fields) > maxSets {
				ps.add(v.pos, path, fmt.Sprintf("has %d keys, and %d are the most", len(v.fields), maxSets), "")
			}
			for _, f := range v.fields {
				checkValue(ps, f.value, &key{name: f.name, kind: kTexts}, joinPath(path, f.name))
			}
		}
	case kTextOrTexts:
		if v.kind == aText {
			checkText(ps, v, k, path)
			return
		}
		fallthrough
	case kTexts:
		checkTexts(ps, v, k, path)
	case kPlace:
		checkPlace(ps, v, k, path)
	case kText, kSecret:
		if expect(ps, v, k, path, aText) {
			checkText(ps, v, k, path)
		}
	case kFlag:
		expect(ps, v, k, path, aFlag)
	case kNumber:
		if expect(ps, v, k, path, anInteger) {
			checkNumber(ps, v, k, path)
		}
	case kDay:
		checkDay(ps, v, k, path)
	case kSpan:
		if expect(ps, v, k, path, aText) {
			checkSpan(ps, v, k, path)
		}
	}
}

// maxSets bounds a table whose keys are the user's choice: go-toml's decoder
// compares each key of a table with all before it, which takes minutes for a
// hundred thousand.
const maxSets = 1000

// expect reports a value of another type than wanted. The value itself is not
// shown: it may be a secret.
func expect(ps *problems, v *node, k *key, path string, want nodeKind) bool {
	if v.kind == want {
		return true
	}
	v.bad = true
	hint := ""
	switch {
	case v.kind == aText && (want == aFlag || want == anInteger):
		hint = "remove the quotes"
	case v.kind == anInteger && want == aText:
		hint = "put it in quotes"
	case want == aTable && v.kind == aTableList:
		hint = fmt.Sprintf("write [%s] with single brackets, once", k.name)
	}
	ps.add(v.pos, path, fmt.Sprintf("want %s, not %s", k.kind.wants(), v.kind.words()), hint)
	return false
}

func checkTables(ps *problems, v *node, k *key, path string) {
	if v.kind == aTable {
		v.bad = true
		ps.add(v.pos, path, "want a list of tables, not a table", fmt.Sprintf("write [[%s]] with double brackets", k.name))
		return
	}
	if v.kind != aTableList && !expect(ps, v, k, path, aList) {
		return
	}
	for i, it := range v.items {
		p := fmt.Sprintf("%s[%d]", path, i)
		if expect(ps, it, &key{name: k.name, kind: kTable}, p, aTable) {
			check(ps, it, k.of, p)
		}
	}
}

func checkHosts(ps *problems, v *node, k *key, path string) {
	if v.kind != aTableList && !expect(ps, v, k, path, aList) {
		return
	}
	for i, it := range v.items {
		switch p := fmt.Sprintf("%s[%d]", path, i); it.kind {
		case aText:
		case aTable:
			check(ps, it, k.of, p)
		default:
			it.bad = true
			ps.add(it.pos, p, fmt.Sprintf("want a host name in quotes or a table, not %s", it.kind.words()), "")
		}
	}
}

func checkTexts(ps *problems, v *node, k *key, path string) {
	if v.kind == aText {
		v.bad = true
		ps.add(v.pos, path, "want a list of texts, not a text", "put it in brackets: ["+quoteUnless(k, v.text)+"]")
		return
	}
	if !expect(ps, v, k, path, aList) {
		return
	}
	for _, it := range v.items {
		if expect(ps, it, &key{name: k.name, kind: kText}, path, aText) {
			checkText(ps, it, k, path)
		}
	}
}

// quoteUnless quotes a text, but not that of a secret.
func quoteUnless(k *key, text string) string {
	if k.kind == kSecret {
		return "..."
	}
	return quote(text)
}

// maxText bounds every text of the file: names and quotes, not documents.
const maxText = 4096

func checkText(ps *problems, v *node, k *key, path string) {
	switch {
	case strings.TrimSpace(v.text) == "":
		v.bad = true
		ps.add(v.pos, path, "is empty", "write something, or leave the key out")
	case len(v.text) > maxText:
		v.bad = true
		ps.add(v.pos, path, fmt.Sprintf("is longer than %d bytes", maxText), "")
	case strings.ContainsFunc(v.text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f }):
		v.bad = true
		ps.add(v.pos, path, "has a control character", "it would garble a terminal")
	case len(k.oneOf) > 0:
		for _, allowed := range k.oneOf {
			if v.text == allowed {
				return
			}
		}
		v.bad = true
		hint := didYouMean(v.text, k.oneOf)
		if hint == "" {
			hint = "one of: " + strings.Join(k.oneOf, ", ")
		}
		ps.add(v.pos, path, quote(v.text)+" is not allowed here", hint)
	}
}

func checkNumber(ps *problems, v *node, k *key, path string) {
	n, err := integer(v.text)
	if err == nil && n >= k.min && n <= k.max {
		return
	}
	v.bad = true
	ps.add(v.pos, path, fmt.Sprintf("%s is out of range", v.text), fmt.Sprintf("from %d to %d", k.min, k.max))
}

func checkSpan(ps *problems, v *node, k *key, path string) {
	d, err := parseSpan(v.text)
	if err != nil {
		v.bad = true
		ps.add(v.pos, path, quote(v.text)+" is no duration", `such as "90s", "15m", "24h" or "365d"`)
		return
	}
	least, most := time.Duration(k.min)*time.Second, time.Duration(k.max)*time.Second
	if d <= 0 || d < least || d > most {
		v.bad = true
		from := "more than 0"
		if k.min > 0 {
			from = "at least " + spanText(least)
		}
		ps.add(v.pos, path, fmt.Sprintf("%s is out of range", quote(v.text)), from+", at most "+spanText(most))
	}
}

// spanText writes a duration as the file does.
func spanText(d time.Duration) string {
	switch {
	case d >= day*time.Second && d%(day*time.Second) == 0:
		return fmt.Sprintf("%dd", d/(day*time.Second))
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}

func checkDay(ps *problems, v *node, k *key, path string) {
	switch v.kind {
	case aDate:
		if _, err := residency.ParseDate(v.text); err != nil {
			v.bad = true
			ps.add(v.pos, path, v.text+" is not in the calendar", "")
		}
	case aText:
		v.bad = true
		hint := "year-month-day, without quotes"
		if d, err := residency.ParseDate(v.text); err == nil {
			hint = "remove the quotes: " + d.String()
		}
		ps.add(v.pos, path, "want a date, not a text", hint)
	case aTime:
		v.bad = true
		ps.add(v.pos, path, "want a date without a time", "a day begins and ends by the clock of `timezone`")
	default:
		expect(ps, v, k, path, aDate)
	}
}

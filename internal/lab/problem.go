package lab

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// problem is one thing wrong with a scenario.
type problem struct {
	key  string // "answer[3].from"
	line int    // 0 when it did not come from a file
	text string
}

func problemf(table string, i int, field, format string, args ...any) problem {
	key := fmt.Sprintf("%s[%d]", table, i)
	if field != "" {
		key += "." + field
	}
	return problem{key: key, text: fmt.Sprintf(format, args...)}
}

// problemError makes one error of all problems, one a line.
func problemError(name string, problems []problem) error {
	all := make([]error, 0, len(problems))
	for _, p := range problems {
		if p.line > 0 {
			all = append(all, fmt.Errorf("%s:%d: %s: %s", name, p.line, p.key, p.text))
		} else {
			all = append(all, fmt.Errorf("%s: %s: %s", name, p.key, p.text))
		}
	}
	return errors.Join(all...)
}

// lineIndex returns a function that gives the line of a key such as
// "answer[3].from", or of the table when the key itself is not written.
//
// It is the only user of the decoder's unstable parser here; the data has been
// decoded before, so the parser finds nothing wrong with it.
func lineIndex(data []byte) func(key string) int {
	lines := map[string]int{}
	counts := map[string]int{}
	p := unstable.Parser{}
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		name, line := keyPath(&p, e)
		switch e.Kind {
		case unstable.ArrayTable:
			// An array within an array, such as server.fault, counts on through
			// the file: its table is the position of its parent.
			parent, child, nested := strings.Cut(name, ".")
			if nested && counts[parent] > 0 {
				table = fmt.Sprintf("%s[%d].%s[%d]", parent, counts[parent]-1, child, counts[name])
			} else {
				table = fmt.Sprintf("%s[%d]", name, counts[name])
				for inner := range counts {
					if strings.HasPrefix(inner, name+".") {
						counts[inner] = 0
					}
				}
			}
			counts[name]++
			lines[table] = line
		case unstable.Table:
			table = name
			lines[table] = line
		case unstable.KeyValue:
			lines[strings.TrimPrefix(table+"."+name, ".")] = line
		}
	}
	return func(key string) int {
		for key != "" {
			if line, ok := lines[key]; ok {
				return line
			}
			key = key[:max(0, strings.LastIndexByte(key, '.'))]
		}
		return 0
	}
}

// keyPath returns the dotted key of an expression and its line.
func keyPath(p *unstable.Parser, e *unstable.Node) (string, int) {
	if e.Kind == unstable.Comment {
		return "", 0
	}
	var parts []string
	line := 0
	for it := e.Key(); it.Next(); {
		n := it.Node()
		if line == 0 {
			line = p.Shape(n.Raw).Start.Line
		}
		parts = append(parts, string(n.Data))
	}
	return dotted(parts), line
}

func dotted(key []string) string { return strings.Join(key, ".") }

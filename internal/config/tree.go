package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// source is one file that was read.
type source struct {
	shown string // as opened, for problems
	name  string // relative to the main file, for what is written down
	order int    // of reading; the main file is 0
	data  []byte // without byte order mark
	bom   int    // length of the byte order mark that was cut off

	starts []int // offset of each line
	broken bool  // has a syntax error: what is missing may just not have been read
}

// newSource indexes the lines of data. A leading byte order mark is dropped.
func newSource(shown, name string, order int, data []byte) *source {
	s := &source{shown: shown, name: name, order: order, starts: []int{0}}
	body := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	s.bom = len(data) - len(body)
	s.data = slices.Clip(body)
	for i, b := range s.data {
		if b == '\n' {
			s.starts = append(s.starts, i+1)
		}
	}
	return s
}

// lineCol returns the line and the column of an offset, both from 1. Columns
// count characters, as editors do.
func (s *source) lineCol(off int) (line, col int) {
	off = max(0, min(off, len(s.data)))
	line = sort.Search(len(s.starts), func(i int) bool { return s.starts[i] > off })
	return line, utf8.RuneCount(s.data[s.starts[line-1]:off]) + 1
}

// nodeKind is the kind of a TOML value.
type nodeKind uint8

const (
	aText nodeKind = iota + 1
	aFlag
	anInteger
	aFloat
	aDate
	aTime // any date or time that is not just a day
	aList
	aTable
	aTableList // [[name]]
)

// words says what a value is, for messages.
func (k nodeKind) words() string {
	return [...]string{"nothing", "a text", "true or false", "a whole number", "a number",
		"a date", "a date with a time", "a list", "a table", "a list of tables"}[k]
}

// node is a TOML value and where it stands.
type node struct {
	kind nodeKind
	text string // of a text, decoded; of other scalars, as written
	pos  pos
	end  int // offset after the value, where known

	items  []*node  // of a list
	fields []*field // of a table, in order
	index  map[string]*field

	defined bool // a table that has had its own header
	inline  bool // a table in braces: closed
	dotted  bool // a table made by a dotted key
	bad     bool // found wrong; not to be read
}

// field is one key of a table.
type field struct {
	name  string
	pos   pos
	value *node
}

// get returns the field of that name, or nil.
func (n *node) get(name string) *field { return n.index[name] }

// put adds a field.
func (n *node) put(f *field) {
	if n.index == nil {
		n.index = map[string]*field{}
	}
	n.index[f.name] = f
	n.fields = append(n.fields, f)
}

// maxSyntax bounds how many syntax errors of one file are looked for.
const maxSyntax = 20

// treeOf parses a source into a tree of positioned nodes. After a syntax error
// it goes on at the next table header, so that one bad line does not hide what
// is wrong below it. This file and treebuild.go are the only ones that know
// go-toml's parser, whose package promises no compatibility.
func treeOf(src *source, ps *problems) *node {
	b := &builder{src: src, ps: ps, root: &node{kind: aTable, pos: pos{src, 0}, defined: true}}
	b.table = b.root
	for n, base := 0, 0; n < maxSyntax && base >= 0; n++ {
		base = b.parse(base)
	}
	return b.root
}

// parse reads expressions from offset base on. It returns the offset at which
// to go on after a syntax error, or -1 at the end.
func (b *builder) parse(base int) int {
	var p unstable.Parser
	p.Reset(b.src.data[base:])
	b.base = base
	for p.NextExpression() {
		b.expression(p.Expression())
	}
	var bad *unstable.ParserError
	if !errors.As(p.Error(), &bad) {
		return -1
	}
	b.src.broken = true
	off := base + int(p.Range(bad.Highlight).Offset)
	b.ps.add(pos{b.src, off}, "", "not TOML: "+bad.Message, "")
	return b.nextHeader(off)
}

// nextHeader returns the offset of the first line after off that looks like a
// table header, or -1.
func (b *builder) nextHeader(off int) int {
	data := b.src.data
	for {
		nl := bytes.IndexByte(data[off:], '\n')
		if nl < 0 {
			return -1
		}
		off += nl + 1
		line, _, _ := bytes.Cut(data[off:], []byte("\n"))
		line = bytes.TrimSpace(line)
		if len(line) > 2 && line[0] == '[' && (isKeyByte(line[1]) || line[1] == '[' && isKeyByte(line[2])) {
			return off
		}
	}
}

// isKeyByte reports whether c may stand in a bare key.
func isKeyByte(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// confirm has go-toml's own decoder read a file in which nothing was found
// wrong, so that whatever TOML forbids and the tree does not see is refused.
func confirm(src *source, ps *problems) {
	var any map[string]any
	err := toml.Unmarshal(src.data, &any)
	var bad *toml.DecodeError
	switch {
	case errors.As(err, &bad):
		line, col := bad.Position()
		off := src.starts[min(line, len(src.starts))-1] + col - 1
		src.broken = true
		ps.add(pos{src, off}, "", "not TOML: "+bad.Error()[len("toml: "):], "")
	case err != nil:
		src.broken = true
		ps.add(pos{src, -1}, "", fmt.Sprintf("not TOML: %v", err), "")
	}
}

package config

import (
	"bytes"
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"
)

// builder turns the parser's expressions into a tree.
type builder struct {
	src   *source
	ps    *problems
	base  int // offset of what the parser was given
	root  *node
	table *node // that key-values go into
}

// at returns the place of a range of the parser's.
func (b *builder) at(r unstable.Range) pos { return pos{b.src, b.base + int(r.Offset)} }

// expression adds one top-level expression to the tree.
func (b *builder) expression(e *unstable.Node) {
	switch e.Kind {
	case unstable.KeyValue:
		b.keyValue(b.table, e)
	case unstable.Table, unstable.ArrayTable:
		b.header(e)
	}
}

// header opens the table that a [name] or [[name]] line names. Where that is
// not allowed, the keys below go into a table nobody reads.
func (b *builder) header(e *unstable.Node) {
	keys := keysOf(e)
	last := keys[len(keys)-1]
	at := b.at(keys[0].Raw)
	b.table = &node{kind: aTable, pos: at}

	in := b.root
	for _, k := range keys[:len(keys)-1] {
		if in = b.descend(in, k); in == nil {
			return
		}
	}
	name := string(last.Data)
	f := in.get(name)
	if e.Kind == unstable.ArrayTable {
		switch {
		case f == nil:
			f = &field{name: name, pos: at, value: &node{kind: aTableList, pos: at}}
			in.put(f)
		case f.value.kind != aTableList:
			b.clash(at, name, f)
			return
		}
		b.table.defined = true
		f.value.items = append(f.value.items, b.table)
		return
	}
	switch {
	case f == nil:
		b.table.defined = true
		in.put(&field{name: name, pos: at, value: b.table})
	case f.value.kind == aTable && !f.value.defined && !f.value.inline && !f.value.dotted:
		f.value.defined, f.value.pos = true, at
		b.table = f.value
	default:
		b.clash(at, name, f)
	}
}

// descend steps into the table that a part of a header's name means: the last
// one of a list. It makes the table where there is none yet.
func (b *builder) descend(in *node, k *unstable.Node) *node {
	name := string(k.Data)
	f := in.get(name)
	if f == nil {
		f = &field{name: name, pos: b.at(k.Raw), value: &node{kind: aTable, pos: b.at(k.Raw)}}
		in.put(f)
	}
	switch {
	case f.value.kind == aTableList:
		return f.value.items[len(f.value.items)-1]
	case f.value.kind == aTable && !f.value.inline:
		return f.value
	}
	b.clash(b.at(k.Raw), name, f)
	return nil
}

// clash reports a name that is taken.
func (b *builder) clash(at pos, name string, f *field) {
	b.ps.add(at, "", fmt.Sprintf("%q is already given on %s", name, f.pos.line(at)),
		"write each key and each table once; a list of tables has double brackets")
}

// keyValue adds a key and its value to a table.
func (b *builder) keyValue(in *node, e *unstable.Node) {
	keys := keysOf(e)
	for _, k := range keys[:len(keys)-1] {
		name := string(k.Data)
		f := in.get(name)
		if f == nil {
			f = &field{name: name, pos: b.at(k.Raw), value: &node{kind: aTable, pos: b.at(k.Raw), dotted: true}}
			in.put(f)
		}
		if f.value.kind != aTable || !f.value.dotted {
			b.clash(b.at(k.Raw), name, f)
			return
		}
		in = f.value
	}
	last := keys[len(keys)-1]
	name := string(last.Data)
	if f := in.get(name); f != nil {
		b.clash(b.at(last.Raw), name, f)
		return
	}
	// The parser gives lists no range of their own: a value begins after the
	// equals sign and ends with its key-value.
	start := b.base + int(last.Raw.Offset+last.Raw.Length)
	rest := b.src.data[start:]
	start += len(rest) - len(bytes.TrimLeft(rest, " \t="))
	v := b.value(e.Value(), pos{b.src, start})
	v.pos = pos{b.src, start}
	v.end = b.base + int(e.Raw.Offset+e.Raw.Length)
	in.put(&field{name: name, pos: b.at(keys[0].Raw), value: v})
}

// value turns a value and all it holds into a node. near is used where the
// parser gives no place.
func (b *builder) value(v *unstable.Node, near pos) *node {
	n := &node{pos: near, text: string(v.Data)}
	if v.Raw.Length > 0 {
		n.pos = b.at(v.Raw)
		n.end = n.pos.off + int(v.Raw.Length)
	}
	switch v.Kind {
	case unstable.String:
		n.kind = aText
	case unstable.Bool:
		n.kind = aFlag
	case unstable.Integer:
		n.kind = anInteger
	case unstable.Float:
		n.kind = aFloat
	case unstable.LocalDate:
		n.kind = aDate
	case unstable.LocalTime, unstable.LocalDateTime, unstable.DateTime:
		n.kind = aTime
	case unstable.Array:
		n.kind = aList
		for it := v.Children(); it.Next(); {
			n.items = append(n.items, b.value(it.Node(), near))
		}
	case unstable.InlineTable:
		n.kind, n.inline = aTable, true
		for it := v.Children(); it.Next(); {
			b.keyValue(n, it.Node())
		}
	}
	return n
}

// keysOf returns the parts of a dotted key.
func keysOf(e *unstable.Node) []*unstable.Node {
	var keys []*unstable.Node
	for it := e.Key(); it.Next(); {
		keys = append(keys, it.Node())
	}
	return keys
}

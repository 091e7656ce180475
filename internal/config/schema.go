package config

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Schema returns the JSON Schema (draft 2020-12) of the configuration, for
// editors that complete and check TOML. It is made from the table that the
// reader itself goes by. The reader checks more: what a schema can say is the
// form of a file, not whether a claim's vendor exists.
func Schema() []byte {
	var defs object
	body := tableSchema(rootTable(), &defs)
	whole := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", "residency config.toml"},
	}
	whole = append(whole, body...)
	whole = append(whole, member{"$defs", defs})
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(whole); err != nil {
		return nil // objects of texts, numbers and objects always encode
	}
	return out.Bytes()
}

// tableSchema describes a table, and adds the tables in it to defs.
func tableSchema(t *table, defs *object) object {
	props := object{}
	var required []string
	for _, k := range t.keys {
		props = append(props, member{k.name, keySchema(k, defs)})
		if k.need {
			required = append(required, k.name)
		}
	}
	o := object{{"type", "object"}}
	if t.doc != "" {
		o = append(o, member{"description", t.doc})
	}
	o = append(o, member{"properties", props}, member{"additionalProperties", false})
	if len(required) > 0 {
		o = append(o, member{"required", required})
	}
	return o
}

// reference returns a reference to a table's definition, which it makes.
func reference(t *table, defs *object) object {
	if !defs.has(t.name) {
		*defs = append(*defs, member{t.name, nil}) // so that a table in itself would end
		body := tableSchema(t, defs)
		defs.set(t.name, body)
	}
	return object{{"$ref", "#/$defs/" + t.name}}
}

// keySchema describes the value of a key.
func keySchema(k key, defs *object) object {
	doc := member{"description", k.doc}
	text := object{{"type", "string"}, {"minLength", 1}, {"maxLength", maxText}}
	if k.shape != "" {
		text = append(text, member{"pattern", k.shape})
	}
	if len(k.oneOf) > 0 {
		text = object{{"type", "string"}, {"enum", k.oneOf}}
	}
	texts := object{{"type", "array"}, {"items", text}}
	switch k.kind {
	case kFlag:
		return object{doc, {"type", "boolean"}}
	case kNumber:
		return object{doc, {"type", "integer"}, {"minimum", k.min}, {"maximum", k.max}}
	case kDay:
		return object{doc, {"type", "string"}, {"format", "date"}}
	case kSpan:
		return object{doc, {"type", "string"}, {"pattern", shapeSpan}}
	case kTexts:
		return append(object{doc}, texts...)
	case kTextOrTexts:
		return object{doc, {"anyOf", []object{text, texts}}}
	case kTable:
		return append(object{doc}, reference(k.of, defs)...)
	case kTables:
		return object{doc, {"type", "array"}, {"items", reference(k.of, defs)}}
	case kHosts:
		return object{doc, {"type", "array"}, {"items", object{{"anyOf", []object{text, reference(k.of, defs)}}}}}
	case kPlace:
		number := object{{"type", "number"}}
		return object{doc, {"type", "array"}, {"items", number}, {"minItems", 2}, {"maxItems", 2}}
	case kSets:
		return object{doc, {"type", "object"}, {"additionalProperties", texts}}
	}
	return append(object{doc}, text...)
}

// object is a JSON object whose members keep their order, so that the schema
// reads like the documentation.
type object []member

type member struct {
	name  string
	value any
}

func (o *object) has(name string) bool {
	for _, m := range *o {
		if m.name == name {
			return true
		}
	}
	return false
}

func (o *object) set(name string, value any) {
	for i := range *o {
		if (*o)[i].name == name {
			(*o)[i].value = value
		}
	}
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", m.name, err)
		}
		var value bytes.Buffer
		enc := json.NewEncoder(&value)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(m.value); err != nil {
			return nil, fmt.Errorf("encode %s: %w", m.name, err)
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(bytes.TrimSpace(value.Bytes()))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

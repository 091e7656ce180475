package config

func responseTable() *table {
	return &table{name: "response", keys: []key{
		{name: "date", kind: kDay, need: true, doc: "Day on which it was said.", alias: []string{"on", "said_on"}},
		{name: "by", kind: kText, need: true, doc: "Who said it.", alias: []string{"said_by", "speaker"}},
		{name: "text", kind: kText, need: true, doc: "The words themselves.", alias: []string{"quote"}},
		{name: "source", kind: kText, doc: "Where they can be read.", alias: []string{"url", "link"}},
	}}
}

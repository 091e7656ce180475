package config

func evidenceTable() *table {
	return &table{name: "evidence", keys: []key{
		{name: "key", kind: kSecret, doc: "The key that signs the evidence log, as \"file:PATH\" or \"env:NAME\"; `residency key new` makes one. Without it the log is kept and not signed.", alias: []string{"signing_key", "key_file"}},
		{name: "checkpoint", kind: kText, doc: "File of the latest signed state of the log, kept outside of the store, relative to this file. Default: the store's file with \".checkpoint\". Best on another disk.", alias: []string{"checkpoint_file"}},
		{name: "witness", kind: kTables, of: witnessTable(), doc: "Somebody else who confirms that the log only ever grows (C2SP tlog-witness).", alias: []string{"witnesses"}},
		{name: "timestamp_url", kind: kText, doc: "Time stamp authority (RFC 3161) that states when a checkpoint existed.", alias: []string{"tsa"}},
		{name: "timestamp_roots", kind: kText, doc: "PEM file of the root certificates that the authority's tokens must lead to, relative to this file.", alias: []string{"tsa_roots"}},
		{name: "publish_file", kind: kText, doc: "File to which each checkpoint is copied, such as one on a share that others read, relative to this file."},
		{name: "publish_url", kind: kSecret, doc: "URL to which each checkpoint is posted as text, as \"env:NAME\", \"file:PATH\" or itself.", alias: []string{"webhook"}},
		{name: "publish_git", kind: kText, doc: "Clone of a git repository in which each checkpoint is committed and pushed, relative to this file.", alias: []string{"git"}},
	}}
}

func witnessTable() *table {
	return &table{name: "witness", keys: []key{
		{name: "url", kind: kText, need: true, doc: "Where the witness takes checkpoints: the prefix before /add-checkpoint."},
		{name: "key", kind: kText, need: true, doc: "The witness's public key, \"name+hash+key\".", alias: []string{"vkey"}},
	}}
}

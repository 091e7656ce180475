package config

// Parse reads a configuration that is in no file. The name stands in for the
// path in messages; the configuration can name no other files by relative path
// but those under the current directory.
func (l Loader) Parse(name string, text []byte) (*Config, error) {
	return l.load(name, memory{name: text})
}

// Package config reads config.toml into the nouns of the program, or says all
// that is wrong with it.
//
// Load reads the file, the files it includes and the lists of hosts it names,
// and gives a Config in which everything is resolved: services and markets of
// a claim are spelled out, regions are expanded into countries, a due date is
// an instant. Reading is strict. An unknown key, a wrong type, an unknown
// region, a date that is not in the calendar are each a Problem with file,
// line, column and key, and all problems are reported at once.
//
// One table (keys.go) names every key with its type, its limits and one
// sentence of documentation. It drives the reader, the suggestions for
// misspelled keys and the JSON Schema for editors.
//
// The package does not open databases, resolve names or send anything. It
// reads files and the environment variables that secrets name. A Config is
// not changed after Load and may be used from any goroutine.
package config

package lab

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed scenarios
var scenarios embed.FS

// Builtin returns a scenario that the program carries: "xiaomi-2014".
func Builtin(name string) (*Scenario, error) {
	if strings.ContainsAny(name, `/\`) {
		return nil, fmt.Errorf("open scenario %q: not the name of a built-in scenario", name)
	}
	s, err := Load(scenarios, path.Join("scenarios", name+".toml"))
	if err != nil {
		return nil, fmt.Errorf("open scenario %q: %w", name, err)
	}
	return s, nil
}

// Builtins returns the names of the scenarios that the program carries.
func Builtins() []string {
	files, _ := fs.Glob(scenarios, "scenarios/*.toml") // the pattern is well formed
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), ".toml")
	}
	return files
}

// Load reads a scenario and the provider range files beside it.
func Load(fsys fs.FS, name string) (*Scenario, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	s, err := Parse(strings.TrimSuffix(path.Base(name), ".toml"), data)
	if err != nil {
		return nil, err
	}
	for i, r := range s.Ranges {
		if s.Ranges[i].Data, err = fs.ReadFile(fsys, path.Join(path.Dir(name), r.File)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

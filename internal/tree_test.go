// Package internal_test holds the rules of the house that the compiler does
// not know: who may import whom (imports_test.go) and how big and how well
// explained things are (structure_test.go). ARCHITECTURE.md draws the same
// floors; these tests are what keeps the drawing true.
package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// module is the name in go.mod; imports that begin with it are ours.
const module = "residency"

// sourceFile is one parsed Go file of the module.
type sourceFile struct {
	name  string // slash-separated, from the root of the module
	dir   string // the package's directory, such as "internal/policy"
	test  bool
	fset  *token.FileSet
	ast   *ast.File
	lines int
}

// imports returns the import paths of the file.
func (f *sourceFile) imports() []string {
	var list []string
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			list = append(list, p)
		}
	}
	return list
}

// generated reports whether the file says that it is (go help generate).
func (f *sourceFile) generated() bool { return ast.IsGenerated(f.ast) }

// line returns the line of a position.
func (f *sourceFile) line(p token.Pos) int { return f.fset.Position(p).Line }

// goFiles parses every Go file of the module, tests included. Directories
// that the go command passes over (testdata, names with a leading "." or "_")
// are passed over here too.
func goFiles(t *testing.T) []*sourceFile {
	t.Helper()
	return goFilesUnder(t, "..")
}

// goFilesUnder parses every Go file below root.
func goFilesUnder(t *testing.T, root string) []*sourceFile {
	t.Helper()
	var files []*sourceFile
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != root && (base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		files = append(files, parseFile(t, filepath.ToSlash(rel), text))
		return nil
	})
	if err != nil {
		t.Fatalf("walk module: %v", err)
	}
	if len(files) == 0 {
		t.Fatal("walk module: no Go file found")
	}
	return files
}

// parseFile parses one file as if it stood at name in the module.
func parseFile(t *testing.T, name string, text []byte) *sourceFile {
	t.Helper()
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("parse %s: %v", name, err)
	}
	return &sourceFile{
		name:  name,
		dir:   path.Dir(name),
		test:  strings.HasSuffix(name, "_test.go"),
		fset:  fset,
		ast:   tree,
		lines: strings.Count(string(text), "\n"),
	}
}

package internal_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// Limits on size. Tests are free of them: a table of cases is as long as it
// is. So are generated files.
const (
	maxFileLines = 400
	maxFuncLines = 60

	// maxTableLines is the limit for a function that is mostly a table: more
	// than half of its lines lie in one composite literal. A file that is
	// mostly a package-level table (the same rule) has no limit: it is data.
	maxTableLines = 80
)

// drawers are names that say nothing about what is inside.
var drawers = []string{
	"base", "common", "core", "helper", "helpers", "misc", "shared", "types", "util", "utilities", "utils",
}

// TestStructure holds every file of the module to the rules below.
func TestStructure(t *testing.T) {
	t.Parallel()
	rules := []func(*sourceFile) []string{
		sizeProblems, nameProblems, initProblems, docProblems, clockProblems,
	}
	files := goFiles(t)
	for _, f := range files {
		if f.generated() {
			continue
		}
		for _, rule := range rules {
			for _, problem := range rule(f) {
				t.Error(problem)
			}
		}
	}
	for _, rule := range []func([]*sourceFile) []string{packageDocProblems, stateProblems} {
		for _, problem := range rule(files) {
			t.Error(problem)
		}
	}
}

// sizeProblems finds files and functions over their limits.
func sizeProblems(f *sourceFile) []string {
	if f.test {
		return nil
	}
	var problems []string
	if f.lines > maxFileLines && !mostlyTable(f, f.ast, f.lines) {
		problems = append(problems, fmt.Sprintf("%s has %d lines, more than %d", f.name, f.lines, maxFileLines))
	}
	for _, decl := range f.ast.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		lines, limit := f.line(fn.End())-f.line(fn.Pos())+1, maxFuncLines
		if mostlyTable(f, fn, lines) {
			limit = maxTableLines
		}
		if lines > limit {
			problems = append(problems, fmt.Sprintf("%s:%d: %s has %d lines, more than %d",
				f.name, f.line(fn.Pos()), fn.Name.Name, lines, limit))
		}
	}
	return problems
}

// mostlyTable reports whether one composite literal takes more than half of
// the lines of the node.
func mostlyTable(f *sourceFile, node ast.Node, lines int) bool {
	found := false
	ast.Inspect(node, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok && 2*(f.line(lit.End())-f.line(lit.Pos())+1) > lines {
			found = true
		}
		return !found
	})
	return found
}

// nameProblems finds packages and directories whose name says nothing.
func nameProblems(f *sourceFile) []string {
	var problems []string
	for _, name := range []string{f.ast.Name.Name, path.Base(f.dir)} {
		if slices.Contains(drawers, strings.TrimSuffix(name, "_test")) {
			problems = append(problems, fmt.Sprintf("%s: a package named %s is a drawer: name it by what it is about", f.name, name))
		}
	}
	return slices.Compact(problems)
}

// initProblems finds init functions: nothing happens before main.
func initProblems(f *sourceFile) []string {
	var problems []string
	for _, decl := range f.ast.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			problems = append(problems, fmt.Sprintf("%s:%d: no init: nothing happens before main", f.name, f.line(fn.Pos())))
		}
	}
	return problems
}

// docProblems finds exported names without a comment. A constant is explained
// by its own comment, its group's, or its type's.
func docProblems(f *sourceFile) []string {
	if f.test {
		return nil
	}
	var problems []string
	missing := func(name *ast.Ident) {
		if name.IsExported() {
			problems = append(problems, fmt.Sprintf("%s:%d: %s has no comment", f.name, f.line(name.Pos()), name.Name))
		}
	}
	for _, decl := range f.ast.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && receiverExported(d) {
				missing(d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if d.Doc == nil && s.Doc == nil {
						missing(s.Name)
					}
				case *ast.ValueSpec:
					if d.Doc == nil && s.Doc == nil && s.Comment == nil && !typedConst(d, s) {
						for _, name := range s.Names {
							missing(name)
						}
					}
				}
			}
		}
	}
	return problems
}

// receiverExported reports whether the function is none's method, or that of
// an exported type.
func receiverExported(fn *ast.FuncDecl) bool {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return true
	}
	root := fn.Recv.List[0].Type
	for {
		switch t := root.(type) {
		case *ast.StarExpr:
			root = t.X
		case *ast.IndexExpr:
			root = t.X
		case *ast.IndexListExpr:
			root = t.X
		case *ast.Ident:
			return t.IsExported()
		default:
			return true
		}
	}
}

// typedConst reports whether the constant has a type of its own package, which
// is where the list is explained.
func typedConst(d *ast.GenDecl, s *ast.ValueSpec) bool {
	if d.Tok != token.CONST {
		return false
	}
	if s.Type == nil { // iota goes on from the line above
		return len(s.Values) == 0
	}
	id, ok := s.Type.(*ast.Ident)
	return ok && id.IsExported()
}

// packageDocProblems finds packages that do not say what they are.
func packageDocProblems(files []*sourceFile) []string {
	documented := map[string]bool{}
	for _, f := range files {
		if !f.test || f.ast.Name.Name == "internal_test" {
			documented[f.dir] = documented[f.dir] || f.ast.Doc != nil
		}
	}
	var problems []string
	for dir, ok := range documented {
		if !ok {
			problems = append(problems, fmt.Sprintf("%s has no package comment", dir))
		}
	}
	slices.Sort(problems)
	return problems
}

// clockProblems finds pure packages that read the clock.
func clockProblems(f *sourceFile) []string {
	if f.test || !house[f.dir].pure {
		return nil
	}
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	var problems []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, sel.Sel.Name) {
			problems = append(problems, fmt.Sprintf("%s:%d: a pure package is told the time: no time.%s",
				f.name, f.line(sel.Pos()), sel.Sel.Name))
		}
		return true
	})
	return problems
}

// TestStructureRules shows that each rule catches what it is for.
func TestStructureRules(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\t_ = 0\n", maxFuncLines)
	table := "\treturn []int{\n" + strings.Repeat("\t\t1,\n", maxFuncLines) + "\t}\n"
	tests := []struct {
		name string
		rule func(*sourceFile) []string
		file string
		text string
		want []string
	}{
		{"long function", sizeProblems, "a.go", "package a\nfunc f() {\n" + long + "}\n", []string{"a.go:2: f has 62 lines, more than 60"}},
		{"long function in a test", sizeProblems, "a_test.go", "package a\nfunc f() {\n" + long + "}\n", nil},
		{"table", sizeProblems, "a.go", "package a\nfunc f() []int {\n" + table + "}\n", nil},
		{"long file", sizeProblems, "a.go", "package a\n" + strings.Repeat("\n", maxFileLines), []string{"a.go has 401 lines, more than 400"}},
		{"data file", sizeProblems, "a.go", "package a\nvar x = []int{\n" + strings.Repeat("1,\n", maxFileLines) + "}\n", nil},
		{"drawer", nameProblems, "util/a.go", "package util\n", []string{"util/a.go: a package named util is a drawer: name it by what it is about"}},
		{"init", initProblems, "a.go", "package a\nfunc init() {}\n", []string{"a.go:2: no init: nothing happens before main"}},
		{"method named init", initProblems, "a.go", "package a\ntype t int\nfunc (t) init() {}\n", nil},
		{"bare func", docProblems, "a.go", "package a\nfunc F() {}\n", []string{"a.go:2: F has no comment"}},
		{"bare method", docProblems, "a.go", "package a\n// T.\ntype T[E any] int\nfunc (*T[E]) M() {}\n", []string{"a.go:4: M has no comment"}},
		{"method of a hidden type", docProblems, "a.go", "package a\ntype t int\nfunc (t) M() {}\n", nil},
		{"bare type", docProblems, "a.go", "package a\ntype T int\n", []string{"a.go:2: T has no comment"}},
		{"bare var", docProblems, "a.go", "package a\nvar V int\n", []string{"a.go:2: V has no comment"}},
		{"listed constants", docProblems, "a.go", "package a\n// T.\ntype T int\nconst (\n\tA T = iota\n\tB\n)\n", nil},
		{"bare constant", docProblems, "a.go", "package a\nconst A = 1\n", []string{"a.go:2: A has no comment"}},
		{"clock", clockProblems, "internal/policy/a.go", "package policy\nvar t = time.Now()\n", []string{"internal/policy/a.go:2: a pure package is told the time: no time.Now"}},
		{"clock of a worker", clockProblems, "internal/resolve/a.go", "package resolve\nvar t = time.Now()\n", nil},
	}
	for _, tt := range tests {
		if got := tt.rule(parseFile(t, tt.file, []byte(tt.text))); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

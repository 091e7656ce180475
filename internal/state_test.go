package internal_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"testing"
)

// stateProblems finds package-level variables that are state: assigned after
// their declaration, or of a type that exists to be changed. A variable is a
// table or a sentinel error, nothing else.
//
// The check goes by names, without types: a function that declares a name of
// its own is not looked at for that name. It misses changes through a pointer.
func stateProblems(files []*sourceFile) []string {
	vars := map[string]map[string]bool{} // directory -> names
	var problems []string
	for _, f := range files {
		if f.test {
			continue
		}
		if vars[f.dir] == nil {
			vars[f.dir] = map[string]bool{}
		}
		for _, spec := range packageVars(f) {
			for _, name := range spec.Names {
				vars[f.dir][name.Name] = true
			}
			if made := changeable(spec); made != "" {
				problems = append(problems, fmt.Sprintf("%s:%d: %s is package-level state: %s",
					f.name, f.line(spec.Pos()), spec.Names[0].Name, made))
			}
		}
	}
	for _, f := range files { // tests too: they run in parallel
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			for _, id := range assigned(fn) {
				if vars[f.dir][id.Name] {
					problems = append(problems, fmt.Sprintf("%s:%d: %s is a package-level variable: it is not assigned after its declaration",
						f.name, f.line(id.Pos()), id.Name))
				}
			}
		}
	}
	slices.Sort(problems)
	return problems
}

// packageVars returns the package-level var declarations of the file.
func packageVars(f *sourceFile) []*ast.ValueSpec {
	var specs []*ast.ValueSpec
	for _, decl := range f.ast.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.VAR {
			continue
		}
		for _, spec := range d.Specs {
			if s, ok := spec.(*ast.ValueSpec); ok && s.Names[0].Name != "_" {
				specs = append(specs, s)
			}
		}
	}
	return specs
}

// changeable names the type of a variable that exists to be changed: a lock,
// a pool, an atomic value, a channel. sync.OnceValue is a function and allowed:
// it is a table that is read late.
func changeable(spec *ast.ValueSpec) string {
	kind := ""
	look := func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncLit, *ast.FuncType:
			return false
		case *ast.ChanType:
			kind = "a channel"
		case *ast.SelectorExpr:
			pkg, ok := x.X.(*ast.Ident)
			if !ok {
				return true
			}
			locks := []string{"Mutex", "RWMutex", "Once", "Map", "Pool", "WaitGroup", "Cond"}
			if pkg.Name == "atomic" || pkg.Name == "sync" && slices.Contains(locks, x.Sel.Name) {
				kind = pkg.Name + "." + x.Sel.Name
			}
		}
		return kind == ""
	}
	if spec.Type != nil {
		ast.Inspect(spec.Type, look)
	}
	for _, v := range spec.Values {
		ast.Inspect(v, look)
	}
	return kind
}

// assigned returns the roots of what the function assigns to, without the
// names that it declares itself.
func assigned(fn *ast.FuncDecl) []*ast.Ident {
	own := map[string]bool{}
	declare := func(fields *ast.FieldList) {
		if fields == nil {
			return
		}
		for _, field := range fields.List {
			for _, name := range field.Names {
				own[name.Name] = true
			}
		}
	}
	declare(fn.Recv)
	var roots []*ast.Ident
	target := func(e ast.Expr, declares bool) {
		id := root(e)
		switch {
		case id == nil:
		case declares:
			own[id.Name] = true
		default:
			roots = append(roots, id)
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncType:
			declare(x.Params)
			declare(x.Results)
		case *ast.ValueSpec:
			for _, name := range x.Names {
				own[name.Name] = true
			}
		case *ast.AssignStmt:
			for _, e := range x.Lhs {
				target(e, x.Tok == token.DEFINE)
			}
		case *ast.IncDecStmt:
			target(x.X, false)
		case *ast.RangeStmt:
			target(x.Key, x.Tok == token.DEFINE)
			target(x.Value, x.Tok == token.DEFINE)
		case *ast.CallExpr: // delete(m, k), clear(m)
			if f, ok := x.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(x.Args) > 0 {
				target(x.Args[0], false)
			}
		}
		return true
	})
	return slices.DeleteFunc(roots, func(id *ast.Ident) bool { return own[id.Name] })
}

// root returns the identifier that an assignable expression begins with.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// TestStateRules shows what counts as state and what does not.
func TestStateRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want []string
	}{
		{"var x = 1\nfunc f() int { return x }", nil},
		{"var x = 1\nfunc f() { x = 2 }", []string{"x.go:3: x is a package-level variable: it is not assigned after its declaration"}},
		{"var x = 1\nfunc f() { x := 1; x = 2; _ = x }", nil},
		{"var x = 1\nfunc f(x int) { x++ }", nil},
		{"var x = 1\nfunc f() { x++ }", []string{"x.go:3: x is a package-level variable: it is not assigned after its declaration"}},
		{"var m = map[int]int{}\nfunc f() { m[1] = 2 }", []string{"x.go:3: m is a package-level variable: it is not assigned after its declaration"}},
		{"var m = map[int]int{}\nfunc f() { delete(m, 1) }", []string{"x.go:3: m is a package-level variable: it is not assigned after its declaration"}},
		{"var s struct{ n int }\nfunc f() { s.n = 1 }", []string{"x.go:3: s is a package-level variable: it is not assigned after its declaration"}},
		{"var x int\nfunc f() { for x = range 3 { _ = x } }", []string{"x.go:3: x is a package-level variable: it is not assigned after its declaration"}},
		{"var mu sync.Mutex", []string{"x.go:2: mu is package-level state: sync.Mutex"}},
		{"var p = &sync.Pool{}", []string{"x.go:2: p is package-level state: sync.Pool"}},
		{"var n atomic.Int64", []string{"x.go:2: n is package-level state: atomic.Int64"}},
		{"var c = make(chan int)", []string{"x.go:2: c is package-level state: a channel"}},
		{"var load = sync.OnceValue(func() int { return 1 })", nil},
		{"var _ = 1", nil},
	}
	for _, tt := range tests {
		f := parseFile(t, "x.go", []byte("package x\n"+tt.text+"\n"))
		if got := stateProblems([]*sourceFile{f}); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

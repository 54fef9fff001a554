// Package ci holds what judges the whole repository: the import rules here, the
// tests with real tools in ci/system, and the measurements in ci/bench.
package ci

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/basal-project/basal"

// TestImports holds every package of the module, those behind build tags
// included, to the policy in imports.txt.
func TestImports(t *testing.T) {
	text, err := os.ReadFile("imports.txt")
	if err != nil {
		t.Fatal(err)
	}
	p, err := parsePolicy(string(text))
	if err != nil {
		t.Fatalf("imports.txt: %v", err)
	}
	units, err := load("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range p.check(units) {
		t.Error(fault)
	}
}

// load describes the packages of the module in dir.
func load(dir string) ([]unit, error) {
	cmd := exec.Command("go", "list", "-tags=system,live,e2e", "-json=Dir,ImportPath,GoFiles,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var units []unit
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l struct {
			Dir, ImportPath                             string
			GoFiles, Imports, TestImports, XTestImports []string
		}
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return units, nil
		} else if err != nil {
			return nil, err
		}
		u := unit{path: own(l.ImportPath)}
		for _, imp := range l.Imports {
			u.imports = append(u.imports, own(imp))
		}
		for _, imp := range slices.Concat(l.TestImports, l.XTestImports) {
			u.testImports = append(u.testImports, own(imp))
		}
		for _, file := range l.GoFiles {
			src, err := os.ReadFile(filepath.Join(l.Dir, file))
			if err != nil {
				return nil, err
			}
			funcs, err := funcsOf(file, src)
			if err != nil {
				return nil, err
			}
			u.funcs = append(u.funcs, funcs...)
		}
		slices.Sort(u.funcs)
		u.funcs = slices.Compact(u.funcs)
		units = append(units, u)
	}
}

// own returns a package of this module relative to it, other paths as they are.
func own(importPath string) string { return strings.TrimPrefix(importPath, module+"/") }

// funcsOf returns what the file takes from other packages, as path.Name. It
// goes by the names in the import block, which is exact unless a local variable
// hides one of them; then it can only see too much.
func funcsOf(name string, src []byte) ([]string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	imports := make(map[string]string)
	for _, spec := range f.Imports {
		p := strings.Trim(spec.Path.Value, `"`)
		local := path.Base(p)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == "." {
			return nil, errors.New(name + ": a dot import hides where names come from")
		}
		imports[local] = own(p)
	}
	var funcs []string
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && imports[x.Name] != "" {
			funcs = append(funcs, imports[x.Name]+"."+sel.Sel.Name)
		}
		return true
	})
	return funcs, nil
}

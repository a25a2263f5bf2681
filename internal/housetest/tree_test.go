package housetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/zonehold/zonehold"

// tree is the source of the module, or of a small package made up by a test.
type tree struct {
	fset  *token.FileSet
	files []*file
}

type file struct {
	*ast.File
	name string // "verify/dns_txt.go"
	pkg  string // "verify"; "" is the root package
	test bool
}

// readTree parses every Go file of the module below root, whatever its build
// constraints. Nested modules and testdata are not of the house.
func readTree(t *testing.T, root string) *tree {
	t.Helper()
	tr := &tree{fset: token.NewFileSet()}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			base := d.Name()
			if p != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil && p != root {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		return tr.add(filepath.ToSlash(rel), string(src))
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// makeTree parses sources given as name → text.
func makeTree(t *testing.T, sources map[string]string) *tree {
	t.Helper()
	tr := &tree{fset: token.NewFileSet()}
	for name, src := range sources {
		if err := tr.add(name, src); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func (tr *tree) add(name, src string) error {
	f, err := parser.ParseFile(tr.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	pkg := path.Dir(name)
	if pkg == "." {
		pkg = ""
	}
	tr.files = append(tr.files, &file{File: f, name: name, pkg: pkg, test: strings.HasSuffix(name, "_test.go")})
	return nil
}

// product returns the files that are built into programs.
func (tr *tree) product() []*file {
	return slices.DeleteFunc(slices.Clone(tr.files), func(f *file) bool { return f.test })
}

func (tr *tree) line(pos token.Pos) string {
	p := tr.fset.Position(pos)
	return p.Filename + ":" + strconv.Itoa(p.Line)
}

// public reports whether others may import the package.
func (f *file) public() bool {
	return !strings.HasPrefix(f.pkg, "internal/") && !strings.HasPrefix(f.pkg, "cmd/")
}

func importPath(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value)
	return p
}

// ours returns the package of the house that an import names.
func ours(imported string) (string, bool) {
	if imported == module {
		return "", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// matches reports whether name is one of patterns, or below one that ends in
// "/...". The pattern "..." is everything.
func matches(name string, patterns []string) bool {
	for _, p := range patterns {
		below, tree := strings.CutSuffix(p, "...")
		if name == p || tree && (strings.HasPrefix(name, below) || name+"/" == below) {
			return true
		}
	}
	return false
}

// inModule reports whether an import path lies in one of the modules.
func inModule(imported string, modules []string) bool {
	for _, m := range modules {
		if imported == m || strings.HasPrefix(imported, m+"/") {
			return true
		}
	}
	return false
}

// uses calls fn for each mention of a name of an imported package, aliases
// resolved: fn(pos, "net", "Dial"). A dot import counts as a mention of ".".
func (f *file) uses(fn func(pos token.Pos, imported, name string)) {
	names := map[string]string{}
	for _, spec := range f.Imports {
		p := importPath(spec)
		name := path.Base(p)
		if strings.HasPrefix(name, "v") && strings.Trim(name[1:], "0123456789") == "" {
			name = path.Base(path.Dir(p))
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			fn(spec.Pos(), p, ".")
		}
		names[name] = p
	}
	ast.Inspect(f.File, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && names[x.Name] != "" {
				fn(sel.Pos(), names[x.Name], sel.Sel.Name)
			}
		}
		return true
	})
}

// literals calls fn for each string literal, import paths and struct tags
// left out.
func (f *file) literals(fn func(pos token.Pos, value string)) {
	skip := map[*ast.BasicLit]bool{}
	ast.Inspect(f.File, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			if n.Tag != nil {
				skip[n.Tag] = true
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING && !skip[n] {
				if value, err := strconv.Unquote(n.Value); err == nil {
					fn(n.Pos(), value)
				}
			}
		}
		return true
	})
}

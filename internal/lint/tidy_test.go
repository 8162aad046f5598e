package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The sizes beyond which a reader loses the thread (style.md, section 1). Tests and generated files are exempt.
const (
	maxFileLines = 620
	maxFuncLines = 90
)

// goFiles lists the Go files of the module, by path below its root.
func goFiles(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || d.Name() == "tools" || d.Name() == "zz") && path != root {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			out = append(out, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSizes(t *testing.T) {
	root := root(t)
	for _, path := range goFiles(t, root) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(root, path)
		for _, line := range checkSizes(rel, src) {
			t.Error(line)
		}
	}
}

// checkSizes says what is too long in one file.
func checkSizes(name string, src []byte) []string {
	var bad []string
	if n := bytes.Count(src, []byte("\n")); n > maxFileLines {
		bad = append(bad, fmt.Sprintf("%s has %d lines; is it one purpose?", name, n))
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, 0)
	if err != nil {
		return append(bad, err.Error())
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > maxFuncLines {
				bad = append(bad, fmt.Sprintf("%s: %s has %d lines", name, fn.Name.Name, n))
			}
		}
	}
	return bad
}

func TestCheckSizes(t *testing.T) {
	long := "package p\n\nfunc f() {\n" + strings.Repeat("\t_ = 1\n", maxFuncLines) + "}\n"
	if got := checkSizes("p.go", []byte(long)); len(got) != 1 {
		t.Errorf("a long function gives %q, want one complaint", got)
	}
	if got := checkSizes("p.go", []byte("package p\n"+strings.Repeat("\n", maxFileLines))); len(got) != 1 {
		t.Errorf("a long file gives %q, want one complaint", got)
	}
}

// purity looks for the clock and for goroutines in layers 0 to 2, which go list cannot see.
func purity(name string, src []byte) []string {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, 0)
	if err != nil {
		return []string{err.Error()}
	}
	var bad []string
	ast.Inspect(f, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.GoStmt:
			bad = append(bad, fmt.Sprintf("%s: a goroutine in a pure package", fset.Position(x.Pos())))
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok && id.Name == "time" && (x.Sel.Name == "Now" || x.Sel.Name == "Sleep" || x.Sel.Name == "Since") {
				bad = append(bad, fmt.Sprintf("%s: time.%s in a pure package", fset.Position(x.Pos()), x.Sel.Name))
			}
		}
		return true
	})
	return bad
}

func TestPurity(t *testing.T) {
	root := root(t)
	for _, r := range table {
		if r.layer > "2" {
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, r.path, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			rel, _ := filepath.Rel(root, path)
			for _, line := range purity(rel, src) {
				t.Error(line)
			}
		}
	}
	if got := purity("p.go", []byte("package p\nimport \"time\"\nfunc f() { go f(); _ = time.Now() }\n")); len(got) != 2 {
		t.Errorf("a goroutine and a clock give %q, want two complaints", got)
	}
}

var (
	link     = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	fence    = regexp.MustCompile("(?s)```.*?```")
	unwanted = regexp.MustCompile(`\b(FIX` + `ME|XX` + `X)\b|TO` + `DO`)
)

func TestDocumentLinks(t *testing.T) {
	root := root(t)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".md") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		for _, target := range links(text) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), target)); err != nil {
				t.Errorf("%s links to %s, which is not there", rel, target)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// links lists the relative targets of a Markdown text.
func links(text []byte) []string {
	var out []string
	for _, m := range link.FindAllSubmatch(fence.ReplaceAll(text, nil), -1) {
		if target := string(m[1]); !strings.Contains(target, "://") && !strings.HasPrefix(target, "mailto:") {
			out = append(out, target)
		}
	}
	return out
}

func TestLinks(t *testing.T) {
	got := links([]byte("[a](b.md) [c](https://example.org) [d](e.md#f)\n```\n[x](y)\n```\n"))
	if len(got) != 2 || got[0] != "b.md" || got[1] != "e.md" {
		t.Errorf("links: %q", got)
	}
}

func TestNoUnownedNotes(t *testing.T) {
	root := root(t)
	for _, path := range goFiles(t, root) {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(root, path)
		for i, line := range strings.Split(string(src), "\n") {
			if strings.Contains(line, "//") && unwanted.MatchString(line[strings.Index(line, "//"):]) {
				t.Errorf("%s:%d: unfinished work: %s", rel, i+1, strings.TrimSpace(line))
			}
		}
	}
}

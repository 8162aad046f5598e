package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/sim"
)

// A test that the quirk table or the list of faults names is there.
func TestQuirksAreShown(t *testing.T) {
	names := map[string]map[string]bool{}
	for _, q := range redfish.Table() {
		for _, s := range q.Shown {
			checkShown(t, names, q.ID, s)
		}
	}
	for _, f := range sim.Faults() {
		for _, s := range f.Shown {
			checkShown(t, names, f.ID, s)
		}
	}
}

func checkShown(t *testing.T, names map[string]map[string]bool, id, shown string) {
	t.Helper()
	folder, test, ok := strings.Cut(shown, " ")
	test, _, _ = strings.Cut(test, "/")
	if !ok || test == "" {
		t.Errorf("%s: %q is not \"folder TestName\"", id, shown)
		return
	}
	if names[folder] == nil {
		names[folder] = testsIn(t, filepath.Join(root(t), filepath.FromSlash(folder)))
	}
	if !names[folder][test] {
		t.Errorf("%s: %s has no test %s", id, folder, test)
	}
}

// testsIn names the test functions of a folder.
func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
		return out
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				out[fn.Name.Name] = true
			}
		}
	}
	return out
}

package lint

import (
	"fmt"
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

// TestQuirksArePlayed: every row R1 to R119 is there once, and exists outside its table too: as a fault of the simulator, in a recorded
// tree, as a fixture, or with the reason why it cannot.
func TestQuirksArePlayed(t *testing.T) {
	const rows = 119
	faults, seen := map[string]bool{}, map[string]bool{}
	for _, f := range sim.Faults() {
		faults[f.ID] = true
	}
	names := map[string]map[string]bool{}
	for _, q := range redfish.Table() {
		if seen[q.ID] {
			t.Errorf("%s stands twice", q.ID)
		}
		seen[q.ID] = true
		if q.Fixture != "" {
			checkShown(t, names, q.ID, q.Fixture)
		}
		for _, tree := range q.Recorded {
			if _, err := os.Stat(filepath.Join(root(t), "internal", "bmc", "inventory", "testdata", tree+".golden")); err != nil {
				t.Errorf("%s: tree %s is read by no golden test: %v", q.ID, tree, err)
			}
		}
		if len(q.Shown) == 0 && !faults[q.ID] {
			t.Errorf("%s is shown by no test", q.ID)
		}
		if !faults[q.ID] && len(q.Recorded) == 0 && q.Fixture == "" && q.Neither == "" {
			t.Errorf("%s is no fault of the simulator, in no recorded tree and no fixture, and does not say why", q.ID)
		}
	}
	for i := range rows {
		if id := fmt.Sprintf("R%d", i+1); !seen[id] {
			t.Errorf("the table has no row %s", id)
		}
	}
	for id := range faults {
		if strings.HasPrefix(id, "R") && !seen[id] {
			t.Errorf("fault %s is no row of the table", id)
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

package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is the module's folder: the nearest one above that holds go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
}

func TestImports(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,GoFiles", "./...")
	cmd.Dir = root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			pkg
			GoFiles []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 { // a folder of tests alone is no package of the product
			pkgs = append(pkgs, p.pkg)
		}
	}
	for _, line := range checkImports(table, pkgs) {
		t.Error(line)
	}
}

// TestCheckImports plants each kind of mistake and demands that it is caught.
func TestCheckImports(t *testing.T) {
	rows := []row{
		{layer: "0", path: "internal/rack"},
		{layer: "2", path: "internal/plan"},
		{layer: "5", path: "internal/bmc/gofishx", holds: []string{"example.org/gofish"}},
		{layer: "5", path: "internal/bmc"},
		{layer: "5", path: "internal/apply"},
		{layer: "7", path: "cli"},
		{layer: "7", path: "provider"},
		{layer: "T", path: "internal/drivertest", testkit: true},
	}
	all := func(extra ...pkg) []pkg {
		var out []pkg
		for _, r := range rows {
			p := pkg{ImportPath: module + "/" + r.path}
			for _, e := range extra {
				if e.ImportPath == p.ImportPath {
					p.Imports = e.Imports
				}
			}
			out = append(out, p)
		}
		return out
	}
	imports := func(who string, what ...string) []pkg {
		return all(pkg{ImportPath: module + "/" + who, Imports: what})
	}
	for _, c := range []struct {
		name string
		pkgs []pkg
		want string // part of the one complaint; empty = none
	}{
		{"clean", imports("internal/apply", module+"/internal/plan", "os"), ""},
		{"upward", imports("internal/plan", module+"/internal/apply"), "does not stand above"},
		{"adapter to adapter", imports("internal/apply", module+"/internal/bmc"), "adapters do not import each other"},
		{"adapter to planner", imports("internal/bmc", module+"/internal/plan"), "adapters do not import the planner"},
		{"impure", imports("internal/plan", "os"), "layers 0 to 2 are pure"},
		{"door to door", imports("provider", module+"/cli"), "doors do not import each other"},
		{"test kit", imports("provider", module+"/internal/drivertest"), "it is for tests only"},
		{"foreign library", imports("cli", "example.org/gofish/redfish"), "only internal/bmc/gofishx holds it"},
		{"sibling in the tree", imports("internal/bmc", "example.org/gofish"), "only internal/bmc/gofishx holds it"},
		{"holder", imports("internal/bmc/gofishx", "example.org/gofish"), ""},
		{"not in the table", append(all(), pkg{ImportPath: module + "/internal/util"}), "is not in the table"},
		{"stale row", all()[1:], "names no package (stale)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(checkImports(rows, c.pkgs), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want a complaint with %q", got, c.want)
			}
		})
	}
}

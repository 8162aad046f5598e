// Package lint holds the house rules that a machine can check: who may import whom, what is pure, how long a file may be,
// whether documents' links lead somewhere. It is imported by nothing; its tests are the product.
package lint

import (
	"fmt"
	"slices"
	"strings"
)

// module is the path of this module.
const module = "github.com/metalwright/metalwright"

// row is one package of the architecture's table. A package may import only rows that stand above it.
type row struct {
	layer   string
	path    string   // below the module
	holds   []string // third-party module prefixes that only this package's tree may import
	testkit bool     // imported by tests only
}

// table is the order of docs/architecture.md. It changes together with an ADR.
var table = []row{
	{layer: "0", path: "internal/diag"},
	{layer: "0", path: "internal/rack"},
	{layer: "0", path: "internal/step"},
	{layer: "0", path: "blueprints"},
	{layer: "1", path: "firmware"},
	{layer: "1", path: "internal/residency"},
	{layer: "2", path: "internal/catalog"},
	{layer: "2", path: "internal/fabric"},
	{layer: "2", path: "internal/blueprint"},
	{layer: "2", path: "internal/switchos"},
	{layer: "2", path: "internal/plan"},
	{layer: "3", path: "internal/journal"},
	{layer: "3", path: "internal/evidence", holds: []string{
		"github.com/secure-systems-lab/go-securesystemslib", "github.com/in-toto/attestation"}},
	{layer: "4", path: "internal/secret", holds: []string{"filippo.io/age"}},
	{layer: "4", path: "internal/ca"},
	{layer: "5", path: "internal/bmc/redfish"},
	{layer: "5", path: "internal/bmc/gofishx", holds: []string{"github.com/stmcginnis/gofish"}},
	{layer: "5", path: "internal/bmc/bmclibx", holds: []string{"github.com/bmc-toolbox/bmclib"}},
	{layer: "5", path: "internal/bmc/inventory"},
	{layer: "5", path: "internal/bmc/events"},
	{layer: "5", path: "internal/bmc"},
	{layer: "5", path: "internal/switches"},
	{layer: "5", path: "internal/survey"},
	{layer: "5", path: "internal/apply"},
	{layer: "6", path: "internal/sim"},
	{layer: "6", path: "internal/sim/recorded"},
	{layer: "6", path: "internal/engine"},
	{layer: "7", path: "cli", holds: []string{"github.com/spf13/cobra"}},
	{layer: "7", path: "cli/metalwright"},
	{layer: "7", path: "provider", holds: []string{"github.com/hashicorp/terraform-plugin-framework"}},
	{layer: "7", path: "provider/terraform-provider-metalwright"},
	{layer: "T", path: "internal/drivertest", testkit: true},
	{layer: "T", path: "internal/bench", testkit: true},
	{layer: "T", path: "internal/lint", testkit: true},
}

// impure is what layers 0 to 2 may not import: the world, the clock and chance are arguments there.
var impure = []string{"net", "os", "os/exec", "os/signal", "math/rand", "math/rand/v2", "crypto/rand", "log", "log/slog", "syscall"}

// pkg is one package as go list tells it.
type pkg struct {
	ImportPath string
	Imports    []string
}

// checkImports holds packages against rows and says what is wrong, sorted.
func checkImports(rows []row, pkgs []pkg) []string {
	place := map[string]int{}
	for i, r := range rows {
		place[module+"/"+r.path] = i
	}
	var bad []string
	seen := map[string]bool{}
	for _, p := range pkgs {
		seen[p.ImportPath] = true
		i, listed := place[p.ImportPath]
		if !listed {
			bad = append(bad, fmt.Sprintf("%s is not in the table of architecture.md", p.ImportPath))
			continue
		}
		for _, imp := range p.Imports {
			if why := judge(rows, place, i, imp); why != "" {
				bad = append(bad, fmt.Sprintf("%s imports %s: %s", p.ImportPath, imp, why))
			}
		}
	}
	for _, r := range rows {
		if !seen[module+"/"+r.path] {
			bad = append(bad, fmt.Sprintf("row %s of the table names no package (stale)", r.path))
		}
	}
	slices.Sort(bad)
	return bad
}

// judge tells why the package of row i may not import imp; "" means it may.
func judge(rows []row, place map[string]int, i int, imp string) string {
	me := rows[i]
	if j, ours := place[imp]; ours {
		other := rows[j]
		switch {
		case other.testkit && !me.testkit:
			return "it is for tests only"
		case j >= i:
			return "it does not stand above"
		case me.layer == "5" && other.layer == "5" && tree(me.path) != tree(other.path):
			return "adapters do not import each other"
		case me.layer == "5" && tree(me.path) == "internal/bmc" && other.path == "internal/plan":
			return "adapters do not import the planner"
		case me.layer == "7" && other.layer == "7" && tree(me.path) != tree(other.path):
			return "doors do not import each other"
		}
		return ""
	}
	if strings.HasPrefix(imp, module+"/") {
		return "it is not in the table"
	}
	if me.layer <= "2" && slices.Contains(impure, imp) {
		return "layers 0 to 2 are pure"
	}
	for _, r := range rows {
		for _, h := range r.holds {
			if (imp == h || strings.HasPrefix(imp, h+"/")) && tree(r.path) != tree(me.path) {
				return "only " + r.path + " holds it"
			}
			if (imp == h || strings.HasPrefix(imp, h+"/")) && strings.HasPrefix(r.path, "internal/bmc/") && r.path != me.path {
				return "only " + r.path + " holds it"
			}
		}
	}
	return ""
}

// tree is the package tree that a path belongs to: internal/bmc for internal/bmc/redfish, cli for cli/metalwright.
func tree(path string) string {
	parts := strings.Split(path, "/")
	n := 1
	if parts[0] == "internal" {
		n = 2
	}
	return strings.Join(parts[:min(n, len(parts))], "/")
}

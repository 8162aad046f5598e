package plan

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/metalwright/metalwright/internal/rack"
)

var update = flag.Bool("update", false, "write the golden plans back")

// TestGolden: design and observation to plan and report, as text.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var d rack.Design
			var o rack.Observation
			want := -1
			for i, f := range a.Files {
				switch f.Name {
				case "design.json":
					err = json.Unmarshal(f.Data, &d)
				case "observation.json":
					err = json.Unmarshal(f.Data, &o)
				case "plan.txt":
					want = i
				default:
					t.Fatalf("unknown part %s", f.Name)
				}
				if err != nil {
					t.Fatalf("%s: %v", f.Name, err)
				}
			}
			p, _ := Build(d, o, Options{Now: testNow})
			got := planText(p)
			if *update {
				if want < 0 {
					a.Files = append(a.Files, txtar.File{Name: "plan.txt"})
					want = len(a.Files) - 1
				}
				a.Files[want].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want < 0 {
				t.Fatal("no plan.txt; run go test ./internal/plan -update")
			}
			if diff := cmp.Diff(string(a.Files[want].Data), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

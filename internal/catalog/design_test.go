package catalog_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/rack"
)

// goldenDay is the day on which the shipped blueprints are judged, so that the golden Designs do not depend on the clock.
var goldenDay = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// TestDesignGolden resolves every shipped blueprint to its golden Design. The golden file stands in the blueprint's folder, so
// that a person sees what the text means; -update writes it.
func TestDesignGolden(t *testing.T) {
	c := load(t)
	for _, name := range c.BlueprintNames() {
		bp, diags := blueprint.Parse(c.Blueprints[name])
		d, more := blueprint.Resolve(bp, blueprint.Options{Catalog: c, Now: goldenDay})
		if diags = append(diags, more...); diags.HasErrors() {
			t.Errorf("%s: %v", name, diags.Err())
			continue
		}
		d.Provenance = nil // explain shows it; it changes with every line that moves
		got, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		path := filepath.Join(repo, "blueprints", name, "design.golden.json")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: design (-want +got), to accept it run the test with -update:\n%s", name, diff)
		}
		if strings.Contains(string(got), "/work/") || strings.Contains(string(got), "/tmp/") {
			t.Errorf("%s: the design names a path of a machine", name)
		}
		var back rack.Design
		if err := json.Unmarshal(want, &back); err != nil || back.Digest() != d.Digest() {
			t.Errorf("%s: the golden design reads back with digest %s, want %s (%v)", name, back.Digest(), d.Digest(), err)
		}
	}
}

// TestBlueprintTests runs the tests that ship with each blueprint. What asks for a bring-up is pending here: the engine does it.
func TestBlueprintTests(t *testing.T) {
	c := load(t)
	for _, name := range c.BlueprintNames() {
		bp, _ := blueprint.Parse(c.Blueprints[name])
		ran, pending := 0, 0
		for file, src := range c.Blueprints[name] {
			if !strings.HasSuffix(file, blueprint.TestSuffix) {
				continue
			}
			tests, diags := blueprint.ParseTests(file, src)
			if diags.HasErrors() {
				t.Errorf("%s: %v", name, diags.Err())
			}
			for _, r := range blueprint.RunTests(bp, tests, blueprint.Options{Catalog: c, Now: goldenDay}) {
				ran++
				if r.Pending {
					pending++
				}
				if !r.Passed && !r.Pending {
					t.Errorf("%s, run %q: %v", name, r.Name, r.Diags)
				}
			}
		}
		if ran < 3 || pending != 1 {
			t.Errorf("%s: %d runs, %d of them with a bring-up; want three or more, and one", name, ran, pending)
		}
	}
}

package engine

import (
	"strings"
	"sync"
	"testing"

	"github.com/metalwright/metalwright/internal/blueprint"
)

// Nodes of one inventory are declared side by side: what they share, the catalog first of all, is only read. Places are names of leaves.
func TestDeclaredSideBySide(t *testing.T) {
	site := blueprint.DeclaredSite{Name: "lab", Region: "lab", Jurisdiction: "AU", Country: "AU", Policy: "au.baseline"}
	node := func(profile string) blueprint.Declared {
		return blueprint.Declared{Name: "test", Site: site, Nodes: []blueprint.DeclaredNode{{Name: "n1", Hardware: "server.dell_r750", Baseline: "dell_r750@2026.11",
			Body: map[string]any{"bios": map[string]any{"profile": profile}}}}}
	}
	w, diags := Declare(Options{Dir: t.TempDir()}, node("training"))
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			profile := []string{"training", "nonsense"}[i%2]
			s, diags := w.Declared(node(profile))
			switch {
			case profile == "training" && (diags.HasErrors() || s.Design.Nodes[0].BIOS.Origin.Short() != "n1/bios"):
				t.Errorf("%v, at %q", diags, s.Design.Nodes[0].BIOS.Origin.Short())
			case profile == "nonsense" && (!diags.HasErrors() || !strings.Contains(diags[0].Subject.Short(), "n1/bios.profile")):
				t.Errorf("a wrong profile: %v", diags)
			}
		})
	}
	wg.Wait()
}

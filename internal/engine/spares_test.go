package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

const scratchDisks = `  disks {
    volume "scratch" {
      raid = "RAID5"
      drives {
        count    = 3
        min_size = "5TB"
      }
SPARES
    }
  }
`

// TestSparesAreOurs: a hot spare that a run assigned is taken back when the blueprint speaks of it no more, and one that somebody
// else assigned never is.
func TestSparesAreOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := func(spares string) string {
			return siteText + nodeText("hpe", "hpe_dl380a_gen11", 1, strings.Replace(scratchDisks, "SPARES", spares, 1))
		}
		d := newDesk(t, text("      spares { count = 1 }"), sim.Options{})
		got, err := d.apply(t.Context(), engine.ApplyOptions{})
		d.settled(got, err)
		spares := func() []string { return d.rack.BMC("hpe").Truth().Volumes[0].Spares }
		ours := spares()
		if len(ours) != 1 {
			t.Fatalf("spares %v", ours)
		}
		if err := os.WriteFile(filepath.Join(d.dir, "main.mw.hcl"), []byte(text("")), 0o600); err != nil {
			t.Fatal(err)
		}
		p, _ := d.open().Plan(t.Context(), engine.SurveyOptions{})
		if len(p.Nodes) != 1 || len(p.Nodes[0].Steps) != 1 || p.Nodes[0].Steps[0].Kind != step.Spare || p.Nodes[0].Steps[0].Want["spare"] != "None" {
			t.Fatalf("%+v", p)
		}
		got, err = d.apply(t.Context(), engine.ApplyOptions{})
		d.settled(got, err)
		if list := spares(); len(list) != 0 {
			t.Errorf("still a spare: %v", list)
		}
		if err := os.RemoveAll(filepath.Join(d.dir, engine.StateDir, "journal")); err != nil { // of another workspace it is
			t.Fatal(err)
		}
		if err := d.rack.BMC("hpe").Poke(sim.Poke{Spare: []string{"6"}}); err != nil {
			t.Fatal(err)
		}
		if p, _ := d.open().Plan(t.Context(), engine.SurveyOptions{}); !p.Empty() || !p.Report.Clean() {
			t.Errorf("a spare of somebody else is touched: %+v", p)
		}
		d.quiet()
	})
}

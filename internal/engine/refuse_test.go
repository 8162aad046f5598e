package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// writes sums what has changed BMCs.
func (d *desk) writes() int {
	n := 0
	for _, l := range d.rack.Ledger() {
		n += l.Writes
	}
	return n
}

// TestFullDisk: the disk is full at the n-th write or sync of the journal. From then on nothing is written to any BMC;
// it is told in clear words; with room again the same command does the rest, and nothing twice.
func TestFullDisk(t *testing.T) {
	whole := 0 // calls of an undisturbed run
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, threeNodes, sim.Options{})
		disk := &journal.Memory{}
		d.fs = disk
		got, err := d.apply(t.Context(), engine.ApplyOptions{})
		d.settled(got, err)
		whole = disk.Calls()
	})
	for n := 1; n <= whole; n += 1 + whole/12 {
		synctest.Test(t, func(t *testing.T) { fullDisk(t, n) })
	}
}

func fullDisk(t *testing.T, n int) {
	d := newDesk(t, threeNodes, sim.Options{})
	frozen := -1
	disk := &journal.Memory{Before: func(i int, _ string) error {
		if i < n {
			return nil
		}
		if frozen < 0 {
			frozen = d.writes()
		}
		return syscall.ENOSPC
	}}
	d.fs = disk
	got, err := d.apply(t.Context(), engine.ApplyOptions{})
	if !errors.Is(err, syscall.ENOSPC) || step.ClassOf(err) != step.Internal || got.Settled {
		t.Errorf("full at call %d: %v\n%s", n, err, told(got))
	}
	if a := step.AdviceOf(err); !strings.Contains(a, "full") || !strings.Contains(a, "metalwright apply") {
		t.Errorf("advice %q", a)
	}
	if w := d.writes(); w != frozen {
		t.Errorf("full at call %d: %d writes to BMCs after it", n, w-frozen)
	}
	d.quiet()
	disk.Before = nil
	got, err = d.apply(t.Context(), engine.ApplyOptions{})
	d.settled(got, err)
	for name, l := range d.rack.Ledger() {
		if l.Boots != 1 {
			t.Errorf("full at call %d: %s was booted %d times", n, name, l.Boots)
		}
	}
}

// TestFullDiskBefore: where not even the plan can be kept, nothing is begun.
func TestFullDiskBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, threeNodes, sim.Options{})
		if err := os.Mkdir(filepath.Join(d.dir, engine.StateDir), 0o700); err != nil {
			t.Fatal(err)
		}
		d.write(filepath.Join(engine.StateDir, "runs"), "a file stands where the folder should be")
		got, err := d.apply(t.Context(), engine.ApplyOptions{})
		if err == nil || step.AdviceOf(err) == "" || len(got.Result.Nodes) > 0 || d.writes() > 0 {
			t.Errorf("%v\n%s", err, told(got))
		}
		d.quiet()
	})
}

// TestSecondOperator: two at once on one rack. Who is late is told who holds it, and changes nothing, whether he goes
// on with the run that he finds or plans anew: the rack first, since it comes before its nodes. A lease that is broken
// takes all that its holder has and stops him before the next change, and why it was broken is in the journal of whoever
// comes next.
func TestSecondOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, threeNodes, sim.Options{})
		anna := d.open()
		p, o := anna.Plan(t.Context(), engine.SurveyOptions{})
		d.operator = "ben"
		ben := d.open()
		tried := false
		got, err := anna.Apply(t.Context(), p, engine.ApplyOptions{Before: &o, Events: func(e apply.Event) {
			if e.Kind != step.Reset || e.Phase != "wait" || tried {
				return
			}
			tried = true
			before := d.writes()
			pending, err := ben.Pending()
			if err != nil || pending == nil {
				t.Fatal(pending, err)
			}
			for name, try := range map[string]func() (engine.Applied, error){
				"resume": func() (engine.Applied, error) {
					return ben.Resume(t.Context(), *pending,
						engine.ApplyOptions{})
				},
				"anew": func() (engine.Applied, error) {
					return ben.Apply(t.Context(), p,
						engine.ApplyOptions{Before: &o})
				},
			} {
				_, err := try()
				var locked *apply.LockedError
				if !errors.As(err, &locked) || locked.Lease.Holder.Operator != "anna" {
					t.Errorf("%s: %v", name, err)
				}
				who := apply.ThisProcess("anna")
				if miss := lacks(err.Error(), "anna", who.Host, "since 2"); len(miss) > 0 ||
					!strings.Contains(step.AdviceOf(err), "metalwright unlock rack/lab") {
					t.Errorf("%s: %v; %s", name, err, step.AdviceOf(err))
				}
			}
			if d.writes() != before {
				t.Error("the second operator changed something")
			}
			list, err := ben.Locks().List()
			var held []string
			for _, l := range list {
				held = append(held, l.Name)
				if l.Holder.Operator != "anna" || len(l.Shared) > 0 {
					t.Errorf("%+v is not anna's alone", l)
				}
			}
			if want := []string{"node/dell", "node/lenovo", "node/smc", "rack/lab"}; err != nil || !slices.Equal(held, want) {
				t.Errorf("leases %q, want %q: %v", held, want, err)
			}
			if _, err := ben.Locks().Break("node/lenovo", ben.Who(), "the laptop of anna is dead"); err != nil {
				t.Error(err)
			}
			if list, err := ben.Locks().List(); err != nil || len(list) > 0 {
				t.Errorf("still held after the break: %+v, %v", list, err)
			}
		}})
		if err == nil || !tried || !strings.Contains(err.Error(), "rack/lab was broken") || got.Settled {
			t.Fatalf("%v\n%s", err, told(got))
		}
		if l := d.rack.BMC("lenovo").Ledger(); l.Writes > 0 {
			t.Errorf("the fenced run wrote %d times", l.Writes)
		}
		d.quiet()
		got, err = d.apply(t.Context(), engine.ApplyOptions{})
		d.settled(got, err)
		text, err := journal.Disk{}.ReadFile(got.Result.Journal)
		if err != nil || len(lacks(string(text), "the laptop of anna is dead", "ben on ", "anna on ")) > 0 {
			t.Errorf("the journal does not tell why the lease was broken: %v\n%s", err, text)
		}
		if l := d.rack.BMC("dell").Ledger(); l.Boots != 1 {
			t.Errorf("dell was booted %d times", l.Boots)
		}
	})
}

// TestDestroy: by default nothing is undone. A volume is deleted where the blueprint asks for it and somebody has
// consented to the loss of its data, and settings go back where it asks for that.
func TestDestroy(t *testing.T) {
	const (
		deletes = "      on_destroy = \"delete\"\n"
		consent = "  consent {\n    data_loss = true\n    owner     = \"anna\"\n    reason    = \"the rack is given " +
			"back\"\n  }\n"
	)
	for _, c := range []struct {
		name, body      string
		blocked         bool
		deleted, reboot int
	}{
		{"keep", dellBIOS + bootVolume("BOSS", ""), false, 0, 0},
		{"no consent", dellBIOS + bootVolume("BOSS", deletes), true, 0, 0},
		{"consent", dellBIOS + bootVolume("BOSS", deletes) + consent, false, 1, 0},
		{"settings", "  on_destroy = \"reset_bios\"\n" + dellBIOS + bootVolume("BOSS", ""), false, 0, 1},
		{"all", "  on_destroy = \"reset_bios\"\n" + dellBIOS + bootVolume("BOSS", deletes) + consent, false, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, siteText+nodeText("dell", "dell_r750", 1, c.body), sim.Options{})
				got, err := d.apply(t.Context(), engine.ApplyOptions{})
				d.settled(got, err)
				up, writes := d.rack.BMC("dell").Ledger(), d.writes()
				w := d.open()
				p, o := w.PlanDestroy(t.Context())
				if (len(p.Report.Blocked) > 0) != c.blocked || p.Empty() != (c.blocked || c.deleted+c.reboot == 0) {
					t.Fatalf("%d nodes, %+v", len(p.Nodes), p.Report)
				}
				if c.blocked && (p.Report.Blocked[0].Rule != "destroy.consent" || p.Report.Blocked[0].Origin.IsZero()) {
					t.Errorf("%+v", p.Report.Blocked)
				}
				if !p.Empty() {
					if got, err = w.Destroy(t.Context(), p, engine.ApplyOptions{Before: &o}); err != nil ||
						!got.Settled {
						t.Errorf("%v %s", err, told(got))
					}
				}
				l, truth := d.rack.BMC("dell").Ledger(), d.rack.BMC("dell").Truth()
				if l.VolumesDeleted != c.deleted || len(truth.Volumes) != 1-c.deleted ||
					l.Boots-up.Boots != c.reboot || p.Empty() && d.writes() != writes {
					t.Errorf("%d volumes deleted, %d left, %d boots, %d writes", l.VolumesDeleted, len(truth.Volumes),
						l.Boots-up.Boots, d.writes()-writes)
				}
				if want := map[bool]string{false: "Enabled",
					true: "Disabled"}[c.reboot > 0]; truth.BIOS["SriovGlobalEnable"] != want {
					t.Errorf("SriovGlobalEnable is %v, want %s", truth.BIOS["SriovGlobalEnable"], want)
				}
				d.quiet()
			})
		})
	}
}

// TestSavedPlan: a plan that was kept is refused when it was changed, or another design stands there now.
func TestSavedPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, threeNodes, sim.Options{})
		p, o := d.plan(t.Context())
		file := filepath.Join(d.dir, "kept.plan")
		if err := engine.SavePlan(file, p, o); err != nil {
			t.Fatal(err)
		}
		if f, err := engine.LoadPlan(file); err != nil || f.Plan.Digest != p.Digest || f.Before.Digest() != o.Digest() {
			t.Errorf("%v", err)
		}
		p.Nodes = append([]plan.NodePlan{}, p.Nodes[1:]...)
		if err := engine.SavePlan(file, p, o); err != nil {
			t.Fatal(err)
		}
		if _, err := engine.LoadPlan(file); step.ClassOf(err) != step.HasMoved || step.AdviceOf(err) == "" {
			t.Errorf("a plan without its first node was taken: %v", err)
		}
	})
}

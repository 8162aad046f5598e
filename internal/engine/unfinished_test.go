package engine_test

import (
	"context"
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

// How a destroy is cut off once the settings of its node wait for their reset: gently, at once, or before the journal has the
// id of their job.
const (
	gently = iota
	atOnce
	unrecorded
)

// cutDestroy begins a destroy and leaves it.
func (d *desk) cutDestroy(how int) {
	d.t.Helper()
	if how == unrecorded {
		writes, disk := d.writes(), &journal.Memory{}
		disk.Before = func(int, string) error {
			if d.writes() > writes {
				return syscall.ENOSPC
			}
			return nil
		}
		d.fs = disk
		defer func() { disk.Before = nil }()
	}
	w := d.open()
	defer d.close(w)
	ctx, cancel := context.WithCancel(d.t.Context())
	defer cancel()
	stop, cut := make(chan struct{}), false
	p, o := w.PlanDestroy(ctx)
	got, err := w.Destroy(ctx, p, engine.ApplyOptions{Before: &o, Stop: stop, Events: func(e apply.Event) {
		if e.Kind != step.BIOS || e.Phase != "wait" || cut {
			return
		}
		if cut = true; how == atOnce {
			cancel()
		} else {
			close(stop)
		}
	}})
	if cut == (how == unrecorded) || got.Settled || (err != nil) != (how != gently) {
		d.t.Fatalf("the destroy was not cut off: %v\n%s", err, told(got))
	}
}

// TestUnfinishedDestroy: on a BMC that takes one configuration job at a time, what a destroy has left waiting stands in the
// way of an apply. That is said before anything is written, with what to do about it, and what it says helps. A BMC that
// takes new values meanwhile is in nobody's way.
func TestUnfinishedDestroy(t *testing.T) {
	const resets = "  on_destroy = \"reset_bios\"\n"
	for how := range unrecorded + 1 {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, siteText+nodeText("dell", "dell_r750", 1, resets+dellBIOS), sim.Options{})
			got, err := d.apply(t.Context(), engine.ApplyOptions{})
			d.settled(got, err)
			d.cutDestroy(how)
			writes, boots := d.writes(), d.rack.BMC("dell").Ledger().Boots
			for range 2 { // a refused apply does not make the destroy forgotten
				if got, err = d.apply(t.Context(), engine.ApplyOptions{}); err != nil || got.Settled || d.writes() != writes {
					t.Fatalf("cut %d: %d writes, %v\n%s", how, d.writes()-writes, err, told(got))
				}
				unfinished(t, got.Replan.Report.Waiting)
			}
			w := d.open()
			p, o := w.PlanDestroy(t.Context())
			if !p.Report.Clean() {
				t.Errorf("the destroy is kept from its end: %+v", p.Report)
			}
			got, err = w.Destroy(t.Context(), p, engine.ApplyOptions{Before: &o})
			d.close(w)
			d.settled(got, err)
			got, err = d.apply(t.Context(), engine.ApplyOptions{})
			d.settled(got, err)
			if l := d.rack.BMC("dell").Ledger(); l.Boots != boots+2 || d.rack.BMC("dell").Truth().BIOS["SriovGlobalEnable"] != "Enabled" {
				t.Errorf("cut %d: %d boots, SriovGlobalEnable is %v", how, l.Boots-boots, d.rack.BMC("dell").Truth().BIOS["SriovGlobalEnable"])
			}
		})
	}
}

func unfinished(t *testing.T, waiting []plan.Note) {
	t.Helper()
	if len(waiting) != 1 || waiting[0].Node != "dell" || waiting[0].Rule != "bios.unfinished_destroy" || waiting[0].Origin.IsZero() ||
		!strings.Contains(waiting[0].Detail, "Finish the destroy first: metalwright destroy.") ||
		!strings.Contains(waiting[0].Detail, "JID_") {
		t.Errorf("it does not say what stands in the way: %+v", waiting)
	}
}

// TestForeignJob: a job that no destroy of this workspace has made is not taken for one, and neither is that of a destroy of
// another node.
func TestForeignJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := siteText + nodeText("dell", "dell_r750", 1, "  on_destroy = \"reset_bios\"\n"+dellBIOS) +
			nodeText("other", "dell_r750", 3, dellBIOS)
		d := newDesk(t, text, sim.Options{})
		got, err := d.apply(t.Context(), engine.ApplyOptions{})
		d.settled(got, err)
		d.cutDestroy(gently)
		stop := make(chan struct{})
		d.write("main.mw.hcl", strings.ReplaceAll(text, `SriovGlobalEnable = "Enabled"`, `SriovGlobalEnable = "Disabled"`))
		w := d.open()
		p, o := w.Plan(t.Context(), engine.SurveyOptions{Only: []string{"other"}})
		cut := false
		if _, err = w.Apply(t.Context(), p, engine.ApplyOptions{Before: &o, Stop: stop, Events: func(e apply.Event) {
			if e.Kind == step.BIOS && e.Phase == "wait" && !cut {
				cut = true
				close(stop)
			}
		}}); err != nil || !cut {
			t.Fatal(cut, err)
		}
		d.close(w)
		d.write("main.mw.hcl", text)
		p, o = d.plan(t.Context())
		unfinished(t, p.Report.Waiting)
		for _, dev := range o.Devices {
			if b := dev.Systems[0].BIOS; b.PendingJob == "" || (b.PendingOf != "") != (dev.Node == "dell") {
				t.Errorf("%s: job %q of %q", dev.Node, b.PendingJob, b.PendingOf)
			}
		}
	})
}

package engine_test

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// TestOneSessionAVerb: each verb, said as a command of its own, logs in to a BMC once: to look, to act, to wait and to look again. A
// verb that restarts the BMC logs in once more, for its session is gone then. Every session is closed.
func TestOneSessionAVerb(t *testing.T) {
	const url = "https://mirror.lab.example/rescue.iso"
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, siteText+nodeText("dell", "dell_r750", 1, dellBIOS)+nodeText("lenovo", "lenovo_sr670_v2", 3, ""), sim.Options{})
		nodes := []string{"dell", "lenovo"}
		counted := func(what string, most int, do func(w *engine.Workspace)) {
			t.Helper()
			before := d.rack.Ledger()
			w := d.open()
			do(w)
			d.close(w)
			for n, l := range d.rack.Ledger() {
				if opened := l.SessionsOpened - before[n].SessionsOpened; opened < 1 || opened > most {
					t.Errorf("%s: %s was logged in to %d times, want %d", what, n, opened, most)
				}
			}
			d.quiet()
		}
		for _, v := range []plan.Verb{
			{Do: plan.DoLED, Value: "Lit"}, {Do: plan.DoLED, Value: "Off"}, {Do: plan.DoBoot, Value: "network"}, {Do: plan.DoInsert, Value: url},
			{Do: plan.DoEject}, {Do: plan.DoOff, Manner: step.Graceful}, {Do: plan.DoOn}, {Do: plan.DoReset}, {Do: plan.DoCycle},
			{Do: plan.DoOff, Manner: step.Force}, {Do: plan.DoOn}, {Do: plan.DoBMC}, {Do: plan.DoCycle, Aux: true},
		} {
			most := 1
			if v.Do == plan.DoBMC || v.Aux {
				most = 2
			}
			counted(v.String(), most, func(w *engine.Workspace) {
				p, o := w.Say(t.Context(), v, nodes)
				if len(p.Nodes) != len(nodes) {
					t.Fatalf("%s: %+v", v, p.Report)
				}
				res, err := w.Do(t.Context(), v, p, engine.ApplyOptions{Before: &o})
				if err != nil || !res.OK() {
					t.Fatalf("%s: %v %+v", v, err, res)
				}
			})
		}
		counted("power status", 1, func(w *engine.Workspace) {
			if o := w.Glance(t.Context(), nodes, engine.LookBoot); len(o.Devices) != len(nodes) {
				t.Errorf("%+v", o.Gaps)
			}
		})
		counted("logs", 1, func(w *engine.Workspace) {
			for _, n := range nodes {
				if _, err := w.Logs(t.Context(), n, bmc.LogOptions{}, func(bmc.LogEntry) error { return nil }); err != nil {
					t.Error(err)
				}
			}
		})
		counted("logs --dump", 1, func(w *engine.Workspace) {
			v := plan.Verb{Do: plan.DoDump}
			for _, n := range nodes { // in the order of the command
				if _, err := w.Logs(t.Context(), n, bmc.LogOptions{}, func(bmc.LogEntry) error { return nil }); err != nil {
					t.Error(err)
				}
				o := w.Glance(t.Context(), []string{n}, engine.LookDumps)
				if len(o.Devices) != 1 || len(o.Devices[0].Dumps) == 0 {
					continue
				}
				p, o := w.Say(t.Context(), v, []string{n})
				res, err := w.Do(t.Context(), v, p, engine.ApplyOptions{Before: &o})
				if err != nil || !res.OK() {
					t.Fatalf("%v %+v", err, res)
				}
				var text strings.Builder
				if _, err := w.FetchDump(t.Context(), n, "", res.Journal, io.Writer(&text)); err != nil || text.Len() == 0 {
					t.Errorf("%d bytes: %v", text.Len(), err)
				}
			}
		})
	})
}

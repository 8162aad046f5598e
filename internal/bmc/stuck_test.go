package bmc

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// A configuration job is given up, and later deleted, only when it is this step's own, waits, and has waited for
// minutes since the host has booted. Everything else is left where it is: it may be somebody's, be running, or wait
// for its hour.
func TestStuckJobIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *fake, s *step.Step, op *step.Op)
		want   step.Standing
	}{
		"ours":            {func(*fake, *step.Step, *step.Op) {}, step.Ready},
		"somebody else's": {func(_ *fake, _ *step.Step, op *step.Op) { op.Handle = tasks + "/JID_2" }, step.Staged},
		"nobody's":        {func(_ *fake, _ *step.Step, op *step.Op) { op.Handle = "" }, step.Staged},
		"not booted yet":  {func(_ *fake, _ *step.Step, op *step.Op) { op.Baseline["last_reset_time"] = "2026-01-01T00:00:00Z" }, step.Staged},
		"booting": {func(f *fake, _ *step.Step, _ *step.Op) {
			f.set(sysPath, "MemoryInitializationStarted", "BootProgress", "LastState")
		}, step.Staged},
		"running":           {func(f *fake, _ *step.Step, _ *step.Op) { f.set(jobs+"/JID_1", "Running", "JobState") }, step.Working},
		"waits for an hour": {func(_ *fake, s *step.Step, _ *step.Op) { s.Args.ApplyTime = "InMaintenanceWindowOnReset" }, step.Staged},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("Dell")
				withJobs(f)
				f.put(sysPath+"/Bios/SD", obj{"Attributes": obj{"A": "2"}})
				f.put(jobs+"/JID_1", obj{"JobType": "BIOSConfiguration", "Name": "Configure: BIOS.Setup.1-1", "JobState": "Scheduled"})
				f.on["DELETE "+jobs+"/JID_1"] = func(obj) (*redfish.Response, error) {
					f.mu.Lock()
					delete(f.res, jobs+"/JID_1")
					f.mu.Unlock()
					f.put(sysPath+"/Bios/SD", obj{"Attributes": obj{}})
					return &redfish.Response{}, nil
				}
				f.on["PATCH "+sysPath+"/Bios/SD"] = func(obj) (*redfish.Response, error) { return accept(tasks + "/JID_3") }
				s := biosStep()
				op := &step.Op{Sent: true, Handle: tasks + "/JID_1", Baseline: step.Facts{"last_reset_time": "2025-12-31T00:00:00Z"}}
				c.change(f, &s, op)
				d := f.driver(Options{})
				first, err := d.Check(t.Context(), s, op)
				if err != nil || first.Standing == step.Ready {
					t.Fatalf("given up at the first look: %+v, %v", first, err)
				}
				time.Sleep(stuckAfter)
				mustCheck(t, d, s, op, c.want)
				j := &journal{}
				if err := d.Act(t.Context(), s, j.record); err != nil {
					t.Fatal(err)
				}
				deleted := slices.ContainsFunc(j.ops, func(op step.Op) bool { return op.Baseline["stuck_job_deleted"] == "JID_1" })
				if gone := len(f.said("DELETE")) == 1; gone != (c.want == step.Ready) || gone != deleted {
					t.Errorf("deleted %v, journalled %v", f.said("DELETE"), deleted)
				}
				if again := len(f.said("PATCH")); again == 1 != (c.want == step.Ready) {
					t.Errorf("staged again: %s", strings.Join(f.said("PATCH"), "; "))
				}
			})
		})
	}
}

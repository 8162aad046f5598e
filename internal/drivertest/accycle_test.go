package drivertest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// TestACCycle takes all power of a machine where its BMC lists FullPowerCycle, and standby power by Dell's ExtendedReset, which wants
// the host off first; where neither is there, nothing is tried.
func TestACCycle(t *testing.T) {
	cases := []struct {
		dialect, fault string
		class          step.Activation
		want           string // what the ledger counts, "" = it is refused
	}{
		{"idrac", "full-power-cycle", step.ACCycle, "ac_cycle"},
		{"supermicro", "full-power-cycle", step.ACCycle, "ac_cycle"},
		{"supermicro", "full-power-cycle", step.AuxCycle, "ac_cycle"}, // the stronger one serves
		{"idrac", "dell-extended-reset", step.AuxCycle, "aux_cycle"},
		{"idrac", "dell-extended-reset", step.ACCycle, ""},
		{"ami", "", step.ACCycle, ""},
		{"ami", "", step.AuxCycle, ""},
	}
	for _, c := range cases {
		t.Run(c.dialect+" "+c.fault+" "+c.class.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRack(t, c.dialect, 3, c.fault)
				dev := survey(t, r)
				host, _ := dev.Host()
				d := driver(t, r, nil)
				defer func() {
					if err := d.Close(t.Context()); err != nil {
						t.Error(err)
					}
				}()
				s := step.Step{ID: "n1/010-cycle", Node: node, Kind: step.Reset, Activation: c.class, Args: step.Args{System: host.Path}, EstimatedS: 300}
				var op *step.Op
				noted := false
				err := d.Act(t.Context(), s, func(o step.Op) error {
					noted = noted || o.Baseline["comes_on"] == true
					op = &o
					return nil
				})
				b := r.BMC(node)
				if c.want == "" {
					if step.ClassOf(err) != step.Unsupported || b.Ledger().Writes != 0 {
						t.Errorf("%v, %d writes", err, b.Ledger().Writes)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				reached(t, d, s, op)
				l := b.Ledger()
				if l.Resets[c.want] != 1 || b.Truth().Power != "On" || len(l.Violations) > 0 {
					t.Errorf("resets %v, power %s, violations %v", l.Resets, b.Truth().Power, l.Violations)
				}
				if c.fault == "dell-extended-reset" {
					if !noted {
						t.Error("nobody was asked before the host came on")
					}
					if got := dev.Capabilities.AuxCycle; got == "" || got[:4] != "oem:" {
						t.Errorf("a survey says %q of its way", got)
					}
				}
			})
		})
	}
}

// reached looks until a step is done.
func reached(t *testing.T, d interface {
	Check(ctx context.Context, s step.Step, op *step.Op) (step.State, error)
}, s step.Step, op *step.Op,
) {
	t.Helper()
	for range 400 {
		if st, err := d.Check(t.Context(), s, op); err == nil && st.Standing == step.Done {
			return
		}
		time.Sleep(10 * time.Second)
	}
	t.Error("it is never done")
}

package drivertest_test

import (
	"slices"
	"testing"

	"github.com/metalwright/metalwright/internal/drivertest"
	"github.com/metalwright/metalwright/internal/sim"
)

// notMet are faults that a driver has no occasion to meet; the survey's and the planner's tests have them.
var notMet = map[string]string{
	"bios-needs-off": "which power a part needs is for the baseline to say",
}

// Every fault, on every dialect that has it: everything is made, once, and nothing is broken. A fault must have struck on one
// dialect at least, else the test shows nothing.
func TestQuirks(t *testing.T) {
	for _, f := range sim.Faults() {
		if notMet[f.ID] != "" {
			continue
		}
		t.Run(f.ID, func(t *testing.T) {
			most := 1
			if f.ID == "R20" { // the first image did nothing
				most = 2
			}
			n := 0
			for _, name := range sim.Dialects() {
				if len(f.Dialects) > 0 && !slices.Contains(f.Dialects, name) {
					continue
				}
				t.Run(name, func(t *testing.T) { n += drivertest.Converge(t, rig(name, f.ID), most)[f.ID] })
			}
			if n == 0 && !t.Failed() {
				t.Error("it never struck")
			}
		})
	}
}

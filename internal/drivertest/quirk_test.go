package drivertest_test

import (
	"testing"

	"github.com/metalwright/metalwright/internal/drivertest"
	"github.com/metalwright/metalwright/internal/sim"
)

// Every fault that a correct client survives, on every dialect: everything is made, once, and nothing is broken. A fault that
// a driver meets must have been met on at least one dialect.
func TestQuirks(t *testing.T) {
	for _, f := range sim.Faults() {
		t.Run(f.ID, func(t *testing.T) {
			for _, name := range sim.Dialects() {
				t.Run(name, func(t *testing.T) { drivertest.Converge(t, rig(name, f.ID), nil) })
			}
		})
	}
}

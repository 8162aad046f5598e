package drivertest_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/metalwright/metalwright/internal/drivertest"
	"github.com/metalwright/metalwright/internal/sim"
)

// avoided are faults that strike only who does what must not be done: here the count must stay at nought.
var avoided = map[string]string{
	"R3":  "no If-Match on actions",
	"R10": "no write on a connection that was used before",
	"R17": "jobs are read before their tasks",
	"R24": "the first slot is used",
	"R33": "written where the settings object holds it",
	"R49": "half a minute between two pushes",
	"R62": "the order is not written",
	"R63": "the host is switched on when its BlueField is up",
	"R76": "nothing is ejected under a running host",
	"R25": "the boot mode is sent only when it changes",
	"R29": "media by their URL alone",
	"R34": "no read of a task monitor",
	"R35": "off and on, no restart",
	"R36": "no read of a task monitor",
	"R89": "no Targets unless the baseline names them",
	"R93": "off and on, no restart",
}

// Every fault, on every dialect that has it: everything is made, once, and nothing is broken. A fault must have struck
// on one dialect at least, else the test shows nothing; one that can be avoided must not.
func TestQuirks(t *testing.T) {
	for _, f := range sim.Faults() {
		if f.Unmet != "" || f.Always { // TestDriver has those
			continue
		}
		t.Run(f.ID, func(t *testing.T) {
			most := 1
			if f.ID == "R20" || f.ID == "R57" { // the first image, or volume job, did nothing
				most = 2
			}
			n := 0
			for _, name := range sim.Dialects() {
				if len(f.Dialects) > 0 && !slices.Contains(f.Dialects, name) {
					continue
				}
				t.Run(name, func(t *testing.T) { n += drivertest.Converge(t, rig(name, f.ID), most)[f.ID] })
			}
			switch _, free := avoided[f.ID]; {
			case t.Failed():
			case free && n != 0:
				t.Errorf("it struck %d times though it can be avoided: %s", n, avoided[f.ID])
			case !free && n == 0:
				t.Error("it never struck")
			}
		})
	}
}

// All faults at once, by seeds: what converges alone has to converge together.
func TestAllFaults(t *testing.T) {
	for seed := range uint64(3) {
		for _, name := range sim.Dialects() {
			t.Run(fmt.Sprintf("seed %d on %s", seed, name), func(t *testing.T) {
				drivertest.Converge(t, seededRig(name, seed, "all"), 2)
			})
		}
	}
}

package apply

import (
	"fmt"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/sim"
)

// survivable are the faults that a correct client gets past. R40 is left out: it can hide the identity of a node from the
// survey by which the world is judged in the end, which says nothing about applying.
func survivable() []string {
	var out []string
	for _, f := range sim.Faults() {
		if !f.OptIn && f.ID != "R40" {
			out = append(out, f.ID)
		}
	}
	return out
}

// wireCuts is at how many writes a seed on the wire is cut. Each costs a life from its beginning, for a simulated rack cannot be
// copied in mid-life: that every write is cut is the business of the rack in memory.
const wireCuts = 2

// TestSoakOnTheWire runs the same on the real driver and the simulated rack: every dialect, with and without faults.
func TestSoakOnTheWire(t *testing.T) {
	nodes := []string{"dell", "smc", "hpe", "lenovo", "dgx", "gb200"}
	for i := range *soakWire {
		seed := uint64(i + 1)
		node := nodes[i%len(nodes)]
		var faults []string
		if i >= len(nodes) {
			faults = survivable()
		}
		t.Run(fmt.Sprintf("%d-%s", seed, node), func(t *testing.T) {
			writes := 0
			try := func(cuts ...int) {
				bubble(t, func() {
					w, err := newSimWorld(seed, []string{node}, faults...)
					if err != nil {
						t.Fatal(err)
					}
					s := soakOn(w, seed, variant{})
					s.story = "wire"
					bad := s.run(cuts)
					writes = s.disk.Calls()
					if len(bad) > 0 {
						t.Errorf("seed %d, node %s, faults %v, cuts %v:\n%s\n%s", seed, node, faults, cuts, strings.Join(bad, "\n"), w)
					}
					if err := w.rack.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			try()
			for c := range wireCuts {
				if t.Failed() {
					return
				}
				cut := 1 + roll(seed, fmt.Sprint("wire", c), writes)
				try(cut)
				try(cut, 1+roll(seed, fmt.Sprint("again", c), writes))
			}
		})
	}
}

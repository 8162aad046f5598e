package apply

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// fakeDrive is a drive of the rack in memory, and every erase that it was asked for.
type fakeDrive struct {
	consent bool // its owner agreed to lose what is on it
	warns   bool // its first erase ends with a warning and has erased nothing (R91)
	runs    []erasure
}

// erasure is one erase, as the BMC carries it out.
type erasure struct {
	from, until time.Time
	bad         bool // it has erased nothing
}

// planErases gives a node three drives and erases the two whose owner consented.
func (n *fakeNode) planErases(add func(step.Step) step.ID) {
	n.drives = map[string]fakeDrive{"d1": {consent: true, warns: n.warns("d1")}, "d2": {consent: true, warns: n.warns("d2")}, "d3": {}}
	for _, serial := range []string{"d1", "d2"} {
		add(step.Step{Kind: step.Erase, Activation: step.None, Expect: step.Facts{"serial": serial, "erased": false},
			Want: step.Facts{"serial": serial, "method": "crypto", "erased": true}})
	}
}

// cloneDrives is for a fork.
func cloneDrives(in map[string]fakeDrive) map[string]fakeDrive {
	out := maps.Clone(in)
	for serial, d := range out {
		d.runs = slices.Clone(d.runs)
		out[serial] = d
	}
	return out
}

func (n *fakeNode) driveOf(s step.Step) (d fakeDrive, ok bool) {
	serial, _ := s.Want["serial"].(string)
	d, ok = n.drives[serial]
	return d, ok
}

// standingErase is what the driver makes of a drive: no drive says that it was erased, so the task of the very request counts.
func (n *fakeNode) standingErase(s step.Step, op *step.Op) step.State {
	d, ok := n.driveOf(s)
	if !ok {
		return step.State{Standing: step.Moved, Note: "no such drive"}
	}
	if len(d.runs) == 0 {
		return step.State{Standing: step.Ready}
	}
	last, now := d.runs[len(d.runs)-1], time.Now()
	switch {
	case now.Before(last.from.Add(late)):
		return step.State{Standing: step.Ready, Note: "no task"}
	case now.Before(last.until):
		return step.State{Standing: step.Working, Note: "erasing"}
	case op == nil || op.Started.After(last.from):
		return step.State{Standing: step.Ready}
	case last.bad:
		return step.State{Standing: step.Ready, Note: warned}
	}
	return step.State{Standing: step.Done, Note: "Completed"}
}

const warned = "the erase ended with a warning"

// erase begins an erase.
func (n *fakeNode) erase(s step.Step) {
	d, ok := n.driveOf(s)
	switch {
	case !ok:
		n.w.violate("%s: an erase of %v, which is no drive of it", n.name, s.Want["serial"])
		return
	case !d.consent:
		n.w.violate("%s: drive %v is erased, and nobody consented", n.name, s.Want["serial"])
	case len(d.runs) > 0 && time.Now().Before(d.runs[len(d.runs)-1].until):
		n.w.violate("%s: drive %v is erased while it is being erased", n.name, s.Want["serial"])
	}
	bad := d.warns && len(d.runs) == 0
	now := time.Now()
	d.runs = append(d.runs, erasure{now, now.Add(time.Duration(40+n.roll("erase", 400)) * time.Second), bad})
	n.drives[s.Want["serial"].(string)] = d
}

// warns tells whether the first erase of a drive erases nothing.
func (n *fakeNode) warns(serial string) bool {
	return !n.w.quiet && roll(n.w.seed, n.name+serial+"warns", 4) == 0
}

// warnsAt tells whether a step erases such a drive.
func (n *fakeNode) warnsAt(s step.Step) bool {
	d, _ := n.driveOf(s)
	return s.Kind == step.Erase && d.warns
}

// erased counts the erases of a drive that have erased it, ended or not.
func (d fakeDrive) erased() int {
	n := 0
	for _, r := range d.runs {
		if !r.bad {
			n++
		}
	}
	return n
}

// notErased says what is untrue about an erase that is claimed to be done, or "".
func (n *fakeNode) notErased(s step.Step) string {
	d, _ := n.driveOf(s)
	if d.erased() == 0 || time.Now().Before(d.runs[len(d.runs)-1].until) {
		return fmt.Sprintf("drive %v is not erased", s.Want["serial"])
	}
	return ""
}

// eraseViolations is the invariant of erases: none without consent, and with it each drive once. One that erased nothing does not
// count.
func (n *fakeNode) eraseViolations() []string {
	var out []string
	for serial, d := range n.drives {
		if got := d.erased(); got > 1 {
			out = append(out, fmt.Sprintf("%s: drive %s was erased %d times", n.name, serial, got))
		}
		if !d.consent && len(d.runs) > 0 {
			out = append(out, fmt.Sprintf("%s: drive %s was erased without consent", n.name, serial))
		}
	}
	slices.Sort(out)
	return out
}

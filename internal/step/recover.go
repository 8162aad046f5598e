package step

import (
	"fmt"

	"github.com/metalwright/metalwright/internal/rack"
)

// ClearJobs takes dead jobs, and those that wait and are named, out of a BMC's queue. No plan of a blueprint holds it: the
// recovery ladder asks for it, and the verb jobs clear. Args.Targets are the handles of the jobs that wait: this run's own, or
// those that the technician was shown.
const ClearJobs Kind = "clear_jobs"

// Ladder gives the rungs of the recovery ladder of one node, mildest first: clear the job queue, BMC reset, cold cycle of
// the host, aux cycle. Each is a step that no plan holds; its ID is the same in every run of a plan.
func Ladder(node string, at rack.Address, system string) []Step {
	rungs := []Step{
		{Kind: ClearJobs, Activation: None, EstimatedS: 30},
		{Kind: Reset, Activation: BMCReset, EstimatedS: 300},
		{Kind: Reset, Activation: HostPowerCycle, EstimatedS: 900},
		{Kind: Reset, Activation: AuxCycle, EstimatedS: 1200},
	}
	for i := range rungs {
		r := &rungs[i]
		r.Node, r.Address, r.Args.System = node, at, system
		r.ID = ID(fmt.Sprintf("%s/recover-%d-%s", node, i+1, r.rungName()))
		r.Why = "recovery: " + r.RungText()
	}
	return rungs
}

func (s Step) rungName() string {
	if s.Kind == Reset {
		return s.Activation.String()
	}
	return string(s.Kind)
}

// RungText names a rung of the ladder for people.
func (s Step) RungText() string {
	switch {
	case s.Kind == ClearJobs:
		return "clearing the job queue"
	case s.Activation == BMCReset:
		return "BMC reset"
	case s.Activation == HostPowerCycle:
		return "cold cycle"
	default:
		return "aux cycle"
	}
}

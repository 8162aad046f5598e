package plan

import (
	"fmt"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/step"
)

// Words of PowerState (DSP0268, Resource.PowerState).
const (
	powerOn  = "On"
	powerOff = "Off"
)

// hostOff tells whether a host is down or going down.
func hostOff(state string) bool { return state == powerOff || state == "PoweringOff" }

// powerWish is what is wanted of the host's power. The zero value leaves it alone.
type powerWish struct {
	want   string
	origin diag.Origin
}

// planPower notes the wanted power. The step itself is written last, when it is known whether an activation already
// turns the host on.
func (n *nodeBuild) planPower() {
	state := n.sys.PowerState
	wantsHost := n.node.Power != ""
	for _, c := range n.changes {
		wantsHost = wantsHost || c.step.Activation.Host()
	}
	switch state {
	case powerOn, powerOff, "PoweringOn", "PoweringOff", "Paused":
	default:
		if wantsHost {
			n.unreadable("power.state", "Power state not readable", "The host does not say whether it is on."+
				because(n.gapsAt(n.sys.Path)), n.node.Origin)
		}
		return
	}
	n.power = powerWish{want: n.node.Power, origin: n.node.Origin}
}

// power writes a step that turns the host on or off; staged steps come before it, and activated ones become real by it.
func (e *emitter) power(want string, after, activates []int, why string) {
	was := powerOff
	if e.on {
		was = powerOn
	}
	seconds := shutdownS
	if want == powerOn {
		seconds = e.n.postSeconds()
		e.powered = true
	}
	before := append([]int{}, e.gate...)
	e.gate = []int{len(e.steps)}
	e.steps = append(e.steps, draft{
		slug: map[string]string{powerOn: "power-on", powerOff: "power-off"}[want], after: append(before, after...), activates: activates,
		step: step.Step{
			Address: e.n.node.Address, Node: e.n.node.Name, Kind: step.Power, Activation: step.None,
			Expect: step.Facts{"power_state": was}, Want: step.Facts{"power_state": want},
			Args: step.Args{System: e.n.sys.Path}, EstimatedS: seconds, Origin: e.n.node.Origin, Why: why,
		},
	})
	e.on = want == powerOn
}

// finalPower leaves the host as wanted.
func (e *emitter) finalPower() {
	switch want := e.n.power.want; {
	case want == powerOn && !e.on:
		e.power(powerOn, nil, nil, "power = On")
	case want == powerOff && e.on:
		e.power(powerOff, nil, nil, "power = Off")
	case want == "" && e.powered:
		e.n.warn("power.unmanaged", "Host is turned on and stays on", fmt.Sprintf(
			"The host of %s is off and has to come up so that changes become real; the blueprint does not say which power it wants, "+
				"so it is left on.", e.n.node.Name), e.n.node.Origin)
	}
}

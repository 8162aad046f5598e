package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/step"
)

// layer is a set of changes that are staged together and made real by one activation.
type layer struct {
	bmc  []*change // activated by a bmc_reset, before anything else of the layer is staged
	host []*change // activated by one reset of the strongest class among them
}

// arrange cuts the changes of a node into layers, orders them and adds the activations (engine.md, Staging and
// activation).
func (n *nodeBuild) arrange() {
	ordered, circle := topological(n.changes)
	if len(circle) > 0 {
		n.block("firmware.order", "Order in a circle",
			fmt.Sprintf("These need each other first: %s. Correct the baseline.", strings.Join(circle, ", ")), n.node.Origin)
		return
	}
	ls := n.layers(ordered)
	e := &emitter{n: n, on: !hostOff(n.sys.PowerState)}
	for _, l := range ls {
		n.armWithSettings(l.host)
		e.layer(l)
	}
	e.finalPower()
	if n.stopped {
		return
	}
	numberSteps(e.steps, n.node.Name)
	n.steps = e.result()
}

// topological orders changes along their edges; ties keep the order in which they were planned. A circle is returned
// instead.
func topological(changes []*change) (ordered []*change, circle []string) {
	placed := map[string]bool{}
	present := map[string]bool{}
	for _, c := range changes {
		present[c.key] = true
	}
	for len(ordered) < len(changes) {
		i := slices.IndexFunc(changes, func(c *change) bool {
			return !placed[c.key] && !slices.ContainsFunc(c.before(), func(k string) bool { return present[k] && !placed[k] })
		})
		if i < 0 {
			for _, c := range changes {
				if !placed[c.key] {
					circle = append(circle, c.key)
				}
			}
			return nil, circle
		}
		placed[changes[i].key] = true
		ordered = append(ordered, changes[i])
	}
	return ordered, nil
}

// before lists all keys that come earlier than this change.
func (c *change) before() []string {
	out := slices.Clone(c.after)
	for _, k := range c.needs {
		out = append(out, k.key)
	}
	return out
}

func (c *change) bmc() bool { return c.step.Activation == step.BMCReset }

// layers places the changes, which are in topological order.
//
// BMC firmware that waits for nothing else forms the first layer alone: a bmc_reset comes before staging, because
// pending jobs may die with the BMC. All others take the earliest layer that their needs and no_merge pairs allow.
func (n *nodeBuild) layers(ordered []*change) []layer {
	early := earlyBMC(ordered)
	level := map[string]int{}
	levels := 0
	place := func(c *change, l int) {
		level[c.key] = l
		levels = max(levels, l+1)
	}
	for _, c := range ordered {
		if early[c.key] {
			place(c, n.earliest(0, c, ordered, level, func(*change) bool { return true }))
		}
	}
	base := levels
	for _, c := range ordered {
		if !early[c.key] && !c.last {
			place(c, n.earliest(base, c, ordered, level, func(p *change) bool { return !early[p.key] }))
		}
	}
	n.placeLast(ordered, level, base)
	levels = 0
	for _, l := range level {
		levels = max(levels, l+1)
	}
	out := make([]layer, levels)
	for _, c := range ordered {
		l := &out[level[c.key]]
		if c.bmc() {
			l.bmc = append(l.bmc, c)
		} else {
			l.host = append(l.host, c)
		}
	}
	return out
}

// earlyBMC finds the BMC firmware that nothing but other BMC firmware comes before.
func earlyBMC(ordered []*change) map[string]bool {
	byKey := map[string]*change{}
	early := map[string]bool{}
	for _, c := range ordered {
		byKey[c.key] = c
		early[c.key] = c.bmc() && !slices.ContainsFunc(c.before(), func(k string) bool {
			return byKey[k] != nil && !early[k]
		})
	}
	return early
}

// earliest finds the first layer for c, not before l, given the predecessors that count.
func (n *nodeBuild) earliest(l int, c *change, ordered []*change, level map[string]int, counts func(*change) bool) int {
	for _, p := range ordered {
		if p.key == c.key {
			break
		}
		if !counts(p) {
			continue
		}
		for _, k := range c.needs {
			if k.key != p.key {
				continue
			}
			// Nothing to wait for where the earlier one is real at once, or where its own bmc_reset comes within the
			// layer.
			at := level[p.key]
			if p.step.Activation > step.None && (!p.bmc() || c.bmc()) {
				at++
			}
			if at > l && p.step.Activation.Host() && c.step.Activation.Host() {
				n.apartBecause(c.key, p.key, k.why)
			}
			l = max(l, at)
		}
		if slices.Contains(c.after, p.key) {
			at := level[p.key]
			if c.bmc() && !p.bmc() && p.step.Activation > step.None {
				at++ // a bmc_reset may drop what p has staged
			}
			l = max(l, at)
		}
	}
	for c.step.Activation > step.None {
		clash := slices.IndexFunc(ordered, func(p *change) bool {
			at, placed := level[p.key]
			return placed && p.key != c.key && at == l && p.bmc() == c.bmc() && p.step.Activation > step.None && n.mustPart(c, p) != ""
		})
		if clash < 0 {
			break
		}
		n.apartBecause(c.key, ordered[clash].key, n.mustPart(c, ordered[clash]))
		l++
	}
	return l
}

func (n *nodeBuild) apartBecause(a, b, why string) {
	reason := fmt.Sprintf("%s after %s: %s", a, b, why)
	if !slices.Contains(n.notMerged, reason) {
		n.notMerged = append(n.notMerged, reason)
	}
}

// mustPart finds the no_merge rule between two changes: of the platform or of the baseline.
func (n *nodeBuild) mustPart(c, p *change) string {
	for _, x := range n.hw.NoMerge {
		if x.A == x.B && x.A == string(step.Volume) && c.step.Args.Path != p.step.Args.Path {
			continue // a rule of volumes among themselves is about one controller
		}
		if (named(x.A, c) && named(x.B, p)) || (named(x.B, c) && named(x.A, p)) {
			return x.Why
		}
	}
	for _, x := range n.apart {
		if (x.a == c.key && x.b == p.key) || (x.b == c.key && x.a == p.key) {
			return x.why
		}
	}
	return ""
}

// named tells whether a name of platform data means this change: a step kind, or "firmware:bmc".
func named(name string, c *change) bool { return name == c.key || name == string(c.step.Kind) }

// placeLast puts media and one-time boot on the last host activation, or on one of their own: an aux cycle restarts the
// BMC, and virtual media does not survive that.
func (n *nodeBuild) placeLast(ordered []*change, level map[string]int, base int) {
	at, strongest := -1, step.None
	for _, c := range ordered {
		if c.last || !c.step.Activation.Host() {
			continue
		}
		switch l := level[c.key]; {
		case l > at:
			at, strongest = l, c.step.Activation
		case l == at:
			strongest = max(strongest, c.step.Activation)
		}
	}
	highest := base
	for _, l := range level {
		highest = max(highest, l)
	}
	switch {
	case at < 0:
		at = highest
	case strongest >= step.AuxCycle:
		at = highest + 1
		for _, c := range ordered {
			if c.last && c.step.Activation.Host() {
				n.apartBecause(c.key, strongest.String(), "virtual media and a one-time boot do not survive a restart of the BMC")
			}
		}
	}
	for _, c := range ordered {
		if c.last {
			level[c.key] = at
		}
	}
}

// emitter writes the steps of one node in order, tracking whether its host is on.
type emitter struct {
	n       *nodeBuild
	on      bool
	steps   []draft
	gate    []int // the steps that all of the next layer come after: the last activation, or what stood there instead
	powered bool  // a step of this plan turns the host on
}

// draft is a step whose ID is not yet known; indices point into emitter.steps.
type draft struct {
	step      step.Step
	slug      string
	after     []int
	activates []int
}

// layer stages and activates one layer.
func (e *emitter) layer(l layer) {
	if len(l.bmc) > 0 {
		e.activate(e.stage(l.bmc), step.BMCReset)
	}
	if len(l.host) == 0 {
		return
	}
	class := step.None
	for _, c := range l.host {
		class = max(class, c.step.Activation)
	}
	staged := e.stage(l.host)
	if class > step.None {
		e.activate(staged, class)
	} else {
		e.gate = staged
	}
}

// stage writes the changes and returns their indices.
func (e *emitter) stage(changes []*change) []int {
	at := map[string]int{}
	var all []int
	for _, c := range changes {
		d := draft{step: c.step, slug: strings.ReplaceAll(c.key, ":", "-"), after: slices.Clone(e.gate)}
		for _, k := range c.before() {
			if i, ok := at[k]; ok {
				d.after = append(d.after, i)
			}
		}
		at[c.key] = len(e.steps)
		all = append(all, len(e.steps))
		e.steps = append(e.steps, d)
	}
	return all
}

// activate writes the reset that makes the staged steps real. For a host that is off it is the power-on, and no reset:
// what is staged is applied when the host comes up.
func (e *emitter) activate(staged []int, class step.Activation) {
	var real []int
	for _, i := range staged {
		if e.steps[i].step.Activation > step.None {
			real = append(real, i)
		}
	}
	if !e.on && (class == step.HostReset || class == step.HostPowerCycle) {
		e.power(powerOn, staged, real, fmt.Sprintf("turns the host on, which activates %s without a reset",
			plural(len(real), "staged change")))
		return
	}
	issued, ok := e.n.verb(class)
	if !ok {
		e.n.noVerb(class, e.keysOf(real))
		return
	}
	e.n.resets[issued.String()]++
	why := fmt.Sprintf("activates %s", plural(len(real), "staged change"))
	if issued != class {
		why += fmt.Sprintf(" (this BMC has no %s)", class)
	}
	e.gate = []int{len(e.steps)}
	if issued.Host() && !e.on { // an aux cycle ends with the host on, whatever it was before
		e.on, e.powered = true, true
	}
	e.steps = append(e.steps, draft{
		slug: strings.ReplaceAll(issued.String(), "_", "-"), after: staged, activates: real,
		step: step.Step{
			Address: e.n.node.Address, Node: e.n.node.Name, Kind: step.Reset, Activation: issued,
			Expect: step.Facts{}, Want: step.Facts{}, Args: step.Args{System: e.n.sys.Path},
			EstimatedS: e.n.resetSeconds(issued), Origin: e.n.node.Origin, Why: why,
		},
	})
}

func (e *emitter) keysOf(indices []int) string {
	var keys []string
	for _, i := range indices {
		keys = append(keys, e.steps[i].slug)
	}
	return strings.Join(keys, ", ")
}

// numberSteps gives the IDs: they sort in an order in which the steps may run. The gap of ten is for people who read
// journals.
func numberSteps(steps []draft, node string) {
	digits := max(3, len(fmt.Sprint(len(steps)*10)))
	for i := range steps {
		steps[i].step.ID = step.ID(fmt.Sprintf("%s/%0*d-%s", node, digits, (i+1)*10, slug(steps[i].slug)))
	}
}

// slug keeps what is harmless in a file name and a URL.
func slug(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '-'
		}
	}, s)
}

func (e *emitter) result() []step.Step {
	var out []step.Step
	ids := func(indices []int) []step.ID {
		list := []step.ID{}
		slices.Sort(indices)
		for _, i := range slices.Compact(indices) {
			list = append(list, e.steps[i].step.ID)
		}
		return list
	}
	for _, d := range e.steps {
		d.step.After = ids(d.after)
		if len(d.activates) > 0 {
			d.step.Activates = ids(d.activates)
		}
		out = append(out, d.step)
	}
	return out
}

// verb finds the weakest class that this BMC offers and that serves the wanted one (redfish.md §2.9).
func (n *nodeBuild) verb(class step.Activation) (step.Activation, bool) {
	host := n.dev.Capabilities.ResetTypes
	has := func(list []string, want ...string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return slices.Contains(want, s) })
	}
	offOn := has(host, "ForceOff", "GracefulShutdown") && has(host, "On", "ForceOn")
	full := has(host, "FullPowerCycle") // DSP0268: as if all power had been removed
	offered := []struct {
		class step.Activation
		ok    bool
	}{
		{step.HostReset, has(host, "ForceRestart", "GracefulRestart") || offOn},
		{step.HostPowerCycle, (has(host, "PowerCycle") || offOn) && !n.dev.Capabilities.PowerCycleShallow},
		{step.AuxCycle, n.dev.Capabilities.AuxCycle != "" || full},
		{step.ACCycle, full},
	}
	if class == step.BMCReset {
		return class, has(n.dev.Capabilities.ManagerResetTypes, "ForceRestart", "GracefulRestart")
	}
	for _, o := range offered {
		if o.class >= class && o.ok {
			return o.class, true
		}
	}
	return class, false
}

// noVerb says before anything is staged that a person has to do the activation.
func (n *nodeBuild) noVerb(class step.Activation, keys string) {
	if gaps := n.gapsAt(n.sys.Path); len(gaps) > 0 && len(n.dev.Capabilities.ResetTypes) == 0 {
		n.unreadable("reset.class", "Reset types not readable", "What this BMC can reset was not seen."+because(gaps), n.node.Origin)
		return
	}
	what := map[step.Activation]string{
		step.BMCReset:       "restart the BMC",
		step.HostReset:      "restart the host",
		step.HostPowerCycle: "turn the host off and on",
		step.AuxCycle:       "pull the feed of the tray",
		step.ACCycle:        "pull the feed of the tray",
	}[class]
	shelves := ""
	if on := n.d.ShelvesOf(n.node); class >= step.AuxCycle && len(on) > 0 {
		var names []string
		for _, s := range on {
			names = append(names, s.Name)
		}
		shelves = fmt.Sprintf(" It hangs on the rails of %s: metalwright shelf cycle takes them down, and every tray with them.", strings.Join(names, ", "))
	}
	n.hands("reset.class", "No verb for a reset class", fmt.Sprintf(
		"%s needs %s, and this BMC offers no such reset. Needs hands: %s. Nothing is staged or flashed before that is arranged.%s",
		keys, class, what, shelves), n.node.Origin)
}

func plural(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", count, noun)
}

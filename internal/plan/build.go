package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Options narrows and dates a plan. The zero value plans every node and takes no waiver or baseline for expired.
type Options struct {
	Only []string  // node names or addresses; empty = all
	Now  time.Time // for expiry of waivers and baselines
	// Setups are the BIOS attributes after the last clean apply, by node name, for drift beyond what is declared.
	Setups map[string]rack.Attributes
	Acts   []Act // what happens once, besides
	// Bounds hold for all nodes together, instead of those of firmware blocks; nil = those.
	Bounds *Bounds
	// Intents are the catalog's, for acts; those of the blueprint stand in the Design.
	Intents map[string]rack.BIOSIntentDef
	// Erased are the serial numbers of drives that were erased and not used since, by node name, for Destroy.
	Erased map[string][]string
	// NoIPMI says, by node name, why IPMI cannot be spoken to a node that has it on.
	NoIPMI map[string]string
	// Spares are the serial numbers of drives that runs of this workspace made hot spares, by node name: what is not wanted any
	// more is taken back, and no spare of anybody else.
	Spares map[string][]string
}

// Build decides what has to be done so that o becomes d. It is pure: the same input gives the same bytes, whatever the
// order of slices and maps in it. The Report is also in the Plan.
//
// A node is planned whole or not at all: while something it is asked for cannot be done, or something that a step needs
// could not be read, nothing of that node is touched, because half a change costs a second reset later.
func Build(d rack.Design, o rack.Observation, opt Options) (Plan, Report) {
	b := newBuilder(d, o, opt)
	var planned []*nodeBuild
	for _, node := range b.chosen() {
		n := b.node(node)
		n.wantDesign()
		if n.stopped {
			continue
		}
		if n.arrange(); !n.stopped && len(n.steps) > 0 {
			n.warnRestart()
			planned = append(planned, n)
		}
	}
	planned, shelves := b.checkPower(planned)
	switches := b.planSwitches()
	b.reportUnplanned()
	b.unknownActs()
	return b.finish(planned, shelves, switches...)
}

// wantDesign finds what differs between the node and what is wanted of it.
func (n *nodeBuild) wantDesign() {
	if !n.seen() {
		return
	}
	n.checkSafety()
	n.checkIdentity()
	n.checkLocation()
	n.checkGPUs()
	n.checkCables()
	n.planIPMI()
	n.planManager()
	n.planEvents()
	n.planCertificate()
	n.planFirmware()
	n.bySetup()
	n.planBIOS()
	n.planTPM()
	n.planVolumes()
	n.planSecureBoot()
	n.planNICs()
	n.planDPU()
	n.planBoot()
	n.planMedia()
	n.planBootOnce()
	n.planPower()
	n.planLockdown()
}

// builder holds what is shared by all nodes of one Build or Destroy.
type builder struct {
	d      rack.Design
	o      rack.Observation
	opt    Options
	report Report
	wiring *fabric.Findings // of all cables, when somebody asks
	gate   *powerGate
}

func newBuilder(d rack.Design, o rack.Observation, opt Options) *builder {
	return &builder{d: d, o: o, opt: opt, report: Report{
		Waiting: []Note{}, Blocked: []Note{}, Unreadable: []Note{}, NotPlanned: []Note{},
	}}
}

// chosen lists the nodes to plan, by address.
func (b *builder) chosen() []rack.Node {
	nodes := slices.Clone(b.d.Nodes)
	slices.SortFunc(nodes, func(x, y rack.Node) int { return strings.Compare(string(x.Address), string(y.Address)) })
	if len(b.opt.Only) == 0 {
		return nodes
	}
	only := slices.Clone(b.opt.Only)
	slices.Sort(only)
	for _, name := range slices.Compact(only) {
		if _, ok := b.d.Node(name); !ok && !b.isSwitch(name) {
			b.report.Blocked = append(b.report.Blocked, Note{
				Node: name, Rule: "node.unknown", Summary: "No such node",
				Detail: fmt.Sprintf("The blueprint has no node %q.%s", name, didYouMean(name, nodeNames(nodes))),
			})
		}
	}
	return slices.DeleteFunc(nodes, func(n rack.Node) bool {
		return !slices.Contains(only, n.Name) && !slices.Contains(only, string(n.Address))
	})
}

func nodeNames(nodes []rack.Node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.Name)
	}
	return out
}

// chosenNodes is chosen without the complaint about names that are not there.
func (b *builder) chosenNodes() []rack.Node {
	if len(b.opt.Only) == 0 {
		return b.d.Nodes
	}
	return slices.DeleteFunc(slices.Clone(b.d.Nodes), func(n rack.Node) bool {
		return !slices.Contains(b.opt.Only, n.Name) && !slices.Contains(b.opt.Only, string(n.Address))
	})
}

// finish puts the planned nodes into waves, behind the shelves that come up first and before the switches, and closes the plan.
func (b *builder) finish(planned []*nodeBuild, shelves []NodePlan, switches ...switchPlan) (Plan, Report) {
	p := Plan{Format: Format, Design: b.d.Digest(), Observation: b.o.Digest(), Nodes: []NodePlan{}, Waves: []Wave{},
		Acts: b.opt.Acts}
	byName := map[string]NodePlan{}
	var rollouts []rollout
	for _, np := range shelves {
		byName[np.Name] = np
		rollouts = append(rollouts, rollout{np.Name, group{bounds: rack.Rollout{MaxParallel: defaultMaxParallel, OnError: onErrorHalt}}, rankShelves})
	}
	for _, n := range planned {
		np := n.result()
		byName[np.Name] = np
		rollouts = append(rollouts, rollout{np.Name, n.rolloutOf(), n.rank()})
	}
	for _, s := range switches {
		byName[s.plan.Name] = s.plan
	}
	p.Waves = rankedWaves(rollouts)
	if b.opt.Bounds != nil && b.opt.Bounds.AllowFailed != nil {
		for i := range p.Waves {
			if waitedFor(p.Waves[i].Name) { // nothing comes up on rails that did not
				continue
			}
			p.Waves[i].AllowFailed = *b.opt.Bounds.AllowFailed
		}
	}
	p.Waves = append(p.Waves, switchWaves(switches)...)
	for _, w := range p.Waves {
		for _, name := range w.Nodes {
			p.Nodes = append(p.Nodes, byName[name])
		}
	}
	p.Power = domains(b.d, b.gate, p.Nodes)
	b.report.sort()
	p.Report = b.report
	p.Digest = p.ComputeDigest()
	return p, b.report
}

// nodeBuild gathers the changes of one node.
type nodeBuild struct {
	*builder
	node    rack.Node
	hw      rack.Hardware
	dev     rack.Device
	sys     rack.System
	gaps    []rack.Gap
	stopped bool // nothing of this node may be planned; the report says why

	changes []*change
	apart   []apart // pairs that may not share an activation
	power   powerWish
	early   bool // goes off before anything else, so that others may come on

	modeByBIOS string   // attribute that leads to the wanted mode of Secure Boot
	dpuByBIOS  []string // attributes that say how BlueFields of the host work

	steps     []step.Step
	resets    map[string]int
	notMerged []string
}

// change is one step before it has a place in the order.
type change struct {
	step  step.Step
	key   string   // what it changes: "bios", "firmware:nic", "volume:boot"
	needs []need   // must run, with their new value, before this one is staged
	after []string // keys that are staged first; no activation between them
	last  bool     // rides on the last time the host comes up: media and one-time boot
}

// need is an edge that cuts a layer, and its reason for people.
type need struct{ key, why string }

// apart says that two changes may not share one activation.
type apart struct{ a, b, why string }

func (b *builder) node(node rack.Node) *nodeBuild {
	node = WithActs(node, b.opt.Acts)
	return &nodeBuild{builder: b, node: node, hw: b.d.Hardware[node.Hardware], resets: map[string]int{}}
}

// seen finds the node's device and host system, or says why there is none.
func (n *nodeBuild) seen() bool {
	matches := 0
	for _, d := range n.o.Devices {
		if d.Node == n.node.Name || d.Address == string(n.node.Address) || d.Address == n.node.Name {
			n.dev = d
			matches++
		}
	}
	switch {
	case matches > 1:
		n.block("node.twice", "Two devices for one node",
			fmt.Sprintf("%d devices are bound to %q. Correct the bindings, then survey again.", matches, n.node.Name), n.node.Origin)
		return false
	case matches == 0 && n.unclaimed():
		return false
	case matches == 0:
		n.gaps = append(n.o.GapsOf(string(n.node.Address)), n.o.GapsOf(n.node.Name)...)
		n.unreadable("node.unseen", "Node not seen", "No BMC answered for this node."+because(n.gaps)+
			" Bind it (metalwright bind), or see why its BMC does not answer.", n.node.Origin)
		return false
	}
	n.gaps = n.o.GapsOf(n.dev.Address)
	slices.SortFunc(n.gaps, func(a, b rack.Gap) int { return strings.Compare(a.Path+a.Reason, b.Path+b.Reason) })
	sys, ok := n.dev.Host()
	if !ok {
		n.unreadable("node.host", "No host system seen",
			"The BMC answered, and shows no system that can be reset and booted."+because(n.gaps)+
				" It may still be starting: plan again in a few minutes. If it stays so, look at the BMC itself.", n.node.Origin)
		return false
	}
	n.sys = sys
	return true
}

// add takes a change into the plan of this node.
func (n *nodeBuild) add(c *change) {
	c.step.Address, c.step.Node = n.node.Address, n.node.Name
	c.step.Args.System = n.sys.Path
	if c.step.Expect == nil {
		c.step.Expect = step.Facts{}
	}
	n.changes = append(n.changes, c)
}

// changed finds a planned change by its key.
func (n *nodeBuild) changed(key string) *change {
	for _, c := range n.changes {
		if c.key == key {
			return c
		}
	}
	return nil
}

func (n *nodeBuild) result() NodePlan {
	np := NodePlan{Address: n.node.Address, Name: n.node.Name, Steps: n.steps, Resets: n.resets, NotMerged: n.notMerged}
	for _, s := range n.steps {
		np.EstimatedS += s.EstimatedS
		np.Bytes += s.Bytes
	}
	for _, c := range n.changes {
		// The naive count is one reset per change that needs one: each firmware component, each volume, the boot order,
		// the one-time boot, and all BIOS attributes together (one resource for the tools that work so).
		if c.step.Activation > step.None {
			np.NaiveResets++
		}
	}
	np.Holds = holds(n.d, n.o, n.node, n.dev, n.steps)
	return np
}

func originOr(o, fallback diag.Origin) diag.Origin {
	if o.IsZero() {
		return fallback
	}
	return o
}

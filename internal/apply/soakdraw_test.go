package apply

import (
	"fmt"
	"slices"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
)

// drawing is what a seed draws for the real driver: a rack of one node or two, what is wanted of it, what goes wrong, and in which state
// it is found.
type drawing struct {
	seed    uint64
	design  rack.Design
	faults  []string
	factory bool // as it is delivered, claimed first and rotated in the end
	power   string
}

// String is for the one who looks into a failure.
func (d drawing) String() string {
	out := fmt.Sprintf("faults %v, factory %v, hosts %s", d.faults, d.factory, d.power)
	for _, n := range d.design.Nodes {
		out += fmt.Sprintf("; %s wants firmware %v, bios %v, boot %v, %d volumes, %d ports, bmc %v, media %v", n.Name,
			n.Firmware != nil, n.BIOS != nil, n.Boot != nil, len(n.Volumes), len(n.NICs), n.BMC.Manager != nil, n.Media != nil)
	}
	return out
}

// dialectNodes are the nodes of lab-1rack, one of each dialect.
var dialectNodes = []string{"dell", "smc", "hpe", "lenovo", "dgx", "gb200"}

// chance draws from the seed: true k times of n.
func chance(seed uint64, what string, k, n int) bool { return roll(seed, what, n) < k }

// draw draws what a seed is about.
func draw(seed uint64) (drawing, error) {
	names := []string{dialectNodes[seed%uint64(len(dialectNodes))]}
	if chance(seed, "two", 1, 12) {
		if other := dialectNodes[roll(seed, "other", len(dialectNodes))]; other != names[0] {
			names = append(names, other)
		}
	}
	d := drawing{seed: seed, power: "On", factory: chance(seed, "factory", 1, 3)}
	if chance(seed, "off", 1, 3) {
		d.power = "Off"
	}
	var err error
	if d.design, err = labDesign(names); err != nil {
		return d, err
	}
	for i := range d.design.Nodes {
		drawNode(seed, &d.design.Nodes[i], d.factory)
	}
	d.faults = drawFaults(seed, d.design)
	if d.power == "Off" { // what a power-on did not make real wants a reset, which no plan of a host that is off has: it is planned anew
		d.faults = slices.DeleteFunc(d.faults, func(id string) bool { return id == "R18" || id == "stuck-job" })
	}
	if d.factory || d.power == "Off" { // a claim has no reset that the ladder may make, nor has a host that is off
		d.faults = slices.DeleteFunc(d.faults, func(id string) bool { return slices.Contains(ladderFaults, id) })
	}
	return d, nil
}

// drawNode leaves out some of what the blueprint wants of a node, and adds some that it does not.
func drawNode(seed uint64, n *rack.Node, factory bool) {
	at := func(what string, k, of int) bool { return chance(seed, n.Name+"/"+what, k, of) }
	if at("no firmware", 1, 3) {
		n.Firmware = nil
	}
	if at("no boot", 1, 4) {
		n.Boot = nil
	}
	if at("no volumes", 1, 3) {
		n.Volumes = nil
	}
	if at("no bios", 1, 4) && n.Firmware != nil {
		n.BIOS = nil
	}
	yes := true
	switch n.Name {
	case "dell":
		if at("ports", 1, 2) {
			n.NICs = []rack.NICSpec{{Name: "ocp", Adapter: "57414S", SRIOV: &yes, Boot: "Disabled"}}
		}
	case "hpe":
		if at("ports", 1, 2) {
			n.NICs = []rack.NICSpec{{Name: "rails", Adapter: "MCX755106AC", Link: "Ethernet", SRIOV: &yes}}
		}
	}
	if at("bmc", 1, 2) {
		n.BMC.Manager = &rack.ManagerSpec{Settings: map[string]rack.SettingValue{"asset_tag": {Value: fmt.Sprintf("MW-%d", seed)}}}
	}
	if n.Name != "dgx" && at("media", 1, 4) { // it offers no slot for a disc image
		n.Media = &rack.MediaSpec{Image: "https://mirror.lab.example/install.iso", BootOnce: at("once", 1, 2)}
	}
	n.BMC.Account = nil
	if factory {
		n.BMC.Account = &rack.AccountSpec{FactoryAccount: []string{"delete", "disable"}[roll(seed, n.Name+"/factory", 2)]}
	}
}

// ladderFaults are got past by the recovery ladder alone: they are drawn where it may climb. No rung is taken over an image that waits.
var ladderFaults = []string{"job-queue-full", "wedged-bmc", "wedged-host"}

// alsoDrawn are faults that are no part of "all", and that a driver at work gets past.
var alsoDrawn = []string{"stuck-job", "R61"}

// drawFaults draws none, all, or a few.
func drawFaults(seed uint64, d rack.Design) []string {
	all := survivable()
	switch roll(seed, "faults", 8) {
	case 0:
		return nil
	case 1, 2:
		return all
	}
	pool := slices.Concat(all, alsoDrawn)
	firmware := slices.ContainsFunc(d.Nodes, func(n rack.Node) bool { return n.Firmware != nil || n.BIOS == nil })
	if !firmware && len(d.Nodes) == 1 {
		pool = append(pool, ladderFaults...)
	}
	speaks := map[string]bool{}
	for _, n := range d.Nodes {
		speaks[d.Hardware[n.Hardware].Dialect] = true
	}
	pool = slices.DeleteFunc(pool, func(id string) bool {
		i := slices.IndexFunc(sim.Faults(), func(f sim.FaultInfo) bool { return f.ID == id })
		f := sim.Faults()[i]
		return len(f.Dialects) > 0 && !slices.ContainsFunc(f.Dialects, func(x string) bool { return speaks[x] })
	})
	var out []string
	for i := range 1 + roll(seed, "how many faults", 6) {
		id := pool[roll(seed, fmt.Sprint("fault", i), len(pool))]
		if slices.Contains(ladderFaults, id) { // three tries and one ladder are for one trouble, not for two at once
			return []string{id}
		}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

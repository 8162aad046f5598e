package plan_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/switchos"
)

// fabricDesign is the shipped blueprint with a fabric, without its nodes' wishes: only switches are planned.
func fabricDesign(t *testing.T) rack.Design {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	bp, _ := blueprint.Parse(c.Blueprints["fabric-1rack"])
	d, diags := blueprint.Resolve(bp, blueprint.Options{Catalog: c, Now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	return d
}

// seenAs is what a switch would tell that is as designed; change makes it another.
func seenAs(d rack.Design, change func(name string, tree rack.ConfigTree)) rack.Observation {
	var o rack.Observation
	targets, _ := switchos.Targets(d)
	for _, t := range targets {
		tree := maps.Clone(t.Want)
		if change != nil {
			change(t.Switch, tree)
		}
		part := t.Part(tree)
		o.Switches = append(o.Switches, rack.SwitchSeen{Address: t.Address, Name: t.Switch, OS: t.OS, Config: part.Owned, NoPorts: part.NoPorts,
			Kept: part.Kept})
	}
	return o
}

func only(d rack.Design) plan.Options {
	var names []string
	for _, s := range d.Switches {
		names = append(names, s.Name)
	}
	return plan.Options{Only: names}
}

// TestSwitchesAsDesigned: a plan of switches that are as designed is empty, and clean.
func TestSwitchesAsDesigned(t *testing.T) {
	d := fabricDesign(t)
	p, r := plan.Build(d, seenAs(d, nil), only(d))
	if !p.Empty() || !r.Clean() {
		t.Errorf("plan %+v, report %+v", p.Nodes, r)
	}
}

// TestSwitchPlan: what differs is planned setting by setting, one switch of a group at a time, the management switch last.
func TestSwitchPlan(t *testing.T) {
	d := fabricDesign(t)
	o := seenAs(d, func(name string, tree rack.ConfigTree) {
		switch name {
		case "leaf1":
			tree["interface swp1 link mtu"] = json.RawMessage("1500")
			delete(tree, "qos roce mode")
			tree["interface swp1 ip address 192.0.2.1/31"] = json.RawMessage("{}")
			tree["system timezone"] = json.RawMessage(`"Etc/UTC"`)
		case "oob":
			tree["interface swp1 link state down"] = json.RawMessage("{}")
		default:
			for path := range tree {
				if strings.HasSuffix(path, " hostname") {
					tree[path] = json.RawMessage(`"sonic"`)
				}
			}
		}
	})
	p, r := plan.Build(d, o, only(d))
	var waves []string
	for _, w := range p.Waves {
		waves = append(waves, w.Name+": "+strings.Join(w.Nodes, " "))
	}
	want := []string{"spine 1: spine1", "spine 2: spine2", "leaf 1: leaf1", "leaf 2: leaf2", "management 1: oob"}
	if !slices.Equal(waves, want) {
		t.Errorf("waves %q, want %q", waves, want)
	}
	var lines []string
	for _, c := range plan.Drift(p) {
		if c.Node == "leaf1" {
			lines = append(lines, c.Name+" "+c.From.(string)+" "+c.To.(string))
		}
	}
	wantLines := []string{"interface swp1 ip address 192.0.2.1/31 {} absent", "interface swp1 link mtu 1500 9216", "qos roce mode absent lossless"}
	if !slices.Equal(lines, wantLines) {
		t.Errorf("settings of leaf1 %q, want %q", lines, wantLines)
	}
	if !slices.ContainsFunc(r.Warnings, func(n plan.Note) bool { return n.Node == "oob" && n.Rule == "switch.management" }) {
		t.Errorf("the cut behind the management switch is not named: %+v", r.Warnings)
	}
	for _, n := range p.Nodes {
		if len(n.Steps) != 1 || n.Steps[0].Kind != step.Switch || n.Steps[0].Expect["digest"] == n.Steps[0].Want["digest"] {
			t.Errorf("%s: %+v", n.Name, n.Steps)
		}
	}
	again, _ := plan.Build(d, o, only(d))
	if p.Digest != again.Digest {
		t.Error("the same input gives another plan")
	}
}

// TestSwitchStops: what keeps a switch from being configured is said, and nothing of it is planned.
func TestSwitchStops(t *testing.T) {
	d := fabricDesign(t)
	o := seenAs(d, func(name string, tree rack.ConfigTree) {
		if name == "spine1" {
			for path := range tree {
				if strings.HasPrefix(path, "PORT Ethernet0 ") {
					delete(tree, path)
				}
			}
		}
	})
	o.Gaps = []rack.Gap{{Address: `switch.spine["spine2"]`, Path: "/", Reason: "no answer"}}
	for i := range o.Switches {
		if o.Switches[i].Name == "spine2" {
			o.Switches = slices.Delete(o.Switches, i, i+1)
			break
		}
	}
	for i := range o.Switches {
		switch o.Switches[i].Name {
		case "leaf1":
			o.Switches[i].Unsaved = true
		case "leaf2":
			o.Switches = slices.Delete(o.Switches, i, i+1)
		}
		if i+1 >= len(o.Switches) {
			break
		}
	}
	p, r := plan.Build(d, o, only(d))
	if len(p.Nodes) != 1 || p.Nodes[0].Name != "leaf1" || p.Nodes[0].Steps[0].Want["saved"] != true {
		t.Errorf("planned: %+v", p.Nodes)
	}
	if len(r.Waiting) != 1 || r.Waiting[0].Rule != "switch.ports" || !strings.Contains(r.Waiting[0].Detail, "Ethernet0") {
		t.Errorf("waiting: %+v", r.Waiting)
	}
	if len(r.Unreadable) != 1 || r.Unreadable[0].Node != "spine2" {
		t.Errorf("unreadable: %+v", r.Unreadable)
	}
	if !slices.ContainsFunc(r.NotPlanned, func(n plan.Note) bool { return strings.Contains(string(n.Address), "leaf2") }) {
		t.Errorf("the switch that is not bound is not named: %+v", r.NotPlanned)
	}
}

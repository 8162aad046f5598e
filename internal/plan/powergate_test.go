package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// powerLab is a rack of trays that are off and wanted on, each of 10 kW, on two shelves of four supplies of 5 kW.
func powerLab(trays int) *lab {
	l := newLab()
	contract := 100.0
	l.d.Racks = []rack.Rack{{Address: "rack.a01", Name: "a01", ContractKW: &contract, StaggerS: 2, Origin: line(1)}}
	l.d.Sites = []rack.Site{{Address: "site.dc", Name: "dc"}}
	for i := range trays {
		n, dev := l.node(fmt.Sprintf("t%d", i+1), "smc")
		n.Rack, n.PositionU, n.Power = "rack.a01", 10+i, "On"
		n.Facts = rack.Facts{"peak_kw": {Value: 10, Source: "test", Verified: true}}
		dev.Systems[0].PowerState = "Off"
	}
	for i, name := range []string{"ps1", "ps2"} {
		a := rack.Address("power_shelf." + name)
		l.d.PowerShelves = append(l.d.PowerShelves, rack.PowerShelf{Address: a, Name: name, Rack: "rack.a01", PositionU: 40 + i, Origin: line(5)})
		dev := rack.Device{Address: string(a), Node: name, Shelf: &rack.Shelf{Chassis: "/c", PowerState: "On", ResetTypes: []string{"PowerCycle"}}}
		for s := range 4 {
			watts := 5000.0
			dev.Power = append(dev.Power, rack.PowerUnit{ID: fmt.Sprint(s), Kind: "supply", CapacityWatts: &watts, Health: "OK", State: "Enabled"})
		}
		l.o.Devices = append(l.o.Devices, dev)
	}
	return l
}

func (l *lab) shelf(name string) *rack.Device {
	i := slices.IndexFunc(l.o.Devices, func(d rack.Device) bool { return d.Node == name })
	return &l.o.Devices[i]
}

func (l *lab) named(name string) *rack.Node {
	i := slices.IndexFunc(l.d.Nodes, func(n rack.Node) bool { return n.Name == name })
	return &l.d.Nodes[i]
}

// brief puts a plan into one line: its waves, then rules by node.
func brief(p Plan, r Report) string {
	var out []string
	for _, w := range p.Waves {
		out = append(out, w.Name+": "+strings.Join(w.Nodes, " "))
	}
	for _, l := range []struct {
		mark  string
		notes []Note
	}{{"blocked", r.Blocked}, {"unreadable", r.Unreadable}, {"hands", r.Waiting}, {"warning", r.Warnings}} {
		for _, n := range l.notes {
			out = append(out, l.mark+" "+n.Node+" "+n.Rule)
		}
	}
	return strings.Join(out, "; ")
}

func TestPowerGate(t *testing.T) {
	fail := func(l *lab, shelf string, ids ...int) {
		for _, i := range ids {
			l.shelf(shelf).Power[i].Health = "Critical"
		}
	}
	kw := func(v float64) *float64 { return &v }
	cases := []struct {
		name  string
		trays int
		do    func(l *lab)
		want  string
		text  string // in the detail of the first block, or of the first warning
	}{
		{"everything fits", 3, nil, "canary: t1; 1: t2 t3", ""},
		{"the contract is full after two", 3, func(l *lab) { l.d.Racks[0].ContractKW = kw(25) },
			"canary: t1; 1: t2; blocked t3 power.budget", "The contract of rack a01 allows 25 kW; what is on, or comes on before it, draws up to 20 kW, and this node draws up to 10 kW."},
		{"of the site", 3, func(l *lab) {
			l.d.Racks[0].ContractKW, l.d.Racks[0].Site = nil, "site.dc"
			l.d.Sites[0].Power = &rack.SitePower{ContractKW: kw(12)}
		}, "canary: t1; blocked t2 power.budget; blocked t3 power.budget", "The contract of site dc allows 12 kW"},
		{"what is on counts", 3, func(l *lab) {
			l.d.Racks[0].ContractKW = kw(25)
			l.shelf("t1").Systems[0].PowerState = "On"
		}, "canary: t2; blocked t3 power.budget", ""},
		{"what was not looked at counts as on", 3, func(l *lab) {
			l.d.Racks[0].ContractKW = kw(25)
			l.o.Devices = slices.DeleteFunc(l.o.Devices, func(d rack.Device) bool { return d.Node == "t1" })
		}, "canary: t2; blocked t3 power.budget; unreadable t1 node.unseen", ""},
		{"a power limit makes room", 3, func(l *lab) {
			l.d.Racks[0].ContractKW = kw(25)
			for i := range l.d.Nodes {
				l.d.Nodes[i].BMC.Manager = &rack.ManagerSpec{Settings: map[string]rack.SettingValue{"power_limit_w": {Value: int64(8000)}}}
				l.o.Devices[i].BMC.Settings = &rack.Settings{Words: map[string]rack.Setting{"power_limit_w": {Value: int64(8000)}}}
			}
		}, "canary: t1; 1: t2 t3", ""},
		{"what goes off makes room, and goes first", 3, func(l *lab) {
			l.d.Racks[0].ContractKW = kw(25)
			l.shelf("t3").Systems[0].PowerState, l.named("t3").Power = "On", "Off"
		}, "power-off: t3; canary: t1; 1: t2", ""},
		{"it does not go first where there is room", 3, func(l *lab) {
			l.shelf("t3").Systems[0].PowerState, l.named("t3").Power = "On", "Off"
		}, "canary: t1; 1: t2 t3", ""},
		{"a waiver lets it", 3, func(l *lab) {
			l.d.Racks[0].ContractKW = kw(25)
			l.d.Waivers = []rack.Waiver{{Address: "waiver.w", Rule: "power.budget", Owner: "anna", Reason: "test", Expires: "2027-01-01"}}
		}, "canary: t1; 1: t2 t3; warning t3 power.budget", ""},
		{"supplies failed, the rest carries it", 3, func(l *lab) { fail(l, "ps1", 0, 2) }, "canary: t1; 1: t2 t3; warning t1 power.shelf",
			"Not whole: supplies 0, 2 of ps1 in U40 are Critical. What is left can give 30 kW, enough for the 30 kW that this plan comes to."},
		{"supplies failed, one tray is too much", 3, func(l *lab) { fail(l, "ps1", 0, 1, 2) },
			"canary: t1; 1: t2; blocked t3 power.shelf; warning t1 power.shelf", "The power shelves of a01 can give 25 kW; what is on, or comes on before it, draws up to 20 kW, " +
				"and this node draws up to 10 kW. Not whole: supplies 0, 1, 2 of ps1 in U40 are Critical."},
		{"a shelf is off and waits for hands", 3, func(l *lab) { l.shelf("ps2").Shelf.PowerState = "Off" },
			"canary: t1; 1: t2; blocked t3 power.shelf; hands ps2 power.shelf; warning t1 power.shelf", "ps2 in U41 is off"},
		{"all shelves are off", 2, func(l *lab) {
			l.shelf("ps1").Shelf.PowerState, l.shelf("ps2").Shelf.PowerState = "Off", "Off"
		}, "blocked t1 power.shelf; blocked t2 power.shelf; hands ps1 power.shelf; hands ps2 power.shelf", "The power shelves of a01 give nothing: ps1 in U40 is off, ps2 in U41 is off."},
		{"rails that can be switched come up first", 3, func(l *lab) {
			l.shelf("ps2").Shelf.PowerState, l.shelf("ps2").Shelf.ResetTypes = "Off", []string{"On", "ForceOff"}
		}, "shelves: ps2; canary: t1; 1: t2 t3", ""},
		{"a shelf was not seen, the other carries it", 1, func(l *lab) {
			l.o.Devices = slices.DeleteFunc(l.o.Devices, func(d rack.Device) bool { return d.Node == "ps2" })
		}, "canary: t1; warning t1 power.shelf", "Not seen: ps2. The others can give 20 kW, enough for the 10 kW"},
		{"a shelf was not seen, and is needed", 3, func(l *lab) {
			l.o.Devices = slices.DeleteFunc(l.o.Devices, func(d rack.Device) bool { return d.Node == "ps2" })
			l.o.Gaps = []rack.Gap{{Address: "power_shelf.ps2", Path: "/redfish/v1/", Reason: "no answer"}}
		}, "canary: t1; 1: t2; unreadable t3 power.shelf; warning t1 power.shelf", "Not seen: ps2 (/redfish/v1/: no answer)."},
		{"supplies that do not tell what they can give are no supplies", 3, func(l *lab) { l.shelf("ps2").Power[3].CapacityWatts = nil },
			"canary: t1; 1: t2; unreadable t3 power.shelf; warning t1 power.shelf", "ps2 (it does not say what its supplies can give)"},
		{"a peak that nobody knows is not in the sum, and said", 2, func(l *lab) { l.named("t2").Facts = nil },
			"canary: t1; 1: t2; warning t1 power.unknown; warning t1 power.unknown", "nobody knows what t2 draw at their peak"},
		{"switch trays first", 3, func(l *lab) { l.named("t3").Role = rack.RoleSwitchTray }, "switches: t3; canary: t1; 1: t2", ""},
		{"and last when they go off", 3, func(l *lab) {
			l.named("t1").Role = rack.RoleSwitchTray
			for _, n := range []string{"t1", "t2", "t3"} {
				l.shelf(n).Systems[0].PowerState, l.named(n).Power = "On", "Off"
			}
		}, "canary: t2; 1: t3; switches off: t1", ""},
		{"hosts that are on need no room", 3, func(l *lab) {
			l.d.Racks[0].ContractKW = kw(1)
			for _, n := range []string{"t1", "t2", "t3"} {
				l.shelf(n).Systems[0].PowerState = "On"
			}
		}, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := powerLab(c.trays)
			if c.do != nil {
				c.do(l)
			}
			p, r := l.build()
			if got := brief(p, r); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			var said []string
			for _, n := range slices.Concat(r.Blocked, r.Unreadable, r.Waiting, r.Warnings) {
				said = append(said, n.Detail)
			}
			if all := strings.Join(said, "\n"); !strings.Contains(all, c.text) {
				t.Errorf("nothing says %q:\n%s", c.text, all)
			}
		})
	}
}

// TestPowerOfPlan: what the plan says of the domain, and what its digest covers.
func TestPowerOfPlan(t *testing.T) {
	l := powerLab(3)
	p, _ := l.build()
	if len(p.Power) != 1 {
		t.Fatalf("%+v", p.Power)
	}
	d := p.Power[0]
	if d.Name != "a01" || d.StaggerS != 2 || strings.Join(d.Nodes, " ") != "t1 t2 t3" || strings.Join(d.Shelves, " ") != "ps1 ps2" {
		t.Errorf("%+v", d)
	}
	want := []Limit{{What: "the contract of rack a01", KW: 100, DrawnKW: 30}, {What: "the power shelves of a01", KW: 40, DrawnKW: 30}}
	if fmt.Sprint(d.Limits) != fmt.Sprint(want) {
		t.Errorf("limits %+v, want %+v", d.Limits, want)
	}
	l.shelf("ps1").Power[0].Health = "Critical"
	again, _ := l.build()
	if again.Power[0].Limits[1].KW != 35 || again.Digest != p.Digest {
		t.Errorf("a supply that fails changes what is left (%v) and no step, so no digest (%s, %s)", again.Power[0].Limits[1].KW, p.Digest, again.Digest)
	}
	l.d.Racks[0].StaggerS = 0
	plain, _ := l.build()
	if plain.Power[0].StaggerS != DefaultStaggerS {
		t.Errorf("without a word the gap is %v s", plain.Power[0].StaggerS)
	}
	if x, ok := p.PowerDomainOf("t2"); !ok || x.Name != "a01" {
		t.Errorf("the domain of t2 is %+v", x)
	}
}

// TestShelfRails: the step that switches rails on holds its rack alone and names the slot of nobody else.
func TestShelfRails(t *testing.T) {
	l := powerLab(1)
	l.shelf("ps1").Shelf.PowerState, l.shelf("ps1").Shelf.ResetTypes = "Off", []string{"On"}
	p, _ := l.build()
	i := slices.IndexFunc(p.Nodes, func(n NodePlan) bool { return n.Name == "ps1" })
	if i != 0 {
		t.Fatalf("the shelf is at place %d of the plan", i)
	}
	n := p.Nodes[i]
	s := n.Steps[0]
	if s.Kind != step.ShelfPower || s.Args.Path != "/c" || s.Want["power_state"] != "On" || s.Expect["power_state"] != "Off" {
		t.Errorf("%+v", s)
	}
	if len(n.Holds) != 1 || n.Holds[0] != (Hold{Name: "rack/a01"}) {
		t.Errorf("holds %+v", n.Holds)
	}
	if w := p.Waves[0]; w.OnError != "halt" || w.AllowFailed != 0 {
		t.Errorf("the wave of the rails goes on after a failure: %+v", w)
	}
	only, _ := Build(l.d, l.o, Options{Now: testNow, Only: []string{"nobody"}})
	if len(only.Nodes) != 0 {
		t.Errorf("a plan for nobody switches %v", only.Nodes)
	}
}

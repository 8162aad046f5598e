package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

// said puts a plan of a verb into one line.
func said(p Plan) string {
	out := brief(p, p.Report)
	for _, n := range p.Nodes {
		for _, s := range n.Steps {
			out += fmt.Sprintf("; %s %s %v", n.Name, s.Kind, s.Want)
		}
	}
	return strings.TrimPrefix(out, "; ")
}

// TestSayPower: power on is held against budgets and shelves, and switch trays come up first and go down last.
func TestSayPower(t *testing.T) {
	all := []string{"t1", "t2", "t3"}
	cases := []struct {
		name string
		verb Verb
		do   func(l *lab)
		want string
	}{
		{"on", Verb{Do: DoOn}, nil, "1: t1 t2 t3; t1 power map[power_state:On]; t2 power map[power_state:On]; t3 power map[power_state:On]"},
		{"too much", Verb{Do: DoOn, Now: testNow}, func(l *lab) { *l.d.Racks[0].ContractKW = 25 },
			"1: t1 t2; blocked t3 power.budget; t1 power map[power_state:On]; t2 power map[power_state:On]"},
		{"waived", Verb{Do: DoOn, Now: testNow}, func(l *lab) {
			*l.d.Racks[0].ContractKW = 25
			l.d.Waivers = []rack.Waiver{{Address: "waiver.w", Rule: "power.budget", Owner: "anna", Reason: "test", Expires: "2027-01-01"}}
		}, "1: t1 t2 t3; warning t3 power.budget; t1 power map[power_state:On]; t2 power map[power_state:On]; t3 power map[power_state:On]"},
		{"the waiver is over", Verb{Do: DoOn, Now: testNow}, func(l *lab) {
			*l.d.Racks[0].ContractKW = 15
			l.d.Waivers = []rack.Waiver{{Address: "waiver.w", Rule: "power.budget", Owner: "anna", Reason: "test", Expires: "2026-01-01"}}
		}, "1: t1; blocked t2 power.budget; blocked t3 power.budget; t1 power map[power_state:On]"},
		{"no shelf gives", Verb{Do: DoOn}, func(l *lab) {
			l.shelf("ps1").Shelf.PowerState, l.shelf("ps2").Shelf.PowerState = "Off", "Off"
		}, "blocked t1 power.shelf; blocked t2 power.shelf; blocked t3 power.shelf"},
		{"switch trays first", Verb{Do: DoOn}, func(l *lab) { l.named("t3").Role = rack.RoleSwitchTray },
			"switches: t3; 1: t1 t2; t1 power map[power_state:On]; t2 power map[power_state:On]; t3 power map[power_state:On]"},
		{"and last", Verb{Do: DoOff}, func(l *lab) {
			l.named("t1").Role = rack.RoleSwitchTray
			for _, n := range all {
				l.shelf(n).Systems[0].PowerState = "On"
			}
		}, "1: t2 t3; switches off: t1; t1 power map[power_state:Off]; t2 power map[power_state:Off]; t3 power map[power_state:Off]"},
		{"off needs no budget", Verb{Do: DoOff}, func(l *lab) {
			*l.d.Racks[0].ContractKW = 1
			l.shelf("t1").Systems[0].PowerState = "On"
		}, "1: t1; t1 power map[power_state:Off]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := powerLab(3)
			if c.do != nil {
				c.do(l)
			}
			p := Say(l.d, l.o, c.verb, all)
			if got := said(p); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if refused := strings.Contains(c.want, "blocked"); p.Refused() != refused {
				t.Errorf("refused: %v", p.Refused())
			}
			if len(p.Waves) > 1 && (p.Waves[0].OnError != "halt" || p.Waves[0].AllowFailed != 0) {
				t.Errorf("the second wave begins though the first failed: %+v", p.Waves[0])
			}
			if c.verb.Do == DoOn && len(p.Nodes) > 0 && (len(p.Power) != 1 || p.Power[0].StaggerS != 2) {
				t.Errorf("power %+v", p.Power)
			}
		})
	}
}

// TestSayShelf: a shelf is switched only when its controller can, and with consent to what hangs on it.
func TestSayShelf(t *testing.T) {
	can := func(l *lab) {
		for _, s := range []string{"ps1", "ps2"} {
			l.shelf(s).Shelf.ResetTypes = []string{"On", "ForceOff", "PowerCycle"}
		}
		l.shelf("t1").Systems[0].PowerState = "On"
	}
	cases := []struct {
		name string
		verb Verb
		do   func(l *lab)
		want string
		text string
	}{
		{"cycle without consent", Verb{Do: DoShelfCycle}, can, "blocked ps1 verb.unsupported",
			"2 nodes on these rails; on: t1; off: t2. What 1 other shelf can give: 20 kW; what is on draws up to 10 kW. Say --every-tray"},
		{"cycle", Verb{Do: DoShelfCycle, EveryTray: true}, can, "1: ps1; ps1 shelf_power map[cycled:true]", ""},
		{"the others do not carry it", Verb{Do: DoShelfOff}, func(l *lab) {
			can(l)
			for i := range 3 {
				l.shelf("ps2").Power[i].Health = "Critical"
			}
		}, "blocked ps1 verb.unsupported", "What 1 other shelf can give: 5 kW; what is on draws up to 10 kW: they may lose their power, their BMCs too."},
		{"there is no other", Verb{Do: DoShelfOff}, func(l *lab) {
			can(l)
			l.d.PowerShelves = l.d.PowerShelves[:1]
		}, "blocked ps1 verb.unsupported", "No other shelf carries them: all of them lose their power, their BMCs too."},
		{"a tray that was not seen", Verb{Do: DoShelfOff}, func(l *lab) {
			can(l)
			l.o.Devices = slices.DeleteFunc(l.o.Devices, func(d rack.Device) bool { return d.Node == "t2" })
		}, "blocked ps1 verb.unsupported", "on: t1; not seen: t2. What 1 other shelf can give: 20 kW; what is on draws up to 20 kW."},
		{"off", Verb{Do: DoShelfOff, EveryTray: true}, can, "1: ps1; ps1 shelf_power map[power_state:Off]", ""},
		{"on takes nobody down", Verb{Do: DoShelfOn}, func(l *lab) {
			can(l)
			l.shelf("ps1").Shelf.PowerState = "Off"
		}, "1: ps1; ps1 shelf_power map[power_state:On]", ""},
		{"on already", Verb{Do: DoShelfOn}, can, "", ""},
		{"a Lite-On cannot", Verb{Do: DoShelfOff, EveryTray: true}, nil, "blocked ps1 verb.unsupported", "Its controller offers PowerCycle and not ForceOff"},
		{"not read", Verb{Do: DoShelfCycle, EveryTray: true}, func(l *lab) { l.shelf("ps1").Shelf = nil }, "unreadable ps1 verb.read", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := powerLab(2)
			if c.do != nil {
				c.do(l)
			}
			p := Say(l.d, l.o, c.verb, []string{"ps1"})
			if got := said(p); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			text := ""
			for _, n := range p.Report.Blocked {
				text += n.Detail
			}
			if !strings.Contains(text, c.text) {
				t.Errorf("nothing says %q: %s", c.text, text)
			}
			for _, n := range p.Nodes {
				if len(n.Holds) != 1 || n.Holds[0] != (Hold{Name: "rack/a01"}) {
					t.Errorf("it holds %+v, want the rack alone", n.Holds)
				}
				if down := n.Steps[0].Want["power_state"] != "On"; Interrupts(n.Steps[0]) != down {
					t.Errorf("asked before it: %v", !down)
				}
			}
		})
	}
	if got := (Verb{Do: DoShelfCycle, EveryTray: true}).String(); got != "shelf cycle --every-tray" {
		t.Errorf("it is called %q", got)
	}
}

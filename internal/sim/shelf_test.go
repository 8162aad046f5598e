package sim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
)

// shelfLab is lab-1rack with two power shelves in its rack, each of six supplies of 2 kW.
func shelfLab(t testing.TB) rack.Design {
	t.Helper()
	d := labDesign(t)
	hw := map[string]rack.Hardware{}
	for k, v := range d.Hardware {
		hw[k] = v
	}
	hw["shelf.liteon_pf_1333_7r"] = rack.Hardware{Key: "shelf.liteon_pf_1333_7r", Kind: "shelf", Vendor: "Lite-On",
		Identity: rack.Identity{Manufacturer: "LITE-ON TECHNOLOGY CORP.", Models: []string{"PF-1333-7R"}},
		Supplies: &rack.Number{Value: 6}, SupplyKW: &rack.Number{Value: 2}}
	d.Hardware = hw
	for _, name := range []string{"ps1", "ps2"} {
		d.PowerShelves = append(d.PowerShelves, rack.PowerShelf{Address: rack.Address("power_shelf." + name), Name: name,
			Hardware: "shelf.liteon_pf_1333_7r", Rack: d.Racks[0].Address})
	}
	return d
}

func onShelf(t *testing.T, o sim.Options, check func(p *probe)) {
	t.Helper()
	d := shelfLab(t)
	synctest.Test(t, func(t *testing.T) {
		r, err := sim.New(d, o)
		if err != nil {
			t.Fatal(err)
		}
		check(&probe{t: t, rack: r, bmc: r.BMC("ps1"), node: "ps1", dia: "liteon", own: map[string]messageRegistry{}})
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestShelf walks a power shelf in every state of its life: every answer validates but for R113, every link leads somewhere, and
// what hangs on the rails lives and dies with them.
func TestShelf(t *testing.T) {
	d := needsDMTF(t)
	for _, fault := range []string{"", "supply-failed", "shelf-switchable", "R113"} {
		t.Run("fault "+fault, func(t *testing.T) {
			onShelf(t, sim.Options{Seed: 3, Faults: []string{fault}}, func(p *probe) {
				f := findings{}
				state := "on"
				p.judge(d, &f, &state)
				p.login()
				walk := func(s string) {
					state = s
					if pages := p.walk(); len(pages) < 40 {
						p.t.Errorf("%s: only %d resources", s, len(pages))
					}
				}
				walk("on")
				if fault != "R113" {
					p.consistent(&f, "on")
				}
				p.must(http.StatusBadRequest, "POST", shelfReset, obj{"ResetType": "GracefulShutdown"})
				p.must(http.StatusBadRequest, "POST", shelfReset, obj{})
				p.must(2, "POST", shelfReset, obj{"ResetType": "PowerCycle"})
				walk("cycling")
				time.Sleep(time.Minute)
				walk("after")
				if got := p.bmc.Ledger().FaultsFired[fault]; fault != "" && got == 0 {
					p.t.Errorf("%s never struck", fault)
				}
				broke := false
				for what := range f.where {
					broke = broke || strings.Contains(what, "CapacityWatts") || strings.Contains(what, "PowerState")
				}
				if fault == "R113" {
					if !broke {
						p.t.Error("R113 breaks no schema")
					}
					return
				}
				f.report(p.t)
			})
		})
	}
}

const shelfReset = "/redfish/v1/Chassis/powershelf/Actions/Chassis.Reset"

// TestRails: one shelf of two is carried by the other; when none gives anything every tray dies, and comes back off.
func TestRails(t *testing.T) {
	onShelf(t, sim.Options{Seed: 3, Faults: []string{"shelf-switchable"}}, func(p *probe) {
		p.login()
		node := p.rack.Nodes()[0]
		up := func() string { x := p.rack.Truth()[node]; return fmt.Sprintf("%s %v", x.Power, x.BMCUp) }
		p.must(2, "POST", shelfReset, obj{"ResetType": "ForceOff"})
		if got := up(); got != "On true" {
			t.Errorf("with one shelf left: %s", got)
		}
		if err := p.rack.BMC("ps2").Poke(sim.Poke{Power: "Off"}); err != nil {
			t.Fatal(err)
		}
		if got := up(); got != "Off false" {
			t.Errorf("without a shelf: %s", got)
		}
		p.must(2, "POST", shelfReset, obj{"ResetType": "On"})
		time.Sleep(10 * time.Minute)
		if got := up(); got != "Off true" {
			t.Errorf("with its rails back: %s", got)
		}
		if got := p.rack.Ledger()[node].Resets["ac_cycle"]; got != 1 {
			t.Errorf("%d AC cycles", got)
		}
	})
}

// TestRailsCycle: a PowerCycle of the only shelf that gives anything kills every tray for as long as it takes, whether or not
// anybody looks at the shelf.
func TestRailsCycle(t *testing.T) {
	onShelf(t, sim.Options{Seed: 3}, func(p *probe) {
		p.login()
		node := p.rack.Nodes()[0]
		if err := p.rack.BMC("ps2").Poke(sim.Poke{Supplies: map[string]string{"0": "Critical", "1": "Absent", "2": "Critical", "3": "Critical",
			"4": "Critical", "5": "Critical"}}); err != nil {
			t.Fatal(err)
		}
		p.must(2, "POST", shelfReset, obj{"ResetType": "PowerCycle"})
		if x := p.rack.Truth()[node]; x.BMCUp || x.Power != "Off" {
			t.Errorf("while the rails are dead: %+v", x.Power)
		}
		time.Sleep(10 * time.Minute)
		if x := p.rack.Truth()[node]; !x.BMCUp || x.Power != "Off" {
			t.Errorf("afterwards: %s, BMC up %v", x.Power, x.BMCUp)
		}
		if err := p.bmc.Poke(sim.Poke{Supplies: map[string]string{"9": "OK"}}); err == nil {
			t.Error("a supply that is not there was poked")
		}
	})
}

// TestOverloaded: a host that is switched on beyond what the working supplies carry is a violation.
func TestOverloaded(t *testing.T) {
	d := shelfLab(t)
	synctest.Test(t, func(t *testing.T) {
		r, err := sim.New(d, sim.Options{Power: "Off"})
		if err != nil {
			t.Fatal(err)
		}
		broken := map[string]string{}
		for i := range 6 {
			broken[fmt.Sprint(i)] = "Critical"
		}
		for _, s := range r.Shelves() {
			if s == "ps1" {
				broken = map[string]string{"0": "Critical", "1": "Critical", "2": "Critical", "3": "Critical", "4": "Critical"}
			} else {
				broken["5"] = "Critical"
			}
			if err := r.BMC(s).Poke(sim.Poke{Supplies: broken}); err != nil {
				t.Fatal(err)
			}
		}
		known := 0
		for _, n := range d.Nodes {
			if _, ok := d.PeakKW(n); ok {
				known++
			}
			if err := r.BMC(n.Name).Poke(sim.Poke{Power: "On"}); err != nil {
				t.Fatal(err)
			}
		}
		over := 0
		for _, l := range r.Ledger() {
			over += len(l.Violations)
		}
		if known == 0 || over == 0 {
			t.Errorf("%d nodes whose peak is known are on, and %d violations", known, over)
		}
		if len(r.PowerOns()) != len(d.Nodes) {
			t.Errorf("%d power-ons of %d nodes", len(r.PowerOns()), len(d.Nodes))
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

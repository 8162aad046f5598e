package drivertest_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// asked plans acts for a host.
func (h *host) asked(acts ...plan.Act) plan.Plan {
	h.t.Helper()
	n := h.d.Nodes[0]
	h.d.Nodes[0] = plan.WithActs(n, acts) // what has to be read
	o := h.look()
	h.d.Nodes[0] = n
	opt := h.opt
	opt.Acts, opt.Intents = acts, h.d.BIOSIntents
	p, _ := plan.Build(h.d, o, opt)
	return p
}

// TestClearTPM: an act shares the reset of what differs, happens once, and leaves an empty plan; a host without such a setting is
// "needs hands".
func TestClearTPM(t *testing.T) {
	act := plan.Act{Kind: plan.ActTPMClear, Node: node, Owner: "ops", Reason: "re-delivered"}
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, func(_ *rack.Design, n *rack.Node) {
			n.BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{dialects[name].attribute: {Value: dialects[name].to}}}
		})
		p := h.asked(act)
		if name == "openbmc" {
			if len(p.Report.Waiting) != 1 || !strings.Contains(p.Report.Waiting[0].Detail, "Needs hands") {
				t.Errorf("%+v", p.Report)
			}
			return
		}
		if !p.Report.Clean() {
			t.Fatalf("%+v", p.Report)
		}
		h.do(p)
		l := h.bmc().Ledger()
		if l.TPMClears != 1 || h.resets() != 1 || h.bmc().Truth().BIOS[dialects[name].attribute] != dialects[name].to {
			t.Errorf("cleared %d times with %d resets\n%s", l.TPMClears, h.resets(), stepsText(p))
		}
		if again := h.clean(); !again.Empty() {
			t.Errorf("still to do: %s", stepsText(again))
		}
		if name == "ilo" {
			o := h.look()
			o.Devices[0].Systems[0].TPMs = []rack.TPM{{State: "Absent"}}
			opt := h.opt
			opt.Acts, opt.Intents = []plan.Act{act}, h.d.BIOSIntents
			if _, r := plan.Build(h.d, o, opt); len(r.Blocked) != 1 || r.Blocked[0].Rule != "tpm.absent" {
				t.Errorf("a TPM that is absent: %+v", r)
			}
		}
		if !strings.Contains(stepsText(p), "agreed by ops: re-delivered") {
			t.Errorf("the plan does not say who agreed:\n%s", stepsText(p))
		}
	})
}

// TestActs: resets and one-time boots that no blueprint asks for.
func TestActs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "ilo", func(_ *rack.Design, n *rack.Node) {})
		if err := h.bmc().Poke(sim.Poke{BIOS: map[string]any{"ThermalConfig": "MaxCooling"}}); err != nil {
			t.Fatal(err)
		}
		p := h.asked(plan.Act{Kind: plan.ActBIOSReset, Node: node, Owner: "ops", Reason: "lab"},
			plan.Act{Kind: plan.ActBootOnce, Node: node, Value: "Pxe", Owner: "ops"})
		h.do(p)
		if h.bmc().Truth().BIOS["ThermalConfig"] != "OptimalCooling" || h.resets() != 1 {
			t.Errorf("%v after %d resets\n%s", h.bmc().Truth().BIOS["ThermalConfig"], h.resets(), stepsText(p))
		}
		for _, a := range []plan.Act{{Kind: plan.ActBootOnce, Node: "nobody", Value: "Pxe"}, {Kind: plan.ActBootOnce, Node: node, Value: "Pex"}} {
			if p := h.asked(a); len(p.Report.Blocked) != 1 {
				t.Errorf("%+v: %+v", a, p.Report)
			}
		}
	})
}

// TestHTTPURI: what HTTP boot loads is set where the BMC can say it, without a reset, and refused elsewhere.
func TestHTTPURI(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		const uri = "https://mirror.sim/boot.efi"
		h := newHost(t, name, func(_ *rack.Design, n *rack.Node) { n.Boot = &rack.BootSpec{HTTPURI: uri} })
		if name != "ami" && name != "openbmc" {
			if p := h.plan(); len(p.Report.Blocked) != 1 || p.Report.Blocked[0].Rule != "boot.http_uri" {
				t.Errorf("%+v", p.Report)
			}
			return
		}
		h.bring()
		if h.bmc().Truth().BootURI != uri || h.resets() != 0 {
			t.Errorf("%q after %d resets", h.bmc().Truth().BootURI, h.resets())
		}
	})
}

// boot restarts the host behind everybody's back, and waits until it runs.
func (h *host) boot() {
	h.t.Helper()
	for _, p := range []string{"Off", "On"} {
		if err := h.bmc().Poke(sim.Poke{Power: p}); err != nil {
			h.t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
	}
}

func hasDisk(o rack.Observation, order []string) bool {
	host, _ := o.Devices[0].Host()
	for _, opt := range host.Boot.Options {
		if strings.Contains(opt.Name+opt.Alias, "Hdd") || opt.Name == "ubuntu" {
			return slices.Contains(order, opt.Reference)
		}
	}
	return false
}

// TestOrderDecays: an order that loses an entry in a boot is found, and written again.
func TestOrderDecays(t *testing.T) {
	for name, fault := range map[string]string{"supermicro": "R59", "xcc": "R60"} {
		t.Run(fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, name, func(_ *rack.Design, n *rack.Node) { n.Boot = &rack.BootSpec{Order: []string{"Pxe", "Hdd"}} })
				h.boot()
				if p := h.clean(); !p.Empty() {
					h.bring()
				}
				if err := h.bmc().SetFaults(fault); err != nil {
					t.Fatal(err)
				}
				h.boot()
				if tr := h.bmc().Truth(); hasDisk(h.look(), tr.BootOrder) {
					t.Fatalf("the order did not decay: %v", tr.BootOrder)
				}
				if d := plan.Drift(h.clean()); len(d) != 1 || d[0].Kind != step.BootOrder {
					t.Fatalf("drift %+v", d)
				}
				h.bring()
				if tr := h.bmc().Truth(); !hasDisk(h.look(), tr.BootOrder) {
					t.Errorf("the order was not repaired: %v", tr.BootOrder)
				}
			})
		})
	}
}

// TestOrderWithoutSettings: where the settings object of the order is 404 for ever, the order is written on the system; nothing
// loops (R61).
func TestOrderWithoutSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "xcc", func(_ *rack.Design, n *rack.Node) { n.Boot = &rack.BootSpec{Order: []string{"Hdd"}} }, "R61")
		before := h.bmc().Truth().BootOrder
		h.bring()
		if now := h.bmc().Truth().BootOrder; slices.Equal(before, now) || now[0] == before[0] {
			t.Errorf("the order is %v, was %v", now, before)
		}
	})
}

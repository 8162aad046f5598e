package drivertest_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
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

package drivertest_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// vpi makes the adapters of a node such that can be Ethernet or InfiniBand, and wants something of their first port.
func vpi(spec rack.NICSpec) func(*rack.Design, *rack.Node) {
	return func(d *rack.Design, n *rack.Node) {
		hw := d.Hardware[n.Hardware]
		hw.NICs[0].Protocol = "VPI"
		d.Hardware[n.Hardware] = hw
		spec.Name, spec.Adapter = "rail", "Slot.3"
		n.NICs = []rack.NICSpec{spec}
	}
}

// TestLinkTypeOfDell: a port that becomes InfiniBand changes its name; it is found again, is not set twice, and comes back.
func TestLinkTypeOfDell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yes := true
		h := newHost(t, "idrac", vpi(rack.NICSpec{Link: "InfiniBand", SRIOV: &yes}))
		p := h.bring()
		var now rack.NetworkFunction
		for _, f := range h.look().Devices[0].Systems[0].NetworkFunctions {
			if strings.HasPrefix(f.ID, "InfiniBand.") {
				now = f
			}
		}
		if now.LinkType != "InfiniBand" || now.Attributes == nil || now.Attributes.RegistryDoc == nil || h.resets() != 1 {
			t.Errorf("%+v after %d resets\n%s", now, h.resets(), stepsText(p))
		}
		h.node().NICs[0].Link = "Ethernet"
		h.bring()
		if n := h.look().Devices[0].Systems[0].NetworkFunctions; strings.HasPrefix(n[0].ID, "InfiniBand.") {
			t.Errorf("%+v", n)
		}
	})
}

// TestPortRegistry: what is wanted of a Dell port is held against the registry of that very port: name, value, bounds, rules; the
// refusal tells what would do and what the registry says of it.
func TestPortRegistry(t *testing.T) {
	yes := true
	for _, c := range []struct {
		name string
		spec rack.NICSpec
		want []string
	}{
		{"a name", rack.NICSpec{Attributes: map[string]string{"VirtualisationMode": "SRIOV"}}, []string{`Did you mean "VirtualizationMode"?`}},
		{"a value", rack.NICSpec{Attributes: map[string]string{"BootRetryCnt": "2Retry"}},
			[]string{`"NoRetry"`, `Did you mean "1Retry"?`, "The registry says of it"}},
		{"a bound", rack.NICSpec{Attributes: map[string]string{"NumberVFAdvertised": "500"}}, []string{"at most 127", "The registry says of it"}},
		{"read-only", rack.NICSpec{Attributes: map[string]string{"LinkStatus": "Disconnected"}}, []string{"read-only"}},
		{"a rule", rack.NICSpec{Attributes: map[string]string{"VirtualizationMode": "NPAR", "NumberVFAdvertised": "16"}},
			[]string{"NumberVFAdvertised", "Rule: "}},
		{"twice", rack.NICSpec{SRIOV: &yes, Attributes: map[string]string{"VirtualizationMode": "NONE"}}, []string{"another setting of this port"}},
		{"no such thing", rack.NICSpec{Link: "InfiniBand", Attributes: map[string]string{}}, []string{"has no attribute NetworkLinkType"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, "idrac", func(_ *rack.Design, n *rack.Node) {
					c.spec.Name, c.spec.Adapter = "rail", "Slot.3"
					n.NICs = []rack.NICSpec{c.spec}
				})
				p := h.plan()
				if !p.Empty() || len(p.Report.Blocked) == 0 {
					t.Fatalf("%+v", p.Report)
				}
				for _, w := range c.want {
					if !strings.Contains(p.Report.Blocked[0].Detail, w) {
						t.Errorf("%q does not tell %q", p.Report.Blocked[0].Detail, w)
					}
				}
			})
		})
	}
}

// TestPortPending: what somebody else has staged for a port is named, and what is right now and waits to be replaced is set again.
func TestPortPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yes, no := true, false
		h := newHost(t, "idrac", vpi(rack.NICSpec{SRIOV: &yes}))
		d := h.driver()
		ops := map[step.ID]*step.Op{}
		for _, s := range h.clean().Nodes[0].Steps {
			if s.Kind == step.NIC {
				h.carry(d, s, ops)
			}
		}
		closing(t, d)
		h.node().NICs[0].SRIOV = nil
		h.node().NICs[0].Boot = "PXE"
		if p := h.plan(); !warned(p, "nic.pending", "VirtualizationMode") {
			t.Errorf("%+v", p.Report)
		}
		h.node().NICs[0].SRIOV, h.node().NICs[0].Boot = &no, ""
		if p := h.clean(); p.Empty() {
			t.Error("the next reset would make it otherwise, and nothing is planned")
		}
	})
}

// TestDPUModeByAttribute: where the host's setup, or the adapter's own attributes, say how a BlueField works, that is the way; a flip
// costs a cold cycle there too.
func TestDPUModeByAttribute(t *testing.T) {
	for name, attribute := range map[string]string{"idrac": "InternalCpuOffloadEngine", "xcc": "_InternalCPUOffloadEngine"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, name, func(d *rack.Design, n *rack.Node) {
					hw := d.Hardware[n.Hardware]
					hw.NICs[0].Model = "BlueField-3"
					d.Hardware[n.Hardware] = hw
					n.DPU = &rack.DPUSpec{Mode: "NicMode"}
				})
				p := h.bring()
				if p.Nodes[0].Resets["aux_cycle"] != 1 || h.resets() != 1 {
					t.Errorf("resets %v, %d in all\n%s", p.Nodes[0].Resets, h.resets(), stepsText(p))
				}
				n := 0
				for _, values := range h.bmc().Truth().Ports {
					if values[attribute] == "Disabled" {
						n++
					}
				}
				for k, v := range h.bmc().Truth().BIOS {
					if strings.HasSuffix(k, attribute) && v == "Disabled" {
						n++
					}
				}
				if n == 0 {
					t.Errorf("no attribute %s is Disabled", attribute)
				}
			})
		})
	}
}

// TestTPM: a TPM is switched on and off by what each vendor's registry has for it, with the one reset of everything else; where there
// is nothing, and where there is no TPM, that is said.
func TestTPM(t *testing.T) {
	yes, no := true, false
	off := map[string][2]string{"idrac": {"TpmSecurity", "Off"}, "ilo": {"TpmVisibility", "Hidden"}, "ami": {"TpmSupport", "Disable"}}
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, func(d *rack.Design, n *rack.Node) {
			n.TPM = &rack.TPMSpec{Enabled: &no}
		})
		x, can := off[name]
		switch p := h.plan(); {
		case name == "openbmc": // its TPM is off in the setup of a new board
			if !p.Empty() {
				t.Error(stepsText(p))
			}
			return
		case !can:
			if len(p.Report.Waiting) != 1 || p.Report.Waiting[0].Rule != "tpm.unsupported" || !strings.Contains(p.Report.Waiting[0].Detail, "Needs hands") {
				t.Errorf("%+v", p.Report)
			}
			return
		}
		h.bring()
		if got := h.bmc().Truth().BIOS[x[0]]; got != x[1] || h.resets() != 1 {
			t.Errorf("%s is %v after %d resets", x[0], got, h.resets())
		}
		h.node().TPM = &rack.TPMSpec{Enabled: &yes, Activated: &yes}
		if name == "ami" { // nothing there says whether it is activated
			h.node().TPM.Activated = nil
		}
		h.node().BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{x[0]: {Value: x[1]}}}
		if p := h.plan(); len(p.Report.Blocked) == 0 || p.Report.Blocked[0].Rule != "bios.twice" {
			t.Errorf("%+v", p.Report)
		}
		h.node().BIOS = nil
		h.bring()
		o := h.look()
		o.Devices[0].Systems[0].TPMs = []rack.TPM{{State: "Disabled"}}
		if p, _ := plan.Build(h.d, o, h.opt); len(p.Report.Waiting) != 1 || p.Report.Waiting[0].Rule != "tpm.state" {
			t.Errorf("%+v", p.Report)
		}
		o.Devices[0].Systems[0].TPMs[0].State = "Absent"
		if p, _ := plan.Build(h.d, o, h.opt); len(p.Report.Blocked) != 1 || p.Report.Blocked[0].Rule != "tpm.absent" {
			t.Errorf("%+v", p.Report)
		}
	})
}

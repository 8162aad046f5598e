package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

// TestRestartCutsDPU: on a model whose restart by Redfish cuts the power of a DPU (R66), a plan that restarts the host warns where
// IPMI is off. With it, without a restart, and on other models there is nothing to say.
func TestRestartCutsDPU(t *testing.T) {
	for name, c := range map[string]struct {
		model, ipmi, restart, want bool
	}{
		"off": {model: true, restart: true, want: true}, "on": {model: true, ipmi: true, restart: true},
		"no restart": {model: true}, "another model": {restart: true},
	} {
		l, n, dev := one("r750")
		dev.Capabilities.RestartCutsDPU = c.model
		if c.ipmi {
			n.BMC.IPMI = &rack.IPMISpec{Tool: rack.DefaultIPMITool}
		}
		if c.restart {
			wantBIOS(n, "Sriov", "Enabled")
		}
		p, r := l.build()
		warned := slices.ContainsFunc(r.Warnings, func(x Note) bool { return x.Rule == "ipmi.dpu" })
		if warned != c.want || p.Empty() == c.restart {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestNoIPMITool: a program that is missing blocks the node that wants it, and no other.
func TestNoIPMITool(t *testing.T) {
	l, n, _ := one("r750")
	n.BMC.IPMI = &rack.IPMISpec{Tool: "/x", Origin: line(30)}
	wantBIOS(n, "Sriov", "Enabled")
	other, _ := l.node("n2", "r750")
	wantBIOS(other, "Sriov", "Enabled")
	p, r := Build(l.d, l.o, Options{Now: testNow, NoIPMI: map[string]string{"n1": "ipmitool is not at /x.", "n2": "nobody asks"}})
	if len(p.Nodes) != 1 || p.Nodes[0].Name != "n2" || len(r.Blocked) != 1 || !strings.HasPrefix(r.Blocked[0].Detail, "ipmitool is not at /x. Install") {
		t.Errorf("%+v", r)
	}
}

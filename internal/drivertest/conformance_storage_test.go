package drivertest_test

import (
	"testing"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// storageRows are the kinds of step for local storage beside volume and erase, on a node with twelve drives behind a controller.
func storageRows() []row {
	const standard = "; also where a BMC offers the standard's own actions (fault swordfish)"
	with := func(set func(v *rack.VolumeSpec)) func(h *host) {
		return func(h *host) {
			v := array("RAID1", 2)
			set(&v)
			h.node().Volumes = []rack.VolumeSpec{v}
		}
	}
	return []row{
		{key: "volume_set", what: "another write cache of a volume that is there", more: "TestStorageDrift", run: func(t *testing.T, dialect string) string {
			h := newHost(t, dialect, disks(func(*rack.Node) {}))
			with(func(v *rack.VolumeSpec) { v.WriteCache = "WriteThrough" })(h)
			p := h.plan()
			if why := said(p.Report); why != "" {
				return why
			}
			h.do(p)
			h.node().Volumes[0].WriteCache = "ProtectedWriteBack"
			return h.outcome(h.plan(), step.VolumeSet)
		}},
		{key: "volume_init", what: "a new volume is initialised", more: "TestStorage TestEndlessInit", run: onDisks(step.VolumeInit,
			with(func(v *rack.VolumeSpec) { v.Initialize = "Fast" }))},
		{key: "spare", what: "a hot spare of one volume" + standard, more: "TestStorage TestStorageDrift", run: onDisks(step.Spare,
			with(func(v *rack.VolumeSpec) { v.Spares = one(1) }))},
		{key: "foreign", what: "the configuration of another controller is imported" + standard, more: "TestForeign", run: foreignRow},
		{key: "controller_reset", what: "a controller forgets its volumes, with consent", more: "TestControllerReset", run: controllerResetRow},
		{key: "controller_key", what: "a key for drives that encrypt" + standard, more: "TestStorage", run: onDisks(step.ControllerKey, func(h *host) {
			h.node().Disks = &rack.DiskSpec{Keys: []rack.KeySpec{{Controller: h.controller(), ID: "site-7", Key: "env:RAID_KEY"}}}
		})},
		{key: "namespace", what: "an NVMe namespace" + standard, more: "TestStorage TestStorageUnsupported", run: onDisks(step.Namespace, func(h *host) {
			h.node().Disks = &rack.DiskSpec{Namespaces: []rack.NamespaceSpec{{Name: "a", SizeBytes: 1 << 40}}}
		})},
	}
}

// onDisks is wanted on a node with many drives.
func onDisks(kind step.Kind, ask func(h *host)) func(t *testing.T, dialect string) string {
	return func(t *testing.T, dialect string) string {
		t.Helper()
		h := newHost(t, dialect, disks(func(*rack.Node) {}))
		ask(h)
		return h.outcome(h.plan(), kind)
	}
}

// controller is the one that the first SATA drive hangs on.
func (h *host) controller() string {
	h.t.Helper()
	host, _ := h.lookWith(rack.FacetDrives).Devices[0].Host()
	for _, c := range host.Controllers {
		for _, d := range host.Drives {
			if d.Controller == c.Path && d.Protocol == "SATA" {
				return c.ID
			}
		}
	}
	h.t.Fatal("no controller has a SATA drive")
	return ""
}

// foreignRow imports what two drives hold; what they bring waits for another look.
func foreignRow(t *testing.T, dialect string) string {
	h := newHost(t, dialect, disks(func(n *rack.Node) {
		v := array("RAID1", 2)
		v.Drives.Bays = []string{"Bay 0", "Bay 1"}
		n.Volumes, n.Disks = []rack.VolumeSpec{v}, &rack.DiskSpec{Foreign: rack.ForeignImport}
	}))
	if err := h.bmc().Poke(sim.Poke{Foreign: []string{"0", "1"}}); err != nil {
		t.Fatal(err)
	}
	p := h.plan()
	if len(p.Report.Blocked) > 0 {
		return said(p.Report)
	}
	h.do(p)
	if again := h.clean(); !again.Empty() {
		t.Errorf("still to do: %s", stepsText(again))
	}
	return ""
}

func controllerResetRow(t *testing.T, dialect string) string {
	h := newHost(t, dialect, disks(func(n *rack.Node) {
		n.Volumes, n.AllowDataLoss = []rack.VolumeSpec{array("RAID1", 2)}, &rack.DataLossGrant{Owner: "ops", Reason: "begins anew"}
	}))
	p := h.plan()
	if why := said(p.Report); why != "" {
		return why
	}
	h.do(p)
	h.opt.Acts = []plan.Act{{Kind: plan.ActControllerReset, Node: node, Value: h.controller(), Owner: "ops", Reason: "begins anew"}}
	if p = h.plan(); len(p.Report.Blocked) > 0 {
		return said(p.Report)
	}
	h.do(p) // the volumes that are wanted wait for it
	if h.bmc().Ledger().ControllersReset != 1 || len(h.bmc().Truth().Volumes) > 0 {
		t.Errorf("volumes %v", h.bmc().Truth().Volumes)
	}
	return ""
}

// spareRow makes a free drive the hot spare of a volume by hand, and with clear a free drive again.
func spareRow(clear bool) func(t *testing.T, dialect string) string {
	return func(t *testing.T, dialect string) string {
		t.Helper()
		h := newHost(t, dialect, disks(func(n *rack.Node) { n.Volumes = []rack.VolumeSpec{array("RAID1", 2)} }))
		p := h.plan()
		if why := said(p.Report); why != "" {
			return why
		}
		h.do(p)
		verbs := []plan.Verb{{Do: plan.DoSpare, Value: "8 data"}}
		if clear {
			verbs = append(verbs, plan.Verb{Do: plan.DoUnspare, Value: "8"})
		}
		for _, v := range verbs {
			p := plan.Say(h.d, h.glanced(bmc.LookDisks), v, []string{node})
			if why := said(p.Report); why != "" {
				return why
			}
			if p.Empty() {
				t.Fatalf("%s: nothing is planned", v)
			}
			h.do(p)
		}
		if spares := h.bmc().Truth().Volumes[0].Spares; (len(spares) == 0) != clear {
			t.Errorf("spares %v", spares)
		}
		return ""
	}
}

// foreignVerbRow takes over by hand what two drives hold, or throws it away.
func foreignVerbRow(do plan.Do) func(t *testing.T, dialect string) string {
	return func(t *testing.T, dialect string) string {
		t.Helper()
		h := newHost(t, dialect, disks(func(*rack.Node) {}))
		if err := h.bmc().Poke(sim.Poke{Foreign: []string{"0", "1"}}); err != nil {
			t.Fatal(err)
		}
		v := plan.Verb{Do: do, Value: h.controller()}
		if do == plan.DoClearFC {
			v.Consent = &rack.DataLossGrant{Owner: "ops", Reason: "drives of the old rack"}
		}
		p := plan.Say(h.d, h.glanced(bmc.LookDisks), v, []string{node})
		if why := said(p.Report); why != "" {
			return why
		}
		h.do(p)
		if l := h.bmc().Ledger(); (l.ForeignCleared == 0) != (do == plan.DoImport) || (len(h.bmc().Truth().Volumes) == 0) != (do == plan.DoClearFC) {
			t.Errorf("cleared %d, volumes %v", l.ForeignCleared, h.bmc().Truth().Volumes)
		}
		return ""
	}
}

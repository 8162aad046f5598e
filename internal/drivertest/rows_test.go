package drivertest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
	surveying "github.com/metalwright/metalwright/internal/survey"
)

// stopped fails unless a plan is empty because of one rule, and the reason tells these texts.
func stopped(t *testing.T, p plan.Plan, rule string, texts ...string) {
	t.Helper()
	notes := slices.Concat(p.Report.Blocked, p.Report.Waiting, p.Report.Unreadable)
	if !p.Empty() || len(notes) == 0 || notes[0].Rule != rule {
		t.Fatalf("want %s: %+v\n%s", rule, p.Report, stepsText(p))
	}
	for _, x := range texts {
		if !strings.Contains(notes[0].Detail, x) {
			t.Errorf("%q does not tell %q", notes[0].Detail, x)
		}
	}
}

// flashed wants new versions of some components, each with the reset class that it needs.
func flashed(t *testing.T, name string, parts map[string]string, change func(*rack.Baseline)) func(*rack.Design, *rack.Node) {
	t.Helper()
	return func(d *rack.Design, n *rack.Node) {
		images := packages(t, name)
		b := rack.Baseline{Key: "test/1", Platform: name, Version: "1"}
		for _, part := range []string{"bmc", "bios", "nic"} {
			class, wanted := parts[part]
			if !wanted {
				continue
			}
			image := images[part+".fwpkg"]
			sum := sha256.Sum256(image)
			row := strings.ReplaceAll(strings.ReplaceAll(dialects[name].rows[part], ".", "[.]"), "*", ".*")
			c := rack.BaselineComponent{Name: part, Select: rack.RowSelect{ID: row, All: true}, Want: newVersion, Compare: "exact", Method: "auto",
				Apply: "on_reset", Reset: class, Image: rack.ImageRef{File: part + ".fwpkg", SizeBytes: int64(len(image)),
					Digest: rack.Digest("sha256:" + hex.EncodeToString(sum[:]))}, Keeps: true}
			if name == "ilo" { // numbers for ids
				c.Select = rack.RowSelect{Name: row, All: true}
			}
			b.Components = append(b.Components, c)
		}
		if change != nil {
			change(&b)
		}
		d.Baselines = map[string]rack.Baseline{b.Key: b}
		n.Firmware = &rack.FirmwareRef{Baseline: b.Key}
	}
}

// model gives the test's hardware the name of a real one.
func model(name string, ask func(*rack.Design, *rack.Node)) func(*rack.Design, *rack.Node) {
	return func(d *rack.Design, n *rack.Node) {
		hw := d.Hardware[n.Hardware]
		hw.Identity.Models = []string{name}
		d.Hardware[n.Hardware] = hw
		ask(d, n)
	}
}

// TestBlueFieldFirmware: new firmware of a BlueField runs after a cut of standby power; after less than that its version is unchanged, and
// the step says what is wanted and by whom (R50).
func TestBlueFieldFirmware(t *testing.T) {
	for _, class := range []string{"aux_cycle", "host_power_cycle"} {
		synctest.Test(t, func(t *testing.T) {
			h := newHost(t, "xcc", flashed(t, "xcc", map[string]string{"nic": class}, func(b *rack.Baseline) { b.Components[0].Name = "bluefield_nic" }), "R50")
			h.files = packages(t, "xcc")
			if class == "aux_cycle" {
				h.bring()
				return
			}
			d := h.driver()
			defer closing(t, d)
			steps, ops := h.clean().Nodes[0].Steps, map[step.ID]*step.Op{}
			h.carry(d, steps[0], ops)
			h.carry(d, steps[1], ops)
			for range 120 {
				st, err := d.Check(t.Context(), steps[0], ops[steps[0].ID])
				if err == nil && st.Standing == step.Ready {
					if !strings.Contains(st.Note, "R50") || !strings.Contains(st.Note, "needs hands") {
						t.Error(st.Note)
					}
					return
				}
				time.Sleep(10 * time.Second)
			}
			t.Error("nobody said that the version is unchanged")
		})
	}
}

// TestShallowPowerCycle: on a GB300 a power cycle activates nothing, so nothing is activated by one (R51).
func TestShallowPowerCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "openbmc", model("GB300 NVL", flashed(t, "openbmc", map[string]string{"bios": "host_power_cycle"}, nil)), "R51")
		h.files = packages(t, "openbmc")
		p := h.bring()
		if p.Nodes[0].Resets["aux_cycle"] != 1 || p.Nodes[0].Resets["host_power_cycle"] != 0 {
			t.Errorf("resets %v\n%s", p.Nodes[0].Resets, stepsText(p))
		}
	})
}

// TestTrayInStages: what a tray does not take in one go is taken in stages, by the baseline's no_merge (R52); without it the second
// image is refused.
func TestTrayInStages(t *testing.T) {
	for _, apart := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			h := newHost(t, "supermicro", flashed(t, "supermicro", map[string]string{"bios": "host_reset", "nic": "host_reset"}, func(b *rack.Baseline) {
				if apart {
					b.NoMerge = [][2]string{{"bios", "nic"}}
				}
			}), "R52")
			h.files = packages(t, "supermicro")
			if apart {
				if p := h.bring(); p.Nodes[0].Resets["host_reset"] != 2 {
					t.Errorf("resets %v", p.Nodes[0].Resets)
				}
				return
			}
			p := h.clean()
			d := h.driver()
			defer closing(t, d)
			ops := map[step.ID]*step.Op{}
			h.carry(d, p.Nodes[0].Steps[0], ops)
			err := d.Act(t.Context(), p.Nodes[0].Steps[1], func(step.Op) error { return nil })
			if step.ClassOf(err) != step.Rejected {
				t.Errorf("the second image: %v (%s)", err, step.ClassOf(err))
			}
		})
	}
}

// TestNoBootOrder: where there is no persistent order, one is refused and a one-time boot is still there (R46).
func TestNoBootOrder(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		if name == "ami" { // it is not written there anyway (R62)
			return
		}
		h := newHost(t, name, func(_ *rack.Design, n *rack.Node) { n.Boot = &rack.BootSpec{Order: []string{"Hdd"}} }, "R46")
		stopped(t, h.plan(), "boot.order", "does not let it be written")
		h.node().Boot = nil
		p := h.asked(plan.Act{Kind: plan.ActBootOnce, Node: node, Value: "Pxe"})
		if p.Empty() {
			t.Fatalf("%+v", p.Report)
		}
	})
}

// TestOrderUnderLockdown: under lock-down the order that is shown is not the order: nothing is planned from it before the BMC was
// unlocked and the host restarted (R58).
func TestOrderUnderLockdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "supermicro", func(_ *rack.Design, n *rack.Node) { n.Boot = &rack.BootSpec{Order: []string{"Hdd"}} }, "R58")
		h.bring()
		lock := func(on bool) {
			n := h.node()
			n.BMC.Manager = &rack.ManagerSpec{Settings: map[string]rack.SettingValue{"lockdown": {Value: on}}}
			boot := n.Boot
			n.Boot = nil
			h.bring()
			n.Boot = boot
		}
		lock(true)
		shown := h.look().Devices[0].Systems[0].Boot.Order
		moved := slices.Clone(shown)
		slices.Reverse(moved)
		if err := h.bmc().Poke(sim.Poke{BootOrder: moved}); err != nil {
			t.Fatal(err)
		}
		if now := h.look().Devices[0].Systems[0].Boot.Order; !slices.Equal(now, shown) {
			t.Fatalf("the order is shown as it is: %v", now)
		}
		stopped(t, h.plan(), "boot.locked", "R58", "lockdown = false")
		lock(false)
		h.boot()
		h.node().BMC.Manager = nil
		if d := plan.Drift(h.clean()); len(d) != 1 || d[0].Kind != step.BootOrder {
			t.Fatalf("drift %+v", d)
		}
		h.bring()
	})
}

// auxCycle cuts standby power of a host by its own verb, and says how long that took.
func (h *host) auxCycle() time.Duration {
	h.t.Helper()
	d := h.driver()
	defer closing(h.t, d)
	s := step.Step{ID: "n1/900-aux", Node: node, Kind: step.Reset, Activation: step.AuxCycle, EstimatedS: 300,
		Args: step.Args{System: h.look().Devices[0].Systems[0].Path}}
	start := time.Now()
	h.wait(d, s, map[step.ID]*step.Op{}, step.Done)
	return time.Since(start)
}

// TestHostWaitsForBlueField: after standby power was cut, the host is switched on when its BlueField is up, and not before (R63).
func TestHostWaitsForBlueField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "openbmc", asItIs, "R63")
		took := h.auxCycle()
		if v := h.bmc().Ledger().Violations; len(v) > 0 || h.bmc().Truth().Power != "On" || took < 4*time.Minute {
			t.Errorf("%v; the host is %s after %s", v, h.bmc().Truth().Power, took)
		}
	})
}

// TestNICModeIsNoDPU: a BlueField in NIC mode has no system that starts: nothing waits for it, and its mode is as wanted (R64).
func TestNICModeIsNoDPU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "openbmc", func(_ *rack.Design, n *rack.Node) { n.DPU = &rack.DPUSpec{Mode: "NicMode"} }, "R63", "R64")
		if p := h.clean(); !p.Empty() {
			t.Error(stepsText(p))
		}
		if took := h.auxCycle(); took > 12*time.Minute {
			t.Errorf("somebody waited %s for a system that never starts", took)
		}
	})
}

// TestRestartCutsCard: on an SR650 V4 a restart by Redfish cuts the power of a BlueField; a plan that restarts it warns of that (R66).
func TestRestartCutsCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "xcc", model("ThinkSystem SR650 V4", func(_ *rack.Design, n *rack.Node) {
			n.BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{dialects["xcc"].attribute: {Value: dialects["xcc"].to}}}
		}), "R66")
		p := h.clean()
		if !warned(p, "ipmi.dpu", "R66") {
			t.Errorf("%+v", p.Report)
		}
		h.do(p)
		if v := h.bmc().Ledger().Violations; len(v) != 1 {
			t.Errorf("it was restarted by Redfish, and that cut nothing: %v", v)
		}
	})
}

// TestFactoryByFault: R68 leaves one BMC as its factory did, R70 gives one that is said to be so the site's password.
func TestFactoryByFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		try := func(r *sim.Rack, factory bool) error {
			user, pass := r.Credentials(node)
			if factory {
				user, pass = r.FactoryCredentials(node)
			}
			b := r.Bindings()[0]
			d, err := bmc.Open(t.Context(), bmc.Endpoint{URL: b.URL, Dial: r.DialContext, Trust: redfish.Trust{PinSHA256: b.PinSHA256},
				Login: func(context.Context) (string, string, error) { return user, pass, nil }}, bmc.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer closing(t, d)
			_, err = d.Glance(t.Context(), 0)
			return err
		}
		if err := try(newRack(t, "openbmc", 7, "R68"), true); err == nil || !strings.Contains(err.Error(), "PasswordChangeRequired") {
			t.Errorf("R68: %v", err)
		}
		r, err := sim.New(design("openbmc"), sim.Options{Seed: 7, Factory: true, Faults: []string{"R70"}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}()
		if err := try(r, false); err != nil {
			t.Errorf("R70: %v", err)
		}
	})
}

// TestFoundByMAC: a BMC that has lost its static address is not reachable where it is bound, and is found again by its MAC; nothing
// that is said to a BMC puts it back to its factory state (R81).
func TestFoundByMAC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "openbmc", asItIs)
		macs := h.look().Devices[0].BMC.MACs
		old := h.r.Bindings()[0]
		if err := h.bmc().SetFaults("R81"); err != nil {
			t.Fatal(err)
		}
		d := h.driver()
		if _, err := d.Glance(t.Context(), 0); err == nil {
			t.Error("it answers where it was")
		}
		closing(t, d)
		user, pass := h.r.Credentials(node)
		there, err := bmc.Open(t.Context(), bmc.Endpoint{URL: strings.Replace(old.URL, node+".sim", node+"-dhcp.sim", 1), Dial: h.r.DialContext,
			Trust: redfish.Trust{PinSHA256: old.PinSHA256}, Login: func(context.Context) (string, string, error) { return user, pass, nil }}, bmc.Options{})
		if err != nil {
			t.Fatal(err)
		}
		dev, _, err := there.Survey(t.Context(), inventory.Options{})
		if err != nil {
			t.Fatal(err)
		}
		closing(t, there)
		dev.Endpoint = strings.Replace(old.URL, node+".sim", node+"-dhcp.sim", 1)
		got, diags := surveying.Bind([]string{node}, []surveying.Want{{Node: node, MAC: macs[0]}}, []surveying.Candidate{surveying.CandidateOf(dev, old.PinSHA256)})
		if len(diags) > 0 || len(got) != 1 || got[0].URL != dev.Endpoint || got[0].PinSHA256 != old.PinSHA256 {
			t.Errorf("%+v %v", got, diags)
		}
	})
}

// read reads everything of a host within virtual time.
func (h *host) read() (rack.Device, []rack.Gap, time.Duration) {
	h.t.Helper()
	d := h.driver()
	defer closing(h.t, d)
	start := time.Now()
	dev, gaps, err := d.Survey(h.t.Context(), inventory.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	return dev, gaps, time.Since(start)
}

// TestHangingRead: a read that never ends costs its deadline and is a gap; everything else is there (R74).
func TestHangingRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "openbmc", asItIs, "R74")
		dev, gaps, took := h.read()
		if len(gaps) != 1 || !strings.Contains(gaps[0].Path, "PowerSupplies") || took > 15*time.Minute || len(dev.Systems) == 0 || len(dev.Firmware) == 0 {
			t.Errorf("%+v after %s", gaps, took)
		}
	})
}

// TestCrowdedBMC: a BMC that takes two requests at once is read whole all the same (R75).
func TestCrowdedBMC(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, asItIs)
		_, want, _ := h.read()
		r, err := sim.New(h.d, sim.Options{Seed: 7, Faults: []string{"R75"}, Latency: 50 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.r.Close(); err != nil {
			t.Fatal(err)
		}
		h.r = r
		if _, gaps, took := h.read(); len(gaps) != len(want) || h.bmc().Ledger().FaultsFired["R75"] == 0 {
			t.Errorf("%+v after %s; it struck %d times", gaps, took, h.bmc().Ledger().FaultsFired["R75"])
		}
	})
}

// TestLateGPU: a GPU that is not there yet stops a plan, and lets it go on when it is (R85).
func TestLateGPU(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, asItIs, "R85")
		stopped(t, h.plan(), plan.RuleGPUs, "1 of 2 GPUs")
		time.Sleep(6 * time.Minute)
		if p := h.clean(); !p.Empty() {
			t.Error(stepsText(p))
		}
	})
}

// TestSwappedUnit: another machine in the slot is not touched (R86).
func TestSwappedUnit(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, func(_ *rack.Design, n *rack.Node) {
			n.BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{dialects[name].attribute: {Value: dialects[name].to}}}
		}, "R86")
		stopped(t, h.plan(), plan.RuleIdentity, "Another model")
		if n := h.bmc().Ledger().Writes; n != 0 {
			t.Errorf("%d writes", n)
		}
	})
}

// TestMissingAttribute: an attribute that this host does not have is an error of the plan, not a wait (R87).
func TestMissingAttribute(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		r, _ := sim.Registry(name)
		i := slices.IndexFunc(r.Attributes, func(a rack.RegistryAttribute) bool { return !a.ReadOnly })
		gone := r.Attributes[i].Name
		h := newHost(t, name, func(_ *rack.Design, n *rack.Node) {
			n.BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{gone: {Value: other(r.Attributes[i])}}}
		}, "R87")
		stopped(t, h.plan(), "bios.absent", gone)
	})
}

// other is a value that an attribute may have and does not have by default.
func other(a rack.RegistryAttribute) any {
	switch a.Type {
	case "Enumeration":
		for _, v := range a.Values {
			if v.DisplayName != a.Default {
				return v.DisplayName
			}
		}
	case "Boolean":
		return a.Default != true
	case "Integer":
		return a.LowerBound.Int64() + 1
	}
	return "other"
}

// TestVersionInSystem: where the inventory shows no version of the host's firmware, the baseline says to read it of the system; without
// that the plan says that it cannot be read (R88).
func TestVersionInSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "openbmc", flashed(t, "openbmc", map[string]string{"bios": "host_power_cycle"}, nil), "R88")
		h.files = packages(t, "openbmc")
		stopped(t, h.plan(), "firmware.version")
		b := h.d.Baselines["test/1"]
		b.Components[0].Select.ReadFrom = "system.bios_version"
		h.bring()
	})
}

// TestEraseByWhatIsOffered: a method that a drive does not offer is not tried: what it offers is asked first (R90).
func TestEraseByWhatIsOffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "openbmc", func(_ *rack.Design, n *rack.Node) {
			n.OnDestroy = "erase"
			n.AllowDataLoss = &rack.DataLossGrant{Owner: "ops", Reason: "re-delivered"}
			n.Erase = &rack.EraseSpec{Method: "crypto"}
		}, "R90")
		o := h.look()
		host := &o.Devices[0].Systems[0]
		host.Drives = slices.DeleteFunc(host.Drives, func(d rack.Drive) bool { return d.Protocol != "NVMe" })
		p, r := plan.Destroy(h.d, o, h.opt)
		if !p.Empty() || len(r.Blocked) == 0 {
			t.Fatalf("%+v\n%s", r, stepsText(p))
		}
		h.node().Erase.Method = "block"
		if p, r = plan.Destroy(h.d, o, h.opt); p.Empty() {
			t.Fatalf("%+v", r)
		}
		for _, s := range p.Nodes[0].Steps {
			if s.Kind == step.Erase && s.Args.Method != "block" {
				t.Errorf("%+v", s)
			}
		}
	})
}

package drivertest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// firstVerb is the row at which the verbs begin.
const firstVerb = "power status"

// conformanceRows are the rows of docs/conformance.md: kinds of step first, then what is said by hand, in the words of the command.
func conformanceRows() []row {
	return slices.Concat(kindRows(), storageRows(), verbRows())
}

func kindRows() []row {
	yes := true
	const deep = "TestDriver TestQuirks TestAllFaults"
	return []row{
		{key: "power", what: "`power = \"Off\"` of a host that runs", more: deep + " TestManners TestIPMI", run: wanted(step.Power, func(h *host) { h.node().Power = "Off" })},
		{key: "bios", what: "one attribute", more: deep + " TestProfiles TestBIOSInTwoBatches", run: wanted(step.BIOS, oneAttribute)},
		{key: "bios_reset", what: "everything that nobody names, to its default", more: "TestBIOSReset", run: wanted(step.BIOSReset, func(h *host) {
			dia := dialects[h.d.Hardware[h.node().Hardware].Dialect]
			if err := h.bmc().Poke(sim.Poke{BIOS: map[string]any{dia.attribute: dia.to}}); err != nil {
				h.t.Fatal(err)
			}
			h.node().BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{}, Reset: &rack.BIOSReset{Owner: "ops", Reason: "re-delivered"}}
		})},
		{key: "boot_order", what: "the disk first", more: deep + " TestOrderDecays", run: wanted(step.BootOrder, func(h *host) {
			h.node().Boot = &rack.BootSpec{Order: []string{"Hdd", "Pxe"}}
		})},
		{key: "boot_once", what: "an image that is booted from once", more: deep + " TestActs", run: wanted(step.BootOnce, insertAndBoot)},
		{key: "secure_boot", what: "Secure Boot on, with the vendor's keys", more: deep + " TestSecureBoot", run: wanted(step.SecureBoot, func(h *host) {
			h.node().SecureBoot = &rack.SecureBootSpec{Enable: &yes, Keys: "default"}
		})},
		{key: "nic", what: "SR-IOV on every port", more: deep + " TestPorts TestPortsMerge", run: wanted(step.NIC, func(h *host) {
			h.node().NICs = []rack.NICSpec{{Name: "rails", Adapter: "NIC", SRIOV: &yes}}
		})},
		{key: "dpu", what: "a BlueField in NIC mode", more: deep + " TestDPUMode", run: wanted(step.DPU, func(h *host) { h.node().DPU = &rack.DPUSpec{Mode: "NicMode"} })},
		{key: "volume", what: "a mirror of two drives", more: deep, run: wanted(step.Volume, func(h *host) {
			h.node().Volumes = []rack.VolumeSpec{{Name: "boot", RAID: "RAID1", OnDestroy: "keep", Drives: rack.DriveSelector{Count: 2, Protocol: "SATA"}}}
		})},
		{key: "erase", what: "`on_destroy = \"erase\"` of a node with NVMe drives, with consent", more: deep, run: eraseRow},
		{key: "firmware", what: "BMC and BIOS of a baseline", more: deep, run: wanted(step.Firmware, baseline)},
		{key: "media", what: "an image in a free slot", more: deep + " TestMediaPerDialect", run: wanted(step.Media, func(h *host) {
			h.node().Media = &rack.MediaSpec{Image: "https://mirror.sim/os.iso"}
		})},
		{key: "manager", what: "a time server", more: deep + " TestSettingsOffered", run: wanted(step.Manager, func(h *host) {
			h.node().BMC.Manager = &rack.ManagerSpec{Settings: map[string]rack.SettingValue{"ntp": {Value: []any{"192.0.2.9"}}, "ntp_enabled": {Value: true}}}
		})},
		{key: "event_destination", what: "a lasting event subscription", more: "TestEventDestination TestDriverOfEventDestination",
			run: wanted(step.EventDestination, func(h *host) { h.node().BMC.Events = &rack.EventSpec{Destinations: []string{collector}} })},
		{key: "reset", what: "the one reset that a changed attribute needs", more: deep, run: wanted(step.Reset, oneAttribute)},
		{key: "led", what: "the locator light; no blueprint asks for it", more: "TestDriverOfVerbs", run: byHand(plan.Verb{Do: plan.DoLED, Value: rack.LEDLit}, nil,
			func(b *sim.BMC) bool { return b.Truth().Light == rack.LEDLit })},
		{key: "dump", what: "the vendor's own diagnostic data; no blueprint asks for it", more: "TestDump", run: dumpRow},
		{key: "clear_jobs", what: "a job that waits; the recovery ladder asks for it", more: "internal/apply:TestLadder", run: jobsRow},
		{key: "certificate", what: "a certificate of the site's authority", more: "TestCertificate TestCertificatePlanned TestCertificateCutAtEveryRequest",
			run: certificateRow},
		{key: "switch", elsewhere: "asked of a switch of a fabric, NVUE or SONiC, and not of a BMC", more: "TestSwitches TestSwitchFaults TestSwitchTrust"},
		{key: "shelf_power", elsewhere: "asked of the controller of a power shelf, which is no node", more: "TestShelfDriver TestShelfCut internal/plan:TestShelfRails internal/sim:TestShelf"},
		{key: "account", what: "the first claim of a BMC in its factory state", more: "TestClaim TestClaimCutAtEveryRequest TestClaimCutAtEveryRecord", run: claimRow},
	}
}

// shelfElsewhere is who does what is said of a power shelf.
const shelfElsewhere = "asked of the controller of a power shelf, which is no node"

func verbRows() []row {
	powered := func(want string) func(*sim.BMC) bool { return func(b *sim.BMC) bool { return b.Truth().Power == want } }
	off := func(b *sim.BMC) error {
		err := b.Poke(sim.Poke{Power: "Off"})
		time.Sleep(time.Minute)
		return err
	}
	reset := func(class string) func(*sim.BMC) bool {
		return func(b *sim.BMC) bool { return b.Ledger().Resets[class] == 1 }
	}
	restarted := func(b *sim.BMC) bool { return b.Ledger().Boots > 0 && b.Truth().Power == "On" }
	light := func(want string) func(*sim.BMC) bool { return func(b *sim.BMC) bool { return b.Truth().Light == want } }
	const url = "https://mirror.sim/rescue.iso"
	inserted := func(b *sim.BMC) bool { m := b.Truth().Media; return len(m) == 1 && m[0] == url }
	return []row{
		{key: "power status", what: "power state of the host", more: "TestGlance", run: seen(0, func(d rack.Device, s rack.System) bool { return s.PowerState == "On" })},
		{key: "power on", what: "of a host that is off", more: "TestDriver", run: byHand(plan.Verb{Do: plan.DoOn}, off, powered("On"))},
		{key: "power off", what: "of a host that runs", more: "TestManners", run: byHand(plan.Verb{Do: plan.DoOff}, nil, powered("Off"))},
		{key: "power off --graceful", what: "the OS ends it", more: "TestManners", run: byHand(plan.Verb{Do: plan.DoOff, Manner: step.Graceful}, nil, powered("Off"))},
		{key: "power cycle", what: "of a host that runs", more: "TestManners", run: byHand(plan.Verb{Do: plan.DoCycle}, nil, restarted)},
		{key: "power cycle --aux", what: "standby power too", more: "TestDriver", run: byHand(plan.Verb{Do: plan.DoCycle, Aux: true}, nil, reset("aux_cycle"))},
		{key: "shelf status", elsewhere: shelfElsewhere, more: "internal/bmc/inventory:TestShelfFacet internal/sim:TestShelf"},
		{key: "shelf on", elsewhere: shelfElsewhere, more: "TestShelfDriver internal/plan:TestSayShelf"},
		{key: "shelf off", elsewhere: shelfElsewhere, more: "TestShelfDriver internal/plan:TestSayShelf"},
		{key: "shelf cycle", elsewhere: shelfElsewhere, more: "TestShelfDriver TestShelfCut internal/plan:TestSayShelf"},
		{key: "power reset", what: "of a host that runs", more: "TestManners", run: byHand(plan.Verb{Do: plan.DoReset}, nil, restarted)},
		{key: "boot once", what: "from the network", more: "TestDriver", run: byHand(plan.Verb{Do: plan.DoBoot, Value: "network"}, nil, func(b *sim.BMC) bool { return b.Truth().BootOnce == "Pxe" })},
		{key: "boot order", what: "the lasting order", more: "TestGlance", run: seen(bmc.LookBoot, func(_ rack.Device, s rack.System) bool { return s.Boot != nil && len(s.Boot.Order) > 0 })},
		{key: "bmc info", what: "vendor and version", more: "TestGlance", run: seen(0, func(d rack.Device, _ rack.System) bool { return d.BMC.FirmwareVersion != "" })},
		{key: "bmc reset", what: "the host runs on", more: "TestDriver TestIPMI", run: byHand(plan.Verb{Do: plan.DoBMC}, nil, func(b *sim.BMC) bool {
			return b.Ledger().Resets["bmc_reset"] == 1 && b.Truth().Power == "On"
		})},
		{key: "media insert", what: "an image by its URL: http, https, nfs", more: "TestMediaPerDialect", run: byHand(plan.Verb{Do: plan.DoInsert, Value: url}, nil, inserted)},
		{key: "media eject", what: "of what was inserted", more: "TestMediaPerDialect", run: ejectRow(url)},
		{key: "disk list", what: "drives and bays", run: disksRow},
		{key: "disk adopt", what: "what is there, as blocks of a blueprint: a look", run: seen(bmc.LookDisks, func(_ rack.Device, s rack.System) bool { return len(s.Drives) > 0 })},
		{key: "disk spare set", what: "a free drive, for one volume", more: "TestStorage", run: spareRow(false)},
		{key: "disk spare clear", what: "a hot spare becomes a free drive", more: "TestStorageDrift", run: spareRow(true)},
		{key: "disk foreign import", what: "what drives bring from another controller is taken over", more: "TestForeign", run: foreignVerbRow(plan.DoImport)},
		{key: "disk foreign clear", what: "it is thrown away, with consent", more: "TestForeign", run: foreignVerbRow(plan.DoClearFC)},
		{key: "led on", what: "the locator light", more: "TestDriverOfVerbs", run: byHand(plan.Verb{Do: plan.DoLED, Value: rack.LEDLit}, nil, light(rack.LEDLit))},
		{key: "led blink", what: "", more: "TestDriverOfVerbs", run: byHand(plan.Verb{Do: plan.DoLED, Value: rack.LEDBlink}, nil, light(rack.LEDBlink))},
		{key: "led off", what: "of a light that is on", more: "TestDriverOfVerbs", run: ledOffRow},
		{key: "logs", what: "every entry of every log", more: "TestLogs", run: logsRow},
		{key: "logs dump", what: "the vendor's own diagnostic data: `logs --dump`", more: "TestDump", run: dumpRow},
		{key: "jobs list", what: "tasks and jobs", run: seen(bmc.LookJobs, nil)},
		{key: "jobs clear", what: "a job that waits", run: jobsRow},
		{key: "rotate", what: "a new password: the kind `account`", more: "TestClaim internal/engine:TestRotate", run: claimRow},
		{key: "rotate --certificates", what: "a new certificate: the kind `certificate`", more: "TestCertificate internal/engine:TestRotate", run: certificateRow},
	}
}

func oneAttribute(h *host) {
	dia := dialects[h.d.Hardware[h.node().Hardware].Dialect]
	h.node().BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{dia.attribute: {Value: dia.to}}}
}

func insertAndBoot(h *host) {
	h.node().Media = &rack.MediaSpec{Image: "https://mirror.sim/os.iso", BootOnce: true}
}

// baseline asks for new firmware of BMC and BIOS.
func baseline(h *host) {
	hw := h.d.Hardware[h.node().Hardware]
	h.files, h.mirror = packages(h.t, hw.Dialect), true
	b := rack.Baseline{Key: "test/1", Platform: "test", Version: "1", Serial: 1, Match: rack.BaselineMatch{Models: hw.Identity.Models}}
	for _, c := range []string{"bmc", "bios"} {
		head, tail, split := strings.Cut(dialects[hw.Dialect].rows[c], "*")
		sel := rack.RowSelect{ID: "^" + regexp.QuoteMeta(head) + "$"}
		if split {
			sel.ID = "^" + regexp.QuoteMeta(head) + ".*" + regexp.QuoteMeta(tail)
		} else if hw.Dialect == "ilo" {
			sel = rack.RowSelect{Name: "^" + regexp.QuoteMeta(head)}
		}
		file := c + ".fwpkg"
		sum := sha256.Sum256(h.files[file])
		apply := "on_reset"
		if c == "bmc" {
			apply = "immediate"
		}
		b.Components = append(b.Components, rack.BaselineComponent{Name: c, Select: sel, Want: newVersion, Compare: "exact", Method: "auto", Apply: apply,
			Reset: dialects[hw.Dialect].classes[c].String(), TimeS: 1800, Keeps: true,
			Image: rack.ImageRef{File: file, SizeBytes: int64(len(h.files[file])), Digest: rack.Digest("sha256:" + hex.EncodeToString(sum[:]))}})
	}
	h.d.Baselines = map[string]rack.Baseline{b.Key: b}
	h.node().Firmware = &rack.FirmwareRef{Set: "firmware.test", Baseline: b.Key}
}

// eraseRow erases the drives of a node that is destroyed: NVMe ones, which are those that some BMCs erase.
func eraseRow(t *testing.T, dialect string) string {
	h := newHost(t, dialect, func(d *rack.Design, n *rack.Node) {
		hw := d.Hardware[n.Hardware]
		hw.Disks = slices.DeleteFunc(slices.Clone(hw.Disks), func(x rack.DiskFacts) bool { return x.Protocol != "NVMe" })
		d.Hardware[n.Hardware] = hw
		n.OnDestroy, n.AllowDataLoss = "erase", &rack.DataLossGrant{Owner: "ops", Reason: "returned"}
	})
	p, _ := plan.Destroy(h.d, h.lookWith(rack.FacetErase), h.opt)
	return h.outcome(p, step.Erase)
}

// certificateRow has the certificate of a BMC replaced.
func certificateRow(t *testing.T, dialect string) string {
	c := newRenewed(t, dialect)
	if err := c.process(quiet); err != nil {
		t.Fatal(err)
	}
	c.finished("replaced")
	return ""
}

// claimRow claims a BMC in its factory state.
func claimRow(t *testing.T, dialect string) string {
	c := newClaimed(t, dialect, "", "keep")
	if err := c.act(quiet); err != nil {
		t.Fatal(err)
	}
	c.finished("claimed", "keep")
	return ""
}

// seen is a row of a verb that only reads; show tells whether what it is about was seen. nil: that it could be read is enough.
func seen(look bmc.Look, shown func(rack.Device, rack.System) bool) func(t *testing.T, dialect string) string {
	return func(t *testing.T, dialect string) string {
		t.Helper()
		h := newHost(t, dialect, asItIs)
		dev := h.glanced(look).Devices[0]
		host, ok := dev.Host()
		if !ok || shown != nil && !shown(dev, host) {
			t.Errorf("not seen: %+v", dev)
		}
		if n := h.bmc().Ledger().Writes; n > 0 {
			t.Errorf("%d writes", n)
		}
		return ""
	}
}

// ejectRow ejects what was inserted beforehand.
func ejectRow(url string) func(t *testing.T, dialect string) string {
	return func(t *testing.T, dialect string) string {
		t.Helper()
		h := newHost(t, dialect, asItIs)
		for _, v := range []plan.Verb{{Do: plan.DoInsert, Value: url}, {Do: plan.DoEject}} {
			p := plan.Say(h.d, h.glanced(everything), v, []string{node})
			if why := said(p.Report); why != "" {
				return why
			}
			h.do(p)
		}
		if m := h.bmc().Truth().Media; len(m) > 0 {
			t.Errorf("still inserted: %v", m)
		}
		return ""
	}
}

func disksRow(t *testing.T, dialect string) string {
	h := newHost(t, dialect, asItIs)
	dev := h.look().Devices[0]
	if host, _ := dev.Host(); len(host.Drives) == 0 {
		t.Error("no drives were seen")
	}
	return ""
}

func ledOffRow(t *testing.T, dialect string) string {
	h := newHost(t, dialect, asItIs)
	for _, v := range []string{rack.LEDLit, rack.LEDOff} {
		p := plan.Say(h.d, h.glanced(everything), plan.Verb{Do: plan.DoLED, Value: v}, []string{node})
		if why := said(p.Report); why != "" {
			return why
		}
		h.do(p)
	}
	if l := h.bmc().Truth().Light; l != rack.LEDOff {
		t.Errorf("the light is %s", l)
	}
	return ""
}

func logsRow(t *testing.T, dialect string) string {
	h := newHost(t, dialect, asItIs)
	if logs, _ := readLogs(t, h.driver(), bmc.LogOptions{}); len(logs) == 0 {
		t.Error("no log was read")
	}
	return ""
}

// dumpRow has diagnostic data collected, where it is not there already, and fetches it.
func dumpRow(t *testing.T, dialect string) string {
	h := newHost(t, dialect, asItIs)
	o := h.glanced(everything)
	p := plan.Say(h.d, o, plan.Verb{Do: plan.DoDump}, []string{node})
	if why := said(p.Report); why != "" {
		return why
	}
	d := h.driver()
	defer closing(t, d)
	ready, s, ops := "", step.Step{}, map[step.ID]*step.Op{}
	for _, x := range o.Devices[0].Dumps {
		if x.Target == "" {
			ready = x.Path
		}
	}
	if !p.Empty() {
		s = p.Nodes[0].Steps[0]
		h.carry(d, s, ops)
	}
	var b bytes.Buffer
	if n, err := d.FetchDump(context.WithoutCancel(t.Context()), s, ops[s.ID], ready, io.Writer(&b)); err != nil || n == 0 {
		t.Errorf("%d bytes: %v", n, err)
	}
	return ""
}

// jobsRow stages a setting, so that a job waits where a BMC has jobs, and throws it away.
func jobsRow(t *testing.T, dialect string) string {
	h := newHost(t, dialect, asItIs)
	oneAttribute(h)
	d := h.driver()
	h.carry(d, h.clean().Nodes[0].Steps[0], map[step.ID]*step.Op{})
	closing(t, d)
	p := plan.Say(h.d, h.glanced(everything), plan.Verb{Do: plan.DoClear}, []string{node})
	if why := said(p.Report); why != "" {
		return why
	}
	if p.Empty() {
		t.Fatal("no job was found")
	}
	h.do(p)
	if left := h.glanced(bmc.LookJobs).Devices[0].Jobs; len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
	return ""
}

package drivertest_test

import (
	"slices"
	"strings"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// recordedVerbs are what a machine is asked for, one at a time.
var recordedVerbs = []recordedVerb{
	{"bios", func(m *machine) string { return m.want(func(n *rack.Node) { n.BIOS = m.attribute() }) }},
	{"bios, an unknown attribute", func(m *machine) string {
		return m.want(func(n *rack.Node) {
			n.BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{"NoSuchThing": {Value: "x"}}}
		})
	}},
	{"bios, by intents", func(m *machine) string {
		return m.want(func(n *rack.Node) {
			n.BIOS = &rack.BIOSSpec{Strict: true, Intents: []rack.BIOSIntent{{Name: "hyper_threading", Value: "off"}, {Name: "sr_iov", Value: "on"}}}
		})
	}},
	{"bios reset", func(m *machine) string {
		return m.want(nil, plan.Act{Kind: plan.ActBIOSReset, Node: node, Owner: "ops", Reason: "test"})
	}},
	{"tpm", func(m *machine) string {
		on := false
		return m.want(func(n *rack.Node) { n.TPM = &rack.TPMSpec{Enabled: &on} })
	}},
	{"tpm clear", func(m *machine) string {
		return m.want(nil, plan.Act{Kind: plan.ActTPMClear, Node: node, Owner: "ops", Reason: "test"})
	}},
	{"boot order", func(m *machine) string {
		return m.want(func(n *rack.Node) {
			n.Boot = &rack.BootSpec{Order: []string{"Hdd"}}
			if b := m.host().Boot; b != nil && len(b.Order) > 1 {
				n.Boot.Order = []string{b.Order[len(b.Order)-1]}
			}
		})
	}},
	{"boot once", func(m *machine) string {
		return m.want(nil, plan.Act{Kind: plan.ActBootOnce, Node: node, Value: "Pxe"})
	}},
	{"boot once, by hand", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoBoot, Value: "BiosSetup"}) }},
	{"http boot", func(m *machine) string {
		return m.want(func(n *rack.Node) { n.Boot = &rack.BootSpec{HTTPURI: "https://mirror.example/boot.efi"} })
	}},
	{"secure boot on", func(m *machine) string {
		on := true
		return m.secure(rack.SecureBootSpec{Enable: &on})
	}},
	{"secure boot keys of the vendor", func(m *machine) string {
		on := true
		return m.secure(rack.SecureBootSpec{Keys: "default", Enable: &on})
	}},
	{"secure boot keys gone", func(m *machine) string { return m.secure(rack.SecureBootSpec{Keys: "none"}) }},
	{"secure boot in deployed mode", func(m *machine) string { return m.secure(rack.SecureBootSpec{Mode: rack.DeployedMode}) }},
	{"secure boot in user mode", func(m *machine) string { return m.secure(rack.SecureBootSpec{Mode: rack.UserMode}) }},
	{"secure boot certificate", func(m *machine) string {
		return m.secure(rack.SecureBootSpec{Certificates: []rack.CertificateSpec{{Name: "site", Database: "db", File: "site.pem", Fingerprint: "sha256:00"}}})
	}},
	{"secure boot db alone", func(m *machine) string {
		return m.secure(rack.SecureBootSpec{Databases: []rack.DatabaseSpec{{ID: "db", Exclusive: true}}})
	}},
	{"secure boot dbx of the vendor", func(m *machine) string {
		return m.secure(rack.SecureBootSpec{Databases: []rack.DatabaseSpec{{ID: "dbx", Keys: "default"}}})
	}},
	{"port, sr-iov", func(m *machine) string {
		return m.port(func(f rack.NetworkFunction) rack.NICSpec {
			on := f.SRIOV == nil || !*f.SRIOV
			return rack.NICSpec{SRIOV: &on}
		})
	}},
	{"port, link", func(m *machine) string { return m.port(otherLink) }},
	{"port, boot", func(m *machine) string { return m.port(otherBoot) }},
	{"port, attribute", func(m *machine) string {
		return m.port(func(rack.NetworkFunction) rack.NICSpec {
			return rack.NICSpec{Attributes: map[string]string{"BootRetryCnt": "3Retries"}}
		})
	}},
	{"dpu mode", func(m *machine) string {
		return m.want(func(n *rack.Node) { n.DPU = &rack.DPUSpec{Mode: m.otherMode()} })
	}},
	{"volume", func(m *machine) string {
		return m.want(func(n *rack.Node) {
			n.Volumes = []rack.VolumeSpec{{Name: "mw", RAID: "RAID1", OnDestroy: "keep", Drives: rack.DriveSelector{Count: 2}}}
		})
	}},
	{"erase", func(m *machine) string {
		d, o := m.design(func(n *rack.Node) {
			n.OnDestroy, n.Erase = "erase", &rack.EraseSpec{Method: "crypto"}
			n.AllowDataLoss = &rack.DataLossGrant{Owner: "ops", Reason: "test"}
		})
		p, r := plan.Destroy(d, o, plan.Options{Now: o.Taken})
		return answer(p, r)
	}},
	{"firmware", func(m *machine) string { return m.flash() }},
	{"media", func(m *machine) string {
		return m.want(func(n *rack.Node) { n.Media = &rack.MediaSpec{Image: "https://mirror.example/os.iso"} })
	}},
	{"media insert", func(m *machine) string {
		return m.say(plan.Verb{Do: plan.DoInsert, Value: "https://mirror.example/os.iso"})
	}},
	{"media eject", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoEject}) }},
	{"power on", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoOn}) }},
	{"power off", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoOff}) }},
	{"power off, graceful", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoOff, Manner: step.Graceful}) }},
	{"host reset", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoReset}) }},
	{"host power cycle", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoCycle}) }},
	{"aux cycle", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoCycle, Aux: true}) }},
	{"bmc reset", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoBMC}) }},
	{"led", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoLED, Value: rack.LEDLit}) }},
	{"jobs clear", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoClear}) }},
	{"dump", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoDump}) }},
	{"manager settings", func(m *machine) string {
		return m.manager(rack.ManagerSpec{Settings: map[string]rack.SettingValue{"ntp": {Value: []any{"192.0.2.9"}}}})
	}},
	{"manager lock-down", func(m *machine) string {
		return m.manager(rack.ManagerSpec{Settings: map[string]rack.SettingValue{"lockdown": {Value: true}}})
	}},
	{"manager attribute", func(m *machine) string {
		return m.manager(rack.ManagerSpec{Attributes: map[string]rack.BIOSValue{"SSH.1.Timeout": {Value: int64(900)}}})
	}},
	{"account", func(m *machine) string { return m.say(plan.Verb{Do: plan.DoRotate}) }},
	{"certificate", func(m *machine) string {
		return m.want(func(n *rack.Node) {
			n.BMC.Certificate = &rack.RenewalSpec{CA: "file:ca.pem", CommonName: "n1", Country: "AU", RenewBeforeS: 86400, ValidForS: 86400 * 90}
		})
	}},
	{"events", func(m *machine) string {
		if m.dev.Capabilities.Events {
			return "the BMC has an event service"
		}
		return "unsupported: the BMC has no event service"
	}},
}

// attribute wants another value of the first BIOS attribute that can have one.
func (m *machine) attribute() *rack.BIOSSpec {
	spec := &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{}}
	b := m.host().BIOS
	if b == nil || b.RegistryDoc == nil {
		spec.Attributes["Anything"] = rack.BIOSValue{Value: "x"}
		return spec
	}
	for _, a := range b.RegistryDoc.Attributes {
		now, shown := b.Attributes[a.Name]
		if !shown || a.ReadOnly || a.Hidden || a.GrayOut {
			continue
		}
		if a.Type == "Boolean" {
			spec.Attributes[a.Name] = rack.BIOSValue{Value: now != true}
			return spec
		}
		for _, v := range a.Values {
			if v.Name != now && v.DisplayName != now {
				spec.Attributes[a.Name] = rack.BIOSValue{Value: v.Name}
				return spec
			}
		}
	}
	return spec
}

func (m *machine) secure(sb rack.SecureBootSpec) string {
	sb.Owner, sb.Reason = "ops", "test"
	return m.want(func(n *rack.Node) { n.SecureBoot = &sb })
}

// port is the port that is asked for things: the first that has attributes which say so, else the first.
func (m *machine) port(ask func(rack.NetworkFunction) rack.NICSpec) string {
	fs := m.host().NetworkFunctions
	i := slices.IndexFunc(fs, func(f rack.NetworkFunction) bool {
		return f.Attributes != nil && f.Attributes.Values["VirtualizationMode"] != nil
	})
	if i < 0 && len(fs) > 0 {
		i = 0
	}
	var f rack.NetworkFunction
	if i >= 0 {
		f = fs[i]
	}
	spec := ask(f)
	spec.Name, spec.Adapter, spec.Port = "rail", f.Adapter, f.Port
	return m.want(func(n *rack.Node) { n.NICs = []rack.NICSpec{spec} })
}

func otherLink(f rack.NetworkFunction) rack.NICSpec {
	if f.LinkType == rack.LinkInfiniBand {
		return rack.NICSpec{Link: rack.LinkEthernet}
	}
	return rack.NICSpec{Link: rack.LinkInfiniBand}
}

// otherBoot is PXE where that would change something.
func otherBoot(f rack.NetworkFunction) rack.NICSpec {
	if f.Boot == "PXE" || f.Attributes != nil && f.Attributes.Values["LegacyBootProto"] == "PXE" {
		return rack.NICSpec{Boot: "Disabled"}
	}
	return rack.NICSpec{Boot: "PXE"}
}

func (m *machine) otherMode() string {
	for _, d := range m.host().DPUs {
		if d.Mode == "NicMode" {
			return "DpuMode"
		}
	}
	return "NicMode"
}

func (m *machine) manager(spec rack.ManagerSpec) string {
	return m.want(func(n *rack.Node) { n.BMC.Manager = &spec })
}

// flash wants a new version of the first part that says it can be updated and has a version.
func (m *machine) flash() string {
	d, o := m.design(nil)
	c := rack.BaselineComponent{Name: "part", Want: "99.99", Compare: "exact", Method: "auto", Apply: "on_reset", Reset: "host_reset", Keeps: true,
		Select: rack.RowSelect{ID: "^nothing$"}, Image: rack.ImageRef{File: "part.bin", SizeBytes: 1 << 20, Digest: "sha256:00"}}
	for _, f := range m.dev.Firmware {
		if f.Updateable && !firmware.IsPlaceholder(f.Version) && !f.Staged && f.State != "Absent" && !strings.Contains(f.ID, "Previous") {
			c.Select = rack.RowSelect{ID: "^" + strings.NewReplacer(".", "[.]", "+", "[+]").Replace(f.ID) + "$", All: true}
			break
		}
	}
	b := rack.Baseline{Key: "test/1", Components: []rack.BaselineComponent{c}}
	d.Baselines = map[string]rack.Baseline{b.Key: b}
	d.Nodes[0].Firmware = &rack.FirmwareRef{Baseline: b.Key}
	p, r := plan.Build(d, o, plan.Options{Now: o.Taken})
	return answer(p, r)
}

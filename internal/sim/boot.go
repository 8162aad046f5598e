package sim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// bootSetup is the persistent order and the one-time override.
type bootSetup struct {
	options []bootOption
	order   []string
	pend    []string // order that waits for a reset; nil = none
	job     *job
	enabled string // Disabled, Once, Continuous
	target  string
	mode    string
	uri     string   // HttpBootUri
	spare   []*job   // jobs that the mode made (R25)
	from    string   // image of the disc that the host runs from; empty = none
	frozen  []string // the order when the BMC was locked down (R58)
}

type bootOption struct {
	ref, name, alias, path string
}

// newBoot makes what a firmware with a disk and two network ports shows.
func newBoot(b *BMC) bootSetup {
	s := bootSetup{enabled: "Disabled", target: "None", mode: "UEFI"}
	add := func(name, alias, path string) {
		n := len(s.options)
		ref := fmt.Sprintf("Boot%04X", n)
		s.options = append(s.options, bootOption{ref, name, alias, path})
		s.order = append(s.order, ref)
	}
	nic := func(i int) string {
		mac := strings.ToUpper(strings.ReplaceAll(b.mac(10+i), ":", ""))
		return fmt.Sprintf("PciRoot(0x%d)/Pci(0x1,0x0)/Pci(0x0,0x0)/MAC(%s,0x1)", i+2, mac)
	}
	add("PXE IPv4 NIC 1 Port 1", "Pxe", nic(0)+"/IPv4(0.0.0.0)")
	add("ubuntu", "Hdd", `HD(1,GPT,6634D938-1211-4F7A-89C6-A35A60BE1E4A,0x800,0x219800)/\EFI\ubuntu\shimx64.efi`)
	add("HTTP IPv4 NIC 1 Port 1", "UefiHttp", nic(0)+"/IPv4(0.0.0.0)/Uri()")
	add("PXE IPv4 NIC 2 Port 1", "Pxe", nic(1)+"/IPv4(0.0.0.0)")
	return s
}

// onceTarget is what the next boot is told to take.
func (s *bootSetup) onceTarget() string {
	if s.enabled == "Disabled" {
		return ""
	}
	return s.target
}

// apply makes an order that waits the real one.
func (s *bootSetup) apply(b *BMC) {
	for _, j := range s.spare {
		b.complete(j)
	}
	s.spare = nil
	if s.pend == nil || s.job != nil && !s.job.active() {
		return
	}
	s.order, s.pend = s.pend, nil
	if s.job != nil {
		b.complete(s.job)
		s.job = nil
	}
}

// decay is what some firmware does to its order in a boot: the disk's entry is dropped (R59, R60).
func (s *bootSetup) decay(b *BMC) {
	lost := b.faults.fire("R59", nil)
	if lost = b.faults.fire("R60", nil) || lost; !lost {
		return
	}
	s.order = slices.DeleteFunc(slices.Clone(s.order), func(ref string) bool {
		return slices.ContainsFunc(s.options, func(o bootOption) bool { return o.ref == ref && o.alias == "Hdd" })
	})
}

// discBooted is the image that this boot is from.
func (b *BMC) discBooted() string {
	if t := b.boot.onceTarget(); t != "Cd" && t != "UsbCd" {
		return ""
	}
	for _, s := range b.media {
		if s.image != "" {
			return s.image
		}
	}
	return ""
}

// consume spends a one-time override.
func (s *bootSetup) consume() {
	if s.enabled == "Once" {
		s.enabled, s.target = "Disabled", "None"
	}
}

// wanted is the order after a reset.
func (s *bootSetup) wanted() []string {
	if s.pend != nil {
		return s.pend
	}
	return s.order
}

func bootRoutes(b *BMC, m map[string]*route) {
	base := b.dia.sys() + "/BootOptions"
	add(b, m, base, &route{get: func(*call) obj {
		var ids []string
		for _, o := range b.boot.options {
			ids = append(ids, base+"/"+b.optionID(o))
		}
		return collection("BootOptionCollection.BootOptionCollection", "Boot Options Collection", ids)
	}})
	add(b, m, base+"/*", &route{get: func(c *call) obj {
		for i, o := range b.boot.options {
			if b.optionID(o) != c.vars[0] {
				continue
			}
			r := obj{"@odata.type": b.dia.typ("BootOption"), "Id": c.vars[0], "Name": o.name, "DisplayName": o.name,
				"BootOptionReference": o.ref, "UefiDevicePath": o.path, "BootOptionEnabled": true}
			switch b.dia.name {
			case dialectILO, dialectAMI:
				r["Alias"] = o.alias
				r["Name"] = fmt.Sprintf("Boot Option %d", i)
			case dialectXCC:
				r["UefiDevicePath"] = nil // it names devices, not paths
			}
			return r
		}
		return nil
	}})
	if d := b.dia; d.bootSettings != "" {
		add(b, m, d.sys()+"/"+d.bootSettings, &route{patch: patchPending, get: func(*call) obj {
			if b.faults.on("R61") {
				return nil
			}
			boot := obj{"BootOrder": texts2list(b.boot.wanted()), "BootSourceOverrideEnabled": b.boot.enabled,
				"BootSourceOverrideTarget": b.boot.target}
			if d.hiddenTargets {
				boot["BootSourceOverrideTarget@Redfish.AllowableValues"] = texts2list(d.overrides)
			}
			return obj{"@odata.type": d.typ("ComputerSystem"), "Id": d.bootSettings, "Name": "System Pending Settings", "Boot": boot}
		}})
	}
}

// optionID is the last segment of a boot option.
func (b *BMC) optionID(o bootOption) string {
	switch b.dia.name {
	case dialectILO:
		return fmt.Sprint(slices.IndexFunc(b.boot.options, func(x bootOption) bool { return x.ref == o.ref }) + 1)
	case dialectAMI:
		return strings.TrimPrefix(o.ref, "Boot")
	}
	return o.ref
}

// bootResource is the Boot object of the System.
func (b *BMC) bootResource() obj {
	d, s := b.dia, &b.boot
	o := obj{"BootOptions": ref(d.sys() + "/BootOptions"), "BootOrder": texts2list(s.order), "BootSourceOverrideEnabled": s.enabled,
		"BootSourceOverrideTarget": s.target}
	if httpURI(d) {
		o["HttpBootUri"] = nil
		if s.uri != "" {
			o["HttpBootUri"] = s.uri
		}
	}
	if d.overrideModes && !b.faults.on("R27") {
		o["BootSourceOverrideMode"] = s.mode
	}
	if !d.hiddenTargets {
		o["BootSourceOverrideTarget@Redfish.AllowableValues"] = texts2list(b.overrides())
	}
	if b.boot.frozen != nil && b.faults.on("R58") {
		o["BootOrder"] = texts2list(b.boot.frozen)
	}
	if b.faults.on("R46") {
		delete(o, "BootOrder")
	}
	return o
}

// overrides are the targets that a one-time boot may have.
func (b *BMC) overrides() []string {
	if !b.faults.on("R28") {
		return b.dia.overrides
	}
	out := slices.Clone(b.dia.overrides)
	for i, t := range out {
		if t == "Cd" {
			out[i] = "UsbCd"
		}
	}
	return out
}

// patchPending takes writes of the settings object of the System, where it is there (R61).
func patchPending(c *call) *answer {
	if c.b.faults.on("R61") {
		return c.b.fail(http.StatusNotFound, c.b.msg("ResourceMissingAtURI", c.path))
	}
	return patchSystem(c)
}

// patchSystem takes writes of the System and of its settings object: the boot setup and the asset tag.
func patchSystem(c *call) *answer {
	b := c.b
	given, refused := b.setLED(c.body, false)
	if refused != nil {
		return refused
	}
	if given {
		delete(c.body, "IndicatorLED")
		delete(c.body, "LocationIndicatorActive")
		if len(c.body) == 0 {
			return b.done()
		}
	}
	for k := range c.body {
		if k != "Boot" && k != "AssetTag" && k != "@Redfish.SettingsApplyTime" && !strings.HasPrefix(k, "@odata") {
			if k == "PowerState" || k == "Id" || k == "Name" {
				return b.fail(http.StatusBadRequest, b.msg("PropertyNotWritable", k))
			}
			return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", k))
		}
	}
	if a := b.faults.refuseWrite(c); a != nil {
		return a
	}
	boot, _ := c.body["Boot"].(obj)
	if a := b.faults.refuseBoot(c, boot); a != nil {
		return a
	}
	if a := b.setOverride(boot); a != nil {
		return a
	}
	list, given := boot["BootOrder"].([]any)
	if !given {
		return b.done()
	}
	return b.setOrder(c, list)
}

// httpURI tells whether a dialect has HttpBootUri (recorded on DGX H100 and BlueField-3; OpenBMC is taken to be alike).
func httpURI(d *dialect) bool { return d.name == dialectAMI || d.name == dialectOpenBMC }

func (b *BMC) setOverride(boot obj) *answer {
	s := b.boot
	if uri, given := boot["HttpBootUri"]; given {
		text, isText := uri.(string)
		if !httpURI(b.dia) || !isText {
			return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", "HttpBootUri"))
		}
		s.uri = text
	}
	if t, given := boot["BootSourceOverrideTarget"].(string); given {
		if !slices.Contains(b.overrides(), t) {
			return b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", t, "BootSourceOverrideTarget"))
		}
		s.target = t
	}
	if m, given := boot["BootSourceOverrideMode"].(string); given {
		if m != "UEFI" && m != "Legacy" {
			return b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", m, "BootSourceOverrideMode"))
		}
		if b.faults.on("R27") {
			return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", "BootSourceOverrideMode"))
		}
		if b.faults.on("R25") && m != "" {
			s.spare = append(s.spare, b.newJob("ConfigBIOS:BIOS.Setup.1-1", "Scheduled")) // repeating the mode costs a job (R25)
		}
		s.mode = m
	}
	switch e, given := boot["BootSourceOverrideEnabled"].(string); {
	case given && e != "Once" && e != "Continuous" && e != "Disabled":
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", e, "BootSourceOverrideEnabled"))
	case given:
		s.enabled = e
	case b.faults.on("R26") && boot["BootSourceOverrideTarget"] != nil:
		s.enabled = "Once" // it falls back when it is not sent (R26)
	}
	if b.faults.on("R32") && boot["BootSourceOverrideTarget"] != nil && (boot["BootSourceOverrideEnabled"] == nil || boot["BootSourceOverrideMode"] == nil) {
		return b.fail(http.StatusBadRequest, b.msg("PropertyMissing", "BootSourceOverrideMode"))
	}
	if s.enabled == "Disabled" {
		s.target = "None"
	}
	b.boot = s
	b.changed()
	return nil
}

// setOrder takes a new persistent order: a complete one, of known options.
func (b *BMC) setOrder(c *call, list []any) *answer {
	var order []string
	for _, v := range list {
		r, _ := v.(string)
		known := slices.ContainsFunc(b.boot.options, func(o bootOption) bool { return o.ref == r })
		if !known || slices.Contains(order, r) {
			return b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", show(v), "BootOrder"))
		}
		order = append(order, r)
	}
	b.changed()
	if b.faults.on("R62") {
		b.violate("the boot order was written")
	}
	d := b.dia
	waits := d.settingsJob || d.name == dialectILO || d.bootSettings != "" && strings.HasSuffix(c.path, "/"+d.bootSettings)
	if !waits {
		b.boot.order = b.complement(order)
		return b.done()
	}
	if b.boot.job != nil && b.boot.job.active() {
		return b.fail(http.StatusBadRequest, b.msg("SYS011"))
	}
	b.boot.pend = b.complement(order)
	if slices.Equal(b.boot.pend, b.boot.order) {
		b.boot.pend = nil
	}
	if d.settingsJob && b.boot.pend != nil {
		b.boot.job = b.newJob("ConfigBIOS:BIOS.Setup.1-1", "Scheduled")
		return &answer{status: http.StatusAccepted, header: map[string]string{"Location": taskURI(b.boot.job.id)},
			body: errorBody([]obj{b.msg("SYS413"), b.msg("Success")})}
	}
	if d.name == dialectILO {
		return b.done(b.msg("SystemResetRequired"))
	}
	return b.done()
}

// complement appends the options that were not named.
func (b *BMC) complement(order []string) []string {
	for _, o := range b.boot.options {
		if !slices.Contains(order, o.ref) {
			order = append(order, o.ref)
		}
	}
	return order
}

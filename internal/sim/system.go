package sim

import (
	"fmt"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
)

// model is what the node calls itself.
func (b *BMC) model() string {
	if len(b.hw.Identity.Models) > 0 {
		return b.hw.Identity.Models[0]
	}
	return b.hw.Key
}

func (b *BMC) manufacturer() string {
	if b.hw.Identity.Manufacturer != "" {
		return b.hw.Identity.Manufacturer
	}
	return b.hw.Vendor
}

func (b *BMC) gpuCount() int {
	if b.hw.GPU == nil {
		return 0
	}
	return b.hw.GPU.Count
}

// nics is one entry per adapter.
func (b *BMC) nics() []rack.PartFacts {
	var out []rack.PartFacts
	for _, f := range b.hw.NICs {
		for range max(f.Count, 1) {
			out = append(out, f)
		}
	}
	if out == nil {
		out = []rack.PartFacts{{Name: "nic", Model: "ConnectX-7", Count: 1, Ports: 1}}
	}
	return out
}

func (b *BMC) memoryGiB() int {
	if b.hw.MemoryGiB == nil {
		return 512
	}
	return int(b.hw.MemoryGiB.Value)
}

func (b *BMC) cpus() (rack.PartFacts, int) {
	if b.hw.CPU == nil {
		return rack.PartFacts{Model: "Simulated CPU", Cores: 32}, 2
	}
	return *b.hw.CPU, b.hw.CPU.Count
}

func systemRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	add(b, m, d.sys(), &route{get: func(*call) obj { return b.systemResource() }, patch: patchSystem})
	add(b, m, d.sys()+"/Actions/ComputerSystem.Reset", &route{post: reset})
	if d.resetInfo {
		add(b, m, d.sys()+"/ResetActionInfo", &route{get: func(*call) obj { return b.actionInfo("ResetActionInfo", b.hostResets()) }})
	}
	if a := d.auxAction; a.uri != "" {
		add(b, m, a.uri, &route{post: auxReset})
		if a.info != "" {
			add(b, m, a.info, &route{get: func(*call) obj { return b.actionInfo("AuxPowerResetActionInfo", []string{a.value}) }})
		}
	}
	secureBootRoutes(b, m)
	memoryRoutes(b, m)
	processorRoutes(b, m)
	if d.baseboard != "" {
		baseboardRoutes(b, m)
	}
}

// memoryRoutes show the modules of a plain population: 16 of equal size.
func memoryRoutes(b *BMC, m map[string]*route) {
	const modules = 16
	base := b.dia.sys() + "/Memory"
	id := func(i int) string { return fmt.Sprintf("DIMM%d", i+1) }
	add(b, m, base, &route{get: func(*call) obj {
		var ids []string
		for i := range modules {
			ids = append(ids, base+"/"+id(i))
		}
		return collection("MemoryCollection.MemoryCollection", "Memory Collection", ids)
	}})
	for i := range modules {
		add(b, m, base+"/"+id(i), &route{fixed: true, get: func(*call) obj {
			return obj{"@odata.type": b.dia.typ("Memory"), "Id": id(i), "Name": id(i), "CapacityMiB": b.memoryGiB() * 1024 / modules,
				"MemoryDeviceType": "DDR4", "MemoryType": "DRAM", "SerialNumber": b.partSerial("M", i), "Status": enabled()}
		}})
	}
}

func (b *BMC) actionInfo(id string, values []string) obj {
	return obj{"@odata.type": b.dia.typ("ActionInfo"), "Id": id, "Name": id, "Parameters": []any{obj{"Name": "ResetType",
		"Required": true, "DataType": "String", "AllowableValues": texts2list(values)}}}
}

// resetAction is the entry under Actions of a resource that can be reset.
func (b *BMC) resetAction(target, info string, values []string) obj {
	o := obj{"target": target}
	if b.dia.inlineResets || info == "" {
		o["ResetType@Redfish.AllowableValues"] = texts2list(values)
	}
	if b.dia.resetInfo && info != "" {
		o["@Redfish.ActionInfo"] = info
	}
	return o
}

func (b *BMC) systemResource() obj {
	d, h := b.dia, &b.host
	cpu, n := b.cpus()
	model, serial := b.other(b.model(), b.serial)
	o := obj{"@odata.type": d.typ("ComputerSystem"), "Id": d.hostID, "Name": "System", "SystemType": "Physical",
		"BiosVersion": b.version("bios"), "PowerState": h.power, "Status": enabled(), "UUID": b.uuid,
		"SerialNumber": serial, "Manufacturer": b.manufacturer(), "Model": model, "AssetTag": "",
		"ProcessorSummary": obj{"Count": n, "Model": cpu.Model, "Status": enabled()},
		"MemorySummary":    obj{"TotalSystemMemoryGiB": b.memoryGiB(), "Status": enabled()},
		"Boot":             b.bootResource(), "Bios": ref(d.biosURI()), "Processors": ref(d.sys() + "/Processors"),
		"Memory": ref(d.sys() + "/Memory"), "Storage": ref(d.sys() + "/Storage"),
		"SecureBoot": ref(d.sys() + "/SecureBoot"), "EthernetInterfaces": ref(d.sys() + "/EthernetInterfaces"),
		"Links":   obj{"Chassis": refs([]string{d.chassis()}), "ManagedBy": refs([]string{d.manager()})},
		"Actions": b.systemActions(),
	}
	if d.bootSettings != "" {
		link := obj{"@odata.type": "#Settings." + settingsVersion(d) + ".Settings", "SettingsObject": ref(d.sys() + "/" + d.bootSettings)}
		if d.name == dialectXCC {
			link["SupportedApplyTimes"] = texts2list(d.applyTimes)
		}
		o["@Redfish.Settings"] = link
	}
	if d.name == dialectIDRAC || d.name == dialectILO || d.name == dialectXCC || d.name == dialectAMI { // recorded on these
		status := enabled()
		if b.bios.cur["TpmSecurity"] == "Off" || b.bios.cur["TpmVisibility"] == "Hidden" || b.bios.cur["TpmSupport"] == "Disable" {
			status = obj{"State": "Disabled"}
		}
		o["TrustedModules"] = []any{obj{"InterfaceType": "TPM2_0", "FirmwareVersion": "7.2.3.1", "Status": status}}
	}
	if b.hasLogs(d.sys()) {
		o["LogServices"] = ref(d.sys() + "/LogServices")
	}
	b.showLED(o, false)
	if d.bootProgress {
		o["BootProgress"] = obj{"LastState": h.bootStage()}
	}
	if d.lastReset {
		o["LastResetTime"] = stamp(h.lastReset)
	}
	if d.name == dialectOpenBMC { // the bootable System names neither; its chassis does
		delete(o, "Manufacturer")
		delete(o, "Model")
		delete(o, "SerialNumber")
	}
	for _, home := range d.mediaHome {
		if home == "system" {
			o["VirtualMedia"] = ref(d.sys() + "/VirtualMedia")
		}
	}
	if d.name == dialectILO {
		o["Oem"] = b.hpeSystem()
	}
	b.showRAIDService(o)
	return o
}

func (b *BMC) systemActions() obj {
	d := b.dia
	info := ""
	if d.resetInfo {
		info = d.sys() + "/ResetActionInfo"
	}
	o := obj{"#ComputerSystem.Reset": b.resetAction(d.sys()+"/Actions/ComputerSystem.Reset", info, b.hostResets())}
	if d.name == dialectXCC {
		o["Oem"] = obj{d.auxAction.key: obj{"target": d.auxAction.uri, "title": "SystemReset",
			"ResetType@Redfish.AllowableValues": []any{d.auxAction.value}}}
	}
	return o
}

// hpeSystem is iLO's extension: PostState and the action that reaches standby power.
func (b *BMC) hpeSystem() obj {
	post := "PowerOff"
	switch {
	case b.host.power == powerOff:
	case b.host.posting():
		post = "InPost"
	default:
		post = "FinishedPost"
	}
	a := b.dia.auxAction
	return obj{"Hpe": obj{"@odata.type": "#HpeComputerSystemExt.v2_14_0.HpeComputerSystemExt", "PostState": post,
		"Actions": obj{a.key: obj{"target": a.uri, "ResetType@Redfish.AllowableValues": []any{"ColdBoot", a.value}}}}}
}

func (b *BMC) gpuID(i int) string { return fmt.Sprintf(b.dia.gpus.format, b.dia.gpus.first+i) }

func (b *BMC) gpuURI(i int) string {
	switch b.dia.gpus.place {
	case "pcie":
		return b.dia.chassis() + "/PCIeDevices/" + b.gpuID(i)
	case "baseboard":
		return b.dia.gpuSystem() + "/Processors/" + b.gpuID(i)
	}
	return b.dia.sys() + "/Processors/" + b.gpuID(i)
}

func (b *BMC) cpuID(i int) string {
	switch b.dia.name {
	case dialectIDRAC:
		return fmt.Sprintf("CPU.Socket.%d", i+1)
	case dialectAMI:
		return fmt.Sprintf("DevType1_CPU%d", i)
	case dialectOpenBMC:
		return fmt.Sprintf("CPU_%d", i)
	}
	return fmt.Sprint(i + 1)
}

func processorRoutes(b *BMC, m map[string]*route) {
	base := b.dia.sys() + "/Processors"
	cpu, n := b.cpus()
	var ids []string
	for i := range n {
		uri := base + "/" + b.cpuID(i)
		ids = append(ids, uri)
		add(b, m, uri, &route{fixed: true, get: func(*call) obj {
			o := obj{"@odata.type": b.dia.typ("Processor"), "Id": b.cpuID(i), "Name": fmt.Sprintf("CPU %d", i+1), "ProcessorType": "CPU",
				"Manufacturer": cpu.Manufacturer, "Model": cpu.Model, "Status": enabled(), "Socket": fmt.Sprintf("CPU %d", i+1)}
			if cpu.Cores > 0 {
				o["TotalCores"], o["TotalThreads"] = cpu.Cores, cpu.Cores*2
			}
			return o
		}})
	}
	if b.dia.gpus.place == "processor" {
		for i := range b.gpuCount() {
			ids = append(ids, b.gpuURI(i))
			add(b, m, b.gpuURI(i), &route{get: func(*call) obj { return b.gpuResource(i) }})
		}
	}
	cpus := len(ids)
	if b.dia.gpus.place == "processor" {
		cpus -= b.gpuCount()
	}
	add(b, m, base, &route{get: func(*call) obj {
		return collection("ProcessorCollection.ProcessorCollection", "Processor Collection", ids[:cpus+b.gpusShown(len(ids)-cpus)])
	}})
}

// gpuResource is a GPU as a Processor, telling what its vendor tells.
func (b *BMC) gpuResource(i int) obj {
	g, style := b.hw.GPU, b.dia.gpus
	o := obj{"@odata.type": b.dia.typ("Processor"), "Id": b.gpuID(i), "Name": fmt.Sprintf("GPU %d", i+1), "ProcessorType": "GPU",
		"Status": enabled()}
	if b.dia.name != dialectOpenBMC { // GB200 names neither maker nor serial
		o["Manufacturer"], o["SerialNumber"], o["PartNumber"] = g.Manufacturer, b.partSerial("G", i), b.gpuPart()
	}
	switch {
	case style.partModel:
		o["Model"], o["Name"] = b.gpuPart(), g.Model
	case style.model:
		o["Model"] = g.Model
	}
	if style.pcieName {
		o["Links"] = obj{"PCIeDevice": ref(b.dia.chassis() + "/PCIeDevices/" + b.pcieID(i))}
	}
	return o
}

// gpuPart is the part number that equal GPUs share.
func (b *BMC) gpuPart() string {
	rnd := b.rack.chance(b.hw.Key, "gpu part")
	return fmt.Sprintf("900-%05d-%04d-000", rnd.IntN(100_000), rnd.IntN(10_000))
}

// baseboardRoutes are the second System, without Bios, Boot and Actions, that carries the GPUs (R112).
func baseboardRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	uri := d.gpuSystem()
	add(b, m, uri, &route{get: func(*call) obj {
		model, _ := b.other(b.model(), "")
		return obj{"@odata.type": d.typ("ComputerSystem"), "Id": d.baseboard, "Name": d.baseboard, "Manufacturer": "NVIDIA", "Model": model,
			"SystemType": "Physical", "PowerState": b.host.power, "Status": enabled(), "Processors": ref(uri + "/Processors"),
			"LastResetTime": stamp(time.Unix(0, 0)), "SerialNumber": b.partSerial("B", 0),
			"Links": obj{"ManagedBy": refs([]string{hgxManager}), "Chassis": refs([]string{d.chassis()})}}
	}})
	var ids []string
	for i := range b.gpuCount() {
		ids = append(ids, b.gpuURI(i))
		add(b, m, b.gpuURI(i), &route{get: func(*call) obj { return b.gpuResource(i) }})
	}
	add(b, m, uri+"/Processors", &route{get: func(*call) obj {
		return collection("ProcessorCollection.ProcessorCollection", "Processor Collection", ids[:b.gpusShown(len(ids))])
	}})
}

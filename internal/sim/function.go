package sim

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
)

// functionStyle is what a dialect shows and takes of network device functions (recorded trees; GB200 shows none).
type functionStyle struct {
	shown      bool
	settings   string   // last segment of the settings object; empty = they cannot be set
	types      []string // NetDevFuncCapabilities
	typed      bool     // NetDevFuncType is told
	boots      []string // allowable BootMode; nil = the property is not there
	virtual    bool     // VirtualFunctionsEnabled is told
	attributes bool     // the vendor keeps attributes of each (Dell)
}

func functionStyleOf(d *dialect) functionStyle {
	all := []string{"Ethernet", "InfiniBand"}
	switch d.name {
	case dialectIDRAC:
		return functionStyle{shown: true, attributes: true}
	case dialectILO:
		return functionStyle{shown: true, settings: "Settings", types: all, typed: true, virtual: true, boots: []string{"Disabled", "PXE", "HTTP"}}
	case dialectAMI:
		return functionStyle{shown: true, settings: "SD", types: []string{"Ethernet"}, typed: true, virtual: true, boots: []string{"Disabled", "PXE", "iSCSI"}}
	case dialectSupermicro, dialectXCC:
		return functionStyle{shown: true, typed: true}
	}
	return functionStyle{}
}

// netFunction is one function: its settings, and what waits for a reset.
type netFunction struct {
	adapter, port int
	cur, pend     map[string]any // properties, or the vendor's attributes
	job           *job
	reg           *registry // of the vendor's attributes
}

// newFunctions makes one function for each port.
func newFunctions(b *BMC) []*netFunction {
	st := functionStyleOf(b.dia)
	var out []*netFunction
	if !st.shown {
		return nil
	}
	for i, n := range b.nics() {
		for p := range max(n.Ports, 1) {
			f := &netFunction{adapter: i, port: p, cur: map[string]any{}, pend: map[string]any{}}
			if st.attributes {
				f.reg = portRegistry(b.functionID(f), n)
				f.cur = f.reg.defaults()
				f.cur["MacAddr"], f.cur["NumberVFAdvertised"] = b.mac(10+i+100*p), int64(0) // below its own bound, as recorded
			}
			if st.typed {
				f.cur["NetDevFuncType"] = "Ethernet"
				if n.Protocol == "InfiniBand" {
					f.cur["NetDevFuncType"] = "InfiniBand"
				}
			}
			if st.virtual {
				f.cur["VirtualFunctionsEnabled"] = false
			}
			if st.boots != nil {
				f.cur["BootMode"] = "Disabled"
			}
			out = append(out, f)
		}
	}
	return out
}

func (b *BMC) functionID(f *netFunction) string {
	switch b.dia.name {
	case dialectIDRAC:
		if f.cur["NetworkLinkType"] == "IB" { // a port that changes what it is changes its name
			return fmt.Sprintf("%s-%d", strings.Replace(b.adapterID(f.adapter), "NIC.", "InfiniBand.", 1), f.port+1)
		}
		return fmt.Sprintf("%s-%d-1", b.adapterID(f.adapter), f.port+1)
	case dialectILO:
		return fmt.Sprint(f.port)
	case dialectXCC:
		return fmt.Sprintf("%d.1", f.port+1)
	case dialectAMI:
		return fmt.Sprintf("NetworkDeviceFunction%d", f.port)
	}
	return fmt.Sprint(f.port + 1)
}

func (b *BMC) functionURI(f *netFunction) string {
	return b.adapterURI(f.adapter) + "/NetworkDeviceFunctions/" + b.functionID(f)
}

func (b *BMC) portURI(i, p int) string {
	if b.dia.has("NetworkPort") {
		return fmt.Sprintf("%s/NetworkPorts/%s-%d", b.adapterURI(i), b.adapterID(i), p+1)
	}
	return fmt.Sprintf("%s/Ports/%d", b.adapterURI(i), p+1)
}

func functionRoutes(b *BMC, m map[string]*route) {
	st := functionStyleOf(b.dia)
	byAdapter := map[int][]*netFunction{}
	for _, f := range b.functions {
		byAdapter[f.adapter] = append(byAdapter[f.adapter], f)
		if st.attributes {
			b.dellFunction(m, st, f)
			continue
		}
		uri := b.functionURI(f)
		add(b, m, uri, &route{get: func(*call) obj { return b.functionResource(st, f) }})
		if st.settings != "" {
			add(b, m, uri+"/"+st.settings, &route{patch: b.functionPatch(st, f), get: func(*call) obj {
				o := obj{"@odata.type": b.dia.typ("NetworkDeviceFunction"), "Id": st.settings, "Name": "Network Device Function Settings"}
				maps.Copy(o, f.wanted())
				return o
			}})
		}
	}
	for i, list := range byAdapter {
		add(b, m, b.adapterURI(i)+"/NetworkDeviceFunctions", &route{get: func(*call) obj {
			var ids []string
			for _, f := range list {
				ids = append(ids, b.functionURI(f))
			}
			return collection("NetworkDeviceFunctionCollection.NetworkDeviceFunctionCollection", "Network Device Function Collection", ids)
		}})
	}
	dpuRoutes(b, m)
}

func (f *netFunction) wanted() map[string]any {
	m := maps.Clone(f.cur)
	maps.Copy(m, f.pend)
	return m
}

func (b *BMC) functionResource(st functionStyle, f *netFunction) obj {
	uri, mac := b.functionURI(f), b.mac(10+f.adapter+100*f.port)
	o := obj{"@odata.type": b.dia.typ("NetworkDeviceFunction"), "Id": b.functionID(f), "Name": "Network Device Function", "Status": enabled(),
		"Ethernet": obj{"MACAddress": mac, "PermanentMACAddress": mac}, "MaxVirtualFunctions": 127}
	port := b.portURI(f.adapter, f.port)
	links := obj{"PhysicalPortAssignment": ref(port)}
	if !b.dia.has("NetworkPort") {
		links = obj{"PhysicalNetworkPortAssignment": ref(port)}
	}
	if st.attributes {
		links["Oem"] = obj{"Dell": obj{"@odata.type": "#DellOem.v1_3_0.DellOemLinks", "DellNetworkAttributes": ref(b.attributesURI(f))}}
	} else {
		maps.Copy(o, f.cur)
	}
	o["Links"] = links
	if st.types != nil {
		o["NetDevFuncCapabilities"] = texts2list(st.types)
	}
	if b.dia.name == dialectAMI {
		o["BootMode@Redfish.AllowableValues"] = texts2list(st.boots)
	}
	if st.settings != "" {
		o["@Redfish.Settings"] = obj{"@odata.type": "#Settings." + settingsVersion(b.dia) + ".Settings", "SettingsObject": ref(uri + "/" + st.settings)}
	}
	return o
}

// functionPatch stages settings of a function: all of them, or none.
func (b *BMC) functionPatch(st functionStyle, f *netFunction) func(*call) *answer {
	return func(c *call) *answer {
		if a := b.faults.refuseWrite(c); a != nil {
			return a
		}
		if f.job != nil && f.job.active() {
			return b.fail(http.StatusBadRequest, b.msg("SYS011")) // one configuration job per target (R56)
		}
		body := c.body
		if st.attributes {
			body, _ = c.body["Attributes"].(obj)
		}
		want := f.wanted()
		for _, name := range slices.Sorted(maps.Keys(body)) {
			if strings.HasPrefix(name, "@") {
				continue
			}
			if f.reg != nil {
				next := maps.Clone(want)
				next[name] = rack.Normal(body[name])
				if bad := f.reg.judge(name, body[name], next); bad != nil {
					return b.fail(http.StatusBadRequest, b.msg(bad[0], bad[1:]...))
				}
				want[name] = next[name]
				continue
			}
			have, known := f.cur[name]
			v := rack.Normal(body[name])
			var words []string
			switch {
			case name == "NetDevFuncType":
				words = st.types
			case name == "BootMode":
				words = st.boots
			}
			text, isText := v.(string)
			switch {
			case !known:
				return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", name))
			case fmt.Sprintf("%T", v) != fmt.Sprintf("%T", have):
				return b.fail(http.StatusBadRequest, b.msg("PropertyValueTypeError", show(v), name))
			case isText && words != nil && !slices.Contains(words, text):
				return b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", text, name))
			}
			want[name] = v
		}
		b.changed()
		f.pend = map[string]any{}
		for name, v := range want {
			if f.cur[name] != v {
				f.pend[name] = v
			}
		}
		if !st.attributes {
			return b.done()
		}
		if c.body["@Redfish.SettingsApplyTime"] == nil || len(f.pend) == 0 {
			return b.done(b.msg("SYS413")) // kept, but no job
		}
		f.job = b.newJob("ConfigNIC:"+b.functionID(f), "Scheduled")
		return &answer{status: http.StatusAccepted, header: map[string]string{"Location": taskURI(f.job.id)},
			body: errorBody([]obj{b.msg("SYS413"), b.msg("Success")})}
	}
}

// applyFunctions makes what waits real, during POST.
func (b *BMC) applyFunctions() {
	for _, f := range b.functions {
		if len(f.pend) == 0 || functionStyleOf(b.dia).attributes && f.job == nil {
			continue
		}
		f.cur, f.pend = f.wanted(), map[string]any{}
		if f.job != nil {
			b.complete(f.job)
			f.job = nil
		}
		b.led.PortsSet++
	}
}

// functionTruth is how the ports are set, by id of their adapter and number of their port.
func (b *BMC) functionTruth() map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, f := range b.functions {
		out[fmt.Sprintf("%s/%d", b.adapterID(f.adapter), f.port+1)] = maps.Clone(f.cur)
	}
	return out
}

// pokePorts sets ports behind everybody's back.
func (b *BMC) pokePorts(ports map[string]map[string]any) error {
	for key, values := range ports {
		i := slices.IndexFunc(b.functions, func(f *netFunction) bool { return fmt.Sprintf("%s/%d", b.adapterID(f.adapter), f.port+1) == key })
		if i < 0 {
			return fmt.Errorf("poke %s: no port %q", b.name, key)
		}
		for name, v := range values {
			if _, known := b.functions[i].cur[name]; !known {
				return fmt.Errorf("poke %s: port %s has no setting %q", b.name, key, name)
			}
			b.functions[i].cur[name] = rack.Normal(v)
		}
	}
	return nil
}

// dpu is a BlueField that the BMC of a tray shows as a system of its own.
type dpu struct {
	mode, pend string
	upAt       time.Time // its own system runs from then on
}

const dpuURI = "/redfish/v1/Systems/Bluefield"

func newDPU(b *BMC) *dpu {
	if b.dia.name != dialectOpenBMC || !slices.ContainsFunc(b.hw.NICs, func(n rack.PartFacts) bool { return n.Name == "dpu_system" }) {
		return nil
	}
	if b.faults.on("R64") {
		return &dpu{mode: "NicMode"}
	}
	return &dpu{mode: "DpuMode"}
}

// applyDPU makes a mode real: only a cut of standby power reaches it (R65).
func (b *BMC) applyDPU() {
	if b.dpu != nil && b.dpu.pend != "" {
		b.dpu.mode, b.dpu.pend = b.dpu.pend, ""
		b.changed()
	}
}

// progress is how far the card's own system is; in NIC mode its cores stand still (recorded word: OsIsRunning).
func (d *dpu) progress(now time.Time) obj {
	switch {
	case d.mode == "NicMode":
		return obj{"LastState": "None"}
	case d.absent(now):
		return obj{"LastState": "SystemHardwareInitializationComplete"}
	}
	return obj{"LastState": "OEM", "OemLastState": "OsIsRunning"}
}

func dpuRoutes(b *BMC, m map[string]*route) {
	if b.dpu == nil {
		return
	}
	oem := dpuURI + "/Oem/Nvidia"
	add(b, m, dpuURI, &route{get: func(*call) obj {
		return obj{"@odata.type": b.dia.typ("ComputerSystem"), "Id": "Bluefield", "Name": "BlueField-3", "SystemType": "DPU", "PowerState": "On",
			"Manufacturer": "NVIDIA", "Model": "BlueField-3", "SerialNumber": b.partSerial("D", 0), "Status": enabled(),
			"BootProgress": b.dpu.progress(b.now),
			"Oem":          obj{"Nvidia": ref(oem)}}
	}})
	add(b, m, oem, &route{get: func(*call) obj {
		return obj{"@odata.type": "#NvidiaComputerSystem.v1_0_0.NvidiaComputerSystem", "Id": "Nvidia", "Name": "BlueField", "Mode": b.dpu.mode,
			"Actions": obj{"#Mode.Set": obj{"target": oem + "/Actions/Mode.Set", "Parameters": []any{obj{"Name": "Mode", "Required": true,
				"DataType": "String", "AllowableValues": []any{"NicMode", "DpuMode"}}}}}}
	}})
	add(b, m, oem+"/Actions/Mode.Set", &route{post: func(c *call) *answer {
		mode, _ := c.body["Mode"].(string)
		if mode != "NicMode" && mode != "DpuMode" {
			return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueConflict", "Mode", mode))
		}
		b.changed()
		b.dpu.pend = mode
		return b.done()
	}})
}

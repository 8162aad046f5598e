package inventory_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/rack"
)

// host is a hand-written service with one node; tests add to it and take away.
func host(more map[string]string) map[string]string {
	res := map[string]string{
		"": `{"@odata.id":"/redfish/v1","RedfishVersion":"1.16.0","Vendor":"Contoso","Systems":{"@odata.id":"/redfish/v1/Systems"},
		  "Managers":{"@odata.id":"/redfish/v1/Managers"},"Chassis":{"@odata.id":"/redfish/v1/Chassis"},
		  "UpdateService":{"@odata.id":"/redfish/v1/UpdateService"},"Registries":{"@odata.id":"/redfish/v1/Registries"},
		  "Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}}}`,
		"/Systems": collection("/Systems/N"),
		"/Systems/N": `{"@odata.id":"/redfish/v1/Systems/N","@odata.type":"#ComputerSystem.v1_20_0.ComputerSystem","Id":"N","Manufacturer":"Contoso",
		  "Model":"Rack 9","SerialNumber":"SN-1","BiosVersion":"2.0","PowerState":"On","MemorySummary":{"TotalSystemMemoryGiB":64},
		  "Bios":{"@odata.id":"/redfish/v1/Systems/N/Bios"},"Processors":{"@odata.id":"/redfish/v1/Systems/N/Processors"},
		  "Storage":{"@odata.id":"/redfish/v1/Systems/N/Storage"},"EthernetInterfaces":{"@odata.id":"/redfish/v1/Systems/N/Eth"},
		  "Links":{"Chassis":[{"@odata.id":"/redfish/v1/Chassis/C"}]},
		  "Boot":{"BootSourceOverrideEnabled":"Disabled","BootSourceOverrideTarget":"None","BootOrder":["Boot0001"]},
		  "Actions":{"#ComputerSystem.Reset":{"target":"/redfish/v1/Systems/N/Reset","ResetType@Redfish.AllowableValues":["On"],
		    "@Redfish.ActionInfo":"/redfish/v1/Systems/N/ResetInfo"}}}`,
		"/Systems/N/ResetInfo": `{"Parameters":[{"Name":"ResetType","AllowableValues":["ForceOff","On"]}]}`,
		"/Systems/N/Bios": `{"Id":"Bios","AttributeRegistry":"BiosAttributeRegistry.v1_0_3","Attributes":{"A":"x","N":5,"B":true},
		  "@Redfish.Settings":{"SettingsObject":{"@odata.id":"/redfish/v1/Systems/N/Bios/SD"},"SupportedApplyTimes":["OnReset"]}}`,
		"/Systems/N/Bios/SD":       `{"Id":"SD","Attributes":{"A":"x","N":"5","B":false}}`,
		"/Systems/N/Processors":    collection("/Systems/N/Processors/C0"),
		"/Systems/N/Processors/C0": `{"Id":"C0","ProcessorType":"CPU","Model":"CPU 9","TotalCores":8}`,
		"/Systems/N/Storage":       collection(),
		"/Systems/N/Eth":           collection("/Systems/N/Eth/1"),
		"/Systems/N/Eth/1":         `{"Id":"1","MACAddress":"AA-BB-CC-00-11-22","LinkStatus":"LinkUp","SpeedMbps":25000}`,
		"/Managers":                collection("/Managers/B"),
		"/Managers/B":              `{"Id":"B","ManagerType":"BMC","Model":"Micro 1","FirmwareVersion":"1.2"}`,
		"/Chassis":                 collection("/Chassis/C"),
		"/Chassis/C":               `{"Id":"C","ChassisType":"RackMount","SerialNumber":"CH-1","PCIeDevices":{"@odata.id":"/redfish/v1/Chassis/C/PCIe"}}`,
		"/Chassis/C/PCIe":          collection(),
		"/UpdateService":           `{"FirmwareInventory":{"@odata.id":"/redfish/v1/UpdateService/FW"}}`,
		"/UpdateService/FW":        collection("/UpdateService/FW/BIOS"),
		"/UpdateService/FW/BIOS":   `{"Id":"BIOS","Name":"BIOS","Version":"2.0","Updateable":true}`,
	}
	maps.Copy(res, more)
	return res
}

func collection(members ...string) string {
	var list []string
	for _, m := range members {
		list = append(list, fmt.Sprintf(`{"@odata.id":"/redfish/v1%s"}`, m))
	}
	return fmt.Sprintf(`{"Members@odata.count":%d,"Members":[%s]}`, len(members), strings.Join(list, ","))
}

func read(t *testing.T, res map[string]string, opt inventory.Options) (rack.Device, []rack.Gap) {
	t.Helper()
	d, gaps, err := inventory.Read(t.Context(), memoryOf(service(t, res)), opt)
	if err != nil {
		t.Fatal(err)
	}
	return d, gaps
}

func noGaps(t *testing.T, gaps []rack.Gap) {
	t.Helper()
	if len(gaps) > 0 {
		t.Errorf("gaps: %v", gaps)
	}
}

func TestHost(t *testing.T) {
	d, gaps := read(t, host(nil), inventory.Options{})
	noGaps(t, gaps)
	want := rack.System{ID: "N", Path: "/redfish/v1/Systems/N", Host: true, Manufacturer: "Contoso", Model: "Rack 9", SerialNumber: "SN-1",
		BIOSVersion: "2.0", PowerState: "On", MemoryBytes: 64 << 30, Processors: []rack.Processor{{ID: "C0", Model: "CPU 9", Cores: 8}},
		GPUs: []rack.GPU{}, Drives: []rack.Drive{}, Volumes: []rack.Volume{},
		NICs: []rack.NIC{{ID: "1", MAC: "aa:bb:cc:00:11:22", Link: "LinkUp", SpeedBps: 25e9}},
		BIOS: &rack.BIOS{Path: "/redfish/v1/Systems/N/Bios", SettingsPath: "/redfish/v1/Systems/N/Bios/SD", ApplyTimes: []string{"OnReset"},
			Attributes: rack.Attributes{"A": "x", "N": int64(5), "B": true}, Pending: rack.Attributes{"B": false}, Registry: "BiosAttributeRegistry.v1_0_3"},
		Boot: &rack.Boot{OverrideEnabled: "Disabled", OverrideTarget: "None", Order: []string{"Boot0001"}, OrderWritable: true}}
	if diff := cmp.Diff(want, d.Systems[0]); diff != "" {
		t.Errorf("system (-want +got):\n%s", diff)
	}
	if got := d.Capabilities.ResetTypes; !slices.Equal(got, []string{"ForceOff", "On"}) {
		t.Errorf("reset types %v: inline and ActionInfo are a union", got)
	}
}

// TestHosts tells nodes from what only calls itself a system.
func TestHosts(t *testing.T) {
	const board = `{"Id":"BB","Processors":{"@odata.id":"/redfish/v1/Systems/BB/P"},"Model":"Board"}`
	const reset = `"Actions":{"#ComputerSystem.Reset":{"target":"/x"}}`
	cases := []struct {
		name   string
		more   map[string]string
		system string
		want   string
	}{
		{"a baseboard has no reset and no BIOS", map[string]string{"/Systems": collection("/Systems/BB", "/Systems/N"), "/Systems/BB": board}, "", "N"},
		{"a shelf's form is disabled and has no identity", map[string]string{"/Systems/N": `{"Id":"N","Status":{"State":"Disabled"},` + reset + `}`}, "", ""},
		{"a host that is off may call itself disabled", map[string]string{"/Systems/N": `{"Id":"N","SerialNumber":"S","Status":{"State":"Disabled"},` + reset + `}`}, "", "N"},
		{"a DPU beside a host is none", map[string]string{"/Systems": collection("/Systems/D", "/Systems/N"), "/Systems/D": `{"Id":"D","SystemType":"DPU",` + reset + `}`}, "", "N"},
		{"a DPU alone is one", map[string]string{"/Systems/N": `{"Id":"D","SystemType":"DPU","SerialNumber":"S",` + reset + `}`}, "", "D"},
		{"several hosts", map[string]string{"/Systems": collection("/Systems/N", "/Systems/M"), "/Systems/M": `{"Id":"M","SerialNumber":"S",` + reset + `}`}, "", "N M"},
		{"the one that is asked for", map[string]string{"/Systems": collection("/Systems/N", "/Systems/M"), "/Systems/M": `{"Id":"M","SerialNumber":"S",` + reset + `}`}, "M", "M"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, gaps := read(t, host(c.more), inventory.Options{System: c.system})
			noGaps(t, gaps)
			var got []string
			for _, s := range d.Systems {
				if s.Host {
					got = append(got, s.ID)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("hosts %v, want %s", got, c.want)
			}
		})
	}
}

// TestGPUs finds accelerators however they are modelled, and counts each once.
func TestGPUs(t *testing.T) {
	device := func(id, more string) string { return fmt.Sprintf(`{"Id":%q,%s}`, id, more) }
	pcie := func(list map[string]string) map[string]string {
		res := map[string]string{}
		var links []string
		for _, id := range slices.Sorted(maps.Keys(list)) {
			res["/Chassis/C/PCIe/"+id] = device(id, list[id])
			links = append(links, "/Chassis/C/PCIe/"+id)
		}
		res["/Chassis/C/PCIe"] = collection(links...)
		return res
	}
	cpuAnd := func(gpus ...string) map[string]string {
		res := map[string]string{}
		links := []string{"/Systems/N/Processors/C0"}
		for i, g := range gpus {
			l := fmt.Sprintf("/Systems/N/Processors/G%d", i)
			res[l] = device(fmt.Sprintf("G%d", i), `"ProcessorType":"GPU",`+g)
			links = append(links, l)
		}
		res["/Systems/N/Processors"] = collection(links...)
		return res
	}
	with := func(a, b map[string]string) map[string]string { maps.Copy(a, b); return a }
	function := func(vendor, class string) map[string]string {
		return map[string]string{"/F": collection("/F/0"), "/F/0": fmt.Sprintf(`{"VendorId":%q,"ClassCode":%q}`, vendor, class)}
	}
	const functions = `"PCIeFunctions":{"@odata.id":"/redfish/v1/F"}`
	cases := []struct {
		name string
		more map[string]string
		want string
	}{
		{"processor", cpuAnd(`"Model":"H100","SerialNumber":"1"`, `"Model":"H100","SerialNumber":"2"`), "2 x H100 by Processor"},
		{"two of one board have one serial", cpuAnd(`"Model":"GB300","SerialNumber":"1"`, `"Model":"GB300","SerialNumber":"1"`), "2 x GB300 by Processor"},
		{"serials that were never written", cpuAnd(`"Model":"MI200","SerialNumber":"00000000"`, `"Model":"MI200","SerialNumber":"00000000"`), "2 x MI200 by Processor"},
		{"absent", cpuAnd(`"Model":"H100","SerialNumber":"1","Status":{"State":"Absent"}`), "none"},
		{"the name is the product", cpuAnd(`"Model":"900-21010-0320-030","Name":"NVIDIA H100 NVL","SerialNumber":"1"`), "1 x NVIDIA H100 NVL by Processor"},
		{"joined by serial", with(cpuAnd(`"SerialNumber":"1"`, `"SerialNumber":"2"`), pcie(map[string]string{
			"s1": `"Name":"NVIDIA L40","Manufacturer":"NVIDIA","SerialNumber":"1"`, "s2": `"Name":"NVIDIA L40","Manufacturer":"NVIDIA","SerialNumber":"2"`})),
			"2 x NVIDIA L40 by Processor"},
		{"joined by part number", with(cpuAnd(`"PartNumber":"P-1"`, `"PartNumber":"P-1"`), pcie(map[string]string{
			"s1": `"Name":"NVIDIA L40","Manufacturer":"NVIDIA","PartNumber":"P-1","SerialNumber":"1"`})), "2 x NVIDIA L40 by Processor"},
		{"a card that is no processor", with(cpuAnd(`"SerialNumber":"1"`), pcie(map[string]string{
			"s9": `"Name":"Tesla T4","Manufacturer":"NVIDIA","SerialNumber":"9"`})), "1 x  by Processor; 1 x Tesla T4 by PCIeDevice"},
		{"PCIe by name", pcie(map[string]string{"GPU1": `"Model":"H100 80GB HBM3","SerialNumber":"1"`, "GPU2": `"Model":"H100 80GB HBM3","SerialNumber":"2"`,
			"NIC1": `"Model":"ConnectX-7"`, "VGA": `"Name":"Embedded Video Controller"`, "riser": `"Manufacturer":"Lenovo","Name":"Switched 4x GPU riser"`}),
			"2 x H100 80GB HBM3 by PCIeDevice"},
		{"PCIe by class", with(pcie(map[string]string{"23-0": `"Manufacturer":"NVIDIA Corporation",` + functions}), function("0x10de", "0x030200")), "1 x  by PCIeDevice"},
		{"the BMC's video chip", with(pcie(map[string]string{"3-0": functions}), function("0x1a03", "0x030000")), "none"},
		{"graphics inside a CPU", with(pcie(map[string]string{"0-2": `"Manufacturer":"Intel",` + functions}), function("0x8086", "0x030000")), "none"},
		{"Gaudi", with(pcie(map[string]string{"1-0": functions}), function("0x1da3", "0x120000")), "1 x  by PCIeDevice"},
		{"vendor tree", map[string]string{
			"/Chassis/C": `{"Id":"C","Oem":{"Acme":{"Links":{"Devices":{"@odata.id":"/redfish/v1/Devices"}}}}}`,
			"/Devices":   collection("/Devices/1", "/Devices/2", "/Devices/3"),
			"/Devices/1": `{"Id":"1","DeviceType":"GPU","Name":"NVIDIA A100","SerialNumber":"1"}`,
			"/Devices/2": `{"Id":"2","DeviceType":"LOM/NIC","Name":"Ethernet"}`,
			"/Devices/3": `{"Id":"3","DeviceType":"GPU","Name":"NVIDIA A100","SerialNumber":"2"}`,
		}, "2 x NVIDIA A100 by OEM"},
		{"firmware rows, the larger family once", firmware("GPU1", "1.0", "GPU2", "1.0", "HGX_FW_GPU_SXM_1", "9", "HGX_FW_GPU_SXM_2", "9", "HGX_FW_GPU_SXM_3", "9",
			"Golden_GPU1", "1.0", "HGX_FW_ERoT_GPU_SXM_1", "4", "GPU3", "N/A"), "3 x  by FirmwareInventory"},
		{"none", nil, "none"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, gaps := read(t, host(c.more), inventory.Options{})
			noGaps(t, gaps)
			got := tally(d.Systems[0].GPUs, func(g rack.GPU) string { return g.Model + " by " + g.Source })
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func firmware(idsAndVersions ...string) map[string]string {
	res := map[string]string{}
	var links []string
	for i := 0; i+1 < len(idsAndVersions); i += 2 {
		l := "/UpdateService/FW/" + idsAndVersions[i]
		res[l] = fmt.Sprintf(`{"Id":%q,"Version":%q}`, idsAndVersions[i], idsAndVersions[i+1])
		links = append(links, l)
	}
	res["/UpdateService/FW"] = collection(links...)
	return res
}

// TestBaseboard gives the GPUs of a baseboard to the host, and does not count its CPUs again.
func TestBaseboard(t *testing.T) {
	d, gaps := read(t, host(map[string]string{
		"/Systems":          collection("/Systems/BB", "/Systems/N"),
		"/Systems/BB":       `{"Id":"BB","Processors":{"@odata.id":"/redfish/v1/Systems/BB/P"}}`,
		"/Systems/BB/P":     collection("/Systems/BB/P/G10", "/Systems/BB/P/G2", "/Systems/BB/P/C"),
		"/Systems/BB/P/G10": `{"Id":"G10","ProcessorType":"GPU","SerialNumber":"2"}`,
		"/Systems/BB/P/G2":  `{"Id":"G2","ProcessorType":"Accelerator","SerialNumber":"1"}`,
		"/Systems/BB/P/C":   `{"Id":"C","ProcessorType":"CPU","Model":"Grace"}`,
	}), inventory.Options{})
	noGaps(t, gaps)
	board, node := d.Systems[0], d.Systems[1]
	if len(board.GPUs) != 0 || len(board.Processors) != 0 || len(node.GPUs) != 2 || node.GPUs[0].ID != "G2" {
		t.Errorf("board %v %v, node %v", board.GPUs, board.Processors, node.GPUs)
	}
}

// TestGPUTwice counts a GPU once that both systems list, even where two share a serial.
func TestGPUTwice(t *testing.T) {
	res := map[string]string{"/Systems": collection("/Systems/N", "/Systems/BB"), "/Systems/BB": `{"Id":"BB","Processors":{"@odata.id":"/redfish/v1/Systems/BB/P"}}`,
		"/Systems/BB/P": collection("/Systems/BB/P/G0", "/Systems/BB/P/G1", "/Systems/BB/P/G2"), "/Systems/N/Processors": collection("/Systems/N/Processors/G0", "/Systems/N/Processors/G1")}
	for i, sn := range []string{"s", "s", "t"} {
		res[fmt.Sprintf("/Systems/BB/P/G%d", i)] = fmt.Sprintf(`{"Id":"G%d","ProcessorType":"GPU","Model":"X","SerialNumber":%q}`, i, sn)
		res[fmt.Sprintf("/Systems/N/Processors/G%d", i)] = res[fmt.Sprintf("/Systems/BB/P/G%d", i)]
	}
	d, gaps := read(t, host(res), inventory.Options{})
	noGaps(t, gaps)
	if n := len(d.Systems[0].GPUs); n != 3 {
		t.Errorf("%d GPUs, want 3: %v", n, d.Systems[0].GPUs)
	}
}

// TestStorage counts drives by serial and takes no pass-through for a volume.
func TestStorage(t *testing.T) {
	drive := func(id, more string) string {
		return fmt.Sprintf(`{"@odata.id":"/redfish/v1/D/%s","Id":%q,"Model":"M","CapacityBytes":1000,"MediaType":"SSD",%s}`, id, id, more)
	}
	d, gaps := read(t, host(map[string]string{
		"/Systems/N/Storage": collection("/S/R", "/S/Direct"),
		"/S/R": `{"Id":"R","Name":"RAID","Drives":[{"@odata.id":"/redfish/v1/D/1"},{"@odata.id":"/redfish/v1/D/2"},{"@odata.id":"/redfish/v1/D/empty"}],
		  "Volumes":{"@odata.id":"/redfish/v1/V"},"StorageControllers":[{"SupportedRAIDTypes":["RAID1","RAID0","None"]}]}`,
		"/S/Direct": `{"Id":"Direct","Drives":[{"@odata.id":"/redfish/v1/D/3"},{"@odata.id":"/redfish/v1/D/3bis"},{"@odata.id":"/redfish/v1/D/usb"}],
		  "Volumes":{"@odata.id":"/redfish/v1/VD"},"StorageControllers":[{"SupportedRAIDTypes":[],"SupportedDeviceProtocols":["NVMe"]}]}`,
		"/D/1": drive("1", `"SerialNumber":"b","Protocol":"SATA"`), "/D/2": drive("2", `"SerialNumber":"a","Protocol":"SATA"`),
		"/D/3": drive("3", `"SerialNumber":"c"`), "/D/3bis": drive("3bis", `"SerialNumber":"c"`),
		"/D/empty": `{"Id":"empty","Status":{"State":"Absent"}}`, "/D/usb": `{"Id":"USB_Device1","Model":"Virtual Cdrom Device"}`,
		"/V":            strings.Replace(collection("/V/1", "/V/old", "/V/Capabilities", "/V/1/Settings"), `{"Members@`, `{"@Redfish.OperationApplyTimeSupport":{"SupportedValues":["OnReset"]},"Members@`, 1),
		"/V/1":          `{"Id":"1","Name":"boot","RAIDType":"RAID1","CapacityBytes":900,"Links":{"Drives":[{"@odata.id":"/redfish/v1/D/1"},{"@odata.id":"/redfish/v1/D/2/"}]}}`,
		"/V/old":        `{"Id":"old","Name":"data","VolumeType":"NonRedundant","CapacityBytes":800,"Links":{}}`,
		"/V/1/Settings": `{"Id":"Settings","RAIDType":"RAID1"}`, "/V/Capabilities": `{"Id":"Capabilities","RAIDType@Redfish.AllowableValues":["RAID1"]}`,
		"/VD": collection("/VD/3"), "/VD/3": `{"Id":"3","RAIDType":null,"VolumeType":"RawDevice"}`,
	}), inventory.Options{})
	noGaps(t, gaps)
	s := d.Systems[0]
	got := tally(s.Drives, func(d rack.Drive) string {
		return fmt.Sprintf("%s %s %s %v", d.ID, d.SerialNumber, d.Protocol, d.InVolume)
	})
	if want := "1 x 1 b SATA true; 1 x 2 a SATA true; 1 x 3 c NVMe false"; got != want {
		t.Errorf("drives %s, want %s", got, want)
	}
	got = tally(s.Volumes, func(v rack.Volume) string { return fmt.Sprintf("%s %s %v", v.Name, v.RAIDType, v.Drives) })
	if want := "1 x boot RAID1 [a b]; 1 x data RAID0 []"; got != want {
		t.Errorf("volumes %s, want %s", got, want)
	}
	want := []rack.StorageController{{ID: "R", Path: "/redfish/v1/S/R", Name: "RAID", Volumes: "/redfish/v1/V", CanCreate: true,
		RAIDTypes: []string{"RAID0", "RAID1"}, ApplyTimes: []string{"OnReset"}}, {ID: "Direct", Path: "/redfish/v1/S/Direct"}}
	if diff := cmp.Diff(want, s.Controllers, cmp.Transformer("noTimes", func(c rack.StorageController) rack.StorageController { return c })); diff != "" {
		t.Errorf("controllers (-want +got):\n%s", diff)
	}
}

// TestGaps tells what is a gap and what is none.
func TestGaps(t *testing.T) {
	cases := []struct {
		name string
		more map[string]string
		want string // "path: part of the reason", or nothing
	}{
		{"a linked resource that is not there", map[string]string{"/Systems/N/Bios": "", "/UpdateService": "", "/Systems/N/Eth": ""}, ""},
		{"a member that is not there", map[string]string{"/Systems/N/Processors": collection("/Systems/N/Processors/C0", "/Systems/N/Processors/C1")},
			"/redfish/v1/Systems/N/Processors/C1: 404"},
		{"an empty object", map[string]string{"/Systems/N/Bios": "{}"}, "/redfish/v1/Systems/N/Bios: no property"},
		{"null", map[string]string{"/Systems/N/Bios": "null"}, "/redfish/v1/Systems/N/Bios: no JSON object"},
		{"attributes that are a list", map[string]string{"/Systems/N/Bios": `{"Id":"B","Attributes":[1]}`}, "/redfish/v1/Systems/N/Bios#/Attributes: no object"},
		{"a model that is a number", map[string]string{"/Managers/B": `{"Id":"B","Model":9}`}, "/redfish/v1/Managers/B#/Model: no text"},
		{"a size that is text", map[string]string{"/Systems/N/Storage": collection("/S"), "/S": `{"Id":"S","Drives":[{"@odata.id":"/redfish/v1/D"}]}`,
			"/D": `{"Id":"D","SerialNumber":"1","CapacityBytes":"many"}`}, "/redfish/v1/D#/CapacityBytes: no number"},
		{"a size that is a number as text", map[string]string{"/Systems/N/Storage": collection("/S"), "/S": `{"Id":"S","Drives":[{"@odata.id":"/redfish/v1/D"}]}`,
			"/D": `{"Id":"D","SerialNumber":"1","CapacityBytes":"1000"}`}, ""},
		{"a negative amount of memory", map[string]string{"/Systems/N": `{"Id":"N","SerialNumber":"1","MemorySummary":{"TotalSystemMemoryGiB":-4}}`},
			"/redfish/v1/Systems/N#/MemorySummary/TotalSystemMemoryGiB: plausible"},
		{"a 404 under status 200", map[string]string{"/Systems/N/Bios": `{"error":{"code":"Base.1.4.ResourceMissingAtURI","message":"not found"}}`}, ""},
		{"placeholders", firmware("a", "N/A", "b", "Not Present", "c", "null", "d", "-*"), ""},
		{"members that are null", map[string]string{"/Systems/N/Processors": `{"Members":null}`}, ""},
		{"a boot setup that is text", map[string]string{"/Systems/N": `{"Id":"N","Bios":{"@odata.id":"/redfish/v1/Systems/N/Bios"},"Boot":"x"}`}, "/redfish/v1/Systems/N#/Boot: no object"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			res := host(nil)
			for k, v := range c.more {
				if v == "" {
					delete(res, k)
				} else {
					res[k] = v
				}
			}
			d, gaps := read(t, res, inventory.Options{})
			if c.want == "" {
				noGaps(t, gaps)
				for _, f := range d.Firmware {
					if strings.Contains(c.name, "placeholder") && f.Version != "" {
						t.Errorf("%q was taken for a version", f.Version)
					}
				}
				return
			}
			path, reason, _ := strings.Cut(c.want, ": ")
			if len(gaps) != 1 || gaps[0].Path != path || !strings.Contains(gaps[0].Reason, reason) {
				t.Errorf("gaps %v, want %s", gaps, c.want)
			}
		})
	}
}

// TestRegistry decodes leniently, whatever the registry is called.
func TestRegistry(t *testing.T) {
	d, gaps := read(t, host(map[string]string{
		"/Registries":      collection("/Registries/Base", "/Registries/Bios"),
		"/Registries/Base": `{"Id":"Base.1.0","Registry":"Base.1.0"}`,
		"/Registries/Bios": `{"Id":"BiosAttributeRegistry.v1_0_0","Registry":"BiosAttributeRegistry.v1_0_0","Location":[
		  {"Language":"ja","Uri":"/redfish/v1/R/ja"},{"Language":"en-US","Uri":"/redfish/v1/R/en"}]}`,
		"/R/en": `{"Id":"Reg","RegistryVersion":"1.0.0","RegistryEntries":{"Attributes":[
		  {"AttributeName":"A","Type":"Enumeration","Value":[{"ValueName":"x","ValueDisplayName":"X"},"y"],"Readonly":true,"ResetRequired":false},
		  {"AttributeName":"A","Type":"String"},{"AttributeName":"N","Type":"Integer","LowerBound":-1,"UpperBound":18446744073709551615,"MaxLength":"many"},7,{}],
		  "Dependencies":[{"DependencyFor":"A","Dependency":{"MapFrom":[{"MapFromAttribute":"Gone","MapFromCondition":"EQU","MapFromValue":1}],
		    "MapToAttribute":"N","MapToProperty":"ReadOnly","MapToValue":true}},{"Dependency":null}]}}`,
	}), inventory.Options{Facets: []rack.Facet{rack.FacetRegistry}})
	noGaps(t, gaps)
	r := d.Systems[0].BIOS.RegistryDoc
	if r == nil || len(r.Attributes) != 2 || len(r.Dependencies) != 1 || len(r.Warnings) != 3 {
		t.Fatalf("registry %+v", r)
	}
	a, n := r.Attributes[0], r.Attributes[1]
	if !a.ReadOnly || a.ResetRequired == nil || *a.ResetRequired || len(a.Values) != 2 || a.Values[1].Name != "y" {
		t.Errorf("attribute A: %+v", a)
	}
	if n.LowerBound.String() != "-1" || n.UpperBound.String() != "18446744073709551615" || n.MaxLength != nil || n.ResetRequired != nil {
		t.Errorf("attribute N: %+v", n)
	}
	if x := r.Dependencies[0]; x.Target != "N" || x.Terms[0].Property != "CurrentValue" || x.Terms[0].Value != int64(1) {
		t.Errorf("dependency: %+v", x)
	}
}

// TestAuxCycle finds how the auxiliary power is cut before anything is flashed.
func TestAuxCycle(t *testing.T) {
	for name, c := range map[string]struct {
		more map[string]string
		want string
	}{
		"by name":  {map[string]string{"/Chassis/C": `{"Id":"C","Actions":{"Oem":{"#NvidiaChassis.AuxPowerReset":{"target":"/aux"}}}}`}, "oem:/aux"},
		"by value": {map[string]string{"/Chassis/C": `{"Id":"C","Oem":{"Acme":{"Actions":{"#Acme.SystemReset":{"target":"/s","ResetType@Redfish.AllowableValues":["AuxCycle"]}}}}}`}, "oem:/s"},
		"by action info": {map[string]string{"/Chassis/C": `{"Id":"C","Actions":{"Oem":{"#Acme.Reset":{"target":"/s","@Redfish.ActionInfo":"/redfish/v1/I"}}}}`,
			"/I": `{"Parameters":[{"Name":"Kind","AllowableValues":["ACPowerCycle"]}]}`}, "oem:/s"},
		"by attribute": {map[string]string{"/Systems/N/Bios": `{"Id":"B","Attributes":{"PowerCycleRequest":"None"}}`}, "bios:PowerCycleRequest"},
		"none":         {map[string]string{"/Chassis/C": `{"Id":"C","Actions":{"#Chassis.Reset":{"target":"/c","ResetType@Redfish.AllowableValues":["PowerCycle"]}}}`}, ""},
	} {
		d, gaps := read(t, host(c.more), inventory.Options{})
		noGaps(t, gaps)
		if d.Capabilities.AuxCycle != c.want {
			t.Errorf("%s: %q, want %q", name, d.Capabilities.AuxCycle, c.want)
		}
	}
}

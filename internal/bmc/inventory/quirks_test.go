package inventory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/rack"
)

// TestQuirks holds what is odd about recorded machines, each row by its own small service: what is read, and which gaps.
func TestQuirks(t *testing.T) {
	supply := func(id, more string) string { return fmt.Sprintf(`{"Id":%q,"Name":"PSU",%s}`, id, more) }
	cases := []struct {
		name string
		more map[string]string
		got  func(d rack.Device) string
		want string
		gaps []string // paths
	}{
		{"R106: a frame of 4 W and no size", map[string]string{
			"/Chassis/C":             `{"Id":"C","MaxPowerWatts":4,"WeightKg":0,"HeightMm":0,"PowerSubsystem":{"@odata.id":"/redfish/v1/Chassis/C/PS"}}`,
			"/Chassis/C/PS":          `{"Id":"PS","CapacityWatts":6000,"PowerSupplies":{"@odata.id":"/redfish/v1/Chassis/C/PS/List"}}`,
			"/Chassis/C/PS/List":     collection("/Chassis/C/PS/List/1", "/Chassis/C/PS/List/2"),
			"/Chassis/C/PS/List/1":   supply("1", `"PowerCapacityWatts":3000`),
			"/Chassis/C/PS/List/2":   supply("2", `"PowerCapacityWatts":-1`),
			"/Chassis/C/PCIe":        collection(),
			"/Chassis/C/NetAdapters": collection(),
		}, capacities, "1=3000 2=?", []string{"/redfish/v1/Chassis/C/PS/List/2#/PowerCapacityWatts"}},
		{"R107: rows without capacity", map[string]string{
			"/Chassis/C": `{"Id":"C","Power":{"@odata.id":"/redfish/v1/Chassis/C/Power"}}`,
			"/Chassis/C/Power": `{"Id":"Power","PowerSupplies":[{"MemberId":"0","Model":"PWS-1","PowerCapacityWatts":3000},
			  {"MemberId":"1","Model":"PWS-2"},{"MemberId":"2","Model":"PWS-1","PowerCapacityWatts":3000}]}`,
		}, capacities, "0=3000 1=? 2=3000", nil},
		{"R113: capacity under another name, as text", map[string]string{
			"/Chassis/C":           `{"Id":"C","PowerSubsystem":{"@odata.id":"/redfish/v1/Chassis/C/PS"}}`,
			"/Chassis/C/PS":        `{"Id":"PS","CapacityWatts":"11000","PowerSupplies":{"@odata.id":"/redfish/v1/Chassis/C/PS/List"}}`,
			"/Chassis/C/PS/List":   collection("/Chassis/C/PS/List/1"),
			"/Chassis/C/PS/List/1": supply("1", `"CapacityWatts":"5500","PowerState":true`),
		}, capacities, "1=5500", nil},
		{"R115: two sources, two spellings", map[string]string{
			"/Managers/B":            `{"Id":"B","ManagerType":"BMC","FirmwareVersion":"23.11.20"}`,
			"/Systems/N":             strings.Replace(host(nil)["/Systems/N"], `"BiosVersion":"2.0"`, `"BiosVersion":"1.1.3"`, 1),
			"/UpdateService/FW":      collection("/UpdateService/FW/BMC", "/UpdateService/FW/BIOS"),
			"/UpdateService/FW/BMC":  `{"Id":"BMC","Version":"23.11.21"}`,
			"/UpdateService/FW/BIOS": `{"Id":"BIOS","Version":"01.01.03"}`,
		}, func(d rack.Device) string {
			return d.BMC.FirmwareVersion + " " + d.Systems[0].BIOSVersion + " " + d.Firmware[0].Version + " " + d.Firmware[1].Version
		}, "23.11.20 1.1.3 01.01.03 23.11.21", nil},
		{"R118: logs that answer 404", map[string]string{
			"/Systems/N/Logs":     collection("/Systems/N/Logs/1"), // a member that is not there would be a gap
			"/Systems/N/Logs/1":   `{"Id":"1","Entries":{"@odata.id":"/redfish/v1/Systems/N/Logs/1/E"}}`,
			"/Systems/N/Logs/1/E": collection("/Systems/N/Logs/1/E/1"),
			"/Systems/N":          strings.Replace(host(nil)["/Systems/N"], `"Id":"N"`, `"Id":"N","LogServices":{"@odata.id":"/redfish/v1/Systems/N/Logs"}`, 1),
		}, func(d rack.Device) string { return d.Systems[0].ID }, "N", nil},
		{"R119: a resource that gives another URI for its own", map[string]string{
			"/Systems/N/Processors":       collection("/Systems/N/Processors/CPU:1", "/Systems/N/Processors/CPU:2"),
			"/Systems/N/Processors/CPU:1": `{"@odata.id":"/redfish/v1/Systems/N/Processors/CPU","Id":"CPU:1","ProcessorType":"CPU","Model":"X"}`,
			"/Systems/N/Processors/CPU:2": `{"@odata.id":"/redfish/v1/Systems/N/Processors/CPU","Id":"CPU:2","ProcessorType":"CPU","Model":"X"}`,
		}, func(d rack.Device) string { return fmt.Sprint(len(d.Systems[0].Processors)) }, "2", nil},
		{"R11: adapters that nobody tells until the system has booted", map[string]string{
			"/Chassis/C":    `{"Id":"C","NetworkAdapters":{"@odata.id":"/redfish/v1/Chassis/C/NA"}}`,
			"/Chassis/C/NA": `{"error":{"code":"iLO.2.14.ExtendedInfo","@Message.ExtendedInfo":[{"MessageId":"iLO.2.14.UnsupportedOperation"}]}}`,
		}, func(d rack.Device) string { return d.Systems[0].NICs[0].MAC }, "aa:bb:cc:00:11:22", []string{"/redfish/v1/Chassis/C/NA"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, gaps := read(t, host(c.more), inventory.Options{})
			if got := c.got(d); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			var paths []string
			for _, g := range gaps {
				paths = append(paths, g.Path)
			}
			if !slices.Equal(paths, c.gaps) {
				t.Errorf("gaps %v, want %v", gaps, c.gaps)
			}
		})
	}
}

func capacities(d rack.Device) string {
	var out []string
	for _, p := range d.Power {
		watts := "?"
		if p.CapacityWatts != nil {
			watts = fmt.Sprint(*p.CapacityWatts)
		}
		if p.Kind == "supply" {
			out = append(out, p.ID+"="+watts)
		}
	}
	return strings.Join(out, " ")
}

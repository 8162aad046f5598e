package inventory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim/recorded"
)

// shelfLine puts what a shelf tells into one line.
func shelfLine(d rack.Device) string {
	s := d.Shelf
	if s == nil {
		return "no shelf"
	}
	watts := func(f *float64) string {
		if f == nil {
			return "?"
		}
		return fmt.Sprintf("%.0f", *f)
	}
	works, failed := d.Supplies()
	gives, told := d.GivesKW()
	var groups []string
	for _, r := range s.Redundancy {
		groups = append(groups, fmt.Sprintf("%s %d of %d %s", r.Type, r.Needed, r.Of, r.Health))
	}
	return fmt.Sprintf("%s rated %s out %s, %d work, %d failed, gives %.1f %v, resets %s, redundancy [%s]", s.PowerState, watts(s.RatedWatts),
		watts(s.OutputWatts), len(works), len(failed), gives, told, strings.Join(s.ResetTypes, " "), strings.Join(groups, "; "))
}

// TestShelfFacet reads power shelves of several makes: numbers and text, metrics and sensors, supplies that failed, were pulled or
// are off.
func TestShelfFacet(t *testing.T) {
	const chassis = "/Chassis/C"
	supply := func(id, more string) string {
		return fmt.Sprintf(`{"Id":%q,"Status":{"State":"Enabled","Health":"OK"}%s}`, id, more)
	}
	base := func(more map[string]string) map[string]string {
		res := map[string]string{
			"/Systems": collection(),
			chassis: `{"Id":"C","ChassisType":"Shelf","PowerState":"On","MaxPowerWatts":11000,
				"Actions":{"#Chassis.Reset":{"target":"/x","ResetType@Redfish.AllowableValues":["PowerCycle"]}},
				"PowerSubsystem":{"@odata.id":"/redfish/v1/Chassis/C/PS"}}`,
			"/Chassis/C/PS": `{"Id":"PS","PowerSupplies":{"@odata.id":"/redfish/v1/Chassis/C/PS/S"},"PowerSupplyRedundancy":[{"RedundancyType":"NPlusM",
				"MinNeededInGroup":1,"RedundancyGroup":[{"@odata.id":"/a"},{"@odata.id":"/b"}],"Status":{"Health":"OK"}}]}`,
			"/Chassis/C/PS/S":     collection("/Chassis/C/PS/S/0", "/Chassis/C/PS/S/1"),
			"/Chassis/C/PS/S/0":   supply("0", `,"PowerCapacityWatts":5500,"Metrics":{"@odata.id":"/redfish/v1/Chassis/C/PS/S/0/M"}`),
			"/Chassis/C/PS/S/0/M": `{"Id":"M","OutputPowerWatts":{"Reading":640},"InputPowerWatts":{"Reading":660}}`,
			"/Chassis/C/PS/S/1": supply("1", `,"CapacityWatts":"5500","PowerState":true,"Sensors":[{"@odata.id":"/redfish/v1/Chassis/C/N/power_p1_pout"},
				{"@odata.id":"/redfish/v1/Chassis/C/N/voltage_p1_vout"}]`),
			"/Chassis/C/N/power_p1_pout": `{"Id":"p1_pout","ReadingType":"Power","Reading":360}`,
		}
		for k, v := range more {
			res[k] = v
		}
		return res
	}
	cases := []struct {
		name string
		more map[string]string
		want string
	}{
		{"both ways of telling", nil, "On rated 11000 out 1000, 2 work, 0 failed, gives 11.0 true, resets PowerCycle, redundancy [NPlusM 1 of 2 OK]"},
		{"one has failed", map[string]string{"/Chassis/C/PS/S/0": `{"Id":"0","PowerCapacityWatts":5500,"Status":{"State":"Enabled","Health":"Critical"}}`},
			"On rated 11000 out 360, 1 work, 1 failed, gives 5.5 true, resets PowerCycle, redundancy [NPlusM 1 of 2 OK]"},
		{"one was pulled, one is off", map[string]string{"/Chassis/C/PS/S/0": `{"Id":"0","Status":{"State":"Absent"}}`,
			"/Chassis/C/PS/S/1": `{"Id":"1","CapacityWatts":"5500","PowerState":false}`},
			"On rated 11000 out ?, 0 work, 2 failed, gives 0.0 true, resets PowerCycle, redundancy [NPlusM 1 of 2 OK]"},
		{"standby with power is what a Lite-On says", map[string]string{
			"/Chassis/C/PS/S/0": `{"Id":"0","CapacityWatts":"5500","Status":{"State":"Standby","Health":"OK"}}`},
			"On rated 11000 out 360, 2 work, 0 failed, gives 11.0 true, resets PowerCycle, redundancy [NPlusM 1 of 2 OK]"},
		{"a capacity that nobody tells is not guessed", map[string]string{"/Chassis/C/PS/S/0": `{"Id":"0","Status":{"Health":"OK"}}`},
			"On rated 11000 out 360, 2 work, 0 failed, gives 0.0 false, resets PowerCycle, redundancy [NPlusM 1 of 2 OK]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, gaps := read(t, host(base(c.more)), inventory.Options{Facets: []rack.Facet{rack.FacetShelf}})
			noGaps(t, gaps)
			if got := shelfLine(d); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			plain, _ := read(t, host(base(c.more)), inventory.Options{})
			if plain.Shelf != nil {
				t.Error("a plain survey read the shelf")
			}
		})
	}
}

// TestShelfRecorded reads recorded shelves.
func TestShelfRecorded(t *testing.T) {
	want := map[string]string{
		"liteon-powershelf": "On rated 33000 out 3813, 6 work, 0 failed, gives 33.0 true, resets PowerCycle, redundancy []",
	}
	for _, name := range trees(t) {
		line, ok := want[treeName(name)]
		if !ok {
			continue
		}
		tree, err := recorded.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		d, gaps := readTree(t, tree, inventory.Options{Facets: []rack.Facet{rack.FacetShelf}})
		noGaps(t, gaps)
		if got := shelfLine(d); got != line {
			t.Errorf("%s\ngot  %s\nwant %s", treeName(name), got, line)
		}
	}
}

// TestLocation takes where a machine stands from the chassis of its host.
func TestLocation(t *testing.T) {
	in := func(at string) string { return `{"Id":"C","Location":{"Placement":` + at + `}}` }
	for at, want := range map[string]rack.Location{
		`{"Rack":"a01","Row":"3","RackOffset":12}`: {Rack: "a01", Row: "3", U: 12},
		`{"Rack":" a01 ","RackOffset":0}`:          {Rack: "a01"},
		`{"Rack":"","RackOffset":7}`:               {}, // as delivered
		`{"Rack":null}`:                            {},
		`{"Rack":"N/A","RackOffset":100000}`:       {},
	} {
		d, gaps := read(t, host(map[string]string{"/Chassis/C": in(at)}), inventory.Options{})
		noGaps(t, gaps)
		got := rack.Location{}
		if d.Location != nil {
			got = *d.Location
		}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", at, got, want)
		}
	}
}

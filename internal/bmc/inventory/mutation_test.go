package inventory_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim/recorded"
)

// damages are what a BMC may answer in place of any resource.
var damages = map[string]string{
	"null": "null", "empty object": "{}", "list": "[]", "text": `"x"`, "half": `{"Members":[{"@odata.id":"/redf`, "HTML": "<html>busy</html>", "404": "",
	"nothing but an id": `{"@odata.id":"/redfish/v1/x"}`,
	"nulls":             `{"Id":null,"Members":null,"Attributes":null,"Boot":null,"Actions":null,"Links":null,"Status":null,"Oem":null,"Drives":null}`,
	"wrong types": `{"Id":1,"Members":{"a":1},"Attributes":[1],"Boot":[],"Actions":"x","Links":7,"Status":"OK","Oem":[{}],"Drives":{},"Model":[],
	  "PowerState":true,"Volumes":"x","Processors":3,"Location":"x","PhysicalLocation":[1],"Devices":{"a":1},"PowerSupplies":{"x":1},"Parameters":{},
	  "RegistryEntries":[],"MediaTypes":"CD","Version":1,"CapacityBytes":"1e999","@Redfish.Settings":"x","MemorySummary":1,"PCIeDevices":"x"}`,
	"members of wrong types": `{"Members":[null,1,"x",{},{"@odata.id":null},{"@odata.id":"https://elsewhere/redfish/v1"}],"Members@odata.count":-4}`,
}

// TestDamage replaces every resource that a reading touches, one by one, by every damage: nothing panics, the rest is read,
// and what cannot be read is told.
func TestDamage(t *testing.T) {
	tree := service(t, host(map[string]string{
		"/Systems/N/Storage": collection("/S"), "/S": `{"Id":"S","Drives":[{"@odata.id":"/redfish/v1/D"}],"Volumes":{"@odata.id":"/redfish/v1/V"},
		  "Controllers":{"@odata.id":"/redfish/v1/Ctl"}}`, "/D": `{"Id":"D","SerialNumber":"1"}`, "/V": collection("/V/1"),
		"/V/1": `{"Id":"1","RAIDType":"RAID1","Links":{"Drives":[{"@odata.id":"/redfish/v1/D"}]}}`, "/Ctl": collection("/Ctl/0"), "/Ctl/0": `{"Id":"0","SupportedRAIDTypes":["RAID1"]}`,
		"/Chassis/C": `{"Id":"C","PCIeDevices":{"@odata.id":"/redfish/v1/Chassis/C/PCIe"},"Power":{"@odata.id":"/redfish/v1/Power"},
		  "ThermalSubsystem":{"@odata.id":"/redfish/v1/T"},"NetworkAdapters":{"@odata.id":"/redfish/v1/NA"},"PowerSubsystem":{"@odata.id":"/redfish/v1/PS"}}`,
		"/Power": `{"Id":"P","PowerSupplies":[]}`, "/PS": `{"Id":"PS","PowerSupplies":{"@odata.id":"/redfish/v1/PSU"}}`, "/PSU": collection("/PSU/0"), "/PSU/0": `{"Id":"0"}`,
		"/T": `{"Id":"T","LeakDetection":{"@odata.id":"/redfish/v1/L"}}`, "/L": `{"Id":"L","LeakDetectors":{"@odata.id":"/redfish/v1/LD"}}`,
		"/LD": collection("/LD/0"), "/LD/0": `{"Id":"0","DetectorState":"OK"}`,
		"/NA": collection("/NA/0"), "/NA/0": `{"Id":"0","Ports":{"@odata.id":"/redfish/v1/Ports"},"NetworkDeviceFunctions":{"@odata.id":"/redfish/v1/NDF"}}`,
		"/Ports": collection("/Ports/0"), "/Ports/0": `{"Id":"0"}`, "/NDF": collection("/NDF/0"), "/NDF/0": `{"Id":"0","Ethernet":{"MACAddress":"00:11:22:33:44:55"}}`,
		"/Registries": collection("/Registries/B"), "/Registries/B": `{"Id":"BiosAttributeRegistry.1","Location":[{"Uri":"/redfish/v1/R"}]}`,
		"/R": `{"Id":"R","RegistryEntries":{"Attributes":[{"AttributeName":"A"}]}}`,
	}))
	damageAll(t, tree, 1)
}

// TestDamageRecorded does the same to the recorded trees, to every so manieth resource: METALWRIGHT_DAMAGE=all to all.
func TestDamageRecorded(t *testing.T) {
	for _, name := range trees(t) {
		t.Run(treeName(name), func(t *testing.T) {
			tree, err := recorded.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			every := 1
			if os.Getenv("METALWRIGHT_DAMAGE") != "all" {
				every = tree.Len()/12 + 1
			}
			damageAll(t, tree, every)
		})
	}
}

func damageAll(t *testing.T, tree *recorded.Tree, every int) {
	t.Helper()
	m := memoryOf(tree)
	opt := inventory.Options{Facets: []rack.Facet{rack.FacetRegistry}}
	if _, _, err := inventory.Read(t.Context(), m, opt); err != nil {
		t.Fatal(err)
	}
	var touched []string
	for k := range m.touched {
		if k != "/redfish/v1" {
			touched = append(touched, k)
		}
	}
	slices.Sort(touched)
	for i := 0; i < len(touched); i += every {
		for kind, text := range damages {
			m.raw = func(uri string) (string, bool) { return text, uri == touched[i] }
			d, gaps, err := inventory.Read(t.Context(), m, opt)
			if err != nil {
				t.Fatalf("%s as %s: %v", touched[i], kind, err)
			}
			broken := kind == "null" || kind == "HTML" || kind == "half" || kind == "list" || kind == "text" || kind == "empty object"
			if broken && len(gaps) == 0 {
				t.Errorf("%s as %s: no gap tells it (%d systems)", touched[i], kind, len(d.Systems))
			}
			for _, g := range gaps {
				if g.Path == "" || g.Reason == "" || strings.Contains(g.Path, "$expand") {
					t.Errorf("%s as %s: gap %+v", touched[i], kind, g)
				}
			}
		}
	}
}

// TestOutOfReach stops asking when the BMC is gone, and says so once.
func TestOutOfReach(t *testing.T) {
	m := memoryOf(service(t, host(nil)))
	gone := &redfish.Error{Kind: redfish.Unreachable, Method: "GET", URI: "/redfish/v1/Systems/N/Bios", Message: "connection refused"}
	d, gaps, err := inventory.Read(t.Context(), failing{memory: m, at: "/redfish/v1/systems/n/bios", err: gone}, inventory.Options{})
	if err != nil || len(d.Systems) != 1 {
		t.Fatalf("%v, %d systems", err, len(d.Systems))
	}
	if len(gaps) != 1 || !strings.Contains(gaps[0].Reason, "connection refused") {
		t.Errorf("gaps %v, want one", gaps)
	}
	if _, _, err := inventory.Read(t.Context(), failing{memory: m, at: "/redfish/v1", err: gone}, inventory.Options{}); err == nil {
		t.Error("a BMC without a service root gave a device")
	}
}

type failing struct {
	*memory
	at  string
	err error
}

func (f failing) Get(ctx context.Context, uri string) (*redfish.Resource, error) {
	if redfish.Key(uri) == f.at {
		return nil, f.err
	}
	return f.memory.Get(ctx, uri)
}

func (f failing) Root(ctx context.Context) (*redfish.Resource, error) {
	return f.Get(ctx, "/redfish/v1/")
}

// FuzzRead replaces one resource of a service by arbitrary text.
func FuzzRead(f *testing.F) {
	res := host(nil)
	for k := range res {
		for _, d := range damages {
			f.Add(k, d)
		}
	}
	f.Add("/Systems/N", res["/Systems/N"])
	f.Add("/Registries", `{"Members":[{"@odata.id":"/redfish/v1/Registries"}],"Members@odata.nextLink":"/redfish/v1/Registries"}`)
	f.Fuzz(func(t *testing.T, uri, text string) {
		m := memoryOf(service(t, res))
		m.raw = func(k string) (string, bool) { return text, k == redfish.Key("/redfish/v1"+uri) }
		a, gapsA, errA := inventory.Read(t.Context(), m, inventory.Options{Facets: []rack.Facet{rack.FacetRegistry}})
		b, gapsB, errB := inventory.Read(t.Context(), m, inventory.Options{Facets: []rack.Facet{rack.FacetRegistry}})
		if (errA == nil) != (errB == nil) {
			t.Fatalf("%v and %v", errA, errB)
		}
		if errA == nil && summary(a, gapsA) != summary(b, gapsB) {
			t.Fatalf("two readings of the same differ:\n%s\n%s", summary(a, gapsA), summary(b, gapsB))
		}
	})
}

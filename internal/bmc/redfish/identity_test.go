package redfish

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func res(uri string, o Object) *Resource { return &Resource{URI: uri, Obj: o} }

func TestIdentityOf(t *testing.T) {
	oem := func(keys ...string) Object {
		m := map[string]any{}
		for _, k := range keys {
			m[k] = map[string]any{}
		}
		return Object{"Oem": m}
	}
	with := func(o Object, kv ...any) Object {
		for i := 0; i < len(kv); i += 2 {
			o[kv[i].(string)] = kv[i+1]
		}
		return o
	}
	for _, c := range []struct {
		name           string
		root           Object
		managers       []*Resource
		systems        []*Resource
		vendor         string
		dialect        string
		manager, model string
	}{
		{name: "nothing", root: Object{}, dialect: Unknown},
		{name: "unknown vendor", root: Object{"Vendor": "Acme"}, vendor: "Acme", dialect: Unknown},
		{name: "Dell by vendor", root: Object{"Vendor": "Dell Inc."}, vendor: "Dell", dialect: "idrac"},
		{name: "Dell by OEM key alone", root: oem("Dell"), vendor: "Dell", dialect: "idrac"},
		{name: "old HPE", root: oem("Hp"), vendor: "HPE", dialect: "ilo"},
		{name: "AMI in an NVIDIA machine", root: with(oem("Ami"), "Vendor", "AMI"), vendor: "AMI", dialect: "ami", manager: "/host",
			managers: []*Resource{res("/hgx", with(oem("Nvidia"), "Model", "OpenBmc", "ManagerType", "BMC", "FirmwareVersion", "1")),
				res("/host", with(oem("Ami"), "ManagerType", "BMC")), res("/fm", Object{"ManagerType": "Service"})}},
		{name: "the root names its manager", root: Object{"Vendor": "NVIDIA", "Links": map[string]any{"ManagerProvidingService": map[string]any{"@odata.id": "/b/"}}},
			vendor: "NVIDIA", dialect: "openbmc", manager: "/B",
			managers: []*Resource{res("/a", with(oem("Nvidia"), "ManagerType", "BMC")), res("/B", with(oem("Nvidia", "OpenBmc"), "ManagerType", "BMC"))}},
		{name: "Supermicro with its own firmware", root: oem("Supermicro"), vendor: "Supermicro", dialect: "supermicro"},
		{name: "Supermicro with OpenBMC", root: Object{"Vendor": "Supermicro"}, vendor: "Supermicro", dialect: "openbmc", manager: "/m",
			managers: []*Resource{res("/m", oem("OpenBmc", "Supermicro"))}},
		{name: "a shelf", root: Object{}, vendor: "Lite-On", dialect: "openbmc", manager: "/m",
			managers: []*Resource{res("/m", with(oem("OpenBmc"), "Manufacturer", "LITE-ON TECHNOLOGY CORP."))}},
		{name: "vendor by the host", root: Object{}, vendor: "Quanta", dialect: Unknown, model: "D74H",
			systems: []*Resource{res("/s", Object{"Manufacturer": "Quanta Cloud", "Model": "D74H", "Actions": map[string]any{"#ComputerSystem.Reset": map[string]any{}}})}},
		{name: "a vendor that is a link", root: Object{}, dialect: Unknown, systems: []*Resource{res("/s", Object{"Manufacturer": "https://nvidia.example"})}},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := IdentityOf(c.root, c.managers, c.systems)
			if id.Vendor != c.vendor || id.Dialect != c.dialect || id.Manager != c.manager || c.model != "" && id.Model != c.model {
				t.Errorf("got %+v", id)
			}
		})
	}
}

func TestQuirkTable(t *testing.T) {
	last := 0
	for _, q := range Table() {
		n := number(q.ID)
		if !regexp.MustCompile(`^R[1-9][0-9]*$`).MatchString(q.ID) || n != last+1 {
			t.Errorf("row %s follows R%d", q.ID, last)
		}
		last = n
		if q.Symptom == "" || q.Handling == "" || q.Source == "" {
			t.Errorf("%s is not whole: %+v", q.ID, q)
		}
		for _, d := range q.Dialects {
			if !slices.Contains([]string{"idrac", "ilo", "supermicro", "xcc", "ami", "openbmc"}, d) {
				t.Errorf("%s: unknown dialect %s", q.ID, d)
			}
		}
		for _, v := range q.Vendors {
			if vendorName(v) != v {
				t.Errorf("%s: vendor %s is spelt %s", q.ID, v, vendorName(v))
			}
		}
	}
	if last != 122 {
		t.Errorf("%d rows", last)
	}
}

func TestQuirks(t *testing.T) {
	for _, c := range []struct {
		name string
		id   Identity
		does []Behaviour
		not  []Behaviour
	}{
		{"unknown", Identity{Dialect: Unknown}, nil, []Behaviour{NoExpand, OneInFlight, SlowReads, FullBoot, OffOnReset, JobTruth}},
		{"iDRAC9", Identity{Dialect: "idrac", Vendor: "Dell", BMCVersion: "6.00.30.00"}, []Behaviour{JobTruth}, []Behaviour{SlotOneMedia, NoExpand}},
		{"DGX H100", Identity{Dialect: "ami", Vendor: "AMI", Model: "DGXH100"}, []Behaviour{SlowReads, OrderHandsOff, FullBoot}, []Behaviour{NoExpand}},
		{"HGX alone", Identity{Dialect: "openbmc", Vendor: "NVIDIA", Product: "HGX H100"}, []Behaviour{NoExpand}, []Behaviour{PushGap}},
		{"GB200", Identity{Dialect: "openbmc", Vendor: "NVIDIA", Product: "GB200 NVL"}, []Behaviour{PushGap, AuxWantsOff, EmptyTargets}, []Behaviour{NoExpand}},
		{"SR675", Identity{Dialect: "xcc", Vendor: "Lenovo", Model: "ThinkSystem SR675 V3"}, []Behaviour{OffOnReset, TaskNotMonitor}, nil},
		{"SR670", Identity{Dialect: "xcc", Vendor: "Lenovo", Model: "ThinkSystem SR670 V2"}, nil, []Behaviour{OffOnReset}},
	} {
		s := Quirks(c.id)
		for _, b := range c.does {
			if !s.Does(b) {
				t.Errorf("%s lacks %s (%v)", c.name, b, s.IDs())
			}
		}
		for _, b := range c.not {
			if s.Does(b) {
				t.Errorf("%s has %s", c.name, b)
			}
		}
	}
	q := Quirk{From: "5.00", Below: "6.10"}
	for v, want := range map[string]bool{"5.00.00.01": true, "6.00.30.00": true, "6.10": false, "4.99": false, "iDRAC 7.10.30.05": false, "": false, "rev B": false, "v5.9": true} {
		if got := q.Applies(Identity{BMCVersion: v}); got != want {
			t.Errorf("%q: %v", v, got)
		}
	}
}

// Each recorded BMC is recognised by what it says.
func TestIdentityOfRecordedTrees(t *testing.T) {
	for tree, want := range map[string][4]string{ // vendor, dialect, number of the BMC version, model
		"nvidia-dgx-h100":               {"AMI", "ami", "23.11.20", "DGXH100"},
		"nvidia-gb200-nvl":              {"NVIDIA", "openbmc", "24.12", ""},
		"dell-r750-idrac9-6.00":         {"Dell", "idrac", "6.00.30.00", "PowerEdge R750"},
		"hpe-dl380a-gen11-ilo6-h100nvl": {"HPE", "ilo", "1.66", ""},
		"supermicro-sys-821ge-h100":     {"Supermicro", "supermicro", "11.01.01", "SYS-821GE-TNHR"},
		"lenovo-sr670v2-xcc-2.83":       {"Lenovo", "xcc", "2.83", "ThinkSystem SR670 V2"},
		"nvidia-bf3-dpu-24.10":          {"", "openbmc", "24.10", ""},
		"liteon-powershelf":             {"Lite-On", "openbmc", "1.3.8", ""},
	} {
		t.Run(tree, func(t *testing.T) {
			all := recorded(t, tree)
			id := IdentityOf(all["/redfish/v1"].Obj, below(all, "/redfish/v1/Managers"), below(all, "/redfish/v1/Systems"))
			if want[0] != "" && id.Vendor != want[0] || id.Dialect != want[1] || VersionNumber(id.BMCVersion) != want[2] || want[3] != "" && id.Model != want[3] {
				t.Errorf("got %+v", id)
			}
		})
	}
}

func below(all map[string]*Resource, collection string) []*Resource {
	var out []*Resource
	c := all[collection]
	if c == nil {
		return nil
	}
	for _, u := range c.Obj.Links("Members") {
		if r := all[u]; r != nil {
			out = append(out, r)
		}
	}
	return out
}

// recorded reads the part of a tree that identity rests on.
func recorded(t *testing.T, name string) map[string]*Resource {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(moduleRoot(t), "..", "shared", "redfish", name+".tar.gz"))
	if err != nil {
		if os.Getenv("METALWRIGHT_LAB") == "require" {
			t.Fatal(err)
		}
		t.Skipf("recorded tree %s is absent: looked for ../shared/redfish/%s.tar.gz", name, name)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*Resource{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		_, rest, ok := strings.Cut("/"+h.Name, "/redfish/v1/")
		uri := strings.TrimSuffix("/redfish/v1/"+rest, "/index.json")
		if !ok || !strings.HasSuffix(h.Name, "/index.json") || strings.Count(uri, "/") > 4 {
			continue
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if o, err := decodeObject(body); err == nil {
			out[uri] = res(uri, o)
		}
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

package catalog_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

func load(t *testing.T) catalog.Catalog {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bases are how a source begins. Only the first two make a number verified: the vendor's own document, and a device.
var (
	verifiedBases   = []string{"vendor: ", "recorded: "}
	unverifiedBases = []string{"second-hand: ", "derived: ", "assumption: ", "author's number", "working figure", "openstack ", "Hopper ", "nv-rms: "}
)

func begins(s string, with []string) bool {
	return slices.ContainsFunc(with, func(p string) bool { return strings.HasPrefix(s, p) })
}

// TestEveryNumberHasItsBasis walks the JSON of every entry: whatever has a source says a known basis, and is verified only
// when that basis allows it.
func TestEveryNumberHasItsBasis(t *testing.T) {
	for key, h := range load(t).Hardware {
		if n := countBases(t, key, toJSON(t, h)); n == 0 {
			t.Errorf("%s has no source at all", key)
		}
		for _, n := range []*rack.Number{h.U, h.WeightKg, h.PeakKW, h.Supplies, h.SupplyKW, h.MemoryGiB} {
			if n != nil && (n.Value <= 0 || n.Source == "") {
				t.Errorf("%s: number %+v has no value or no source", key, *n)
			}
		}
	}
}

func toJSON(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func countBases(t *testing.T, path string, v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		if s, ok := v["source"].(string); ok {
			n++
			yes, _ := v["verified"].(bool)
			if !begins(s, verifiedBases) && !begins(s, unverifiedBases) || yes && !begins(s, verifiedBases) {
				t.Errorf("%s: source %q with verified = %v", path, s, yes)
			}
		}
		for k, e := range v {
			n += countBases(t, path+"."+k, e)
		}
	case []any:
		for _, e := range v {
			n += countBases(t, path, e)
		}
	}
	return n
}

// TestUnknownStaysAbsent holds a few things that nobody knows: a number there would have been guessed.
func TestUnknownStaysAbsent(t *testing.T) {
	c := load(t)
	if h := c.Hardware["server.dgx_h100"]; h.WeightKg != nil || h.U == nil || h.U.Verified || len(h.Disks) != 0 {
		t.Errorf("dgx_h100: weight %v, u %v, disks %v; want no weight, an unverified height, no disks", h.WeightKg, h.U, h.Disks)
	}
	if h := c.Hardware["server.hpe_dl380a_gen11"]; h.U != nil {
		t.Errorf("hpe_dl380a_gen11: u is %v; its height is unknown", h.U)
	}
	if h := c.Hardware["server.dgx_b200"]; h.WeightKg == nil || h.WeightKg.Value != 142.4 || !h.WeightKg.Verified || h.Identity.Manufacturer != "" {
		t.Errorf("dgx_b200: weight %v, identity %v", h.WeightKg, h.Identity)
	}
	if h := c.Hardware["rack.gb200_nvl72"]; h.U != nil || h.Facts["holds.compute_tray.count"].Value != 18 {
		t.Errorf("gb200_nvl72: u %v, facts %v", h.U, h.Facts)
	}
}

// TestPlatformsOfTheFirstRack holds what bringing a node up needs: identity, dialect, devices, profiles, components.
func TestPlatformsOfTheFirstRack(t *testing.T) {
	c := load(t)
	for key, gpus := range map[string]int{"dgx_h100": 8, "sys_821ge_tnhr": 8, "lenovo_sr670_v2": 8, "gb200_compute_tray": 4,
		"hpe_dl380a_gen11": 2, "dell_r750": 1} {
		h, ok := c.Hardware["server."+key]
		if !ok || h.Dialect == "" || h.Identity.Manufacturer == "" || len(h.Identity.Models) == 0 || h.GPU == nil || h.CPU == nil ||
			h.MemoryGiB == nil {
			t.Errorf("%s is not complete: %+v", key, h)
			continue
		}
		if h.GPU.Count != gpus {
			t.Errorf("%s has %d GPUs, want %d", key, h.GPU.Count, gpus)
		}
		for _, p := range []string{"training", "inference", "virtualisation"} {
			if len(h.Profiles[p]) == 0 {
				t.Errorf("%s has no BIOS profile %q", key, p)
			}
		}
	}
}

// TestBaselinesFitTheHardware holds baselines against the entries they are for: same components, same reset class, a version
// other than the one a new machine has.
func TestBaselinesFitTheHardware(t *testing.T) {
	c := load(t)
	for key, b := range c.Baselines {
		if len(b.NotActedOn) > 0 {
			t.Errorf("%s uses what this version does not act on: %v", key, b.NotActedOn)
		}
		for _, name := range b.Match.Hardware {
			h, ok := c.Hardware["server."+name]
			if !ok {
				t.Errorf("%s is for hardware %q, which is not in the catalog", key, name)
				continue
			}
			if b.Match.Manufacturer != h.Identity.Manufacturer || !slices.Equal(b.Match.Models, h.Identity.Models) {
				t.Errorf("%s matches %q %v; %s calls itself %q %v", key, b.Match.Manufacturer, b.Match.Models, name,
					h.Identity.Manufacturer, h.Identity.Models)
			}
			fitComponents(t, key, b, h)
		}
	}
}

func fitComponents(t *testing.T, key string, b rack.Baseline, h rack.Hardware) {
	t.Helper()
	factory := map[string]rack.ComponentFacts{}
	for _, f := range h.Components {
		factory[f.Name] = f
	}
	for _, c := range b.Components {
		f, ok := factory[c.Name]
		if !ok || f.Activation != c.Reset {
			t.Errorf("%s: component %s activates by %q; the hardware says %q", key, c.Name, c.Reset, f.Activation)
		}
		if firmware.Equal(c.Compare, f.Version, c.Want) {
			t.Errorf("%s: component %s wants %s, which a new machine has", key, c.Name, c.Want)
		}
		if n, err := firmware.Compare(c.Compare, f.Version, c.Want); err == nil && n > 0 {
			t.Errorf("%s: component %s would go back from %s to %s", key, c.Name, f.Version, c.Want)
		}
		if _, err := step.ParseActivation(c.Reset); err != nil {
			t.Errorf("%s: component %s: %v", key, c.Name, err)
		}
	}
}

// TestPolicies holds that every profile keeps data at home and that a child is as strict as its parent.
func TestPolicies(t *testing.T) {
	c := load(t)
	for _, key := range []string{"au.baseline", "au.protected", "au.strategic", "jp.baseline", "my.baseline", "sg.baseline"} {
		p, ok := c.Policies[key]
		if !ok {
			t.Errorf("policy %s is missing", key)
			continue
		}
		for _, kind := range []string{"storage", "processing", "keys", "logs", "backup"} {
			if !slices.Equal(p.Reside[kind], []string{p.Jurisdiction}) {
				t.Errorf("%s lets %s be in %v", key, kind, p.Reside[kind])
			}
		}
		if r, ok := p.Rules["endpoint.closed"]; !ok || r.Severity != "error" {
			t.Errorf("%s: rule endpoint.closed is %+v", key, r)
		}
	}
	if r := c.Policies["au.strategic"].Rules["bmc.creds"]; r.Severity != "error" {
		t.Errorf("au.strategic: bmc.creds is %q; its parent says error", r.Severity)
	}
}

func TestBlueprintFolders(t *testing.T) {
	c := load(t)
	if got := c.BlueprintNames(); !slices.Equal(got, []string{"fabric-1rack", "hgx-b200-air-4rack", "hgx-h100-4node", "lab-1rack"}) {
		t.Errorf("blueprints are %v", got)
	}
	for _, name := range c.BlueprintNames() {
		if _, ok := c.Blueprints[name]["README.md"]; !ok {
			t.Errorf("%s has no README.md", name)
		}
	}
	for key := range c.Baselines {
		if len(c.Sources) == 0 || !slices.Contains(slices.Collect(maps.Keys(c.Sources)), "firmware/baselines/"+key+".hcl") {
			t.Errorf("the text of baseline %s is not among the sources", key)
		}
	}
}

const entry = `server "x" {
  vendor   = "V"
  source   = "recorded: x"
  verified = true
  form {
    u       = 2
    cooling = "air"
  }
  power {
    peak_kw = 1
  }
  disk "a" {
    count       = 2
    capacity_tb = 1.92
    media       = "SSD"
  }
  rails {
    count = 8
    rate  = "400Gb/s"
  }
  component "bmc" {
    version    = "1"
    activation = "bmc_reset"
  }
  bios "training" {
    attributes = { A = "x", B = true, C = 7 }
  }
}
`

func TestDecodeHardware(t *testing.T) {
	entries, diags := catalog.DecodeHardware("x.hcl", []byte(entry))
	if diags.HasErrors() || len(entries) != 1 {
		t.Fatalf("%v, %d entries", diags, len(entries))
	}
	h := entries[0]
	if h.Key != "server.x" || h.U.Value != 2 || h.U.Source != "recorded: x" || !h.U.Verified || h.Disks[0].CapacityBytes != 1920000000000 ||
		h.Disks[0].By != "host" || h.Facts["rails.rate"].Value != 400e9 {
		t.Errorf("entry is %+v", h)
	}
	p := h.Profiles["training"]
	if p["A"] != "x" || p["B"] != true || p["C"] != int64(7) {
		t.Errorf("profile is %#v", p)
	}
}

func TestDecodeHardwareMistakes(t *testing.T) {
	for _, c := range []struct{ from, to, summary, detail string }{
		{`  source   = "recorded: x"`, ``, "Catalog entry without source", "server.x"},
		{`u       = 2`, `u       = 0`, "Catalog number out of range", "leave out what is not known"},
		{`u       = 2`, `u       = "two"`, "Wrong type in catalog", "u must be number"},
		{`u       = 2`, `hight   = 2`, "Unsupported argument", ""},
		{`peak_kw = 1`, `peak_kv = 1`, "Unsupported argument", `Did you mean "peak_kw"?`},
		{`"air"`, `"water"`, "Unknown word in catalog", "air, liquid, hybrid"},
		{`"400Gb/s"`, `"400 parsec"`, "Wrong unit in catalog", ""},
		{`"bmc_reset"`, `"reboot"`, "Unknown reset class", ""},
		{`capacity_tb = 1.92`, ``, "Catalog number out of range", "Disk group a"},
		{`peak_kw = 1`, "peak_kw = 1\n    source  = \"vendor: y\"", "Catalog block with half a source", ""},
		{`A = "x"`, `Nic_A088C2C36F6E__Slot15 = "x"`, "BIOS attribute of one unit", ""},
		{`C = 7`, `C = 7.5`, "Wrong type in catalog", "whole number"},
		{`C = 7`, `C = [7]`, "Wrong type in catalog", "string, a bool or a whole number"},
		{`  power {`, "  power {\n    peak_kw = 2\n  }\n  power {", "Catalog number twice", ""},
		{`  power {`, "  powr {", "Unsupported block type", `Did you mean "power"?`},
		{`server "x"`, `srever "x"`, "Unsupported block type", `Did you mean "server"?`},
	} {
		src := strings.Replace(entry, c.from, c.to, 1)
		if src == entry {
			t.Fatalf("%q is not in the entry", c.from)
		}
		_, diags := catalog.DecodeHardware("x.hcl", []byte(src))
		if !slices.ContainsFunc(diags, func(d diag.Diagnostic) bool {
			return d.Severity == diag.Error && d.Summary == c.summary && strings.Contains(d.Detail, c.detail) && d.Subject.Filename == "x.hcl"
		}) {
			t.Errorf("%q for %q: want %q (%s), got %v", c.to, c.from, c.summary, c.detail, diags)
		}
	}
}

func FuzzDecodeHardware(f *testing.F) {
	f.Add([]byte(entry))
	f.Fuzz(func(t *testing.T, src []byte) {
		entries, diags := catalog.DecodeHardware("x.hcl", src)
		for _, h := range entries {
			if !diags.HasErrors() && (h.Source == "" || h.Digest == "") {
				t.Fatalf("no error, and an entry without a source: %+v", h)
			}
		}
	})
}

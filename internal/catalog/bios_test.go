package catalog_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/rack"
)

// recordedRegistry is the registry that an offer of a platform was read in.
var recordedRegistry = map[string]string{"Dell PowerEdge (iDRAC)": "dell-r750", "HPE ProLiant (iLO)": "hpe-dl380a",
	"Supermicro X13": "supermicro-sys-821ge", "Lenovo ThinkSystem (XCC)": "lenovo-sr670v2", "NVIDIA DGX H100": "nvidia-dgx-h100",
	"NVIDIA GB200 tray": "nvidia-gb200"}

// TestIntentsAgainstRecorded holds every verified offer against the registry that it says it was read in.
func TestIntentsAgainstRecorded(t *testing.T) {
	registries := map[string]rack.BIOSRegistryInfo{}
	for platform, tree := range recordedRegistry {
		pattern := filepath.Join("..", "..", "..", "shared", "data", "bios-registries", tree+"*.json.gz")
		names, _ := filepath.Glob(pattern)
		if len(names) != 1 {
			if os.Getenv("METALWRIGHT_LAB") == "require" {
				t.Fatalf("recorded registry %s is absent: looked for %s", tree, pattern)
			}
			t.Skipf("recorded registry %s is absent: looked for %s", tree, pattern)
		}
		registries[platform] = readRegistry(t, names[0])
	}
	checked := 0
	for _, def := range load(t).BIOSIntents {
		for _, o := range def.Offers {
			r, known := registries[o.Platform]
			if !known || !o.Verified {
				t.Errorf("%s = %s: platform %q has no recorded registry, so it is not verified", def.Name, o.Value, o.Platform)
				continue
			}
			for name, want := range o.Set {
				i := slices.IndexFunc(r.Attributes, func(a rack.RegistryAttribute) bool { return a.Name == name })
				if i < 0 || !slices.ContainsFunc(r.Attributes[i].Values, func(v rack.RegistryValue) bool { return v.Name == want || v.DisplayName == want }) {
					t.Errorf("%s = %s: the registry of %s does not take %s = %v", def.Name, o.Value, o.Platform, name, want)
				}
				checked++
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d attributes were checked", checked)
	}
}

func readRegistry(t *testing.T, path string) rack.BIOSRegistryInfo {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(z)
	dec.UseNumber()
	var o redfish.Object
	if err := dec.Decode(&o); err != nil {
		t.Fatal(err)
	}
	return inventory.DecodeRegistry(o)
}

// TestIntentsRefused: an offer without a source, of one unit, or without attributes is no offer, and a profile wants only what
// there is.
func TestIntentsRefused(t *testing.T) {
	for want, text := range map[string]string{
		"Catalog entry without source": "intent \"a\" {\n offer \"on\" {\n set = { A = \"x\" }\n }\n}",
		"Intent without attributes":    "intent \"a\" {\n offer \"on\" {\n platform = \"P\"\n source = \"s\"\n verified = false\n set = {}\n }\n}",
		"BIOS attribute of one unit":   "intent \"a\" {\n offer \"on\" {\n platform = \"P\"\n source = \"s\"\n verified = false\n set = { \"Slot_00620B4C284E\" = \"x\" }\n }\n}",
		"Intent without offers":        `intent "a" {}`,
	} {
		_, _, diags := catalog.DecodeBIOS("x.hcl", []byte(text))
		if !strings.Contains(fmt.Sprint(diags), want) {
			t.Errorf("want %q: %v", want, diags)
		}
	}
}

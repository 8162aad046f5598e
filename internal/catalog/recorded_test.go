package catalog_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/rack"
)

// resource is what this test reads of any Redfish resource.
type resource struct {
	Type         string `json:"@odata.type"`
	ID           string `json:"Id"`
	Name         string
	Version      string
	SoftwareID   string `json:"SoftwareId"`
	Manufacturer string
	Model        string
	Status       struct{ State string }
}

// recorded reads a recorded tree beside the repository.
func recorded(t *testing.T, tree string) []resource {
	t.Helper()
	p := filepath.Join(repo, "..", "shared", "redfish", tree+".tar.gz")
	f, err := os.Open(p)
	if errors.Is(err, os.ErrNotExist) {
		if os.Getenv("METALWRIGHT_LAB") == "require" {
			t.Fatalf("recorded tree is absent: looked for %s", p)
		}
		t.Skipf("recorded tree is absent: looked for %s", p)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []resource
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, ".json") {
			continue
		}
		var x resource
		if b, err := io.ReadAll(r); err == nil && json.Unmarshal(b, &x) == nil && x.Type != "" {
			out = append(out, x)
		}
	}
}

// TestRecordedDevices holds identity, selectors and factory versions against what real devices of the platform said.
func TestRecordedDevices(t *testing.T) {
	c := load(t)
	for key, tree := range map[string]string{
		"dell_r750": "dell-r750-idrac9-6.00", "hpe_dl380a_gen11": "hpe-dl380a-gen11-ilo6-h100nvl", "dgx_h100": "nvidia-dgx-h100",
		"sys_821ge_tnhr": "supermicro-sys-821ge-h100", "lenovo_sr670_v2": "lenovo-sr670v2-xcc-2.83", "gb200_compute_tray": "nvidia-gb200-nvl",
	} {
		t.Run(key, func(t *testing.T) {
			resources := recorded(t, tree)
			h := c.Hardware["server."+key]
			if !slices.ContainsFunc(resources, func(r resource) bool {
				model := strings.TrimSuffix(r.Model, " -- SIMULATED") // the publisher of one tree added this
				return r.Manufacturer == h.Identity.Manufacturer && slices.Contains(h.Identity.Models, model)
			}) {
				t.Errorf("no resource calls itself %q %v", h.Identity.Manufacturer, h.Identity.Models)
			}
			var rows []rack.Firmware
			for _, r := range resources {
				if strings.HasPrefix(r.Type, "#SoftwareInventory.") {
					rows = append(rows, rack.Firmware{ID: r.ID, Name: r.Name, Version: r.Version, SoftwareID: r.SoftwareID, State: r.Status.State})
				}
			}
			checkRows(t, c.Baselines[key+"/2026.11"], h, rows)
		})
	}
}

func checkRows(t *testing.T, b rack.Baseline, h rack.Hardware, rows []rack.Firmware) {
	t.Helper()
	for _, comp := range b.Components {
		got := firmware.Match(comp.Select, rows)
		if comp.Name == "nic" && len(got) == 0 {
			continue // which slot an adapter sits in, and whether it is listed, differs from unit to unit
		}
		if len(got) == 0 || len(got) > 1 && !comp.Select.All {
			t.Errorf("component %s selects %d of %d rows", comp.Name, len(got), len(rows))
			continue
		}
		i := slices.IndexFunc(h.Components, func(f rack.ComponentFacts) bool { return f.Name == comp.Name })
		for _, r := range got {
			if i < 0 || !firmware.Equal(comp.Compare, r.Version, h.Components[i].Version) {
				t.Errorf("component %s: the device runs %s, the catalog says a new machine has %v", comp.Name, r.Version, h.Components)
			}
		}
	}
}

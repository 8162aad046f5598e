package inventory_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim/recorded"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestRecorded reads every recorded tree over the wire: no gap, no panic, the golden counts, and the same bytes twice.
func TestRecorded(t *testing.T) {
	for _, name := range trees(t) {
		t.Run(treeName(name), func(t *testing.T) {
			tree, err := recorded.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			d, gaps := readTree(t, tree, inventory.Options{Facets: []rack.Facet{rack.FacetRegistry}})
			if d.Stats.SessionsOpened != 1 || d.Stats.SessionsClosed != 1 || d.Stats.Connections > 4 {
				t.Errorf("it cost %+v: want one session, closed, and at most 4 connections", d.Stats)
			}
			golden(t, treeName(name), summary(d, gaps))
			again, gapsAgain := readTree(t, tree, inventory.Options{Facets: []rack.Facet{rack.FacetRegistry}})
			d.Stats, again.Stats = rack.Stats{}, rack.Stats{}
			if a, b := asJSON(t, d, gaps), asJSON(t, again, gapsAgain); !bytes.Equal(a, b) {
				t.Errorf("a second run differs (-first +second):\n%s", cmp.Diff(string(a), string(b)))
			}
			plain, plainGaps, err := inventory.Read(t.Context(), memoryOf(tree), inventory.Options{Facets: []rack.Facet{rack.FacetRegistry}})
			if err != nil {
				t.Fatal(err)
			}
			if a, b := summary(d, gaps), summary(plain, plainGaps); a != b {
				t.Errorf("reading singly differs from reading expanded (-expanded +singly):\n%s", cmp.Diff(a, b))
			}
		})
	}
}

func asJSON(t *testing.T, d rack.Device, gaps []rack.Gap) []byte {
	t.Helper()
	b, err := json.MarshalIndent([]any{d, gaps}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	p := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(p, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", p, diff)
	}
}

// summary tells what was read in counts, kinds and versions: no body, no serial, no address.
func summary(d rack.Device, gaps []rack.Gap) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("bmc: %s, model %q, version %q, Redfish %s, dialect %s, %d MACs", d.BMC.Vendor, d.BMC.Model, d.BMC.FirmwareVersion,
		d.BMC.RedfishVersion, d.BMC.Dialect, len(d.BMC.MACs))
	for _, s := range d.Systems {
		summarySystem(line, s)
	}
	line("chassis: %s", tally(d.Chassis, func(c rack.Chassis) string { return c.Type }))
	line("firmware: %d rows, %d with a version, %d staged, %d updateable", len(d.Firmware),
		count(d.Firmware, func(f rack.Firmware) bool { return f.Version != "" }), count(d.Firmware, func(f rack.Firmware) bool { return f.Staged }),
		count(d.Firmware, func(f rack.Firmware) bool { return f.Updateable }))
	line("power: %s; capacities %s", tally(d.Power, func(p rack.PowerUnit) string { return p.Kind }), tally(d.Power, func(p rack.PowerUnit) string {
		if p.CapacityWatts == nil {
			return "not told"
		}
		return fmt.Sprint(*p.CapacityWatts)
	}))
	line("leak detectors: %s", tally(d.LeakDetectors, func(l rack.LeakDetector) string { return l.State + "/" + l.Status }))
	c := d.Capabilities
	line("resets: host %v, bmc %v, aux %q", c.ResetTypes, c.ManagerResetTypes, c.AuxCycle)
	line("update: multipart %v, simple %v, push %v, apply times %v, image limit %d", c.MultipartPush, c.SimpleUpdate, c.HTTPPush,
		c.ApplyTimes, c.MaxImageBytes)
	line("media %v, events %v", c.VirtualMedia, c.Events)
	for _, g := range gaps {
		line("gap: %s: %s", g.Path, g.Reason)
	}
	return b.String()
}

func summarySystem(line func(string, ...any), s rack.System) {
	line("system %s: host %v, %s %s, BIOS %q, power %s, boot progress %q, %d GiB", s.ID, s.Host, s.Manufacturer, s.Model,
		s.BIOSVersion, s.PowerState, s.BootProgress, s.MemoryBytes>>30)
	line("  processors: %s", tally(s.Processors, func(p rack.Processor) string { return fmt.Sprintf("%s (%d cores)", p.Model, p.Cores) }))
	line("  gpus: %s", tally(s.GPUs, func(g rack.GPU) string {
		return fmt.Sprintf("%q by %s, serial %v", g.Model, g.Source, g.SerialNumber != "")
	}))
	line("  drives: %s", tally(s.Drives, func(d rack.Drive) string {
		return fmt.Sprintf("%s %d %s/%s, serial %v, bay %v, in volume %v", d.Model, d.CapacityBytes, d.Media, d.Protocol, d.SerialNumber != "",
			d.Bay != "", d.InVolume)
	}))
	line("  volumes: %s", tally(s.Volumes, func(v rack.Volume) string {
		return fmt.Sprintf("%s %d of %d drives", v.RAIDType, v.CapacityBytes, len(v.Drives))
	}))
	for _, c := range s.Controllers {
		line("  controller %s: creates %v, %v, apply times %v", c.ID, c.CanCreate, c.RAIDTypes, c.ApplyTimes)
	}
	line("  nics: %s", tally(s.NICs, func(n rack.NIC) string { return fmt.Sprintf("%s %d, MAC %v", n.Link, n.SpeedBps, n.MAC != "") }))
	if x := s.BIOS; x != nil {
		line("  bios: %d attributes, pending %v, registry %q, settings %s, apply times %v", len(x.Attributes),
			slices.Sorted(maps.Keys(x.Pending)), x.Registry, x.SettingsPath, x.ApplyTimes)
		if r := x.RegistryDoc; r != nil {
			line("  registry: %s %s, %d attributes, %d dependencies, %d warnings", r.ID, r.Version, len(r.Attributes), len(r.Dependencies),
				len(r.Warnings))
		}
	}
	if x := s.Boot; x != nil {
		line("  boot: override %s %s %s, order %d, writable %v, options %d, targets %v", x.OverrideEnabled, x.OverrideTarget, x.OverrideMode,
			len(x.Order), x.OrderWritable, len(x.Options), x.Targets)
	}
	line("  media: %s", tally(s.Media, func(m rack.MediaSlot) string {
		return fmt.Sprintf("%v inserted %v, can insert %v", m.Types, m.Inserted, m.CanPost)
	}))
}

func tally[T any](list []T, kind func(T) string) string {
	n := map[string]int{}
	for _, x := range list {
		n[kind(x)]++
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprintf("%d x %s", n[k], k))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, "; ")
}

func count[T any](list []T, is func(T) bool) int {
	n := 0
	for _, x := range list {
		if is(x) {
			n++
		}
	}
	return n
}

// TestOther reads every tree in the folder that METALWRIGHT_TREES names and shows what it is: for trees that are not kept.
func TestOther(t *testing.T) {
	dir := os.Getenv("METALWRIGHT_TREES")
	if dir == "" {
		t.Skip("no other trees: METALWRIGHT_TREES names no folder")
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		t.Run(e.Name(), func(t *testing.T) {
			tree, err := recorded.Load(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			d, gaps := readTree(t, tree, inventory.Options{Facets: []rack.Facet{rack.FacetRegistry}})
			t.Logf("%d requests\n%s", d.Stats.Requests, summary(d, gaps))
			plain, plainGaps, err := inventory.Read(t.Context(), memoryOf(tree), inventory.Options{Facets: []rack.Facet{rack.FacetRegistry}})
			if err != nil {
				t.Fatal(err)
			}
			if a, b := summary(d, gaps), summary(plain, plainGaps); a != b {
				t.Errorf("reading singly differs from reading expanded (-expanded +singly):\n%s", cmp.Diff(a, b))
			}
		})
	}
}

package blueprint

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// today is the day of every test.
var today = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// testCatalog is the shipped catalog, with the entries that the language's own example and the worked numbers need.
func testCatalog(t testing.TB) Catalog {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	c.Hardware, c.Baselines, c.Images, c.Recipes = maps.Clone(c.Hardware), maps.Clone(c.Baselines),
		maps.Clone(c.Images), maps.Clone(c.Recipes)
	num := func(v float64) *rack.Number { return &rack.Number{Value: v, Source: "test", Verified: true} }
	c.Hardware["server.dgx_b200"] = rack.Hardware{Key: "server.dgx_b200", Kind: "server", Vendor: "NVIDIA",
		Cooling: "air", Digest: "sha256:b200",
		U: num(10), PeakKW: num(14.3), WeightKg: num(142.4), Supplies: num(6), SupplyKW: num(3.3),
		GPU:      &rack.PartFacts{Model: "B200", Count: 8},
		Disks:    []rack.DiskFacts{{Name: "m2_raid1", Count: 2}, {Name: "u2_raid0", Count: 8}},
		Profiles: map[string]map[string]any{"training": {"NumaNodesPerSocket": "NPS4", "SriovGlobal": "Enabled"}},
		Facts:    map[string]rack.Number{"accept.nccl_allreduce_busbw": *num(430)}}
	c.Hardware["rack.test_48u"] = rack.Hardware{Key: "rack.test_48u", Kind: "rack", U: num(48), Digest: "sha256:rack"}
	c.Hardware["fabric.ndr400_rail8_su32"] = rack.Hardware{Key: "fabric.ndr400_rail8_su32", Kind: "fabric",
		Digest: "sha256:fabric"}
	c.Hardware["server.wet"] = rack.Hardware{Key: "server.wet", Kind: "server", Cooling: "hybrid", U: num(1),
		Digest: "sha256:wet"}
	c.Baselines["dgx_b200/2026.10"] = rack.Baseline{Key: "dgx_b200/2026.10", Platform: "dgx_b200", Version: "2026.10",
		Match: rack.BaselineMatch{Hardware: []string{"dgx_b200"}}, Digest: "sha256:base"}
	c.Images["ubuntu_24_04_gpu/2026.11"] = catalog.Image{Key: "ubuntu_24_04_gpu/2026.11", Name: "ubuntu_24_04_gpu",
		Version: "2026.11",
		Path:    "images/ubuntu.iso", Digest: "sha256:image"}
	c.Recipes["rke2_training/1.34"] = catalog.Recipe{Key: "rke2_training/1.34", Name: "rke2_training", Version: "1.34",
		Digest: "sha256:recipe"}
	return c
}

// resolveText parses and resolves one file.
func resolveText(t testing.TB, text string, opt Options) (rack.Design, diag.List) {
	t.Helper()
	bp, diags := Parse(map[string][]byte{"main.mw.hcl": []byte(text)})
	d, more := Resolve(bp, opt)
	return d, append(diags, more...).Sorted()
}

func options(t testing.TB) Options { return Options{Catalog: testCatalog(t), Now: today} }

func say(l diag.List) string {
	var b strings.Builder
	for _, d := range l {
		fmt.Fprintf(&b, "%s:%d:%d-%d:%d: %s: %s", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column,
			d.Subject.End.Line,
			d.Subject.End.Column, strings.ToLower(d.Severity.String()), d.Summary)
		if d.Rule != "" {
			fmt.Fprintf(&b, " (%s)", d.Rule)
		}
		if d.Address != "" {
			fmt.Fprintf(&b, " [%s]", d.Address)
		}
		fmt.Fprintf(&b, ": %s\n", strings.ReplaceAll(d.Detail, "\n", "\n  "))
	}
	return b.String()
}

// languageExample takes the example out of the language's design document, which lies beside the repository.
func languageExample(t testing.TB) []byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	file := filepath.Join(dir, "..", "shared", "design", "language.md")
	doc, err := os.ReadFile(file)
	if err != nil {
		if os.Getenv("METALWRIGHT_LAB") == "require" {
			t.Fatalf("the design document is absent: looked for %s", file)
		}
		t.Skipf("the design document is absent: looked for %s", file)
	}
	_, rest, _ := strings.Cut(string(doc), "```hcl\n")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatalf("%s has no HCL example", file)
	}
	return []byte(text)
}

// TestUnknownFloor: an acceptance floor that nobody has read is said to be unknown, and the rest goes on.
func TestUnknownFloor(t *testing.T) {
	d, diags := resolveText(t, `
acceptance "a" {
  targets              = []
  nccl_allreduce_busbw = hw.server.dell_r750.accept.nccl_allreduce_busbw
}
`, options(t))
	if diags.HasErrors() || len(diags) != 1 || diags[0].Summary != "Not checked" || len(d.Acceptances) != 1 {
		t.Errorf("%+v\n%s", d.Acceptances, say(diags))
	}
}

// TestLanguageExample resolves the example of the language's design: it plans with one warning, for losing a feed.
func TestLanguageExample(t *testing.T) {
	bp, diags := Parse(map[string][]byte{"language.mw.hcl": languageExample(t)})
	if len(diags) > 0 {
		t.Fatalf("parse:\n%s", say(diags))
	}
	opt := options(t)
	opt.Variables = map[string]any{"country": "AU"}
	d, diags := Resolve(bp, opt)
	if diags.HasErrors() {
		t.Fatalf("resolve:\n%s", say(diags))
	}
	warned := map[string]int{}
	for _, x := range diags {
		warned[x.Rule]++
	}
	if warned["power.feed"] == 0 {
		t.Errorf("no warning for a lost feed (13.2 kW of 14.3 kW):\n%s", say(diags))
	}
	if len(d.Nodes) != 16 || len(d.Racks) != 5 || len(d.Unplanned) != 2 || len(d.Fabrics) != 1 {
		t.Errorf("got %d nodes, %d racks, %d unplanned; want 16, 5, 2 and a fabric", len(d.Nodes), len(d.Racks), len(d.Unplanned))
	}
	if len(d.Checks) != 1 || d.Checks[0].Passed == nil || !*d.Checks[0].Passed {
		t.Errorf("check fits: %+v", d.Checks)
	}
	n, ok := d.Node("a02-n3")
	if !ok || n.Rack != `rack.row_a["a02"]` || n.PositionU != 23 || n.BMC.Credential != "vault:kv/bmc/a02-n3" {
		t.Errorf("node a02-n3: %+v", n)
	}
	if n.Firmware == nil || n.Firmware.Baseline != "dgx_b200/2026.10" ||
		n.BIOS.Attributes["SriovGlobal"].Value != "Enabled" {
		t.Errorf("node a02-n3: firmware %+v, bios %+v", n.Firmware, n.BIOS)
	}
	a, _ := json.MarshalIndent(d, "", "  ")
	for range 5 {
		d2, _ := Resolve(bp, opt)
		if b, _ := json.MarshalIndent(d2, "", "  "); string(a) != string(b) {
			t.Fatal("the same blueprint gave other bytes")
		}
	}
}

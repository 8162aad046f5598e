package blueprint

import (
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/residency"
)

var update = flag.Bool("update", false, "write what the golden tests got into testdata")

// goldenCatalog does not depend on what ships, so that golden files change with the language only.
func goldenCatalog() Catalog {
	num := func(v float64) *rack.Number { return &rack.Number{Value: v, Source: "test", Verified: true} }
	told := func(v float64) *rack.Number { return &rack.Number{Value: v, Source: "hearsay"} }
	hw := []rack.Hardware{
		{Key: "server.big", Kind: "server", Cooling: "air", U: num(10), PeakKW: num(14.3), WeightKg: num(142.4),
			Supplies: num(6),
			SupplyKW: num(3.3), GPU: &rack.PartFacts{Model: "B200", Count: 8},
			Profiles: map[string]map[string]any{"training": {"SriovGlobal": "Enabled", "Delay": int64(120),
				"Quiet": true}},
			Disks: []rack.DiskFacts{{Name: "m2_raid1", Count: 2}},
			Facts: map[string]rack.Number{"accept.busbw": *num(430)}},
		{Key: "server.told", Kind: "server", Cooling: "air", U: told(8), PeakKW: told(10.2), Supplies: num(6),
			SupplyKW: told(3.3)},
		{Key: "server.bare", Kind: "server"},
		{Key: "server.wet", Kind: "server", Cooling: "hybrid", U: num(1)},
		{Key: "rack.frame_48u", Kind: "rack", U: num(48)},
		{Key: "switch.leaf", Kind: "switch", U: num(1)},
		{Key: "fabric.rail8", Kind: "fabric"},
	}
	c := Catalog{Hardware: map[string]rack.Hardware{}, Baselines: map[string]rack.Baseline{},
		Policies: map[string]residency.Profile{},
		Images:   map[string]catalog.Image{}, Recipes: map[string]catalog.Recipe{},
		Blueprints: map[string]map[string][]byte{}}
	for _, h := range hw {
		h.Digest = rack.DigestOf(h.Key)
		c.Hardware[h.Key] = h
	}
	for _, key := range []string{"big/2026.10", "big/2026.11"} {
		platform, version, _ := strings.Cut(key, "/")
		c.Baselines[key] = rack.Baseline{Key: key, Platform: platform, Version: version, Serial: 1,
			Digest: rack.DigestOf(key),
			Match:  rack.BaselineMatch{Hardware: []string{"big"}}}
	}
	c.BIOSIntents, c.BIOSProfiles = map[string]rack.BIOSIntentDef{}, map[string]rack.BIOSProfile{}
	for name, values := range map[string][]string{"sr_iov": {"on", "off"}, "cores": {"1", "2"}, "quiet": {"on"}, "tpm_clear": {"clear"}} {
		def := rack.BIOSIntentDef{Name: name, Digest: "sha256:intents"}
		for _, v := range values {
			def.Offers = append(def.Offers, rack.BIOSOffer{Value: v, Platform: "Big", Set: rack.Attributes{name: v}, Source: "test"})
		}
		c.BIOSIntents[name] = def
	}
	c.BIOSProfiles["plain"] = rack.BIOSProfile{Name: "plain", Digest: "sha256:profiles", Intents: map[string]string{"sr_iov": "on", "quiet": "on"}}
	c.Policies["au.strategic"] = residency.Profile{Key: "au.strategic", Jurisdiction: "AU", Serial: 3,
		Reviewed: "2026-11-01",
		Digest:   "sha256:au", Rules: map[string]residency.Rule{"place.match": {Severity: "error"},
			"endpoint.closed": {Severity: "error", Waivable: true}}}
	c.Policies["sg.baseline"] = residency.Profile{Key: "sg.baseline", Jurisdiction: "SG", Serial: 1,
		Reviewed: "2025-01-01", Digest: "sha256:sg"}
	c.Images["ubuntu/2026.11"] = catalog.Image{Key: "ubuntu/2026.11", Name: "ubuntu", Version: "2026.11",
		Path:   "images/ubuntu.iso",
		Digest: "sha256:image"}
	c.Recipes["rke2/1.34"] = catalog.Recipe{Key: "rke2/1.34", Name: "rke2", Version: "1.34", Digest: "sha256:recipe"}
	c.Blueprints["pod"] = map[string][]byte{"pod.mw.hcl": []byte("variable \"rack\" {}\noutput \"told\" { value = " +
		"var.rack.name }\n")}
	return c
}

// TestGolden resolves every archive of testdata: its files *.mw.hcl (those in folders are for use blocks),
// variables.json and
// metalwright.lock.hcl. It compares with want.diags, and with want.design where that is there.
func TestGolden(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dirs := map[string]map[string][]byte{}
	want := map[string]string{}
	opt := Options{Catalog: goldenCatalog(), Now: today, Version: "0.1.3"}
	for _, f := range ar.Files {
		switch {
		case strings.HasPrefix(f.Name, "want."):
			want[f.Name] = string(f.Data)
		case f.Name == "variables.json":
			if err := json.Unmarshal(f.Data, &opt.Variables); err != nil {
				t.Fatal(err)
			}
		case f.Name == LockFile:
			lock, diags := ParseLock(f.Name, f.Data)
			if len(diags) > 0 {
				t.Fatal(say(diags))
			}
			opt.Lock = lock
		default:
			dir, base := path.Split(f.Name)
			dir = path.Clean(dir)
			if dirs[dir] == nil {
				dirs[dir] = map[string][]byte{}
			}
			dirs[dir][base] = f.Data
		}
	}
	opt.Uses = func(ref UseRef) (map[string][]byte, error) {
		if d := dirs[ref.Path]; d != nil {
			return d, nil
		}
		return nil, errors.New("no such directory")
	}
	bp, diags := Parse(dirs["."])
	d, more := Resolve(bp, opt)
	got := map[string]string{"want.diags": say(append(diags, more...).Sorted())}
	if _, ok := want["want.design"]; ok {
		d.Hardware, d.Baselines = nil, nil
		b, err := json.MarshalIndent(d, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		got["want.design"] = string(b) + "\n"
	}
	if strings.Contains(got["want.diags"], bugSummary) {
		t.Errorf("an internal error was reported:\n%s", got["want.diags"])
	}
	if *update {
		for i, f := range ar.Files {
			if g, ok := got[f.Name]; ok {
				ar.Files[i].Data = []byte(g)
				delete(got, f.Name)
			}
		}
		for name, g := range got {
			ar.Files = append(ar.Files, txtar.File{Name: name, Data: []byte(g)})
		}
		if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, maps.Clone(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

package catalog_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/rack"
)

var update = flag.Bool("update", false, "write the simulator's firmware images and their digests (make gen)")

const repo = "../.."

// imageSizes are the payloads of the simulator's images: small enough to ship, different enough to tell apart.
var imageSizes = map[string]int{"bmc": 6 << 10, "bios": 4 << 10, "nic": 2 << 10}

// simulatedImage builds the package of one component as the simulator takes it.
func simulatedImage(t *testing.T, platform string, c rack.BaselineComponent) []byte {
	t.Helper()
	name := firmware.SimulatedName(platform, c.Name, c.Want)
	var payload []byte
	for i := 0; len(payload) < imageSizes[c.Name]; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s:%d", name, i))
		payload = append(payload, sum[:]...)
	}
	// Descriptor type 0xFFFF is vendor-defined (DSP0267): title type, title length, title, data.
	title := "metalwright-simulator"
	desc := append([]byte{1, byte(len(title))}, title+platform...)
	b, err := firmware.BuildPackage(firmware.Spec{Version: name,
		Descriptors: []firmware.Descriptor{{Type: 0xFFFF, Data: desc}},
		Components:  []firmware.ComponentSpec{{Classification: 10, ID: 1, Version: c.Want, Image: payload}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// usedBy lists the blueprints whose text names a baseline, as fw.PLATFORM["VERSION"].
func usedBy(c catalog.Catalog, b rack.Baseline) []string {
	var out []string
	for _, name := range c.BlueprintNames() {
		for file, text := range c.Blueprints[name] {
			if strings.HasSuffix(file, ".mw.hcl") && bytes.Contains(text, fmt.Appendf(nil, "fw.%s[%q]", b.Platform, b.Version)) {
				out = append(out, name)
				break
			}
		}
	}
	return out
}

// TestImagesGolden holds every image of every baseline against the file in each blueprint that uses it. With -update it writes
// both the files and the sizes and digests in the baselines.
func TestImagesGolden(t *testing.T) {
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		writeImages(t, c)
		return
	}
	used := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(c.Baselines)) {
		b := c.Baselines[key]
		users := usedBy(c, b)
		if len(users) == 0 {
			t.Errorf("baseline %s is used by no blueprint, so its images lie nowhere", key)
		}
		for _, x := range b.Components {
			for _, name := range users {
				path := "firmware/" + x.Image.File
				used[name+"/"+path] = true
				checkImage(t, name+"/"+path, c.Blueprints[name][path], b.Platform, x)
			}
		}
	}
	for name, files := range c.Blueprints {
		for path := range files {
			if strings.HasPrefix(path, "firmware/") && !used[name+"/"+path] {
				t.Errorf("%s/%s is named by no baseline that the blueprint uses", name, path)
			}
		}
	}
}

func checkImage(t *testing.T, where string, got []byte, platform string, c rack.BaselineComponent) {
	t.Helper()
	sum := sha256.Sum256(got)
	if int64(len(got)) != c.Image.SizeBytes || "sha256:"+hex.EncodeToString(sum[:]) != string(c.Image.Digest) {
		t.Errorf("%s: %d bytes, sha256:%x; the baseline says %d bytes, %s (run the test with -update)", where, len(got), sum,
			c.Image.SizeBytes, c.Image.Digest)
	}
	if len(got) > 8<<10 {
		t.Errorf("%s has %d bytes; an image of the simulator has 8 KiB at most", where, len(got))
	}
	p, err := firmware.ParsePackage(bytes.NewReader(got), int64(len(got)))
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	hw, comp, version, ok := firmware.ParseSimulatedName(p.Version)
	if !ok || hw != platform || comp != c.Name || version != c.Want {
		t.Errorf("%s says it is %q; want component %s of %s, version %s", where, p.Version, c.Name, platform, c.Want)
	}
	if !bytes.Equal(got, simulatedImage(t, platform, c)) {
		t.Errorf("%s is not what its generator writes (run the test with -update)", where)
	}
}

func writeImages(t *testing.T, c catalog.Catalog) {
	for _, b := range c.Baselines {
		path := filepath.Join(repo, "firmware", "baselines", b.Platform, b.Version+".hcl")
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, diags := hclwrite.ParseConfig(src, path, hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		body := f.Body().Blocks()[0].Body()
		for _, x := range b.Components {
			img := simulatedImage(t, b.Platform, x)
			for _, name := range usedBy(c, b) {
				dir := filepath.Join(repo, "blueprints", name, "firmware")
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, x.Image.File), img, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			sum := sha256.Sum256(img)
			image := body.FirstMatchingBlock("component", []string{x.Name}).Body().FirstMatchingBlock("image", nil).Body()
			image.SetAttributeValue("size_bytes", cty.NumberIntVal(int64(len(img))))
			image.SetAttributeValue("digest", cty.StringVal("sha256:"+hex.EncodeToString(sum[:])))
		}
		if err := os.WriteFile(path, f.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

package catalog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/catalog"
)

// examples gives the HCL blocks of a document that hold what begins a line.
func examples(t *testing.T, doc, begin string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repo, "docs", doc))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, part := range strings.Split(string(text), "```hcl\n")[1:] {
		code, _, ok := strings.Cut(part, "```")
		if ok && strings.HasPrefix(code, begin) {
			out = append(out, code)
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s has no example that begins with %q", doc, begin)
	}
	return out
}

// TestExamplesOfTheDocuments runs what docs/language.md and docs/catalog.md show.
func TestExamplesOfTheDocuments(t *testing.T) {
	c := load(t)
	bp, diags := blueprint.Parse(map[string][]byte{"main.mw.hcl": []byte(examples(t, "language.md", "blueprint {")[0])})
	d, more := blueprint.Resolve(bp, blueprint.Options{Catalog: c, Now: goldenDay})
	if diags = append(diags, more...); diags.HasErrors() {
		t.Errorf("the first blueprint of language.md: %v", diags.Err())
	}
	if len(d.Nodes) != 2 || d.Nodes[0].BIOS == nil || d.Nodes[0].BIOS.Attributes["AcPwrRcvry"].Value != "Last" {
		t.Errorf("the first blueprint of language.md gives %+v", d.Nodes)
	}
	for _, code := range examples(t, "language.md", "run ") {
		if _, diags := blueprint.ParseTests("x.mwtest.hcl", []byte(code)); diags.HasErrors() {
			t.Errorf("a test of language.md: %v", diags.Err())
		}
	}
	for _, code := range examples(t, "catalog.md", "server ") {
		if h, diags := catalog.DecodeHardware("x.hcl", []byte(code)); diags.HasErrors() || len(h) != 1 {
			t.Errorf("an entry of catalog.md: %v", diags)
		}
	}
	for _, code := range examples(t, "catalog.md", "baseline ") {
		if b, diags := firmware.DecodeBaseline("x.hcl", []byte(code)); len(diags) > 0 || len(b.Components) != 1 {
			t.Errorf("a baseline of catalog.md: %v", diags)
		}
	}
}

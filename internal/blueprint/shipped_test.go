package blueprint

import (
	"testing"
)

// TestShippedBlueprints resolves every blueprint of the catalog without an error.
func TestShippedBlueprints(t *testing.T) {
	opt := options(t)
	for name, src := range opt.Catalog.Blueprints {
		t.Run(name, func(t *testing.T) {
			bp, diags := Parse(src)
			d, more := Resolve(bp, opt)
			if diags = append(diags, more...); diags.HasErrors() {
				t.Fatal(say(diags))
			}
			if len(d.Nodes) == 0 {
				t.Error("no nodes")
			}
			t.Log(say(diags))
		})
	}
}

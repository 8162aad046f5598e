package blueprint

import "testing"

const thousand = `
region "east" {
  jurisdiction = "AU"
  policy       = policies.au.strategic
}
site "bne1" {
  region  = region.east
  country = "AU"
}
locals {
  nodes = flatten([for r in range(250) : [for i in range(4) : { rack = "r${r}", slot = i, name = "r${r}-n${i}" }]])
}
rack "row" {
  for_each = toset([for r in range(250) : "r${r}"])
  site     = site.bne1
  model    = hw.rack.test_48u
  power {
    feeds       = 6
    contract_kw = 63
  }
}
node "gpu" {
  for_each = { for n in local.nodes : n.name => n }
  hardware = hw.server.dgx_b200
  at       = { rack = rack.row[each.value.rack], u = 3 + each.value.slot * 10 }
  bmc { credential = secret("vault:kv/bmc#${each.key}") }
  bios { profile = hw.server.dgx_b200.bios.training }
}
firmware "all" {
  targets  = node.gpu
  baseline = fw.dgx_b200["2026.10"]
}
check "fits" {
  assert = alltrue([for r in rack.row : r.used_u <= r.model.u && r.peak_kw <= r.power.contract_kw])
}
`

// TestThousandNodes resolves 250 racks of 4 nodes, without a word.
func TestThousandNodes(t *testing.T) {
	d, diags := resolveText(t, thousand, options(t))
	if len(diags) > 0 || len(d.Nodes) != 1000 {
		t.Fatalf("%d nodes\n%.2000s", len(d.Nodes), say(diags))
	}
}

func BenchmarkThousandNodes(b *testing.B) {
	opt := options(b)
	for b.Loop() {
		if _, diags := resolveText(b, thousand, opt); diags.HasErrors() {
			b.Fatal(say(diags))
		}
	}
}

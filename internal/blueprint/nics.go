package blueprint

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// nicsSpec is the adapters of a host.
var nicsSpec = &blockSpec{blocks: nested{
	"port": {labels: 1, freeLabel: true, repeat: true, attrs: attrs(nil, "adapter", "port", "link", "sr_iov", "boot", "attributes")},
	"dpu":  object(list{"mode"}),
}}

// words maps what a blueprint says to what Redfish says.
var (
	linkWords = map[string]string{"ethernet": "Ethernet", "infiniband": "InfiniBand"}
	bootWords = map[string]string{"none": "Disabled", "pxe": "PXE", "http": "HTTP"}
	dpuWords  = map[string]string{"dpu": "DpuMode", "nic": "NicMode"}
)

func (rd *reader) nics() []rack.NICSpec {
	var out []rack.NICSpec
	ports := rd.each("port", "nics")
	for _, name := range sortedKeys(ports) {
		p := ports[name]
		e := rack.NICSpec{Name: name, Attributes: map[string]string{}, Origin: diag.At(p.rng), Adapter: p.text("adapter"),
			Link: linkWords[p.word("link", "link", "", "ethernet", "infiniband")],
			Boot: bootWords[p.word("boot", "boot", "", "none", "pxe", "http")]}
		e.Port, _ = p.str("port", "port")
		if on, ok := p.boolean("sr_iov", "sr_iov"); ok {
			e.SRIOV = &on
		}
		if e.Port != "" && e.Adapter == "" {
			p.errorf(p.at("port"), "Missing attribute", "%q counts the ports of an adapter: it needs \"adapter\".", "port")
		}
		if a, ok := p.attr["attributes"]; ok {
			items, _ := p.objectItems(a.expr, "attributes")
			for _, it := range items {
				one := &reader{s: p.s, in: p.in, spec: &blockSpec{}, path: p.path + ".attributes", rng: it.keyRange,
					attr: map[string]attribute{it.key: {it.expr, it.keyRange, hcl.RangeBetween(it.keyRange, it.expr.Range())}}}
				if s, ok := one.str(it.key, it.key); ok {
					e.Attributes[it.key] = s
				}
			}
		}
		out = append(out, e)
	}
	return out
}

func (rd *reader) dpu() *rack.DPUSpec {
	d := rd.sub("dpu", "dpu")
	if d == nil {
		return nil
	}
	mode := dpuWords[d.word("mode", "mode", "", "dpu", "nic")]
	if mode == "" {
		return nil
	}
	return &rack.DPUSpec{Mode: mode, Origin: diag.At(d.rng)}
}

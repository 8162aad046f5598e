package blueprint

import (
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
)

var macForm = regexp.MustCompile(`^([0-9a-f]{2}:){5}[0-9a-f]{2}$`)

// networkSwitch reads a switch block. Its name is what the switch calls itself by LLDP.
func (rd *reader) networkSwitch(in *instance) {
	e := &rack.Switch{Address: in.address, Origin: rd.origin()}
	e.Name = rd.nodeName(in)
	in.vals["hardware"] = poisoned
	name := "hardware"
	if _, ok := rd.attr["model"]; ok {
		name = "model"
	}
	if key, v, ok := rd.catalogKey(name, "hardware", "hw"); ok {
		if h, known := rd.s.m.r.hardware(key, rd.at(name)); known {
			rd.kind(h, name, "switch")
			e.Hardware = key
			in.vals["hardware"] = v
			rd.fromCatalog("hardware", "hw."+key, h.Digest)
		}
	} else if _, given := rd.attr[name]; !given {
		rd.errorf(rd.rng, "Missing attribute", `switch needs "hardware".`)
	}
	if at := rd.sub("at", ""); at != nil {
		if to, ok := at.ref("rack", "rack", "rack"); ok {
			e.Rack = to.address
			in.link("rack", to)
		}
		e.PositionU, _ = at.whole("u", "position_u", 1, maxRackU)
	}
	e.OS = rd.word("os", "os", "", "cumulus", "sonic", "mlnx_os")
	if mac := strings.ToLower(rd.text("chassis_id")); mac != "" {
		if !macForm.MatchString(mac) {
			rd.errorf(rd.at("chassis_id"), "Wrong address", "%q is not a MAC address such as \"48:b0:2d:00:00:01\".", mac)
		}
		e.ChassisID = mac
	}
	in.vals["u"] = wholeOrNull(e.PositionU)
	in.element = e
}

// fabric reads a fabric block. What follows from it is computed when all elements are known.
func (rd *reader) fabric(in *instance) {
	r := rd.s.m.r
	e := &rack.Fabric{Address: in.address, Name: in.m.namePrefix + in.name, Origin: rd.origin()}
	if key, _, ok := rd.catalogKey("design", "design", "hw"); ok {
		if h, known := r.hardware(key, rd.at("design")); known {
			rd.kind(h, "design", "fabric")
			e.Design = key
			rd.fromCatalog("design", "hw."+key, h.Digest)
			if h.Fabric != nil {
				for _, model := range []string{h.Fabric.Leaf, h.Fabric.Spine} {
					if model != "" {
						r.hardware(model, rd.at("design"))
					}
				}
			}
		}
	}
	e.Attach = rd.elements(in, "attach", "node")
	e.Leafs, e.Spines = rd.elements(in, "leaf", "switch"), rd.elements(in, "spine", "switch")
	e.Management = rd.elements(in, "management", "switch")
	e.Units, _ = rd.whole("units", "units", 1, 64)
	e.Manager = rd.word("manager", "manager", "", "leaf", "elsewhere")
	e.Verify = rd.preset("verify", "if_seen", "if_seen", "require")
	e.Network = rd.text("network")
	if n, ok := rd.whole("asn_base", "asn_base", 1, 4294967294-1000); ok {
		e.ASNBase = int64(n)
	}
	e.RowPitchM = rd.numberPtr("row_pitch_m", "row_pitch_m", nil)
	e.RailPorts, _ = rd.strs("ports", "ports")
	_, e.AsBuilt = rd.attr["as_built"]
	e.Slots = rd.slots()
	in.element = e
}

// elements reads references as addresses.
func (rd *reader) elements(in *instance, name, kind string) []rack.Address {
	ins, _ := rd.refs(name, name, kind)
	var out []rack.Address
	for _, x := range ins {
		out = append(out, x.address)
		in.refs = append(in.refs, x.address)
	}
	return out
}

// slots reads pinned rows of leaf ports: node name = row, counted from 1.
func (rd *reader) slots() map[string]int {
	a, ok := rd.attr["slots"]
	if !ok {
		return nil
	}
	rd.asked("slots")
	items, _ := rd.objectItems(a.expr, "slots")
	out := map[string]int{}
	for _, it := range items {
		one := &reader{s: rd.s, in: rd.in, spec: &blockSpec{}, what: rd.what, path: rd.path + ".slots", rng: it.keyRange,
			attr: map[string]attribute{it.key: {it.expr, it.keyRange, hcl.RangeBetween(it.keyRange, it.expr.Range())}}}
		n, ok := one.whole(it.key, it.key, 1, 1<<16)
		if !ok {
			continue
		}
		if in := rd.s.m.r.names[it.key]; in == nil || in.b.kind != "node" {
			one.errorf(it.keyRange, "Unknown node", "%q is the name of no node.", it.key)
			continue
		}
		out[it.key] = n
	}
	return out
}

// fabrics computes every fabric, and says by whom: all of it comes of the catalog's design.
func (r *resolver) fabrics() {
	for _, p := range fabric.Resolve(&r.design) {
		r.find(finding{rule: p.Rule, about: p.About, at: r.at(p.About[0], p.Leaf), summary: p.Summary, detail: p.Detail, warning: p.Warning})
	}
	for _, f := range r.design.Fabrics {
		h := r.design.Hardware[f.Design]
		for _, leaf := range []string{"switches", "links"} {
			path := string(f.Address) + "." + leaf
			r.prov[path] = rack.Provenance{Path: path, Source: "catalog", Origin: r.at(f.Address, "design"),
				Detail: "hw." + f.Design, Digest: h.Digest}
		}
	}
}

package blueprint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// Explanation says of one element of a Design what its values are and who set each.
type Explanation struct {
	Address rack.Address `json:"address"`
	Kind    string       `json:"kind"` // nodes, racks … as in the Design's JSON
	Origin  diag.Origin  `json:"origin,omitzero"`
	Leaves  []Leaf       `json:"leaves"`
}

// Leaf is one value of an element.
type Leaf struct {
	Path   string          `json:"path"` // below the element: bios.attributes.SriovGlobal
	Value  json.RawMessage `json:"value"`
	Source string          `json:"source"` // blueprint, variable, catalog, default; derived when nothing in the text set it
	Origin diag.Origin     `json:"origin,omitzero"`
	Detail string          `json:"detail,omitempty"`
	Digest rack.Digest     `json:"digest,omitempty"`
}

// Explain finds an element by address or a node by name, alone or followed by a path to some of its leaves:
// node.gpu["a01-n1"].bios. When there is none it gives the addresses that are near.
func Explain(d rack.Design, key string) (Explanation, []string, bool) {
	raw, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("metalwright: internal error: explain: %v. This is a bug in Metalwright.", err))
	}
	var kinds map[string]json.RawMessage
	if json.Unmarshal(raw, &kinds) != nil {
		return Explanation{}, nil, false
	}
	var known []string
	best, below := map[string]any(nil), ""
	out := Explanation{}
	for _, kind := range sortedKeys(kinds) {
		for _, e := range objects(kinds[kind]) {
			addr, _ := e["address"].(string)
			if addr == "" {
				continue
			}
			known = append(known, addr)
			for _, id := range names(kind, e) {
				rest, ok := strings.CutPrefix(key, id)
				if ok && (rest == "" || rest[0] == '.') && (best == nil || len(addr) > len(out.Address)) {
					best, below = e, strings.TrimPrefix(rest, ".")
					out = Explanation{Address: rack.Address(addr), Kind: kind, Origin: originOf(e)}
				}
			}
		}
	}
	if best == nil {
		return Explanation{}, near(key, known), false
	}
	x := explainer{prov: map[string]rack.Provenance{}, address: string(out.Address), below: below}
	for _, p := range d.Provenance {
		x.prov[p.Path] = p
	}
	x.flatten("", best, out.Origin)
	out.Leaves = x.leaves
	return out, nil, len(x.leaves) > 0
}

// names are the ways to name an element: its address, and of a node its name.
func names(kind string, e map[string]any) []string {
	out := []string{e["address"].(string)}
	if name, ok := e["name"].(string); ok && (kind == "nodes" || kind == "power_shelves") {
		out = append(out, name)
	}
	return out
}

func objects(raw json.RawMessage) []map[string]any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var out []map[string]any
	if dec.Decode(&out) != nil {
		return nil
	}
	return out
}

func originOf(e map[string]any) diag.Origin {
	var o diag.Origin
	if s, ok := e["origin"].(string); ok && o.UnmarshalText([]byte(s)) != nil {
		return diag.Origin{}
	}
	return o
}

// near lists addresses that begin alike or differ by a slip.
func near(key string, known []string) []string {
	var out []string
	for _, k := range known {
		if strings.HasPrefix(k, key) || strings.Contains(k, key) && len(key) > 2 {
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		if s := diag.Suggest(key, known); s != "" {
			out = []string{s}
		}
	}
	return out[:min(len(out), 10)]
}

type explainer struct {
	prov           map[string]rack.Provenance
	address, below string
	leaves         []Leaf
}

// flatten lists the leaves of an object. Lists of named objects are addressed by name, as labels are in the text.
func (x *explainer) flatten(path string, v any, at diag.Origin) {
	switch v := v.(type) {
	case map[string]any:
		if o := originOf(v); !o.IsZero() {
			at = o
		}
		if val, ok := v["value"]; ok && strings.HasPrefix(path, "bios.attributes.") {
			x.leaf(path, val, at)
			return
		}
		for _, k := range sortedKeys(v) {
			if k == "origin" || path == "" && k == "address" {
				continue
			}
			x.flatten(joinPath(path, k), v[k], at)
		}
		return
	case []any:
		for _, e := range v {
			obj, ok := e.(map[string]any)
			if !ok {
				x.leaf(path, v, at)
				return
			}
			name, _ := obj["name"].(string)
			delete(obj, "name")
			x.flatten(fmt.Sprintf("%s[%q]", path, name), obj, at)
		}
		return
	}
	x.leaf(path, v, at)
}

func joinPath(path, k string) string {
	if path == "" {
		return k
	}
	return path + "." + k
}

func (x *explainer) leaf(path string, v any, at diag.Origin) {
	if x.below != "" && path != x.below && !strings.HasPrefix(path, x.below+".") && !strings.HasPrefix(path,
		x.below+"[") {
		return
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return
	}
	l := Leaf{Path: path, Value: raw, Source: "derived", Origin: at}
	for p := path; p != ""; {
		if known, ok := x.prov[x.address+"."+p]; ok {
			l.Source, l.Origin, l.Detail, l.Digest = known.Source, known.Origin, known.Detail, known.Digest
			break
		}
		p = p[:max(strings.LastIndexAny(p, ".["), 0)]
	}
	x.leaves = append(x.leaves, l)
}

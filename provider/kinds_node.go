package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
)

// commitKind makes real what is staged of one node.
func commitKind() *kind {
	return &kind{name: "commit", forget: "What was made real stays: nothing is sent to the BMC.",
		doc: "Makes real what `apply = \"staged\"` resources declare of one node: one plan, the fewest resets.",
		attrs: map[string]schema.Attribute{
			"stages": schema.MapAttribute{Required: true, ElementType: stageType,
				MarkdownDescription: "The `stage` of each staged resource of the node, under names of your choice."},
		},
		wish: func(own map[string]any) (wish, error) {
			stages, _ := own["stages"].(map[string]any)
			return merged(text(own, "node"), stages)
		}}
}

// rolloutKind makes real what is staged of many nodes, in waves.
func rolloutKind() *kind {
	return &kind{name: "rollout", forget: "What was made real stays: nothing is sent to any BMC.",
		doc: "Makes real what is staged of many nodes: a canary first, then waves. It stops when more nodes of a wave fail than it may lose; the next apply " +
			"goes on with the rest.",
		attrs: map[string]schema.Attribute{
			"name": named("Its name, for the journal and for people."),
			"nodes": schema.MapAttribute{Required: true, ElementType: types.MapType{ElemType: stageType},
				MarkdownDescription: "Of each node, by its name: the `stage` of each of its staged resources, under names of your choice."},
			"strategy": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "How they are taken through.", Attributes: map[string]schema.Attribute{
				"canary":       optionalWhole("How many nodes go first and alone; default 1."),
				"max_parallel": optionalWhole("How many nodes change at once; default 8."),
				"allow_failed": optionalWhole("How many nodes of one wave may fail before it stops; default: a tenth of a wave, two at most, and no canary."),
				"on_error":     optionalText("`halt` (default) or `continue`.", "halt", "continue"),
			}},
			"degraded_nodes_allowed": optionalWhole("How many nodes may wait for hands, be blocked or be unreadable without holding up the others; default 0."),
			"waves": schema.ListAttribute{Computed: true, ElementType: types.ListType{ElemType: types.StringType},
				MarkdownDescription: "Nodes of each wave of the coming apply, in order; afterwards, of the last one."},
		},
		several: func(own map[string]any) (map[string]wish, *plan.Bounds, error) {
			out := map[string]wish{}
			nodes, _ := own["nodes"].(map[string]any)
			for name, stages := range nodes {
				of, _ := stages.(map[string]any)
				w, err := merged(name, of)
				if err != nil {
					return nil, nil, fmt.Errorf("nodes[%q]: %w", name, err)
				}
				out[name] = w
			}
			if len(out) == 0 {
				return nil, nil, fmt.Errorf("no node is named")
			}
			b, err := boundsOf(own)
			return out, b, err
		}}
}

// boundsOf reads a strategy.
func boundsOf(own map[string]any) (*plan.Bounds, error) {
	s, _ := own["strategy"].(map[string]any)
	b := &plan.Bounds{Rollout: rack.Rollout{Canary: 1, MaxParallel: 8, OnError: "halt"}}
	for name, to := range map[string]*int{"canary": &b.Canary, "max_parallel": &b.MaxParallel} {
		if _, given := s[name]; !given {
			continue
		}
		n, err := whole(s, name)
		if err != nil || n < 0 || name == "max_parallel" && n < 1 {
			return nil, fmt.Errorf("strategy.%s has to be a whole number from %d", name, map[string]int{"canary": 0, "max_parallel": 1}[name])
		}
		*to = n
	}
	if _, given := s["allow_failed"]; given {
		n, err := whole(s, "allow_failed")
		if err != nil || n < 0 {
			return nil, fmt.Errorf("strategy.allow_failed has to be a whole number from 0")
		}
		b.AllowFailed = &n
	}
	if w := text(s, "on_error"); w != "" {
		b.OnError = w
	}
	return b, nil
}

// merged puts stages of one node together. Two that say different things of one leaf are an error that names both.
func merged(node string, stages map[string]any) (wish, error) {
	out := wish{body: map[string]any{}, leaves: []string{"commit"}}
	from, baselineFrom := map[string]string{}, ""
	for _, name := range slices.Sorted(maps.Keys(stages)) {
		one, _ := stages[name].(map[string]any)
		var s staged
		dec := json.NewDecoder(strings.NewReader(text(one, "design")))
		dec.UseNumber()
		if err := dec.Decode(&s); err != nil {
			return wish{}, fmt.Errorf("stages[%q] is not the stage of a resource: %w", name, err)
		}
		if s.Node != node {
			return wish{}, fmt.Errorf("stages[%q] is of node %s, and the commit is of node %s", name, s.Node, node)
		}
		if s.Baseline != "" {
			if out.baseline != "" && out.baseline != s.Baseline {
				return wish{}, fmt.Errorf("stages %q and %q want different firmware: %s and %s", baselineFrom, name, out.baseline, s.Baseline)
			}
			out.baseline, baselineFrom = s.Baseline, name
		}
		if err := overlay(out.body, s.Body, "", name, from); err != nil {
			return wish{}, err
		}
	}
	if len(out.body) == 0 && out.baseline == "" {
		return wish{}, fmt.Errorf("nothing is staged")
	}
	return out, nil
}

// overlay merges one tree into another. from remembers which stage a leaf came from.
func overlay(to, more map[string]any, at, stage string, from map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(more)) {
		leaf, v := at+k, more[k]
		had, taken := to[k]
		below, both := had.(map[string]any)
		inner, isMap := v.(map[string]any)
		switch {
		case isMap && (!taken || both):
			if !taken {
				below = map[string]any{}
				to[k] = below
				from[leaf] = stage
			}
			if err := overlay(below, inner, leaf+".", stage, from); err != nil {
				return err
			}
		case taken && !reflect.DeepEqual(had, v):
			return fmt.Errorf("stages %q and %q declare %s differently", from[leaf], stage, leaf)
		default:
			to[k], from[leaf] = v, stage
		}
	}
	return nil
}

// nodeKind declares a node as a whole.
func nodeKind() *kind {
	volumes, ports := schema.NestedAttributeObject{Attributes: volumeAttributes}, schema.NestedAttributeObject{Attributes: portAttributes}
	bmc := maps.Clone(serviceAttributes)
	bmc["locate"] = optionalBool("The light by which a person finds the machine.")
	bmc["attributes"] = textMap("Settings of the controller under the vendor's names.")
	return &kind{name: "node", stages: true, at: nodeAttribute, forget: "The node stays as it is: nothing is sent to the BMC.",
		doc: "One node, converged as a whole: one plan, the fewest resets. What is not declared is left as it is.",
		attrs: map[string]schema.Attribute{
			"firmware":    optionalText("Firmware baseline of the catalog: `dell_r750@2026.11`."),
			"bios":        schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "Firmware setup.", Attributes: biosAttributes},
			"bmc":         schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "Services and settings of the management controller.", Attributes: bmc},
			"boot":        schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "Persistent boot order.", Attributes: bootAttributes},
			"secure_boot": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "Secure Boot.", Attributes: secureBootAttributes},
			"nics":        schema.MapNestedAttribute{Optional: true, MarkdownDescription: "Ports of network adapters, by names of your choice or by id.", NestedObject: ports},
			"volumes":     schema.MapNestedAttribute{Optional: true, MarkdownDescription: "Local volumes, by name.", NestedObject: volumes},
			"dpu_mode":    optionalText("Mode of the BlueFields: `dpu` or `nic`.", "dpu", "nic"),
			"power_limit": optionalText("What the machine may draw: `\"10kW\"`."),
			"power": schema.StringAttribute{Optional: true, MarkdownDescription: "`on` or `off`; absent = left alone.",
				Validators: []validator.String{stringvalidator.OneOf("on", "off")}},
		},
		wish: nodeWish}
}

func nodeWish(own map[string]any) (wish, error) {
	w := wish{body: map[string]any{}, baseline: text(own, "firmware")}
	part := func(name string) map[string]any { m, _ := own[name].(map[string]any); return m }
	put := func(name string, m map[string]any) {
		if len(m) > 0 {
			w.body[name] = m
		}
	}
	put("bios", biosBody(part("bios")))
	put("bmc", part("bmc"))
	boot := maps.Clone(part("boot"))
	if sb := part("secure_boot"); len(sb) > 0 {
		if boot == nil {
			boot = map[string]any{}
		}
		boot["secure_boot"] = sb
	}
	put("boot", boot)
	nics := map[string]any{}
	if p := part("nics"); len(p) > 0 {
		nics["port"] = p
	}
	if mode := text(own, "dpu_mode"); mode != "" {
		nics["dpu"] = map[string]any{"mode": mode}
	}
	put("nics", nics)
	if v := part("volumes"); len(v) > 0 {
		put("disks", map[string]any{"volume": v})
	}
	if s := text(own, "power"); s != "" {
		w.body["power"] = powerWord(map[string]any{"state": s})
	}
	if s := text(own, "power_limit"); s != "" {
		w.body["power_limit"] = s
	}
	if len(w.body) == 0 && w.baseline == "" {
		return w, fmt.Errorf("nothing is declared of the node")
	}
	for name, leaf := range map[string]string{"bios": "bios", "power": "power"} {
		if w.body[name] != nil {
			w.leaves = append(w.leaves, leaf)
		}
	}
	if len(part("boot")) > 0 {
		w.leaves = append(w.leaves, "boot order")
	}
	if len(part("secure_boot")) > 0 {
		w.leaves = append(w.leaves, "secure boot")
	}
	if nics["dpu"] != nil {
		w.leaves = append(w.leaves, "dpu")
	}
	for name := range part("nics") {
		w.leaves = append(w.leaves, "port "+name)
	}
	for name := range part("volumes") {
		w.leaves = append(w.leaves, "volume "+name)
	}
	for name := range part("bmc") {
		w.leaves = append(w.leaves, "bmc "+name)
	}
	if w.baseline != "" {
		w.leaves = append(w.leaves, "firmware")
	}
	return w, nil
}

// nodeAttribute finds the attribute of a node that a leaf of its block comes from.
func nodeAttribute(leaf string) path.Path {
	for _, r := range [][2]string{{"boot.secure_boot", "secure_boot"}, {"nics.dpu.mode", "dpu_mode"}, {"nics.port", "nics"},
		{"disks.volume", "volumes"}, {"firmware.baseline", "firmware"}, {"bios.reset", "bios.reset_to_defaults"}} {
		if rest, ok := strings.CutPrefix(leaf, r[0]); ok {
			return attributePath(r[1] + rest)
		}
	}
	return attributePath(leaf)
}

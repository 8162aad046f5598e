package blueprint

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// blockSpec says what a block may hold. Types and meanings of values are the decoders' business.
type blockSpec struct {
	labels     int // 0 or 1
	freeLabel  bool
	attrs      map[string]bool // name → required
	blocks     map[string]*blockSpec
	open       bool // any attribute
	openBlocks bool // any block
	repeat     bool // nested: several allowed
	object     bool // nested: may be written as an attribute with an object
	required   bool // nested: must be there
	meta       bool // for_each, count, after
}

// metaAttributes repeat and order blocks.
var metaAttributes = []string{"for_each", "count", "after"}

func (s *blockSpec) names() []string {
	out := append(sortedKeys(s.attrs), sortedKeys(s.blocks)...)
	if s.meta {
		out = append(out, metaAttributes...)
	}
	slices.Sort(out)
	return out
}

func attrs(required []string, optional ...string) map[string]bool {
	out := map[string]bool{}
	for _, n := range required {
		out[n] = true
	}
	for _, n := range optional {
		out[n] = false
	}
	return out
}

// object is a nested block that may also be written as name = { … }.
func object(required []string, optional ...string) *blockSpec {
	return &blockSpec{object: true, attrs: attrs(required, optional...)}
}

type (
	list   = []string
	nested = map[string]*blockSpec
)

// factNames are the catalog numbers that a blueprint may override with its own source.
var factNames = list{"u", "weight_kg", "peak_kw", "supplies", "supply_kw"}

var factsSpec = object(list{"source"}, factNames...)

var place = &blockSpec{object: true, required: true, attrs: attrs(list{"rack", "u"})}

// topBlocks is the language: every block of a blueprint file.
var topBlocks = map[string]*blockSpec{
	"blueprint": {attrs: attrs(list{"name"}, "version", "summary", "requires")},
	"variable": {labels: 1, attrs: attrs(nil, "type", "default", "description", "sensitive", "nullable"),
		blocks: nested{
			"validation": {repeat: true, attrs: attrs(list{"condition", "error_message"})}}},
	"locals": {open: true},
	"output": {labels: 1, attrs: attrs(list{"value"}, "description", "sensitive")},
	"use":    {labels: 1, attrs: attrs(list{"blueprint"}, "version"), open: true},
	"region": {labels: 1, meta: true, attrs: attrs(list{"jurisdiction", "policy"}, "description")},
	"site": {labels: 1, meta: true, attrs: attrs(list{"region", "country"}, "operator", "owner", "description"),
		blocks: nested{
			"endpoints": {object: true, open: true},
			"network":   {labels: 1, repeat: true, attrs: attrs(list{"cidr"}, "description")},
			"escrow":    object(nil, "location", "token"),
			"power":     object(nil, "contract_kw", "feeds", "redundancy", "voltage", "peak_kw_used", "source"),
			"cooling":   object(nil, "classes", "offers", "air_kw_per_rack", "liquid_kw", "supply_c", "flow_lpm", "source"),
			"floor":     object(nil, "kg_per_rack", "kg_per_m2", "rack_height_u", "positions", "source"),
			"backbone": {blocks: nested{
				"to":    {labels: 1, freeLabel: true, repeat: true, attrs: attrs(nil, "rtt_ms", "gbps", "via", "source")},
				"users": {labels: 1, freeLabel: true, repeat: true, attrs: attrs(nil, "rtt_ms", "source")}}},
		}},
	"rack": {labels: 1, meta: true, attrs: attrs(list{"site", "model"}, "position", "max_kg", "description"),
		blocks: nested{
			"power": object(nil, "feeds", "contract_kw", "stagger"), "facts": factsSpec}},
	"node": nodeSpec,
	"firmware": {labels: 1, meta: true, attrs: attrs(list{"targets", "baseline"}), blocks: nested{
		"rollout": object(nil, "canary", "max_parallel", "on_error")}},
	"os": {labels: 1, meta: true, attrs: attrs(list{"targets", "image"}, "disks", "erase", "boot_once"), blocks: nested{
		"network": {open: true, openBlocks: true, repeat: true}, "users": {open: true, openBlocks: true,
			repeat: true}}},
	"check": {labels: 1, attrs: attrs(nil, "phase", "assert", "severity", "message"), blocks: nested{
		"assert": {repeat: true, attrs: attrs(list{"condition"}, "error_message", "message")}}},
	"waiver": {labels: 1, attrs: attrs(list{"rule", "owner", "reason", "expires"}, "targets")},
	"acceptance": {labels: 1, meta: true, attrs: attrs(list{"targets"}, "gpus_per_node", "degraded_nodes_allowed"),
		open: true},

	"switch": {labels: 1, meta: true, attrs: attrs(nil, "model", "hardware", "os", "chassis_id", "description"),
		blocks: nested{"at": place}},
	"power_shelf": shelfSpec,
	"fabric": {labels: 1, meta: true, attrs: attrs(list{"design", "attach"}, "leaf", "spine", "management", "units", "manager",
		"network", "asn_base", "verify", "slots", "ports", "row_pitch_m", "as_built", "description")},
	"storage": {labels: 1, meta: true, attrs: attrs(list{"driver"}), open: true, openBlocks: true, blocks: nested{
		"at":     object(list{"address"}, "credential"),
		"volume": {labels: 1, repeat: true, attrs: attrs(list{"size"}), open: true, openBlocks: true}}},
	"stack": {labels: 1, meta: true, attrs: attrs(list{"recipe"}, "control", "workers", "topology"), open: true,
		openBlocks: true, blocks: nested{"component": {labels: 1, freeLabel: true, repeat: true, open: true,
			openBlocks: true}}},
}

var nodeSpec = &blockSpec{labels: 1, meta: true, attrs: attrs(list{"hardware"}, "role", "power", "power_limit", "on_destroy",
	"description"),
	blocks: nested{
		"at":      place,
		"bmc":     bmcSpec,
		"bios":    biosSpec,
		"boot":    bootSpec,
		"tpm":     tpmSpec,
		"disks":   disksSpec,
		"nics":    nicsSpec,
		"consent": object(list{"data_loss", "owner", "reason"}),
		"facts":   factsSpec,
	}}

// referable are the kinds of blocks that expressions can name, and whose instances are elements of the Design.
var referable = list{"acceptance", "fabric", "firmware", "node", "os", "power_shelf", "rack", "region", "site",
	"stack", "storage",
	"switch"}

// catalogRoots are the names under which the catalog is seen.
var catalogRoots = list{"fw", "hw", "images", "policies", "profiles", "recipes"}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func sortedAttributes(b *hclsyntax.Body) []*hclsyntax.Attribute {
	out := slices.Collect(maps.Values(b.Attributes))
	slices.SortFunc(out, func(x, y *hclsyntax.Attribute) int { return x.SrcRange.Start.Byte - y.SrcRange.Start.Byte })
	return out
}

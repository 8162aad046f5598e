package catalog

import (
	"math"
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

var entrySpec = blockSpec{"vendor": text, "summary": text, "dialect": text}

// dialects are the ways in which BMCs speak Redfish, as the simulator and the drivers tell them apart.
var dialects = []string{"idrac", "ilo", "supermicro", "xcc", "ami", "openbmc"}

// innerBlocks are the blocks of an entry and their labels.
var innerBlocks = map[string][]string{
	"identity": nil, "form": nil, "power": nil, "cpu": nil, "gpu": nil, "memory": nil, "rails": nil, "bmc": nil,
	"leak": nil, "timing": nil, "no_merge": nil, "bios_rules": nil,
	"nic": {"name"}, "disk": {"name"}, "component": {"name"}, "bios": {"profile"}, "holds": {"part"}, "units": {"count"},
	"topology": nil, "manager": nil, "ports": nil, "media": {"kind"},
}

var innerSpecs = map[string]blockSpec{
	"identity": {"manufacturer": text, "models": texts},
	"form": {"u": number, "width_mm": number, "height_mm": number, "depth_mm": number, "weight_kg": number,
		"cooling": text},
	"power": {"peak_kw": number, "supplies": number, "supply_kw": number, "required": number, "output_kw": number, "input": text},
	"cpu":   {"manufacturer": text, "model": text, "count": number, "cores": number},
	"gpu": {"manufacturer": text, "name": text, "model": text, "count": number, "memory_mib": number,
		"memory_gb": number},
	"memory": {"gib": number},
	"rails":  {"count": number, "rate": rate, "ports": number, "planes": number},
	"bmc":    {"rate": rate, "redfish": flag, "ipmi": flag},
	"leak":   {"detectors": number},
	"nic": {"manufacturer": text, "model": text, "count": number, "ports": number, "rate": rate,
		"protocol": text},
	"disk": {"model": text, "count": number, "capacity_bytes": number, "capacity_tb": number, "media": text,
		"protocol": text, "by": text, "controller": text, "sed": flag, "use": text},
	"component": {"version": text, "activation": text, "flash_s": number},
	"bios":      {"attributes": facts},
	"holds":     {"count": number, "model": text},
	"units": {"nodes": number, "leaf": number, "spine": number, "core": number, "node_cables": number,
		"spine_cables": number},
	"topology":   {"shape": text, "protocol": text, "leaf": text, "spine": text},
	"manager":    {"cables": number},
	"ports":      {"data": number, "per_cage": number, "management": number, "rate": rate},
	"media":      {"reach_m": number},
	"timing":     {"post_s": number, "bmc_reset_s": number, "aux_cycle_s": number},
	"no_merge":   {"a": text, "b": text, "why": text},
	"bios_rules": {"judged_by": text},
}

// DecodeHardware reads the entries of one catalog file. Every entry that could be read is returned, with what is wrong.
func DecodeHardware(file string, src []byte) ([]rack.Hardware, diag.List) {
	f, hd := hclparse.NewParser().ParseHCL(src, file)
	d := &decoder{digest: digestOf(src), diags: diag.FromHCL(hd)}
	if f == nil {
		return nil, d.diags
	}
	kinds := map[string][]string{"server": {"name"}, "rack": {"name"}, "shelf": {"name"}, "switch": {"name"},
		"fabric": {"name"}}
	var out []rack.Hardware
	for _, b := range d.blocks(f.Body, kinds) {
		out = append(out, d.hardware(b))
	}
	return out, d.diags
}

// entryDecoder fills one entry.
type entryDecoder struct {
	*decoder
	hw *rack.Hardware
}

func (d *decoder) hardware(b *hcl.Block) rack.Hardware {
	v, inner := d.entry(b, entrySpec, innerBlocks)
	hw := rack.Hardware{Key: b.Type + "." + b.Labels[0], Kind: b.Type, Vendor: v.text("vendor"),
		Summary: v.text("summary"), Source: v.text("source"), Verified: v.yes["verified"], Digest: d.digest,
		Dialect: d.oneOf(v, "dialect", dialects...), Facts: map[string]rack.Number{}}
	if hw.Source == "" || !v.has("verified") {
		d.errorf(v.rng, "Catalog entry without source",
			"%s must say where its numbers come from (source) and whether that is the vendor's own document or a device (verified).",
			hw.Key)
	}
	e := entryDecoder{d, &hw}
	for _, x := range inner {
		e.inner(x)
	}
	if len(hw.Facts) == 0 {
		hw.Facts = nil
	}
	return hw
}

// basis is the source of a block, its own or that of its entry.
func (e entryDecoder) basis(v values) (source string, verified bool) {
	if v.has("source") != v.has("verified") {
		e.errorf(v.rng, "Catalog block with half a source", "source and verified stand together or not at all.")
	}
	if v.has("source") {
		return v.text("source"), v.yes["verified"]
	}
	return e.hw.Source, e.hw.Verified
}

func (e entryDecoder) inner(b *hcl.Block) {
	v := e.block(b, innerSpecs[b.Type])
	source, verified := e.basis(v)
	hw := e.hw
	switch b.Type {
	case "identity":
		hw.Identity = rack.Identity{Manufacturer: v.text("manufacturer"), Models: v.list["models"], Source: source,
			Verified: verified}
	case "form":
		if c := e.oneOf(v, "cooling", "air", "liquid", "hybrid"); c != "" {
			hw.Cooling = c
		}
		e.numbers(v, "form", source, verified, map[string]**rack.Number{"u": &hw.U, "weight_kg": &hw.WeightKg})
	case "power":
		e.numbers(v, "power", source, verified, map[string]**rack.Number{"peak_kw": &hw.PeakKW,
			"supplies": &hw.Supplies, "supply_kw": &hw.SupplyKW})
	case "memory":
		e.numbers(v, "memory", source, verified, map[string]**rack.Number{"gib": &hw.MemoryGiB})
	case "cpu":
		hw.CPU = e.part("", v, source, verified)
	case "gpu":
		hw.GPU = e.part(v.text("name"), v, source, verified)
		if v.has("memory_gb") {
			e.fact("gpu.memory_gb", v.num["memory_gb"], source, verified, v)
		}
	case "nic":
		hw.NICs = append(hw.NICs, *e.part(b.Labels[0], v, source, verified))
	case "disk":
		hw.Disks = append(hw.Disks, e.disk(b.Labels[0], v, source, verified))
	case "component":
		e.component(b.Labels[0], v)
	case "bios":
		e.profile(b.Labels[0], v)
	case "timing":
		hw.Timing = rack.Timing{POSTS: v.whole("post_s"), BMCResetS: v.whole("bmc_reset_s"),
			AuxCycleS: v.whole("aux_cycle_s"), Source: source}
	case "bios_rules":
		hw.BIOSJudges = e.oneOf(v, "judged_by", "current", "wanted")
	case "no_merge":
		hw.NoMerge = append(hw.NoMerge, rack.NoMerge{A: v.text("a"), B: v.text("b"), Why: v.text("why"), Source: source})
	case "topology":
		e.topology(v)
	case "media":
		e.medium(b.Labels[0], v, source, verified)
	case "holds", "units":
		e.numbers(v, b.Type+"."+b.Labels[0], source, verified, nil)
	default: // rails, ports, manager: what a fabric is computed of; bmc, leak: facts that no check of this version needs
		e.numbers(v, b.Type, source, verified, nil)
	}
}

// numbers puts each number of a block into its field, or into Facts when it has none.
func (e entryDecoder) numbers(v values, prefix, source string, verified bool, fields map[string]**rack.Number) {
	for name, n := range v.num {
		field, ok := fields[name]
		if !ok {
			e.fact(prefix+"."+name, n, source, verified, v)
			continue
		}
		if *field != nil {
			e.errorf(v.at[name], "Catalog number twice", "%s of %s stands in two blocks.", name, e.hw.Key)
		}
		*field = e.number(v, name, n, source, verified)
	}
}

func (e entryDecoder) fact(key string, n float64, source string, verified bool, v values) {
	if _, twice := e.hw.Facts[key]; twice {
		e.errorf(v.rng, "Catalog number twice", "%s of %s stands in two blocks.", key, e.hw.Key)
	}
	e.hw.Facts[key] = *e.number(v, key, n, source, verified)
}

// number refuses what no machine has: zero and less are "unknown", and unknown stays absent.
func (e entryDecoder) number(v values, name string, n float64, source string, verified bool) *rack.Number {
	if n <= 0 || math.IsInf(n, 0) {
		e.errorf(v.rng, "Catalog number out of range", "%s of %s is %v; leave out what is not known.", name, e.hw.Key, n)
	}
	return &rack.Number{Value: n, Source: source, Verified: verified}
}

func (e entryDecoder) part(name string, v values, source string, verified bool) *rack.PartFacts {
	if v.num["count"] < 1 {
		e.errorf(v.rng, "Catalog number out of range", "A part of %s needs a count of one or more.", e.hw.Key)
	}
	return &rack.PartFacts{Name: name, Manufacturer: v.text("manufacturer"), Model: v.text("model"),
		Count: v.whole("count"), Cores: v.whole("cores"), MemoryMiB: int64(v.num["memory_mib"]), Ports: v.whole("ports"),
		SpeedBps: int64(v.num["rate"]), Protocol: e.oneOf(v, "protocol", "Ethernet", "InfiniBand"), Source: source,
		Verified: verified}
}

func (e entryDecoder) disk(name string, v values, source string, verified bool) rack.DiskFacts {
	capacity := int64(v.num["capacity_bytes"])
	if capacity == 0 {
		capacity = int64(math.Round(v.num["capacity_tb"] * 1e12))
	}
	if capacity <= 0 || v.num["count"] < 1 {
		e.errorf(v.rng, "Catalog number out of range",
			"Disk group %s of %s needs a count and a capacity (capacity_bytes or capacity_tb).", name, e.hw.Key)
	}
	by := e.oneOf(v, "by", "redfish", "host")
	if by == "" {
		by = "host"
	}
	return rack.DiskFacts{Name: name, Model: v.text("model"), Count: v.whole("count"), CapacityBytes: capacity,
		Media: e.oneOf(v, "media", "SSD", "HDD"), Protocol: e.oneOf(v, "protocol", "NVMe", "SATA", "SAS"), By: by,
		Controller: v.text("controller"), SED: v.yes["sed"], Use: v.text("use"), Source: source, Verified: verified}
}

func (e entryDecoder) component(name string, v values) {
	if _, err := step.ParseActivation(v.text("activation")); err != nil {
		e.errorf(v.rng, "Unknown reset class", "Component %s of %s: %s.", name, e.hw.Key, err)
	}
	e.hw.Components = append(e.hw.Components, rack.ComponentFacts{Name: name, Version: v.text("version"),
		Activation: v.text("activation"), FlashS: v.whole("flash_s")})
}

func (e entryDecoder) profile(name string, v values) {
	if e.hw.Profiles == nil {
		e.hw.Profiles = map[string]map[string]any{}
	}
	if _, twice := e.hw.Profiles[name]; twice {
		e.errorf(v.rng, "BIOS profile twice", "%s has two profiles %q.", e.hw.Key, name)
	}
	for attr := range v.facts {
		if macInName.MatchString(attr) { // some registries put the MAC of one card into a name (redfish.md 6.2)
			e.errorf(v.rng, "BIOS attribute of one unit",
				"%s holds a hardware address, so it names one unit and not the model; it may not stand in a profile.", attr)
		}
	}
	e.hw.Profiles[name] = v.facts
}

// macInName finds twelve hexadecimal digits, with or without separators, that stand as a word of a name.
var macInName = regexp.MustCompile(`(?i)(^|_)([0-9a-f]{12}|([0-9a-f]{2}[:-]){5}[0-9a-f]{2})(_|$)`)

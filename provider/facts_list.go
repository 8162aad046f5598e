package provider

import (
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/rack"
)

// Shorthands of schemas.
func told(doc string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
}

func toldList(doc string) schema.ListAttribute {
	return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: doc}
}

func toldMap(doc string) schema.MapAttribute {
	return schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: doc}
}

// rows is a list of objects.
func rows(doc string, of map[string]attr.Type) schema.ListAttribute {
	return schema.ListAttribute{Computed: true, ElementType: types.ObjectType{AttrTypes: of}, MarkdownDescription: doc}
}

// words writes settings as text.
func words(a rack.Attributes) map[string]string {
	out := map[string]string{}
	for k, v := range a {
		if v != nil {
			out[k] = fmt.Sprint(v)
		}
	}
	return out
}

type (
	firmwareRow struct {
		ID         string `tfsdk:"id"`
		Name       string `tfsdk:"name"`
		Version    string `tfsdk:"version"`
		Updateable bool   `tfsdk:"updateable"`
		State      string `tfsdk:"state"`
		Staged     bool   `tfsdk:"staged"`
	}
	optionRow struct {
		Reference string `tfsdk:"reference"`
		Name      string `tfsdk:"name"`
		Alias     string `tfsdk:"alias"`
		Enabled   bool   `tfsdk:"enabled"`
	}
	portRow struct {
		ID    string `tfsdk:"id"`
		MAC   string `tfsdk:"mac"`
		Link  string `tfsdk:"link"`
		Speed int64  `tfsdk:"speed_bps"`
	}
	functionRow struct {
		ID      string   `tfsdk:"id"`
		Adapter string   `tfsdk:"adapter"`
		Model   string   `tfsdk:"model"`
		Port    string   `tfsdk:"port"`
		MAC     string   `tfsdk:"mac"`
		Link    string   `tfsdk:"link"`
		Links   []string `tfsdk:"links"`
		SRIOV   *bool    `tfsdk:"sr_iov"`
		Boot    string   `tfsdk:"boot"`
	}
	controllerRow struct {
		ID        string   `tfsdk:"id"`
		Name      string   `tfsdk:"name"`
		Creates   bool     `tfsdk:"creates_volumes"`
		RAIDTypes []string `tfsdk:"raid_types"`
	}
	driveRow struct {
		ID       string `tfsdk:"id"`
		Model    string `tfsdk:"model"`
		Media    string `tfsdk:"media"`
		Protocol string `tfsdk:"protocol"`
		Size     int64  `tfsdk:"size_bytes"`
		Bay      string `tfsdk:"bay"`
		InVolume bool   `tfsdk:"in_volume"`
	}
	volumeRow struct {
		ID     string `tfsdk:"id"`
		Name   string `tfsdk:"name"`
		RAID   string `tfsdk:"raid"`
		Size   int64  `tfsdk:"size_bytes"`
		Drives int64  `tfsdk:"drives"`
	}
	slotRow struct {
		ID       string   `tfsdk:"id"`
		Types    []string `tfsdk:"types"`
		Image    string   `tfsdk:"image"`
		Inserted bool     `tfsdk:"inserted"`
	}
	supplyRow struct {
		ID       string   `tfsdk:"id"`
		Kind     string   `tfsdk:"kind"`
		Model    string   `tfsdk:"model"`
		Capacity *float64 `tfsdk:"capacity_w"`
		Output   *float64 `tfsdk:"output_w"`
		Health   string   `tfsdk:"health"`
	}
	gpuRow struct {
		ID    string `tfsdk:"id"`
		Model string `tfsdk:"model"`
	}
	registryRow struct {
		Name     string   `tfsdk:"name"`
		Type     string   `tfsdk:"type"`
		Values   []string `tfsdk:"values"`
		Default  *string  `tfsdk:"default"`
		ReadOnly bool     `tfsdk:"read_only"`
		Help     string   `tfsdk:"help"`
	}
)

var (
	aText, aBool, aWhole, aNumber = types.StringType, types.BoolType, types.Int64Type, types.Float64Type
	aList                         = types.ListType{ElemType: types.StringType}
)

// each makes rows of a list; never null.
func each[In, Out any](in []In, row func(In) Out) []Out {
	out := make([]Out, 0, len(in))
	for _, x := range in {
		out = append(out, row(x))
	}
	return out
}

// some is a list that is never null.
func some(in []string) []string {
	if in == nil {
		return []string{}
	}
	return in
}

func noSetup(k look) string {
	if k.host.BIOS == nil {
		return "its BMC shows no firmware setup."
	}
	return ""
}

// factList are the data sources of one node.
func factList() []*facts {
	return append(setupFacts(), deviceFacts()...)
}

func setupFacts() []*facts {
	return []*facts{
		{name: "bios", doc: "Firmware setup of one node: what runs, and what waits for a reset.", lacks: noSetup, attrs: map[string]schema.Attribute{
			"attributes": toldMap("Attributes that run."), "pending": toldMap("Attributes that differ and wait for a reset."), "registry": told("Name of its attribute registry."),
			"version": told("Version of the host's firmware.")},
			read: func(k look) map[string]any {
				return map[string]any{"attributes": words(k.host.BIOS.Attributes), "pending": words(k.host.BIOS.Pending), "registry": k.host.BIOS.Registry,
					"version": k.host.BIOSVersion}
			}},
		{name: "bios_registry", doc: "What can be set in the firmware setup of one node: the attribute registry that its BMC serves.", lacks: func(k look) string {
			if k.host.BIOS == nil || k.host.BIOS.RegistryDoc == nil {
				return "its BMC serves no attribute registry."
			}
			return ""
		}, attrs: map[string]schema.Attribute{"id": told("Id of the registry."), "attributes": rows("Attributes, in the order of the registry.", map[string]attr.Type{
			"name": aText, "type": aText, "values": aList, "default": aText, "read_only": aBool, "help": aText})},
			read: func(k look) map[string]any {
				doc := k.host.BIOS.RegistryDoc
				return map[string]any{"id": doc.ID, "attributes": each(doc.Attributes, func(a rack.RegistryAttribute) registryRow {
					r := registryRow{Name: a.Name, Type: a.Type, ReadOnly: a.ReadOnly, Help: a.Help,
						Values: each(a.Values, func(v rack.RegistryValue) string { return v.Name })}
					if a.Default != nil {
						d := fmt.Sprint(a.Default)
						r.Default = &d
					}
					return r
				})}
			}},
		{name: "boot", doc: "Boot setup of one node.", lacks: func(k look) string {
			if k.host.Boot == nil {
				return "its BMC shows no boot setup."
			}
			return ""
		}, attrs: map[string]schema.Attribute{"order": toldList("Boot option references, first first."), "override": told("Target of the override that waits; empty = none."),
			"targets": toldList("Targets that an override can have."), "options": rows("What the firmware can boot from.", map[string]attr.Type{
				"reference": aText, "name": aText, "alias": aText, "enabled": aBool})},
			read: func(k look) map[string]any {
				override := ""
				if k.host.Boot.OverrideEnabled != "" && k.host.Boot.OverrideEnabled != "Disabled" {
					override = k.host.Boot.OverrideTarget
				}
				return map[string]any{"order": some(k.host.Boot.Order), "targets": some(k.host.Boot.Targets), "override": override,
					"options": each(k.host.Boot.Options, func(o rack.BootOption) optionRow { return optionRow{o.Reference, o.Name, o.Alias, o.Enabled} })}
			}},
		{name: "firmware_inventory", doc: "Firmware of one node, row by row, as its BMC tells it.", attrs: map[string]schema.Attribute{
			"rows": rows("Rows, in the BMC's order.", map[string]attr.Type{"id": aText, "name": aText, "version": aText, "updateable": aBool, "state": aText, "staged": aBool})},
			read: func(k look) map[string]any {
				return map[string]any{"rows": each(k.dev.Firmware, func(x rack.Firmware) firmwareRow {
					return firmwareRow{x.ID, x.Name, x.Version, x.Updateable, x.State, x.Staged}
				})}
			}},
	}
}

func deviceFacts() []*facts {
	return []*facts{
		{name: "network", doc: "Network ports of one node and how they are set.", attrs: map[string]schema.Attribute{
			"ports": rows("Ports.", map[string]attr.Type{"id": aText, "mac": aText, "link": aText, "speed_bps": aWhole}),
			"functions": rows("What the host sees of them; empty where the BMC shows none.", map[string]attr.Type{
				"id": aText, "adapter": aText, "model": aText, "port": aText, "mac": aText, "link": aText, "links": aList, "sr_iov": aBool, "boot": aText})},
			read: func(k look) map[string]any {
				return map[string]any{"ports": each(k.host.NICs, func(n rack.NIC) portRow { return portRow{n.ID, n.MAC, n.Link, n.SpeedBps} }),
					"functions": each(k.host.NetworkFunctions, func(n rack.NetworkFunction) functionRow {
						return functionRow{n.ID, n.Adapter, n.Model, n.Port, n.MAC, n.LinkType, some(n.LinkTypes), n.SRIOV, n.Boot}
					})}
			}},
		{name: "storage", doc: "Controllers and drives of one node.", attrs: map[string]schema.Attribute{
			"controllers": rows("Controllers.", map[string]attr.Type{"id": aText, "name": aText, "creates_volumes": aBool, "raid_types": aList}),
			"drives":      rows("Drives.", map[string]attr.Type{"id": aText, "model": aText, "media": aText, "protocol": aText, "size_bytes": aWhole, "bay": aText, "in_volume": aBool})},
			read: func(k look) map[string]any {
				return map[string]any{"controllers": each(k.host.Controllers, func(c rack.StorageController) controllerRow {
					return controllerRow{c.ID, c.Name, c.CanCreate, some(c.RAIDTypes)}
				}), "drives": each(k.host.Drives, func(d rack.Drive) driveRow {
					return driveRow{d.ID, d.Model, d.Media, d.Protocol, d.CapacityBytes, d.Bay, d.InVolume}
				})}
			}},
		{name: "storage_volumes", doc: "Local volumes of one node, whoever made them.", attrs: map[string]schema.Attribute{
			"volumes": rows("Volumes.", map[string]attr.Type{"id": aText, "name": aText, "raid": aText, "size_bytes": aWhole, "drives": aWhole})},
			read: func(k look) map[string]any {
				return map[string]any{"volumes": each(k.host.Volumes, func(v rack.Volume) volumeRow {
					return volumeRow{v.ID, v.Name, v.RAIDType, v.CapacityBytes, int64(len(v.Drives))}
				})}
			}},
		{name: "virtual_media", doc: "Virtual media slots of one node.", attrs: map[string]schema.Attribute{
			"slots": rows("Slots; empty where the BMC offers none.", map[string]attr.Type{"id": aText, "types": aList, "image": aText, "inserted": aBool})},
			read: func(k look) map[string]any {
				return map[string]any{"slots": each(k.host.Media, func(m rack.MediaSlot) slotRow { return slotRow{m.ID, some(m.Types), m.Image, m.Inserted} })}
			}},
		{name: "power", doc: "Power of one node. Its values change by themselves: feed no argument of a resource from it.", attrs: map[string]schema.Attribute{
			"state":    told("`On`, `Off` or a transition."),
			"supplies": rows("Supplies and what they give.", map[string]attr.Type{"id": aText, "kind": aText, "model": aText, "capacity_w": aNumber, "output_w": aNumber, "health": aText})},
			read: func(k look) map[string]any {
				return map[string]any{"state": k.host.PowerState, "supplies": each(k.dev.Power, func(p rack.PowerUnit) supplyRow {
					return supplyRow{p.ID, p.Kind, p.Model, p.CapacityWatts, p.OutputWatts, p.Health}
				})}
			}},
		{name: "gpu_topology", doc: "Accelerators of one node.", attrs: map[string]schema.Attribute{
			"gpus": rows("Accelerators, each once.", map[string]attr.Type{"id": aText, "model": aText}), "models": toldList("Their models, each once.")},
			read: func(k look) map[string]any {
				models := each(k.host.GPUs, func(g rack.GPU) string { return g.Model })
				slices.Sort(models)
				return map[string]any{"gpus": each(k.host.GPUs, func(g rack.GPU) gpuRow { return gpuRow{g.ID, g.Model} }), "models": slices.Compact(models)}
			}},
	}
}

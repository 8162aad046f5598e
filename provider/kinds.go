package provider

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// kinds are the resources that declare something of one node.
func kinds() []*kind {
	return []*kind{nodeKind(), commitKind(), rolloutKind(), biosKind(), bootOrderKind(), secureBootKind(), powerKind(), networkAdapterKind(), dpuKind(),
		storageVolumeKind(), bmcServicesKind(), bmcAttributesKind(), indicatorKind()}
}

// Shorthands of schemas.
func optionalText(doc string, words ...string) schema.StringAttribute {
	a := schema.StringAttribute{Optional: true, MarkdownDescription: doc}
	if len(words) > 0 {
		a.Validators = []validator.String{stringvalidator.OneOf(words...)}
	}
	return a
}

func optionalBool(doc string) schema.BoolAttribute {
	return schema.BoolAttribute{Optional: true, MarkdownDescription: doc}
}

func optionalWhole(doc string) schema.Int64Attribute {
	return schema.Int64Attribute{Optional: true, MarkdownDescription: doc}
}

func texts(doc string) schema.ListAttribute {
	return schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: doc}
}

func textMap(doc string) schema.MapAttribute {
	return schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: doc}
}

// named is the attribute that tells several resources of one node apart.
func named(doc string) schema.StringAttribute {
	return schema.StringAttribute{Required: true, MarkdownDescription: doc, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()}}
}

// below finds the attribute that a leaf of a node block comes from: what follows a prefix, names and map keys.
func below(prefix string) func(leaf string) path.Path {
	return func(leaf string) path.Path {
		rest, ok := strings.CutPrefix(leaf, prefix)
		if !ok {
			return path.Empty()
		}
		return attributePath(rest)
	}
}

// attributePath reads a.b["c"].d.
func attributePath(leaf string) path.Path {
	at := path.Empty()
	for leaf != "" {
		if leaf[0] == '[' {
			key, err := strconv.QuotedPrefix(leaf[1:])
			if err != nil {
				return at
			}
			word, err := strconv.Unquote(key)
			if err != nil {
				return at
			}
			at = at.AtMapKey(word)
			leaf = strings.TrimPrefix(strings.TrimPrefix(leaf[1+len(key):], "]"), ".")
			continue
		}
		end := strings.IndexAny(leaf, ".[")
		if end < 0 {
			end = len(leaf)
		}
		at = at.AtName(leaf[:end])
		leaf = strings.TrimPrefix(leaf[end:], ".")
	}
	return at
}

// without gives what is configured but the attributes that every kind has.
func without(own map[string]any, names ...string) map[string]any {
	out := maps.Clone(own)
	for _, n := range append(names, "node", "apply") {
		delete(out, n)
	}
	return out
}

var biosAttributes = map[string]schema.Attribute{
	"attributes": textMap("Attributes under the vendor's names. They are held against the registry of the node's own BIOS when the plan is made."),
	"profile":    optionalText("A profile that fits every platform (`training`, `inference`, `virtualisation`), or one of the node's hardware."),
	"intents":    textMap("Single intents, which win over the profile."),
	"strict":     optionalBool("`true`: an intent that the BIOS does not offer is an error, not a warning."),
	"reset_to_defaults": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "Everything that is not named goes to its default.", Attributes: map[string]schema.Attribute{
		"owner":  schema.StringAttribute{Required: true, MarkdownDescription: "Who answers for it."},
		"reason": schema.StringAttribute{Required: true, MarkdownDescription: "Why."}}},
}

// biosBody is the bios block.
func biosBody(own map[string]any) map[string]any {
	return only(own, [2]string{"attributes", "attributes"}, [2]string{"profile", "profile"}, [2]string{"intents", "intents"},
		[2]string{"strict", "strict"}, [2]string{"reset_to_defaults", "reset"})
}

func biosKind() *kind {
	return &kind{name: "bios", stages: true, attrs: biosAttributes, at: below("bios."),
		doc:    "Firmware setup of one node: declared attributes, a profile, or both. What is not named is left as it is.",
		forget: "The setup stays as it is: nothing is sent to the BMC.",
		wish: func(own map[string]any) (wish, error) {
			body := biosBody(own)
			if len(body) == 0 {
				return wish{}, fmt.Errorf("nothing is declared: give attributes, profile or intents")
			}
			return wish{body: map[string]any{"bios": body}, leaves: []string{"bios"}}, nil
		}}
}

var bootAttributes = map[string]schema.Attribute{
	"order":    texts("Device classes (`Hdd`, `Pxe`, `UefiHttp`, `Cd`, `Usb` …) or boot option references, first first."),
	"mode":     optionalText("`UEFI` or `Legacy`.", "UEFI", "Legacy"),
	"http_uri": optionalText("What UEFI HTTP boot loads; within the endpoints of the site."),
}

func bootOrderKind() *kind {
	return &kind{name: "boot_order", stages: true, attrs: bootAttributes, at: below("boot."),
		doc: "Persistent boot order of one node.", forget: "The order stays as it is: nothing is sent to the BMC.",
		wish: func(own map[string]any) (wish, error) {
			body := without(own)
			if len(body) == 0 {
				return wish{}, fmt.Errorf("nothing is declared: give order, mode or http_uri")
			}
			return wish{body: map[string]any{"boot": body}, leaves: []string{"boot order"}}, nil
		}}
}

var secureBootAttributes = map[string]schema.Attribute{
	"enable": optionalBool("On or off."),
	"keys":   optionalText("`default`: the vendor's keys where none is enrolled.", "default"),
}

func secureBootKind() *kind {
	return &kind{name: "secure_boot", stages: true, attrs: secureBootAttributes, at: below("boot.secure_boot."),
		doc: "Secure Boot of one node.", forget: "Secure Boot stays as it is: nothing is sent to the BMC.",
		wish: func(own map[string]any) (wish, error) {
			body := without(own)
			if len(body) == 0 {
				return wish{}, fmt.Errorf("nothing is declared: give enable or keys")
			}
			return wish{body: map[string]any{"boot": map[string]any{"secure_boot": body}}, leaves: []string{"secure boot"}}, nil
		}}
}

func powerKind() *kind {
	return &kind{name: "power", stages: true, at: func(string) path.Path { return path.Root("state") },
		attrs: map[string]schema.Attribute{"state": schema.StringAttribute{Required: true, MarkdownDescription: "`on` or `off`.",
			Validators: []validator.String{stringvalidator.OneOf("on", "off")}}},
		doc: "Wanted power state of one node.", forget: "The power stays as it is: nothing is sent to the BMC.",
		wish: func(own map[string]any) (wish, error) {
			return wish{body: map[string]any{"power": powerWord(own)}, leaves: []string{"power"}}, nil
		}}
}

func powerWord(own map[string]any) string {
	return map[string]string{"on": "On", "off": "Off"}[text(own, "state")]
}

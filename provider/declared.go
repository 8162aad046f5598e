package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/metalwright/metalwright/internal/diag"
)

// kind is a type of resource that declares something of one node.
type kind struct {
	name   string // after metalwright_
	doc    string
	stages bool // may be staged
	attrs  map[string]schema.Attribute
	// wish says what a node block of a blueprint would hold, from what is configured.
	wish func(own map[string]any) (wish, error)
	// at finds the attribute that a leaf of that block comes from; nil = no single one.
	at func(leaf string) path.Path
	// leaf names the resource among those of its node, in ids; nil = a node has one.
	leaf func(own map[string]any) string
	// imported fills in what an id of NODE/LEAF says.
	imported func(leaf string) map[string]any
	forget   string // what is left as it is by a destroy
}

// wish is what is declared of a node.
type wish struct {
	body     map[string]any // as in a node block
	baseline string         // key of a firmware baseline
	leaves   []string       // what nobody else may declare otherwise
}

// declaredResource is a resource of some kind.
type declaredResource struct {
	*kind
	c *coordinator
}

var (
	_ resource.ResourceWithConfigure   = (*declaredResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*declaredResource)(nil)
	_ resource.ResourceWithImportState = (*declaredResource)(nil)
)

func (r *declaredResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "metalwright_" + r.name
}

func (r *declaredResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{MarkdownDescription: r.doc, Attributes: r.attributes()}
}

func (r *declaredResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*coordinator); ok {
		r.c = c
	}
}

// given is what is configured, and whether all of it is known.
type given struct {
	own    map[string]any
	node   string
	staged bool
	known  bool
}

// read takes what is configured out of a configuration, plan or state.
func (r *declaredResource) read(raw tftypes.Value) (given, error) {
	v, _, err := plain(raw)
	if err != nil {
		return given{}, err
	}
	g := given{own: map[string]any{}, known: true}
	all, _ := v.(map[string]any)
	var parts map[string]tftypes.Value
	if err := raw.As(&parts); err != nil {
		return given{}, err
	}
	for _, name := range append(slices.Collect(maps.Keys(r.attrs)), "node", "apply") {
		if p, ok := parts[name]; ok && !p.IsFullyKnown() {
			g.known = false
		}
		if x, ok := all[name]; ok {
			g.own[name] = x
		}
	}
	g.node, g.staged = text(g.own, "node"), text(g.own, "apply") == applyStaged
	return g, nil
}

// id is what an import takes.
func (r *declaredResource) id(g given) string {
	if r.leaf == nil {
		return g.node
	}
	return g.node + "/" + r.leaf(g.own)
}

// opened is what is declared of a node, resolved.
type opened struct {
	node  *nodeView
	view  *view
	wish  wish
	stage stage
}

// stage is what a commit takes.
type stage struct {
	Revision string `tfsdk:"revision"`
	Design   string `tfsdk:"design"`
}

// staged is the JSON of a stage.
type staged struct {
	Resource string         `json:"resource"`
	Node     string         `json:"node"`
	Body     map[string]any `json:"body,omitempty"`
	Baseline string         `json:"firmware,omitempty"`
}

// open resolves what is declared. Mistakes are told at the attribute that makes them.
func (r *declaredResource) open(g given) (opened, fwdiag.Diagnostics) {
	var o opened
	nv, diags := r.c.hand(g.node)
	if diags.HasError() {
		return o, diags
	}
	own := maps.Clone(g.own)
	own["node"] = nv.node.Name
	var err error
	if o.wish, err = r.wish(own); err != nil {
		diags.AddError("Cannot be declared", sentence(err.Error()))
		return o, diags
	}
	text, err := json.Marshal(staged{Resource: r.name, Node: nv.node.Name, Body: o.wish.body, Baseline: o.wish.baseline})
	if err != nil {
		diags.AddError("Cannot be declared", sentence(err.Error()))
		return o, diags
	}
	sum := sha256.Sum256(text)
	o.stage = stage{Revision: hex.EncodeToString(sum[:8]), Design: string(text)}
	var found diag.List
	o.node = nv
	o.view, found = nv.view(r.name, o.wish.body, o.wish.baseline)
	return o, append(diags, r.placed(nv.node.Name, found)...)
}

// placed tells diagnostics at the attributes of the resource.
func (r *declaredResource) placed(node string, found diag.List) fwdiag.Diagnostics {
	var out fwdiag.Diagnostics
	for _, d := range found {
		leaf, ours := strings.CutPrefix(d.Subject.Filename, node+"/")
		at := path.Empty()
		if ours && r.at != nil {
			at = r.at(leaf)
		}
		detail := d.Detail
		if !ours && d.Subject.Filename != "" {
			detail = d.Subject.Filename + ": " + detail
		}
		switch {
		case d.Severity == diag.Error && at.Equal(path.Empty()):
			out.AddError(d.Summary, detail)
		case d.Severity == diag.Error:
			out.AddAttributeError(at, d.Summary, detail)
		case ours:
			out.AddAttributeWarning(at, d.Summary, detail)
		} // a warning about the inventory is told with the inventory
	}
	return out
}

// claim says whose what is declared is.
func (r *declaredResource) claim(g given, o opened) error {
	who := "metalwright_" + r.name
	if r.leaf != nil {
		who += " " + fmt.Sprintf("%q", r.leaf(g.own))
	}
	if r.stages && g.staged {
		who += " (staged)"
	}
	return o.node.claim(who, o.stage.Revision, o.wish.leaves)
}

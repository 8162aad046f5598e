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
	"github.com/metalwright/metalwright/internal/plan"
)

// kind is a type of resource that declares something of one node.
type kind struct {
	name   string // after metalwright_
	doc    string
	stages bool // may be staged
	attrs  map[string]schema.Attribute
	// wish says what a node block of a blueprint would hold, from what is configured.
	wish func(own map[string]any) (wish, error)
	// several says it of several nodes, by name, instead, and how they are taken through.
	several func(own map[string]any) (map[string]wish, *plan.Bounds, error)
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
	if r.several != nil {
		return text(g.own, "name")
	}
	if r.leaf == nil {
		return g.node
	}
	return g.node + "/" + r.leaf(g.own)
}

// opened is what is declared, resolved.
type opened struct {
	nodes  []*nodeView // by name
	view   *view
	wishes map[string]wish
	stage  stage
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
	o := opened{wishes: map[string]wish{}}
	bounds, diags := r.wishes(g, &o)
	if diags.HasError() {
		return o, diags
	}
	if r.stages {
		n := o.nodes[0].node.Name
		w := o.wishes[n]
		text, err := json.Marshal(staged{Resource: r.name, Node: n, Body: w.body, Baseline: w.baseline})
		if err != nil {
			diags.AddError("Cannot be declared", sentence(err.Error()))
			return o, diags
		}
		sum := sha256.Sum256(text)
		o.stage = stage{Revision: hex.EncodeToString(sum[:8]), Design: string(text)}
	}
	var found diag.List
	o.view, found = viewOf(r.name+"."+r.id(g), o.nodes, o.wishes)
	o.view.bounds = bounds
	return o, append(diags, r.placed(o.nodes, found)...)
}

// wishes finds the nodes and what is declared of them.
func (r *declaredResource) wishes(g given, o *opened) (*plan.Bounds, fwdiag.Diagnostics) {
	var diags fwdiag.Diagnostics
	var bounds *plan.Bounds
	wanted := map[string]wish{}
	if r.several != nil {
		var err error
		if wanted, bounds, err = r.several(g.own); err != nil {
			diags.AddError("Cannot be declared", sentence(err.Error()))
			return nil, diags
		}
	} else {
		wanted[g.node] = wish{}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		nv, more := r.c.hand(name)
		if diags.Append(more...); more.HasError() {
			continue
		}
		w := wanted[name]
		if r.several == nil {
			own := maps.Clone(g.own)
			own["node"] = nv.node.Name
			var err error
			if w, err = r.wish(own); err != nil {
				diags.AddError("Cannot be declared", sentence(err.Error()))
			}
		}
		if _, twice := o.wishes[nv.node.Name]; twice {
			diags.AddError("Node named twice", fmt.Sprintf("%s is named by its name and by its address: one of them is enough.", nv.node.Name))
			continue
		}
		o.nodes, o.wishes[nv.node.Name] = append(o.nodes, nv), w
	}
	slices.SortFunc(o.nodes, func(a, b *nodeView) int { return strings.Compare(a.node.Name, b.node.Name) })
	return bounds, diags
}

// placed tells diagnostics at the attributes of the resource.
func (r *declaredResource) placed(nodes []*nodeView, found diag.List) fwdiag.Diagnostics {
	var out fwdiag.Diagnostics
	for _, d := range found {
		node, leaf, ours := strings.Cut(d.Subject.Filename, "/")
		ours = ours && slices.ContainsFunc(nodes, func(v *nodeView) bool { return v.node.Name == node })
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
	for _, v := range o.nodes {
		w := o.wishes[v.node.Name]
		text, err := json.Marshal(w.body)
		if err != nil {
			return err
		}
		if err := v.claim(who, w.baseline+string(text), w.leaves); err != nil {
			return err
		}
	}
	return nil
}

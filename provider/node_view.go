package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/rack"
)

// nodeView is one node that resources declare parts of: they share what is read of it, and write one after the other.
type nodeView struct {
	base *workspace
	site blueprint.DeclaredSite
	node blueprint.DeclaredNode // what the inventory says of it

	mu   sync.Mutex // one survey or apply at a time
	seen *rack.Observation
	asOf int

	claiming sync.Mutex
	claims   map[string]claim // by leaf
	resets   map[string]int   // host resets that resources plan to make at once, by who plans them
}

// claim is who declares one leaf of a node, and what.
type claim struct{ who, digest string }

// base is the workspace that the provider's inventory makes, without anything that resources declare.
func (c *coordinator) base() (*workspace, fwdiag.Diagnostics) {
	var diags fwdiag.Diagnostics
	switch {
	case c.blueprint != "" && c.site != nil:
		diags.AddError("Two inventories", "The provider has blueprint and site. A blueprint has its own site: give one of them.")
		return nil, diags
	case c.blueprint != "":
		return c.workspace(source{})
	case c.site == nil:
		diags.AddError("No inventory", "Set blueprint in the provider block, or nodes and site.")
		return nil, diags
	}
	c.loading.Lock()
	defer c.loading.Unlock()
	if w := c.loaded[""]; w != nil {
		return w, diags
	}
	opt := engine.Options{Dir: ".", StateDir: c.stateDir, Operator: c.operator, Mirror: c.mirror, LookupEnv: c.lookup, Gate: c.gate, Bindings: c.bindings}
	declared := blueprint.Declared{Name: "terraform", Site: *c.site, Nodes: slices.Collect(maps.Values(c.declared))}
	slices.SortFunc(declared.Nodes, func(a, b blueprint.DeclaredNode) int { return strings.Compare(a.Name, b.Name) })
	loaded, found := engine.Declare(opt, declared)
	diags.Append(ofInventory(found)...)
	if diags.HasError() {
		return nil, diags
	}
	w := newWorkspace(loaded)
	c.loaded[""] = w
	return w, diags
}

// ofInventory tells diagnostics in the words of the provider block.
func ofInventory(found diag.List) fwdiag.Diagnostics {
	for i, d := range found {
		if node, leaf, ok := strings.Cut(d.Subject.Filename, "/"); ok && node == "site" {
			found[i].Detail = "site." + leaf + " of the provider: " + d.Detail
		} else if ok {
			found[i].Detail = strings.TrimSuffix(fmt.Sprintf("nodes[%q].%s", node, leaf), ".") + " of the provider: " + d.Detail
		}
		found[i].Subject = diag.Origin{}
	}
	return rendered(found)
}

// hand finds a node of the inventory by its name or address.
func (c *coordinator) hand(name string) (*nodeView, fwdiag.Diagnostics) {
	w, diags := c.base()
	if diags.HasError() {
		return nil, diags
	}
	n, ok := w.Design.Node(name)
	if !ok {
		var names []string
		for _, n := range w.Design.Nodes {
			names = append(names, n.Name)
		}
		diags.AddError("Unknown node", fmt.Sprintf("The inventory has no node %q.%s", name, diag.DidYouMean(name, names)))
		return nil, diags
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.hand[n.Name]
	if v == nil {
		v = &nodeView{base: w, site: siteOf(w.Design, n), claims: map[string]claim{}, resets: map[string]int{}}
		v.node = blueprint.DeclaredNode{Name: n.Name, Hardware: n.Hardware, PositionU: n.PositionU, Username: n.BMC.Username, Credential: n.BMC.Credential}
		for _, r := range w.Design.Racks {
			if r.Address == n.Rack {
				v.node.Rack = r.Name
			}
		}
		w.hand[n.Name] = v
	}
	return v, diags
}

// siteOf is the building that a node of a Design stands in.
func siteOf(d rack.Design, n rack.Node) blueprint.DeclaredSite {
	at := n.Rack
	for _, r := range d.Racks {
		if r.Address == n.Rack {
			at = r.Site
		}
	}
	for _, s := range d.Sites {
		if s.Address != at && len(d.Sites) > 1 {
			continue
		}
		out := blueprint.DeclaredSite{Name: s.Name, Country: s.Country, Endpoints: s.Endpoints}
		for _, r := range d.Regions {
			if r.Address == s.Region {
				out.Region, out.Jurisdiction, out.Policy = r.Name, r.Jurisdiction, r.Policy
			}
		}
		return out
	}
	return blueprint.DeclaredSite{}
}

// viewOf makes the view of what a resource declares of nodes of one inventory.
func viewOf(what string, nodes []*nodeView, wishes map[string]wish) (*view, diag.List) {
	d := blueprint.Declared{Name: "terraform"}
	v := &view{address: rack.Address(what), shared: nodes}
	for _, nv := range nodes {
		n, w := nv.node, wishes[nv.node.Name]
		n.Body, n.Baseline = w.body, w.baseline
		d.Site, d.Nodes, v.nodes = nv.site, append(d.Nodes, n), append(v.nodes, n.Name)
	}
	base := nodes[0].base
	w, found := base.Declared(d)
	v.w = &workspace{Workspace: w, base: base}
	return v, found
}

// observe reads nodes, all at once and each once until something is written to it. It is called with their locks held.
func observe(ctx context.Context, nodes []*nodeView) (rack.Observation, error) {
	base := nodes[0].base
	var names []string
	for _, v := range nodes {
		if v.seen == nil || v.asOf != base.writes([]string{v.node.Name}) {
			names = append(names, v.node.Name)
		}
	}
	if len(names) > 0 {
		read := base.Observe(ctx, names...)
		if err := ctx.Err(); err != nil { // half an observation is none
			return rack.Observation{}, fmt.Errorf("read %s: %w", strings.Join(names, ", "), err)
		}
		for _, v := range nodes {
			if o, ok := read[v.node.Name]; ok {
				v.seen, v.asOf = &o, base.writes([]string{v.node.Name})
			}
		}
	}
	var all []rack.Observation
	for _, v := range nodes {
		all = append(all, *v.seen)
	}
	return engine.Together(all...), nil
}

// claim says that a resource declares leaves of the node. Another one that declares one of them otherwise is named.
func (v *nodeView) claim(who, digest string, leaves []string) error {
	v.claiming.Lock()
	defer v.claiming.Unlock()
	for _, leaf := range leaves {
		if had, ok := v.claims[leaf]; ok && had.digest != digest {
			return fmt.Errorf("%s of node %s is declared twice, differently: by %s and by %s. One resource has to own it", leaf, v.node.Name, had.who, who)
		}
	}
	for _, leaf := range leaves {
		v.claims[leaf] = claim{who, digest}
	}
	return nil
}

// planned notes how many host resets a resource makes on its own, and tells of all that do.
func (v *nodeView) planned(who string, resets int) (all int, by []string) {
	v.claiming.Lock()
	defer v.claiming.Unlock()
	delete(v.resets, who)
	if resets > 0 {
		v.resets[who] = resets
	}
	for _, n := range v.resets {
		all += n
	}
	return all, slices.Sorted(maps.Keys(v.resets))
}

package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/secret"
)

// Declare makes a workspace of nodes that no folder holds a blueprint of, bound by opt.Bindings. Close it: what Declared gives
// is closed with it.
func Declare(opt Options, d blueprint.Declared) (*Workspace, diag.List) {
	w := newWorkspace(opt)
	w.useCatalog(opt.Catalog)
	diags := w.declare(d, opt.Bindings)
	w.sim = readSimulated(filepath.Join(w.opt.StateDir, simFile), w.Bindings)
	return w, diags
}

// Declared is a workspace of what is declared beside this one: it has the same sessions, secrets, leases, journals and firmware
// files, and a Design of its own. It is closed with this one.
func (w *Workspace) Declared(d blueprint.Declared) (*Workspace, diag.List) {
	s := *w
	var bound []rack.Binding
	for _, n := range d.Nodes {
		if b, ok := w.Bindings[n.Name]; ok {
			bound = append(bound, b)
		}
	}
	return &s, s.declare(d, bound)
}

func (w *Workspace) useCatalog(c *catalog.Catalog) {
	if c != nil {
		w.Catalog = *c
		return
	}
	embedded, err := catalog.Load()
	if err != nil {
		panic(fmt.Sprintf("metalwright: internal error: embedded catalog: %v. This is a bug in Metalwright.", err))
	}
	w.Catalog = embedded
}

// declare resolves what is declared and binds its nodes. Every place in the Design and in the diagnostics is then the name of a
// leaf, for example n1/bios.profile.
func (w *Workspace) declare(d blueprint.Declared, bound []rack.Binding) diag.List {
	files, lines := blueprint.Compose(d)
	parsed, diags := blueprint.ParseDeclared(files)
	w.parsed, w.bpOpt, w.Tests = parsed, blueprint.Options{Catalog: w.Catalog, Now: w.opt.Now}, nil
	design, more := blueprint.Resolve(parsed, w.bpOpt)
	w.Design, w.Bindings, diags = design, map[string]rack.Binding{}, append(diags, more...)
	for _, b := range bound {
		w.Bindings[b.Node] = b
	}
	if len(design.Nodes) > 0 && len(bound) > 0 {
		diags = append(diags, blueprint.CheckBindings(design, bound)...)
	}
	relocate(reflect.ValueOf(&w.Design), lines)
	relocate(reflect.ValueOf(diags), lines)
	return diags
}

var originType = reflect.TypeFor[diag.Origin]()

// relocate makes every place in a value that of the leaf which stands there.
func relocate(v reflect.Value, lines blueprint.Lines) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && (v.Kind() == reflect.Pointer) {
			relocate(v.Elem(), lines)
		}
	case reflect.Struct:
		if v.Type() == originType {
			o := v.Interface().(diag.Origin)
			if leaf := lines.Leaf(o.Filename, o.Start.Line); leaf != "" && v.CanSet() {
				v.Set(reflect.ValueOf(diag.Named(leaf)))
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				relocate(v.Field(i), lines)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			relocate(v.Index(i), lines)
		}
	case reflect.Map:
		if v.IsNil() || !v.CanSet() {
			return
		}
		// what a map holds cannot be set in place, and the map may be the catalog's, which others read meanwhile
		fresh := reflect.MakeMapWithSize(v.Type(), v.Len())
		for _, k := range v.MapKeys() {
			held := reflect.New(v.Type().Elem()).Elem()
			held.Set(v.MapIndex(k))
			relocate(held, lines)
			fresh.SetMapIndex(k, held)
		}
		v.Set(fresh)
	}
}

// declaredFacets is what is read of a node whose facets are declared one by one: one reading serves them all.
var declaredFacets = []rack.Facet{rack.FacetRegistry, rack.FacetDrives, rack.FacetNetwork, rack.FacetSecureBoot, rack.FacetSettings,
	rack.FacetAttributes, rack.FacetTPM}

// Observe reads nodes once for whatever may be declared of them, and gives what was read of each by its name. Devices and gaps have
// the node's name for an address, since what is declared of it has another address than what the inventory calls it.
func (w *Workspace) Observe(ctx context.Context, nodes ...string) map[string]rack.Observation {
	all := w.Survey(ctx, SurveyOptions{Only: nodes, Facets: declaredFacets})
	w.markUnfinished(&all)
	out := map[string]rack.Observation{}
	for _, name := range nodes {
		n, ok := w.Design.Node(name)
		if !ok {
			continue
		}
		one := rack.Observation{Format: all.Format, Taken: all.Taken, Cables: all.Cables}
		for _, d := range all.Devices {
			if d.Address == string(n.Address) {
				d.Address = name
				one.Devices = append(one.Devices, d)
			}
		}
		for _, g := range all.GapsOf(string(n.Address)) {
			g.Address = name
			one.Gaps = append(one.Gaps, g)
		}
		out[name] = one
	}
	return out
}

// Together puts observations of different nodes together.
func Together(of ...rack.Observation) rack.Observation {
	var out rack.Observation
	for _, o := range of {
		out.Format, out.Cables = o.Format, o.Cables
		if o.Taken.After(out.Taken) {
			out.Taken = o.Taken
		}
		out.Devices, out.Gaps = append(out.Devices, o.Devices...), append(out.Gaps, o.Gaps...)
	}
	slices.SortStableFunc(out.Devices, func(a, b rack.Device) int { return strings.Compare(a.Address, b.Address) })
	slices.SortStableFunc(out.Gaps, func(a, b rack.Gap) int { return strings.Compare(a.Address+" "+a.Path, b.Address+" "+b.Path) })
	return out
}

// PlanOn plans on what was read before. bounds hold for all nodes together; nil = as the design says.
func (w *Workspace) PlanOn(o rack.Observation, bounds *plan.Bounds) plan.Plan {
	opt := w.planOptions(SurveyOptions{})
	opt.Bounds = bounds
	p, _ := plan.Build(w.Design, o, opt)
	return p
}

// Secret resolves a reference, for a door that hands its value on.
func (w *Workspace) Secret(ctx context.Context, ref rack.SecretRef) (secret.Value, error) {
	return w.resolver.Resolve(ctx, ref)
}

// Release logs out of what Say and Look have kept open for the verb that follows, for a door that lives on after it.
func (w *Workspace) Release() { w.release() }

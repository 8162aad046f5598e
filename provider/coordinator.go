package provider

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
)

// coordinator is what all resources of one provider instance share: workspaces, one observation per rack until something is
// written, and secrets in memory.
type coordinator struct {
	blueprint string
	stateDir  string
	operator  string
	variables map[string]string
	bindings  []rack.Binding

	mu      sync.Mutex
	secrets map[string]string
	loaded  map[string]*rackView
}

// rackView is one rack of one blueprint, and what was last read of it.
type rackView struct {
	w     *engine.Workspace
	rack  rack.Rack
	nodes []string

	mu   sync.Mutex // one survey or apply at a time
	plan *plan.Plan // nil: nothing read since the last write
	seen rack.Observation
}

func newCoordinator() *coordinator {
	return &coordinator{secrets: map[string]string{}, loaded: map[string]*rackView{}}
}

// secretPrefix marks references that only this process can resolve.
const secretPrefix = "METALWRIGHT_PROVIDER_CREDENTIAL_"

func (c *coordinator) keep(key, value string) rack.SecretRef {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets[secretPrefix+key] = value
	return rack.SecretRef("env:" + secretPrefix + key)
}

func (c *coordinator) lookup(name string) (string, bool) {
	if !strings.HasPrefix(name, secretPrefix) {
		return os.LookupEnv(name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.secrets[name]
	return v, ok
}

// view loads a rack. dir and variables may be empty: then the provider's hold. name may be empty where there is one rack.
func (c *coordinator) view(dir string, vars map[string]string, name string) (*rackView, fwdiag.Diagnostics) {
	var diags fwdiag.Diagnostics
	if dir == "" {
		dir = c.blueprint
	}
	if dir == "" {
		diags.AddError("No blueprint", "Set blueprint on the resource or in the provider block.")
		return nil, diags
	}
	opt := engine.Options{Dir: dir, StateDir: c.stateDir, Operator: c.operator, Bindings: c.bindings, Variables: map[string]any{}, LookupEnv: c.lookup}
	for _, m := range []map[string]string{c.variables, vars} {
		for k, v := range m {
			opt.Variables[k] = v
		}
	}
	key := viewKey(dir, opt.Variables, name)
	c.mu.Lock()
	v := c.loaded[key]
	c.mu.Unlock()
	if v != nil {
		return v, nil
	}
	w, found := engine.Load(opt)
	for _, d := range found {
		diags.Append(rendered(d))
	}
	if diags.HasError() {
		return nil, diags
	}
	r, err := pickRack(w.Design, name)
	if err != nil {
		diags.AddError("Unknown rack", err.Error())
		return nil, diags
	}
	v = &rackView{w: w, rack: r}
	for _, n := range w.Design.Nodes {
		if n.Rack == r.Address {
			v.nodes = append(v.nodes, n.Name)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.loaded[key]; other != nil {
		return other, diags
	}
	c.loaded[key] = v
	return v, diags
}

func viewKey(dir string, vars map[string]any, name string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	parts := []string{dir, name}
	for k, v := range vars {
		parts = append(parts, fmt.Sprintf("%s=%v", k, v))
	}
	sort.Strings(parts[2:])
	return strings.Join(parts, "\x00")
}

func pickRack(d rack.Design, name string) (rack.Rack, error) {
	var names []string
	for _, r := range d.Racks {
		if r.Name == name || string(r.Address) == name {
			return r, nil
		}
		names = append(names, string(r.Address))
	}
	if name == "" && len(d.Racks) == 1 {
		return d.Racks[0], nil
	}
	if name == "" {
		return rack.Rack{}, fmt.Errorf("the blueprint has %d racks, name one: %s", len(names), strings.Join(names, ", "))
	}
	return rack.Rack{}, fmt.Errorf("the blueprint has no rack %q, it has %s.%s", name, strings.Join(names, ", "), diag.DidYouMean(name, names))
}

// look surveys and plans, once until something is written.
func (v *rackView) look(ctx context.Context) (plan.Plan, rack.Observation) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lookLocked(ctx)
}

func (v *rackView) lookLocked(ctx context.Context) (plan.Plan, rack.Observation) {
	if v.plan == nil {
		p, o := v.w.Plan(ctx, engine.SurveyOptions{Only: v.nodes})
		if ctx.Err() != nil {
			return p, o
		}
		v.plan, v.seen = &p, o
	}
	return *v.plan, v.seen
}

// forget drops what was read: after a write it no longer holds.
func (v *rackView) forget() { v.plan = nil }

// rendered turns one of our diagnostics into Terraform's, with its place in the blueprint.
func rendered(d diag.Diagnostic) fwdiag.Diagnostic {
	detail := d.Detail
	if !d.Subject.IsZero() {
		detail = fmt.Sprintf("on %s line %d, column %d: %s", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column, detail)
	}
	if d.Severity == diag.Warning {
		return fwdiag.NewWarningDiagnostic(d.Summary, detail)
	}
	return fwdiag.NewErrorDiagnostic(d.Summary, detail)
}

// noteLines are the lines of a report, for people.
func noteLines(notes []plan.Note) []string {
	out := []string{}
	for _, n := range notes {
		who := n.Node
		if who == "" {
			who = string(n.Address)
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s: %s. %s %s", who, n.Summary, n.Detail, n.Origin.Short())))
	}
	slices.Sort(out)
	return out
}

func pathRoot(name string) path.Path { return path.Root(name) }

// nodeView finds a node and the view of its rack.
func (c *coordinator) nodeView(dir string, vars map[string]string, node string) (*rackView, rack.Node, fwdiag.Diagnostics) {
	if dir == "" {
		dir = c.blueprint
	}
	opt := engine.Options{Dir: dir, StateDir: c.stateDir, Bindings: c.bindings, Variables: map[string]any{}, LookupEnv: c.lookup}
	for _, m := range []map[string]string{c.variables, vars} {
		for k, v := range m {
			opt.Variables[k] = v
		}
	}
	w, found := engine.Load(opt)
	var diags fwdiag.Diagnostics
	if found.HasErrors() {
		for _, d := range found {
			diags.Append(rendered(d))
		}
		return nil, rack.Node{}, diags
	}
	n, ok := w.Design.Node(node)
	if !ok {
		diags.AddError("Unknown node", fmt.Sprintf("The blueprint has no node %q.", node))
		return nil, n, diags
	}
	v, diags := c.view(dir, vars, string(n.Rack))
	return v, n, diags
}

package provider

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/survey"
)

// coordinator is what all resources of one provider instance share: one workspace per blueprint, so that there is one session
// per BMC, one observation per rack until something is written, and secrets in memory.
type coordinator struct {
	blueprint string
	stateDir  string
	operator  string
	mirror    string
	variables map[string]string
	bindings  []rack.Binding                    // nil: those of the blueprint's folder
	site      *blueprint.DeclaredSite           // nil: that of the blueprint
	declared  map[string]blueprint.DeclaredNode // nodes of the inventory that no blueprint has, by name
	probe     string                            // of plan_probe
	safety    safety
	later     string // what of the provider's configuration is not known yet; empty = all is

	gate survey.Gate

	mu      sync.Mutex
	secrets map[string]string

	loading sync.Mutex // not mu: what is loaded may ask for secrets
	loaded  map[string]*workspace
}

// readsAtOnce is how many BMCs are read at once, whatever the parallelism of the core: 40 keep two cores busy, and the engine of
// Terraform has to have room beside what they keep while they are read.
const readsAtOnce = 40

// workspace is a loaded blueprint, shared by its racks.
type workspace struct {
	*engine.Workspace
	base *workspace // of a declared one

	mu    sync.Mutex
	views map[rack.Address]*view
	hand  map[string]*nodeView // nodes that resources declare something of, by name
	wrote map[string]int       // how often each node was written to
	runs  int                  // applies under way: firmware files are served while there is one
	next  chan struct{}        // closed when the next apply ends
}

func newWorkspace(w *engine.Workspace) *workspace {
	return &workspace{Workspace: w, views: map[rack.Address]*view{}, hand: map[string]*nodeView{}, wrote: map[string]int{}, next: make(chan struct{})}
}

// view is what one resource has a say about: a Design of some nodes, and what was last read of them.
type view struct {
	w       *workspace
	address rack.Address // of the rack or the node
	nodes   []string     // names
	shared  []*nodeView  // what is read is read for all resources of a node, by name; nil: for this view alone
	bounds  *plan.Bounds // of a rollout

	mu   sync.Mutex // one survey or apply at a time; that of shared where there is one
	plan *plan.Plan // nil: nothing read yet
	seen rack.Observation
	asOf int // what workspace.writes was when it was read
}

// lock keeps other plans and applies of the same nodes waiting until it is given back.
func (v *view) lock() (unlock func()) {
	if v.shared != nil {
		for _, n := range v.shared { // in the order of their names, as everybody does
			n.mu.Lock()
		}
		return func() {
			for _, n := range v.shared {
				n.mu.Unlock()
			}
		}
	}
	v.mu.Lock()
	return v.mu.Unlock
}

func newCoordinator() *coordinator {
	return &coordinator{gate: survey.NewGate(readsAtOnce), variables: map[string]string{}, probe: probeRequired, safety: safety{power: true}, declared: map[string]blueprint.DeclaredNode{}, secrets: map[string]string{}, loaded: map[string]*workspace{}}
}

// secretPrefix marks references that only this process can resolve.
const secretPrefix = "METALWRIGHT_PROVIDER_CREDENTIAL_"

// keep holds a password in memory and gives the reference that stands for it.
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

// source says which blueprint is meant. An empty folder and variables that are not given are the provider's.
type source struct {
	dir       string
	variables map[string]string
}

// workspace loads a blueprint once. Its warnings come with the first call only.
func (c *coordinator) workspace(s source) (*workspace, fwdiag.Diagnostics) {
	var diags fwdiag.Diagnostics
	if s.dir == "" {
		s.dir = c.blueprint
	}
	if s.dir == "" {
		diags.AddError("No blueprint", "Set blueprint on the resource or in the provider block.")
		return nil, diags
	}
	opt := engine.Options{Dir: s.dir, StateDir: c.stateDir, Operator: c.operator, Mirror: c.mirror, Variables: map[string]any{},
		LookupEnv: c.lookup, Gate: c.gate}
	for _, m := range []map[string]string{c.variables, s.variables} {
		for k, v := range m {
			opt.Variables[k] = v
		}
	}
	var err error
	if opt.Bindings, err = c.bindingsFrom(s.dir); err != nil {
		diags.AddError("Certificate authority cannot be found", err.Error())
		return nil, diags
	}
	c.loading.Lock()
	defer c.loading.Unlock()
	key := workspaceKey(s.dir, opt.Variables)
	if w := c.loaded[key]; w != nil {
		return w, nil
	}
	loaded, found := load(opt)
	diags.Append(rendered(found)...)
	if diags.HasError() {
		return nil, diags
	}
	w := newWorkspace(loaded)
	c.loaded[key] = w
	return w, diags
}

// load loads a blueprint with that part of the inventory which it has nodes for: an inventory may serve several blueprints.
func load(opt engine.Options) (*engine.Workspace, diag.List) {
	if opt.Bindings == nil {
		return engine.Load(opt)
	}
	all := opt.Bindings
	opt.Bindings = []rack.Binding{}
	w, found := engine.Load(opt)
	if found.HasErrors() {
		return w, found
	}
	for _, b := range all {
		if _, ok := w.Design.Node(b.Node); ok {
			opt.Bindings = append(opt.Bindings, b)
		}
	}
	return engine.Load(opt)
}

// bindingsFrom gives the bindings with their CA files named from a blueprint's folder, as the engine wants them: what is said
// about such a file then holds no path of this machine.
func (c *coordinator) bindingsFrom(dir string) ([]rack.Binding, error) {
	out := slices.Clone(c.bindings)
	for i, b := range out {
		if b.CAFile == "" || filepath.IsAbs(b.CAFile) {
			continue
		}
		from, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		file, err := filepath.Abs(b.CAFile)
		if err != nil {
			return nil, err
		}
		if out[i].CAFile, err = filepath.Rel(from, file); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func workspaceKey(dir string, vars map[string]any) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	var parts []string
	for k, v := range vars {
		parts = append(parts, fmt.Sprintf("%s=%v", k, v))
	}
	slices.Sort(parts)
	return dir + "\x00" + strings.Join(parts, "\x00")
}

// view finds a rack by name or address; an empty name is the only rack.
func (c *coordinator) view(s source, name string) (*view, fwdiag.Diagnostics) {
	w, diags := c.workspace(s)
	if diags.HasError() {
		return nil, diags
	}
	r, err := pickRack(w.Design, name)
	if err != nil {
		diags.AddError("Unknown rack", err.Error())
		return nil, diags
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.views[r.Address]
	if v == nil {
		v = &view{w: w, address: r.Address}
		for _, n := range w.Design.Nodes {
			if n.Rack == r.Address {
				v.nodes = append(v.nodes, n.Name)
			}
		}
		w.views[r.Address] = v
	}
	return v, diags
}

// nodeView finds a node by name or address, and the view of its rack.
func (c *coordinator) nodeView(s source, node string) (*view, rack.Node, fwdiag.Diagnostics) {
	w, diags := c.workspace(s)
	if diags.HasError() {
		return nil, rack.Node{}, diags
	}
	n, ok := w.Design.Node(node)
	if !ok {
		var names []string
		for _, n := range w.Design.Nodes {
			names = append(names, n.Name)
		}
		diags.AddError("Unknown node", fmt.Sprintf("The blueprint has no node %q.%s", node, diag.DidYouMean(node, names)))
		return nil, n, diags
	}
	v, more := c.view(s, string(n.Rack))
	diags.Append(more...)
	return v, n, diags
}

func pickRack(d rack.Design, name string) (rack.Rack, error) {
	var names []string
	for _, r := range d.Racks {
		if name != "" && (r.Name == name || string(r.Address) == name) {
			return r, nil
		}
		names = append(names, string(r.Address))
	}
	switch {
	case len(names) == 0:
		return rack.Rack{}, fmt.Errorf("the blueprint has no rack")
	case name == "" && len(names) == 1:
		return d.Racks[0], nil
	case name == "":
		return rack.Rack{}, fmt.Errorf("the blueprint has %d racks, name one: %s", len(names), strings.Join(names, ", "))
	}
	return rack.Rack{}, fmt.Errorf("the blueprint has no rack %q, it has %s.%s", name, strings.Join(names, ", "), diag.DidYouMean(name, names))
}

// look surveys and plans, once until something is written.
func (v *view) look(ctx context.Context) (plan.Plan, rack.Observation, error) {
	defer v.lock()()
	return v.lookLocked(ctx)
}

func (v *view) lookLocked(ctx context.Context) (plan.Plan, rack.Observation, error) {
	if v.shared != nil {
		o, err := observe(ctx, v.shared)
		if err != nil {
			return plan.Plan{}, o, err
		}
		return v.w.PlanOn(o, v.bounds), o, nil
	}
	if now := v.w.root().writes(v.nodes); v.plan == nil || v.asOf != now {
		p, o := v.w.Plan(ctx, engine.SurveyOptions{Only: v.nodes})
		if err := ctx.Err(); err != nil { // half an observation is none
			return p, o, fmt.Errorf("read rack %s: %w", v.address, err)
		}
		v.plan, v.seen, v.asOf = &p, o, now
	}
	return *v.plan, v.seen, nil
}

// written says that nodes were written to: whatever was read of them no longer holds, for any resource.
func (w *workspace) written(nodes []string) {
	w = w.root()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range nodes {
		w.wrote[n]++
	}
}

// writes counts how often nodes were written to.
func (w *workspace) writes(nodes []string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	sum := 0
	for _, n := range nodes {
		sum += w.wrote[n]
	}
	return sum
}

// root is the workspace that a declared one shares sessions and files with.
func (w *workspace) root() *workspace {
	if w.base != nil {
		return w.base
	}
	return w
}

// begin and end enclose an apply. The last one to end stops serving firmware files.
func (w *workspace) begin() {
	w = w.root()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs++
}

func (w *workspace) end() error {
	w = w.root()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs--
	close(w.next)
	w.next = make(chan struct{})
	if w.runs > 0 {
		return nil
	}
	return w.Close()
}

// ended is closed when the next apply ends.
func (w *workspace) ended() <-chan struct{} {
	w = w.root()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next
}

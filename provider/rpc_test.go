package provider_test

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/provider"
)

// server is the provider as the core calls it, within the test process.
type server struct {
	t *testing.T
	tfprotov6.ProviderServer
	schemas *tfprotov6.GetProviderSchemaResponse
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, ProviderServer: providerserver.NewProtocol6(provider.New("test")())()}
	var err error
	if s.schemas, err = s.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{}); err != nil {
		t.Fatal(err)
	}
	s.fine(s.schemas.Diagnostics)
	return s
}

// fine fails on errors among diagnostics.
func (s *server) fine(diags []*tfprotov6.Diagnostic) {
	s.t.Helper()
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			s.t.Fatalf("%s: %s", d.Summary, d.Detail)
		}
	}
}

// object makes a value of a schema: attributes that are not given are null, or unknown where they are computed and so is asked.
func (s *server) object(schema *tfprotov6.Schema, given map[string]tftypes.Value, unknown bool) *tfprotov6.DynamicValue {
	s.t.Helper()
	all := map[string]tftypes.Value{}
	for _, a := range schema.Block.Attributes {
		v, ok := given[a.Name]
		switch {
		case ok:
		case unknown && a.Computed:
			v = tftypes.NewValue(a.ValueType(), tftypes.UnknownValue)
		default:
			v = tftypes.NewValue(a.ValueType(), nil)
		}
		all[a.Name] = v
	}
	d, err := tfprotov6.NewDynamicValue(schema.ValueType(), tftypes.NewValue(schema.ValueType(), all))
	if err != nil {
		s.t.Fatal(err)
	}
	return &d
}

// part makes a value of an object type: what is not given is null.
func part(t tftypes.Type, given map[string]tftypes.Value) tftypes.Value {
	all := map[string]tftypes.Value{}
	for name, a := range t.(tftypes.Object).AttributeTypes {
		all[name] = tftypes.NewValue(a, nil)
	}
	maps.Copy(all, given)
	return tftypes.NewValue(t, all)
}

// configure gives the provider the inventory of a rack and its blueprint.
func (s *server) configure(l *lab) { s.configureWith(l, nil) }

// configureWith gives the provider the inventory of a rack, and more instead of its blueprint.
func (s *server) configureWith(l *lab, more map[string]tftypes.Value) {
	s.t.Helper()
	var nodeType, credType tftypes.Type
	for _, a := range s.schemas.Provider.Block.Attributes {
		switch a.Name {
		case "nodes":
			nodeType = a.ValueType()
		case "credentials":
			credType = a.ValueType()
		}
	}
	text := func(v string) tftypes.Value { return tftypes.NewValue(tftypes.String, v) }
	nodes, creds := map[string]tftypes.Value{}, map[string]tftypes.Value{}
	element := func(t tftypes.Type) tftypes.Object { return t.(tftypes.Map).ElementType.(tftypes.Object) }
	for _, b := range l.bindings {
		_, pass := l.sim.Credentials(b.Node)
		tls := element(nodeType).AttributeTypes["tls"]
		nodes[b.Node] = part(element(nodeType), map[string]tftypes.Value{"endpoint": text(b.URL), "credential": text(b.Node),
			"tls": part(tls, map[string]tftypes.Value{"pin_sha256": text(b.PinSHA256)})})
		creds[b.Node] = part(element(credType), map[string]tftypes.Value{"username": text(b.Username), "password": text(pass)})
	}
	all := map[string]tftypes.Value{"nodes": tftypes.NewValue(nodeType, nodes), "credentials": tftypes.NewValue(credType, creds)}
	if more == nil {
		all["blueprint"] = text(l.dir)
	} else {
		all["state_dir"] = text(filepath.Join(l.dir, engine.StateDir))
	}
	maps.Copy(all, more)
	resp, err := s.ConfigureProvider(s.t.Context(), &tfprotov6.ConfigureProviderRequest{Config: s.object(s.schemas.Provider, all, false)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.fine(resp.Diagnostics)
}

const rackType = "metalwright_rack"

// none is the state of a rack that does not exist.
func (s *server) none() *tfprotov6.DynamicValue {
	s.t.Helper()
	t := s.schemas.ResourceSchemas[rackType].ValueType()
	d, err := tfprotov6.NewDynamicValue(t, tftypes.NewValue(t, nil))
	if err != nil {
		s.t.Fatal(err)
	}
	return &d
}

// plan plans the creation of the rack.
func (s *server) plan(ctx context.Context) *tfprotov6.PlanResourceChangeResponse {
	s.t.Helper()
	return s.change(ctx, s.none(), s.object(s.schemas.ResourceSchemas[rackType], nil, true))
}

func (s *server) change(ctx context.Context, prior, proposed *tfprotov6.DynamicValue) *tfprotov6.PlanResourceChangeResponse {
	s.t.Helper()
	resp, err := s.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{TypeName: rackType, PriorState: prior, ProposedNewState: proposed,
		Config: s.object(s.schemas.ResourceSchemas[rackType], nil, false)})
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

// apply does what was planned.
func (s *server) apply(prior, planned *tfprotov6.DynamicValue) *tfprotov6.ApplyResourceChangeResponse {
	s.t.Helper()
	resp, err := s.ApplyResourceChange(s.t.Context(), &tfprotov6.ApplyResourceChangeRequest{TypeName: rackType, PriorState: prior, PlannedState: planned,
		Config: s.object(s.schemas.ResourceSchemas[rackType], nil, false)})
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

// refresh reads the rack.
func (s *server) refresh(state *tfprotov6.DynamicValue) *tfprotov6.DynamicValue {
	s.t.Helper()
	resp, err := s.ReadResource(s.t.Context(), &tfprotov6.ReadResourceRequest{TypeName: rackType, CurrentState: state})
	if err != nil {
		s.t.Fatal(err)
	}
	s.fine(resp.Diagnostics)
	return resp.NewState
}

// refused fails unless the errors are of one kind.
func (s *server) refused(diags []*tfprotov6.Diagnostic, summary string) {
	s.t.Helper()
	found := false
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			found = true
			if d.Summary != summary {
				s.t.Errorf("%s: %s, want %q", d.Summary, d.Detail, summary)
			}
		}
	}
	if !found {
		s.t.Errorf("no error, want %q", summary)
	}
}

// value reads a rack.
func (s *server) value(d *tfprotov6.DynamicValue) tftypes.Value {
	s.t.Helper()
	v, err := d.Unmarshal(s.schemas.ResourceSchemas[rackType].ValueType())
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// maxReads bounds what a plan reads of one node: a rise is a question for the review.
const maxReads = 40

// Two processes plan the same rack: plan, and then apply. Whatever is known must be equal, or the core refuses every apply.
func TestPlanIsDeterministic(t *testing.T) {
	l := newLab(t, "rack", speed)
	var first tftypes.Value
	for i := range 2 {
		s := newServer(t)
		s.configure(l)
		resp := s.plan(t.Context())
		s.fine(resp.Diagnostics)
		got, again := s.value(resp.PlannedState), s.value(s.plan(t.Context()).PlannedState)
		if i == 0 {
			first = got
		}
		for _, other := range []tftypes.Value{got, again} {
			if diffs, err := first.Diff(other); err != nil || len(diffs) > 0 {
				t.Errorf("the plans differ: %v %v", diffs, err)
			}
		}
		var values map[string]tftypes.Value
		if err := got.As(&values); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"plan_digest", "impact", "resets", "estimated_duration_s", "design", "converged"} {
			if !values[name].IsFullyKnown() || values[name].IsNull() {
				t.Errorf("%s is not known in the plan", name)
			}
		}
	}
	for node, led := range l.sim.Ledger() {
		t.Logf("%s: %d reads for a plan", node, led.Reads/2)
		if led.SessionsOpened != 2 || led.SessionsOpen != 0 || led.Writes != 0 || led.Reads > 2*maxReads {
			t.Errorf("%s: two plans in each of two processes took %d sessions, %d reads and %d writes, want 2, %d at most and 0", node, led.SessionsOpened,
				led.Reads, led.Writes, 2*maxReads)
		}
	}
}

// What is interrupted while it reads makes no plan: half an observation is none.
func TestPlanInterrupted(t *testing.T) {
	l := newLab(t, "node", speed)
	s := newServer(t)
	s.configure(l)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	resp := s.plan(ctx)
	s.refused(resp.Diagnostics, "Rack cannot be planned")
	s.fine(s.plan(t.Context()).Diagnostics) // and leaves nothing behind
}

// lease takes the lease of a node as another operator would; the function given back returns it.
func (l *lab) lease(node string) func() {
	l.t.Helper()
	w, diags := engine.Load(engine.Options{Dir: l.dir})
	if err := diags.Err(); err != nil {
		l.t.Fatal(err)
	}
	held, err := w.Locks().Acquire(apply.ThisProcess("somebody-else"), []apply.Want{{Name: "node/" + node}}, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	return func() {
		l.t.Helper()
		if err := held.Release(); err != nil {
			l.t.Error(err)
		}
	}
}

// A rack that fails to be made is not in the state; one that fails to be changed stays in it as it was, so that no later plan
// takes the change for done.
func TestFailureIsNoState(t *testing.T) {
	l := newLab(t, "node", speed)
	s := newServer(t)
	s.configure(l)
	planned := s.plan(t.Context()).PlannedState
	release := l.lease("dell")
	resp := s.apply(s.none(), planned)
	s.refused(resp.Diagnostics, "Apply cannot run")
	if !s.value(resp.NewState).IsNull() {
		t.Error("a rack that could not be made is in the state")
	}
	l.unchanged(0)
	release()
	resp = s.apply(s.none(), planned)
	s.fine(resp.Diagnostics)
	made := resp.NewState

	l.drift()
	s = newServer(t)
	s.configure(l)
	drifted := s.refresh(made)
	change := s.change(t.Context(), drifted, drifted)
	s.fine(change.Diagnostics)
	defer l.lease("dell")()
	resp = s.apply(drifted, change.PlannedState)
	s.refused(resp.Diagnostics, "Apply cannot run")
	if diffs, err := s.value(drifted).Diff(s.value(resp.NewState)); err != nil || len(diffs) > 0 {
		t.Errorf("a change that failed is in the state: %v %v", diffs, err)
	}
	l.closed()
}

// Should a device move between the second plan and its apply, the provider itself refuses.
func TestMovedBeforeApply(t *testing.T) {
	l := newLab(t, "node", speed)
	s := newServer(t)
	s.configure(l)
	planned := s.plan(t.Context()).PlannedState
	l.poke("dell", sim.Poke{BIOS: map[string]any{"SysProfile": "PerfOptimized"}})
	s = newServer(t)
	s.configure(l)
	resp := s.apply(s.none(), planned)
	s.refused(resp.Diagnostics, "Device moved")
	if !s.value(resp.NewState).IsNull() {
		t.Error("a refused rack is in the state")
	}
	l.unchanged(0)
}

// A BMC that does not answer is a gap and no absence: the rack stays in the state, with what was known of the node.
func TestUnreadableIsNoAbsence(t *testing.T) {
	l := newLab(t, "node", speed)
	s := newServer(t)
	s.configure(l)
	resp := s.apply(s.none(), s.plan(t.Context()).PlannedState)
	s.fine(resp.Diagnostics)
	l.bindings[0].URL = "https://127.0.0.1:1"
	s = newServer(t)
	s.configure(l)
	var before, after map[string]tftypes.Value
	if err := s.value(resp.NewState).As(&before); err != nil {
		t.Fatal(err)
	}
	if err := s.value(s.refresh(resp.NewState)).As(&after); err != nil {
		t.Fatal(err)
	}
	if !after["nodes"].Equal(before["nodes"]) || !after["plan_digest"].Equal(before["plan_digest"]) {
		t.Errorf("nodes %v and digest %v, want what they were", after["nodes"], after["plan_digest"])
	}
	var gaps []tftypes.Value
	var converged bool
	if err := errors.Join(after["gaps"].As(&gaps), after["converged"].As(&converged)); err != nil {
		t.Fatal(err)
	}
	if len(gaps) != 1 || converged {
		t.Errorf("%d gaps and converged %v, want one gap and not", len(gaps), converged)
	}
}

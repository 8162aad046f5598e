package provider_test

import (
	"context"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

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

// configure gives the provider the inventory of a rack.
func (s *server) configure(l *lab) {
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
	null := tftypes.NewValue(tftypes.String, nil)
	nodes, creds := map[string]tftypes.Value{}, map[string]tftypes.Value{}
	element := func(t tftypes.Type) tftypes.Object { return t.(tftypes.Map).ElementType.(tftypes.Object) }
	for _, b := range l.bindings {
		_, pass := l.sim.Credentials(b.Node)
		tls := element(nodeType).AttributeTypes["tls"]
		nodes[b.Node] = tftypes.NewValue(element(nodeType), map[string]tftypes.Value{"endpoint": text(b.URL), "credential": text(b.Node), "system_id": null,
			"tls": tftypes.NewValue(tls, map[string]tftypes.Value{"pin_sha256": text(b.PinSHA256), "ca_file": null})})
		creds[b.Node] = tftypes.NewValue(element(credType), map[string]tftypes.Value{"username": text(b.Username), "password": text(pass), "secret": null})
	}
	resp, err := s.ConfigureProvider(s.t.Context(), &tfprotov6.ConfigureProviderRequest{Config: s.object(s.schemas.Provider, map[string]tftypes.Value{
		"blueprint": text(l.dir), "nodes": tftypes.NewValue(nodeType, nodes), "credentials": tftypes.NewValue(credType, creds)}, false)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.fine(resp.Diagnostics)
}

// plan plans the creation of the rack.
func (s *server) plan(ctx context.Context) *tfprotov6.PlanResourceChangeResponse {
	s.t.Helper()
	const name = "metalwright_rack"
	schema := s.schemas.ResourceSchemas[name]
	none, err := tfprotov6.NewDynamicValue(schema.ValueType(), tftypes.NewValue(schema.ValueType(), nil))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{TypeName: name, PriorState: &none,
		Config: s.object(schema, nil, false), ProposedNewState: s.object(schema, nil, true)})
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
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
		got, err := resp.PlannedState.Unmarshal(s.schemas.ResourceSchemas["metalwright_rack"].ValueType())
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.plan(t.Context()).PlannedState.Unmarshal(s.schemas.ResourceSchemas["metalwright_rack"].ValueType())
		if err != nil {
			t.Fatal(err)
		}
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
	failed := slices.ContainsFunc(resp.Diagnostics, func(d *tfprotov6.Diagnostic) bool { return d.Severity == tfprotov6.DiagnosticSeverityError })
	if !failed {
		t.Error("an interrupted plan is no error")
	}
	s.fine(s.plan(t.Context()).Diagnostics) // and leaves nothing behind
}

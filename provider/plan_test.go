package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// aView is a rack that nothing was read of.
func aView(t *testing.T) *view {
	t.Helper()
	v, diags := newCoordinator().view(source{dir: "testdata/rack"}, "")
	if diags.HasError() {
		t.Fatal(diags)
	}
	return v
}

// settings is a plan that sets BIOS attributes of nodes: NODE NAME FROM TO.
func settings(lines ...[4]string) plan.Plan {
	p := plan.Plan{Format: plan.Format, Design: "sha256:d"}
	for i, l := range lines {
		id := step.ID(fmt.Sprintf("%s/%03d-bios", l[0], i))
		p.Nodes = append(p.Nodes, plan.NodePlan{Address: rack.Address("node." + l[0]), Name: l[0], Steps: []step.Step{{ID: id, Node: l[0],
			Address: rack.Address("node." + l[0]), Kind: step.BIOS, Activation: step.HostReset, Expect: step.Facts{l[1]: l[2]}, Want: step.Facts{l[1]: l[3]}}}})
	}
	p.Digest = p.ComputeDigest()
	return p
}

func TestMoves(t *testing.T) {
	v := aView(t)
	then := settings([4]string{"dell", "A", "1", "9"}, [4]string{"dell", "B", "1", "9"}, [4]string{"smc", "C", "1", "9"})
	now := settings([4]string{"dell", "A", "2", "9"}, [4]string{"smc", "C", "1", "9"}, [4]string{"smc", "D", "5", "9"})
	want := []string{"dell bios A: was 1, is 2", "dell bios B: was 1, is as the blueprint says", "smc bios D: was as the blueprint says, is 5"}
	if diff := cmp.Diff(want, v.moves(then, now)); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
	if got := v.moves(then, then); len(got) != 1 {
		t.Errorf("equal facts: %q", got)
	}
}

// The file of the last plan explains a refusal once, of the same Design only.
func TestMovedIsToldOnce(t *testing.T) {
	c := newCoordinator()
	c.stateDir = t.TempDir()
	v, diags := c.view(source{dir: "testdata/rack"}, "lab")
	if diags.HasError() {
		t.Fatal(diags)
	}
	first, second := settings([4]string{"dell", "A", "1", "9"}), settings([4]string{"dell", "A", "2", "9"})
	other := second
	other.Design = "sha256:other"
	other.Digest = other.ComputeDigest()
	for i, c := range []struct {
		p    plan.Plan
		want int
	}{{first, 0}, {first, 0}, {second, 1}, {second, 0}, {other, 0}, {plan.Plan{Design: "sha256:other"}, 1}, {second, 0}} {
		if got := v.moved(decision{todo: c.p, now: c.p}); len(got) != c.want {
			t.Errorf("plan %d: %v, want %d warnings", i, got, c.want)
		}
	}
	v.dropPlanned()
	if got := v.moved(decision{todo: first}); len(got) != 0 {
		t.Errorf("after an apply: %v", got)
	}
}

func TestImpactIsSummedUp(t *testing.T) {
	v := aView(t)
	var lines [][4]string
	for i := range maxImpact + 1 {
		lines = append(lines, [4]string{"dell", fmt.Sprintf("A%d", i), "1", "2"})
	}
	if got := v.impact(settings(lines[1:]...)); len(got) != maxImpact || got[0].Name != "A1" || got[0].Activation != "host_reset" {
		t.Errorf("%d lines, first %+v", len(got), got[0])
	}
	got := v.impact(settings(lines...))
	if len(got) != 1 || got[0].Name != "51 changes" || got[0].Kind != "bios" {
		t.Errorf("above %d changes: %+v", maxImpact, got)
	}
}

func TestStuck(t *testing.T) {
	v := aView(t)
	note := func(node string) []plan.Note {
		return []plan.Note{{Node: node, Summary: "Something", Detail: "Do this."}}
	}
	cut := &engine.Pending{Plan: settings([4]string{"dell", "A", "1", "2"})}
	goesOn := settings([4]string{"dell", "A", "1", "2"})
	with := func(p plan.Plan, r plan.Report) plan.Plan {
		p.Report = r
		return p
	}
	for name, c := range map[string]struct {
		p              plan.Plan
		cut            *engine.Pending
		allowed        int64
		errs, warnings int
	}{
		"clean":                      {goesOn, nil, 0, 0, 0},
		"blocked":                    {with(plan.Plan{}, plan.Report{Blocked: note("dell")}), nil, 0, 1, 0},
		"blocked and allowed":        {with(plan.Plan{}, plan.Report{Blocked: note("dell")}), nil, 1, 0, 1},
		"one node twice":             {with(plan.Plan{}, plan.Report{Blocked: note("dell"), Waiting: note("dell")}), nil, 1, 0, 1},
		"two nodes":                  {with(plan.Plan{}, plan.Report{Blocked: note("dell"), Waiting: note("smc")}), nil, 1, 1, 0},
		"a part waits":               {with(goesOn, plan.Report{Waiting: note("dell")}), nil, 0, 0, 1},
		"unreadable":                 {with(goesOn, plan.Report{Unreadable: note("smc")}), nil, 0, 1, 0},
		"blocked half-way, goes on":  {with(plan.Plan{}, plan.Report{Blocked: note("dell")}), cut, 0, 0, 1},
		"unreadable, would go on":    {with(plan.Plan{}, plan.Report{Unreadable: note("dell")}), cut, 0, 1, 0},
		"another blocked than is on": {with(plan.Plan{}, plan.Report{Blocked: note("smc")}), cut, 0, 1, 0},
	} {
		got := v.stuck(c.p, c.cut, c.allowed)
		if got.ErrorsCount() != c.errs || got.WarningsCount() != c.warnings {
			t.Errorf("%s: %v, want %d errors and %d warnings", name, got, c.errs, c.warnings)
		}
		for _, d := range got {
			if !strings.Contains(d.Detail(), "Something. Do this.") {
				t.Errorf("%s: %q does not say what and what to do", name, d.Detail())
			}
		}
	}
}

// Errors stand alone with their places; warnings of one kind are one.
func TestRendered(t *testing.T) {
	at := diag.At(diag.Range{Filename: "main.mw.hcl"})
	at.Start.Line, at.Start.Column = 3, 7
	got := rendered(diag.List{
		{Severity: diag.Warning, Summary: "Old", Detail: "One."},
		{Severity: diag.Error, Summary: "Bad", Detail: "First.", Subject: at},
		{Severity: diag.Warning, Summary: "Odd", Detail: "Two."},
		{Severity: diag.Error, Summary: "Bad", Detail: "Second."},
		{Severity: diag.Warning, Summary: "Old", Detail: "Three."},
	})
	want := fwdiag.Diagnostics{
		fwdiag.NewErrorDiagnostic("Bad", "on main.mw.hcl line 3, column 7: First."), fwdiag.NewErrorDiagnostic("Bad", "Second."),
		fwdiag.NewWarningDiagnostic("Old", "One.\nThree."), fwdiag.NewWarningDiagnostic("Odd", "Two."),
	}
	if !slices.EqualFunc(got, want, func(a, b fwdiag.Diagnostic) bool { return a.Equal(b) }) {
		t.Errorf("rendered: %v", got)
	}
}

// A file of an authority is named from the blueprint's folder: what is said about it must hold no path of this machine.
func TestAuthorityIsNamedFromTheBlueprint(t *testing.T) {
	c := newCoordinator()
	c.bindings = []rack.Binding{{Node: "dell", CAFile: "testdata/ca.pem"}, {Node: "smc", CAFile: "/etc/ca.pem"}}
	got, err := c.bindingsFrom("testdata/rack")
	if err != nil {
		t.Fatal(err)
	}
	if got[0].CAFile != "../ca.pem" || got[1].CAFile != "/etc/ca.pem" || c.bindings[0].CAFile != "testdata/ca.pem" {
		t.Errorf("%q and %q, kept %q", got[0].CAFile, got[1].CAFile, c.bindings[0].CAFile)
	}
}

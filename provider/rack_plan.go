package provider

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	fwdiag "github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
)

// ModifyPlan surveys and plans. It runs in plan and again in apply, in another process, and gives the same known values for the
// same rack: the digest among them carries the approval, since the core refuses when the second one differs (ADR 6).
func (r *rackResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		resp.Diagnostics.AddWarning("Destroy forgets the rack", "Nothing is sent to any BMC: the hardware stays as it is.")
		return
	}
	var m, prior rackModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	}
	if resp.Diagnostics.HasError() || r.c == nil {
		return
	}
	if later := r.waitsFor(m); later != "" {
		resp.Diagnostics.AddWarning("Rack is planned during apply", "Not known yet: "+later+". What is changed will be decided then, without approval.")
		return
	}
	v, diags := r.open(ctx, m)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	first := prior.PlanDigest.IsNull() // a new rack, or one that was imported
	d, err := v.decide(ctx, first)
	if err != nil {
		resp.Diagnostics.AddError("Rack cannot be planned", sentence(v.w.Redact(err.Error())))
		return
	}
	resp.Diagnostics.Append(v.stuck(d.now, d.cut, m.Degraded.ValueInt64())...)
	if resp.Diagnostics.HasError() {
		return
	}
	if veto := r.c.safety.vetoed(d.todo); len(veto) > 0 {
		resp.Diagnostics.AddError("Not allowed by the provider", strings.Join(veto, "\n"))
		return
	}
	resp.Diagnostics.Append(v.moved(d)...)
	resp.Diagnostics.Append(v.warnings(d)...)
	m.ID, m.Design = types.StringValue(string(v.address)), types.StringValue(string(v.w.Design.Digest()))
	if !first && d.todo.Empty() && m.Design.Equal(prior.Design) && req.Plan.Raw.Equal(req.State.Raw) {
		return // nothing changes: the plan is the state
	}
	if !prior.ID.IsNull() && !prior.ID.Equal(m.ID) {
		resp.RequiresReplace.Append(path.Root("id"))
	}
	resp.Diagnostics.Append(m.intend(ctx, v, d.todo)...)
	if !d.now.Report.Clean() { // what is left behind is seen afterwards
		m.Converged, m.Drift = types.BoolUnknown(), types.ListUnknown(types.StringType)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &m)...)
}

// waitsFor names what has to be known before the rack can be read.
func (r *rackResource) waitsFor(m rackModel) string {
	var out []string
	if r.c.later != "" {
		out = append(out, r.c.later+" of the provider")
	}
	for name, v := range map[string]attr.Value{"rack": m.Rack, "blueprint": m.Blueprint, "variables": m.Variables, "degraded_nodes_allowed": m.Degraded} {
		if v.IsUnknown() {
			out = append(out, name)
		}
	}
	for _, v := range m.Variables.Elements() {
		if v.IsUnknown() {
			out = append(out, "variables")
			break
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// decision is what an apply will do with a rack.
type decision struct {
	todo plan.Plan       // what the apply does: now, or the rest of what was cut off
	now  plan.Plan       // what the rack needs by a look at it
	cut  *engine.Pending // the run that is gone on with; nil = none
}

// decide goes on with an apply that was cut off, as the command line does, unless nothing is left to do.
func (v *view) decide(ctx context.Context, first bool) (decision, error) {
	now, _, err := v.look(ctx)
	if err != nil {
		return decision{}, err
	}
	cut, err := v.pending()
	if err != nil {
		return decision{}, err
	}
	if cut != nil && (first || !now.Empty()) {
		return decision{todo: cut.Plan, now: now, cut: cut}, nil
	}
	return decision{todo: now, now: now}, nil
}

// pending is a run that was cut off and is of nodes of this rack only.
func (v *view) pending() (*engine.Pending, error) {
	cut, err := v.w.Pending()
	if err != nil || cut == nil {
		return nil, err
	}
	for _, n := range cut.Plan.Nodes {
		if !slices.Contains(v.nodes, n.Name) {
			return nil, nil
		}
	}
	return cut, nil
}

// intend writes a plan into the model: known where it is decided, unknown where the apply will read it.
func (m *rackModel) intend(ctx context.Context, v *view, p plan.Plan) fwdiag.Diagnostics {
	made, all := v.intended(ctx, p)
	m.PlanDigest, m.Impact, m.Resets, m.EstimatedS = made.digest, made.impact, made.resets, made.estimated
	m.Converged, m.Drift = types.BoolValue(true), types.ListValueMust(types.StringType, []attr.Value{})
	m.Waiting, m.Gaps, m.Nodes = types.ListUnknown(types.StringType), types.ListUnknown(types.StringType), types.MapUnknown(factsType)
	return all
}

type impactLine struct {
	Address    string `tfsdk:"address"`
	Kind       string `tfsdk:"kind"`
	Name       string `tfsdk:"name"`
	From       string `tfsdk:"from"`
	To         string `tfsdk:"to"`
	Activation string `tfsdk:"activation"`
	Why        string `tfsdk:"why"`
}

// maxImpact bounds what state holds; the whole plan is kept in the state folder.
const maxImpact = 50

func (v *view) impact(p plan.Plan) []impactLine {
	out := []impactLine{}
	type reason struct{ class, why string }
	steps := map[string]reason{}
	for _, n := range p.Nodes {
		for _, s := range n.Steps {
			steps[string(s.ID)] = reason{s.Activation.String(), s.Why}
		}
	}
	for _, c := range plan.Drift(p) {
		s := steps[string(c.Step)]
		out = append(out, impactLine{Address: string(c.Address), Kind: string(c.Kind), Name: c.Name, From: v.w.Redact(word(c.From)),
			To: v.w.Redact(word(c.To)), Activation: s.class, Why: strings.TrimSpace(s.why + at(c))})
	}
	if len(out) <= maxImpact {
		return out
	}
	byKind := map[[2]string]int{}
	for _, l := range out {
		byKind[[2]string{l.Kind, l.Activation}]++
	}
	var sum []impactLine
	for k, n := range byKind {
		sum = append(sum, impactLine{Address: string(v.address), Kind: k[0], Activation: k[1], Name: fmt.Sprintf("%d changes", n),
			Why: "summed up; the whole plan is in the folder plans of the state folder"})
	}
	slices.SortFunc(sum, func(a, b impactLine) int { return strings.Compare(a.Kind+" "+a.Activation, b.Kind+" "+b.Activation) })
	return sum
}

// stuck refuses a plan that leaves more nodes behind than allowed, and warns about the rest. A node of which only a part waits
// while the rest goes on is not left behind; nor is one that a run which was cut off will see to.
func (v *view) stuck(p plan.Plan, cut *engine.Pending, allowed int64) fwdiag.Diagnostics {
	var diags fwdiag.Diagnostics
	goesOn := func(node string, p plan.Plan) bool {
		return slices.ContainsFunc(p.Nodes, func(n plan.NodePlan) bool { return n.Name == node })
	}
	left := map[string]bool{}
	for _, n := range slices.Concat(p.Report.Waiting, p.Report.Blocked) {
		if !goesOn(n.Node, p) && (cut == nil || !goesOn(n.Node, cut.Plan)) {
			left[n.Node] = true
		}
	}
	for _, n := range p.Report.Unreadable {
		left[n.Node] = true
	}
	lines := v.noteLines(p.Report.Waiting, p.Report.Blocked, p.Report.Unreadable)
	switch {
	case len(left) > 0 && v.shared != nil && len(v.nodes) == 1:
		diags.AddError("Node cannot be planned", strings.Join(lines, "\n"))
	case int64(len(left)) > allowed:
		diags.AddError("Nodes cannot be planned", fmt.Sprintf("%d of %d nodes wait for hands, are blocked or could not be read; allowed are %d "+
			"(degraded_nodes_allowed).\n%s", len(left), len(v.nodes), allowed, strings.Join(lines, "\n")))
	case len(lines) > 0:
		diags.AddWarning("Nodes are left behind", strings.Join(lines, "\n"))
	}
	return diags
}

// warnings says once for all nodes what an apply does to hosts, and what no apply does.
func (v *view) warnings(d decision) fwdiag.Diagnostics {
	var diags fwdiag.Diagnostics
	if d.cut != nil {
		diags.AddWarning("Goes on with an apply that was cut off", fmt.Sprintf("Plan %s was cut off after %d of %d steps. What was begun is looked at first; "+
			"nothing is repeated.", d.cut.Plan.Digest.Short(), d.cut.Done, d.cut.Of))
	}
	var lines []string
	resets := false
	for _, n := range d.todo.Nodes {
		var parts []string
		for _, class := range slices.Sorted(maps.Keys(n.Resets)) {
			if n.Resets[class] > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n.Resets[class], class))
				resets = true
			}
		}
		if len(parts) == 0 {
			parts = []string{"no reset"}
		}
		lines = append(lines, fmt.Sprintf("%s: %s, about %d min (one reset per change would be %d)", n.Name, strings.Join(parts, ", "), (n.EstimatedS+59)/60,
			n.NaiveResets))
	}
	if resets {
		diags.AddWarning("Apply resets machines", strings.Join(lines, "\n"))
	}
	if notes := d.now.Report.NotPlanned; len(notes) > 0 {
		diags.AddWarning("Not planned by this version", strings.Join(v.noteLines(notes), "\n"))
	}
	if notes := d.now.Report.Warnings; len(notes) > 0 {
		diags.AddWarning("Worth knowing", strings.Join(v.noteLines(notes), "\n"))
	}
	return diags
}

// planned is the file of the last plan of this rack. It only serves to explain: the approval is the digest in the plan itself.
func (v *view) planned() string {
	return filepath.Join(filepath.Dir(v.w.JournalDir()), "plans", url.PathEscape(string(v.address))+".json")
}

// dropPlanned forgets the last plan: it was done.
func (v *view) dropPlanned() { _ = os.Remove(v.planned()) } // at worst the next plan tells of a move that was an apply

// moved says what differs from the last plan of the same Design, and keeps this one. When that plan waits for its apply, the
// core will refuse it and call this a bug of the provider; this is the true reason.
func (v *view) moved(d decision) fwdiag.Diagnostics {
	var diags fwdiag.Diagnostics
	file := v.planned()
	if last, err := engine.LoadPlan(file); err == nil && last.Plan.Design == d.todo.Design && last.Plan.Digest != d.todo.Digest {
		diags.AddWarning("Devices moved since the last plan", strings.Join(v.moves(last.Plan, d.todo), "\n")+
			"\nA plan that was saved before is refused. Make a new plan.")
	}
	err := os.Remove(file)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if !d.todo.Empty() {
		err = engine.SavePlan(file, d.todo, rack.Observation{})
	}
	if err != nil {
		diags.AddWarning("Plan is not kept", "Should a device move before the apply, the refusal will not say which. "+sentence(err.Error()))
	}
	return diags
}

// moves lists the facts that two plans of one Design differ in: what was, and what is.
func (v *view) moves(then, now plan.Plan) []string {
	const wanted = "as the blueprint says"
	was, is := map[string]string{}, map[string]string{}
	for _, c := range plan.Drift(then) {
		was[what(c)] = word(c.From)
	}
	for _, c := range plan.Drift(now) {
		is[what(c)] = word(c.From)
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(was)) {
		if _, ok := is[k]; !ok {
			out = append(out, fmt.Sprintf("%s: was %s, is %s", k, was[k], wanted))
		} else if was[k] != is[k] {
			out = append(out, fmt.Sprintf("%s: was %s, is %s", k, was[k], is[k]))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(is)) {
		if _, ok := was[k]; !ok {
			out = append(out, fmt.Sprintf("%s: was %s, is %s", k, wanted, is[k]))
		}
	}
	if len(out) == 0 {
		out = []string{"The same changes are made in other steps than before."}
	}
	for i := range out {
		out[i] = v.w.Redact(out[i])
	}
	return out
}

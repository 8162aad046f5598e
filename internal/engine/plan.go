package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/survey"
)

// SurveyOptions narrow a survey.
type SurveyOptions struct {
	Only     []string              // node names; empty = all
	Progress func(done, total int) // nil = none
	Acts     []plan.Act            // what is asked for once, besides
	Deep     bool                  // read too what planning the Design needs beyond a survey
	Cables   bool                  // read too what BMCs tell of the neighbours of ports
	skip     []string              // addresses of nodes that are not read: their BMCs are not claimed
	Facets   []rack.Facet          // read too
}

// Survey reads every node of the Design, and the power shelves that they hang on, and says as a gap what could not be read. It changes nothing.
func (w *Workspace) Survey(ctx context.Context, opt SurveyOptions) rack.Observation {
	var targets []survey.Target
	var spares map[string][]string
	if opt.Deep {
		spares = w.knownSpares()
	}
	for _, n := range w.Design.Nodes {
		if len(opt.Only) > 0 && !slices.Contains(opt.Only, n.Name) && !slices.Contains(opt.Only, string(n.Address)) {
			continue
		}
		if slices.Contains(opt.skip, string(n.Address)) {
			continue
		}
		targets = append(targets, survey.Target{Address: string(n.Address), Node: n.Name, Endpoint: w.Bindings[n.Name].URL,
			Open: func(ctx context.Context) (survey.Reader, error) {
				return w.reader(ctx, n, withSpares(w.facets(plan.WithActs(n, opt.Acts), opt), spares[n.Name]))
			}})
	}
	targets = append(targets, w.shelfTargets(opt.Only)...)
	o := survey.Run(ctx, targets, survey.Options{Progress: opt.Progress, Gate: w.opt.Gate})
	o.Cables, o.Unclaimed = w.cables(), opt.skip
	if opt.Deep {
		w.readSwitches(ctx, &o, opt.Only)
	}
	return o
}

// facets is what a survey reads of a node beyond what every survey does.
func (w *Workspace) facets(n rack.Node, opt SurveyOptions) []rack.Facet {
	switch {
	case opt.Facets != nil:
		return opt.Facets
	case opt.Deep:
		return w.Design.Facets(n)
	case opt.Cables:
		return []rack.Facet{rack.FacetNeighbours}
	}
	return nil
}

// Plan surveys and plans. The observation it rests on comes with it. Nodes that could not be read well enough to plan are read
// once more: a BMC that was busy, or that told nulls while it started, is the usual reason. Nodes that are not claimed are not read:
// see PlanClaim.
func (w *Workspace) Plan(ctx context.Context, opt SurveyOptions) (plan.Plan, rack.Observation) {
	opt.Deep = true
	for _, n := range w.unclaimed(ctx, opt.Only) {
		opt.skip = append(opt.skip, string(n.Address))
	}
	o := w.Survey(ctx, opt)
	w.markUnfinished(&o)
	po := w.planOptions(opt)
	p, _ := plan.Build(w.Design, o, po)
	again := unreadable(p)
	if len(again) == 0 || ctx.Err() != nil {
		return p, o
	}
	second := w.Survey(ctx, SurveyOptions{Only: again, Deep: true, Acts: opt.Acts})
	w.markUnfinished(&second)
	o = merged(o, second, again, w.Design)
	p, _ = plan.Build(w.Design, o, po)
	return p, o
}

// planOptions are what a plan needs besides design and observation. A record of setups that cannot be read is as none: the plan
// warns that there is nothing to compare with.
func (w *Workspace) planOptions(opt SurveyOptions) plan.Options {
	setups, err := w.setups()
	if err != nil {
		w.opt.Log.Warn("drift of BIOS attributes", "error", err.Error())
	}
	return plan.Options{Only: opt.Only, Now: w.opt.Now, Setups: setups, Acts: opt.Acts, Intents: w.Catalog.BIOSIntents,
		NoIPMI: w.noIPMI(), Spares: w.knownSpares()}
}

// unreadable names the nodes that a plan left out because they could not be read.
func unreadable(p plan.Plan) []string {
	var out []string
	for _, n := range p.Report.Unreadable {
		if n.Node != "" && !slices.Contains(out, n.Node) {
			out = append(out, n.Node)
		}
	}
	return out
}

// merged replaces what o says of some nodes by what a second reading says.
func merged(o, second rack.Observation, nodes []string, d rack.Design) rack.Observation {
	addr := map[string]bool{}
	for _, name := range nodes {
		if n, ok := d.Node(name); ok {
			addr[string(n.Address)] = true
		} else if s, ok := d.Switch(name); ok {
			addr[string(s.Address)] = true
		}
	}
	for _, dev := range second.Devices { // the power shelves of those nodes
		addr[dev.Address] = true
	}
	for _, g := range second.Gaps {
		addr[g.Address] = true
	}
	out := rack.Observation{Format: o.Format, Taken: second.Taken, Cables: second.Cables, Unclaimed: o.Unclaimed,
		Switches: append(o.Switches, second.Switches...)}
	slices.SortFunc(out.Switches, func(a, b rack.SwitchSeen) int { return strings.Compare(a.Name, b.Name) })
	for _, dev := range o.Devices {
		if !addr[dev.Address] {
			out.Devices = append(out.Devices, dev)
		}
	}
	for _, g := range o.Gaps {
		if !addr[g.Address] {
			out.Gaps = append(out.Gaps, g)
		}
	}
	out.Devices, out.Gaps = append(out.Devices, second.Devices...), append(out.Gaps, second.Gaps...)
	slices.SortStableFunc(out.Devices, func(a, b rack.Device) int { return strings.Compare(a.Address, b.Address) })
	slices.SortStableFunc(out.Gaps, func(a, b rack.Gap) int { return strings.Compare(a.Address+" "+a.Path, b.Address+" "+b.Path) })
	return out
}

// PlanFile is a plan that waits for its approval: what `metalwright plan -out` writes.
type PlanFile struct {
	Format int              `json:"format"`
	Plan   plan.Plan        `json:"plan"`
	Before rack.Observation `json:"observation"`
}

// SavePlan writes a plan with what it rests on.
func SavePlan(path string, p plan.Plan, o rack.Observation) error {
	return writeJSON(path, PlanFile{Format: plan.Format, Plan: p, Before: o})
}

// LoadPlan reads what SavePlan wrote and refuses one that was changed.
func LoadPlan(path string) (PlanFile, error) {
	var f PlanFile
	if err := readJSON(path, &f); err != nil {
		return f, err
	}
	if f.Format != plan.Format {
		return f, fmt.Errorf("plan file %s has format %d, this version reads %d", path, f.Format, plan.Format)
	}
	if f.Plan.ComputeDigest() != f.Plan.Digest {
		return f, step.Fail(step.HasMoved, fmt.Errorf("plan file %s is not as it was written: its digest does not match", path), "Plan again.")
	}
	return f, nil
}

// AcceptanceResult is one acceptance block held against an observation.
type AcceptanceResult struct {
	Address     rack.Address `json:"address"`
	Met         []string     `json:"met"`                    // node names
	NotMet      []string     `json:"not_met,omitempty"`      // node names, with why
	Allowed     int          `json:"allowed"`                // nodes that may fall short
	NotMeasured []string     `json:"not_measured,omitempty"` // thresholds that this version does not measure
	Accepted    bool         `json:"accepted"`               // of what is measured
}

// Accept holds the Design's acceptance blocks against an observation. It is pure.
func Accept(d rack.Design, o rack.Observation) []AcceptanceResult {
	var out []AcceptanceResult
	for _, a := range d.Acceptances {
		r := AcceptanceResult{Address: a.Address, Allowed: a.DegradedNodes, Met: []string{}}
		for name := range a.Thresholds {
			r.NotMeasured = append(r.NotMeasured, name)
		}
		slices.Sort(r.NotMeasured)
		for _, t := range a.Targets {
			n, ok := d.Node(string(t))
			if !ok {
				continue
			}
			if why := short(n, a, o); why != "" {
				r.NotMet = append(r.NotMet, n.Name+": "+why)
			} else {
				r.Met = append(r.Met, n.Name)
			}
		}
		r.Accepted = len(r.NotMet) <= a.DegradedNodes
		out = append(out, r)
	}
	return out
}

// short says in what a node falls short of an acceptance; "" = it does not.
func short(n rack.Node, a rack.Acceptance, o rack.Observation) string {
	dev, ok := o.Device(n.Name)
	if !ok {
		return "not read"
	}
	h, ok := dev.Host()
	if !ok {
		return "its host could not be read"
	}
	if a.GPUsPerNode != nil && len(h.GPUs) != *a.GPUsPerNode {
		return fmt.Sprintf("%d GPUs, want %d", len(h.GPUs), *a.GPUsPerNode)
	}
	return ""
}

// PlanDestroy surveys and plans what on_destroy asks for.
func (w *Workspace) PlanDestroy(ctx context.Context) (plan.Plan, rack.Observation) {
	o := w.Survey(ctx, SurveyOptions{Deep: true})
	done, err := w.erased()
	if err != nil { // then a drive is erased once more: nothing is lost by that
		w.opt.Log.Warn("read which drives were erased", "error", w.Redact(err.Error()))
	}
	p, _ := plan.Destroy(w.Design, o, plan.Options{Now: w.opt.Now, Erased: done})
	return p, o
}

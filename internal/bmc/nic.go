package bmc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// port is the settings of one network device function: what runs and what waits.
type port struct {
	current, pending redfish.Object
	settings         string
	applies          []string
	queued           bool // this BMC keeps a job queue: what waits without a job does not wait
	jobs             []work
}

// port reads what a step is about: properties of the function itself, or the vendor's attributes of it.
func (d *Driver) port(ctx context.Context, s step.Step) (port, error) {
	r, err := d.c.rf.Get(ctx, s.Args.Resource)
	if redfish.IsNotFound(err) && s.Want[linkType] != nil {
		if twin := d.twin(ctx, s.Args.Resource); twin != "" {
			s.Args.Path = ""
			r, err = d.c.rf.Get(ctx, twin)
		}
	}
	if err != nil {
		return port{}, fmt.Errorf("read the port: %w", err)
	}
	x := port{current: part(r.Obj, s), settings: r.Obj.Link("@Redfish.Settings", "SettingsObject"),
		applies: r.Obj.Strs("@Redfish.Settings", "SupportedApplyTimes")}
	if x.settings == "" {
		x.settings = s.Args.Path
	}
	if x.settings == "" {
		return x, unsupported("settings of %s", s.Args.Component)
	}
	p, err := d.c.rf.Get(ctx, x.settings)
	if err != nil && !redfish.IsNotFound(err) {
		return x, fmt.Errorf("read the pending settings of the port: %w", err)
	}
	if err == nil {
		x.pending = part(p.Obj, s)
	}
	l, err := d.layout(ctx)
	if err != nil || l.jobs == "" {
		return x, err
	}
	all, err := d.works(ctx)
	if err != nil {
		return x, err
	}
	x.queued = true
	for _, w := range all {
		kind := strings.ToLower(w.kind)
		about := strings.Contains(kind, strings.ToLower(s.Args.Component)) || !strings.Contains(kind, ":")
		if w.live() && !w.update && strings.Contains(kind, "nic") && about {
			x.jobs = append(x.jobs, w)
		}
	}
	return x, nil
}

// linkType is the attribute whose change gives a Dell port another name: NIC.Slot.4-1-1 becomes InfiniBand.Slot.4-1 (Dell, Server
// Configuration Profiles reference guide, "InfiniBand modes").
const linkType = "NetworkLinkType"

// twin finds the attributes of a port under the name that it has now; "" when it is not shown.
func (d *Driver) twin(ctx context.Context, resource string) string {
	head, _, ok := strings.Cut(resource, "/NetworkAdapters/")
	if !ok {
		return ""
	}
	adapters, _, err := d.c.rf.Members(ctx, head+"/NetworkAdapters")
	if err != nil {
		return ""
	}
	for _, a := range adapters {
		functions, _, err := d.c.rf.Members(ctx, a.Obj.Link("NetworkDeviceFunctions"))
		if err != nil {
			continue
		}
		for _, f := range functions {
			link := f.Obj.Link("Links", "Oem", "Dell", "DellNetworkAttributes")
			if link != "" && slotOf(link) == slotOf(resource) {
				return link
			}
		}
	}
	return ""
}

// slotOf is where a Dell port is, without what it is: a partition number is told of Ethernet alone.
func slotOf(resource string) string {
	id := resource[strings.LastIndexByte(resource, '/')+1:]
	kind, slot, _ := strings.Cut(id, ".")
	if kind == "NIC" && strings.Count(slot, "-") > 1 {
		slot = slot[:strings.LastIndexByte(slot, '-')]
	}
	return strings.ToLower(slot)
}

// part is where the settings of a step stand within a resource.
func part(o redfish.Object, s step.Step) redfish.Object {
	if s.Args.Method == "attributes" {
		return o.Obj("Attributes")
	}
	return o
}

func (d *Driver) checkNIC(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	x, err := d.port(ctx, s)
	if redfish.IsNotFound(err) { // some show their adapters only while the host runs (R11)
		return state(step.Unknown, nil, "the BMC does not show %s now", s.Args.Component), nil
	}
	if err != nil {
		return step.State{}, err
	}
	seen := step.Facts{}
	waits, left, strange := 0, "", ""
	alive := !x.queued || len(x.jobs) > 0
	for _, name := range sortedKeys(s.Want) {
		cur := x.current[name]
		pend, entered := x.pending[name]
		entered = entered && pend != nil
		seen[name] = cur
		switch want := s.Want[name]; {
		case equalValue(want, cur) && (!entered || equalValue(want, pend)):
		case entered && equalValue(want, pend) && alive:
			waits++
		default:
			if left == "" {
				left = name
			}
			if e, planned := s.Expect[name]; planned && !equalValue(e, cur) && !equalValue(want, cur) {
				strange = name
			}
		}
	}
	running := slices.ContainsFunc(x.jobs, func(w work) bool { return w.phase == phaseRunning })
	switch {
	case strange != "":
		return state(step.Moved, seen, "%s of %s is %v, planned from %v", strange, s.Args.Component, x.current[strange], s.Expect[strange]), nil
	case left == "" && waits == 0:
		return state(step.Done, seen, ""), nil
	case left == "" && running:
		return state(step.Working, seen, "the settings are being applied"), nil
	case left == "":
		return state(step.Staged, seen, "%d settings wait for a reset", waits), nil
	case op == nil || !op.Sent:
		return state(step.Ready, seen, ""), nil
	}
	if v, err := d.vitals(ctx, s, false); err == nil && d.starting(v) {
		return state(step.Working, seen, "the host is starting (%s)", v.progress), nil
	}
	if op.Handle != "" {
		switch w := d.follow(ctx, op.Handle); w.phase {
		case phaseWaiting:
			return state(step.Staged, seen, "%s", w.said), nil
		case phaseRunning:
			return state(step.Working, seen, "%s", w.said), nil
		case phaseFailed:
			return state(step.Ready, seen, "the settings were not applied: %s", w.said), nil
		case phaseUnknown, phaseDone:
		}
	}
	if len(x.pending) == 0 && !x.queued && !d.activated(ctx, s, op) { // accepted, and shown nowhere until the reset
		return state(step.Staged, seen, "the settings wait for a reset"), nil
	}
	return state(step.Ready, seen, "%s is still %v", left, x.current[left]), nil
}

func (d *Driver) actNIC(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	x, err := d.port(ctx, a.s)
	if err != nil {
		return err
	}
	v, err := d.vitals(ctx, a.s, false)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, v.facts()); err != nil {
		return err
	}
	body := map[string]any{}
	for name, want := range a.s.Want {
		body[name] = want
	}
	if a.s.Args.Method == "attributes" {
		body = map[string]any{"Attributes": body}
	}
	if slices.Contains(x.applies, "OnReset") {
		body["@Redfish.SettingsApplyTime"] = map[string]any{"ApplyTime": "OnReset"}
	}
	r, err := d.patch(ctx, a.s, x.settings, body)
	if jobInTheWay(err) {
		return step.Fail(step.Rejected, fmt.Errorf("stage the settings of %s: %w", a.s.Args.Component, err),
			"A configuration job of somebody else waits for this port: delete it, or restart the host, then run again.")
	}
	if err != nil {
		return fmt.Errorf("stage the settings of %s: %w", a.s.Args.Component, err)
	}
	return a.sent(r.Handle())
}

func (d *Driver) checkDPU(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	r, err := d.c.rf.Get(ctx, s.Args.Resource)
	if err != nil {
		return step.State{}, fmt.Errorf("read the DPU: %w", err)
	}
	mode := r.Obj.Str("Mode")
	seen := step.Facts{"mode": mode}
	switch {
	case mode == textOf(s.Want["mode"]):
		// Some show the new mode before the cold cycle that makes it real: what was asked for is done when that is behind.
		if op != nil && op.Sent && !d.activated(ctx, s, op) {
			return state(step.Staged, seen, "the mode waits for a cold cycle"), nil
		}
		return state(step.Done, seen, ""), nil
	case op != nil && op.Sent && !d.activated(ctx, s, op):
		return state(step.Staged, seen, "the mode waits for a cold cycle"), nil
	case op != nil && op.Sent:
		return state(step.Ready, seen, "the mode is still %s", mode), nil
	case mode != textOf(s.Expect["mode"]):
		return state(step.Moved, seen, "the DPU is in mode %s, planned from %v", mode, s.Expect["mode"]), nil
	}
	return state(step.Ready, seen, ""), nil
}

func (d *Driver) actDPU(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	v, err := d.vitals(ctx, a.s, true)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, v.facts()); err != nil {
		return err
	}
	r, err := d.c.rf.Post(ctx, a.s.Args.Path, map[string]any{"Mode": a.s.Want["mode"]}) // twice equals once
	if err != nil {
		return fmt.Errorf("set the mode of the DPU: %w", err)
	}
	return a.sent(r.Handle())
}

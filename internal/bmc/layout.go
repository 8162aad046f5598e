package bmc

import (
	"context"
	"fmt"
	"slices"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

const rootPath = "/redfish/v1/"

// layout is where things are on one BMC, found by following links from the service root.
type layout struct {
	root      redfish.Object
	id        redfish.Identity
	systems   []*redfish.Resource
	managers  []*redfish.Resource
	update    string // UpdateService
	inventory string // FirmwareInventory
	tasks     string // collection of tasks
	jobs      string // collection of vendor jobs that outlive tasks, or empty
}

// layout reads the layout once; forget makes it be read again.
func (d *Driver) layout(ctx context.Context) (*layout, error) {
	c := d.c
	c.mu.Lock()
	l := c.lay
	c.mu.Unlock()
	if l != nil {
		return l, nil
	}
	l, err := readLayout(ctx, c.rf)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.lay = l
	c.mu.Unlock()
	return l, nil
}

func readLayout(ctx context.Context, rf client) (*layout, error) {
	root, err := rf.Get(ctx, rootPath)
	if err != nil {
		return nil, err
	}
	l := &layout{root: root.Obj, update: root.Obj.Link("UpdateService")}
	if l.systems, _, err = rf.Members(ctx, root.Obj.Link("Systems")); err != nil {
		return nil, fmt.Errorf("read the systems: %w", err)
	}
	if l.managers, _, err = rf.Members(ctx, root.Obj.Link("Managers")); err != nil {
		return nil, fmt.Errorf("read the managers: %w", err)
	}
	l.id = redfish.IdentityOf(l.root, l.managers, l.systems)
	rf.Adopt(l.id)
	if l.update != "" {
		if u, err := rf.Get(ctx, l.update); err == nil {
			l.inventory = u.Obj.Link("FirmwareInventory")
		} else if !redfish.IsNotFound(err) {
			return nil, fmt.Errorf("read the update service: %w", err)
		}
	}
	service := root.Obj.Link("Tasks")
	if service == "" {
		service = root.Obj.Link("TaskService")
	}
	if service != "" {
		if t, err := rf.Get(ctx, service); err == nil {
			l.tasks = t.Obj.Link("Tasks")
		} else if !redfish.IsNotFound(err) {
			return nil, fmt.Errorf("read the task service: %w", err)
		}
	}
	for _, m := range l.managers { // Dell's queue outlives its tasks (R17)
		if l.jobs = m.Obj.Link("Links", "Oem", "Dell", "Jobs"); l.jobs != "" {
			break
		}
	}
	return l, nil
}

// host finds the system that a step is about.
func (d *Driver) host(ctx context.Context, s step.Step) (string, error) {
	if s.Args.System != "" {
		return s.Args.System, nil
	}
	l, err := d.layout(ctx)
	if err != nil {
		return "", err
	}
	var able []string
	for _, r := range l.systems {
		if d.system != "" && (r.Obj.Str("Id") == d.system || samePath(r.URI, d.system)) {
			return r.URI, nil
		}
		if resettable(r.Obj) {
			able = append(able, r.URI)
		}
	}
	switch {
	case d.system != "":
		return "", rejected("there is no system %q behind this BMC", d.system)
	case len(able) == 1:
		return able[0], nil
	default:
		return "", step.Fail(step.Rejected, fmt.Errorf("%d systems behind this BMC can be reset", len(able)),
			"Name the system in the bindings file.")
	}
}

// resettable tells whether a system is a host; one without the action is a part of another one (R112).
func resettable(system redfish.Object) bool { return system.Has("Actions", "#ComputerSystem.Reset") }

// manager is the BMC that serves.
func (l *layout) manager() (*redfish.Resource, error) {
	for _, m := range l.managers {
		if samePath(m.URI, l.id.Manager) {
			return m, nil
		}
	}
	return nil, unsupported("a manager")
}

// allowable lists what a parameter of an action may be: inline values and ActionInfo together (redfish.md §2.5).
func (d *Driver) allowable(ctx context.Context, action redfish.Object, parameter string) ([]string, error) {
	out := action.Strs(parameter + "@Redfish.AllowableValues")
	info := action.Str("@Redfish.ActionInfo")
	if info == "" {
		return out, nil
	}
	r, err := d.c.rf.Get(ctx, info)
	if redfish.IsNotFound(err) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", info, err)
	}
	for _, p := range r.Obj.Objs("Parameters") {
		if p.Str("Name") != parameter {
			continue
		}
		for _, v := range p.Strs("AllowableValues") {
			if !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	return out, nil
}

// firstOf is the first of the wanted values that is allowed.
func firstOf(allowed []string, wanted ...string) string {
	for _, w := range wanted {
		if slices.Contains(allowed, w) {
			return w
		}
	}
	return ""
}

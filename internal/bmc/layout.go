package bmc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

const rootPath = "/redfish/v1/"

// layout is where things are on one BMC, found by following links from the service root.
type layout struct {
	root      redfish.Object
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

// manager finds the BMC that serves: by the root's link, else the resettable manager of this host that is no part of an
// accelerator board.
func (l *layout) manager(host string) (*redfish.Resource, error) {
	serving := l.root.Link("Links", "ManagerProvidingService")
	var best *redfish.Resource
	score := -1
	for _, m := range l.managers {
		if serving != "" && samePath(m.URI, serving) {
			return m, nil
		}
		if !m.Obj.Has("Actions", "#Manager.Reset") {
			continue
		}
		s := 0
		servers := m.Obj.Links("Links", "ManagerForServers")
		switch {
		case slices.ContainsFunc(servers, func(p string) bool { return samePath(p, host) }):
			s += 4
		case len(servers) > 0: // the BMC of another system: an accelerator board's
			s -= 2
		}
		if strings.EqualFold(m.Obj.Str("ManagerType"), "BMC") {
			s++
		}
		if m.Obj.Link("NetworkProtocol") != "" {
			s++
		}
		if s > score || best == nil {
			best, score = m, s
		}
	}
	if best == nil {
		return nil, unsupported("a manager that can be reset")
	}
	return best, nil
}

// traits are the peculiarities of this BMC.
func (d *Driver) traits(ctx context.Context) (traits, error) {
	l, err := d.layout(ctx)
	if err != nil {
		return traits{}, err
	}
	var m, s redfish.Object
	if r, err := l.manager(""); err == nil {
		m = r.Obj
	}
	for _, r := range l.systems {
		if resettable(r.Obj) {
			s = r.Obj
		}
	}
	return traitsOf(dialectOf(l.root, m), m, s), nil
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

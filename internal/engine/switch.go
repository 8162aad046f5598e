package engine

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/switches"
	"github.com/metalwright/metalwright/internal/switchos"
)

// switchesAtOnce bounds how many switches are read side by side: each is one connection, and a fabric has hundreds.
const switchesAtOnce = 16

// bound gives the switches that have a binding, in the order of the design.
func (w *Workspace) boundSwitches(only []string) []switchos.Target {
	targets, _ := switchos.Targets(w.Design)
	return slices.DeleteFunc(targets, func(t switchos.Target) bool {
		chosen := len(only) == 0 || slices.Contains(only, t.Switch) || slices.Contains(only, string(t.Address))
		return !chosen || w.Bindings[t.Switch].URL == ""
	})
}

// switchTarget finds a bound switch by name.
func (w *Workspace) switchTarget(name string) (switchos.Target, bool) {
	if _, ok := w.Design.Node(name); ok {
		return switchos.Target{}, false
	}
	list := w.boundSwitches([]string{name})
	if len(list) == 0 {
		return switchos.Target{}, false
	}
	return list[0], true
}

// switchDriver opens the driver of one switch by its binding. Nothing is sent yet.
func (w *Workspace) switchDriver(t switchos.Target) (*switches.Driver, error) {
	b := w.Bindings[t.Switch]
	u, err := url.Parse(b.URL)
	if err != nil {
		return nil, fmt.Errorf("read the URL of switch %s: not a URL", t.Switch)
	}
	trust, err := w.trust(b)
	if err != nil {
		return nil, err
	}
	proto := "http/1.1"
	if t.OS == "sonic" {
		proto = "h2"
	}
	tls, err := trust.TLS(u.Hostname(), proto)
	if err != nil {
		return nil, err
	}
	pace := max(time.Duration(float64(2*time.Second)/w.pace()), 10*time.Millisecond)
	return switches.Open(switches.Endpoint{URL: b.URL, TLS: tls, Dial: w.opt.Dial, Login: w.switchLogin(t, b)}, t,
		switches.Options{Pace: pace, Attempts: w.attempts, Redact: w.resolver.Redact})
}

// switchLogin resolves the credential of the binding when it is needed: a blueprint has none for switches.
func (w *Workspace) switchLogin(t switchos.Target, b rack.Binding) func(context.Context) (string, string, error) {
	return func(ctx context.Context) (string, string, error) {
		if b.Username == "" || b.Credential == "" {
			return "", "", step.Fail(step.Auth, fmt.Errorf("no credential for switch %s", t.Switch),
				`Give username = … and credential = secret("env:NAME") to its bind block in `+BindingsFile+".")
		}
		v, err := w.resolver.Resolve(ctx, b.Credential)
		if err != nil {
			return "", "", err
		}
		if err := w.refused.check(t.Switch, b.Username, v.Reveal()); err != nil {
			return "", "", err
		}
		return b.Username, v.Reveal(), nil
	}
}

// driverOf opens the driver of a node or a switch for the apply loop.
func (w *Workspace) driverOf(ctx context.Context, name string) (apply.Driver, func(), error) {
	if t, ok := w.switchTarget(name); ok {
		d, err := w.switchDriver(t)
		if err != nil {
			return nil, nil, err
		}
		return d, func() { w.closeDriver(ctx, d.Close) }, nil
	}
	d, err := w.driver(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	return d, func() { w.closeDriver(ctx, d.Close) }, nil
}

// eachSwitch does something with the driver of every switch, some at a time. It stops early when ctx ends.
func (w *Workspace) eachSwitch(ctx context.Context, list []switchos.Target, do func(switchos.Target, *switches.Driver) error) []rack.Gap {
	var mu sync.Mutex
	var gaps []rack.Gap
	slots := make(chan struct{}, switchesAtOnce)
	var wg sync.WaitGroup
	for _, t := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			d, err := w.switchDriver(t)
			if err == nil {
				err = do(t, d)
				w.closeDriver(ctx, d.Close)
			}
			if err == nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			gaps = append(gaps, rack.Gap{Address: string(t.Address), Path: "/", Reason: reasonOf(err)})
		})
	}
	wg.Wait()
	slices.SortFunc(gaps, func(a, b rack.Gap) int { return strings.Compare(a.Address, b.Address) })
	return gaps
}

// reasonOf words an error as the reason of a gap: what, why, and what to do.
func reasonOf(err error) string {
	reason := err.Error()
	if c := step.ClassOf(err); c != step.Transient && c != step.NoFailure {
		reason = string(c) + ": " + reason
	}
	if a := step.AdviceOf(err); a != "" {
		reason += ". " + a
	}
	return reason
}

// readSwitches adds to an observation what bound switches tell of their configuration.
func (w *Workspace) readSwitches(ctx context.Context, o *rack.Observation, only []string) {
	var mu sync.Mutex
	gaps := w.eachSwitch(ctx, w.boundSwitches(only), func(t switchos.Target, d *switches.Driver) error {
		seen, err := d.Read(ctx)
		if err != nil {
			return err
		}
		seen.Endpoint = w.Bindings[t.Switch].URL
		mu.Lock()
		defer mu.Unlock()
		o.Switches = append(o.Switches, seen)
		return nil
	})
	o.Gaps = append(o.Gaps, gaps...)
	slices.SortFunc(o.Switches, func(a, b rack.SwitchSeen) int { return strings.Compare(a.Name, b.Name) })
}

// SwitchCables asks every bound leaf and spine for its neighbours. A management switch is not asked: many controllers tell no neighbour
// anything, so that its silence about a port means nothing.
func (w *Workspace) SwitchCables(ctx context.Context) rack.Cables {
	var mu sync.Mutex
	var out rack.Cables
	list := slices.DeleteFunc(w.boundSwitches(nil), func(t switchos.Target) bool { return t.Role == "management" })
	gaps := w.eachSwitch(ctx, list, func(_ switchos.Target, d *switches.Driver) error {
		c, err := d.Cables(ctx)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		out.Seen, out.Read, out.Unread = append(out.Seen, c.Seen...), append(out.Read, c.Read...), append(out.Unread, c.Unread...)
		return nil
	})
	out.Unread = append(out.Unread, gaps...)
	slices.Sort(out.Read)
	slices.SortStableFunc(out.Seen, func(a, b rack.SeenCable) int {
		return strings.Compare(a.Device+" "+a.Ports[0], b.Device+" "+b.Ports[0])
	})
	return out
}

// SwitchStatus is one switch of the fabrics, held against the design.
type SwitchStatus struct {
	Switch   string              `json:"switch"`
	Address  rack.Address        `json:"address,omitempty"`
	Role     string              `json:"role"`
	OS       string              `json:"os,omitempty"`
	Endpoint string              `json:"endpoint,omitempty"`
	State    string              `json:"state"` // as designed, differs, not saved, not readable, not bound, not rendered
	Detail   string              `json:"detail,omitempty"`
	Declared int                 `json:"declared,omitempty"` // settings that the design has
	Foreign  int                 `json:"foreign,omitempty"`  // settings besides, left alone
	Changes  []rack.ConfigChange `json:"changes,omitempty"`
}

// SwitchStatus reads every bound switch and says how it stands. It changes nothing.
func (w *Workspace) SwitchStatus(ctx context.Context, only []string) []SwitchStatus {
	var o rack.Observation
	w.readSwitches(ctx, &o, only)
	targets, skipped := switchos.Targets(w.Design)
	var out []SwitchStatus
	for _, t := range targets {
		if len(only) > 0 && !slices.Contains(only, t.Switch) {
			continue
		}
		out = append(out, statusOf(t, o, w.Bindings[t.Switch].URL))
	}
	for _, s := range skipped {
		if len(only) == 0 || slices.Contains(only, s.Switch) {
			out = append(out, SwitchStatus{Switch: s.Switch, State: "not rendered", Detail: s.Reason})
		}
	}
	return out
}

func statusOf(t switchos.Target, o rack.Observation, endpoint string) SwitchStatus {
	s := SwitchStatus{Switch: t.Switch, Address: t.Address, Role: t.Role, OS: t.OS, Endpoint: endpoint, Declared: len(t.Want)}
	seen, ok := o.Switch(t.Switch)
	if !ok {
		s.State, s.Detail = "not bound", "its configuration is not pushed"
		for _, g := range o.GapsOf(string(t.Address)) {
			s.State, s.Detail = "not readable", g.Reason
		}
		return s
	}
	s.Foreign, s.Changes = seen.Foreign, switchos.Diff(seen.Config, t.Want)
	s.Detail = strings.Join(seen.Kept, "; ")
	switch {
	case len(s.Changes) > 0:
		s.State = "differs"
	case seen.Unsaved:
		s.State = "not saved"
	default:
		s.State = "as designed"
	}
	if seen.Pending != "" {
		s.Detail = seen.Pending
	}
	return s
}

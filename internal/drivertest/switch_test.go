package drivertest_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/drivertest"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/switches"
	"github.com/metalwright/metalwright/internal/switchos"
)

// fabricOf is the shipped blueprint with a fabric: leaf1 is a Cumulus switch, spine1 a SONiC one.
func fabricOf(t *testing.T) rack.Design {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	bp, _ := blueprint.Parse(c.Blueprints["fabric-1rack"])
	d, diags := blueprint.Resolve(bp, blueprint.Options{Catalog: c, Now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	d.Nodes = nil // only its switches are simulated
	return d
}

// drift is a setting of each that the design declares, and another value.
var drift = map[string][2]string{"leaf1": {"interface swp1 link mtu", "1400"}, "spine1": {"PORT Ethernet0 mtu", `"1400"`}}

type switchRig struct {
	d rack.Design
	r *sim.Rack
	s *sim.Switch
	t switchos.Target
}

func newSwitchRig(t *testing.T, name string, faults ...string) switchRig {
	t.Helper()
	d := fabricOf(t)
	r, err := sim.New(d, sim.Options{Seed: 7, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	targets, _ := switchos.Targets(d)
	i := slices.IndexFunc(targets, func(x switchos.Target) bool { return x.Switch == name })
	return switchRig{d, r, r.Switch(name), targets[i]}
}

func (g switchRig) open(t *testing.T) *switches.Driver {
	t.Helper()
	var b rack.Binding
	for _, x := range g.r.SwitchBindings() {
		if x.Node == g.t.Switch {
			b = x
		}
	}
	protos := map[string]string{"cumulus": "http/1.1", "sonic": "h2"}
	tls, err := redfish.Trust{PinSHA256: b.PinSHA256}.TLS(g.t.Switch+".sim", protos[g.t.OS])
	if err != nil {
		t.Fatal(err)
	}
	d, err := switches.Open(switches.Endpoint{URL: b.URL, TLS: tls, Dial: g.r.DialContext, Login: func(context.Context) (string, string, error) {
		user, pass := g.r.Credentials(g.t.Switch)
		return user, pass, nil
	}}, g.t, switches.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// step is the step that a plan has for the switch as it is.
func (g switchRig) step(t *testing.T) step.Step {
	t.Helper()
	d := g.open(t)
	seen, err := d.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, _ := plan.Build(g.d, rack.Observation{Switches: []rack.SwitchSeen{seen}}, plan.Options{Only: []string{g.t.Switch}})
	if len(p.Nodes) != 1 {
		t.Fatalf("%d switches to change: %+v", len(p.Nodes), p.Report)
	}
	return p.Nodes[0].Steps[0]
}

// asWanted tells whether the switch is as designed, whatever its interface says.
func (g switchRig) asWanted() bool {
	return len(switchos.Diff(g.t.Part(g.s.Config()).Owned, g.t.Want)) == 0
}

// saved tells whether it would be so after a restart.
func (g switchRig) saved() bool {
	return len(switchos.Diff(g.t.Part(g.s.Startup()).Owned, g.t.Want)) == 0
}

func switchSuite(name string) func(t *testing.T) *drivertest.Rig {
	return func(t *testing.T) *drivertest.Rig {
		g := newSwitchRig(t, name)
		return &drivertest.Rig{
			Open: func() drivertest.Driver { return g.open(t) },
			Cases: []drivertest.Case{{Name: "configuration", Step: g.step(t), Reset: step.None, Real: g.asWanted,
				Drift: func() error { return g.s.Set(drift[name][0], drift[name][1]) }}},
			Writes:   func() int { return g.s.Ledger().Writes },
			Effects:  func() map[string]int { return map[string]int{"revision": g.s.Revisions()} },
			Broken:   func() []string { return g.s.Ledger().Violations },
			Sessions: func() int { return 0 },
		}
	}
}

// TestSwitches runs the suite on a switch of each kind.
func TestSwitches(t *testing.T) {
	for os, name := range map[string]string{"nvue": "leaf1", "sonic": "spine1"} {
		t.Run(os, func(t *testing.T) { drivertest.Run(t, switchSuite(name)) })
	}
}

// TestSwitchSaves: what was applied is saved, foreign settings are as they were, and a step that only saves writes nothing else.
func TestSwitchSaves(t *testing.T) {
	for _, name := range []string{"leaf1", "spine1"} {
		synctest.Test(t, func(t *testing.T) {
			g := newSwitchRig(t, name)
			foreign := map[string]string{"leaf1": "system timezone", "spine1": "PORT Ethernet0 lanes"}[name]
			was := string(g.s.Config()[foreign])
			d := g.open(t)
			s := g.step(t)
			if err := d.Act(t.Context(), s, func(step.Op) error { return nil }); err != nil {
				t.Fatal(err)
			}
			if !g.asWanted() || !g.saved() {
				t.Errorf("%s: as wanted is %v, saved is %v", name, g.asWanted(), g.saved())
			}
			if got := string(g.s.Config()[foreign]); got != was || was == "" {
				t.Errorf("%s: foreign setting %s was %s and is %s", name, foreign, was, got)
			}
			if err := d.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSwitchFaults: what goes wrong on a switch ends as it must: made once all the same, or not made and said why.
func TestSwitchFaults(t *testing.T) {
	for _, c := range []struct {
		fault, name string
		class       step.Class // of the first Act
		says        string
		made        bool // after that Act
		then        step.Standing
	}{
		{"switch-refuses", "leaf1", step.Rejected, "autonomous-system is not allowed", false, step.Ready},
		{"switch-refuses", "spine1", step.Rejected, "Leafref", false, step.Ready},
		{"switch-conflict", "leaf1", step.Transient, "has changed since", false, step.Ready},
		{"switch-conflict", "spine1", step.Transient, "another patch", false, step.Ready},
		{"switch-cut", "leaf1", step.NoFailure, "", true, step.Done},
		{"switch-cut", "spine1", step.Unreachable, "connection is gone", true, step.Done},
		{"switch-lost", "leaf1", step.Rejected, "has not answered since the change", false, step.Ready},
		{"switch-differs", "leaf1", step.Rejected, "not as asked", true, step.Ready},
		{"switch-differs", "spine1", step.Rejected, "not as asked", true, step.Working},
		{"switch-slow", "leaf1", step.NoFailure, "", true, step.Done},
		{"switch-slow", "spine1", step.NoFailure, "", true, step.Done},
	} {
		t.Run(c.fault+" "+c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newSwitchRig(t, c.name, c.fault)
				s := g.step(t)
				d := g.open(t)
				var op *step.Op
				err := d.Act(t.Context(), s, func(o step.Op) error { op = &o; return nil })
				if step.ClassOf(err) != c.class || err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("act: %v (class %q), want class %q and %q", err, step.ClassOf(err), c.class, c.says)
				}
				if op == nil {
					t.Fatal("nothing was recorded")
				}
				if g.s.Ledger().FaultsFired[c.fault] != 1 {
					t.Errorf("the fault has struck %d times", g.s.Ledger().FaultsFired[c.fault])
				}
				time.Sleep(6 * time.Minute) // what is not confirmed is taken back
				st, err := d.Check(t.Context(), s, op)
				if err != nil || st.Standing != c.then {
					t.Errorf("after it: %s (%s), %v; want %s", st.Standing, st.Note, err, c.then)
				}
				if st.Standing == step.Done != (g.asWanted() && g.saved()) {
					t.Errorf("check says %s, as wanted is %v, saved is %v", st.Standing, g.asWanted(), g.saved())
				}
				if st.Standing == step.Ready { // it is well now: the same step can be made
					if err := d.Act(t.Context(), s, func(step.Op) error { return nil }); err != nil || !g.asWanted() {
						t.Errorf("again: %v, as wanted is %v", err, g.asWanted())
					}
				}
				if err := d.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestSwitchTrust: a switch with another key gets no password, and a refused login is tried twice and no third time.
func TestSwitchTrust(t *testing.T) {
	for _, name := range []string{"leaf1", "spine1"} {
		t.Run(name, func(t *testing.T) { // over sockets: an alert that nobody reads would stop a pipe
			g := newSwitchRig(t, name)
			if _, err := g.r.Start("127.0.0.1"); err != nil {
				t.Fatal(err)
			}
			b := g.r.SwitchBindings()[slices.Index(g.r.Switches(), name)]
			open := func(pin, pass string) *switches.Driver {
				tls, err := redfish.Trust{PinSHA256: pin}.TLS("127.0.0.1", map[string]string{"cumulus": "http/1.1", "sonic": "h2"}[g.t.OS])
				if err != nil {
					t.Fatal(err)
				}
				d, err := switches.Open(switches.Endpoint{URL: b.URL, TLS: tls, Login: func(context.Context) (string, string, error) {
					return sim.Username, pass, nil
				}}, g.t, switches.Options{})
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			d := open(strings.Repeat("ab", 32), "secret-word")
			_, err := d.Read(t.Context())
			if step.ClassOf(err) != step.Trust || g.s.Ledger().Requests != 0 {
				t.Errorf("%s: another key gives %v (class %s), %d requests", name, err, step.ClassOf(err), g.s.Ledger().Requests)
			}
			_ = d.Close(t.Context())
			d = open(b.PinSHA256, "secret-word")
			for range 4 {
				_, err = d.Read(t.Context())
			}
			if step.ClassOf(err) != step.Auth || g.s.Ledger().FailedLogins != 2 || strings.Contains(err.Error(), "secret-word") {
				t.Errorf("%s: a wrong password gives %v (class %s), %d logins", name, err, step.ClassOf(err), g.s.Ledger().FailedLogins)
			}
			_ = d.Close(t.Context())
		})
	}
}

// TestSwitchCables: neighbours of a switch are those of the cable plan, and an exchanged cable is seen.
func TestSwitchCables(t *testing.T) {
	for _, name := range []string{"leaf1", "spine1"} {
		synctest.Test(t, func(t *testing.T) {
			g := newSwitchRig(t, name)
			d := g.open(t)
			c, err := d.Cables(t.Context())
			if err != nil || !slices.Equal(c.Read, []string{name}) {
				t.Fatalf("%+v, %v", c, err)
			}
			planned := 0
			for _, l := range g.d.Fabrics[0].Links {
				if l.A.Device == name && l.B.Kind == "switch" && l.Network != "management" || l.B.Device == name && l.A.Kind == "switch" && l.Network != "management" {
					planned++
				}
			}
			if len(c.Seen) < planned || planned == 0 || c.Seen[0].Device != name || c.Seen[0].Source != "switch" {
				t.Errorf("%s sees %d neighbours, planned are %d: %+v", name, len(c.Seen), planned, c.Seen[:1])
			}
			if err := d.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

package drivertest_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/drivertest"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// TestLogs: every log of every dialect is read to its end, page by page, and an entry that is listed and not there is
// counted and fails nothing (R118).
func TestLogs(t *testing.T) {
	want := map[string]string{"idrac": "Sel 6, Lclog 120", "ilo": "IML 6, IEL 120", "supermicro": "Log1 120", "xcc": "SEL 6, AuditLog 120, DiagnosticLog 0",
		"ami": "SEL 6", "openbmc": "EventLog 6, Dump 0"}
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, asItIs)
		logs, got := readLogs(t, h.driver(), bmc.LogOptions{})
		if got != want[name] {
			t.Errorf("read %s, want %s", got, want[name])
		}
		for _, l := range logs {
			if l.Holes+l.Unread > 0 || l.Cut || l.Problem != "" {
				t.Errorf("%+v", l)
			}
		}
		if _, got := readLogs(t, h.driver(), bmc.LogOptions{Most: 5}); strings.Contains(got, "120") {
			t.Errorf("with at most 5 of a log: %s", got)
		}
		if name != "supermicro" {
			return
		}
		if err := h.bmc().SetFaults("R118"); err != nil {
			t.Fatal(err)
		}
		logs, _ = readLogs(t, h.driver(), bmc.LogOptions{})
		if len(logs) != 1 || logs[0].Entries != 96 || logs[0].Holes != 24 || logs[0].Unread != 0 || logs[0].Problem != "" {
			t.Errorf("with holes: %+v", logs)
		}
	})
}

// readLogs reads the logs of a driver and closes it. The second value is how many entries there are of each, as they
// were handed out.
func readLogs(t *testing.T, d *bmc.Driver, opt bmc.LogOptions) ([]bmc.Log, string) {
	t.Helper()
	defer closing(t, d)
	n, ids := map[string]int{}, map[string]bool{}
	logs, err := d.Logs(t.Context(), opt, func(e bmc.LogEntry) error {
		n[e.Log]++
		if e.Message == "" || e.Created == "" || ids[e.Log+"/"+e.ID] {
			t.Errorf("entry %+v is empty or comes twice", e)
		}
		ids[e.Log+"/"+e.ID] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range logs {
		if l.Entries != n[l.ID] {
			t.Errorf("%s: %d entries told, %d handed out", l.ID, l.Entries, n[l.ID])
		}
		out = append(out, fmt.Sprintf("%s %d", l.ID, n[l.ID]))
	}
	return logs, strings.Join(out, ", ")
}

// TestDump: diagnostic data is collected once, followed by its task, and fetched; a driver of a later process fetches it
// too. Where the archive is there already nothing is started, and where a BMC offers none it says so.
func TestDump(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, asItIs)
		d := h.driver()
		defer closing(t, d)
		dev, err := d.Glance(t.Context(), bmc.LookDumps)
		if err != nil {
			t.Fatal(err)
		}
		writes := h.bmc().Ledger().Writes
		switch name {
		case "idrac", "supermicro", "ami":
			if len(dev.Dumps) > 0 {
				t.Errorf("%+v", dev.Dumps)
			}
			return
		case "ilo":
			var b bytes.Buffer
			if len(dev.Dumps) != 1 || dev.Dumps[0].Target != "" {
				t.Fatalf("%+v", dev.Dumps)
			}
			if _, err := d.FetchDump(t.Context(), step.Step{}, nil, dev.Dumps[0].Path, &b); err != nil || !strings.HasPrefix(b.String(), "AHSH of ") {
				t.Errorf("%v: %q", err, b.String())
			}
			if n := h.bmc().Ledger().Writes; n != writes {
				t.Errorf("%d writes for an archive that is there", n-writes)
			}
			return
		}
		x := dev.Dumps[0]
		s := step.Step{ID: "n1/010-dump", Node: node, Kind: step.Dump, Activation: step.None,
			Args: step.Args{Path: x.Path, Targets: []string{x.Target}, Data: x.Type}}
		ops := map[step.ID]*step.Op{}
		h.carry(d, s, ops)
		if n := h.bmc().Ledger().Writes - writes; n != 1 {
			t.Errorf("%d writes, want one", n)
		}
		later := h.driver() // as a process would that goes on
		defer closing(t, later)
		h.wait(later, s, ops, step.Done)
		var b bytes.Buffer
		if _, err := later.FetchDump(t.Context(), s, ops[s.ID], "", &b); err != nil || !strings.HasPrefix(b.String(), "diagnostic data of ") {
			t.Errorf("%v: %q", err, b.String())
		}
		if st, err := later.Check(t.Context(), s, nil); err != nil || st.Standing != step.Ready {
			t.Errorf("another collection: %v %v, want ready: what is there is older than what is asked for", st.Standing, err)
		}
	})
}

// TestManners: graceful never cuts, force does not ask; both end with the host off, and a graceful restart with it on.
func TestManners(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		for _, c := range []struct {
			manner string
			least  time.Duration // an OS takes half a minute to shut down in the simulator
		}{{step.Graceful, 25 * time.Second}, {step.Force, 0}} {
			h := newHost(t, name, asItIs)
			d := h.driver()
			start := time.Now()
			s := step.Step{ID: "n1/010-power", Node: node, Kind: step.Power, Activation: step.None, Args: step.Args{Manner: c.manner},
				Expect: step.Facts{"power_state": "On"}, Want: step.Facts{"power_state": "Off"}}
			ops := map[step.ID]*step.Op{}
			h.carry(d, s, ops)
			h.wait(d, s, ops, step.Done)
			took := time.Since(start)
			if h.bmc().Truth().Power != "Off" || took < c.least || c.least == 0 && took > 25*time.Second {
				t.Errorf("%s: the host is %s after %s", c.manner, h.bmc().Truth().Power, took)
			}
			closing(t, d)
		}
		h := newHost(t, name, asItIs)
		d := h.driver()
		defer closing(t, d)
		s := step.Step{ID: "n1/010-reset", Node: node, Kind: step.Reset, Activation: step.HostReset, EstimatedS: 300,
			Args: step.Args{Manner: step.Graceful, System: h.look().Devices[0].Systems[0].Path}}
		ops := map[step.ID]*step.Op{}
		start := time.Now()
		h.carry(d, s, ops)
		if took := time.Since(start); took < 25*time.Second {
			t.Errorf("a graceful reset took the host down within %s", took)
		}
		h.wait(d, s, ops, step.Done)
		if h.bmc().Truth().Power != "On" {
			t.Errorf("after a graceful reset the host is %s", h.bmc().Truth().Power)
		}
	})
}

// TestGlance: what a verb rests on is what a survey says, at a small part of its requests, and without a write.
func TestGlance(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, asItIs)
		whole := h.look().Devices[0]
		d := h.driver()
		defer closing(t, d)
		before := h.bmc().Ledger()
		dev, err := d.Glance(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		after := h.bmc().Ledger()
		if n := after.Requests - before.Requests; n > 14 || after.Writes != before.Writes {
			t.Errorf("%d requests and %d writes", n, after.Writes-before.Writes)
		}
		got, _ := dev.Host()
		want, _ := whole.Host()
		if got.Path != want.Path || got.PowerState != want.PowerState || dev.BMC.Dialect != whole.BMC.Dialect ||
			!slices.Equal(sorted(dev.Capabilities.ResetTypes), sorted(whole.Capabilities.ResetTypes)) {
			t.Errorf("glance %+v %+v, survey %+v %+v", dev.BMC, got, whole.BMC, want)
		}
		dev, err = d.Glance(context.WithoutCancel(t.Context()), bmc.LookBoot|bmc.LookMedia|bmc.LookLED|bmc.LookJobs|bmc.LookAux)
		if err != nil {
			t.Fatal(err)
		}
		got, _ = dev.Host()
		if !slices.Equal(got.Boot.Order, want.Boot.Order) || (len(got.Media) == 0) != (len(want.Media) == 0) ||
			(dev.Capabilities.AuxCycle == "") != (whole.Capabilities.AuxCycle == "") || (dev.JobQueue != "") != (name == "idrac") ||
			(dev.Locator == nil) != (name == "ami") || dev.Locator != nil && dev.Locator.State != rack.LEDOff {
			t.Errorf("glance %+v %+v %+v", got.Boot, dev.Capabilities, dev.Locator)
		}
	})
}

func sorted(l []string) []string {
	out := slices.Clone(l)
	slices.Sort(out)
	return out
}

func asItIs(*rack.Design, *rack.Node) {}

// TestDriverOfVerbs runs the suite over the kinds of step that only verbs have: they are no part of bringing a node up.
func TestDriverOfVerbs(t *testing.T) {
	for _, name := range sim.Dialects() {
		if name == "ami" { // it shows no light
			continue
		}
		t.Run(name, func(t *testing.T) {
			drivertest.Run(t, func(t *testing.T) *drivertest.Rig {
				t.Helper()
				dev := survey(t, newRack(t, name, 7))
				host, _ := dev.Host()
				r := newRack(t, name, 7)
				b := r.BMC(node)
				light := step.Step{ID: "n1/led", Node: node, Kind: step.LED, Activation: step.None, Args: step.Args{System: host.Path},
					Expect: step.Facts{"led": rack.LEDOff}, Want: step.Facts{"led": rack.LEDLit}}
				return &drivertest.Rig{
					Open:     func() drivertest.Driver { return driver(t, r, nil) },
					Cases:    []drivertest.Case{{Name: "led", Reset: step.None, Step: light, Real: func() bool { return b.Truth().Light == rack.LEDLit }}},
					Writes:   func() int { return b.Ledger().Writes },
					Effects:  func() map[string]int { return b.Ledger().Resets },
					Broken:   func() []string { return b.Ledger().Violations },
					Sessions: func() int { return b.Ledger().SessionsOpen },
					ResetOf: func(class step.Activation) step.Step {
						return step.Step{ID: "n1/900", Node: node, Kind: step.Reset, Activation: class, Args: step.Args{System: host.Path}, EstimatedS: 300}
					},
				}
			})
		})
	}
}

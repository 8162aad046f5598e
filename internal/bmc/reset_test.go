package bmc

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

func resetStep(class step.Activation) step.Step {
	return step.Step{ID: "n/90-reset", Node: "n", Kind: step.Reset, Activation: class, Args: step.Args{System: sysPath}}
}

// hostVerbs makes the fake's host obey: Off and On at once, a restart after a while.
func hostVerbs(f *fake) {
	f.on["POST "+sysPath+"/Reset"] = func(body obj) (*redfish.Response, error) {
		switch body["ResetType"] {
		case "ForceOff":
			f.set(sysPath, "Off", "PowerState")
		case "On":
			f.set(sysPath, "On", "PowerState")
			f.set(sysPath, "2026-01-01T01:00:00Z", "LastResetTime")
		case "ForceRestart":
			f.set(sysPath, "2026-01-01T01:00:00Z", "LastResetTime")
			f.set(sysPath, "MemoryInitializationStarted", "BootProgress", "LastState")
		}
		return &redfish.Response{}, nil
	}
}

func verbs(f *fake) string {
	var out []string
	for _, l := range f.said("POST") {
		_, v, _ := strings.Cut(l, `"ResetType":"`)
		out = append(out, strings.TrimSuffix(v, `"}`))
	}
	return strings.Join(out, " ")
}

func TestHostResetVerbs(t *testing.T) {
	for _, c := range []struct {
		name, vendor string
		class        step.Activation
		setup        func(f *fake)
		want         string
	}{
		{"one verb", "Dell", step.HostReset, func(*fake) {}, "ForceRestart"},
		{"Lenovo: Off, On (R35)", "Lenovo", step.HostReset, func(*fake) {}, "ForceOff On"},
		{"DGX H100: Off, On (R93)", "AMI", step.HostReset, func(f *fake) { f.set(sysPath, "DGXH100", "Model") }, "ForceOff On"},
		{"no sign of a restart: Off, On", "Dell", step.HostReset, func(f *fake) {
			delete(f.res[sysPath], "LastResetTime")
			delete(f.res[sysPath], "BootProgress")
		}, "ForceOff On"},
		{"the host is off", "Dell", step.HostReset, func(f *fake) { f.set(sysPath, "Off", "PowerState") }, "On"},
		{"the restart's task fails (R93)", "Dell", step.HostReset, func(f *fake) {
			obey := f.on["POST "+sysPath+"/Reset"]
			f.put(tasks+"/8", obj{"TaskState": "Exception", "TaskStatus": "OK"})
			f.on["POST "+sysPath+"/Reset"] = func(body obj) (*redfish.Response, error) {
				if body["ResetType"] == "ForceRestart" {
					return accept(tasks + "/8")
				}
				return obey(body)
			}
		}, "ForceRestart ForceOff On"},
		{"power cycle by two verbs", "HPE", step.HostPowerCycle, func(*fake) {}, "ForceOff On"},
		{"power cycle by one verb", "Dell", step.HostPowerCycle, func(f *fake) {
			f.set(sysPath, []any{"On", "ForceOff", "PowerCycle"}, "Actions", "#ComputerSystem.Reset", "ResetType@Redfish.AllowableValues")
		}, "PowerCycle"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(c.vendor)
				hostVerbs(f)
				c.setup(f)
				var j journal
				if err := f.driver(Options{}).Act(t.Context(), resetStep(c.class), j.record); err != nil {
					t.Fatal(err)
				}
				if got := verbs(f); got != c.want {
					t.Fatalf("said %q, want %q", got, c.want)
				}
				if j.ops[0].Sent || j.ops[0].Baseline["power_state"] == nil || !j.last().Sent {
					t.Fatalf("journal %+v", j.ops)
				}
			})
		})
	}
}

func TestResetStandings(t *testing.T) {
	base := step.Facts{"power_state": "On", "last_reset_time": "2026-01-01T00:00:00Z", "boot_progress": "OSRunning"}
	for _, c := range []struct {
		name  string
		op    *step.Op
		age   time.Duration
		setup func(f *fake)
		want  step.Standing
	}{
		{"not begun", nil, 0, func(*fake) {}, step.Ready},
		{"recorded, never sent", &step.Op{Baseline: base}, 0, func(*fake) {}, step.Ready},
		{"sent, no sign yet", &step.Op{Baseline: base, Sent: true}, 0, func(*fake) {}, step.Working},
		{"starting", &step.Op{Baseline: base, Sent: true}, 0, func(f *fake) { f.set(sysPath, "InPost", "BootProgress", "LastState") }, step.Working},
		{"on its way up", &step.Op{Baseline: base, Sent: true}, 0, func(f *fake) { f.set(sysPath, "Off", "PowerState") }, step.Working},
		{"left off", &step.Op{Baseline: base, Sent: true}, 2 * time.Minute, func(f *fake) { f.set(sysPath, "Off", "PowerState") }, step.Ready},
		{"happened, though no answer was recorded", &step.Op{Baseline: base}, 0, func(f *fake) {
			f.set(sysPath, "2026-01-01T01:00:00Z", "LastResetTime")
		}, step.Done},
		{"its task failed (R93)", &step.Op{Baseline: base, Sent: true, Handle: tasks + "/1"}, 0, func(f *fake) {
			f.put(tasks+"/1", obj{"TaskState": "Exception", "TaskStatus": "OK"})
		}, step.Ready},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("Dell")
				c.setup(f)
				if c.op != nil {
					op := *c.op
					op.Started = time.Now().Add(-c.age)
					c.op = &op
				}
				mustCheck(t, f.driver(Options{}), resetStep(step.HostReset), c.op, c.want)
			})
		})
	}
}

// Invariant 1.
func TestResetRefusedWhileFlashing(t *testing.T) {
	for _, class := range []step.Activation{step.BMCReset, step.HostReset, step.HostPowerCycle, step.AuxCycle} {
		f := newFake("Dell")
		f.put(tasks+"/7", obj{"Name": "Firmware update", "TaskState": "Running"})
		err := f.driver(Options{}).Act(t.Context(), resetStep(class), (&journal{}).record)
		if step.ClassOf(err) != step.Transient || len(f.said("POST")) != 0 {
			t.Fatalf("%s: got %v", class, err)
		}
	}
}

// What waits for a reset, and what has reached its version though its task never ends (R36), do not hold it up.
func TestResetAllowedWhenOnlyWaiting(t *testing.T) {
	f := newFake("Dell")
	hostVerbs(f)
	row(f, "2.0")
	f.put(tasks+"/7", obj{"Name": "Firmware update", "TaskState": "Pending"})
	f.put(tasks+"/8", obj{"Name": "Firmware update", "TaskState": "Running"})
	d := f.driver(withImage(picture))
	mustCheck(t, d, firmwareStep(), &step.Op{Sent: true, Handle: tasks + "/8"}, step.Done)
	if err := d.Act(t.Context(), resetStep(step.HostReset), (&journal{}).record); err != nil {
		t.Fatal(err)
	}
}

func TestBMCReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("Dell")
		f.on["POST "+bmcPath+"/Reset"] = func(obj) (*redfish.Response, error) {
			go func() {
				time.Sleep(5 * time.Second)
				f.set(bmcPath, "2026-01-01T02:00:00Z", "LastResetTime")
			}()
			return nil, cut()
		}
		var j journal
		d := f.driver(Options{})
		if err := d.Act(t.Context(), resetStep(step.BMCReset), j.record); err != nil {
			t.Fatal(err)
		}
		if j.last().Baseline["transition"] != true || verbs(f) != "ForceRestart" {
			t.Fatalf("journal %+v, said %q", j.ops, verbs(f))
		}
		mustCheck(t, d, resetStep(step.BMCReset), j.last(), step.Done)
	})
}

// A BMC that is away is being waited for; that is no failure of the step.
func TestBMCResetSilence(t *testing.T) {
	f := newFake("Dell")
	delete(f.res, sysPath)
	op := &step.Op{Sent: true, Started: time.Now()}
	mustCheck(t, f.driver(Options{}), resetStep(step.BMCReset), op, step.Working)
	if _, err := f.driver(Options{}).Check(t.Context(), resetStep(step.BMCReset), nil); err == nil {
		t.Fatal("no error without an operation")
	}
}

// R39: GB200 wants the host off, and the host does not come back by itself.
func TestAuxCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("NVIDIA")
		hostVerbs(f)
		f.put("/redfish/v1/Chassis/BMC_0", obj{"Actions": obj{"Oem": obj{"#NvidiaChassis.AuxPowerReset": obj{
			"target": "/aux", "ResetType@Redfish.AllowableValues": []any{"AuxPowerCycle"}}}}})
		f.on["POST /aux"] = func(obj) (*redfish.Response, error) {
			if f.res[sysPath]["PowerState"] != "Off" {
				return nil, status(http.StatusBadRequest, "ChassisPowerStateOffRequired")
			}
			f.set(bmcPath, "2026-01-01T02:00:00Z", "LastResetTime")
			return &redfish.Response{}, nil
		}
		var j journal
		d := f.driver(Options{})
		if err := d.Act(t.Context(), resetStep(step.AuxCycle), j.record); err != nil {
			t.Fatal(err)
		}
		if got := verbs(f); got != "ForceOff AuxPowerCycle On" {
			t.Fatalf("said %q", got)
		}
		mustCheck(t, d, resetStep(step.AuxCycle), j.last(), step.Done)
	})
}

// A crash between the cycle and On, be the answer to the cycle on record or not: only On is left to do.
func TestAuxCycleHalfWay(t *testing.T) {
	for _, sent := range []bool{true, false} {
		f := trayThatIsOff()
		d := f.driver(Options{})
		op := step.Op{Baseline: step.Facts{"power_state": "Off", "last_reset_time": "2025-12-31T23:59:00Z",
			"bmc_last_reset_time": "2025-12-31T23:00:00Z"}, Started: time.Now().Add(-time.Hour), Sent: sent}
		mustCheck(t, d, resetStep(step.AuxCycle), &op, step.Ready)
		if err := d.Act(t.Context(), resetStep(step.AuxCycle), (&journal{}).record); err != nil {
			t.Fatal(err)
		}
		if got := verbs(f); got != "On" {
			t.Fatalf("sent %v: said %q", sent, got)
		}
	}
}

// A host that was off all along, minutes after a BMC reset of our own: that was no aux cycle.
func TestAuxCycleOfAHostThatIsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := trayThatIsOff()
		f.on["POST /aux"] = func(obj) (*redfish.Response, error) { return &redfish.Response{}, nil }
		if err := f.driver(Options{}).Act(t.Context(), resetStep(step.AuxCycle), (&journal{}).record); err != nil {
			t.Fatal(err)
		}
		if got := verbs(f); got != "AuxPowerCycle On" {
			t.Fatalf("said %q", got)
		}
	})
}

// trayThatIsOff is a tray whose BMC has started after its host was switched off.
func trayThatIsOff() *fake {
	f := newFake("NVIDIA")
	hostVerbs(f)
	f.set(sysPath, "Off", "PowerState")
	f.set(sysPath, "2025-12-31T23:59:00Z", "LastResetTime")
	f.set(bmcPath, "2026-01-01T00:03:00Z", "DateTime")
	f.put("/redfish/v1/Chassis/BMC_0", obj{"Actions": obj{"Oem": obj{"#NvidiaChassis.AuxPowerReset": obj{"target": "/aux"}}}})
	return f
}

// A crash after the host was switched off for the cycle, minutes after a BMC reset of our own: the cycle is still to
// be made.
func TestAuxCycleNotYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("NVIDIA")
		hostVerbs(f)
		f.set(sysPath, "Off", "PowerState")
		f.set(sysPath, "2026-01-01T00:02:00Z", "LastResetTime")
		f.set(bmcPath, "2026-01-01T00:03:00Z", "DateTime")
		f.put("/redfish/v1/Chassis/BMC_0", obj{"Actions": obj{"Oem": obj{"#NvidiaChassis.AuxPowerReset": obj{"target": "/aux"}}}})
		f.on["POST /aux"] = func(obj) (*redfish.Response, error) { return &redfish.Response{}, nil }
		if err := f.driver(Options{}).Act(t.Context(), resetStep(step.AuxCycle), (&journal{}).record); err != nil {
			t.Fatal(err)
		}
		if got := verbs(f); got != "AuxPowerCycle On" {
			t.Fatalf("said %q", got)
		}
	})
}

func TestNoAuxVerbIsUnsupported(t *testing.T) {
	f := newFake("AMI")
	for _, class := range []step.Activation{step.AuxCycle, step.ACCycle} {
		err := f.driver(Options{}).Act(t.Context(), resetStep(class), (&journal{}).record)
		if step.ClassOf(err) != step.Unsupported || len(f.said("P")) != 0 {
			t.Fatalf("%s: got %v", class, err)
		}
	}
}

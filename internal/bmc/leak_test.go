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

const wetPath = "/redfish/v1/Chassis/tray/Thermal/Leak/Detectors/"

// wired is a fake with two leak detectors, whose host obeys and whose BIOS takes what is sent.
func wired() *fake {
	f := newFake("NVIDIA")
	hostVerbs(f)
	f.put("/redfish/v1/Chassis/tray", obj{"Id": "tray", "ThermalSubsystem": ref("/redfish/v1/Chassis/tray/Thermal")})
	f.put("/redfish/v1/Chassis/tray/Thermal", obj{"LeakDetection": ref("/redfish/v1/Chassis/tray/Thermal/Leak")})
	f.put("/redfish/v1/Chassis/tray/Thermal/Leak", obj{"LeakDetectors": ref(strings.TrimSuffix(wetPath, "/"))})
	for _, id := range []string{"Manifold", "ColdPlate"} {
		f.put(wetPath+id, obj{"Id": id, "DetectorState": "OK", "Status": obj{"State": "Enabled"}})
	}
	f.on["PATCH "+sysPath+"/Bios/SD"] = func(body obj) (*redfish.Response, error) {
		f.set(sysPath+"/Bios/SD", body["Attributes"], "Attributes")
		return &redfish.Response{Status: http.StatusOK}, nil
	}
	return f
}

func wetStep(want string) step.Step {
	return step.Step{ID: "n/20-bios", Node: "n", Kind: step.BIOS, Activation: step.HostReset, Args: step.Args{System: sysPath},
		Expect: step.Facts{"A": "1"}, Want: step.Facts{"A": want}}
}

// A leak refuses every kind of change before anything is sent or journalled, by the detector's name.
func TestLeakRefusesChanges(t *testing.T) {
	for _, s := range []step.Step{wetStep("2"), resetStep(step.HostReset), resetStep(step.BMCReset),
		{ID: "n/10-power", Node: "n", Kind: step.Power, Args: step.Args{System: sysPath}, Want: step.Facts{"power_state": "Off"}}} {
		f := wired()
		f.set(wetPath+"ColdPlate", "Critical", "DetectorState")
		j := &journal{}
		err := f.driver(Options{}).Act(t.Context(), s, j.record)
		if step.ClassOf(err) != step.Safety || !strings.Contains(err.Error(), "ColdPlate") || step.AdviceOf(err) == "" {
			t.Errorf("%s: %v", s.Kind, err)
		}
		if len(j.ops)+len(f.said("P")) > 0 {
			t.Errorf("%s: journalled %d operations, sent %v", s.Kind, len(j.ops), f.said("P"))
		}
	}
}

// The power-off of a safety stop goes through over a leak, cuts at once though an OS runs, and waits for no detector; while
// firmware is written it is refused as any power-off is (invariant 1).
func TestEmergencyOff(t *testing.T) {
	off := func(manner string) step.Step {
		return step.Step{ID: "n/safety-off", Node: "n", Kind: step.Power, Args: step.Args{System: sysPath, Manner: manner}, Want: step.Facts{"power_state": "Off"}}
	}
	for _, manner := range []string{step.Emergency, step.EmergencyFlash} {
		f := wired()
		f.set(wetPath+"ColdPlate", "Critical", "DetectorState")
		f.set(wetPath+"Manifold", "Unknown", "DetectorState")
		d, j := f.driver(Options{}), &journal{}
		if err := d.Act(t.Context(), off(manner), j.record); err != nil || verbs(f) != "ForceOff" || len(j.ops) == 0 {
			t.Errorf("%s: %v, said %q, %d operations", manner, err, verbs(f), len(j.ops))
		}
		mustCheck(t, d, off(manner), j.last(), step.Done)
		on := off(manner)
		on.Want = step.Facts{"power_state": "On"}
		if err := d.Act(t.Context(), on, j.record); step.ClassOf(err) != step.Safety {
			t.Errorf("%s: switched on over a leak: %v", manner, err)
		}
		f = wired()
		f.put(tasks+"/9", obj{"Id": "9", "TaskState": "Running", "Name": "Firmware Update"})
		if err := f.driver(Options{}).Act(t.Context(), off(manner), j.record); step.ClassOf(err) != step.Transient || verbs(f) != "" {
			t.Errorf("%s: over a flash: %v, said %q", manner, err, verbs(f))
		}
	}
}

// A detector that is absent or switched off says nothing, as in the plan; a warning is no leak.
func TestDryEnough(t *testing.T) {
	f := wired()
	f.put(wetPath+"spare", obj{"DetectorState": "Critical", "Status": obj{"State": "Absent"}})
	f.put(wetPath+"off", obj{"DetectorState": nil, "Status": obj{"State": "Disabled"}})
	f.set(wetPath+"Manifold", "Warning", "DetectorState")
	if err := f.driver(Options{}).Act(t.Context(), wetStep("2"), (&journal{}).record); err != nil {
		t.Fatal(err)
	}
}

// The coolant comes while the host is off in the middle of a cycle: it is not switched on again.
func TestLeakLeavesTheHostOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := wired()
		f.set(sysPath, []any{"On", "ForceOff"}, "Actions", "#ComputerSystem.Reset", "ResetType@Redfish.AllowableValues")
		obey := f.on["POST "+sysPath+"/Reset"]
		f.on["POST "+sysPath+"/Reset"] = func(body obj) (*redfish.Response, error) {
			go func() {
				time.Sleep(30 * time.Second) // it takes its time to go down
				_, _ = obey(body)
			}()
			f.set(wetPath+"Manifold", "Critical", "DetectorState")
			return &redfish.Response{Status: http.StatusNoContent}, nil
		}
		err := f.driver(Options{}).Act(t.Context(), resetStep(step.HostPowerCycle), (&journal{}).record)
		if step.ClassOf(err) != step.Safety || verbs(f) != "ForceOff" {
			t.Errorf("said %q: %v", verbs(f), err)
		}
	})
}

// What cannot be read is not dry. After a BMC restart it is given time; then the class says what to do.
func TestUnreadDetectors(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*fake)
		want  step.Class
	}{
		"missing":      {func(f *fake) { f.bad[wetPath+"ColdPlate"] = status(http.StatusNotFound) }, step.HardwareBad},
		"says nothing": {func(f *fake) { f.set(wetPath+"ColdPlate", nil, "DetectorState") }, step.HardwareBad},
		"busy":         {func(f *fake) { f.bad[wetPath+"ColdPlate"] = status(http.StatusServiceUnavailable) }, step.Transient},
		"no answer": {func(f *fake) {
			f.bad[wetPath+"ColdPlate"] = &redfish.Error{Kind: redfish.Unreachable, Method: "GET"}
		}, step.Unreachable},
		"hidden": {func(f *fake) { f.bad["/redfish/v1/Chassis/tray/Thermal"] = status(http.StatusInternalServerError) }, step.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := wired()
				c.spoil(f)
				start := time.Now()
				err := f.driver(Options{}).Act(t.Context(), wetStep("2"), (&journal{}).record)
				if step.ClassOf(err) != c.want || len(f.said("P")) > 0 {
					t.Errorf("%s, sent %v: %v", step.ClassOf(err), f.said("P"), err)
				}
				if took := time.Since(start); (took >= time.Minute) != (c.want != step.Unreachable) || took > 5*time.Minute {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

// Detectors that were there before the BMC restarted and are not any more count as unread, until they are back.
func TestDetectorsLostOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := wired()
		d := f.driver(Options{})
		act := func(want string) error { return d.Act(t.Context(), wetStep(want), (&journal{}).record) }
		if err := act("2"); err != nil {
			t.Fatal(err)
		}
		thermal := f.res["/redfish/v1/Chassis/tray/Thermal"]
		f.set("/redfish/v1/Chassis/tray", nil, "ThermalSubsystem")
		d.c.forget()
		f.set(sysPath+"/Bios/SD", obj{}, "Attributes")
		if err := act("3"); step.ClassOf(err) != step.HardwareBad {
			t.Errorf("without detectors: %v", err)
		}
		f.put("/redfish/v1/Chassis/tray/NewThermal", thermal)
		time.AfterFunc(time.Minute, func() {
			f.set("/redfish/v1/Chassis/tray", ref("/redfish/v1/Chassis/tray/NewThermal"), "ThermalSubsystem")
		})
		if err := act("3"); err != nil {
			t.Errorf("under a new link: %v", err)
		}
	})
}

// The gate is cheap: places are found once, detectors are read once for all that follows within seconds, and a BMC
// without detectors is asked nothing more. It is not lax: a minute later they are read again.
func TestLeakReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := wired()
		f.put("/redfish/v1/Chassis/part", obj{"Id": "part", "LeakDetectors": ref("/redfish/v1/Chassis/part/LeakDetectors")})
		d := f.driver(Options{})
		act := func(want string) {
			t.Helper()
			f.set(sysPath+"/Bios/SD", obj{}, "Attributes")
			if err := d.Act(t.Context(), wetStep(want), (&journal{}).record); err != nil {
				t.Fatal(err)
			}
		}
		act("2")
		act("3")
		if n := f.got[wetPath+"Manifold"]; n != 1 {
			t.Errorf("two changes at once read a detector %d times", n)
		}
		time.Sleep(time.Minute)
		act("4")
		if n, places := f.got[wetPath+"Manifold"], f.got["/redfish/v1/Chassis/tray/Thermal"]; n != 2 || places != 1 {
			t.Errorf("a minute later: detector read %d times, its chassis %d times", n, places)
		}
		if n := f.got["/redfish/v1/Chassis/part/LeakDetectors"]; n != 1 {
			t.Errorf("a collection without detectors was read %d times", n)
		}

		f = wired()
		f.set("/redfish/v1/Chassis/tray", nil, "ThermalSubsystem")
		d = f.driver(Options{})
		act("2")
		time.Sleep(time.Minute)
		act("3")
		if n := f.got["/redfish/v1/Chassis/tray"]; n != 1 {
			t.Errorf("a BMC without detectors was searched %d times", n)
		}
	})
}

// While a boot is waited for, a leak is seen within a minute; a detector that cannot be read is not this look's
// business.
func TestLeakDuringAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := wired()
		d := f.driver(Options{})
		j := &journal{}
		s := resetStep(step.HostReset)
		s.EstimatedS = 600
		if err := d.Act(t.Context(), s, j.record); err != nil {
			t.Fatal(err)
		}
		f.bad[wetPath+"ColdPlate"] = status(http.StatusNotFound)
		time.Sleep(time.Minute)
		mustCheck(t, d, s, j.last(), step.Working)
		f.set(wetPath+"Manifold", "Critical", "DetectorState")
		mustCheck(t, d, s, j.last(), step.Working)
		time.Sleep(time.Minute)
		if _, err := d.Check(t.Context(), s, j.last()); step.ClassOf(err) != step.Safety {
			t.Errorf("a leak while the host starts: %v", err)
		}
		if _, err := d.Check(t.Context(), s, nil); err != nil {
			t.Errorf("a look before anything was begun: %v", err)
		}
	})
}

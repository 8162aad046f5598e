package bmc

import (
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

func onceStep() step.Step {
	return step.Step{ID: "n/30-boot", Node: "n", Kind: step.BootOnce, Args: step.Args{System: sysPath},
		Want: step.Facts{"target": "Cd", "mode": "UEFI"}}
}

func orderStep(want ...any) step.Step {
	return step.Step{ID: "n/31-order", Node: "n", Kind: step.BootOrder, Activation: step.HostReset, Args: step.Args{System: sysPath},
		Expect: step.Facts{"order": []any{"B1", "B2", "B3"}}, Want: step.Facts{"order": want}}
}

func TestBootOnceBody(t *testing.T) {
	for _, c := range []struct{ name, vendor, shown, want string }{
		{"Dell repeats no mode (R25)", "Dell", "UEFI", `{"Boot":{"BootSourceOverrideEnabled":"Once","BootSourceOverrideTarget":"Cd"}}`},
		{"Dell sends a mode that changes (R25)", "Dell", "Legacy",
			`{"Boot":{"BootSourceOverrideEnabled":"Once","BootSourceOverrideMode":"UEFI","BootSourceOverrideTarget":"Cd"}}`},
		{"Supermicro boots UsbCd (R28)", "Supermicro", "UEFI",
			`{"Boot":{"BootSourceOverrideEnabled":"Once","BootSourceOverrideMode":"UEFI","BootSourceOverrideTarget":"UsbCd"}}`},
		{"AMI wants all three (R32)", "AMI", "UEFI",
			`{"Boot":{"BootSourceOverrideEnabled":"Once","BootSourceOverrideMode":"UEFI","BootSourceOverrideTarget":"Cd"}}`},
		{"no mode where there is none (R27)", "Supermicro", "",
			`{"Boot":{"BootSourceOverrideEnabled":"Once","BootSourceOverrideTarget":"UsbCd"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(c.vendor)
			if c.shown == "" {
				delete(f.res[sysPath]["Boot"].(obj), "BootSourceOverrideMode")
			} else {
				f.set(sysPath, c.shown, "Boot", "BootSourceOverrideMode")
			}
			f.on["PATCH "+sysPath] = func(body obj) (*redfish.Response, error) {
				for k, v := range body["Boot"].(obj) {
					f.set(sysPath, v, "Boot", k)
				}
				return &redfish.Response{}, nil
			}
			d := f.driver(Options{})
			for range 2 {
				if err := d.Act(t.Context(), onceStep(), (&journal{}).record); err != nil {
					t.Fatal(err)
				}
			}
			if said := f.said("PATCH"); len(said) != 1 || !strings.HasSuffix(said[0], c.want) {
				t.Fatalf("said %q\nwant %s", said, c.want)
			}
			mustCheck(t, d, onceStep(), nil, step.Done)
		})
	}
}

// R33, GB200: the override is written where the settings object shows it.
func TestBootOnceBySettingsObject(t *testing.T) {
	f := newFake("NVIDIA")
	f.set(sysPath, obj{"SettingsObject": ref(sysPath + "/Settings")}, "@Redfish.Settings")
	f.put(sysPath+"/Settings", obj{"Boot": obj{"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"}})
	f.on["PATCH "+sysPath+"/Settings"] = func(body obj) (*redfish.Response, error) {
		f.put(sysPath+"/Settings", body)
		return &redfish.Response{}, nil
	}
	d := f.driver(Options{})
	if err := d.Act(t.Context(), onceStep(), (&journal{}).record); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, d, onceStep(), nil, step.Done)
}

func TestBootOnceUsedIsDone(t *testing.T) {
	f := newFake("Dell")
	op := &step.Op{Sent: true, Baseline: step.Facts{"last_reset_time": "2025-12-31T00:00:00Z"}}
	mustCheck(t, f.driver(Options{}), onceStep(), op, step.Done)
	mustCheck(t, f.driver(Options{}), onceStep(), nil, step.Ready)
}

func TestBootOnceUnknownTarget(t *testing.T) {
	s := onceStep()
	s.Want["target"] = "UefiHttp"
	err := newFake("Dell").driver(Options{}).Act(t.Context(), s, (&journal{}).record)
	if step.ClassOf(err) != step.Unsupported {
		t.Fatalf("got %v", err)
	}
}

func TestBootOrderStandings(t *testing.T) {
	for _, c := range []struct {
		name, vendor string
		have         []any
		pending      []any
		want         step.Standing
	}{
		{"as planned", "Dell", []any{"B1", "B2", "B3"}, nil, step.Ready},
		{"done", "Dell", []any{"B2", "B1", "B3"}, nil, step.Done},
		{"staged", "NVIDIA", []any{"B1", "B2", "B3"}, []any{"B2", "B1", "B3"}, step.Staged},
		{"moved", "Dell", []any{"B3", "B1", "B2"}, nil, step.Moved},
		{"entries behind the first are re-sorted (R60)", "Lenovo", []any{"B2", "B9", "B1"}, nil, step.Done},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(c.vendor)
			f.set(sysPath, c.have, "Boot", "BootOrder")
			if c.pending != nil {
				f.set(sysPath, obj{"SettingsObject": ref(sysPath + "/Settings")}, "@Redfish.Settings")
				f.put(sysPath+"/Settings", obj{"Boot": obj{"BootOrder": c.pending}})
			}
			mustCheck(t, f.driver(Options{}), orderStep("B2", "B1"), nil, c.want)
		})
	}
}

func TestBootOrderKeepsWhatNobodyNamed(t *testing.T) {
	f := newFake("Dell")
	f.on["PATCH "+sysPath] = func(obj) (*redfish.Response, error) { return &redfish.Response{}, nil }
	if err := f.driver(Options{}).Act(t.Context(), orderStep("B3"), (&journal{}).record); err != nil {
		t.Fatal(err)
	}
	if said := f.said("PATCH"); len(said) != 1 || !strings.HasSuffix(said[0], `{"Boot":{"BootOrder":["B3","B1","B2"]}}`) {
		t.Fatalf("said %q", said)
	}
}

// R62: a DGX H100's boot order is reported and never written.
func TestBootOrderHandsOff(t *testing.T) {
	f := newFake("AMI")
	f.set(sysPath, "DGXH100", "Model")
	err := f.driver(Options{}).Act(t.Context(), orderStep("B3"), (&journal{}).record)
	if step.ClassOf(err) != step.Unsupported || len(f.said("PATCH")) != 0 {
		t.Fatalf("got %v", err)
	}
}

func TestBootModeAlone(t *testing.T) {
	f := newFake("HPE")
	f.set(sysPath, "Legacy", "Boot", "BootSourceOverrideMode")
	f.on["PATCH "+sysPath] = func(obj) (*redfish.Response, error) { return &redfish.Response{}, nil }
	s := orderStep()
	s.Expect, s.Want = step.Facts{"mode": "Legacy"}, step.Facts{"mode": "UEFI"}
	if err := f.driver(Options{}).Act(t.Context(), s, (&journal{}).record); err != nil {
		t.Fatal(err)
	}
	if said := f.said("PATCH"); len(said) != 1 || !strings.HasSuffix(said[0], `{"Boot":{"BootSourceOverrideMode":"UEFI"}}`) {
		t.Fatalf("said %q", said)
	}
}

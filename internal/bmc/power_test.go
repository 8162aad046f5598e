package bmc

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

func powerStep(from, to string) step.Step {
	return step.Step{ID: "n/10-power", Node: "n", Kind: step.Power, Args: step.Args{System: sysPath},
		Expect: step.Facts{"power_state": from}, Want: step.Facts{"power_state": to}}
}

func TestPowerStandings(t *testing.T) {
	for _, c := range []struct {
		shown string
		sent  bool
		want  step.Standing
	}{
		{"On", false, step.Ready}, {"Off", false, step.Done}, {"PoweringOff", false, step.Working},
		{"On", true, step.Working}, {"Paused", false, step.Moved}, {"", false, step.Unknown},
	} {
		f := newFake("Dell")
		f.set(sysPath, c.shown, "PowerState")
		mustCheck(t, f.driver(Options{}), powerStep("On", "Off"), &step.Op{Sent: c.sent}, c.want)
	}
}

// R7, R14: a power change soon after another is refused for a while.
func TestPowerIsTriedAgainWhenNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("Dell")
		f.set(sysPath, "Off", "PowerState")
		tries := 0
		f.on["POST "+sysPath+"/Reset"] = func(obj) (*redfish.Response, error) {
			if tries++; tries < 3 {
				return nil, status(http.StatusConflict, "IDRAC.2.8.PSU024")
			}
			f.set(sysPath, "On", "PowerState")
			return &redfish.Response{}, nil
		}
		var j journal
		d := f.driver(Options{})
		if err := d.Act(t.Context(), powerStep("Off", "On"), j.record); err != nil {
			t.Fatal(err)
		}
		if tries != 3 || len(j.ops) != 2 || j.ops[0].Sent || !j.ops[1].Sent {
			t.Fatalf("%d tries, journal %+v", tries, j.ops)
		}
		mustCheck(t, d, powerStep("Off", "On"), j.last(), step.Done)
	})
}

// R15: a refusal of a state that is reached is success.
func TestPowerRefusedThoughReached(t *testing.T) {
	f := newFake("Dell")
	f.set(sysPath, "Off", "PowerState")
	f.on["POST "+sysPath+"/Reset"] = func(obj) (*redfish.Response, error) {
		f.set(sysPath, "On", "PowerState")
		return nil, status(http.StatusBadRequest, "Base.1.8.NoOperation")
	}
	if err := f.driver(Options{}).Act(t.Context(), powerStep("Off", "On"), (&journal{}).record); err != nil {
		t.Fatal(err)
	}
}

func TestPowerOffRefusedWhileFlashing(t *testing.T) {
	f := newFake("Dell")
	f.put(tasks+"/7", obj{"Name": "Firmware update", "TaskState": "Running"})
	err := f.driver(Options{}).Act(t.Context(), powerStep("On", "Off"), (&journal{}).record)
	if step.ClassOf(err) != step.Transient || len(f.said("POST")) != 0 {
		t.Fatalf("got %v, said %v", err, f.said("POST"))
	}
}

func TestNothingIsSentWhenTheJournalFails(t *testing.T) {
	f := newFake("Dell")
	err := f.driver(Options{}).Act(t.Context(), powerStep("On", "Off"), func(step.Op) error { return errors.New("disk full") })
	if step.ClassOf(err) != step.Internal || len(f.said("P")) != 0 {
		t.Fatalf("got %v, said %v", err, f.said("P"))
	}
}

func TestMovedIsNotActedOn(t *testing.T) {
	f := newFake("Dell")
	f.set(sysPath, "Paused", "PowerState")
	err := f.driver(Options{}).Act(t.Context(), powerStep("On", "Off"), (&journal{}).record)
	if step.ClassOf(err) != step.HasMoved || len(f.said("P")) != 0 {
		t.Fatalf("got %v, said %v", err, f.said("P"))
	}
}

func TestQueueIsGivenUpWithTheContext(t *testing.T) {
	f := newFake("Dell")
	d := f.driver(Options{})
	release, err := d.c.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Act(ctx, powerStep("On", "Off"), (&journal{}).record); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

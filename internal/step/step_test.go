package step_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/step"
)

func TestActivationOrder(t *testing.T) {
	order := []step.Activation{step.None, step.BMCReset, step.HostReset, step.HostPowerCycle, step.AuxCycle, step.ACCycle}
	for i, a := range order {
		got, err := step.ParseActivation(a.String())
		if err != nil || got != a {
			t.Errorf("ParseActivation(%q) = %v, %v", a, got, err)
		}
		if i > 0 && order[i-1] >= a {
			t.Errorf("%v is not stronger than %v", a, order[i-1])
		}
		if a.Host() != (a >= step.HostReset) {
			t.Errorf("%v.Host() = %v", a, a.Host())
		}
	}
	if _, err := step.ParseActivation("reboot"); err == nil {
		t.Error(`"reboot" was read as a reset class`)
	}
}

func TestFactsRoundTrip(t *testing.T) {
	want := step.Facts{"n": int64(1) << 60, "s": "x", "b": true, "l": []any{"a", int64(2)}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got step.Facts
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFailure(t *testing.T) {
	base := errors.New("no answer")
	err := fmt.Errorf("read power of a01-n1: %w", step.Fail(step.Unreachable, base, "Check the cable."))
	if step.ClassOf(err) != step.Unreachable || step.AdviceOf(err) != "Check the cable." || !errors.Is(err, base) {
		t.Errorf("class %q, advice %q", step.ClassOf(err), step.AdviceOf(err))
	}
	if step.Fail(step.Auth, nil, "") != nil || step.ClassOf(nil) != step.NoFailure || step.ClassOf(base) != step.Transient {
		t.Error("nil and plain errors")
	}
}

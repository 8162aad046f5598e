package bmc

import (
	"context"
	"fmt"
	"slices"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// locator finds the light: on the system, else on a chassis of it. LocationIndicatorActive (DSP0268, since
// ComputerSystem 1.14) is a plain yes or no; IndicatorLED, which it replaces, has Lit, Blinking and Off.
func (d *Driver) locator(ctx context.Context, v vitals) (*rack.Locator, error) {
	if l := locatorOf(v.path, v.system); l != nil {
		return l, nil
	}
	for _, uri := range v.system.Links("Links", "Chassis") {
		r, err := d.c.rf.Get(ctx, uri)
		if redfish.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the chassis: %w", err)
		}
		if l := locatorOf(uri, r.Obj); l != nil {
			return l, nil
		}
	}
	return nil, nil
}

func locatorOf(path string, o redfish.Object) *rack.Locator {
	on, plain := o.Bool("LocationIndicatorActive")
	led := o.Str("IndicatorLED")
	if led == "Unknown" {
		led = ""
	}
	switch {
	case o.Has("IndicatorLED"): // it can do all that the other can, and blink
		if led == "" && plain {
			led = word(on)
		}
		can := o.Strs("IndicatorLED@Redfish.AllowableValues")
		if len(can) == 0 {
			can = []string{rack.LEDLit, rack.LEDBlink, rack.LEDOff}
		}
		return &rack.Locator{Path: path, State: led, Can: can}
	case plain:
		return &rack.Locator{Path: path, State: word(on), Can: []string{rack.LEDLit, rack.LEDOff}, Plain: true}
	}
	return nil
}

func word(on bool) string {
	if on {
		return rack.LEDLit
	}
	return rack.LEDOff
}

func (d *Driver) glanceLED(ctx context.Context, v vitals, dev *rack.Device, _ *rack.System) (err error) {
	dev.Locator, err = d.locator(ctx, v)
	return err
}

// light reads the light of a step's host.
func (d *Driver) light(ctx context.Context, s step.Step) (*rack.Locator, error) {
	v, err := d.vitals(ctx, s, false)
	if err != nil {
		return nil, err
	}
	l, err := d.locator(ctx, v)
	if err == nil && l == nil {
		err = unsupported("a locator light")
	}
	return l, err
}

func (d *Driver) checkLED(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	l, err := d.light(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	want, seen := textOf(s.Want["led"]), step.Facts{"led": l.State}
	switch {
	case l.State == want:
		return state(step.Done, seen, ""), nil
	case op != nil && op.Sent && l.State == "":
		return state(step.Done, seen, "the BMC does not show its light; it took the request"), nil
	}
	if was := textOf(s.Expect["led"]); op == nil && was != "" && l.State != "" && was != l.State {
		return state(step.Moved, seen, "the light is %s, planned from %s", l.State, was), nil
	}
	return state(step.Ready, seen, ""), nil
}

func (d *Driver) actLED(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	l, err := d.light(ctx, a.s)
	if err != nil {
		return err
	}
	want := textOf(a.s.Want["led"])
	if !slices.Contains(l.Can, want) {
		return unsupported("a locator light that is %s", want)
	}
	if err := a.intend(ctx, step.Facts{"led": l.State}); err != nil {
		return err
	}
	body := map[string]any{"IndicatorLED": want}
	if l.Plain {
		body = map[string]any{"LocationIndicatorActive": want == rack.LEDLit}
	}
	r, err := d.patch(ctx, a.s, l.Path, body)
	if err != nil {
		return fmt.Errorf("set the locator light: %w", err)
	}
	return a.sent(r.Handle())
}

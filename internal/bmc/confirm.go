package bmc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// maxSensors bounds how many sensors are read to find heat that nobody says the place of. A GB200 tray has some 250.
const maxSensors = 400

// errMute is for a source that answers and does not say how it is.
var errMute = errors.New("nothing there says how it is")

// Confirm looks at the source of an event that tells a peril. An event alone proves nothing: it may be late, of another machine, or
// made up. What cannot be read is tried again for some two minutes, as long as a BMC needs to restart. The text says what was read.
func (d *Driver) Confirm(ctx context.Context, e rack.Event) (rack.Verdict, string) {
	for try := 1; ; try++ {
		v, what, err := d.confirm(ctx, e)
		if err == nil {
			return v, what
		}
		class := step.ClassOf(err)
		if ctx.Err() != nil || try == leakTries || errors.Is(err, errMute) || class == step.Auth || class == step.Trust {
			return rack.Unread, d.redact(err.Error())
		}
		if d.pause(ctx, evidencePauses) != nil {
			return rack.Unread, d.redact(err.Error())
		}
	}
}

func (d *Driver) confirm(ctx context.Context, e rack.Event) (rack.Verdict, string, error) {
	switch e.Kind {
	case rack.EventLeak:
		return d.confirmLeak(ctx)
	case rack.EventHot:
		return d.confirmBy(ctx, e, heat, d.hotPlaces)
	case rack.EventShelf:
		return d.confirmBy(ctx, e, supplyFault, d.supplies)
	}
	return rack.Unread, "", fmt.Errorf("%w: an event of kind %q has no source", errMute, e.Kind)
}

func (d *Driver) confirmLeak(ctx context.Context) (rack.Verdict, string, error) {
	err := d.lookForLeaks(ctx)
	switch {
	case step.ClassOf(err) == step.Safety:
		return rack.Confirmed, err.Error(), nil
	case err != nil:
		return rack.Unread, "", err
	}
	d.c.mu.Lock()
	seen := d.c.leaks.most
	d.c.mu.Unlock()
	if seen == 0 {
		return rack.Unread, "", fmt.Errorf("%w: this BMC shows no leak detectors", errMute)
	}
	return rack.Cleared, fmt.Sprintf("%d leak detectors are read, none is Critical", seen), nil
}

// judgement of one object: whether it tells, and whether the peril is real.
type judgement func(o redfish.Object) (bad, told bool, what string)

// confirmBy reads what the event is about; and, when it does not say, every place where such a thing is told.
func (d *Driver) confirmBy(ctx context.Context, e rack.Event, judge judgement, places func(context.Context, rack.Event) ([]redfish.Object, error)) (rack.Verdict, string, error) {
	if e.Origin != "" {
		o, err := d.part(ctx, e.Origin)
		if err != nil && !redfish.IsNotFound(err) {
			return rack.Unread, "", fmt.Errorf("read %s: %w", e.Origin, err)
		}
		if bad, told, what := judge(o); told {
			return verdictOf(bad), what, nil
		}
	}
	all, err := places(ctx, e)
	var good string
	for _, o := range all {
		bad, told, what := judge(o)
		if told && bad {
			return rack.Confirmed, what, nil
		}
		if told {
			good = what
		}
	}
	switch {
	case err != nil:
		return rack.Unread, "", err
	case good == "":
		return rack.Unread, "", errMute
	case len(all) > 1:
		good = fmt.Sprintf("%d places are read, none is as told", len(all))
	}
	return rack.Cleared, good, nil
}

func verdictOf(bad bool) rack.Verdict {
	if bad {
		return rack.Confirmed
	}
	return rack.Cleared
}

// part reads a resource, or the part of one that a fragment names: "…/Thermal#/Temperatures/3".
func (d *Driver) part(ctx context.Context, uri string) (redfish.Object, error) {
	path, pointer, _ := strings.Cut(uri, "#")
	r, err := d.c.rf.Get(ctx, path)
	if err != nil {
		return nil, err
	}
	var v any = map[string]any(r.Obj)
	for key := range strings.SplitSeq(strings.Trim(pointer, "/"), "/") {
		if key == "" {
			continue
		}
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(x) {
				return nil, nil
			}
			v = x[i]
		default:
			return nil, nil
		}
	}
	o, _ := v.(map[string]any)
	return o, nil
}

// heat judges a Sensor or a member of Thermal.Temperatures: above its critical limit, or of Critical health.
func heat(o redfish.Object) (bad, told bool, what string) {
	name := nameIn(o.Str("Name"), o.Str("Id"), o.Str("MemberId"))
	if kind := o.Str("ReadingType"); kind != "" && kind != "Temperature" || strings.EqualFold(o.Str("Status", "State"), "Absent") {
		return false, false, ""
	}
	reading, known := o.Float("ReadingCelsius")
	if !known {
		reading, known = o.Float("Reading")
	}
	if !known {
		return false, false, ""
	}
	what = fmt.Sprintf("%s is %g °C", name, reading)
	for _, limit := range [][]string{{"UpperThresholdCritical"}, {"Thresholds", "UpperCritical", "Reading"}, {"UpperThresholdFatal"},
		{"Thresholds", "UpperFatal", "Reading"}} {
		if l, ok := o.Float(limit...); ok && l > 0 {
			what = fmt.Sprintf("%s, its critical limit %g °C", what, l)
			if reading >= l {
				return true, true, what
			}
			break
		}
	}
	return strings.EqualFold(o.Str("Status", "Health"), "Critical"), true, what
}

// supplyFault judges a power supply, old style or new.
func supplyFault(o redfish.Object) (bad, told bool, what string) {
	health, state := o.Str("Status", "Health"), o.Str("Status", "State")
	if health == "" && state == "" || strings.EqualFold(state, "Absent") && health == "" {
		return false, false, ""
	}
	name := nameIn(o.Str("Name"), o.Str("Id"), o.Str("MemberId"))
	bad = strings.EqualFold(health, "Critical") || strings.EqualFold(state, "UnavailableOffline")
	return bad, true, fmt.Sprintf("power supply %s: health %s, state %s", name, orUnsaid(health), orUnsaid(state))
}

func nameIn(texts ...string) string {
	if i := slices.IndexFunc(texts, func(s string) bool { return s != "" }); i >= 0 {
		return texts[i]
	}
	return "one without a name"
}

func orUnsaid(s string) string {
	if s == "" {
		return "not told"
	}
	return s
}

// hotPlaces are the temperatures of all chassis: members of Thermal, and sensors; of these, the one that the event names if it
// names one.
func (d *Driver) hotPlaces(ctx context.Context, e rack.Event) ([]redfish.Object, error) {
	chassis, err := d.everyChassis(ctx)
	if err != nil {
		return nil, err
	}
	return d.hotIn(ctx, chassis, e, true)
}

// hotIn are those of some chassis; without sensors, only what Thermal shows.
func (d *Driver) hotIn(ctx context.Context, chassis []*redfish.Resource, e rack.Event, sensors bool) (out []redfish.Object, err error) {
	var uris []string
	for _, c := range chassis {
		o, terr := d.maybe(ctx, c.Obj.Link("Thermal"))
		err = errors.Join(err, terr)
		out = append(out, o.Objs("Temperatures")...)
		if list := c.Obj.Link("Sensors"); list != "" && sensors {
			more, _, serr := d.c.rf.MemberURIs(ctx, list)
			if !redfish.IsNotFound(serr) {
				err = errors.Join(err, serr)
			}
			uris = append(uris, more...)
		}
	}
	if i := slices.IndexFunc(uris, func(u string) bool {
		return len(e.Args) > 0 && strings.EqualFold(lastPart(u), strings.ReplaceAll(e.Args[0], " ", "_"))
	}); i >= 0 {
		uris = uris[i : i+1]
	}
	if len(uris) > maxSensors {
		uris = uris[:maxSensors]
		err = errors.Join(err, fmt.Errorf("there are more than %d sensors", maxSensors))
	}
	for _, u := range uris {
		o, serr := d.maybe(ctx, u)
		err = errors.Join(err, serr)
		if o != nil {
			out = append(out, o)
		}
	}
	return out, err
}

// supplies are the power supplies of all chassis.
func (d *Driver) supplies(ctx context.Context, _ rack.Event) ([]redfish.Object, error) {
	chassis, err := d.everyChassis(ctx)
	if err != nil {
		return nil, err
	}
	return d.suppliesIn(ctx, chassis)
}

func (d *Driver) suppliesIn(ctx context.Context, chassis []*redfish.Resource) (out []redfish.Object, err error) {
	for _, c := range chassis {
		sub, serr := d.maybe(ctx, c.Obj.Link("PowerSubsystem"))
		members, merr := d.maybeMembers(ctx, sub.Link("PowerSupplies"))
		for _, m := range members {
			out = append(out, m.Obj)
		}
		old, oerr := d.maybe(ctx, c.Obj.Link("Power"))
		out = append(out, old.Objs("PowerSupplies")...)
		err = errors.Join(err, serr, merr, oerr)
	}
	return out, err
}

func (d *Driver) everyChassis(ctx context.Context) ([]*redfish.Resource, error) {
	l, err := d.layout(ctx)
	if err != nil {
		return nil, err
	}
	return d.maybeMembers(ctx, l.root.Link("Chassis"))
}

package bmc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/gofishx"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	leakFresh = 10 * time.Second // a look this young is not repeated: the requests of one act follow each other faster
	leakWatch = time.Minute      // how often a step under way is looked at for leaks
	// looks, evidencePauses apart, before unread detectors count as broken: 2 min after a BMC restart
	leakTries = 7
)

// leakage is what is known of the leak detectors behind a BMC; it is guarded by conn.mu.
type leakage struct {
	places []string // collections of detectors
	found  bool     // places were looked for since the BMC last restarted
	most   int      // detectors that were seen at once: fewer of them later are unread, not absent
	dry    time.Time
	asked  time.Time
	wet    bool // a detector was Critical at some time
}

const (
	adviceWet = "Nothing is switched on, reset or flashed any more, and nothing comes back on by itself. Look at the tray; when it is dry, " +
		"plan again."
	adviceUnread = "A tray whose leak detectors cannot be read is not taken for dry. See why the BMC does not show them, then plan again."
)

// dryNow refuses a change while a leak detector of this BMC is Critical, or cannot be read where there are some (R92).
// It is asked right before each side effect. A BMC without detectors costs one search and no request after it.
func (d *Driver) dryNow(ctx context.Context) error {
	d.c.mu.Lock()
	fresh := d.c.leaks.found && time.Since(d.c.leaks.dry) < d.paced(leakFresh)
	d.c.mu.Unlock()
	if fresh {
		return nil
	}
	for try := 1; ; try++ {
		err := d.lookForLeaks(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		switch step.ClassOf(err) {
		case step.Safety, step.Auth, step.Trust, step.Unreachable:
			return err
		}
		if try == leakTries {
			if step.ClassOf(err) == step.Transient {
				return err
			}
			return step.Fail(step.HardwareBad, err, adviceUnread)
		}
		if err := d.pause(ctx, evidencePauses); err != nil {
			return err
		}
	}
}

// watchLeaks looks, once in a while, behind a step under way: a boot takes 20 minutes. Only a leak that is seen counts
// here; what cannot be read is for the next change to refuse.
func (d *Driver) watchLeaks(ctx context.Context) error {
	d.c.mu.Lock()
	due := time.Since(d.c.leaks.asked) >= d.paced(leakWatch) && !(d.c.leaks.found && len(d.c.leaks.places) == 0)
	d.c.mu.Unlock()
	if !due {
		return nil
	}
	if err := d.lookForLeaks(ctx); step.ClassOf(err) == step.Safety {
		return err
	}
	return nil
}

// lookForLeaks reads every detector once. A Critical one is told before any that cannot be read.
func (d *Driver) lookForLeaks(ctx context.Context) error {
	d.c.mu.Lock()
	d.c.leaks.asked = time.Now()
	d.c.mu.Unlock()
	places, err := d.leakPlaces(ctx)
	if err != nil {
		return err
	}
	var unread error
	var inhabited []string
	seen := 0
	for _, place := range places {
		list, problems, err := gofishx.Leaks(ctx, d.c.rf, place)
		if err != nil {
			unread = errors.Join(unread, fmt.Errorf("read the leak detectors: %w", err))
			continue
		}
		for _, p := range problems {
			unread = errors.Join(unread, fmt.Errorf("read leak detector %s: %w", lastPart(p.URI), p.Err))
		}
		if n := len(list) + len(problems); n > 0 {
			seen += n
			inhabited = append(inhabited, place)
		}
		for _, l := range list {
			switch {
			case strings.EqualFold(l.Status, "Absent") || strings.EqualFold(l.Status, "Disabled"): // as the plan has it
			case l.State == "Critical":
				d.c.mu.Lock()
				d.c.leaks.wet = true
				d.c.mu.Unlock()
				return step.Fail(step.Safety, fmt.Errorf("leak detector %s is Critical", nameOf(l)), adviceWet)
			case l.State == "Unknown":
				err := fmt.Errorf("leak detector %s does not say whether it is dry", nameOf(l))
				unread = errors.Join(unread, step.Fail(step.HardwareBad, err, adviceUnread))
			}
		}
	}
	if unread != nil {
		return unread
	}
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	if most := d.c.leaks.most; seen < most {
		d.c.leaks.found = false // they may come back under another link
		return step.Fail(step.HardwareBad, fmt.Errorf("%d of %d leak detectors are shown", seen, most), adviceUnread)
	}
	// Each part of a GB200 tray links a collection, and all but one are empty: those are not read again.
	d.c.leaks.places, d.c.leaks.most, d.c.leaks.dry = inhabited, seen, time.Now()
	return nil
}

func nameOf(l rack.LeakDetector) string {
	if l.ID != "" {
		return l.ID
	}
	return lastPart(l.Path)
}

// leakPlaces finds the collections of leak detectors, once until the BMC restarts.
func (d *Driver) leakPlaces(ctx context.Context) ([]string, error) {
	d.c.mu.Lock()
	known := d.c.leaks
	d.c.mu.Unlock()
	if known.found {
		return known.places, nil
	}
	places, err := d.findLeakPlaces(ctx)
	if err != nil {
		return nil, err
	}
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	d.c.leaks.places, d.c.leaks.found = places, true
	return places, nil
}

// findLeakPlaces follows the links to leak detectors, from each place where Redfish puts them: a chassis, its thermal
// subsystem, and cooling equipment (DSP0268). What is not there is passed over; what cannot be read is an error, for a
// detector may be behind it.
func (d *Driver) findLeakPlaces(ctx context.Context) ([]string, error) {
	l, err := d.layout(ctx)
	if err != nil {
		return nil, err
	}
	holders, err := d.maybeMembers(ctx, l.root.Link("Chassis"))
	if err != nil {
		return nil, fmt.Errorf("look for leak detectors: %w", err)
	}
	cooling, err := d.maybe(ctx, l.root.Link("ThermalEquipment"))
	if err != nil {
		return nil, fmt.Errorf("look for leak detectors: %w", err)
	}
	for _, kind := range []string{"CDUs", "HeatExchangers", "ImmersionUnits", "CoolingLoops"} {
		units, err := d.maybeMembers(ctx, cooling.Link(kind))
		if err != nil {
			return nil, fmt.Errorf("look for leak detectors of %s: %w", kind, err)
		}
		holders = append(holders, units...)
	}
	// A GB200 tray has 44 chassis, so they are searched side by side; the core decides how many requests are on the
	// wire.
	found, errs := make([][]string, len(holders)), make([]error, len(holders))
	var wg sync.WaitGroup
	for i, h := range holders {
		wg.Go(func() { found[i], errs[i] = d.leakPlacesOf(ctx, h.Obj) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil { // one tells enough: most are the same
			return nil, fmt.Errorf("look for leak detectors of %s: %w", lastPart(holders[i].URI), err)
		}
	}
	return slices.Concat(found...), nil
}

// leakPlacesOf gives the collections of detectors of one chassis or cooling unit.
func (d *Driver) leakPlacesOf(ctx context.Context, o redfish.Object) ([]string, error) {
	var places []string
	thermal, err := d.maybe(ctx, o.Link("ThermalSubsystem"))
	for _, o := range []redfish.Object{o, thermal} {
		detection, derr := d.maybe(ctx, o.Link("LeakDetection"))
		err = errors.Join(err, derr)
		for _, o := range []redfish.Object{o, detection} {
			if p := o.Link("LeakDetectors"); p != "" {
				places = append(places, p)
			}
		}
	}
	return places, err
}

// maybe reads what may not be there: then it is nil.
func (d *Driver) maybe(ctx context.Context, uri string) (redfish.Object, error) {
	if uri == "" {
		return nil, nil
	}
	r, err := d.c.rf.Get(ctx, uri)
	if redfish.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.Obj, nil
}

// maybeMembers reads the members of a collection that may not be there. A member that is listed and missing is passed
// over.
func (d *Driver) maybeMembers(ctx context.Context, uri string) ([]*redfish.Resource, error) {
	if uri == "" {
		return nil, nil
	}
	members, problems, err := d.c.rf.Members(ctx, uri)
	if redfish.IsNotFound(err) {
		return nil, nil
	}
	for _, p := range problems {
		if !redfish.IsNotFound(p.Err) {
			err = errors.Join(err, p.Err)
		}
	}
	return members, err
}

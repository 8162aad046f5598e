package drivertest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// railsLab is one shelf, and nothing that hangs on it.
type railsLab struct {
	t *testing.T
	r *sim.Rack
	b *sim.BMC
}

// onRails runs a check on a simulated power shelf, in virtual time; every session that was opened is closed in the end.
func onRails(t *testing.T, fault string, check func(l *railsLab, d *bmc.Driver, dev rack.Device)) {
	t.Helper()
	d := rack.Design{Format: rack.DesignFormat, Racks: []rack.Rack{{Address: "rack.a01", Name: "a01"}},
		PowerShelves: []rack.PowerShelf{{Address: "power_shelf.ps1", Name: "ps1", Hardware: "shelf.s", Rack: "rack.a01"}},
		Hardware: map[string]rack.Hardware{"shelf.s": {Key: "shelf.s", Kind: "shelf", Supplies: &rack.Number{Value: 6}, SupplyKW: &rack.Number{Value: 5.5},
			Identity: rack.Identity{Manufacturer: "LITE-ON TECHNOLOGY CORP.", Models: []string{"PF-1333-7R"}}}}}
	synctest.Test(t, func(t *testing.T) {
		r, err := sim.New(d, sim.Options{Seed: 5, Faults: []string{fault}})
		if err != nil {
			t.Fatal(err)
		}
		l := &railsLab{t, r, r.BMC("ps1")}
		drv := l.open()
		dev, gaps, err := drv.Survey(t.Context(), inventory.Options{Facets: []rack.Facet{rack.FacetShelf}})
		if err != nil || len(gaps) > 0 || dev.Shelf == nil {
			t.Fatalf("survey: %v, gaps %v, shelf %v", err, gaps, dev.Shelf)
		}
		check(l, drv, dev)
		if err := drv.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if n := l.b.Ledger().SessionsOpen; n != 0 {
			t.Errorf("%d sessions are left open", n)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (l *railsLab) open() *bmc.Driver {
	l.t.Helper()
	b := l.r.Bindings()[0]
	d, err := bmc.Open(l.t.Context(), bmc.Endpoint{URL: b.URL, Dial: l.r.DialContext, Trust: redfish.Trust{PinSHA256: b.PinSHA256},
		Login: func(context.Context) (string, string, error) {
			user, pass := l.r.Credentials("ps1")
			return user, pass, nil
		}}, bmc.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return d
}

func rails(dev rack.Device, want step.Facts) step.Step {
	return step.Step{ID: "ps1/010-shelf-power", Node: "ps1", Kind: step.ShelfPower, Activation: step.None, Want: want,
		Expect: step.Facts{"power_state": dev.Shelf.PowerState}, Args: step.Args{Path: dev.Shelf.Chassis}}
}

// act does a step and gives what was recorded.
func (l *railsLab) act(d *bmc.Driver, s step.Step) (*step.Op, error) {
	var op *step.Op
	first := true
	err := d.Act(l.t.Context(), s, func(o step.Op) error {
		if first && o.Sent {
			l.t.Error("the first record comes after the request")
		}
		first, op = false, &o
		return nil
	})
	return op, err
}

func (l *railsLab) standing(d *bmc.Driver, s step.Step, op *step.Op, want step.Standing) {
	l.t.Helper()
	before := l.b.Ledger().Writes
	st, err := d.Check(l.t.Context(), s, op)
	if err != nil || st.Standing != want {
		l.t.Errorf("standing %v (%s), %v; want %v", st.Standing, st.Note, err, want)
	}
	if l.b.Ledger().Writes != before {
		l.t.Error("a look changed the shelf")
	}
}

// until looks until the step is done, and tells what it was in between.
func (l *railsLab) until(d *bmc.Driver, s step.Step, op *step.Op) {
	l.t.Helper()
	for range 60 {
		st, err := d.Check(l.t.Context(), s, op)
		if err == nil && st.Standing == step.Done {
			return
		}
		time.Sleep(10 * time.Second)
	}
	l.t.Error("it is never done")
}

// TestShelfDriver: rails are switched once, cycled once, and a shelf that is not as planned is left alone.
func TestShelfDriver(t *testing.T) {
	t.Run("off and on", func(t *testing.T) {
		onRails(t, "shelf-switchable", func(l *railsLab, d *bmc.Driver, dev rack.Device) {
			off := rails(dev, step.Facts{"power_state": "Off"})
			l.standing(d, off, nil, step.Ready)
			op, err := l.act(d, off)
			if err != nil || op == nil || !op.Sent {
				l.t.Fatalf("%v, %+v", err, op)
			}
			l.standing(d, off, op, step.Done)
			if _, err := l.act(d, off); err != nil || l.b.Ledger().Writes != 1 {
				l.t.Errorf("a second time: %v, %d writes", err, l.b.Ledger().Writes)
			}
			on := off
			on.Expect, on.Want = off.Want, step.Facts{"power_state": "On"}
			if _, err := l.act(d, on); err != nil {
				l.t.Fatal(err)
			}
			l.standing(d, on, nil, step.Done)
		})
	})
	t.Run("cycled once, seen or not", func(t *testing.T) {
		onRails(t, "", func(l *railsLab, d *bmc.Driver, dev rack.Device) {
			cycle := rails(dev, step.Facts{"cycled": true})
			l.standing(d, cycle, nil, step.Ready)
			op, err := l.act(d, cycle)
			if err != nil || op == nil || !op.Sent || op.Baseline["transition"] != true {
				l.t.Fatalf("%v, %+v", err, op)
			}
			l.standing(d, cycle, op, step.Working) // the rails are down
			l.until(d, cycle, op)
			blind := *op
			blind.Baseline = step.Facts{"power_state": "On"} // the transition was missed
			l.standing(d, cycle, &blind, step.Working)
			time.Sleep(3 * time.Minute)
			l.standing(d, cycle, &blind, step.Done)
			if got := l.b.Ledger().Resets["shelf_cycle"]; got != 1 {
				l.t.Errorf("cycled %d times", got)
			}
		})
	})
	t.Run("another process goes on with what the journal holds", func(t *testing.T) {
		onRails(t, "shelf-switchable", func(l *railsLab, d *bmc.Driver, dev rack.Device) {
			off := rails(dev, step.Facts{"power_state": "Off"})
			op, err := l.act(d, off)
			if err != nil {
				l.t.Fatal(err)
			}
			later := l.open()
			l.standing(later, off, op, step.Done)
			if err := later.Close(l.t.Context()); err != nil {
				l.t.Error(err)
			}
		})
	})
	t.Run("no journal, no request", func(t *testing.T) {
		onRails(t, "", func(l *railsLab, d *bmc.Driver, dev rack.Device) {
			err := d.Act(l.t.Context(), rails(dev, step.Facts{"cycled": true}), func(step.Op) error { return errors.New("disk full") })
			if step.ClassOf(err) != step.Internal || l.b.Ledger().Writes != 0 {
				l.t.Errorf("%v, %d writes", err, l.b.Ledger().Writes)
			}
		})
	})
	t.Run("what it cannot do", func(t *testing.T) {
		onRails(t, "", func(l *railsLab, d *bmc.Driver, dev rack.Device) {
			_, err := l.act(d, rails(dev, step.Facts{"power_state": "Off"}))
			if step.ClassOf(err) != step.Unsupported || l.b.Ledger().Writes != 0 {
				l.t.Errorf("%v, %d writes", err, l.b.Ledger().Writes)
			}
		})
	})
	t.Run("moved", func(t *testing.T) {
		onRails(t, "shelf-switchable", func(l *railsLab, d *bmc.Driver, dev rack.Device) {
			s := rails(dev, step.Facts{"power_state": "On"})
			s.Expect = step.Facts{"power_state": "PoweringOff"}
			if err := l.b.Poke(sim.Poke{Power: "Off"}); err != nil {
				l.t.Fatal(err)
			}
			l.standing(d, s, nil, step.Moved)
			if _, err := l.act(d, s); step.ClassOf(err) != step.HasMoved {
				l.t.Errorf("it was switched: %v", err)
			}
		})
	})
}

// TestShelfCut: a cycle whose answer is lost is not asked for again.
func TestShelfCut(t *testing.T) {
	for _, late := range []bool{false, true} {
		onRails(t, "", func(l *railsLab, d *bmc.Driver, dev rack.Device) {
			cycle := rails(dev, step.Facts{"cycled": true})
			before := l.b.Ledger().Requests
			if _, err := d.Check(l.t.Context(), cycle, nil); err != nil {
				l.t.Fatal(err)
			}
			looks := l.b.Ledger().Requests - before
			l.b.CutAt(2*looks+2, late) // Act's looks, what it can be asked, and the request itself
			op, err := l.act(d, cycle)
			l.b.CutAt(0, false)
			if got := l.b.Ledger().Resets["shelf_cycle"]; got > 1 {
				l.t.Errorf("late %v: cycled %d times (%v)", late, got, err)
			} else if late && (got != 1 || op == nil) {
				l.t.Errorf("the answer was cut, not the request: %d cycles, %+v", got, op)
			}
		})
	}
}

// TestShelfEvents: a supply that fails is told by the shelf's own stream, and its status says so too.
func TestShelfEvents(t *testing.T) {
	onRails(t, "", func(l *railsLab, d *bmc.Driver, _ rack.Device) {
		ctx, cancel := context.WithCancel(l.t.Context())
		heard := make(chan rack.Event, 8)
		ended := make(chan error, 1)
		go func() {
			ended <- d.Listen(ctx, bmc.ListenOptions{}, func(e rack.Event) { heard <- e })
		}()
		time.Sleep(time.Minute)
		if err := l.b.Poke(sim.Poke{Supplies: map[string]string{"2": "Critical"}}); err != nil {
			l.t.Fatal(err)
		}
		e := <-heard
		if v, what := d.Confirm(l.t.Context(), e); e.Kind != rack.EventShelf || v != rack.Confirmed || what == "" {
			l.t.Errorf("%+v: %s (%s)", e, v, what)
		}
		if err := l.b.Poke(sim.Poke{Supplies: map[string]string{"2": "OK"}}); err != nil {
			l.t.Fatal(err)
		}
		if v, what := d.Confirm(l.t.Context(), e); v != rack.Cleared {
			l.t.Errorf("after its repair: %s (%s)", v, what)
		}
		cancel()
		if err := <-ended; err != nil {
			l.t.Error(err)
		}
	})
}

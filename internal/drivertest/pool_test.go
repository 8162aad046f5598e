package drivertest_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// Two nodes behind one BMC share its session; the last one logs out.
func TestPoolSharesOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRack(t, "idrac", 3)
		b := r.Bindings()[0]
		ep := bmc.Endpoint{URL: b.URL, Dial: r.DialContext, Trust: redfish.Trust{PinSHA256: b.PinSHA256},
			Login: func(context.Context) (string, string, error) {
				user, pass := r.Credentials(node)
				return user, pass, nil
			}}
		pool := bmc.NewPool()
		var drivers []*bmc.Driver
		for _, url := range []string{b.URL, b.URL + ":443/", "https://N1.SIM"} {
			ep.URL = url
			d, err := pool.Open(t.Context(), ep, bmc.Options{})
			if err != nil {
				t.Fatal(err)
			}
			drivers = append(drivers, d)
		}
		for _, d := range drivers {
			if _, _, err := d.Survey(t.Context(), inventory.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		s := step.Step{ID: "x", Node: node, Kind: step.Power, Expect: step.Facts{"power_state": "On"}, Want: step.Facts{"power_state": "Off"}}
		if st, err := drivers[1].Check(t.Context(), s, nil); err != nil || st.Standing != step.Ready {
			t.Fatalf("check without a path: %s, %v", st.Standing, err)
		}
		for i, d := range drivers {
			for range 2 { // closing twice is closing once
				if err := d.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			l := r.BMC(node).Ledger()
			open := 1
			if i == len(drivers)-1 {
				open = 0
			}
			if l.SessionsOpened != 1 || l.SessionsOpen != open || l.FailedLogins != 0 {
				t.Fatalf("after closing %d: %+v", i+1, l)
			}
		}
	})
}

func TestPoolRefusesWhatIsNoBMC(t *testing.T) {
	for _, url := range []string{"", "http://10.0.0.1", "https://"} {
		if _, err := bmc.NewPool().Open(t.Context(), bmc.Endpoint{URL: url}, bmc.Options{}); step.ClassOf(err) != step.Rejected {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// kept is a record of sessions in memory.
type kept map[string][]string

func (k kept) Left(bmc string) []string       { return k["left "+bmc] }
func (k kept) Keep(bmc string, uris []string) { k[bmc] = uris }

// What a killed process left open is deleted by the next one.
func TestPoolDeletesWhatWasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRack(t, "supermicro", 3)
		b := r.Bindings()[0]
		open := func(k kept) *bmc.Driver {
			pool := bmc.NewPool()
			pool.Sessions = k
			d, err := pool.Open(t.Context(), bmc.Endpoint{URL: b.URL, Dial: r.DialContext, Trust: redfish.Trust{PinSHA256: b.PinSHA256},
				Login: func(context.Context) (string, string, error) {
					user, pass := r.Credentials(node)
					return user, pass, nil
				}}, bmc.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := d.Survey(t.Context(), inventory.Options{}); err != nil {
				t.Fatal(err)
			}
			return d
		}
		killed := kept{}
		_ = open(killed) // and never closed
		key := b.Node + ".sim:443"
		if len(killed[key]) != 1 {
			t.Fatalf("kept %v", killed)
		}
		next := kept{"left " + key: killed[key]}
		d := open(next)
		if n := r.BMC(node).Ledger().SessionsOpen; n != 1 {
			t.Fatalf("%d sessions open, want our own", n)
		}
		if err := d.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := r.BMC(node).Ledger().SessionsOpen; n != 0 || len(next[key]) != 0 {
			t.Fatalf("%d sessions open, kept %v", n, next)
		}
	})
}

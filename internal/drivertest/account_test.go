package drivertest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/secret"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// heldEscrow keeps entries in memory, and fails at the n-th write: before it is durable, or after.
type heldEscrow struct {
	entry  secret.Entry
	writes int
	failAt int
	late   bool
}

var errPower = errors.New("the power went")

func (h *heldEscrow) ID(string) string                                   { return "test:escrow" }
func (h *heldEscrow) Read(context.Context, string) (secret.Entry, error) { return h.entry, nil }

func (h *heldEscrow) Write(_ context.Context, _ string, e secret.Entry) error {
	h.writes++
	if h.failAt > 0 && h.writes >= h.failAt {
		if h.late && h.writes == h.failAt {
			h.entry = e
		}
		return errPower
	}
	h.entry = e
	return nil
}

// claimed is one BMC in its factory state and what a claim needs.
type claimed struct {
	t      *testing.T
	r      *sim.Rack
	b      *sim.BMC
	escrow *heldEscrow
	user   string // the account that is wanted
	s      step.Step
}

func newClaimed(t *testing.T, dialect, user, policy string, faults ...string) *claimed {
	t.Helper()
	r, err := sim.New(design(dialect), sim.Options{Seed: 5, Factory: true, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	factory, _ := r.FactoryCredentials(node)
	if user == "" {
		user = factory
	}
	c := &claimed{t: t, r: r, b: r.BMC(node), escrow: &heldEscrow{}, user: user}
	c.s = step.Step{ID: node + "/010-account", Node: node, Kind: step.AccountChange, Activation: step.None,
		Expect: step.Facts{"generation": int64(0)}, Want: step.Facts{"generation": int64(1), "username": user},
		Args: step.Args{Length: 16, Method: policy}}
	if user != factory {
		c.s.Args.Targets = []string{factory}
	}
	return c
}

// act is what one process does: a pool of its own, killed at the end with its session open.
func (c *claimed) act(record func(step.Op) error) error {
	binding := c.r.Bindings()[0]
	known := func(context.Context) ([]secret.Credential, error) {
		u, p := c.r.FactoryCredentials(node)
		return []secret.Credential{{Username: u, Password: secret.NewValue(p)}}, nil
	}
	d, err := bmc.NewPool().Open(c.t.Context(), bmc.Endpoint{URL: binding.URL, Dial: c.r.DialContext,
		Trust: redfish.Trust{PinSHA256: binding.PinSHA256}, Access: &bmc.Access{Node: node, Escrow: c.escrow, Known: known}}, bmc.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	err = d.Act(c.t.Context(), c.s, record)
	if err == nil {
		st, e := d.Check(c.t.Context(), c.s, nil)
		if e != nil || st.Standing != step.Done {
			err = fmt.Errorf("after Act: %v %s %w", st.Standing, st.Note, e)
		}
	}
	c.b.CutAt(0, false)
	return errors.Join(err, d.Close(c.t.Context()))
}

func quiet(step.Op) error { return nil }

// reachable demands that the BMC takes exactly one of next and current, or what it left the factory with.
func (c *claimed) reachable(when string) {
	c.t.Helper()
	have := c.b.Accounts()
	u, p := c.r.FactoryCredentials(node)
	works := 0
	e := c.escrow.entry
	for _, x := range []*secret.Credential{e.Next, e.Current} {
		if x != nil && have[x.Username] == x.Password.Reveal() {
			works++
		}
	}
	if e.Current == nil && e.Next == nil && have[u] == p {
		works++
	}
	created := e.Next != nil && e.Current != nil && e.Next.Username != e.Current.Username && have[e.Next.Username] != "" // both accounts stand then
	if works != 1 && !(works == 2 && created) {
		c.t.Errorf("%s: %d credentials of the escrow work", when, works)
	}
}

// finished demands the end of a claim.
func (c *claimed) finished(when, policy string) {
	c.t.Helper()
	e := c.escrow.entry
	have := c.b.Accounts()
	if e.Current == nil || e.Next != nil || int64(e.Generation) != c.s.Want["generation"] || e.Current.Username != c.user || have[c.user] != e.Current.Password.Reveal() {
		c.t.Errorf("%s: the escrow and the BMC do not agree, or generation %d", when, e.Generation)
	}
	if f, _ := c.r.FactoryCredentials(node); f != c.user && policy != "keep" && have[f] != "" {
		c.t.Errorf("%s: the factory's account can still log in", when)
	}
	if v := c.b.Ledger().Violations; len(v) > 0 {
		c.t.Errorf("%s: %v", when, v)
	}
}

// claims are the ways in which an account is claimed.
var claims = []struct{ user, policy string }{{"", "keep"}, {"metalwright", "disable"}, {"metalwright", "delete"}}

func TestClaim(t *testing.T) {
	for _, dialect := range sim.Dialects() {
		for _, w := range claims {
			t.Run(dialect+"/"+w.user+w.policy, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newClaimed(t, dialect, w.user, w.policy)
					if err := c.act(quiet); err != nil {
						t.Fatal(err)
					}
					c.finished("claimed", w.policy)
					if n := c.b.Ledger().FailedLogins; n != 0 {
						t.Errorf("%d failed logins", n)
					}
					writes := c.b.Ledger().Writes
					if err := c.act(quiet); err != nil || c.b.Ledger().Writes != writes {
						t.Errorf("a second Act wrote: %v", err)
					}
				})
			})
		}
	}
}

// TestClaimCutAtEveryRequest kills the process at every request, before it is acted on and after, then goes on.
func TestClaimCutAtEveryRequest(t *testing.T) {
	for _, dialect := range sim.Dialects() {
		for _, w := range claims {
			t.Run(dialect+"/"+w.user+w.policy, func(t *testing.T) {
				for n := 1; ; n++ {
					if n > 200 {
						t.Fatal("it never ends")
					}
					ended := false
					for _, late := range []bool{false, true} {
						synctest.Test(t, func(t *testing.T) {
							c := newClaimed(t, dialect, w.user, w.policy)
							c.b.CutAt(n, late)
							err := c.act(quiet)
							when := fmt.Sprintf("cut at %d (late %v)", n, late)
							if err == nil {
								ended = true
								return
							}
							c.reachable(when)
							c.goOn(when)
							c.finished(when, w.policy)
						})
					}
					if ended {
						return
					}
				}
			})
		}
	}
}

// TestRotationCutAtEveryRequest is the same for the second password of an account that was claimed: at every cut the BMC takes exactly one
// of next and current.
func TestRotationCutAtEveryRequest(t *testing.T) {
	for _, dialect := range sim.Dialects() {
		for _, w := range claims {
			t.Run(dialect+"/"+w.user+w.policy, func(t *testing.T) {
				cuts := 0
				for n, ended := 1, false; !ended; n++ {
					if n > 200 {
						t.Fatal("it never ends")
					}
					for _, late := range []bool{false, true} {
						synctest.Test(t, func(t *testing.T) {
							c := newClaimed(t, dialect, w.user, w.policy)
							if err := c.act(quiet); err != nil {
								t.Fatal(err)
							}
							c.s.Expect, c.s.Want = step.Facts{"generation": int64(1)}, step.Facts{"generation": int64(2), "username": c.user}
							c.b.CutAt(n, late)
							if ended = c.act(quiet) == nil; ended {
								return
							}
							cuts++
							when := fmt.Sprintf("rotation cut at %d (late %v)", n, late)
							c.reachable(when)
							c.goOn(when)
							c.finished(when, w.policy)
						})
					}
				}
				if cuts < 10 {
					t.Errorf("%d cuts", cuts)
				}
			})
		}
	}
}

// goOn runs the step until it is done: as many processes as it takes, few.
func (c *claimed) goOn(when string) {
	c.t.Helper()
	before := c.b.Ledger().FailedLogins
	if err := c.act(quiet); err != nil {
		c.t.Errorf("%s, then again: %v", when, err)
	}
	if n := c.b.Ledger().FailedLogins - before; n > 1 {
		c.t.Errorf("%s: %d failed logins when going on", when, n)
	}
}

// TestClaimCutAtEveryRecord lets every write of the journal and of the escrow fail, and the one after it.
func TestClaimCutAtEveryRecord(t *testing.T) {
	for _, dialect := range sim.Dialects() {
		for _, w := range claims {
			t.Run(dialect+"/"+w.user+w.policy, func(t *testing.T) {
				for _, late := range []bool{false, true} {
					for n, ended := 1, false; !ended; n++ {
						synctest.Test(t, func(t *testing.T) {
							c := newClaimed(t, dialect, w.user, w.policy)
							records := 0
							err := c.act(func(step.Op) error {
								if records++; records == n {
									return errPower
								}
								return nil
							})
							ended = err == nil
							if !ended {
								when := fmt.Sprintf("journal write %d", n)
								c.reachable(when)
								c.goOn(when)
								c.finished(when, w.policy)
							}
						})
					}
					for n, ended := 1, false; !ended; n++ {
						synctest.Test(t, func(t *testing.T) {
							c := newClaimed(t, dialect, w.user, w.policy)
							c.escrow.failAt, c.escrow.late = n, late
							err := c.act(quiet)
							ended = err == nil
							if !ended {
								when := fmt.Sprintf("escrow write %d (late %v)", n, late)
								c.escrow.failAt = 0
								c.reachable(when)
								c.goOn(when)
								c.finished(when, w.policy)
							}
						})
					}
				}
			})
		}
	}
}

// Gear that is delivered again has the site's own password already (R70), and a wrong list of credentials locks nothing.
func TestClaimTriesEachOnce(t *testing.T) {
	for _, dialect := range sim.Dialects() {
		synctest.Test(t, func(t *testing.T) {
			c := newClaimed(t, dialect, "", "keep")
			binding := c.r.Bindings()[0]
			u, p := c.r.FactoryCredentials(node)
			open := func(list ...string) error {
				d, err := bmc.NewPool().Open(t.Context(), bmc.Endpoint{URL: binding.URL, Dial: c.r.DialContext,
					Trust: redfish.Trust{PinSHA256: binding.PinSHA256},
					Access: &bmc.Access{Node: node, Escrow: c.escrow, Known: func(context.Context) ([]secret.Credential, error) {
						var out []secret.Credential
						for _, x := range list {
							out = append(out, secret.Credential{Username: u, Password: secret.NewValue(x)})
						}
						return out, nil
					}}}, bmc.Options{})
				if err != nil {
					t.Fatal(err)
				}
				_, err = d.Accounts(t.Context())
				return errors.Join(err, d.Close(t.Context()))
			}
			if err := open("wrong-site-password", p); err != nil || c.b.Ledger().FailedLogins != 1 {
				t.Errorf("%s: %v, %d failed logins", dialect, err, c.b.Ledger().FailedLogins)
			}
			time.Sleep(time.Hour)
			if err := open("wrong-site-password", "wrong-label", p); step.ClassOf(err) != step.Auth || c.b.Ledger().FailedLogins != 3 {
				t.Errorf("%s: %v, %d failed logins, want 2 more", dialect, err, c.b.Ledger().FailedLogins)
			}
		})
	}
}

package apply

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/step"
)

// Two ways keep what gives power to hosts apart, within one power domain of a run. Before a node acts it is given a time of its own,
// so that a whole wave spreads out while its baselines are fresh. Right before the request it takes the domain's turn, which is given
// back with the answer: however long a BMC took in between, two requests are never nearer than the gap. The turn is asked for with
// the queue of the BMC held, never the other way round, so that nodes behind one BMC cannot wait for each other.
type turns struct {
	mu      sync.Mutex
	domains map[string]*domainTurn
}

// domainTurn is one power domain.
type domainTurn struct {
	mu    sync.Mutex
	next  time.Time     // not before then the next node begins to act
	token chan struct{} // who holds it may ask a BMC to give power
	last  time.Time     // when the last request was answered; guarded by the token
}

func (t *turns) of(domain string) *domainTurn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.domains == nil {
		t.domains = map[string]*domainTurn{}
	}
	d := t.domains[domain]
	if d == nil {
		d = &domainTurn{token: make(chan struct{}, 1)}
		t.domains[domain] = d
	}
	return d
}

// wait waits for the time of its own.
func (d *domainTurn) wait(ctx context.Context, gap time.Duration) error {
	d.mu.Lock()
	now := time.Now()
	at := d.next
	if at.Before(now) {
		at = now
	}
	d.next = at.Add(gap)
	d.mu.Unlock()
	return sleep(ctx, at.Sub(now))
}

// take takes the turn, no sooner than the gap after the last one was given back. give may be called twice.
func (d *domainTurn) take(ctx context.Context, gap time.Duration) (give func(), err error) {
	put, err := take(ctx, d.token)
	if err != nil {
		return nil, err
	}
	if !d.last.IsZero() {
		if err := sleep(ctx, gap-time.Since(d.last)); err != nil {
			put()
			return nil, err
		}
	}
	return sync.OnceFunc(func() {
		d.last = time.Now()
		put()
	}), nil
}

// domain is what a node shares its power with, and how far apart power-ons in it are kept.
func (n *node) domain() (*domainTurn, time.Duration) {
	name, gap := "", plan.DefaultStaggerS
	for _, h := range n.np.Holds {
		if strings.HasPrefix(h.Name, "rack/") && name == "" {
			name = h.Name
		}
	}
	if d, ok := n.r.plan.PowerDomainOf(n.np.Name); ok {
		name, gap = "domain/"+d.Name, d.StaggerS
	}
	return n.r.limits.turns.of(name), scaled(time.Duration(gap*float64(time.Second)), n.r.req.Pace)
}

// turn waits until this node may begin to reset or switch.
func (n *node) turn() error {
	d, gap := n.domain()
	return d.wait(n.r.soft, gap)
}

// comesOn is what a driver notes right before it gives a host its power back in the middle of a cycle.
const comesOn = "comes_on"

// stagger takes the domain's turn right before a request that gives power, and gives it back with the answer.
func (n *node) stagger(s step.Step, op step.Op) error {
	gives := s.Kind == step.Power && s.Want["power_state"] == "On" || s.Kind == step.Reset && s.Activation.Host()
	if !gives {
		return nil
	}
	before := n.steps[s.ID].op
	noted := op.Baseline[comesOn] == true && (before == nil || before.Baseline[comesOn] != true)
	if op.Sent && !noted {
		n.giveTurn()
		return nil
	}
	if n.give != nil {
		return nil
	}
	ctx := n.r.soft
	if noted { // the host is down in mid-cycle: it is not left so
		ctx = n.r.hard
	}
	d, gap := n.domain()
	give, err := d.take(ctx, gap)
	n.give = give
	return err
}

// giveTurn gives the turn back, if it is held.
func (n *node) giveTurn() {
	if n.give != nil {
		n.give()
		n.give = nil
	}
}

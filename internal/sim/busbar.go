package sim

import (
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// busbar is what the nodes of a rack have in common of their power: which shelves carry which nodes, who draws, and when each was
// switched on. Its lock is taken last: after that of a shelf and of a node.
type busbar struct {
	mu      sync.Mutex
	domains []*powerDomain
	ons     []PowerOn
}

// powerDomain is one rack.PowerDomain as it is.
type powerDomain struct {
	name    string
	gives   map[string]supply  // by shelf
	draws   map[string]float64 // kW by node that is on
	peaks   map[string]float64 // kW by node; a node whose peak nobody knows draws nothing here
	shelves []string
	nodes   []string
}

// supply is what a shelf gives: kw, and from then on what it gives after a cycle.
type supply struct {
	kw, after float64
	from      time.Time
}

func (d *powerDomain) kw(now time.Time) float64 {
	t := 0.0
	for _, s := range d.gives {
		if !s.from.IsZero() && !s.from.After(now) {
			t += s.after
		} else {
			t += s.kw
		}
	}
	return t
}

// PowerOn is one host that got power.
type PowerOn struct {
	Node   string
	Domain string
	At     time.Time
}

func newBusbar(d rack.Design) *busbar {
	u := &busbar{}
	for _, p := range d.PowerDomains() {
		x := &powerDomain{name: p.Name, gives: map[string]supply{}, draws: map[string]float64{}, peaks: map[string]float64{}}
		for _, s := range p.Shelves {
			x.shelves = append(x.shelves, s.Name)
		}
		for _, n := range p.Nodes {
			x.nodes = append(x.nodes, n.Name)
			if peak, ok := d.PeakKW(n); ok {
				x.peaks[n.Name] = peak.Value
			}
		}
		u.domains = append(u.domains, x)
	}
	return u
}

// of finds the domain of a node or shelf. The lock is held.
func (u *busbar) of(name string) *powerDomain {
	for _, d := range u.domains {
		for _, list := range [][]string{d.nodes, d.shelves} {
			for _, n := range list {
				if n == name {
					return d
				}
			}
		}
	}
	return nil
}

// update says what a shelf gives.
func (u *busbar) update(shelf string, s supply) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if d := u.of(shelf); d != nil {
		d.gives[shelf] = s
	}
}

// dead tells whether no shelf of the domain gives anything, and whom that is about.
func (u *busbar) dead(shelf string, now time.Time) (bool, []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	d := u.of(shelf)
	if d == nil {
		return false, nil
	}
	return d.kw(now) == 0, d.nodes
}

// share is which part of what the working supplies of a shelf's domain could give is drawn.
func (u *busbar) share(shelf string, now time.Time) float64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	d := u.of(shelf)
	if d == nil || d.kw(now) == 0 {
		return 0
	}
	return sum(d.draws) / d.kw(now)
}

// starts notes a host that has power when the rack is made.
func (u *busbar) starts(node string) {
	if d := u.of(node); d != nil {
		d.draws[node] = d.peaks[node]
	}
}

// powered notes that a host got or lost its power. It tells whether its shelves cannot carry that.
func (u *busbar) powered(node string, on bool, at time.Time) (over bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	d := u.of(node)
	if d == nil {
		return false
	}
	if !on {
		delete(d.draws, node)
		return false
	}
	if _, was := d.draws[node]; !was {
		u.ons = append(u.ons, PowerOn{node, d.name, at})
	}
	d.draws[node] = d.peaks[node]
	return len(d.shelves) > 0 && sum(d.draws) > d.kw(at)+1e-9
}

func sum(m map[string]float64) float64 {
	t := 0.0
	for _, v := range m {
		t += v
	}
	return t
}

// PowerOns lists every host that got power since the rack was made, in that order.
func (r *Rack) PowerOns() []PowerOn {
	r.busbar.mu.Lock()
	defer r.busbar.mu.Unlock()
	return append([]PowerOn(nil), r.busbar.ons...)
}

// drawsPower notes that this host was switched on or off. The BMC's lock is held.
func (b *BMC) drawsPower(on bool) {
	if b.rack.busbar.powered(b.name, on, b.now) {
		b.violate("switched on though its power shelves cannot carry it")
	}
}

// feed is called by a shelf that went down or came up. Without any feed the controller is dead too, and comes back as after an AC
// cycle; the host stays off. back is when the feed returns by itself; 0 = when a shelf is switched on.
func (b *BMC) feed(alive bool, back time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
	switch {
	case !alive && !b.unfed:
		b.unfed = true
		b.guard("a loss of power", bmcBreaks)
		b.led.Resets[step.ACCycle.String()]++
		b.forget("host")
		b.forget("bmc")
		b.host.power, b.host.stage, b.host.offByClient = powerOff, stageNone, false
		b.drawsPower(false)
		b.applyDPU()
		if back > 0 {
			b.after(back, "feed", b.fed)
		}
	case alive && b.unfed:
		b.fed()
	}
}

// fed brings the controller up again.
func (b *BMC) fed() {
	b.forget("feed")
	b.unfed = false
	b.restart(seconds(b.hw.Timing.AuxCycleS, defaultAuxCycle), step.ACCycle)
}

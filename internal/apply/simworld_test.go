package apply

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/blueprints"
	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// simWorld is the World on the wire: the real driver over TLS against the simulated rack of the catalog's own blueprint.
type simWorld struct {
	rack   *sim.Rack
	design rack.Design
	plan   plan.Plan

	mu     sync.Mutex
	ledger Ledger
	frozen bool
	bad    []string
	cut    bool // a process was killed: its sessions run out by themselves

	ipmi *simIPMI // nil: not opted in

	claims *claims   // nil: the account of each BMC is known from the beginning
	whole  plan.Plan // what all phases together may do to the rack, where the plan is but of one of them
	phase  bool      // the Design is not reached by this plan
}

var _ World = (*simWorld)(nil)

// labDesign is the Design of lab-1rack, with the named nodes alone.
func labDesign(nodes []string) (rack.Design, error) {
	text, err := blueprints.FS.ReadFile("lab-1rack/design.golden.json")
	if err != nil {
		return rack.Design{}, err
	}
	var d rack.Design
	if err := json.Unmarshal(text, &d); err != nil {
		return d, err
	}
	d.Nodes = slices.DeleteFunc(d.Nodes, func(n rack.Node) bool { return !slices.Contains(nodes, n.Name) })
	return d, nil
}

// newSimWorld makes the world of a seed, with a plan made from a twin without faults. Call it within a bubble.
func newSimWorld(seed uint64, nodes []string, faults ...string) (*simWorld, error) {
	d, err := labDesign(nodes)
	if err != nil {
		return nil, err
	}
	return newSimWorldOf(d, seed, faults...)
}

func newSimWorldOf(d rack.Design, seed uint64, faults ...string) (*simWorld, error) {
	twin, err := sim.New(d, sim.Options{Seed: seed, Fetch: fetchImage})
	if err != nil {
		return nil, err
	}
	p, err := planOf(d, twin)
	if err = errors.Join(err, twin.Close()); err != nil {
		return nil, err
	}
	r, err := sim.New(d, sim.Options{Seed: seed, Faults: faults, Fetch: fetchImage})
	if err != nil {
		return nil, err
	}
	return &simWorld{rack: r, design: d, plan: p, ledger: Ledger{Refused: map[string]int{}}}, nil
}

// planOf surveys a rack and plans.
func planOf(d rack.Design, r *sim.Rack) (plan.Plan, error) { return planAs(d, r, nil) }

// planAs is planOf with accounts that are kept in escrow.
func planAs(d rack.Design, r *sim.Rack, c *claims) (plan.Plan, error) {
	o := rack.Observation{Format: 1, Taken: time.Now()}
	for _, n := range d.Nodes {
		drv, err := openAs(r, bmc.NewPool(), n.Name, r.DialContext, c.access(n.Name, immortal))
		if err != nil {
			return plan.Plan{}, err
		}
		dev, gaps, err := drv.Survey(context.Background(), inventory.Options{Facets: d.Facets(n)})
		if err = errors.Join(err, drv.Close(context.Background())); err != nil {
			return plan.Plan{}, fmt.Errorf("survey %s: %w", n.Name, err)
		}
		dev.Node, dev.Address = n.Name, string(n.Address)
		o.Devices = append(o.Devices, dev)
		for _, g := range gaps {
			g.Address = dev.Address
			o.Gaps = append(o.Gaps, g)
		}
	}
	p, rep := plan.Build(d, o, plan.Options{Now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)})
	if len(rep.Blocked)+len(rep.Waiting)+len(rep.Unreadable) > 0 {
		return p, fmt.Errorf("the plan leaves nodes behind: %+v %+v %+v", rep.Blocked, rep.Waiting, rep.Unreadable)
	}
	return p, nil
}

const (
	imageFolder = "lab-1rack/firmware/"
	mirror      = "https://mirror.sim/"
)

// fetchImage is how a simulated BMC gets an image of a SimpleUpdate.
func fetchImage(url string) (io.ReadCloser, error) {
	return blueprints.FS.Open(imageFolder + strings.TrimPrefix(url, mirror))
}

func openSim(r *sim.Rack, pool *bmc.Pool, node string, dial func(context.Context, string, string) (net.Conn, error),
	ipmi ...*simIPMI,
) (*bmc.Driver, error) {
	return openAs(r, pool, node, dial, nil, ipmi...)
}

// openAs is openSim with an account that is kept in escrow; nil: it is not.
func openAs(r *sim.Rack, pool *bmc.Pool, node string, dial func(context.Context, string, string) (net.Conn, error), access *bmc.Access,
	ipmi ...*simIPMI,
) (*bmc.Driver, error) {
	for _, b := range r.Bindings() {
		if b.Node != node {
			continue
		}
		ep := bmc.Endpoint{URL: b.URL, System: b.System, Dial: dial, Trust: redfish.Trust{PinSHA256: b.PinSHA256}, Access: access,
			Login: func(context.Context) (string, string, error) {
				user, pass := r.Credentials(node)
				return user, pass, nil
			}}
		if len(ipmi) > 0 && ipmi[0] != nil {
			ep.IPMI = &bmc.IPMI{Line: &simIPMI{r, node}}
		}
		return pool.Open(context.Background(), ep, bmc.Options{
			Images: func(file string) (io.ReaderAt, int64, error) {
				text, err := blueprints.FS.ReadFile(imageFolder + file)
				return bytes.NewReader(text), int64(len(text)), err
			},
			ImageURL: func(file string) (string, error) { return mirror + file, nil },
		})
	}
	return nil, fmt.Errorf("node %s is not bound", node)
}

// simProcess is one life of the program: its connections die with it.
type simProcess struct {
	w     *simWorld
	pool  *bmc.Pool
	mu    sync.Mutex
	dead  bool
	conns []net.Conn
}

// Plan implements World.
func (w *simWorld) Plan() plan.Plan { return w.plan }

// Process implements World.
func (w *simWorld) Process() (func(context.Context, string) (Driver, func(), error), func()) {
	p := &simProcess{w: w, pool: bmc.NewPool()}
	return p.open, p.kill
}

func (p *simProcess) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.w.mu.Lock()
	p.w.cut = true
	p.w.mu.Unlock()
}

func (p *simProcess) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

func (p *simProcess) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := p.w.rack.DialContext(ctx, network, addr) // may wait: never under the lock that kill takes
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return nil, errors.Join(errKilled, c.Close())
	}
	p.conns = append(p.conns, c)
	return c, nil
}

func (p *simProcess) open(ctx context.Context, node string) (Driver, func(), error) {
	drv, err := openAs(p.w.rack, p.pool, node, p.dial, p.w.claims.access(node, p.isDead), p.w.ipmi)
	if err != nil {
		return nil, nil, err
	}
	p.w.mu.Lock()
	p.w.ledger.Opened++
	p.w.mu.Unlock()
	return &simDriver{Driver: drv, w: p.w}, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = drv.Close(ctx) // of a killed process it fails
		p.w.mu.Lock()
		p.w.ledger.Closed++
		p.w.mu.Unlock()
	}, nil
}

// simDriver counts what is begun.
type simDriver struct {
	*bmc.Driver
	w *simWorld
}

// Act implements Driver.
func (d *simDriver) Act(ctx context.Context, s step.Step, record func(step.Op) error) error {
	return d.Driver.Act(ctx, s, func(op step.Op) error {
		if err := record(op); err != nil {
			return err
		}
		d.w.mu.Lock()
		defer d.w.mu.Unlock()
		if !op.Sent {
			d.w.ledger.Begun++
			if d.w.frozen {
				d.w.bad = append(d.w.bad, fmt.Sprintf("%s was begun after the journal could not be written", s.ID))
			}
		}
		return nil
	})
}

// Real implements World.
func (w *simWorld) Real(id step.ID) string {
	for _, np := range w.plan.Nodes {
		for _, s := range np.Steps {
			if s.ID == id {
				if s.Kind == step.AccountChange {
					return w.claims.untrue(w.rack, np.Name, s)
				}
				return untrue(s, w.rack.BMC(np.Name).Truth())
			}
		}
	}
	return "no such step"
}

func untrue(s step.Step, t sim.Truth) string {
	switch s.Kind {
	case step.BIOS:
		for k, v := range s.Want {
			if fmt.Sprint(t.BIOS[k]) != fmt.Sprint(v) && !slices.Contains(s.Args.Once, k) {
				return fmt.Sprintf("BIOS %s is %v, not %v", k, t.BIOS[k], v)
			}
		}
	case step.Firmware:
		if v := t.Firmware[s.Args.Component]; v != fmt.Sprint(s.Want["version"]) {
			return fmt.Sprintf("%s is %s, not %v", s.Args.Component, v, s.Want["version"])
		}
	case step.Volume:
		if !slices.ContainsFunc(t.Volumes, func(v sim.VolumeTruth) bool { return v.Name == s.Want["name"] }) {
			return "there is no volume"
		}
	case step.Power:
		if t.Power != s.Want["power_state"] {
			return "the host is " + t.Power
		}
	case step.Reset:
		if !t.BMCUp {
			return "the BMC is not back"
		}
	}
	return ""
}

// Expect implements World.
func (w *simWorld) Expect(string) (Word, step.Class) { return Done, step.NoFailure }

// Freeze implements World.
func (w *simWorld) Freeze(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = on
}

// Ledger implements World.
func (w *simWorld) Ledger() Ledger {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.ledger
	l.Refused = map[string]int{}
	for name, b := range w.rack.Ledger() {
		l.Refused[name] = b.FailedLogins
		l.Effects += b.Writes
	}
	return l
}

// Violations implements World.
func (w *simWorld) Violations(over bool) []string {
	w.mu.Lock()
	out := slices.Clone(w.bad)
	cut := w.cut
	w.mu.Unlock()
	for name, l := range w.rack.Ledger() {
		for _, v := range l.Violations {
			out = append(out, name+": "+v)
		}
		if over && !cut && l.SessionsOpen > 0 {
			out = append(out, fmt.Sprintf("%s: %d sessions left open", name, l.SessionsOpen))
		}
		out = append(out, w.excess(name, l)...)
	}
	if !over || len(out) > 0 || w.phase {
		return out
	}
	p, err := planAs(w.design, w.rack, w.claims)
	for range 3 { // a fault may hide something from one survey
		if err == nil && p.Empty() {
			return nil
		}
		time.Sleep(10 * time.Minute)
		p, err = planAs(w.design, w.rack, w.claims)
	}
	switch {
	case err != nil:
		out = append(out, "survey at the end: "+err.Error())
	case !p.Empty():
		out = append(out, fmt.Sprintf("a plan at the end is not empty: %+v", p.Nodes))
	}
	return out
}

// excess holds what was done to one node against its plan. A fault that makes an attempt come to nothing allows one more.
func (w *simWorld) excess(name string, l sim.Ledger) []string {
	var out []string
	planned := plan.NodePlan{}
	whole := w.plan
	if w.whole.Digest != "" {
		whole = w.whole
	}
	for _, np := range whole.Nodes {
		if np.Name == name {
			planned = np
		}
	}
	volumes := 0
	for _, s := range planned.Steps {
		if s.Kind == step.Volume {
			volumes++
		}
	}
	sum := func(m map[string]int) (host, other int) {
		for class, n := range m {
			if class == step.BMCReset.String() {
				other += n
			} else {
				host += n // a host_reset may be said as Off, On (R35)
			}
		}
		return host, other
	}
	wantHost, wantBMC := sum(planned.Resets)
	gotHost, gotBMC := sum(l.Resets)
	fired := func(ids ...string) (n int) { // each allows one more
		for _, id := range ids {
			n += l.FaultsFired[id]
		}
		return n
	}
	again := 0
	if w.cut { // a BMC that tells no time of its start does not tell either whether it was restarted before the process was killed
		again = fired("wedged-bmc", "wedged-host", "wedged-aux")
		if name == "lenovo" { // nor whether standby power was cut: it is cut once more, with the host off
			wantHost += planned.Resets[step.AuxCycle.String()]
		}
	}
	if gotHost > wantHost+fired("R18", "R93", "stuck-job", "wedged-host", "wedged-aux", "wedged-aux") ||
		gotBMC > wantBMC+fired("R20", "wedged-bmc", "wedged-host", "wedged-aux")+again {
		out = append(out, fmt.Sprintf("%s: resets %v, planned were %v (faults %v)", name, l.Resets, planned.Resets, l.FaultsFired))
	}
	for c, n := range l.Flashes {
		if n > 1+l.FaultsFired["R20"] {
			out = append(out, fmt.Sprintf("%s: %s was flashed %d times (faults %v)", name, c, n, l.FaultsFired))
		}
	}
	if l.VolumesCreated > volumes {
		out = append(out, fmt.Sprintf("%s: %d volumes created, planned were %d", name, l.VolumesCreated, volumes))
	}
	return out
}

func (w *simWorld) String() string {
	var lines []string
	all := w.rack.Ledger()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		lines = append(lines, fmt.Sprintf("%s %+v", name, all[name]))
	}
	return strings.Join(lines, "\n")
}

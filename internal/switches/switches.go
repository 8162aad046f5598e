// Package switches drives one switch: it reads its configuration and its neighbours, says how a step of kind switch stands, and makes
// the change. Cumulus Linux is spoken to by NVUE's REST interface, SONiC by gNMI.
//
// Towards the apply loop it keeps the same promises as internal/bmc: Check never changes the switch; Act tells the journal before and
// after, and does nothing when the switch is as wanted; truth is what is read again.
package switches

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/switchos"
)

// Endpoint says where one switch is to be asked and how to be let in.
type Endpoint struct {
	URL string      // https://10.20.8.31:8765 of NVUE, https://10.20.8.41:8080 of gNMI
	TLS *tls.Config // verifies the certificate; required
	// asked when a request is about to be sent, never stored
	Login func(context.Context) (user, pass string, err error)
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error) // nil = the net package's
}

// Options tune a driver. The zero value is right.
type Options struct {
	Pace     time.Duration       // pause between two looks inside one Act; 0 = 2 s. Every other wait is in proportion
	Attempts *Attempts           // shared by all drivers of a process; nil = this driver's own
	Redact   func(string) string // cleans text that came from the switch
}

// Attempts counts refused logins by URL, so that no switch sees a third one.
type Attempts struct {
	mu     sync.Mutex
	failed map[string]int
}

// maxRefused is how many refused logins a switch may see of one process: pam_faillock locks at the third by default on many systems.
const maxRefused = 2

// Refused tells whether a switch has refused as many logins as may be made.
func (a *Attempts) Refused(url string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed[url] >= maxRefused
}

func (a *Attempts) note(url string, refused bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		a.failed = map[string]int{}
	}
	if refused {
		a.failed[url]++
	} else {
		delete(a.failed, url)
	}
}

// Driver drives one switch. It is safe for concurrent use; what it changes goes one after the other.
type Driver struct {
	target switchos.Target
	dev    device
	pace   time.Duration
	queue  sync.Mutex
}

// device is one protocol.
type device interface {
	// config reads the whole configuration that is in force.
	config(ctx context.Context) (rack.ConfigTree, error)
	// stand reads how a change stands that is under way, or was begun with this handle.
	stand(ctx context.Context, handle string) (stand, error)
	// change makes the changes. It calls sent once the switch has taken the request, and comes back when the change is in force, has
	// been refused, or nothing can be told any more. verify reads the switch again and says what is not as asked.
	change(ctx context.Context, c change) error
	// save keeps what is in force beyond a restart.
	save(ctx context.Context) error
	// cables reads the neighbours of all ports.
	cables(ctx context.Context) (rack.Cables, error)
	close() error
}

// change is one change under way.
type change struct {
	list   []rack.ConfigChange
	now    rack.ConfigTree // all that is there
	sent   func(handle string) error
	verify func(ctx context.Context) error
	pause  func(ctx context.Context) error
	pace   func(time.Duration) time.Duration
}

// stand is how a change stands.
type stand struct {
	working string // what is under way; empty = nothing
	failed  string // what was begun and came to nothing, in the switch's own words
	unsaved bool
}

const usualPace = 2 * time.Second

// Open gives a driver for one switch. Nothing is sent yet. Close it.
func Open(ep Endpoint, t switchos.Target, opt Options) (*Driver, error) {
	if ep.TLS == nil {
		return nil, errors.New("open a switch: its certificate cannot be verified: no trust is given")
	}
	if opt.Pace <= 0 {
		opt.Pace = usualPace
	}
	if opt.Attempts == nil {
		opt.Attempts = new(Attempts)
	}
	if opt.Redact == nil {
		opt.Redact = func(s string) string { return s }
	}
	d := &Driver{target: t, pace: opt.Pace}
	var err error
	switch t.OS {
	case "cumulus":
		d.dev, err = newNVUE(ep, opt)
	case "sonic":
		d.dev, err = newGNMI(ep, t.Switch, opt)
	default:
		err = fmt.Errorf("no driver speaks to a switch with os %q", t.OS)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", t.Switch, err)
	}
	return d, nil
}

// Close lets go of the switch. It may be called more than once.
func (d *Driver) Close(context.Context) error { return d.dev.close() }

// Read gives what of the switch's configuration is ours, and how much is not.
func (d *Driver) Read(ctx context.Context) (rack.SwitchSeen, error) {
	all, err := d.dev.config(ctx)
	if err != nil {
		return rack.SwitchSeen{}, fmt.Errorf("read %s: %w", d.target.Switch, classed(err))
	}
	st, err := d.dev.stand(ctx, "")
	if err != nil {
		return rack.SwitchSeen{}, fmt.Errorf("read %s: %w", d.target.Switch, classed(err))
	}
	p := d.target.Part(all)
	return rack.SwitchSeen{Address: d.target.Address, Name: d.target.Switch, OS: d.target.OS, Config: p.Owned, Foreign: p.Foreign,
		NoPorts: p.NoPorts, Kept: p.Kept, Unsaved: st.unsaved, Pending: st.working}, nil
}

// Cables gives the neighbours that the switch sees. It is the whole table: a port that is not in it has none.
func (d *Driver) Cables(ctx context.Context) (rack.Cables, error) {
	c, err := d.dev.cables(ctx)
	if err != nil {
		return c, fmt.Errorf("read neighbours of %s: %w", d.target.Switch, classed(err))
	}
	for i := range c.Seen {
		c.Seen[i].Source, c.Seen[i].Device = "switch", d.target.Switch
	}
	c.Read = []string{d.target.Switch}
	return c, nil
}

// Check says how a step stands. It never changes the switch. op is what Act recorded for this step, or nil.
func (d *Driver) Check(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	st, _, err := d.look(ctx, s, op)
	if err != nil {
		return st, fmt.Errorf("check %s on %s: %w", s.Kind, s.Node, classed(err))
	}
	return st, nil
}

func (d *Driver) look(ctx context.Context, s step.Step, op *step.Op) (step.State, rack.ConfigTree, error) {
	if s.Kind != step.Switch {
		return step.State{}, nil, step.Fail(step.Unsupported, fmt.Errorf("a switch does no step of kind %q", s.Kind), "")
	}
	all, err := d.dev.config(ctx)
	if err != nil {
		return step.State{}, nil, err
	}
	handle := ""
	if op != nil {
		handle = op.Handle
	}
	going, err := d.dev.stand(ctx, handle)
	if err != nil {
		return step.State{}, nil, err
	}
	return d.judge(s, op, d.target.Part(all).Owned, going), all, nil
}

// judge says how a step stands when its part of the configuration is owned.
func (d *Driver) judge(s step.Step, op *step.Op, owned rack.ConfigTree, going stand) step.State {
	now := string(switchos.Digest(owned))
	before, made, known := switchos.Back(owned, s.Args.Config)
	percent := -1
	if n := len(s.Args.Config); n > 0 && known {
		percent = 100 * made / n
	}
	state := func(st step.Standing, format string, args ...any) step.State {
		return step.State{Standing: st, Percent: percent, Note: fmt.Sprintf(format, args...), Seen: step.Facts{"digest": now}}
	}
	begun := op != nil
	switch {
	case going.working != "" && begun:
		return state(step.Working, "%s", going.working)
	case going.working != "":
		return state(step.Moved, "%s", going.working)
	case now == s.Want["digest"] && going.unsaved && s.Kind == step.Switch && (begun || s.Want["saved"] == true):
		return state(step.Ready, "it runs and is not saved")
	case now == s.Want["digest"]:
		return state(step.Done, "the configuration is as wanted")
	case now == s.Expect["digest"]:
		if begun && going.failed != "" {
			return state(step.Ready, "%s", going.failed)
		}
		return state(step.Ready, "the configuration is as planned from")
	case begun && known && string(switchos.Digest(before)) == s.Expect["digest"]:
		return state(step.Working, "%d of %d settings are taken", made, len(s.Args.Config))
	default:
		return state(step.Moved, "%s", d.strange(s, owned))
	}
}

// strange names settings that are neither as the plan found nor as it wants them.
func (d *Driver) strange(s step.Step, owned rack.ConfigTree) string {
	planned := map[string]rack.ConfigChange{}
	for _, c := range s.Args.Config {
		planned[c.Path] = c
	}
	var out []string
	for _, c := range switchos.Diff(owned, d.target.Want) {
		if p, ok := planned[c.Path]; !ok || string(p.From) != string(c.From) {
			out = append(out, c.Path)
		}
	}
	if len(out) == 0 {
		return "some of the settings were changed by somebody else"
	}
	slices.Sort(out)
	if len(out) > 3 {
		return fmt.Sprintf("changed since: %s, %s, %s and %d more", out[0], out[1], out[2], len(out)-3)
	}
	return fmt.Sprintf("changed since: %v", out)
}

// Act makes the change of a step once, and waits until the switch has it in force. record is called before the side effect and again
// when the switch has taken the request. A step that is done already is left alone.
func (d *Driver) Act(ctx context.Context, s step.Step, record func(step.Op) error) error {
	d.queue.Lock()
	defer d.queue.Unlock()
	if err := d.act(ctx, s, record); err != nil {
		return fmt.Errorf("%s on %s: %w", s.Kind, s.Node, classed(err))
	}
	return nil
}

func (d *Driver) act(ctx context.Context, s step.Step, record func(step.Op) error) error {
	st, all, err := d.look(ctx, s, nil)
	if err != nil {
		return err
	}
	owned := d.target.Part(all).Owned
	changed := string(switchos.Digest(owned)) != s.Want["digest"]
	if !changed && st.Standing == step.Done { // in force, and perhaps not saved: a cut came in between
		going, err := d.dev.stand(ctx, "")
		if err != nil || !going.unsaved {
			return err
		}
	} else if st.Standing == step.Moved {
		return step.Fail(step.HasMoved, fmt.Errorf("the switch is not as planned: %s", st.Note), "Plan again.")
	} else if st.Standing != step.Ready {
		return nil
	}
	op := step.Op{Step: s.ID, Baseline: step.Facts{"digest": string(switchos.Digest(owned))}, Started: time.Now()}
	tell := func() error {
		if err := record(op); err != nil {
			return step.Fail(step.Internal, fmt.Errorf("record the operation: %w", err), "Make room for the journal, then run the same command again.")
		}
		return nil
	}
	if err := tell(); err != nil {
		return err
	}
	sent := func(handle string) error {
		op.Sent, op.Handle = true, handle
		return tell()
	}
	if !changed {
		if err := d.dev.save(ctx); err != nil {
			return err
		}
		return sent("")
	}
	return d.dev.change(ctx, change{list: s.Args.Config, now: all, sent: sent, verify: d.verifier(s), pause: d.pause, pace: d.paced})
}

// verifier reads the switch again and says what is not as the step wants.
func (d *Driver) verifier(s step.Step) func(context.Context) error {
	return func(ctx context.Context) error {
		all, err := d.dev.config(ctx)
		if err != nil {
			return err
		}
		owned := d.target.Part(all).Owned
		if string(switchos.Digest(owned)) == s.Want["digest"] {
			return nil
		}
		var out []string
		for _, c := range switchos.Diff(owned, d.target.Want) {
			out = append(out, c.Path)
		}
		n := len(out)
		return step.Fail(step.Rejected, fmt.Errorf("the switch took the change and %d settings are not as asked, first %s", n, first(out)),
			"Look at the switch's own log. A setting that this version of its system does not know may have been dropped.")
	}
}

func first(list []string) string {
	if len(list) == 0 {
		return "none of them"
	}
	return list[0]
}

func (d *Driver) pause(ctx context.Context) error { return sleep(ctx, d.pace) }

// shortest is what a simulator whose minutes are shorter leaves of a wait: requests take real time.
const shortest = 10 * time.Second

// paced is a duration of the real world in this driver's time.
func (d *Driver) paced(x time.Duration) time.Duration {
	return max(time.Duration(float64(x)*float64(d.pace)/float64(usualPace)), min(x, shortest))
}

func sleep(ctx context.Context, x time.Duration) error {
	t := time.NewTimer(x)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// classed gives an error that carries no class one: cancellation and what nobody classed are transient.
func classed(err error) error {
	var f *step.Failure
	if errors.As(err, &f) {
		return err
	}
	return step.Fail(step.Transient, err, "")
}

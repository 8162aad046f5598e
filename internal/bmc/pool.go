package bmc

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/bmclibx"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Pool holds one session and one mutation queue per BMC, whatever the number of nodes behind it. A process has one.
type Pool struct {
	// Sessions keeps session URIs beyond this process, so that what a killed one left behind is deleted; nil = it does
	// not. Set it before the first Open.
	Sessions Sessions

	mu       sync.Mutex
	conns    map[string]*conn
	attempts *redfish.Attempts // failed logins, so that no BMC sees a third one from this pool
	// sessions whose BMC did not answer when they were to be closed, for the next login there
	stale map[string][]string
}

// Sessions is a record of open sessions that outlives a process.
type Sessions interface {
	// Left gives the sessions on a BMC whose processes are gone. Those of a live process must not be among them.
	Left(bmc string) []string
	// Keep replaces what this process has open on a BMC; no URI means that all are closed.
	Keep(bmc string, uris []string)
}

// NewPool gives an empty pool.
func NewPool() *Pool {
	return &Pool{conns: map[string]*conn{}, stale: map[string][]string{}, attempts: new(redfish.Attempts)}
}

// Refused tells whether the BMC at a URL has refused as many logins of this pool as may be made.
func (p *Pool) Refused(url string) bool { return p.attempts.Refused(url) }

// Open gives a driver for one node. Drivers of the same BMC share its session and queue; the options of the first one
// hold for both. Nothing is sent yet. Close the driver: the last one logs out.
func (p *Pool) Open(_ context.Context, ep Endpoint, opt Options) (*Driver, error) {
	key, err := identity(ep.URL)
	if err != nil {
		return nil, err
	}
	opt = opt.withDefaults()
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.conns[key]
	if c == nil {
		stale := p.stale[key]
		if p.Sessions != nil {
			stale = append(stale, p.Sessions.Left(key)...)
		}
		keep := func(uris ...string) {
			if p.Sessions != nil {
				p.Sessions.Keep(key, uris)
			}
		}
		opened := func(uri string, stale []string) { keep(append([]string{uri}, stale...)...) }
		ro := redfish.Options{Base: ep.URL, Trust: ep.Trust, Login: ep.Login, Dial: ep.Dial,
			MaxInFlight: opt.MaxInFlight, Log: opt.Log, StaleSessions: stale, Opened: opened, Attempts: p.attempts, Redact: opt.Redact,
			Pace: float64(usualPace) / float64(opt.Pace)}
		if ep.Access != nil {
			ro.Login = func(ctx context.Context) (string, string, error) {
				return ep.Access.login(ctx, p.attempts.Failed(ep.URL))
			}
		}
		rf, err := redfish.New(ro)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", key, err)
		}
		delete(p.stale, key)
		c = newConn(rf)
		c.keep = keep
		c.ipmi = p.secondWay(ep)
		c.failed = func() int { return p.attempts.Failed(ep.URL) }
		ro.StaleSessions, ro.Opened = nil, c.openedBeside
		c.second = ro
		p.conns[key] = c
	}
	c.refs++
	var once sync.Once
	d := &Driver{c: c, ep: ep, system: ep.System, opt: opt, install: bmclibx.Install}
	d.close = func(ctx context.Context) error {
		var err error
		once.Do(func() { err = p.drop(ctx, key, c) })
		return err
	}
	return d, nil
}

// drop gives one reference back; the last one closes the session.
func (p *Pool) drop(ctx context.Context, key string, c *conn) error {
	p.mu.Lock()
	c.refs--
	last := c.refs == 0
	if last && p.conns[key] == c {
		delete(p.conns, key)
	}
	p.mu.Unlock()
	if !last || c.closer == nil {
		return nil
	}
	left := c.sweep(ctx)
	session := c.core.SessionURI()
	err := c.closer(ctx)
	if err != nil {
		left = append([]string{session}, left...)
		err = fmt.Errorf("log out of %s: %w", key, err)
	}
	if len(left) > 0 {
		p.mu.Lock()
		p.stale[key] = append(p.stale[key], left...)
		p.mu.Unlock()
	}
	c.keep(left...)
	return err
}

// identity is what makes two endpoints the same BMC: host and port.
func identity(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" {
		return "", step.Fail(step.Rejected, fmt.Errorf("BMC address %q: want https://HOST[:PORT]", raw),
			"Correct the address in the bindings file.")
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return strings.ToLower(u.Hostname()) + ":" + port, nil
}

// conn is one BMC: its session, its mutation queue, and what has been learned of its layout.
type conn struct {
	rf     client
	core   *redfish.Client // the same, for the inventory; nil in tests of this package
	closer func(context.Context) error
	refs   int           // guarded by the pool
	turn   chan struct{} // holds one token: who has it may change the BMC
	keep   func(uris ...string)
	second redfish.Options // for a session beside this one
	ipmi   IPMILine        // the second way to this BMC; nil = there is none
	failed func() int      // logins that the BMC has refused since the last that worked; nil = none

	mu       sync.Mutex
	beside   []string // URIs of sessions beside this one that are open, or could not be closed
	lay      *layout
	pushes   map[string]bool // handles of the pushes of this process
	mine     map[string]push // pushes of this process whose version was not read yet, by pushKey
	settled  map[string]bool // handles whose target version was read
	resets   map[step.Activation]time.Time
	moves    map[string]move      // when live tasks last moved
	posts    map[string]time.Time // when a host was last seen in POST
	leaks    leakage
	givenUp  map[string]bool  // jobs that wait for ever
	inFlight map[step.ID]bool // firmware steps that were begun and not seen to their end
	cycled   map[string]bool  // hosts whose aux cycle is behind them, and that are not on yet
}

func newConn(rf *redfish.Client) *conn {
	return &conn{rf: rf, core: rf, closer: rf.Close, turn: make(chan struct{}, 1), pushes: map[string]bool{}, mine: map[string]push{}, settled: map[string]bool{},
		resets: map[step.Activation]time.Time{}, moves: map[string]move{},
		posts: map[string]time.Time{}}
}

// take waits for the mutation queue.
func (c *conn) take(ctx context.Context) (release func(), err error) {
	select {
	case c.turn <- struct{}{}:
		return func() { <-c.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// forget drops what was learned of the layout: links may differ after a BMC reset or update.
func (c *conn) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lay = nil
	c.leaks.found = false
}

// push is an image that this process has sent.
type push struct {
	handle string
	at     time.Time
}

// pushed remembers a push and its task.
func (c *conn) pushed(key, handle string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if handle != "" {
		c.pushes[handle] = true
		c.mine[key] = push{handle, time.Now()}
	}
}

// pushOf finds what this process has sent for a key.
func (c *conn) pushOf(key string) (push, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.mine[key]
	return p, ok
}

func (c *conn) forgetPush(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.mine, key)
}

func (c *conn) stats() rack.Stats {
	if c.core == nil {
		return rack.Stats{}
	}
	return c.core.Stats()
}

// isPush tells whether a task came of a push of this process.
func (c *conn) isPush(handle string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pushes[handle]
}

// settle remembers that the version a task was to bring has been read, so that the task no longer counts.
func (c *conn) settle(handle string) {
	if handle == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settled[handle] = true
}

func (c *conn) isSettled(handle string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settled[handle]
}

// resetDone remembers when a reset of a class was made by this process.
func (c *conn) resetDone(a step.Activation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resets[a] = time.Now()
}

// resetSince tells whether a reset at least as strong was made by this process after t. A BMC reset serves no host
// change.
func (c *conn) resetSince(need step.Activation, t time.Time) bool {
	return !c.lastReset(need).IsZero() && c.lastReset(need).After(t)
}

// lastReset is when this process last made a reset that serves a class; zero when it made none.
func (c *conn) lastReset(need step.Activation) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	var last time.Time
	for class, at := range c.resets {
		if class >= need && (class != step.BMCReset || need <= step.BMCReset) && at.After(last) {
			if need == step.BMCReset && class != step.BMCReset && class < step.AuxCycle {
				continue // a host reset does not restart the BMC
			}
			last = at
		}
	}
	return last
}

// move is the last change of a task that was seen.
type move struct {
	sign string
	at   time.Time
}

// stillness is how long a task has shown the same.
func (c *conn) stillness(uri, sign string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.moves[uri]; m.sign != sign {
		c.moves[uri] = move{sign, time.Now()}
	}
	return time.Since(c.moves[uri].at)
}

// giveUp remembers that a job will never run.
func (c *conn) giveUp(uri string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.givenUp == nil {
		c.givenUp = map[string]bool{}
	}
	c.givenUp[uri] = true
}

func (c *conn) isGivenUp(uri string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.givenUp[uri]
}

// leftOff remembers of a host that was left off in the middle of its reset whether standby power was cut already.
func (c *conn) leftOff(host string, cycled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cycled == nil {
		c.cycled = map[string]bool{}
	}
	c.cycled[host] = cycled
}

// takeCycled tells whether standby power was cut already, once.
func (c *conn) takeCycled(host string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.cycled[host]
	delete(c.cycled, host)
	return was
}

// sawPost remembers that a host was in POST just now.
func (c *conn) sawPost(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posts[host] = time.Now()
}

// sincePost is how long ago a host was last seen in POST; very long when never.
func (c *conn) sincePost(host string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.posts[host])
}

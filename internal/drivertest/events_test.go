package drivertest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/events"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
)

// streams tells which dialects offer a stream (redfish.md §8).
var streams = map[string]bool{"idrac": true, "xcc": true, "ami": true, "openbmc": true}

// ear listens to one simulated BMC.
type ear struct {
	t      *testing.T
	r      *sim.Rack
	d      *bmc.Driver
	recv   *events.Receiver
	cancel context.CancelFunc
	ended  chan error

	mu     sync.Mutex
	heard  []rack.Event
	states []rack.Hearing
	why    []string // what the receiver refused
}

// listen begins to listen; with push there is a receiver within reach.
func listen(t *testing.T, name string, push bool, faults ...string) *ear {
	t.Helper()
	e := &ear{t: t, ended: make(chan error, 1)}
	o := sim.Options{Seed: 7, Faults: faults}
	var opt bmc.ListenOptions
	if push {
		l := newPipes()
		o.Deliver = l.dial
		e.receive(l)
	}
	var err error
	if e.r, err = sim.New(design(name), o); err != nil {
		t.Fatal(err)
	}
	e.d = driver(t, e.r, nil)
	if push {
		to, label := e.recv.For(node)
		opt.Subscribe = &bmc.Subscriber{Destination: to, Context: label, Listen: func(got func(events.Batch)) (func(), error) {
			return e.recv.Open(node, nil, got)
		}}
	}
	opt.State = func(h rack.Hearing) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.states = append(e.states, h)
	}
	ctx, cancel := context.WithCancel(t.Context())
	e.cancel = cancel
	go func() {
		e.ended <- e.d.Listen(ctx, opt, func(x rack.Event) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.heard = append(e.heard, x)
		})
	}()
	e.wait(time.Minute)
	return e
}

func (e *ear) receive(l *pipes) {
	certPEM, keyPEM, err := events.OwnCertificate("receiver.sim", time.Now())
	if err != nil {
		e.t.Fatal(err)
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		e.t.Fatal(err)
	}
	if e.recv, err = events.NewReceiver(events.ReceiverOptions{Listener: l, Base: "https://receiver.sim:8443", Cert: cert, Key: bytes.Repeat([]byte{1}, 32),
		Refused: func(_, why string) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.why = append(e.why, why)
		}}); err != nil {
		e.t.Fatal(err)
	}
}

func (e *ear) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (e *ear) poke(p sim.Poke) {
	e.t.Helper()
	if err := e.r.BMC(node).Poke(p); err != nil {
		e.t.Error(err)
	}
	e.wait(time.Second)
}

// kinds are the kinds heard so far that mean something, in order.
func (e *ear) kinds() []rack.EventKind {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []rack.EventKind
	for _, x := range e.heard {
		if x.Kind != "" && !x.Looked {
			out = append(out, x.Kind)
		}
	}
	return out
}

func (e *ear) last(k rack.EventKind) rack.Event {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range slices.Backward(e.heard) {
		if x.Kind == k {
			return x
		}
	}
	e.t.Errorf("no event of kind %q was heard: %+v, states %+v", k, e.heard, e.states)
	return rack.Event{Kind: k}
}

func (e *ear) state() rack.Hearing {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.states) == 0 {
		return rack.Hearing{}
	}
	return e.states[len(e.states)-1]
}

// end stops listening; nothing may be left behind.
func (e *ear) end() {
	e.t.Helper()
	e.cancel()
	if err := <-e.ended; err != nil {
		e.t.Errorf("listening ended with %v", err)
	}
	closing(e.t, e.d)
	time.Sleep(10 * time.Second)
	if l := e.r.BMC(node).Ledger(); l.SessionsOpen != 0 {
		e.t.Errorf("%d sessions are left open", l.SessionsOpen)
	}
	if n := e.r.BMC(node).Subscriptions(); n != 0 {
		e.t.Errorf("%d subscriptions are left behind", n)
	}
	if e.recv != nil {
		if err := e.recv.Close(); err != nil {
			e.t.Error(err)
		}
	}
	if err := e.r.Close(); err != nil {
		e.t.Error(err)
	}
}

// pipes is a receiver's socket in memory.
type pipes struct {
	in   chan net.Conn
	done chan struct{}
	once sync.Once
}

func newPipes() *pipes { return &pipes{in: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.in <- far:
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.in:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "receiver"} }

// TestEvents: the events of every dialect come by its stream or by a subscription, with what they mean, through everything that can
// go wrong with them; a look at their source says whether they are true.
func TestEvents(t *testing.T) {
	for _, name := range sim.Dialects() {
		if streams[name] {
			t.Run(name+" by stream", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { heardAndConfirmed(t, name, false) })
			})
		}
		t.Run(name+" by push", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { heardAndConfirmed(t, name, true, "streams-full") })
		})
	}
}

func heardAndConfirmed(t *testing.T, name string, push bool, faults ...string) {
	e := listen(t, name, push, faults...)
	defer e.end()
	if by := map[bool]string{true: "push", false: "stream"}[push]; e.state().By != by {
		t.Fatalf("events come by %+v, want %s", e.state(), by)
	}
	e.poke(sim.Poke{Power: "Off"})
	e.last(rack.EventPower)
	perils := []struct {
		kind       rack.EventKind
		tell, real sim.Poke
	}{{rack.EventHot, sim.Poke{Tell: "hot"}, sim.Poke{Hot: true}}, {rack.EventShelf, sim.Poke{Tell: "supply"}, sim.Poke{DeadSupply: 1}}}
	if name == "openbmc" {
		perils = append(perils, struct {
			kind       rack.EventKind
			tell, real sim.Poke
		}{rack.EventLeak, sim.Poke{Tell: "leak"}, sim.Poke{Leak: true}})
	}
	for _, p := range perils {
		e.poke(p.tell)
		if v, what := e.d.Confirm(t.Context(), e.last(p.kind)); v != rack.Cleared || what == "" {
			t.Errorf("%s that is only told: %s (%s)", p.kind, v, what)
		}
		e.poke(p.real)
		if v, what := e.d.Confirm(t.Context(), e.last(p.kind)); v != rack.Confirmed || what == "" {
			t.Errorf("%s that is real: %s (%s)", p.kind, v, what)
		}
		blind := e.last(p.kind)
		blind.Origin = ""
		if v, _ := e.d.Confirm(t.Context(), blind); v != rack.Confirmed {
			t.Errorf("%s of which no place is told: %s", p.kind, v)
		}
		e.poke(sim.Poke{Well: true})
		if v, _ := e.d.Confirm(t.Context(), blind); v != rack.Cleared {
			t.Errorf("%s that is over: %s", p.kind, v)
		}
	}
	e.poke(sim.Poke{Flood: 150})
	e.wait(time.Minute)
	e.mu.Lock()
	n := len(e.heard)
	e.mu.Unlock()
	if n < 150 {
		t.Errorf("%d events were heard, more than 150 were told", n)
	}
}

// A leak that no detector can tell of stays unread: the run is stopped, and nothing is cut.
func TestLeakWithoutDetectors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := listen(t, "idrac", false)
		defer e.end()
		e.poke(sim.Poke{Tell: "leak"})
		if v, what := e.d.Confirm(t.Context(), e.last(rack.EventLeak)); v != rack.Unread || !strings.Contains(what, "no leak detectors") {
			t.Errorf("%s: %s", v, what)
		}
	})
}

// TestEventTrouble: what BMCs do to streams and subscriptions.
func TestEventTrouble(t *testing.T) {
	for _, c := range []struct {
		name, dialect string
		push          bool
		faults        []string
		check         func(t *testing.T, e *ear)
	}{
		{"R43: fields are missing", "openbmc", false, []string{"R43"}, func(t *testing.T, e *ear) {
			e.poke(sim.Poke{Hot: true})
			if x := e.last(rack.EventHot); x.Text == "" || x.ID == "" {
				t.Errorf("%+v", x)
			}
		}},
		{"a stream drops and goes on where it was", "openbmc", false, []string{"stream-drops"}, dropped},
		{"a stream drops and goes on where it was", "xcc", false, []string{"stream-drops"}, dropped},
		{"a stream that cannot go on says that something may be lost", "ami", false, []string{"stream-drops"}, func(t *testing.T, e *ear) {
			for range 6 {
				e.poke(sim.Poke{Tell: "hot"})
				e.wait(2 * time.Minute)
			}
			if !slices.ContainsFunc(e.states, func(h rack.Hearing) bool { return h.Gap }) || e.state().By != "stream" {
				t.Errorf("states %+v", e.states)
			}
		}},
		{"streams are full and there is no receiver", "xcc", false, []string{"streams-full"}, func(t *testing.T, e *ear) {
			if s := e.state(); s.By != "looks" || !strings.Contains(s.Why, "stream") {
				t.Errorf("%+v", s)
			}
		}},
		{"neither a stream nor a receiver", "ilo", false, nil, func(t *testing.T, e *ear) {
			if s := e.state(); s.By != "looks" || !strings.Contains(s.Why, "no stream") {
				t.Errorf("%+v", s)
			}
		}},
		{"looks find a leak all the same", "openbmc", false, []string{"streams-full"}, func(t *testing.T, e *ear) {
			e.poke(sim.Poke{Leak: true})
			e.wait(2 * time.Minute)
			if x := e.last(rack.EventLeak); !x.Looked {
				t.Errorf("%+v", x)
			}
			e.poke(sim.Poke{Well: true})
			e.wait(2 * time.Minute)
			e.last(rack.EventAllClear)
		}},
		{"no subscription is free", "ilo", true, []string{"subscriptions-full"}, func(t *testing.T, e *ear) {
			if s := e.state(); s.By != "looks" || !strings.Contains(s.Why, "subscribe") {
				t.Errorf("%+v", s)
			}
		}},
		{"no fixed entry is free", "supermicro", true, []string{"subscriptions-full"}, func(t *testing.T, e *ear) {
			if s := e.state(); s.By != "looks" {
				t.Errorf("%+v", s)
			}
		}},
		{"a BMC reset loses the subscription", "ilo", true, []string{"subscriptions-lost"}, func(t *testing.T, e *ear) {
			e.r.BMC(node).Restart()
			e.wait(15 * time.Minute)
			if n := e.r.BMC(node).Ledger().Subscriptions; n != 2 {
				t.Errorf("%d subscriptions were made, want 2", n)
			}
			if !slices.ContainsFunc(e.states, func(h rack.Hearing) bool { return h.Gap }) {
				t.Errorf("the gap is not told: %+v", e.states)
			}
			e.poke(sim.Poke{Hot: true})
			e.last(rack.EventHot)
		}},
		{"a BMC reset cuts the stream", "idrac", false, nil, func(t *testing.T, e *ear) {
			e.r.BMC(node).Restart()
			e.wait(15 * time.Minute)
			e.poke(sim.Poke{Hot: true})
			e.last(rack.EventHot)
			if s := e.state(); s.By != "stream" {
				t.Errorf("%+v", s)
			}
		}},
		{"a message with another's Context", "ilo", true, []string{"push-context"}, func(t *testing.T, e *ear) {
			for range 5 {
				e.poke(sim.Poke{Tell: "hot"})
				e.wait(2 * time.Minute)
			}
			if n := len(e.kinds()); n != 5 {
				t.Errorf("%d of 5 events came through", n)
			}
			if len(e.why) == 0 || !strings.Contains(e.why[0], "Context") {
				t.Errorf("refused: %q", e.why)
			}
		}},
	} {
		t.Run(c.dialect+": "+c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := listen(t, c.dialect, c.push, c.faults...)
				defer e.end()
				c.check(t, e)
			})
		})
	}
}

func dropped(t *testing.T, e *ear) {
	for range 6 {
		e.poke(sim.Poke{Tell: "hot"})
		e.wait(2 * time.Minute)
	}
	if n := len(e.kinds()); n != 6 {
		t.Errorf("%d of 6 events came through", n)
	}
	if e.r.BMC(node).Ledger().FaultsFired["stream-drops"] == 0 {
		t.Error("no stream was cut")
	}
}

package bmc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/events"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	// listenAgain is how long a BMC that tells nothing is left alone before it is asked again whether it does now: somebody may
	// have switched its event service on, or another listener may have gone.
	listenAgain = 10 * time.Minute
	// subscriptionCheck is how often a subscription is looked at: some BMCs lose it with a reset, and tell nobody.
	subscriptionCheck = time.Minute
	longestGoodbye    = 10 * time.Second // to take a subscription away again
)

// streamer is what the raw core offers beside requests.
type streamer interface {
	Stream(ctx context.Context, s *redfish.Streaming) error
}

// ListenOptions say how events may come.
type ListenOptions struct {
	// Subscribe makes this BMC push its events, when it offers no stream; nil = nothing is changed on it.
	Subscribe *Subscriber
	// State is told how events come, each time that changes; nil = nobody asks.
	State func(rack.Hearing)
}

// Subscriber is a receiver within reach of the BMC, and the subscription that is made for it.
type Subscriber struct {
	Destination string // URL that the BMC posts to
	Context     string // ours alone, and the same in every run: by it a subscription that was left behind is found again
	Listen      func(got func(events.Batch)) (stop func(), err error)
}

// Listen tells every event of this BMC, and every leak that a look finds once a minute, until ctx ends; then it is nil. By
// preference it reads the BMC's stream; else it subscribes, if it may; else there are the looks alone. What breaks is tried again
// without end. A subscription that it made is taken away at the end. tell is called by one at a time, and may take its time.
func (d *Driver) Listen(ctx context.Context, opt ListenOptions, tell func(rack.Event)) error {
	var one sync.Mutex
	l := &listener{d: d, opt: opt, texts: map[string]redfish.Object{}, tell: func(e rack.Event) {
		one.Lock()
		defer one.Unlock()
		if ctx.Err() == nil {
			tell(e)
		}
	}}
	var looks sync.WaitGroup
	defer looks.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.opened = make(chan struct{}, 1)
	looks.Go(func() { l.lookOut(ctx) })
	for failures := 1; ctx.Err() == nil; failures++ {
		pause, err := l.hear(ctx)
		if ctx.Err() != nil {
			break
		}
		switch step.ClassOf(err) {
		case step.Auth, step.Trust: // asking again may lock the account, or means the wrong machine
			return fmt.Errorf("listen to the events of the BMC: %w", err)
		}
		if l.heard.Swap(false) { // it worked until it broke
			failures = 1
		}
		if err != nil && (l.said.By == "" || l.said.By == "broken" && failures > 2) { // said once, and tried again
			l.say(rack.Hearing{By: "looks", Why: d.redact(err.Error())})
		}
		if pause == 0 {
			pause = (&redfish.Streaming{}).Wait(failures)
		}
		if sleepFor(ctx, d.paced(pause)) != nil {
			break
		}
	}
	return nil
}

// listener is one Listen under way.
type listener struct {
	d     *Driver
	opt   ListenOptions
	tell  func(rack.Event)
	said  rack.Hearing
	heard atomic.Bool // since the last failure
	last  string      // Last-Event-ID
	texts map[string]redfish.Object
	wet   bool

	opened chan struct{} // events come from now on: what was told before is not heard any more
}

func sleepFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *listener) say(h rack.Hearing) {
	if h == l.said {
		return
	}
	if h.By == "stream" || h.By == "push" {
		select {
		case l.opened <- struct{}{}:
		default:
		}
	}
	l.said = h
	if l.opt.State != nil {
		l.opt.State(h)
	}
}

// hear listens by the best way that there is, until it breaks. pause is how long to leave the BMC alone; 0 = as the number of
// failures in a row says.
func (l *listener) hear(ctx context.Context) (pause time.Duration, err error) {
	l2, err := l.d.layout(ctx)
	if err != nil {
		l.say(rack.Hearing{By: "looks", Why: "the BMC does not answer: " + l.d.redact(err.Error())})
		return 0, err
	}
	service, err := l.d.maybe(ctx, l2.root.Link("EventService"))
	if err != nil {
		return 0, err
	}
	if service == nil {
		l.say(rack.Hearing{By: "looks", Why: "this BMC has no event service"})
		return listenAgain, nil
	}
	if on, told := service.Bool("ServiceEnabled"); told && !on {
		l.say(rack.Hearing{By: "looks", Why: "its event service is switched off (bmc { events { } } of the blueprint switches it on)"})
		return listenAgain, nil
	}
	why := "this BMC offers no stream of events"
	if uri := service.Str("ServerSentEventUri"); uri != "" {
		err := l.stream(ctx, uri)
		if !hopeless(err) {
			return 0, err
		}
		why = "its stream of events cannot be opened: " + l.d.redact(err.Error())
	}
	if l.opt.Subscribe == nil {
		l.say(rack.Hearing{By: "looks", Why: why + ", and no receiver was given for it to push to"})
		return listenAgain, nil
	}
	err = l.subscribe(ctx, service, why)
	switch step.ClassOf(err) {
	case step.Unsupported, step.Rejected:
		l.say(rack.Hearing{By: "looks", Why: why + "; " + l.d.redact(err.Error())})
		return listenAgain, nil
	}
	return 0, err
}

// hopeless tells whether a stream is refused, and does not merely break.
func hopeless(err error) bool {
	var e *redfish.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Kind == redfish.Malformed || e.Kind == redfish.Answered && e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden
}

// stream reads the stream until it breaks.
func (l *listener) stream(ctx context.Context, uri string) error {
	s, ok := l.d.c.rf.(streamer)
	if !ok {
		return unsupported("a stream of events")
	}
	opened := false
	err := s.Stream(ctx, &redfish.Streaming{Link: uri, LastID: l.last,
		Opened: func() {
			opened = true
			l.say(rack.Hearing{By: "stream", Gap: l.said.By != ""})
		},
		Event: func(e redfish.StreamEvent) error {
			l.heard.Store(true)
			l.last = e.ID
			if e.TooLong {
				l.tell(rack.Event{Received: time.Now().UTC(), ID: e.ID, Severity: "Warning", Text: "an event was longer than is taken, and was passed over"})
				return nil
			}
			b, err := events.Decode(e.Data, time.Now())
			if err != nil {
				l.tell(rack.Event{Received: time.Now().UTC(), ID: e.ID, Severity: "Warning", Text: "an event could not be read: " + l.d.redact(err.Error())})
				return nil
			}
			l.batch(ctx, b)
			return nil
		}})
	if opened {
		l.said.By = "broken" // so that the next opening is told
	}
	if err == nil {
		err = step.Fail(step.Transient, errors.New("the stream of events ended"), "")
	}
	return err
}

// batch tells what one message holds.
func (l *listener) batch(ctx context.Context, b events.Batch) {
	for _, e := range b.Events {
		if e.Text == "" {
			e.Text = l.text(ctx, e)
		}
		e.Text = l.d.redact(e.Text)
		for i := range e.Args {
			e.Args[i] = l.d.redact(e.Args[i])
		}
		l.tell(e)
	}
	if b.Dropped > 0 {
		l.tell(rack.Event{Received: time.Now().UTC(), Severity: "Warning", Text: fmt.Sprintf("%d more events in one message were passed over", b.Dropped)})
	}
}

// text is what the BMC's own registry says for a message that came without its text; "" when it says nothing.
func (l *listener) text(ctx context.Context, e rack.Event) string {
	registry, key := events.Split(e.MessageID)
	if registry == "" || key == "" {
		return ""
	}
	messages, known := l.texts[registry]
	if !known {
		messages = l.d.registryOf(ctx, registry)
		l.texts[registry] = messages // nil too: a registry that is not there is not asked for at every event
	}
	text := messages.Str(key, "Message")
	for i, a := range e.Args {
		text = strings.ReplaceAll(text, fmt.Sprintf("%%%d", i+1), a)
	}
	return text
}

// registryOf reads the messages of a registry that the BMC serves itself; nil when it does not.
func (d *Driver) registryOf(ctx context.Context, prefix string) redfish.Object {
	l, err := d.layout(ctx)
	if err != nil {
		return nil
	}
	files, err := d.maybeMembers(ctx, l.root.Link("Registries"))
	if err != nil && len(files) == 0 {
		return nil
	}
	for _, f := range files {
		name, _, _ := strings.Cut(f.Obj.Str("Registry"), ".")
		if !strings.EqualFold(name, prefix) {
			continue
		}
		for _, at := range f.Obj.Objs("Location") {
			uri := at.Str("Uri")
			if uri == "" {
				continue
			}
			if r, err := d.c.rf.Get(ctx, uri); err == nil && r.Obj.Obj("Messages") != nil {
				return r.Obj.Obj("Messages")
			}
		}
	}
	return nil
}

// lookOut looks at the leak detectors once a minute, whatever the BMC tells of itself, and tells a leak once until it is dry.
func (l *listener) lookOut(ctx context.Context) {
	d := l.d
	for ctx.Err() == nil {
		select {
		case <-l.opened:
			l.catchUp(ctx)
			continue
		case <-ctx.Done():
			return
		case <-time.After(d.paced(leakWatch)):
		}
		d.c.mu.Lock()
		none := d.c.leaks.found && len(d.c.leaks.places) == 0
		d.c.mu.Unlock()
		if none {
			continue
		}
		err := d.lookForLeaks(ctx)
		switch {
		case step.ClassOf(err) == step.Safety && !l.wet:
			l.wet = true
			l.tell(rack.Event{Received: time.Now().UTC(), Severity: "Critical", Text: err.Error(), Kind: rack.EventLeak, Looked: true})
		case err == nil && l.wet:
			l.wet = false
			l.tell(rack.Event{Received: time.Now().UTC(), Severity: "OK", Text: "the leak detectors are dry", Kind: rack.EventAllClear, Looked: true})
		}
	}
}

// catchUp looks for heat and bad supplies that were told before anybody listened: in each chassis whose rolled-up health is Critical,
// and, where no health is rolled up, in what one read of it shows.
func (l *listener) catchUp(ctx context.Context) {
	chassis, err := l.d.everyChassis(ctx)
	if err != nil {
		return // the events come; who looks once a minute looks for the leak, which is the worst
	}
	for _, c := range chassis {
		sum := c.Obj.Str("Status", "HealthRollup")
		if sum != "" && sum != "Critical" {
			continue
		}
		one := []*redfish.Resource{c}
		hot, _ := l.d.hotIn(ctx, one, rack.Event{}, sum != "")
		supplies, _ := l.d.suppliesIn(ctx, one)
		l.found(rack.EventHot, hot, heat)
		l.found(rack.EventShelf, supplies, supplyFault)
	}
}

// found tells the first of these that is bad.
func (l *listener) found(kind rack.EventKind, list []redfish.Object, judge judgement) {
	for _, o := range list {
		if bad, told, what := judge(o); bad && told {
			l.tell(rack.Event{Received: time.Now().UTC(), Severity: "Critical", Text: l.d.redact(what), Origin: o.ODataID(), Kind: kind, Looked: true})
			return
		}
	}
}

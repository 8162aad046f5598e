package apply

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	// clearedFor is how long a look that found nothing stands for further events of the same kind: a BMC may send hundreds.
	clearedFor = 10 * time.Second
	// sentryAgain is how long to wait before a device that could not be listened to is tried again.
	sentryAgain = time.Minute
)

// Watch says who follows what the devices tell of themselves while a run lasts. Every node of the plan is followed from the first
// wave to the last, whether its part has begun, is under way or has ended.
type Watch struct {
	Open   func(ctx context.Context, name string) (Sentry, func(), error) // the function given back closes it
	Others []string                                                       // devices that are followed besides: power shelves
	// Shares gives the nodes whose power hangs on a device: what a fault of its supplies stops. nil: the device alone.
	Shares func(name string) []string
}

// Sentry listens to one device, and looks at it. It changes nothing on the device but its own subscription.
type Sentry interface {
	// Listen tells every event until ctx ends; then it is nil. state says how events come, each time that changes.
	Listen(ctx context.Context, tell func(rack.Event), state func(rack.Hearing)) error
	// Confirm looks at the source of an event that tells a peril, and says what it read there.
	Confirm(ctx context.Context, e rack.Event) (rack.Verdict, string)
}

// peril is what stops a run for safety, told by a device and looked at.
type peril struct {
	kind rack.EventKind
	from string // device
	text string
	sure bool // its source was read, and says so too
}

// cuts tells whether the power of the node is to be cut: water and voltage do harm while they meet. An event alone cuts nothing.
func (p *peril) cuts() bool { return p.kind == rack.EventLeak && p.sure }

// err is the failure that it means for a node.
func (p *peril) err() error {
	advice := map[rack.EventKind]string{
		rack.EventLeak:  "Nothing is switched on by itself. Look at the tray; when it is dry, plan again.",
		rack.EventHot:   "Nothing more is started. See to the cooling; when the machine is cool, plan again.",
		rack.EventShelf: "Nothing more is started on what hangs on this power. See to the supply, then plan again.",
	}[p.kind]
	return &perilError{p, step.Fail(step.Safety, errors.New(p.text), advice)}
}

type perilError struct {
	p   *peril
	err error
}

func (e *perilError) Error() string { return e.err.Error() }
func (e *perilError) Unwrap() error { return e.err }

// part is what is known of one node's part of the run.
type part struct {
	left  bool          // it looks at no peril any more
	ended chan struct{} // closed when its result is there
}

// watched guards who is under way and what has struck.
type watched struct {
	mu     sync.Mutex
	parts  map[string]*part
	perils map[string]*peril
}

func (w *watched) enter(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.parts == nil {
		w.parts = map[string]*part{}
	}
	w.parts[name] = &part{ended: make(chan struct{})}
}

// leave gives what has struck a node whose part ends. What strikes later is the sentry's to see to.
func (w *watched) leave(name string) *peril {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.parts[name]; p != nil {
		p.left = true
	}
	return w.perils[name]
}

func (w *watched) over(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.parts[name]; p != nil {
		close(p.ended)
	}
}

func (w *watched) peril(name string) *peril {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.perils[name]
}

// strike notes a peril of a node. outside tells that it is news and the node's part is not under way; then ended is closed once its
// result is there, and nil when it never began.
func (w *watched) strike(name string, p *peril) (outside bool, ended <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old := w.perils[name]; old != nil && (old.cuts() || !p.cuts()) {
		return false, nil
	}
	if w.perils == nil {
		w.perils = map[string]*peril{}
	}
	w.perils[name] = p
	switch at := w.parts[name]; {
	case at == nil:
		return true, nil
	case at.left:
		return true, at.ended
	}
	return false, nil
}

// watchOver follows the events of all devices until stop, which waits for what a sentry is doing.
func (r *run) watchOver() (stop func()) {
	if r.req.Watch == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(r.hard)
	var all sync.WaitGroup
	for _, n := range r.plan.Nodes {
		all.Go(func() { r.sentry(ctx, n.Name) })
	}
	for _, name := range r.req.Watch.Others {
		all.Go(func() { r.sentry(ctx, name) })
	}
	return func() {
		cancel()
		all.Wait()
	}
}

// sentry follows one device.
func (r *run) sentry(ctx context.Context, name string) {
	for ctx.Err() == nil {
		s, done, err := r.req.Watch.Open(ctx, name)
		if err == nil {
			cleared := map[rack.EventKind]time.Time{}
			err = s.Listen(ctx, func(e rack.Event) { r.heard(ctx, name, s, e, cleared) }, func(h rack.Hearing) {
				r.emit(Event{Node: name, Phase: "hearing", Percent: -1, Hearing: &h, Note: h.String()})
			})
			done()
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.emit(Event{Node: name, Phase: "hearing", Percent: -1, Hearing: &rack.Hearing{By: "nothing", Why: err.Error()},
				Note: "its events are not followed: " + err.Error()})
			if c := step.ClassOf(err); c == step.Auth || c == step.Trust || c == step.Unsupported {
				return
			}
		}
		_ = sleep(ctx, scaled(sentryAgain, r.req.Pace))
	}
}

// heard takes one event in. One that tells a peril is looked at; what is so, and what cannot be read, stops the run.
func (r *run) heard(ctx context.Context, name string, s Sentry, e rack.Event, cleared map[rack.EventKind]time.Time) {
	r.emit(Event{Node: name, Phase: "event", Percent: -1, BMC: &e, Note: e.Text})
	if !e.Kind.Peril() || time.Since(cleared[e.Kind]) < scaled(clearedFor, r.req.Pace) {
		return
	}
	if p := r.watched.peril(name); p != nil && (p.sure || p.kind == e.Kind) {
		return
	}
	verdict, what := s.Confirm(ctx, e)
	if ctx.Err() != nil {
		return
	}
	p := &peril{kind: e.Kind, from: name, sure: verdict == rack.Confirmed}
	switch verdict {
	case rack.Cleared:
		cleared[e.Kind] = time.Now()
		r.emit(Event{Node: name, Phase: "cleared", Percent: -1, BMC: &e, Note: fmt.Sprintf("told was %s; the run goes on: %s", words(e.Kind), what)})
		return
	case rack.Confirmed:
		p.text = fmt.Sprintf("%s: %s", words(e.Kind), what)
	default:
		p.text = fmt.Sprintf("%s was told (%s), and its source cannot be read: %s", words(e.Kind), told(e), what)
	}
	r.endanger(p)
}

// endanger stops the run for a peril, and sees to the nodes that it is about and that are not under way. Each node is told before the
// run is: who finds it stopped must know why.
func (r *run) endanger(p *peril) {
	names := []string{p.from}
	if p.kind == rack.EventShelf && r.req.Watch.Shares != nil {
		names = r.req.Watch.Shares(p.from)
	}
	var see []func()
	for _, name := range names {
		np, planned := r.nodePlan(name)
		if !planned {
			continue
		}
		mine := *p
		if name != p.from {
			mine.text = fmt.Sprintf("%s of %s, which it shares its power with", p.text, p.from)
		}
		if outside, ended := r.watched.strike(name, &mine); outside {
			see = append(see, func() { r.seeTo(np, &mine, ended) })
		}
	}
	r.halt(safetyStop(p.from, p.text))
	_ = r.record(journal.Record{Kind: journal.Note, Node: p.from, Text: "safety: " + p.text}) // one that cannot be written ends the run
	for _, f := range see {
		f()
	}
}

// seeTo does for a node whose part is not under way what its part would have done: it cuts the power for a leak, and a resumed run
// does not go on with what was left.
func (r *run) seeTo(np plan.NodePlan, p *peril, ended <-chan struct{}) {
	if ended != nil {
		<-ended
	}
	r.mu.Lock()
	res, known := r.results[np.Name]
	r.mu.Unlock()
	switch {
	case p.cuts():
		r.cutFromOutside(np, p)
	case !known || res.Left:
		r.endOutside(np, p.err())
	}
}

// cutFromOutside takes the power of a node away whose part has ended or not begun.
func (r *run) cutFromOutside(np plan.NodePlan, p *peril) {
	r.mu.Lock()
	safe := r.results[np.Name].Class == step.Safety // its own part has seen to it
	r.mu.Unlock()
	if safe {
		return
	}
	r.endOutside(np, newNode(r, np, plan.Wave{}, 0).cutAfresh(p.err()))
}

// endOutside records a result that comes from without: over that of a part that had ended, or in the place of one that never began.
func (r *run) endOutside(np plan.NodePlan, err error) {
	r.mu.Lock()
	res, ok := r.results[np.Name]
	r.mu.Unlock()
	if !ok {
		res = NodeResult{Node: np.Name, Address: np.Address, Of: len(np.Steps)}
	}
	res.Word, res.Left, res.Class, res.Text, res.Advice = Blocked, false, step.Safety, err.Error(), step.AdviceOf(err)
	if r.record(journal.Record{Kind: journal.Outcome, Node: np.Name, At: res.Step, Result: string(res.Word), Class: res.Class, Text: res.Text}) != nil {
		res.Left = true
	}
	r.mu.Lock()
	r.results[np.Name] = res
	r.mu.Unlock()
	r.emit(Event{Node: np.Name, Phase: string(Blocked), Percent: -1, Note: res.Text})
}

// endangered turns the end of a node's part into that of the peril which struck it meanwhile.
func (n *node) endangered(err error) error {
	p := n.r.watched.leave(n.np.Name)
	switch {
	case p == nil || step.ClassOf(err) == step.Safety || len(n.np.Steps) == 0:
		return err
	case p.cuts(), errors.Is(err, errLeft):
		return n.fail(n.np.Steps[min(n.index, len(n.np.Steps)-1)], p.err())
	}
	return err
}

// safe does what a failure for safety asks: a leak takes the power away, heat and a bad supply do not.
func (n *node) safe(err error) error {
	var p *perilError
	switch {
	case step.ClassOf(err) != step.Safety:
		return err
	case errors.As(err, &p) && !p.p.cuts():
		return n.told(err, "its power was left as it is")
	case n.drv != nil:
		return n.makeSafe(err)
	}
	return n.cutAfresh(err)
}

// cutAfresh takes the power of a node away that no driver is open for.
func (n *node) cutAfresh(cause error) error {
	drv, done, err := n.r.req.Drivers(n.r.hard, n.np.Name)
	if err != nil {
		return n.told(cause, "ITS POWER IS STILL ON and could not be cut: "+err.Error())
	}
	defer done()
	n.drv = drv
	return n.makeSafe(cause)
}

// words names a kind for people.
func words(k rack.EventKind) string {
	return map[rack.EventKind]string{rack.EventLeak: "a leak", rack.EventHot: "over-temperature", rack.EventShelf: "a power supply fault"}[k]
}

// told is an event in few words.
func told(e rack.Event) string {
	switch {
	case e.MessageID == "":
		return e.Text
	case e.Text == "":
		return e.MessageID
	}
	return e.MessageID + ": " + e.Text
}

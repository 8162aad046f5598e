package apply

import (
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// watch follows how one step is seen over time: what was seen last and since when, and whether anything still moves.
type watch struct {
	p          patience
	begun      time.Time // of this watch
	progress   time.Time // when what is seen last changed
	last       sight
	reads      int       // looks in a row with this standing
	same       time.Time // since when it has this standing
	seen       time.Time // when a look last succeeded
	missedLast error     // the last look failed
	polls      int
}

// sight is what makes two looks different.
type sight struct {
	standing step.Standing
	percent  int
	note     string
}

// patience is that of the kind, divided by the pace. A first look that finds nobody at home does not wait for a flash's time.
func (n *node) patience(s step.Step) patience {
	p := patienceOf(s)
	if n.steps[s.ID].op == nil && p.dead > 5*time.Minute {
		p.dead = 5 * time.Minute
	}
	pace := n.r.req.Pace
	return patience{max(scaled(p.dead, pace), min(p.dead, shortestPatience)), max(scaled(p.still, pace), min(p.still, shortestStill)), p.poll}
}

// However fast a simulator's minutes pass, requests, their retries and Retry-After (whole seconds) take real time. Only a pace
// above 1 comes down to these; hardware has the patience of its kind of step.
const (
	// shortestPatience has room for one whole round of the client's own waits in a look (1, 2 and 4 s) and some seconds of a
	// Retry-After. At the speeds at which it counts, a simulated POST of 20 minutes is over within two seconds.
	shortestPatience = 10 * time.Second
	shortestStill    = time.Second
)

func (n *node) watch(s step.Step) *watch {
	w := &watch{}
	w.restart(n.patience(s))
	return w
}

// restart begins anew, after something was done.
func (w *watch) restart(p patience) {
	now := time.Now()
	*w = watch{p: p, begun: now, progress: now, same: now}
}

// saw takes in one look.
func (w *watch) saw(st step.State) {
	now := time.Now()
	s := sight{st.Standing, st.Percent, st.Note}
	if w.missedLast != nil {
		w.reads = 0
	}
	// A look that failed in between does not make it another standing, unless nobody could look for long.
	if s.standing != w.last.standing || w.seen.IsZero() || now.Sub(w.seen) > w.p.still {
		w.reads, w.same = 0, now
	}
	w.seen = now
	if s != w.last {
		w.progress = now
	}
	w.last, w.missedLast = s, nil
	w.reads++
}

// missed takes in a look that failed.
func (w *watch) missed(err error) { w.missedLast = err }

// inherit counts progress of the parts as progress of the whole.
func (w *watch) inherit(parts *watch) {
	if parts.progress.After(w.progress) {
		w.progress = parts.progress
	}
}

// since is how long the standing has been as it is.
func (w *watch) since() time.Duration {
	if w.reads == 0 || w.missedLast != nil {
		return 0
	}
	return time.Since(w.same)
}

// still tells whether the standing has been the same long enough, and often enough, to be believed.
func (w *watch) still(s step.Standing) bool {
	return w.last.standing == s && w.reads >= confirmReads && w.since() >= w.p.still
}

// stuck tells whether nothing has moved for too long. What moves without end is stuck after four times that.
func (w *watch) stuck() bool {
	return time.Since(w.progress) > w.p.dead || time.Since(w.begun) > 4*w.p.dead
}

// interval is how long to wait until the next look: quick while an answer is being confirmed and at first, then calm.
func (w *watch) interval() time.Duration {
	w.polls++
	if w.last.standing == step.Done && w.missedLast == nil {
		return confirmPause
	}
	d := time.Second
	for range min(w.polls, 5) - 1 {
		d *= 2
	}
	return min(d, w.p.poll)
}

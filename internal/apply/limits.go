package apply

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	// maxUploads: one gigabit of management uplink carries four pushes at the 25 MB/s that a BMC takes at best.
	maxUploads = 4
	// maxFlashes: what may be lost at once if the power fails; a BMC in mid-flash without power needs hands.
	maxFlashes = 16

	maxAttempts  = 3 // of one action
	maxPushes    = 2 // of one image: a second one only after the first was seen to have ended without effect
	confirmReads = 3 // looks in a row that must agree on a version, and on a host being back
	confirmPause = 2 * time.Second
	// lookTimeout is the backstop under one look. The driver's own limit for a slow read is 240 s (R72).
	lookTimeout = 10 * time.Minute
)

// hooks break the loop on purpose, so that tests can show that the invariants would be missed. All zero: the loop as it is.
type hooks struct {
	noLease    bool                                                   // runs without leases
	noLeaseAct bool                                                   // does not look at its leases before it acts
	record     func(*journal.Journal, journal.Record) error           // instead of Append
	state      func(step.Step, *step.Op, step.State, bool) step.State // what is made of a look; true: of an earlier process
	retry      func(step.Class) bool                                  // classes that are tried again besides the right ones
	confirm    int                                                    // instead of confirmReads
	uploads    int                                                    // instead of maxUploads
	afterAct   func(ctx context.Context, d Driver, s step.Step) error // done after each Act that succeeded
	rung       func(step.Step) bool                                   // instead of what allows a rung
	forgetful  bool                                                   // a later process does not know which rungs were taken
	noQuota    bool                                                   // goes on after failures
}

// limits are the tokens that all nodes of a run share.
type limits struct {
	uploads, flashes chan struct{}
	pace             float64

	turns turns

	mu  sync.Mutex
	rng *rand.Rand
}

func newLimits(req Request) *limits {
	n := maxUploads
	if req.hooks.uploads > 0 {
		n = req.hooks.uploads
	}
	return &limits{uploads: make(chan struct{}, n), flashes: make(chan struct{}, maxFlashes), pace: req.Pace,
		rng: rand.New(rand.NewPCG(req.Seed, 0x6d77))}
}

// take waits for a token; the function given back returns it and may be called twice.
func take(ctx context.Context, tokens chan struct{}) (func(), error) {
	select {
	case tokens <- struct{}{}:
		return sync.OnceFunc(func() { <-tokens }), nil
	case <-ctx.Done():
		return nil, errLeft
	}
}

// jitter spreads a wait over 75 to 125 % of itself.
func (l *limits) jitter(d time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return d*3/4 + time.Duration(l.rng.Int64N(int64(d/2)+1))
}

func scaled(d time.Duration, pace float64) time.Duration { return time.Duration(float64(d) / pace) }

// sleep waits, or says errLeft when ctx is done first.
func sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return errLeft
	}
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return errLeft
	}
}

// patience is how long a step may show no progress, how long a look that nothing came of must stay the same before it is
// believed, and how often to look.
type patience struct {
	dead, still, poll time.Duration
}

// patienceOf gives the defaults by kind (redfish.md §6.5 for the durations), or the baseline's own time-out.
func patienceOf(s step.Step) patience {
	p := patience{dead: 5 * time.Minute, still: 30 * time.Second, poll: 5 * time.Second}
	switch s.Kind {
	case step.Power:
		p.dead = 10 * time.Minute // graceful shutdown 3 min, forced off 1 min, on 1 min; doubled
		if len(s.Activates) > 0 {
			p.dead = 45 * time.Minute // as for a reset
		}
	case step.BIOS, step.BIOSReset, step.SecureBoot, step.NIC, step.DPU, step.Manager, step.EventDestination, step.BootOrder, step.BootOnce:
		p.dead = 5 * time.Minute // a PATCH takes 60 s at most; a configuration job of Dell shows within 2 min
	case step.Switch:
		p.dead = 20 * time.Minute // an apply of 20 min at most, or 5 min until an unconfirmed one is taken back
	case step.Media:
		p.dead = 10 * time.Minute // an image server that answers slowly: insert takes up to 3 min
	case step.Volume:
		p.dead, p.poll = 30*time.Minute, 10*time.Second // creation 1 to 10 min; fast initialisation is in it
	case step.VolumeInit:
		p.dead, p.poll = 12*time.Hour, 30*time.Second // a slow one writes every block: 8 TB of a disk take ten hours, and some tell no percent
	case step.VolumeSet, step.Spare, step.Foreign, step.ControllerReset, step.ControllerKey, step.Namespace:
		p.dead, p.poll = 15*time.Minute, 10*time.Second // a job of seconds, behind others of the same controller
	case step.Erase:
		p.dead, p.poll = max(time.Hour, 2*time.Duration(s.EstimatedS)*time.Second), 10*time.Second // an overwrite may tell no percent
	case step.Firmware:
		p.dead, p.still, p.poll = 30*time.Minute, 2*time.Minute, 10*time.Second // largest bundles 10 to 20 min between percents
	case step.Reset:
		p.poll, p.still = 10*time.Second, time.Minute
		switch s.Activation {
		case step.BMCReset:
			p.dead = 15 * time.Minute // 2 to 6 min
		case step.AuxCycle, step.ACCycle:
			p.dead = 60 * time.Minute // BMC boot and a full POST
		default:
			p.dead = 45 * time.Minute // POST of an 8-GPU node 10 to 20 min, with a BIOS flash in it; doubled
		}
	}
	if s.Args.TimeoutS > 0 {
		p.dead = time.Duration(s.Args.TimeoutS) * time.Second
	}
	return p
}

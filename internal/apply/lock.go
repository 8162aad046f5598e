package apply

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

const (
	// leaseTime is how long a lease lasts without a heartbeat: long enough for three heartbeats to be missed, short enough
	// that a person who takes over from a dead host waits no longer than a coffee machine takes.
	leaseTime = 60 * time.Second
	// heartbeat renews a lease three times in its life.
	heartbeat = leaseTime / 3
)

// Holder is who holds a lease.
type Holder struct {
	Operator string `json:"operator"` // name of the person or service
	Host     string `json:"host"`
	PID      int    `json:"pid"`
	Space    string `json:"space,omitempty"` // process number space, where the system has such: equal host names are not enough
}

// ThisProcess is the Holder of the running process on behalf of operator.
func ThisProcess(operator string) Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	space, _ := os.Readlink("/proc/self/ns/pid") // absent outside Linux: then the host name alone decides
	return Holder{Operator: operator, Host: host, PID: os.Getpid(), Space: space}
}

// String names the holder for people.
func (h Holder) String() string {
	return fmt.Sprintf("%s on %s (process %d)", h.Operator, h.Host, h.PID)
}

// Lease is the right to change one thing, for a while.
type Lease struct {
	Name    string    `json:"name"` // node/a01-n1, rack/a01
	Holder  Holder    `json:"holder"`
	Token   uint64    `json:"token"` // fencing token: rises with every acquisition and every break
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires"`
	// Shared are those who hold it together; the fields above are then those of the first of them. Empty: it is held alone.
	Shared []Share `json:"shared,omitempty"`
}

// Share is one holder's part in a shared lease.
type Share struct {
	Holder  Holder    `json:"holder"`
	Token   uint64    `json:"token"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires"`
}

// Want is a lease that somebody wants to take.
type Want struct {
	Name   string
	Shared bool // with others who share it too, rather than alone
}

// Break is a lease that a person took away from its holder.
type Break struct {
	Lease  Lease     `json:"lease"`
	By     Holder    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// LockedError says who holds what was wanted.
type LockedError struct{ Lease Lease }

// Error tells the second operator who the first is.
func (e *LockedError) Error() string {
	held := "held"
	if n := len(e.Lease.Shared); n > 1 {
		held = fmt.Sprintf("shared by %d; it is held", n)
	}
	return fmt.Sprintf("%s is %s by %s since %s", e.Lease.Name, held, e.Lease.Holder, e.Lease.Since.Format("2006-01-02 15:04:05 MST"))
}

// Locks are the leases of one installation, shared by every process that uses the same folder. The clocks of hosts that share
// one must agree within the minute.
type Locks struct {
	store leaseStore
	alive func(Holder) bool // whether a process of this host still runs
}

// leaseTable is what a store holds.
type leaseTable struct {
	Token  uint64
	Leases map[string]Lease
	Breaks map[string]Break
}

// leaseStore keeps a leaseTable. update runs f while nobody else's does, and keeps what f changed unless f fails.
type leaseStore interface {
	update(names []string, f func(*leaseTable) error) error
	list() ([]Lease, error)
}

// NewLocks keeps leases as files in dir.
func NewLocks(dir string) *Locks { return &Locks{store: &dirStore{dir: dir}, alive: Alive} }

// NewMemoryLocks keeps leases in memory, for several loops within one process.
func NewMemoryLocks() *Locks { return &Locks{store: &memoryStore{}, alive: Alive} }

// Alive says false only of a process of this very host and number space that is certainly gone.
func Alive(h Holder) bool {
	me := ThisProcess("")
	if h.Host != me.Host || h.Space != me.Space {
		return true
	}
	p, err := os.FindProcess(h.PID)
	if err != nil {
		return true
	}
	if err := p.Signal(signalZero); errors.Is(err, os.ErrProcessDone) {
		return false
	}
	// A killed process that its parent has not waited for yet answers signals, and does nothing more (proc(5), state Z).
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", h.PID))
	if err != nil {
		return true
	}
	_, after, ok := strings.Cut(string(stat), ") ")
	return !ok || !strings.HasPrefix(after, "Z")
}

// Acquire takes all the wanted leases or none, under one token above every token given out before and above floor, and keeps
// them alive until Release. Who is too late gets a *LockedError. A lease that ran out, or whose process on this host is gone,
// is taken over. All are looked at in one update of the store, in one total order: nobody waits for one lease while holding
// another, so that two runs cannot wait for each other.
func (l *Locks) Acquire(who Holder, wants []Want, floor uint64) (*Held, error) {
	wants = inOrder(wants)
	h := &Held{locks: l, lost: make(chan struct{}), quit: make(chan struct{})}
	for _, w := range wants {
		h.names = append(h.names, w.Name)
	}
	err := l.store.update(h.names, func(t *leaseTable) error {
		now := time.Now().UTC()
		for _, w := range wants {
			if cur, ok := l.living(t.Leases[w.Name], now); ok && (!w.Shared || len(cur.Shared) == 0) {
				return &LockedError{cur}
			}
		}
		t.Token = max(t.Token, floor) + 1
		h.token, h.until = t.Token, now.Add(leaseTime)
		for _, w := range wants {
			mine := Share{Holder: who, Token: t.Token, Since: now, Expires: h.until}
			next := Lease{Name: w.Name, Holder: who, Token: t.Token, Since: now, Expires: h.until}
			if w.Shared {
				cur, _ := l.living(t.Leases[w.Name], now)
				next = sharedBy(w.Name, append(slices.Clone(cur.Shared), mine))
			}
			t.Leases[w.Name] = next
			if b, ok := t.Breaks[w.Name]; ok {
				h.breaks = append(h.breaks, b)
			}
		}
		return nil
	})
	var locked *LockedError
	if errors.As(err, &locked) {
		return nil, step.Fail(step.Internal, err, fmt.Sprintf("Wait until that run ends. If %s is certainly gone, run\n\n    "+
			"metalwright unlock %s --reason TEXT", locked.Lease.Holder.Operator, locked.Lease.Name))
	}
	if err != nil {
		return nil, step.Fail(step.Internal, fmt.Errorf("take leases: %w", err), "")
	}
	h.beat.Go(h.keep)
	return h, nil
}

// rank is the total order in which leases are taken, widest first.
var rank = []string{"site", "rack", "domain", "chassis", "node"}

// inOrder sorts by rank and name. Of two wants of one lease, the one that wants it alone stays.
func inOrder(wants []Want) []Want {
	place := func(name string) int {
		kind, _, _ := strings.Cut(name, "/")
		if i := slices.Index(rank, kind); i >= 0 {
			return i
		}
		return len(rank)
	}
	out := slices.Clone(wants)
	slices.SortFunc(out, func(a, b Want) int {
		alone := func(w Want) int {
			if w.Shared {
				return 1
			}
			return 0
		}
		return cmp.Or(place(a.Name)-place(b.Name), strings.Compare(a.Name, b.Name), alone(a)-alone(b))
	})
	return slices.CompactFunc(out, func(a, b Want) bool { return a.Name == b.Name })
}

// living is what is left of a lease when those whose time has run out and whose process is gone do not count.
func (l *Locks) living(cur Lease, now time.Time) (Lease, bool) {
	lives := func(expires time.Time, h Holder) bool { return now.Before(expires) && l.alive(h) }
	if len(cur.Shared) == 0 {
		return cur, cur.Name != "" && lives(cur.Expires, cur.Holder)
	}
	shares := slices.DeleteFunc(slices.Clone(cur.Shared), func(s Share) bool { return !lives(s.Expires, s.Holder) })
	return sharedBy(cur.Name, shares), len(shares) > 0
}

// sharedBy is the lease that some hold together; the zero Lease when nobody does.
func sharedBy(name string, shares []Share) Lease {
	if len(shares) == 0 {
		return Lease{}
	}
	f := shares[0]
	return Lease{Name: name, Holder: f.Holder, Token: f.Token, Since: f.Since, Expires: f.Expires, Shared: shares}
}

// renewed is a lease with its time extended for whoever holds token; false when that is nobody.
func (l Lease) renewed(token uint64, until time.Time) (Lease, bool) {
	if len(l.Shared) == 0 {
		l.Expires = until
		return l, l.Token == token
	}
	i := slices.IndexFunc(l.Shared, func(s Share) bool { return s.Token == token })
	if i < 0 {
		return l, false
	}
	shares := slices.Clone(l.Shared)
	shares[i].Expires = until
	return sharedBy(l.Name, shares), true
}

// without is what is left of a lease when whoever holds token gives it back; false when nothing is.
func (l Lease) without(token uint64) (Lease, bool) {
	if len(l.Shared) == 0 {
		return l, l.Token != token
	}
	shares := slices.DeleteFunc(slices.Clone(l.Shared), func(s Share) bool { return s.Token == token })
	return sharedBy(l.Name, shares), len(shares) > 0
}

// Break takes a lease away from whoever holds it, for a reason that the next run journals. The holder's token is fenced off:
// it stops before its next side effect. A run that has lost one lease is over, so that all else it holds goes with it; of a
// shared lease that is every run that shares it.
func (l *Locks) Break(name string, by Holder, reason string) (Lease, error) {
	if reason == "" {
		return Lease{}, errors.New("break lease " + name + ": a reason is needed")
	}
	all, err := l.store.list()
	if err != nil {
		return Lease{}, fmt.Errorf("break lease %s: %w", name, err)
	}
	names := []string{name}
	for _, other := range all {
		if other.Name != name {
			names = append(names, other.Name)
		}
	}
	var was Lease
	err = l.store.update(names, func(t *leaseTable) error {
		cur, ok := t.Leases[name]
		if !ok {
			return errors.New("nobody holds it")
		}
		was = cur
		tokens := cur.tokens()
		t.Token++
		now := time.Now().UTC()
		for _, n := range names {
			lease, ok := t.Leases[n]
			if !ok || !slices.ContainsFunc(lease.tokens(), func(k uint64) bool { return slices.Contains(tokens, k) }) {
				continue
			}
			rest, held := lease, true
			for _, k := range tokens {
				if held {
					rest, held = rest.without(k)
				}
			}
			if held {
				t.Leases[n] = rest
				continue
			}
			delete(t.Leases, n)
			t.Breaks[n] = Break{Lease: lease, By: by, Reason: reason, At: now}
		}
		return nil
	})
	if err != nil {
		return Lease{}, fmt.Errorf("break lease %s: %w", name, err)
	}
	return was, nil
}

// tokens are those of all who hold it.
func (l Lease) tokens() []uint64 {
	if len(l.Shared) == 0 {
		return []uint64{l.Token}
	}
	var out []uint64
	for _, s := range l.Shared {
		out = append(out, s.Token)
	}
	return out
}

// List gives the leases that are held, sorted by name; some may have run out.
func (l *Locks) List() ([]Lease, error) { return l.store.list() }

// Held is a set of leases that this process holds.
type Held struct {
	locks  *Locks
	names  []string
	token  uint64
	breaks []Break

	mu    sync.Mutex
	until time.Time // to then the leases are certainly ours
	gone  error
	lost  chan struct{}
	quit  chan struct{}
	once  sync.Once
	beat  sync.WaitGroup
}

// Token is the fencing token that every journal line carries.
func (h *Held) Token() uint64 { return h.token }

// Breaks are the leases among these that a person broke and no run has journalled yet: what they covered has to be looked at
// anew. Call Journalled once they are on record.
func (h *Held) Breaks() []Break { return h.breaks }

// Journalled forgets the breaks.
func (h *Held) Journalled() error {
	if len(h.breaks) == 0 {
		return nil
	}
	return h.locks.store.update(h.names, func(t *leaseTable) error {
		for _, b := range h.breaks {
			delete(t.Breaks, b.Lease.Name)
		}
		return nil
	})
}

// Lost is closed when the leases are no longer ours.
func (h *Held) Lost() <-chan struct{} { return h.lost }

// Check says whether the leases are ours at this moment, by looking: a process that was stopped for minutes finds out here
// that somebody else went on. It is called before every side effect.
func (h *Held) Check() error { return h.renew() }

// renew extends the leases if they are still ours.
func (h *Held) renew() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone != nil {
		return h.gone
	}
	var taken error
	now := time.Now().UTC()
	err := h.locks.store.update(h.names, func(t *leaseTable) error {
		for _, name := range h.names {
			cur, ok := t.Leases[name]
			if !ok {
				taken = fmt.Errorf("lease %s was broken", name)
				return taken
			}
			next, mine := cur.renewed(h.token, now.Add(leaseTime))
			if !mine {
				taken = fmt.Errorf("lease %s was taken over by %s", name, cur.Holder)
				return taken
			}
			t.Leases[name] = next
		}
		return nil
	})
	switch {
	case taken != nil:
		err = taken
	case err == nil:
		h.until = now.Add(leaseTime)
		return nil
	case now.Before(h.until):
		return nil // the disk did not let us renew, but the lease still holds
	}
	h.gone = step.Fail(step.Internal, fmt.Errorf("the right to change these nodes is lost: %w", err),
		"Nothing more was changed. Run metalwright apply again when the other run has ended.")
	close(h.lost)
	return h.gone
}

// keep is the heartbeat.
func (h *Held) keep() {
	t := time.NewTicker(heartbeat)
	defer t.Stop()
	for {
		select {
		case <-h.quit:
			return
		case <-t.C:
			if h.renew() != nil {
				return
			}
		}
	}
}

// Release gives the leases back and ends the heartbeat. It may be called twice.
func (h *Held) Release() error {
	first := false
	h.once.Do(func() { close(h.quit); first = true })
	h.beat.Wait()
	if !first {
		return nil
	}
	err := h.locks.store.update(h.names, func(t *leaseTable) error {
		for _, name := range h.names {
			cur, ok := t.Leases[name]
			if !ok {
				continue
			}
			if rest, held := cur.without(h.token); held {
				t.Leases[name] = rest
			} else {
				delete(t.Leases, name)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("release leases: %w", err)
	}
	return nil
}

// abandon ends the heartbeat and leaves the leases as a killed process does. For tests.
func (h *Held) abandon() {
	h.once.Do(func() { close(h.quit) })
	h.beat.Wait()
}

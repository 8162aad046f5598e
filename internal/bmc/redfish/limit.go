package redfish

import (
	"context"
	"sync"
	"time"
)

const (
	maxConnections = 4 // per BMC: recorded BMCs serve few at once, and R75 gets worse with more
	growAfter      = 8 // good answers before one more request may be in flight
)

// limiter bounds the requests in flight on one BMC. The bound falls when the BMC struggles (5xx, cut, deadline, latency) and
// rises again with good answers; it never passes its ceiling.
type limiter struct {
	mu      sync.Mutex
	ceiling int
	limit   int
	used    int
	good    int
	waiting []chan struct{}
	fastest time.Duration // of plain reads: what this BMC can do
	shrunk  int           // answers still to come from before the last shrink: they shrink no further
}

func newLimiter(n int) *limiter {
	if n <= 0 || n > maxConnections {
		n = maxConnections
	}
	return &limiter{ceiling: n, limit: n}
}

// acquire waits for a place. The caller must release it.
func (l *limiter) acquire(ctx context.Context) error {
	l.mu.Lock()
	if l.used < l.limit && len(l.waiting) == 0 {
		l.used++
		l.mu.Unlock()
		return nil
	}
	ch := make(chan struct{})
	l.waiting = append(l.waiting, ch)
	l.mu.Unlock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, w := range l.waiting {
		if w == ch {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			return ctx.Err()
		}
	}
	l.used-- // the place was given at the same moment: hand it on
	l.wake()
	return ctx.Err()
}

func (l *limiter) release() {
	l.mu.Lock()
	l.used--
	l.wake()
	l.mu.Unlock()
}

func (l *limiter) wake() {
	for l.used < l.limit && len(l.waiting) > 0 {
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
		l.used++
	}
}

// note learns from one answer. took is 0 when it says nothing about speed (a push, an expanded read).
func (l *limiter) note(struggling bool, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if took > 0 && !struggling && (l.fastest == 0 || took < l.fastest) {
		l.fastest = took
	}
	// Slow means: four times what this BMC has shown, and more than a second. A BMC that is slow from the start is not
	// overloaded by us.
	slow := took > time.Second && l.fastest > 0 && took > 4*l.fastest
	if !struggling && !slow {
		if l.shrunk > 0 {
			l.shrunk--
		}
		if l.good++; l.good >= growAfter && l.limit < l.ceiling {
			l.limit++
			l.good = 0
			l.wake()
		}
		return
	}
	l.good = 0
	if l.shrunk > 0 {
		l.shrunk--
		return
	}
	l.shrunk = max(l.used-1, 0)
	l.limit = max(l.limit-1, 1)
	if struggling && l.limit > 2 && slow {
		l.limit = 2
	}
}

// setCeiling lowers the ceiling by quirk (R75).
func (l *limiter) setCeiling(n int) {
	l.mu.Lock()
	l.ceiling = max(min(n, l.ceiling), 1)
	l.limit = min(l.limit, l.ceiling)
	l.mu.Unlock()
}

func (l *limiter) now() (limit, used int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limit, l.used
}

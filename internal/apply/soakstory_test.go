package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// tryFullDisk fills the disk at several writes: nothing may be done after, and a later run finishes.
func tryFullDisk(t *testing.T, seed uint64, v variant, writes int) (bad []string, how string) {
	for i := 0; i < 8 && len(bad) == 0; i++ {
		at := 1 + roll(seed, fmt.Sprint("full", i), writes)
		bubble(t, func() {
			s := newSoak(seed, v)
			how = fmt.Sprintf("disk full at call %d", at)
			s.fullDisk(at)
			bad = s.bad
		})
	}
	return bad, how
}

func (s *soak) fullDisk(at int) {
	drivers, _ := s.world.Process()
	s.alive[1] = true
	s.disk.Before = func(n int, _ string) error {
		if n < at {
			return nil
		}
		s.world.Freeze(true)
		return syscall.ENOSPC
	}
	req := Request{Plan: s.world.Plan(), Drivers: drivers, Locks: s.locks(immortal), Who: Holder{PID: 1}, FS: s.disk, Dir: "journal", Seed: s.seed}
	if s.v.hooks != nil {
		req.hooks = s.v.hooks()
	}
	_, err := Run(context.Background(), req)
	if !errors.Is(err, syscall.ENOSPC) || step.ClassOf(err) != step.Internal || !strings.Contains(step.AdviceOf(err), "space") {
		s.violate("full disk: the run ended with %v", err)
	}
	s.bad = append(s.bad, s.world.Violations(false)...)
	if len(s.bad) > 0 {
		return
	}
	s.world.Freeze(false)
	delete(s.alive, 1)
	s.pid = 1
	s.disk.Before = nil
	res, err, _ := s.life(context.Background(), 0, nil)
	if err != nil {
		s.violate("after the disk had space again: %v", err)
		return
	}
	s.judge(res, false)
}

// tryOperators lets a second operator come in the middle: refused, or, when the lease was broken, the only one who acts.
func tryOperators(t *testing.T, seed uint64, v variant) (bad []string, how string) {
	for i := 0; i < 4 && len(bad) == 0; i++ {
		bubble(t, func() {
			s := newSoak(seed, v)
			after := time.Duration(60+roll(seed, fmt.Sprint("second", i), 900)) * time.Second
			how = fmt.Sprintf("second operator after %s", after)
			s.second(after, s.story == "taken over")
			bad = s.bad
		})
	}
	return bad, how
}

func (s *soak) second(after time.Duration, force bool) {
	done := make(chan struct{})
	var err1 error
	var res1 Result
	first, killFirst := s.world.Process()
	defer killFirst()
	s.alive[1], s.alive[2] = true, true
	req := Request{Plan: s.world.Plan(), Drivers: first, Locks: s.locks(immortal), Who: Holder{Operator: "anna", PID: 1}, FS: s.disk, Dir: "journal", Seed: s.seed}
	if s.v.hooks != nil {
		req.hooks = s.v.hooks()
	}
	go func() {
		defer close(done)
		res1, err1 = Run(context.Background(), req)
	}()
	time.Sleep(after)
	over := false
	select {
	case <-done:
		over = true
	default:
	}
	req2 := req
	req2.Who = Holder{Operator: "ben", PID: 2}
	req2.Drivers, _ = s.world.Process()
	req2.Dir = "other" // another folder of journals, the same locks
	if force && !over {
		// one of them: all that her run holds goes with it
		if _, err := s.locks(immortal).Break(Leases(s.world.Plan())[0].Name, req2.Who, "anna has gone home"); err != nil {
			s.violate("%v", err)
		}
		broken, before := time.Now(), s.world.Ledger().Begun
		<-done
		if got := s.world.Ledger().Begun; got != before {
			s.violate("%d acts were begun after the lease was broken", got-before)
		}
		// What had been begun is cut off by the next heartbeat: the BMC itself cannot check a token.
		if late := s.world.Ledger().Last.Sub(broken); late > heartbeat {
			s.violate("a side effect %s after the lease was broken", late)
		}
		soon := err1 == nil && res1.OK() && time.Since(broken) <= heartbeat // it had nothing left to begin, and ended before it could know
		if !soon && (err1 == nil || !res1.Resumable) {
			s.violate("the first operator was not told that the lease is lost: %v", err1)
		}
		return
	}
	if !over {
		res2, err := Run(context.Background(), req2)
		var locked *LockedError
		if !errors.As(err, &locked) || locked.Lease.Holder.Operator != "anna" {
			s.violate("the second operator was let in: %v %+v", err, res2.Stopped)
		}
	}
	<-done
	if err1 != nil {
		s.violate("first operator: %v", err1)
	}
	s.bad = append(s.bad, s.world.Violations(true)...)
}

// tryStop stops the run once on purpose, at several moments, and goes on.
func tryStop(t *testing.T, seed uint64, v variant) (bad []string, how string) {
	for i := 0; i < 6 && len(bad) == 0; i++ {
		bubble(t, func() {
			s := newSoak(seed, v)
			after := time.Duration(1+roll(seed, fmt.Sprint("stop", i), 2400)) * time.Second
			how = fmt.Sprintf("stopped after %s", after)
			s.stop(after)
			bad = s.bad
		})
	}
	return bad, how
}

func (s *soak) stop(after time.Duration) {
	stop := make(chan struct{})
	timer := time.AfterFunc(after, func() { close(stop) })
	defer timer.Stop()
	res, err, _ := s.life(context.Background(), 0, stop)
	if err != nil {
		s.violate("stopped: %v", err)
		return
	}
	s.bad = append(s.bad, s.world.Violations(true)...) // true: no flash is left in the air
	if res.Stopped == "" {
		return // it was over before
	}
	if !res.Resumable && !res.OK() {
		s.violate("stopped and not resumable: %+v", res)
	}
	if !res.Resumable {
		return
	}
	time.Sleep(time.Hour)
	if res, err, _ = s.life(context.Background(), 0, nil); err != nil {
		s.violate("resumed after a stop: %v", err)
		return
	}
	s.judge(res, false)
}

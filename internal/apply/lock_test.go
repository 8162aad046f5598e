package apply

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

func stores(t *testing.T) map[string]*Locks {
	return map[string]*Locks{"files": NewLocks(t.TempDir()), "memory": NewMemoryLocks()}
}

func TestSecondOperatorIsToldWhoHolds(t *testing.T) {
	for name, locks := range stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				anna, ben := ThisProcess("anna"), ThisProcess("ben")
				h, err := locks.Acquire(anna, []Want{{Name: "node/n1"}, {Name: "node/n2"}}, 4)
				if err != nil || h.Token() != 5 {
					t.Fatalf("token %d, want 5 (above the floor): %v", h.Token(), err)
				}
				time.Sleep(10 * time.Minute) // the heartbeat keeps it
				_, err = locks.Acquire(ben, []Want{{Name: "node/n0"}, {Name: "node/n2"}}, 0)
				var locked *LockedError
				if !errors.As(err, &locked) || locked.Lease.Holder != anna || !strings.Contains(err.Error(), "anna") {
					t.Fatalf("second operator got %v", err)
				}
				if !strings.Contains(step.AdviceOf(err), "unlock node/n2") {
					t.Errorf("advice %q", step.AdviceOf(err))
				}
				if l, err := locks.List(); err != nil || len(l) != 2 || l[0].Name != "node/n1" {
					t.Errorf("all or none: %v, %v", l, err)
				}
				if err := errors.Join(h.Release(), h.Release()); err != nil {
					t.Fatal(err)
				}
				h2, err := locks.Acquire(ben, []Want{{Name: "node/n2"}}, 0)
				if err != nil || h2.Token() != 6 {
					t.Fatalf("after release: %v", err)
				}
				h2.abandon()
			})
		})
	}
}

func TestLeaseRunsOutAndFences(t *testing.T) {
	for name, locks := range stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				far := Holder{Operator: "anna", Host: "elsewhere", PID: 1}
				h, err := locks.Acquire(far, []Want{{Name: "node/n1"}}, 0)
				if err != nil {
					t.Fatal(err)
				}
				h.abandon() // a host that lost power, or a process that was stopped
				time.Sleep(leaseTime - time.Second)
				if _, err := locks.Acquire(ThisProcess("ben"), []Want{{Name: "node/n1"}}, 0); err == nil {
					t.Fatal("a lease was taken before it ran out")
				}
				time.Sleep(time.Second)
				h2, err := locks.Acquire(ThisProcess("ben"), []Want{{Name: "node/n1"}}, 0)
				if err != nil {
					t.Fatal(err)
				}
				if err := h.Check(); err == nil || !strings.Contains(err.Error(), "ben") {
					t.Errorf("the first holder still thinks it may act: %v", err)
				}
				<-h.Lost()
				if err := h2.Check(); err != nil {
					t.Error(err)
				}
				h2.abandon()
			})
		})
	}
}

func TestBreakNeedsAReasonAndIsHandedOn(t *testing.T) {
	for name, locks := range stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, err := locks.Acquire(ThisProcess("anna"), []Want{{Name: "node/n1"}}, 0)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := locks.Break("node/n1", ThisProcess("ben"), ""); err == nil {
					t.Error("broken without a reason")
				}
				if _, err := locks.Break("node/n9", ThisProcess("ben"), "why not"); err == nil {
					t.Error("a lease that nobody holds was broken")
				}
				was, err := locks.Break("node/n1", ThisProcess("ben"), "anna's laptop was stolen")
				if err != nil || was.Holder.Operator != "anna" {
					t.Fatal(was, err)
				}
				if h.Check() == nil {
					t.Error("the old holder was not fenced off")
				}
				h.abandon()
				for range 2 { // until it is journalled, the next run hears of it, and the one after
					h2, err := locks.Acquire(ThisProcess("ben"), []Want{{Name: "node/n1"}}, 0)
					if err != nil || len(h2.Breaks()) != 1 || h2.Breaks()[0].Reason == "" || h2.Token() <= was.Token+1 {
						t.Fatalf("breaks %v, %v", h2.Breaks(), err)
					}
					if err := h2.Release(); err != nil {
						t.Fatal(err)
					}
				}
				h3, err := locks.Acquire(ThisProcess("ben"), []Want{{Name: "node/n1"}}, 0)
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(h3.Journalled(), h3.Release()); err != nil {
					t.Fatal(err)
				}
				h4, err := locks.Acquire(ThisProcess("ben"), []Want{{Name: "node/n1"}}, 0)
				if err != nil || len(h4.Breaks()) != 0 {
					t.Errorf("journalled breaks came again: %v, %v", h4.Breaks(), err)
				}
				h4.abandon()
			})
		})
	}
}

// TestDeadProcessOfThisHost: what kill -9 leaves behind can be taken at once.
func TestDeadProcessOfThisHost(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	dead := ThisProcess("anna")
	dead.PID = cmd.Process.Pid
	locks := NewLocks(t.TempDir())
	h, err := locks.Acquire(dead, []Want{{Name: "node/n1"}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	h.abandon()
	other := dead
	other.Host = "elsewhere"
	h, err = locks.Acquire(other, []Want{{Name: "node/n1"}}, 0)
	if err != nil {
		t.Fatalf("a lease of a dead process was not taken: %v", err)
	}
	h.abandon()
	if _, err := locks.Acquire(ThisProcess("ben"), []Want{{Name: "node/n1"}}, 0); err == nil {
		t.Error("the process number of another host was looked up on this one")
	}
}

func TestUnreadableLeaseIsHeldForAWhile(t *testing.T) {
	dir := t.TempDir()
	locks := NewLocks(dir)
	file := (&dirStore{dir: dir}).path("node/n1", leaseSuffix)
	if err := os.WriteFile(file, []byte("{\"na"), 0o600); err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := locks.Acquire(ThisProcess("ben"), []Want{{Name: "node/n1"}}, 0); !errors.As(err, &locked) {
		t.Errorf("half a lease file, just written: %v", err)
	}
	old := time.Now().Add(-2 * leaseTime)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	h, err := locks.Acquire(ThisProcess("ben"), []Want{{Name: "node/n1"}}, 0)
	if err != nil {
		t.Fatalf("half a lease file, long ago: %v", err)
	}
	h.abandon()
}

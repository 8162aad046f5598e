package apply

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/plan"
)

// Runs that share a rack go side by side; who wants it alone waits for all of them, and is told who holds it.
func TestSharedLeases(t *testing.T) {
	for _, store := range []func() *Locks{NewMemoryLocks, func() *Locks { return NewLocks(t.TempDir()) }} {
		synctest.Test(t, func(t *testing.T) {
			locks := store()
			take := func(who string, shared bool, nodes ...string) (*Held, error) {
				wants := []Want{{Name: "rack/a01", Shared: shared}}
				for _, n := range nodes {
					wants = append(wants, Want{Name: "node/" + n})
				}
				return locks.Acquire(Holder{Operator: who, Host: "elsewhere"}, wants, 0)
			}
			anna, err := take("anna", true, "n1")
			if err != nil {
				t.Fatal(err)
			}
			ben, err := take("ben", true, "n2")
			if err != nil {
				t.Fatalf("a second one cannot share: %v", err)
			}
			var locked *LockedError
			if _, err = take("cem", false, "n3"); !errors.As(err, &locked) || !strings.Contains(err.Error(), "anna") || !strings.Contains(err.Error(), "shared by 2") {
				t.Fatalf("alone beside two: %v", err)
			}
			if _, err = take("cem", true, "n2"); !errors.As(err, &locked) || locked.Lease.Name != "node/n2" {
				t.Fatalf("a node that is held: %v", err)
			}
			if err := anna.Release(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * leaseTime) // ben's heartbeat keeps his share alive
			if _, err = take("cem", false, "n3"); !errors.As(err, &locked) || locked.Lease.Holder.Operator != "ben" {
				t.Fatalf("alone beside one: %v", err)
			}
			ben.abandon()
			time.Sleep(2 * leaseTime)
			cem, err := take("cem", false, "n3")
			if err != nil {
				t.Fatalf("after the last share ran out: %v", err)
			}
			if ben.Check() == nil {
				t.Error("a share that was taken over is still good")
			}
			if _, err = take("anna", true, "n1"); !errors.As(err, &locked) || locked.Lease.Holder.Operator != "cem" {
				t.Fatalf("sharing what is held alone: %v", err)
			}
			if err := cem.Release(); err != nil {
				t.Fatal(err)
			}
			if list, err := locks.List(); err != nil || len(list) != 1 { // ben's own node, which he never gave back
				t.Errorf("left over: %v %v", list, err)
			}
		})
	}
}

// A share that a person breaks is lost to all who shared it, and the next run hears of it.
func TestBreakShared(t *testing.T) {
	locks := NewMemoryLocks()
	var held []*Held
	for _, who := range []string{"anna", "ben"} {
		h, err := locks.Acquire(Holder{Operator: who}, []Want{{Name: "rack/a01", Shared: true}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer h.abandon()
		held = append(held, h)
	}
	if _, err := locks.Break("rack/a01", Holder{Operator: "cem"}, "both are gone"); err != nil {
		t.Fatal(err)
	}
	for _, h := range held {
		if h.Check() == nil {
			t.Error("a share outlives the break")
		}
	}
	h, err := locks.Acquire(Holder{Operator: "cem"}, []Want{{Name: "rack/a01"}}, 0)
	if err != nil || len(h.Breaks()) != 1 {
		t.Fatalf("%v, breaks %v", err, h.Breaks())
	}
	if err := h.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLeaseOrder(t *testing.T) {
	p := plan.Plan{Nodes: []plan.NodePlan{
		{Name: "b", Holds: []plan.Hold{{Name: "rack/r2", Shared: true}, {Name: "chassis/https://10.0.0.1"}}},
		{Name: "a", Holds: []plan.Hold{{Name: "rack/r2"}, {Name: "chassis/https://10.0.0.1"}}}, {Name: "c", Holds: []plan.Hold{{Name: "rack/r1", Shared: true}}}}}
	got := fmt.Sprint(Leases(p))
	if want := "[{rack/r1 true} {rack/r2 false} {chassis/https://10.0.0.1 false} {node/a false} {node/b false} {node/c false}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Many runs over the same few racks and nodes, in any order: all come to their turn, and no two hold what only one may.
func TestLeasesNeverDeadlock(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			locks, mu := NewMemoryLocks(), sync.Mutex{}
			alone, shared := map[string]int{}, map[string]int{}
			var all sync.WaitGroup
			for i := range 12 {
				rnd := rand.New(rand.NewPCG(seed, uint64(i)))
				all.Go(func() {
					var wants []Want
					for _, name := range []string{"node/1", "rack/b", "node/2", "rack/a", "chassis/x", "node/3"} {
						if rnd.IntN(2) == 0 {
							wants = append(wants, Want{Name: name, Shared: strings.HasPrefix(name, "rack") && rnd.IntN(2) == 0})
						}
					}
					rnd.Shuffle(len(wants), func(i, j int) { wants[i], wants[j] = wants[j], wants[i] })
					for {
						h, err := locks.Acquire(Holder{Operator: fmt.Sprint(i), Host: "elsewhere"}, wants, 0)
						var locked *LockedError
						if errors.As(err, &locked) {
							time.Sleep(time.Duration(1+rnd.IntN(30)) * time.Second)
							continue
						}
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						for _, w := range wants {
							if alone[w.Name] > 0 || !w.Shared && shared[w.Name] > 0 {
								t.Errorf("seed %d: %s is held twice", seed, w.Name)
							}
							if w.Shared {
								shared[w.Name]++
							} else {
								alone[w.Name]++
							}
						}
						mu.Unlock()
						time.Sleep(time.Duration(rnd.IntN(200)) * time.Second)
						mu.Lock()
						for _, w := range wants {
							if w.Shared {
								shared[w.Name]--
							} else {
								alone[w.Name]--
							}
						}
						mu.Unlock()
						if err := h.Release(); err != nil {
							t.Error(err)
						}
						return
					}
				})
			}
			all.Wait()
			if list, err := locks.List(); err != nil || len(list) > 0 {
				t.Errorf("seed %d: left over %v %v", seed, list, err)
			}
		})
	}
}

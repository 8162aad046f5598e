package apply

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/step"
)

// stateHook makes a variant that misreads what the device says.
func stateHook(f func(s step.Step, op *step.Op, st step.State, old bool) step.Standing) variant {
	return variant{hooks: func() hooks {
		return hooks{state: func(s step.Step, op *step.Op, st step.State, old bool) step.State {
			st.Standing = f(s, op, st, old)
			return st
		}}
	}}
}

// recordHook makes a variant that journals in its own way.
func recordHook(f func() func(*journal.Journal, journal.Record) error) variant {
	return variant{hooks: func() hooks { return hooks{record: f()} }}
}

func fixed(h hooks) variant { return variant{hooks: func() hooks { return h }} }

// variants are engines that are broken on purpose, each in one way. The soak has to notice every one of them.
var variants = map[string]variant{
	"no intent before the act": recordHook(func() func(*journal.Journal, journal.Record) error {
		return func(j *journal.Journal, r journal.Record) error {
			if r.Kind == journal.Intent || r.Kind == journal.Dispatched {
				return nil
			}
			return j.Append(r)
		}
	}),
	"journalled after the act": recordHook(func() func(*journal.Journal, journal.Record) error {
		var mu sync.Mutex // nodes run side by side
		late := map[step.ID][]journal.Record{}
		return func(j *journal.Journal, r journal.Record) error {
			mu.Lock()
			if r.Kind == journal.Intent || r.Kind == journal.Dispatched && !r.Op.Sent {
				late[r.Step] = append(late[r.Step], r)
				mu.Unlock()
				return nil
			}
			due := late[r.Step]
			delete(late, r.Step)
			mu.Unlock()
			for _, l := range due {
				if err := j.Append(l); err != nil {
					return err
				}
			}
			return j.Append(r)
		}
	}),
	"handle not journalled": recordHook(func() func(*journal.Journal, journal.Record) error {
		return func(j *journal.Journal, r journal.Record) error {
			if r.Kind == journal.Dispatched {
				return nil
			}
			return j.Append(r)
		}
	}),
	"goes on when the journal cannot be written": recordHook(func() func(*journal.Journal, journal.Record) error {
		return func(j *journal.Journal, r journal.Record) error {
			_ = j.Append(r) // the mistake
			return nil
		}
	}),
	"a disk that lies about sync": {lies: true},
	"repeats what was begun without looking": stateHook(func(_ step.Step, op *step.Op, st step.State, old bool) step.Standing {
		if old && op != nil && st.Standing != step.Done {
			return step.Ready
		}
		return st.Standing
	}),
	"pushes again after a cut": stateHook(func(s step.Step, _ *step.Op, st step.State, old bool) step.Standing {
		if old && s.Kind == step.Firmware && st.Standing != step.Done {
			return step.Ready
		}
		return st.Standing
	}),
	"ignores that the device moved": stateHook(func(_ step.Step, _ *step.Op, st step.State, _ bool) step.Standing {
		if st.Standing == step.Moved {
			return step.Ready
		}
		return st.Standing
	}),
	"takes accepted for done": stateHook(func(_ step.Step, _ *step.Op, st step.State, _ bool) step.Standing {
		if st.Standing == step.Staged {
			return step.Done
		}
		return st.Standing
	}),
	"resets during a flash": stateHook(func(s step.Step, _ *step.Op, st step.State, _ bool) step.Standing {
		if s.Kind == step.Firmware && st.Standing == step.Working {
			return step.Staged
		}
		return st.Standing
	}),
	"does not wait for the host to be back": stateHook(func(s step.Step, _ *step.Op, st step.State, _ bool) step.Standing {
		if s.Kind == step.Reset && st.Standing == step.Working {
			return step.Done
		}
		return st.Standing
	}),
	"resets twice": fixed(hooks{afterAct: func(ctx context.Context, d Driver, s step.Step) error {
		if s.Kind != step.Reset {
			return nil
		}
		return d.Act(ctx, s, func(step.Op) error { return nil })
	}}),
	"takes no leases":             fixed(hooks{noLease: true}),
	"acts after a lease is lost":  fixed(hooks{noLeaseAct: true}),
	"a third login":               fixed(hooks{retry: func(c step.Class) bool { return c == step.Auth }}),
	"believes one look":           fixed(hooks{confirm: 1}),
	"pushes to all at once":       fixed(hooks{uploads: 100}),
	"goes on when all fail alike": fixed(hooks{noQuota: true}),
	"takes a rung over a flash, and of the host, unasked": fixed(hooks{rung: func(step.Step) bool { return true }}),
	"climbs the ladder twice":                             fixed(hooks{forgetful: true}),
	"takes a refusal for a hiccup":                        fixed(hooks{retry: func(c step.Class) bool { return c == step.Rejected }}),
}

// variantCuts is how many cuts of a seed it may take to notice a variant.
const variantCuts = 8

// TestSoakCatches holds every variant against the soak. A variant that nothing notices is a hole in the invariants.
func TestSoakCatches(t *testing.T) { catches(t, variants) }

func catches(t *testing.T, variants map[string]variant) {
	for name, v := range variants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= 150; seed++ {
				if bad, _ := trySeed(t, seed, v, variantCuts); len(bad) > 0 {
					t.Logf("caught at seed %d (%s): %s", seed, storyOf(seed), strings.Join(bad[:min(2, len(bad))], "; "))
					return
				}
			}
			t.Error("nothing noticed it")
		})
	}
}

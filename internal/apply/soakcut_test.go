package apply

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/step"
)

// verb is where in the writing of one line of a journal the program dies.
type verb string

const (
	torn    verb = "torn"    // in mid-write, by a power cut: half of the line was written, and some of that reached the disk
	written verb = "written" // after the write, by kill -9: the line is there whole, whether or not a sync was to follow
	synced  verb = "synced"  // after the sync, by a power cut: what was not synced is lost
)

// tap is the disk of a program that may die at any moment of writing. at is asked at every one, under the journal's lock; an
// error is the program's death.
type tap struct {
	journal.FS
	at func(v verb, name string, line []byte) error
}

type tapFile struct {
	journal.File
	tap
	name string
}

// Append implements journal.FS.
func (t tap) Append(name string, fresh bool) (journal.File, error) {
	f, err := t.FS.Append(name, fresh)
	if err != nil {
		return nil, err
	}
	return &tapFile{f, t, name}, nil
}

// Write implements journal.File.
func (f *tapFile) Write(b []byte) (int, error) {
	if err := f.at(torn, f.name, b); err != nil {
		n, _ := f.File.Write(b) // the disk is as dead: it leaves half
		return n, err
	}
	n, err := f.File.Write(b)
	if err == nil {
		err = f.at(written, f.name, b)
	}
	return n, err
}

// Sync implements journal.File.
func (f *tapFile) Sync() error {
	err := f.File.Sync()
	if err == nil {
		err = f.at(synced, f.name, nil)
	}
	return err
}

func half(b []byte) []byte { return b[:len(b)/2] }

// mortal are the leases as a process sees them that may die: it neither renews nor gives back what it held then.
type mortal struct {
	leaseStore
	dead func() bool
}

func (m mortal) update(names []string, f func(*leaseTable) error) error {
	if m.dead() {
		return errKilled
	}
	return m.leaseStore.update(names, f)
}

// cut is what the death of a program at one moment of its life leaves behind: rack, disk, leases and the time.
type cut struct {
	n      int // of the moments of that life, from 1
	verb   verb
	record journal.Kind // of the line that was being written
	kind   step.Kind    // of the step that the line is about, if it is about one
	at     time.Time
	pid    int
	world  *fakeRack
	disk   *journal.Memory
	leases leaseTable
}

func (c cut) String() string {
	return fmt.Sprintf("cut %d (%s, %s of %s)", c.n, c.verb, c.record, orNothing(string(c.kind)))
}

// cutter takes a cut at every moment of the lives of s from now on, and leaves s alive.
func (s *soak) cutter() *[]cut {
	var all []cut
	n := 0
	var last cut
	s.tap = func(v verb, name string, line []byte) error {
		n++
		c := cut{n: n, verb: v, record: last.record, kind: last.kind}
		if line != nil {
			c.record, c.kind = s.about(line)
		}
		last = c
		if v == torn && roll(s.seed, fmt.Sprint("torn", n), 8) != 0 {
			return nil // sampled: what half a line leaves is the same wherever it stands
		}
		c.at, c.pid, c.world, c.leases = time.Now(), s.pid, s.world.(*fakeRack).fork(), s.store.snapshot()
		c.disk = diskAfter(s.disk, s.seed, c, name, line)
		if i := len(all) - 1; v == synced && i >= 0 && all[i].same(c) {
			all[i] = c // the death between write and sync left the very same: one of them is enough
			return nil
		}
		all = append(all, c)
		return nil
	}
	return &all
}

// same tells whether d, the next cut, leaves exactly what c left, to the last byte, at the same time. Whether a line was synced
// that is there anyway is of no matter to the life that comes next.
func (c cut) same(d cut) bool {
	if c.verb != written || !c.at.Equal(d.at) || c.pid != d.pid || !reflect.DeepEqual(c.leases, d.leases) {
		return false
	}
	names, _ := c.disk.List("journal")
	for _, name := range names {
		was, err1 := c.disk.ReadFile("journal/" + name)
		is, err2 := d.disk.ReadFile("journal/" + name)
		if err1 != nil || err2 != nil || !bytes.Equal(was, is) {
			return false
		}
	}
	return reflect.DeepEqual(c.world.nodes, d.world.nodes) && reflect.DeepEqual(c.world.violations, d.world.violations) &&
		c.world.effects == d.world.effects && c.world.recorded == d.world.recorded
}

// diskAfter is the disk that c leaves.
func diskAfter(disk *journal.Memory, seed uint64, c cut, name string, line []byte) *journal.Memory {
	left := disk.Clone()
	switch c.verb {
	case torn:
		if f, err := left.Append(name, false); err == nil {
			_, _ = f.Write(half(line))
			_ = f.Close()
		}
		left.Crash(roll(seed, fmt.Sprint("keep", c.n), 300))
	case synced:
		left.Crash(0)
	}
	return left
}

// about says of which kind a line is, and the step that it is about.
func (s *soak) about(line []byte) (journal.Kind, step.Kind) {
	var l struct {
		Record struct {
			Kind journal.Kind `json:"kind"`
			Step step.ID      `json:"step"`
		} `json:"record"`
	}
	if json.Unmarshal(line, &l) != nil {
		return "", ""
	}
	for _, np := range s.world.Plan().Nodes {
		for _, st := range slices.Concat(np.Steps, step.Ladder(np.Name, "", "")) {
			if st.ID == l.Record.Step {
				return l.Record.Kind, st.Kind
			}
		}
	}
	return l.Record.Kind, ""
}

// resume is the soak after a cut, before its next life. Call it within a bubble of its own.
func (c cut) resume(s *soak) *soak {
	time.Sleep(time.Until(c.at)) // a bubble begins at the same time as every other
	return &soak{story: s.story, seed: s.seed, v: s.v, world: c.world.fork(), disk: c.disk.Clone(), store: &memoryStore{table: c.leases},
		pid: c.pid, alive: map[int]bool{}, recorded: map[string]bool{}, width: s.width}
}

// tryCuts lives on after every cut of a life that was lived to its end, or after n of them, spread over it; some are cut again
// and again.
func tryCuts(t *testing.T, s *soak, cuts []cut, n int) (bad []string, how string) {
	stride := 1
	if n > 0 {
		stride = max(len(cuts)/n, 1)
	}
	for i := roll(s.seed, "first", stride); i < len(cuts); i += stride {
		c := cuts[i]
		var again []int
		if roll(s.seed, fmt.Sprint("again", i), 16) == 0 {
			for j := range 3 {
				again = append(again, 1+roll(s.seed, fmt.Sprint("again", i, j), 40))
			}
		}
		bubble(t, func() {
			r := c.resume(s)
			time.Sleep(time.Duration(roll(s.seed, fmt.Sprint("pause", i), 600)) * time.Second)
			if bad = r.run(again); len(bad) > 0 {
				how = fmt.Sprintf("%s, then cuts %v\n%s", c, again, r.world)
			}
			covered.cut(r, c)
		})
		if len(bad) > 0 {
			return bad, how
		}
		cuts[i] = cut{} // its rack and disk are not needed any more
	}
	return nil, ""
}

// TestCutIsAKill holds cuts against the real thing: the same life begun anew and ended at that moment leaves the same rack, disk
// and leases, and goes on to the same end. Nodes go one by one, since the order of what happens at one time is not the same twice.
func TestCutIsAKill(t *testing.T) {
	for _, seed := range []uint64{1, 2, 5, 20, 21} {
		var first *soak
		var cuts *[]cut
		bubble(t, func() {
			first = newSoak(seed, variant{})
			first.width = 1
			cuts = first.cutter()
			first.run(nil)
		})
		if len(*cuts) < 5 {
			t.Fatalf("seed %d: %d cuts", seed, len(*cuts))
		}
		for i := roll(seed, "equal", 7); i < len(*cuts); i += 7 {
			c := (*cuts)[i]
			var want, got string
			bubble(t, func() { want = first.killedAt(c) })
			bubble(t, func() { got = c.resume(first).afterwards() })
			if got != want {
				t.Fatalf("seed %d, %s:\n%s\na kill leaves\n%s", seed, c, got, want)
			}
		}
	}
}

// killedAt lives the life of s anew, dies at the moment of c, and goes on.
func (s *soak) killedAt(c cut) string {
	k := newSoak(s.seed, s.v)
	k.width = s.width
	n := 0
	k.tap = func(verb, string, []byte) error {
		if n++; n == c.n {
			return k.die()
		}
		return nil
	}
	k.life(bubbleContext, 0, nil)
	switch c.verb {
	case torn:
		k.disk.Crash(roll(k.seed, fmt.Sprint("keep", c.n), 300))
	case synced:
		k.disk.Crash(0)
	}
	k.tap = nil
	return k.afterwards()
}

// afterwards is all that there is after a death, and after the life that follows.
func (s *soak) afterwards() string {
	s.world.(*fakeRack).uploads = 0 // of the dead process
	out := s.everything()
	s.run(nil)
	return out + "\n--- and in the end\n" + s.everything()
}

func (s *soak) everything() string {
	w := s.world.(*fakeRack)
	w.mu.Lock()
	defer w.mu.Unlock()
	out := fmt.Sprintf("%s %v %+v\n%d effects %d recorded %d open %v %v\n", time.Now(), s.bad, s.store.snapshot(), w.effects, w.recorded,
		w.uploads, w.frozen, w.violations)
	for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
		n := *w.nodes[name]
		n.w = nil
		out += fmt.Sprintf("%+v\n", n)
	}
	names, _ := s.disk.List("journal")
	for _, name := range names {
		text, _ := s.disk.ReadFile("journal/" + name)
		out += name + "\n" + string(text)
	}
	return out
}

// snapshot copies the leases as they stand.
func (s *memoryStore) snapshot() leaseTable {
	s.mu.Lock()
	defer s.mu.Unlock()
	return leaseTable{s.table.Token, maps.Clone(s.table.Leases), maps.Clone(s.table.Breaks)}
}

// TestForkSharesNothing: what happens to a rack does not happen to its copy.
func TestForkSharesNothing(t *testing.T) {
	w := newFakeRack(wholePlan, "quiet")
	for _, n := range w.nodes {
		n.pending = map[string]any{"A": "on"}
	}
	w.violate("something")
	c := w.fork()
	apart := func(what string, a, b reflect.Value) {
		for i := range a.NumField() {
			x, y := a.Field(i), b.Field(i)
			switch x.Kind() {
			case reflect.Map, reflect.Slice, reflect.Pointer, reflect.Chan, reflect.Func:
				if x.IsNil() || x.UnsafePointer() == y.UnsafePointer() {
					t.Errorf("%s.%s is empty, or shared with its copy", what, a.Type().Field(i).Name)
				}
			}
		}
	}
	apart("fakeRack", reflect.ValueOf(w).Elem(), reflect.ValueOf(c).Elem())
	for name, n := range w.nodes {
		apart("fakeNode", reflect.ValueOf(n).Elem(), reflect.ValueOf(c.nodes[name]).Elem())
	}
}

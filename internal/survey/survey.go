// Package survey reads many BMCs side by side into one rack.Observation. One that fails is a gap that says why and what to
// do; the others go on.
//
// It knows no protocol: a Target opens a Reader, which the engine makes of internal/bmc.
package survey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	// defaultParallel is how many BMCs are read at once. A BMC answers four requests at a time and is waited for most of the
	// time: 48 of them keep two cores busy, and what is in memory of each (a few MB while it is read) stays below 150 MB.
	defaultParallel = 64
	// closeTimeout is what logging out may take when the run was cancelled: sessions are never left behind.
	closeTimeout = 10 * time.Second
	// rootPath is the path of a gap that is about the BMC as a whole.
	rootPath = "/redfish/v1/"
)

// Reader reads one BMC and must be closed. Gaps need no address.
type Reader interface {
	Read(ctx context.Context) (rack.Device, []rack.Gap, error)
	Close(ctx context.Context) error
}

// Meter is a Reader that can tell what it has cost, the closing of its session included.
type Meter interface {
	Stats() rack.Stats
}

// Target is one BMC to read.
type Target struct {
	Address  string // node address when bound, else the URL asked: what gaps and devices are called by
	Node     string // node name when bound
	Endpoint string // URL of the BMC
	Open     func(ctx context.Context) (Reader, error)
}

// Options bound a survey. The zero value is right.
type Options struct {
	Parallel int                     // BMCs read at once; 0 = 64
	Gate     Gate                    // of several surveys at once; nil = none
	Progress func(done, total int)   // called after each BMC, never twice at once; nil = none
	Done     func(t Target, ok bool) // called after each BMC, before Progress; nil = none
	Now      func() time.Time        // nil = time.Now
}

// Gate bounds how many BMCs several surveys of one process read at once: each of them keeps some MB while it is read.
type Gate chan struct{}

// NewGate lets so many through at once.
func NewGate(n int) Gate { return make(Gate, n) }

// pass waits for a place, and gives what leaves it.
func (g Gate) pass(ctx context.Context) (leave func()) {
	if g == nil {
		return func() {}
	}
	select {
	case g <- struct{}{}:
		return func() { <-g }
	case <-ctx.Done(): // what is read then says so
		return func() {}
	}
}

// Run reads all targets. Devices that could be read, be it in part, are sorted by address; every gap has its address. A
// target that could not be read at all is no device, only a gap. When ctx ends, what was not read yet becomes a gap.
func Run(ctx context.Context, targets []Target, opt Options) rack.Observation {
	now := opt.Now
	if now == nil {
		now = time.Now
	}
	parallel := opt.Parallel
	if parallel <= 0 {
		parallel = defaultParallel
	}
	s := &run{opt: opt, total: len(targets), texts: pool{known: map[string]any{}},
		o: rack.Observation{Format: rack.ObservationFormat, Taken: now().UTC(), Devices: []rack.Device{}, Gaps: []rack.Gap{}}}
	queue := make(chan Target)
	var wg sync.WaitGroup
	for range min(parallel, len(targets)) {
		wg.Go(func() {
			for t := range queue {
				leave := opt.Gate.pass(ctx)
				r := s.readOne(ctx, t)
				leave()
				s.add(r)
			}
		})
	}
	for _, t := range targets {
		queue <- t
	}
	close(queue)
	wg.Wait()
	slices.SortStableFunc(s.o.Devices, func(a, b rack.Device) int { return strings.Compare(a.Address, b.Address) })
	slices.SortStableFunc(s.o.Gaps, func(a, b rack.Gap) int {
		return strings.Compare(a.Address+"\x00"+a.Path+"\x00"+a.Reason, b.Address+"\x00"+b.Path+"\x00"+b.Reason)
	})
	return s.o
}

// run is one survey under way.
type run struct {
	opt   Options
	total int
	texts pool

	mu   sync.Mutex
	done int
	o    rack.Observation
}

// result is what came of one target.
type result struct {
	target Target
	device *rack.Device
	gaps   []rack.Gap
}

func (s *run) add(r result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done++
	if r.device != nil {
		s.o.Devices = append(s.o.Devices, *r.device)
	}
	s.o.Gaps = append(s.o.Gaps, r.gaps...)
	if s.opt.Done != nil {
		s.opt.Done(r.target, r.device != nil && len(r.gaps) == 0)
	}
	if s.opt.Progress != nil {
		s.opt.Progress(s.done, s.total)
	}
}

// readOne reads one BMC and closes it, whatever happens.
func (s *run) readOne(ctx context.Context, t Target) (out result) {
	out.target = t
	defer func() {
		if p := recover(); p != nil { // one BMC must not cost the survey of a thousand
			out.device = nil
			out.gaps = []rack.Gap{{Address: t.Address, Path: rootPath,
				Reason: fmt.Sprintf("metalwright: internal error: %v. This is a bug in Metalwright.", p)}}
		}
	}()
	if err := ctx.Err(); err != nil {
		out.gaps = []rack.Gap{failure(t, errors.New("it was not read: the survey was stopped"))}
		return out
	}
	r, err := t.Open(ctx)
	if err != nil {
		out.gaps = []rack.Gap{failure(t, err)}
		return out
	}
	device, gaps, err := s.readAndClose(ctx, r)
	if err != nil {
		out.gaps = []rack.Gap{failure(t, err)}
		return out
	}
	device.Address, device.Node, device.Endpoint = t.Address, t.Node, t.Endpoint
	for i := range gaps {
		gaps[i].Address = t.Address
	}
	s.texts.share(&device)
	out.device, out.gaps = &device, gaps
	return out
}

func (s *run) readAndClose(ctx context.Context, r Reader) (d rack.Device, gaps []rack.Gap, err error) {
	closed := false
	end := func() error {
		if closed {
			return nil
		}
		closed = true
		cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return r.Close(cctx)
	}
	defer func() { _ = end() }() // only when Read panics: the panic is what is told
	d, gaps, err = r.Read(ctx)
	cerr := end()
	if m, ok := r.(Meter); ok {
		d.Stats = m.Stats()
	}
	if err == nil && cerr != nil {
		gaps = append(gaps, rack.Gap{Path: rootPath, Reason: "its session could not be closed: " + cerr.Error()})
	}
	return d, gaps, err
}

// failure words an error as the gap of a whole BMC: what, why, and what to do.
func failure(t Target, err error) rack.Gap {
	reason := err.Error()
	if c := step.ClassOf(err); c != step.Transient && c != step.NoFailure {
		reason = string(c) + ": " + reason
	}
	if a := step.AdviceOf(err); a != "" {
		reason += ". " + a
	}
	return rack.Gap{Address: t.Address, Path: rootPath, Reason: reason}
}

package engine

import (
	"context"
	"sync"

	"github.com/metalwright/metalwright/internal/bmc"
)

// holds keeps one driver of each node that a verb is about open until the workspace is closed. Drivers of one BMC share its session,
// so the looks before and after, the run and the fetching of what was collected make one login together.
type holds struct {
	mu      sync.Mutex
	drivers map[string]*bmc.Driver

	accessMu sync.Mutex
	access   map[string]*bmc.Access // of nodes whose account is kept in escrow
}

// hold keeps the sessions of nodes. Nothing is sent by it; a node that cannot be opened is told by whoever reads it.
func (w *Workspace) hold(ctx context.Context, nodes ...string) {
	w.held.mu.Lock()
	defer w.held.mu.Unlock()
	for _, n := range nodes {
		if w.held.drivers[n] != nil {
			continue
		}
		d, err := w.driver(ctx, n)
		if err != nil {
			continue
		}
		if w.held.drivers == nil {
			w.held.drivers = map[string]*bmc.Driver{}
		}
		w.held.drivers[n] = d
	}
}

// release lets go of what is held: sessions that nothing else uses are logged out.
func (w *Workspace) release() {
	w.held.mu.Lock()
	defer w.held.mu.Unlock()
	var wg sync.WaitGroup
	for _, d := range w.held.drivers {
		wg.Go(func() { w.closeDriver(context.Background(), d.Close) })
	}
	wg.Wait()
	clear(w.held.drivers)
}

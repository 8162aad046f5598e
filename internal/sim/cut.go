package sim

// CutAt lets the n-th request from now, and every later one, be cut off: what a client that is killed there leaves behind. late
// says that the n-th is still acted on and only its answer is lost. 0 lets requests through again.
func (b *BMC) CutAt(n int, late bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cutAt, b.cutLate = n, late
}

// OnCut is called once, when a request is cut off: the client is killed at that moment. It must not call this BMC.
func (b *BMC) OnCut(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onCut = f
}

// Cut tells whether a request has been cut off since CutAt.
func (b *BMC) Cut() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cutAt < 0
}

// cutNow counts a request.
func (b *BMC) cutNow() (gone, late bool) {
	switch {
	case b.cutAt == 0:
		return false, false
	case b.cutAt < 0:
		b.killed() // a late one that was not acted on
		return true, false
	case b.cutAt == 1:
		b.cutAt = -1
		if !b.cutLate {
			b.killed()
		}
		return !b.cutLate, b.cutLate
	default:
		b.cutAt--
		return false, false
	}
}

// killed tells who wants to know that a request was cut off.
func (b *BMC) killed() {
	if f := b.onCut; f != nil {
		b.onCut = nil
		f()
	}
}

package cli

import "testing"

// TestEventsPage does what docs/events.md shows.
func TestEventsPage(t *testing.T) {
	t.Parallel()
	runPage(t, "../docs/events.md", 4)
}

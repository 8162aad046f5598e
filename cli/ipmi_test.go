package cli

import "testing"

// TestIPMIPage does what docs/ipmi.md shows.
func TestIPMIPage(t *testing.T) {
	t.Parallel()
	runPage(t, "../docs/ipmi.md", 1)
}

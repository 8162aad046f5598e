package cli

import "testing"

// TestVerbsPage does what docs/verbs.md shows, as TestReadme does with the README.
func TestVerbsPage(t *testing.T) {
	if testing.Short() {
		t.Skip("brings a simulated rack up")
	}
	t.Parallel()
	runPage(t, "../docs/verbs.md", 8)
}

package cli

import (
	"os"
	"path/filepath"
	"testing"
)

// TestVerbsPage does what docs/verbs.md shows, as TestReadme does with the README.
func TestVerbsPage(t *testing.T) {
	if testing.Short() {
		t.Skip("brings a simulated rack up")
	}
	t.Parallel()
	text, err := os.ReadFile("../docs/verbs.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	n := 0
	for _, b := range blocks(string(text)) {
		switch b.language {
		case "hcl":
			if err := os.WriteFile(filepath.Join(dir, b.file), []byte(b.text), 0o644); err != nil {
				t.Fatal(err)
			}
		case "console":
			for _, c := range transcript(b.text) {
				n++
				runTranscript(t, dir, c)
			}
		}
	}
	if n < 8 {
		t.Errorf("the page ran only %d commands", n)
	}
}

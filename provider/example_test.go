package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every example of Terraform is run as a person would run it. What it promises, its program checks itself.
func TestExamples(t *testing.T) {
	needEngine(t)
	t.Parallel()
	programs, err := filepath.Glob(filepath.Join("..", "examples", "terraform-*", "run"))
	if err != nil || len(programs) == 0 {
		t.Fatalf("no example of Terraform: %v", err)
	}
	for _, p := range programs {
		t.Run(filepath.Base(filepath.Dir(p)), func(t *testing.T) {
			t.Parallel()
			c := command(t, p)
			c.Env = append(os.Environ(), "SPEED=1200")
			out, err := c.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if strings.Contains(string(out), "\x1b") {
				t.Error("it writes escape sequences into a pipe")
			}
		})
	}
}

// The text of an example is formatted as the engine formats it.
func TestExamplesAreFormatted(t *testing.T) {
	needEngine(t)
	dirs, err := filepath.Glob(filepath.Join("..", "examples", "terraform-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if out, err := command(t, enginePath, "fmt", "-check", "-diff", dir).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", dir, err, out)
		}
	}
}

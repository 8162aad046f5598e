package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// scripts are the examples' programs and how a test runs them: in one round, faster than a person would watch. make demo runs all.
var scripts = map[string][]string{
	"factory-lab/demo.sh": {"quiet"},
}

// TestExamples runs every example: blueprints are validated, formatted and tested, which brings them up in the simulator; scripts
// are run. Examples of Terraform are run by the tests of the provider.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("brings simulated racks up")
	}
	dirs, err := os.ReadDir("../examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		dir := filepath.Join("..", "examples", d.Name())
		blueprints, _ := filepath.Glob(filepath.Join(dir, "*.mw.hcl"))
		programs, _ := filepath.Glob(filepath.Join(dir, "*.sh"))
		terraform, _ := filepath.Glob(filepath.Join(dir, "*.tf"))
		if len(blueprints)+len(programs)+len(terraform) == 0 {
			t.Errorf("nothing in %s can be run", dir)
		}
		if len(blueprints) > 0 {
			t.Run(d.Name(), func(t *testing.T) {
				t.Parallel()
				exampleBlueprint(t, dir)
			})
		}
		for _, p := range programs {
			name := d.Name() + "/" + filepath.Base(p)
			args, ok := scripts[name]
			if !ok {
				t.Errorf("no test runs %s", name)
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				exampleScript(t, p, args)
			})
		}
	}
}

// exampleBlueprint works on a copy, as a rack that comes up leaves a folder behind.
func exampleBlueprint(t *testing.T, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(work, filepath.Base(f)), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, words := range []string{"fmt --check", "validate", "expand", "test"} {
		cmd := exec.CommandContext(t.Context(), "metalwright", append(strings.Fields(words), work)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("metalwright %s: %v\n%s", words, err, out)
		}
	}
}

func exampleScript(t *testing.T, path string, args []string) {
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "SPEED=1200")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", path, err, out)
	}
	if strings.Contains(string(out), "\x1b") {
		t.Errorf("%s writes escape sequences into a pipe", path)
	}
}

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write golden output and generated documents back")

// TestMain lets the test binary stand in for the command: a script that says metalwright runs this very process' code.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"metalwright": func() {
			os.Exit(Main(os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
		},
	})
}

// TestScript runs the scripts, one a subject. go test ./cli -run TestScript -update writes what cmp compares back into them.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("USER", "tester")
			e.Setenv("TREES", trees())
			examples, err := filepath.Abs("../examples")
			if err != nil {
				return err
			}
			e.Setenv("EXAMPLES", examples)
			id, err := age.GenerateX25519Identity()
			if err != nil {
				return err
			}
			key := filepath.Join(e.WorkDir, "age.txt")
			e.Setenv("METALWRIGHT_AGE_IDENTITY", key)
			if err := os.WriteFile(key, []byte(id.String()+"\n"), 0o600); err != nil {
				return err
			}
			if err := writeAuthority(e.WorkDir); err != nil {
				return err
			}
			return os.CopyFS(filepath.Join(e.WorkDir, "small"), os.DirFS("testdata/small"))
		},
		Condition: func(cond string) (bool, error) {
			if cond == "trees" {
				return haveTrees(t), nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":    await,
			"code":     code,
			"capture":  capture,
			"replace":  replace,
			"flip":     flip,
			"jsonrows": jsonRows,
		},
	})
}

// trees is where recorded trees of real devices stand beside the checkout.
func trees() string {
	dir, err := filepath.Abs("../../shared/redfish")
	if err != nil {
		panic(err)
	}
	return dir
}

func haveTrees(t *testing.T) bool {
	if _, err := os.Stat(trees()); err == nil {
		return true
	}
	if os.Getenv("METALWRIGHT_LAB") == "require" {
		t.Errorf("recorded trees are absent: looked for %s", trees())
	}
	return false
}

// await FILE TEXT waits until a file that a background process writes holds a text; with * in its name, the only such file.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	name := ts.MkAbs(args[0])
	for range 400 {
		if files, _ := filepath.Glob(name); len(files) > 0 {
			text, err := os.ReadFile(slices.Max(files))
			if err == nil && strings.Contains(string(text), args[1]) {
				return
			}
		}
		_ = ts.Exec("metalwright", "version") // takes as long as a process takes
	}
	ts.Fatalf("%s never held %q", args[0], args[1])
}

// code N COMMAND... runs a command that has to end with that exit code.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("%s ended with %d, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// capture NAME FILE REGEXP sets a variable to what the first group of a regular expression finds in a file.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: capture NAME FILE REGEXP")
	}
	found := regexp.MustCompile(`(?ms)` + args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if len(found) < 2 {
		ts.Fatalf("%s does not match %s", args[1], args[2])
	}
	ts.Setenv(args[0], found[1])
}

// replace FROM TO OLD NEW writes a file as another one, with the first occurrence of a text changed.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: replace FROM TO OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[2]) {
		ts.Fatalf("%s does not hold %q", args[0], args[2])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Replace(text, args[2], args[3], 1)), 0o644))
}

// flip FILE TEXT changes one byte of a file: the last one of the first occurrence of a text.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE TEXT")
	}
	name := ts.MkAbs(args[0])
	data, err := os.ReadFile(name)
	ts.Check(err)
	i := bytes.Index(data, []byte(args[1]))
	if i < 0 {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	data[i+len(args[1])-1] ^= 1
	ts.Check(os.WriteFile(name, data, 0o600))
}

// jsonRows FILE... demands that each line of a file (or of stdout) is one JSON object with format 1.
func jsonRows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: jsonrows FILE")
	}
	for i, line := range strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n") {
		var row struct {
			Format int    `json:"format"`
			Event  string `json:"event"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			ts.Fatalf("%s:%d: %v", args[0], i+1, err)
		}
		if row.Format != 1 || row.Event == "" {
			ts.Fatalf("%s:%d: no format 1 or no event: %s", args[0], i+1, line)
		}
	}
}

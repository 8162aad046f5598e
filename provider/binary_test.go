package provider_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
)

// built makes the provider's binary, once for all tests, and gives the folder it stands in.
var built = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "build", "-o", filepath.Join(buildDir, "bin")+string(filepath.Separator), "./terraform-provider-metalwright").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the provider: %w: %s", err, out)
	}
	return filepath.Join(buildDir, "bin"), nil
})

// work is a Terraform configuration in a folder of its own, run with the provider's binary.
type work struct {
	t   *testing.T
	lab *lab
	dir string
	env []string
	out bytes.Buffer // of all commands
}

const mainTF = `terraform {
  required_providers {
    metalwright = { source = "metalwright/metalwright" }
  }
}

variable "passwords" {
  type      = map(string)
  ephemeral = true
}

provider "metalwright" {
  blueprint = %q
  nodes = {
%s  }
  credentials = { for n in [%s] : n => { username = "admin", password = var.passwords[n] } }
}

resource "metalwright_rack" "lab" {}
`

// newWork writes the configuration. The passwords come in an ephemeral variable. reach may lead to a BMC by another address.
func newWork(t *testing.T, l *lab, reach func(rack.Binding) string) *work {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	w := &work{t: t, lab: l, dir: t.TempDir()}
	passwords := map[string]string{}
	var nodes strings.Builder
	var names []string
	for _, b := range l.bindings {
		_, passwords[b.Node] = l.sim.Credentials(b.Node)
		at := b.URL
		if reach != nil {
			at = reach(b)
		}
		fmt.Fprintf(&nodes, "    %s = { endpoint = %q, credential = %q, tls = { pin_sha256 = %q } }\n", b.Node, at, b.Node, b.PinSHA256)
		names = append(names, fmt.Sprintf("%q", b.Node))
	}
	blueprint, err := filepath.Rel(w.dir, l.dir)
	if err != nil {
		t.Fatal(err)
	}
	vars, err := json.Marshal(passwords)
	if err != nil {
		t.Fatal(err)
	}
	w.write("main.tf", fmt.Sprintf(mainTF, blueprint, &nodes, strings.Join(names, ", ")))
	w.write("cli.tfrc", fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"metalwright/metalwright\" = %q\n  }\n  direct {}\n}\n", bin))
	w.env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(w.dir, "cli.tfrc"), "TF_VAR_passwords="+string(vars),
		"TF_LOG=TRACE", "TF_LOG_PATH="+filepath.Join(w.dir, "trace.log"))
	return w
}

func (w *work) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// command is the engine in a process group of its own, as a shell would start it.
func (w *work) command(args ...string) *exec.Cmd {
	c := command(w.t, enginePath, append(args, "-no-color")...)
	c.Dir, c.Env = w.dir, w.env
	return c
}

// command is a program in a process group of its own, which ends as a whole when it takes too long.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(limit(t), name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	return c
}

// run runs the engine and fails the test unless it ends with a code. It gives what was said.
func (w *work) run(want int, args ...string) string {
	w.t.Helper()
	out, err := w.command(args...).CombinedOutput()
	w.out.Write(out)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		w.t.Fatal(err)
	}
	if code != want {
		w.t.Fatalf("%s ended with %d, want %d:\n%s", strings.Join(args, " "), code, want, out)
	}
	return string(out)
}

// says fails unless text holds all the words, whatever the engine's line breaks.
func says(t *testing.T, text string, words ...string) {
	t.Helper()
	flat := strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(text)), " ")
	for _, word := range words {
		if !strings.Contains(flat, word) {
			t.Errorf("it does not say %q:\n%s", word, text)
		}
	}
}

// leaks fails when a password stands in anything that was written or said, as it is or encoded.
func (w *work) leaks() {
	w.t.Helper()
	texts := map[string][]byte{"what the engine said": w.out.Bytes()}
	for _, dir := range []string{w.dir, w.lab.dir} {
		for _, f := range files(w.t, dir) {
			text, err := os.ReadFile(f)
			if err != nil {
				w.t.Fatal(err)
			}
			texts[f] = text
			if z, err := zip.NewReader(bytes.NewReader(text), int64(len(text))); err == nil { // a saved plan
				for _, e := range z.File {
					texts[f+"/"+e.Name] = w.entry(e)
				}
			}
		}
	}
	for _, must := range []string{"trace.log", "terraform.tfstate", ".jsonl", "plan.json"} { // what would be the first to leak
		found := false
		for name, text := range texts {
			found = found || strings.HasSuffix(name, must) && len(text) > 0
		}
		if !found {
			w.t.Errorf("no %s was looked through", must)
		}
	}
	for _, b := range w.lab.bindings {
		_, pass := w.lab.sim.Credentials(b.Node)
		for _, form := range []string{pass, base64.StdEncoding.EncodeToString([]byte(pass)), base64.StdEncoding.EncodeToString([]byte("admin:" + pass)),
			url.QueryEscape(pass), fmt.Sprintf("%x", pass)} {
			for name, text := range texts {
				if bytes.Contains(text, []byte(form)) {
					w.t.Errorf("the password of %s stands in %s", b.Node, name)
				}
			}
		}
	}
}

func (w *work) entry(f *zip.File) []byte {
	w.t.Helper()
	r, err := f.Open()
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// change is what a saved plan says of the rack.
type change struct {
	Actions []string `json:"actions"`
	After   struct {
		Impact []any          `json:"impact"`
		Resets map[string]int `json:"resets"`
	} `json:"after"`
}

func (w *work) planned(file string) change {
	w.t.Helper()
	var p struct {
		Changes []struct {
			Change change `json:"change"`
		} `json:"resource_changes"`
	}
	out := w.run(0, "show", "-json", file)
	if err := json.Unmarshal([]byte(out), &p); err != nil || len(p.Changes) != 1 {
		w.t.Fatalf("%v, %d resources in the plan: %s", err, len(p.Changes), out)
	}
	return p.Changes[0].Change
}

// What was approved is what is done, or nothing is. No secret goes anywhere. Import and destroy send nothing.
func TestBinaryApproval(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "rack", speed)
	w := newWork(t, l, nil)
	w.run(0, "plan", "-out=first.tfplan")
	if c := w.planned("first.tfplan"); len(c.After.Impact) < 10 || c.After.Resets["host_reset"] != 2 {
		t.Errorf("the plan shows %d changes and resets %v", len(c.After.Impact), c.After.Resets)
	}
	l.poke("dell", sim.Poke{BIOS: map[string]any{"SysProfile": "PerfOptimized"}})
	says(t, w.run(1, "apply", "first.tfplan"), "Devices moved since the last plan",
		"dell bios SysProfile: was PerfPerWattOptimizedDapc, is PerfOptimized", "Make a new plan")
	l.unchanged(0)

	w.run(0, "plan", "-out=second.tfplan")
	w.run(0, "apply", "second.tfplan")
	l.once("dell")
	l.once("smc")
	w.run(0, "plan", "-detailed-exitcode")
	l.drift()
	says(t, w.run(2, "plan", "-detailed-exitcode"), "SriovGlobalEnable")
	w.run(0, "apply", "-auto-approve") // leaves a backup of the state behind
	l.closed()

	before := l.writes()
	if err := os.Rename(filepath.Join(w.dir, "terraform.tfstate"), filepath.Join(w.dir, "old.tfstate")); err != nil {
		t.Fatal(err)
	}
	says(t, w.run(1, "import", "metalwright_rack.lab", "rack.other"), "no rack", "rack.lab")
	w.run(0, "import", "metalwright_rack.lab", "rack.lab")
	w.run(0, "plan", "-out=imported.tfplan")
	if c := w.planned("imported.tfplan"); len(c.Actions) != 1 || c.Actions[0] != "update" || len(c.After.Impact) != 0 {
		t.Errorf("the first plan after an import: %v with %d changes, want an update with none", c.Actions, len(c.After.Impact))
	}
	w.run(0, "apply", "imported.tfplan")
	w.run(0, "plan", "-detailed-exitcode")
	says(t, w.run(0, "destroy", "-auto-approve"), "Destroy forgets the rack")
	l.unchanged(before)
	l.closed()
	w.leaks()
}

// The first interrupt leaves gently; the next plan goes on with what was cut off.
func TestBinaryInterrupt(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "rack", speed)
	var smc *cable
	w := newWork(t, l, func(b rack.Binding) string {
		if b.Node != "smc" {
			return b.URL
		}
		smc = newCable(t, b.URL)
		return smc.url
	})
	c := w.command("apply", "-auto-approve")
	smc.onceWhen(func() bool { return l.ledger("smc").Pushes == 1 }, func() { _ = c.Process.Signal(os.Interrupt) })
	out, err := c.CombinedOutput()
	w.out.Write(out)
	if err == nil {
		t.Fatalf("an interrupted apply ended well:\n%s", out)
	}
	says(t, string(out), "Apply stopped", "Apply again to go on")
	l.closed() // it left, and logged out
	path, err := journal.Latest(journal.Disk{}, filepath.Join(l.dir, engine.StateDir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	records, _, err := journal.Read(bytes.NewReader(text))
	if err := errors.Join(err, journal.Audit(records, "")); err != nil {
		t.Errorf("it was not left gently: %v", err) // what is cut at once leaves intents without a word
	}
	says(t, w.run(2, "plan", "-detailed-exitcode"), "Goes on with an apply that was cut off")
	w.run(0, "apply", "-auto-approve")
	w.run(0, "plan", "-detailed-exitcode")
	l.once("dell")
	l.once("smc")
	l.closed()
	w.leaks()
}

// Killed in the middle of a push: the next plan works, and its apply repeats nothing.
func TestBinaryKilled(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "rack", speed)
	var dell *cable
	w := newWork(t, l, func(b rack.Binding) string {
		if b.Node != "dell" {
			return b.URL
		}
		dell = newCable(t, b.URL)
		return dell.url
	})
	c := w.command("apply", "-auto-approve")
	dell.onceWhen(func() bool { return l.ledger("dell").Flashes["bmc"] == 1 }, func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
	if out, err := c.CombinedOutput(); err == nil {
		t.Fatalf("a killed apply ended well:\n%s", out)
	}
	_ = os.Remove(filepath.Join(w.dir, ".terraform.tfstate.lock.info")) // the engine's own lock, which it left behind
	says(t, w.run(2, "plan", "-detailed-exitcode"), "Goes on with an apply that was cut off")
	w.run(0, "apply", "-auto-approve")
	w.run(0, "plan", "-detailed-exitcode")
	l.once("dell")
	l.once("smc")
	w.leaks()
}

package provider_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/provider"
)

// enginePath is the terraform or tofu that the acceptance tests run; empty = none was found.
var enginePath string

func TestMain(m *testing.M) {
	code, err := withEngine(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// withEngine finds an engine and sets what it and the test framework read from the environment.
func withEngine(run func() int) (int, error) {
	dir, err := os.MkdirTemp("", "metalwright-provider-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	enginePath = os.Getenv("TF_ACC_TERRAFORM_PATH")
	for _, name := range []string{"terraform", "tofu"} {
		if enginePath == "" {
			enginePath, _ = exec.LookPath(name) // absent: the next one, else a loud skip
		}
	}
	config := filepath.Join(dir, "cli.tfrc") // a file that does not exist warns on every run
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return 1, err
	}
	for k, v := range map[string]string{"TF_ACC": "1", "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": config, "TF_ACC_TERRAFORM_PATH": enginePath,
		"TF_IN_AUTOMATION": "1"} {
		if err := os.Setenv(k, v); err != nil {
			return 1, err
		}
	}
	if enginePath != "" && os.Getenv("TF_ACC_PROVIDER_HOST") == "" {
		if err := askDefaultHost(dir); err != nil {
			return 1, err
		}
	}
	buildDir = dir
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil { // they wait for BMCs, not for processors
		return 1, err
	}
	return run(), nil
}

// askDefaultHost tells the test framework which registry host an engine other than Terraform has by default.
func askDefaultHost(dir string) error {
	out, err := exec.Command(enginePath, "version").Output()
	if err != nil {
		return fmt.Errorf("run %s: %w", enginePath, err)
	}
	if strings.HasPrefix(string(out), "Terraform") {
		return nil
	}
	ask := filepath.Join(dir, "ask")
	text := "terraform {\n  required_providers {\n    x = { source = \"hashicorp/x\" }\n  }\n}\n"
	if err := os.MkdirAll(ask, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(ask, "main.tf"), []byte(text), 0o600); err != nil {
		return err
	}
	out, err = exec.Command(enginePath, "-chdir="+ask, "providers").Output()
	if err != nil {
		return fmt.Errorf("ask %s for its default host: %w", enginePath, err)
	}
	m := regexp.MustCompile(`provider\[([^/\]]*)/hashicorp/x\]`).FindSubmatch(out)
	if m == nil {
		return fmt.Errorf("%s does not tell its default host: %s", enginePath, out)
	}
	return os.Setenv("TF_ACC_PROVIDER_HOST", string(m[1]))
}

// needEngine skips a test loudly where there is no engine, and fails it where one is required.
func needEngine(t *testing.T) {
	t.Helper()
	if enginePath != "" {
		return
	}
	const what = "terraform or tofu is absent: looked for TF_ACC_TERRAFORM_PATH, then on PATH"
	if os.Getenv("METALWRIGHT_LAB") == "require" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// lab is a blueprint in a folder of its own and its simulated rack on loopback.
type lab struct {
	t        *testing.T
	dir      string
	sim      *sim.Rack
	bindings []rack.Binding
	seed     uint64
}

// speed makes the hour that a rack takes a few seconds.
const speed = 1200

// newLab starts a rack of testdata/NAME. Its passwords follow from a seed that is new each time, so that each is a canary.
// edits are "OLD => NEW" in main.mw.hcl.
func newLab(t *testing.T, name string, speed float64, edits ...string) *lab {
	t.Helper()
	var b [8]byte
	_, _ = rand.Read(b[:])
	l := &lab{t: t, dir: filepath.Join(t.TempDir(), "blueprint"), seed: binary.LittleEndian.Uint64(b[:])}
	t.Logf("seed of the simulated rack: %d", l.seed)
	if err := os.CopyFS(l.dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	for _, e := range edits {
		old, to, _ := strings.Cut(e, " => ")
		l.edit("main.mw.hcl", old, to)
	}
	w, diags := engine.Load(engine.Options{Dir: l.dir})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	r, err := sim.New(w.Design, sim.Options{Seed: l.seed, Speed: speed}) // nothing goes wrong but what a test asks for
	if err != nil {
		t.Fatal(err)
	}
	if l.bindings, err = r.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	l.sim = r
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	err = engine.WriteSimulated(filepath.Join(l.dir, engine.StateDir), engine.Simulated{PID: os.Getpid(), Speed: speed, Seed: l.seed,
		Pins: engine.PinsOf(l.bindings)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// provider is a provider block with the inventory and the passwords of the rack. change may spoil it.
func (l *lab) provider(change ...func(b *rack.Binding, password *string)) string {
	var nodes, creds strings.Builder
	for _, b := range l.bindings {
		_, pass := l.sim.Credentials(b.Node)
		for _, f := range change {
			f(&b, &pass)
		}
		fmt.Fprintf(&nodes, "    %s = {\n      endpoint   = %q\n      credential = %q\n      tls        = { pin_sha256 = %q }\n    }\n", b.Node, b.URL, b.Node, b.PinSHA256)
		fmt.Fprintf(&creds, "    %s = { username = %q, password = %q }\n", b.Node, b.Username, pass)
	}
	return fmt.Sprintf("provider \"metalwright\" {\n  blueprint = %q\n  operator  = \"tester\"\n  nodes = {\n%s  }\n  credentials = {\n%s  }\n}\n",
		l.dir, &nodes, &creds)
}

const rackBlock = "\nresource \"metalwright_rack\" \"lab\" {}\n"

// ledger is what one BMC has counted.
func (l *lab) ledger(node string) sim.Ledger { return l.sim.Ledger()[node] }

// writes counts the requests that change something, on all nodes.
func (l *lab) writes() int {
	n := 0
	for _, led := range l.sim.Ledger() {
		n += led.Writes
	}
	return n
}

// unchanged fails when anything was written since was.
func (l *lab) unchanged(was int) {
	l.t.Helper()
	if n := l.writes(); n != was {
		l.t.Errorf("%d mutating requests, want none", n-was)
	}
}

// closed fails when a session was left open, or something happened that no careful client does.
func (l *lab) closed() {
	l.t.Helper()
	for name, led := range l.sim.Ledger() {
		if led.SessionsOpen != 0 || len(led.Violations) > 0 || led.FailedLogins > 0 {
			l.t.Errorf("%s: %d sessions open, %d log-ins failed, violations %q", name, led.SessionsOpen, led.FailedLogins, led.Violations)
		}
	}
}

// once fails unless a node was brought up with one reset of each class and one flash a component.
func (l *lab) once(node string) {
	l.t.Helper()
	led := l.ledger(node)
	if led.Resets["host_reset"] != 1 || led.Resets["bmc_reset"] != 1 || led.Resets["host_power_cycle"] != 0 || led.Resets["aux_cycle"] != 0 {
		l.t.Errorf("%s: resets %v, want one of the host and one of the BMC", node, led.Resets)
	}
	for _, c := range []string{"bmc", "bios", "nic"} {
		if led.Flashes[c] != 1 {
			l.t.Errorf("%s: %s was flashed %d times, want once", node, c, led.Flashes[c])
		}
	}
}

// poke changes a node behind everybody's back.
func (l *lab) poke(node string, p sim.Poke) {
	l.t.Helper()
	if err := l.sim.BMC(node).Poke(p); err != nil {
		l.t.Fatal(err)
	}
}

// drift sets a BIOS attribute of the service node to another value than its profile says.
func (l *lab) drift() {
	l.poke("dell", sim.Poke{BIOS: map[string]any{"SriovGlobalEnable": "Disabled"}})
}

// edit replaces text in the blueprint.
func (l *lab) edit(file, old, to string) {
	l.t.Helper()
	path := filepath.Join(l.dir, file)
	text, err := os.ReadFile(path)
	if err != nil {
		l.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		l.t.Fatalf("%s holds no %q", file, old)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, to)), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// factories serve the provider within the test process.
func factories() map[string]func() (tfprotov6.ProviderServer, error) {
	return map[string]func() (tfprotov6.ProviderServer, error){
		"metalwright": func() (tfprotov6.ProviderServer, error) {
			return providerserver.NewProtocol6(provider.New("test")())(), nil
		},
	}
}

// buildDir is where what is built for the tests stands.
var buildDir string

// files lists the files below a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// limit bounds a command of the tests: far beyond what it takes, so that it only ends what hangs.
func limit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

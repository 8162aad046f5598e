package bench_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The promise of the provider: an empty plan of 256 nodes, with a rack resource for every eight, takes no longer and no more memory
// than this, Terraform itself included. (The public provider of one vendor takes 111 s and 733 MB for the same fleet as data sources.)
const (
	fleetNodes    = 256
	nodesPerRack  = 8
	fleetLimit    = 10 * time.Second
	fleetMaxBytes = 250 << 20
)

// BenchmarkTerraformPlan256R750 measures `terraform plan` with nothing to do.
func BenchmarkTerraformPlan256R750(b *testing.B) {
	engine := terraform(b)
	m := start(b, "dell-r750-idrac9-6.00", fleetNodes)
	f := newFleet(b, m, engine)
	f.run(b, 0, "apply", "-auto-approve") // takes the racks into the state; there is nothing to do
	var total time.Duration
	var peak int64
	for b.Loop() {
		m.reset(b)
		begin := time.Now()
		peak = max(peak, f.run(b, 0, "plan", "-detailed-exitcode"))
		total += time.Since(begin)
		c := m.stats(b)
		if c.Touched != fleetNodes || c.Leaked != 0 || c.Made != fleetNodes || c.MaxInflight > maxConnections {
			b.Errorf("%d BMCs touched, %d sessions made, %d left open, %d requests in flight on one", c.Touched, c.Made, c.Leaked, c.MaxInflight)
		}
		b.ReportMetric(float64(c.Req)/fleetNodes, "requests/BMC")
	}
	mean := total / time.Duration(b.N)
	b.ReportMetric(mean.Seconds(), "s/plan")
	b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
	b.ReportMetric(0, "ns/op")
	if os.Getenv("METALWRIGHT_BENCH") == "strict" && (mean > fleetLimit || peak > fleetMaxBytes) {
		b.Errorf("%d nodes: %.2f s and %d MB, the limits are %.0f s and %d MB", fleetNodes, mean.Seconds(), peak>>20, fleetLimit.Seconds(), fleetMaxBytes>>20)
	}
}

// terraform finds an engine as the provider's tests do.
func terraform(b *testing.B) string {
	b.Helper()
	if path := os.Getenv("TF_ACC_TERRAFORM_PATH"); path != "" {
		return path
	}
	for _, name := range []string{"terraform", "tofu"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	absent(b, "terraform or tofu is absent: looked for TF_ACC_TERRAFORM_PATH, then on PATH")
	return ""
}

// fleet is a configuration of racks, in a folder of its own.
type fleet struct {
	engine, dir string
	env         []string
}

func newFleet(b *testing.B, m *mock, engine string) *fleet {
	b.Helper()
	f := &fleet{engine: engine, dir: b.TempDir()}
	bin := filepath.Join(f.dir, "bin")
	if out, err := exec.Command("go", "build", "-o", bin+"/", "../../provider/terraform-provider-metalwright").CombinedOutput(); err != nil {
		b.Fatalf("build the provider: %v\n%s", err, out)
	}
	var nodes, racks strings.Builder
	racks.WriteString("blueprint { name = \"fleet\" }\n\nregion \"home\" {\n  jurisdiction = \"AU\"\n  policy       = policies.au.baseline\n}\n\n" +
		"site \"lab\" {\n  region  = region.home\n  country = \"AU\"\n  endpoints { artifacts = \"https://mirror.lab.example\" }\n}\n")
	var names []string
	for i, u := range m.urls {
		if i%nodesPerRack == 0 {
			name := fmt.Sprintf("r%02d", i/nodesPerRack)
			names = append(names, strconv.Quote(name))
			fmt.Fprintf(&racks, "\nrack %q {\n  site  = site.lab\n  model = hw.rack.eia_48u\n}\n\nnode %q {\n  for_each = { for i in range(%d) : \"%s-n${i + 1}\" => i }\n"+
				"  hardware = hw.server.dell_r750\n  at       = { rack = rack.%s, u = 1 + 2 * each.value }\n  power    = \"On\"\n}\n", name, name, nodesPerRack, name, name)
		}
		fmt.Fprintf(&nodes, "    r%02d-n%d = { endpoint = %q, credential = \"bmc\", tls = { pin_sha256 = %q } }\n", i/nodesPerRack, i%nodesPerRack+1, u, pin(b, u))
	}
	f.write(b, "rack/main.mw.hcl", racks.String())
	f.write(b, "main.tf", "terraform {\n  required_providers {\n    metalwright = { source = \"metalwright/metalwright\" }\n  }\n}\n\nprovider \"metalwright\" {\n"+
		"  blueprint = \"${path.module}/rack\"\n  nodes = {\n"+nodes.String()+"  }\n  credentials = { bmc = { username = \"root\", password = \"calvin0\" } }\n}\n\n"+
		"resource \"metalwright_rack\" \"fleet\" {\n  for_each = toset(["+strings.Join(names, ", ")+"])\n  rack     = each.key\n}\n")
	f.write(b, "cli.tfrc", fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"metalwright/metalwright\" = %q\n  }\n  direct {}\n}\n", bin))
	f.env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(f.dir, "cli.tfrc"), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	return f
}

func (f *fleet) write(b *testing.B, name, text string) {
	b.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

// run runs the engine, wants it to end with a code, and gives the most memory that it and its children had together.
func (f *fleet) run(b *testing.B, want int, args ...string) (peak int64) {
	b.Helper()
	cmd := exec.Command(f.engine, append(args, "-no-color", "-parallelism=32")...)
	cmd.Dir, cmd.Env = f.dir, f.env
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		t := time.NewTicker(50 * time.Millisecond)
		defer t.Stop()
		for {
			peak = max(peak, familyRSS(cmd.Process.Pid))
			select {
			case <-done:
				return
			case <-t.C:
			}
		}
	})
	_ = cmd.Wait() // the code is looked at
	close(done)
	watch.Wait()
	if code := cmd.ProcessState.ExitCode(); code != want {
		b.Fatalf("%s ended with %d, want %d:\n%s", strings.Join(args, " "), code, want, out.String())
	}
	return peak
}

// familyRSS is the memory of a process and its children at this moment; 0 where the system does not tell.
func familyRSS(pid int) int64 {
	sum := int64(0)
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid)); err == nil {
		if f := strings.Fields(string(text)); len(f) > 1 {
			if pages, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				sum += pages * int64(os.Getpagesize())
			}
		}
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // a process that has ended has none
	for _, t := range tasks {
		text, err := os.ReadFile(t)
		if err != nil {
			continue
		}
		for _, child := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				sum += familyRSS(n)
			}
		}
	}
	return sum
}

// pin is the SHA-256 of the public key that a BMC of the mock shows.
func pin(b *testing.B, raw string) string {
	b.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		b.Fatal(err)
	}
	c, err := tls.Dial("tcp", u.Host, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is asked for what is to be trusted
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	key, err := x509.MarshalPKIXPublicKey(c.ConnectionState().PeerCertificates[0].PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:])
}

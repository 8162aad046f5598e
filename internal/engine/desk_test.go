package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
)

// siteText is the ground that every blueprint of these tests stands on. A canary of the first node of a platform goes
// first.
const siteText = `
blueprint {
  name    = "desk"
  version = "1.0.0"
}
region "home" {
  jurisdiction = "AU"
  policy       = policies.au.baseline
}
site "lab" {
  region  = region.home
  country = "AU"
  endpoints {
    registry  = "https://registry.lab.example"
    artifacts = "https://mirror.lab.example"
    telemetry = "https://otlp.lab.example:4317"
    ntp       = ["10.20.0.2", "10.20.0.3"]
    dns       = ["10.20.0.2", "10.20.0.3"]
  }
  network "management" { cidr = "10.20.8.0/22" }
  cooling { offers = ["air", "liquid"] }
}
rack "lab" {
  site  = site.lab
  model = hw.rack.eia_48u
  power {
    feeds       = 3
    contract_kw = 60
  }
}
`

// nodeText is one node of a blueprint.
func nodeText(name, hardware string, u int, body string) string {
	return fmt.Sprintf(`
node %q {
  hardware = hw.server.%s
  at       = { rack = rack.lab, u = %d }
  power    = "On"
  bmc {
    username   = "admin"
    credential = secret("env:BMC_PASSWORD")
  }
%s}
`, name, hardware, u, body)
}

const (
	dellBIOS   = "  bios { attributes = { SriovGlobalEnable = \"Enabled\" } }\n"
	smcBIOS    = "  bios { attributes = { SR_IOVSupport_0047 = \"Enabled\" } }\n"
	hpeBIOS    = "  bios { attributes = { NumaGroupSizeOpt = \"Clustered\" } }\n"
	lenovoBIOS = "  bios { attributes = { Processors_SNC = \"Enabled\" } }\n"
)

// threeNodes is a rack of three vendors in which each node needs one setting.
var threeNodes = siteText + nodeText("dell", "dell_r750", 1, dellBIOS) + nodeText("lenovo", "lenovo_sr670_v2", 3,
	lenovoBIOS) +
	nodeText("smc", "sys_821ge_tnhr", 11, smcBIOS)

// quickNodes is another, whose BMCs all tell when their host is up: nothing has to be waited for by the clock.
var quickNodes = siteText + nodeText("dell", "dell_r750", 1, dellBIOS) + nodeText("hpe", "hpe_dl380a_gen11", 6,
	hpeBIOS) +
	nodeText("smc", "sys_821ge_tnhr", 11, smcBIOS)

var embedded = sync.OnceValues(catalog.Load)

// journalFS is the disk under the journals.
type journalFS = journal.FS

// absent is a password whose variable is not set.
const absent = ""

// desk is a blueprint in a folder of its own and the simulated rack behind it, in memory.
type desk struct {
	t        *testing.T
	dir      string
	rack     *sim.Rack
	bindings []rack.Binding
	password map[string]string // by node, instead of the right one
	dial     engine.Dialer     // instead of the rack's
	fs       journalFS         // instead of the disk
	operator string
	said     bytes.Buffer // everything logged
}

// bareDesk writes the blueprint, and has no rack yet.
func bareDesk(t *testing.T, text string) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), password: map[string]string{}, operator: "anna"}
	d.write("main.mw.hcl", text)
	return d
}

// newDesk writes the blueprint, and builds its rack.
func newDesk(t *testing.T, text string, o sim.Options) *desk {
	t.Helper()
	d := bareDesk(t, text)
	w := d.open()
	if o.Fetch == nil {
		o.Fetch = w.FetchImage
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	r, err := sim.New(w.Design, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	d.rack, d.bindings, d.dial = r, r.Bindings(), r.DialContext
	return d
}

func (d *desk) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// logger keeps everything that is logged.
func (d *desk) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&d.said, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// open loads the blueprint as a new process would. The workspace is closed at the end of the test at the latest.
func (d *desk) open() *engine.Workspace {
	d.t.Helper()
	cat, err := embedded()
	if err != nil {
		d.t.Fatal(err)
	}
	log := d.logger()
	w, diags := engine.Load(engine.Options{Dir: d.dir, Catalog: &cat, Bindings: d.bindings, Dial: d.dialer(),
		LookupEnv: d.env,
		Operator:  d.operator, Log: log, JournalFS: d.fs})
	if diags.HasErrors() {
		d.t.Fatal(diags.Err())
	}
	d.t.Cleanup(func() { d.close(w) })
	return w
}

// close ends what a process has open. It may be called twice.
func (d *desk) close(w *engine.Workspace) {
	d.t.Helper()
	if err := w.Close(); err != nil {
		d.t.Error(err)
	}
}

// survey does what the command does.
func (d *desk) survey(ctx context.Context) rack.Observation {
	d.t.Helper()
	w := d.open()
	defer d.close(w)
	return w.Survey(ctx, engine.SurveyOptions{})
}

// plan does what the command does.
func (d *desk) plan(ctx context.Context) (plan.Plan, rack.Observation) {
	d.t.Helper()
	w := d.open()
	defer d.close(w)
	return w.Plan(ctx, engine.SurveyOptions{})
}

// dialer goes through the desk, so that a test can change it later; nil: the network.
func (d *desk) dialer() engine.Dialer {
	if d.rack != nil && d.dial == nil {
		return nil
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return d.dial(ctx, network, addr) }
}

// env answers for the environment: the passwords of the BMCs, and nothing else.
func (d *desk) env(name string) (string, bool) {
	if d.rack == nil {
		return "", false
	}
	for _, n := range slices.Concat(d.rack.Nodes(), d.rack.Switches()) {
		if sim.CredentialRef(n) == rack.SecretRef("env:"+name) {
			if p, ok := d.password[n]; ok {
				return p, p != absent
			}
			_, p := d.rack.Credentials(n)
			return p, true
		}
	}
	return "", false
}

// binding finds the binding of a node, to be changed.
func (d *desk) binding(node string) *rack.Binding {
	i := slices.IndexFunc(d.bindings, func(b rack.Binding) bool { return b.Node == node })
	return &d.bindings[i]
}

func (d *desk) faults(node string, list ...string) {
	d.t.Helper()
	if err := d.rack.BMC(node).SetFaults(list...); err != nil {
		d.t.Fatal(err)
	}
}

// apply does what the command does: go on with a run that was cut off, else plan and apply.
func (d *desk) apply(ctx context.Context, opt engine.ApplyOptions) (engine.Applied, error) {
	d.t.Helper()
	w := d.open()
	defer d.close(w)
	pending, err := w.Pending()
	if err != nil {
		d.t.Fatal(err)
	}
	if pending != nil {
		return w.Resume(ctx, *pending, opt)
	}
	p, o := w.Plan(ctx, engine.SurveyOptions{})
	opt.Before = &o
	return w.Apply(ctx, p, opt)
}

// settled fails the test unless the rack is as designed and no session is left.
func (d *desk) settled(got engine.Applied, err error) {
	d.t.Helper()
	if err != nil || !got.Settled {
		d.t.Errorf("not settled: %v\n%s", err, told(got))
	}
	d.quiet()
}

// quiet fails the test when a session was left open, or something was done that no careful client does.
func (d *desk) quiet() {
	d.t.Helper()
	for name, l := range d.rack.Ledger() {
		if l.SessionsOpen > 0 || len(l.Violations) > 0 {
			d.t.Errorf("%s: %d sessions open, violations %v", name, l.SessionsOpen, l.Violations)
		}
	}
}

// told is how an apply ended, for people.
func told(got engine.Applied) string {
	var b strings.Builder
	for _, n := range got.Result.Nodes {
		fmt.Fprintf(&b, "%s %s %d/%d at %s: %s: %s [%s]\n", n.Node, n.Word, n.Steps, n.Of, n.Step, n.Class, n.Text,
			n.Advice)
	}
	fmt.Fprintf(&b, "stopped %q resumable %v; settled %v; left in a new plan: %d nodes, %+v\n", got.Result.Stopped,
		got.Result.Resumable, got.Settled,
		len(got.Replan.Nodes), got.Replan.Report)
	return b.String()
}

// words are the results by node.
func words(got engine.Applied) map[string]apply.Word {
	out := map[string]apply.Word{}
	for _, n := range got.Result.Nodes {
		out[n.Node] = n.Word
	}
	return out
}

// sixNodes is a node of each of six vendors that needs its settings.
func sixNodes() string {
	text := quickNodes + nodeText("lenovo", "lenovo_sr670_v2", 3, lenovoBIOS)
	for u, name := range map[int]string{19: "dgx_h100", 27: "gb200_compute_tray"} {
		short, _, _ := strings.Cut(name, "_")
		text += nodeText(short, name, u, "  bios { profile = hw.server."+name+".bios.training }\n")
	}
	return text
}

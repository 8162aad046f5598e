package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// keptNodes is a rack of three vendors whose controllers are to be kept alike, and one of which takes attributes of its own besides.
func keptNodes(attributes string) string {
	kept := func(name, hardware string, u int, more string) string {
		return strings.Replace(nodeText(name, hardware, u, ""), `credential = secret("env:BMC_PASSWORD")`,
			"credential = secret(\"env:BMC_PASSWORD\")\n    ntp = [\"10.20.0.2\"]\n    ipmi_over_lan = false\n"+more, 1)
	}
	return siteText + kept("dell", "dell_r750", 1, attributes) + kept("lenovo", "lenovo_sr670_v2", 3, "") + kept("hpe", "hpe_dl380a_gen11", 6, "")
}

const sshTimeout = "    attributes = { \"SSH.1.Timeout\" = 900 }\n"

// TestManagerWhole: settings of three vendors' controllers and attributes of a Dell are brought in by one run, without a reset of a host,
// whatever goes wrong on the way: a setting that was accepted and dropped is written again, and a controller that restarts by itself is
// waited for. A second plan is empty, and drift is found again.
func TestManagerWhole(t *testing.T) {
	for _, faults := range [][]string{nil, {"setting-dropped"}, {"setting-restarts"}, {"lost-answer"}, {"setting-dropped", "setting-restarts", "http503"}} {
		t.Run(strings.Join(faults, "+"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, keptNodes(sshTimeout), sim.Options{Faults: faults})
				p, _ := d.plan(t.Context())
				if !p.Report.Clean() {
					t.Fatalf("%+v", p.Report)
				}
				for _, n := range p.Nodes {
					for _, s := range n.Steps {
						if s.Kind != step.Manager && s.Activation.Host() {
							t.Errorf("%s of %s takes the host down", s.ID, n.Name)
						}
					}
				}
				got, err := d.apply(t.Context(), engine.ApplyOptions{})
				d.settled(got, err)
				for name, l := range d.rack.Ledger() {
					if l.Boots != 0 || len(l.Violations) > 0 {
						t.Errorf("%s: %d boots, %v", name, l.Boots, l.Violations)
					}
					for _, f := range faults {
						if strings.HasPrefix(f, "setting-") && l.FaultsFired[f] == 0 {
							t.Errorf("%s never struck on %s", f, name)
						}
					}
				}
				truth := d.rack.BMC("dell").Truth().Settings
				at := "/redfish/v1/Managers/iDRAC.Embedded.1/Oem/Dell/DellAttributes/iDRAC.Embedded.1"
				if v := truth[at+"#/Attributes/SSH.1.Timeout"]; fmt.Sprint(v) != "900" {
					t.Errorf("SSH.1.Timeout is %v", v)
				}
				if err := d.rack.BMC("dell").Poke(sim.Poke{Settings: map[string]map[string]any{at: {"Attributes": map[string]any{"SSH.1.Timeout": 1800}}}}); err != nil {
					t.Fatal(err)
				}
				if p, _ := d.plan(t.Context()); len(p.Nodes) != 1 || p.Nodes[0].Name != "dell" || len(p.Nodes[0].Steps) != 1 {
					t.Errorf("the drift is not found: %+v", p.Nodes)
				}
			})
		})
	}
}

// TestManagerRefused: a controller that refuses a setting fails its own node, with what it said; the others are done, and when the
// trouble has ended the same command does the rest.
func TestManagerRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, keptNodes(""), sim.Options{})
		d.faults("lenovo", "setting-refused")
		got, err := d.apply(t.Context(), engine.ApplyOptions{})
		w := words(got)
		if err != nil || w["dell"] != apply.Done || w["hpe"] != apply.Done || w["lenovo"] != apply.Failed {
			t.Fatalf("%v\n%s", err, told(got))
		}
		for _, n := range got.Result.Nodes {
			if n.Node == "lenovo" && (!strings.Contains(n.Text, "PropertyValueConflict") || n.Origin.IsZero()) {
				t.Errorf("%+v", n)
			}
		}
		d.faults("lenovo")
		got, err = d.apply(t.Context(), engine.ApplyOptions{})
		d.settled(got, err)
	})
}

// TestManagerAttributesRefused: what an iDRAC's own registry does not take is refused at plan time: the name with what may be meant, the
// value with what would do and what the registry says of it.
func TestManagerAttributesRefused(t *testing.T) {
	for name, c := range map[string]struct {
		attributes string
		want       []string
	}{
		"name":      {"\"SSH.1.TimeOut2\" = 900", []string{`Did you mean "SSH.1.Timeout"?`}},
		"value":     {"\"OS-BMC.1.AdminState\" = \"On\"", []string{`"Disabled" or "Enabled"`, "The registry says of it"}},
		"bound":     {"\"SSH.1.Timeout\" = 5", []string{"60 and more", "The registry says of it"}},
		"read-only": {"\"SSH.1.MaxSessions\" = 2", []string{"read-only", "it is 4 and 2 is wanted"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, keptNodes("    attributes = { "+c.attributes+" }\n"), sim.Options{})
				p, _ := d.plan(t.Context())
				if len(p.Report.Blocked) != 1 || p.Report.Blocked[0].Node != "dell" {
					t.Fatalf("%+v", p.Report)
				}
				if miss := lacks(p.Report.Blocked[0].Detail, c.want...); len(miss) > 0 {
					t.Errorf("%q does not tell %q", p.Report.Blocked[0].Detail, miss)
				}
			})
		})
	}
}

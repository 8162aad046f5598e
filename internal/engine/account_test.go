package engine_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/sim"
)

// claimText is a rack that leaves the factory: one BMC wants its password changed first (Lenovo), one has fixed slots (Dell).
var claimText = strings.ReplaceAll(threeNodes, `
    username   = "admin"
    credential = secret("env:BMC_PASSWORD")
`, `
    username = "metalwright"
    account {
      factory          = secret("file:label")
      factory_username = "factory"
      factory_account  = "delete"
    }
`)

// TestRotate claims three factory-fresh BMCs, rotates them again, reads them with what the escrow holds, and looks for every
// password in everything that was written.
func TestRotate(t *testing.T) {
	withIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		names := []string{"dell", "lenovo", "smc"}
		d := newDesk(t, claimText, sim.Options{Factory: true})
		text := claimText
		for _, n := range names { // each has a label of its own
			user, pass := d.rack.FactoryCredentials(n)
			text = strings.Replace(text, `"file:label"`, `"file:label-`+n+`"`, 1)
			text = strings.Replace(text, `"factory"`, `"`+user+`"`, 1)
			d.write("label-"+n, pass)
			b := d.binding(n)
			b.Username, b.Credential = "", ""
		}
		d.write("main.mw.hcl", text)
		secrets := map[string]bool{}
		remember := func() {
			for _, n := range names {
				for _, p := range d.rack.BMC(n).Accounts() {
					if p != "PASSW0RD" { // a word that everybody knows, and that is no secret
						secrets[p] = true
					}
				}
			}
		}
		remember()
		for round := 1; round <= 2; round++ {
			w := d.openWithEnvironment()
			v := plan.Verb{Do: plan.DoRotate}
			p, o := w.Say(t.Context(), v, names)
			if len(p.Nodes) != 3 || !p.Report.Clean() {
				t.Fatalf("round %d: %d nodes planned: %+v", round, len(p.Nodes), p.Report)
			}
			res, err := w.Do(t.Context(), v, p, engine.ApplyOptions{Before: &o})
			if err != nil || !res.OK() {
				t.Fatalf("round %d: %v %+v", round, err, res)
			}
			d.close(w)
			for _, n := range names {
				have := d.rack.BMC(n).Accounts()
				if len(have) != 1 || have["metalwright"] == "" || secrets[have["metalwright"]] {
					t.Errorf("round %d: %s has %d accounts, or no new password", round, n, len(have))
				}
			}
			remember()
		}
		w := d.openWithEnvironment()
		if o := w.Survey(t.Context(), engine.SurveyOptions{}); len(o.Devices) != 3 {
			t.Errorf("%d of 3 BMCs can be read after the rotation: %v", len(o.Devices), o.Gaps)
		}
		d.close(w)
		d.quiet()
		ledger, err := json.Marshal(d.rack.Ledger())
		if err != nil {
			t.Fatal(err)
		}
		d.noSecret(secrets, "the simulator's ledger", string(ledger))
		d.noSecret(secrets, "the log", d.said.String())
		err = filepath.WalkDir(filepath.Join(d.dir, engine.StateDir), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			d.noSecret(secrets, path, string(text))
			return err
		})
		if err != nil || len(secrets) != 8 {
			t.Errorf("%v; %d secrets were looked for, want 8", err, len(secrets))
		}
	})
}

// noSecret demands that none of the secrets stands in a text.
func (d *desk) noSecret(secrets map[string]bool, where, text string) {
	d.t.Helper()
	for s := range secrets {
		if strings.Contains(text, s) {
			d.t.Errorf("a password stands in %s", where)
		}
	}
}

// openWithEnvironment is open with the process's environment behind the desk's own.
func (d *desk) openWithEnvironment() *engine.Workspace {
	d.t.Helper()
	cat, err := embedded()
	if err != nil {
		d.t.Fatal(err)
	}
	w, diags := engine.Load(engine.Options{Dir: d.dir, Catalog: &cat, Bindings: d.bindings, Dial: d.dialer(), Operator: d.operator,
		LookupEnv: func(name string) (string, bool) {
			if v, ok := d.env(name); ok {
				return v, true
			}
			return os.LookupEnv(name)
		}, Log: d.logger()})
	if diags.HasErrors() {
		d.t.Fatal(diags.Err())
	}
	d.t.Cleanup(func() { d.close(w) })
	return w
}

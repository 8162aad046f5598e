package engine_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	eraseAll     = "  on_destroy = \"erase\"\n"
	eraseConsent = "  consent {\n    data_loss = true\n    owner     = \"anna\"\n    reason    = \"the rack is given back\"\n  }\n"
)

// TestDestroyErases: a node that is given back is erased drive by drive, with consent only; the volume that stays keeps its drives;
// each drive has its certificate; and a second destroy has nothing to do. With R91 an erase that did nothing is never taken for
// done.
func TestDestroyErases(t *testing.T) {
	// the policy of Japan has no floor of its own, that of Australia wants what no BMC does
	japan := strings.NewReplacer(`"AU"`, `"JP"`, "policies.au.baseline", "policies.jp.baseline").Replace(siteText)
	for name, c := range map[string]struct {
		site, consent string
		faults        []string
		blocked       string
	}{
		"no consent":                         {japan, "", nil, "destroy.consent"},
		"below the floor":                    {siteText, eraseConsent, nil, "erase.floor"},
		"consent":                            {japan, eraseConsent, nil, ""},
		"an erase that ends with a warning":  {japan, eraseConsent, []string{"R91"}, ""},
		"some requests and answers are lost": {japan, eraseConsent, []string{"http503,reset,lost-answer"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, c.site+nodeText("dell", "dell_r750", 1, eraseAll+bootVolume("BOSS", "")+c.consent),
					sim.Options{Faults: c.faults})
				got, err := d.apply(t.Context(), engine.ApplyOptions{})
				d.settled(got, err)
				writes := d.writes()
				w := d.open()
				p, o := w.PlanDestroy(t.Context())
				if c.blocked != "" {
					if !p.Empty() || len(p.Report.Blocked) == 0 || p.Report.Blocked[0].Rule != c.blocked || d.writes() != writes {
						t.Errorf("%d writes, %+v", d.writes()-writes, p.Report)
					}
					d.quiet()
					return
				}
				want := map[string]bool{}
				for _, s := range p.Nodes[0].Steps {
					if s.Kind == step.Erase {
						want[s.Want["serial"].(string)] = true
					}
				}
				if got, err = w.Destroy(t.Context(), p, engine.ApplyOptions{Before: &o}); err != nil || !got.Settled {
					t.Fatalf("%v %s", err, told(got))
				}
				truth := d.rack.BMC("dell").Truth()
				if len(want) == 0 || len(truth.Erased) != len(want) || len(truth.Volumes) != 1 {
					t.Errorf("%d drives planned, erased %v, volumes %v", len(want), truth.Erased, truth.Volumes)
				}
				for serial := range want {
					checkCertificate(t, w, serial, truth.Erased[serial])
				}
				if l := d.rack.BMC("dell").Ledger(); len(c.faults) > 0 && len(l.FaultsFired) == 0 {
					t.Error("nothing struck")
				}
				d.quiet()
			})
		})
	}
}

func checkCertificate(t *testing.T, w *engine.Workspace, serial, real string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.EraseDir(), serial+"-1.json"))
	if err != nil {
		t.Error(err)
		return
	}
	var c engine.EraseCertificate
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if real != "CryptographicErase" || c.Method != "crypto" || c.Result != "done" || c.ReadBack != "none" || c.Serial != serial ||
		c.Model == "" || c.Answer == "" || c.Operator == "" || !strings.Contains(c.Consent, "anna") || c.Ended.Before(c.Started) ||
		c.Journal == "" || c.Entry == 0 {
		t.Errorf("really %q; %s", real, text)
	}
}

package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/sim"
)

// TestDriftOfTheWholeSetup: the setup after a clean apply is kept beside the journals, and what differs from it afterwards is
// drift that the next apply repairs, where the blueprint says so. Acts are asked for by name, with a reason.
func TestDriftOfTheWholeSetup(t *testing.T) {
	t.Parallel()
	dell := nodeText("dell", "dell_r750", 1, `  bios {
    profile = profiles.virtualisation
    drift   = "all"
  }
`)
	hpe := nodeText("hpe", "hpe_dl380a_gen11", 6, `  bios {
    intents = { sr_iov = true }
  }
`)
	f := newFloor(t, siteText+dell+hpe, sim.Options{})
	f.run(0, "apply", "--auto-approve")
	if _, err := os.Stat(filepath.Join(f.dir, ".metalwright", "setups", "dell.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(f.dir, ".metalwright", "setups", "hpe.json")); err == nil {
		t.Error("a setup is kept that nothing is compared with")
	}
	for _, name := range []string{"dell", "hpe"} {
		attr := map[string]string{"dell": "LogicalProc", "hpe": "ProcHyperthreading"}[name]
		if err := f.rack.BMC(name).Poke(sim.Poke{BIOS: map[string]any{attr: "Disabled"}}); err != nil {
			t.Fatal(err)
		}
	}
	out, _ := f.run(2, "plan", "--detailed-exitcode")
	if !strings.Contains(out, "LogicalProc") || strings.Contains(out, "ProcHyperthreading") {
		t.Errorf("drift of dell alone is wanted:\n%s", out)
	}
	f.run(0, "apply", "--auto-approve")
	if f.rack.BMC("dell").Truth().BIOS["LogicalProc"] != "Enabled" {
		t.Error("the drift was not repaired")
	}
	resets := f.rack.BMC("hpe").Ledger().Boots
	if _, stderr := f.run(1, "plan", "--act", "bios_reset@hpe"); !strings.Contains(stderr, "--reason") {
		t.Errorf("an act without a reason: %s", stderr)
	}
	file := filepath.Join(t.TempDir(), "reset.plan")
	f.run(0, "plan", "--act", "bios_reset@hpe,tpm_clear@hpe", "--reason", "re-delivered", "-out", file)
	f.run(0, "apply", file)
	hpeNow := f.rack.BMC("hpe")
	if hpeNow.Truth().BIOS["ProcHyperthreading"] != "Enabled" || hpeNow.Ledger().TPMClears != 1 || hpeNow.Ledger().Boots != resets+1 {
		t.Errorf("hyper-threading %v, %d clears, %d boots", hpeNow.Truth().BIOS["ProcHyperthreading"], hpeNow.Ledger().TPMClears,
			hpeNow.Ledger().Boots-resets)
	}
	f.run(0, "plan")
	f.quiet()
}

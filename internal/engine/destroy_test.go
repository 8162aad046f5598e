package engine_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/metalwright/metalwright/internal/sim"
)

// TestDestroyCommand: what the program does about on_destroy, and how it ends.
func TestDestroyCommand(t *testing.T) {
	t.Parallel()
	resets := func(node, body string) string { return "  on_destroy = \"reset_bios\"\n" + body }
	dell := nodeText("dell", "dell_r750", 1, resets("dell", dellBIOS))
	hpe := nodeText("hpe", "hpe_dl380a_gen11", 6, resets("hpe", hpeBIOS))
	smc := nodeText("smc", "sys_821ge_tnhr", 11, smcBIOS)
	f := newFloor(t, siteText+dell+hpe+smc, sim.Options{})
	f.run(0, "apply", "--auto-approve")
	writes := f.writes()
	f.run(1, "destroy") // nobody answers
	if f.writes() != writes {
		t.Error("something was changed without an answer")
	}
	f.faults("hpe", "bmc-gone!")
	out, stderr := f.run(3, "destroy", "--auto-approve")
	if miss := lacks(out+stderr, "hpe", "could not be read", "destroy"); len(miss) > 0 {
		t.Errorf("it does not say %q\n%s%s", miss, out, stderr)
	}
	if f.rack.BMC("dell").Truth().BIOS["SriovGlobalEnable"] != "Disabled" {
		t.Error("dell was not set back")
	}
	f.faults("hpe")
	f.run(0, "destroy", "--auto-approve")
	f.run(0, "destroy", "--auto-approve")
	if f.rack.BMC("hpe").Truth().BIOS["NumaGroupSizeOpt"] != "Flat" ||
		f.rack.BMC("smc").Truth().BIOS["SR_IOVSupport_0047"] != "Enabled" {
		t.Error("hpe was not set back, or smc was")
	}
	f.quiet()
}

// TestDestroyRefused: one node that asks for a loss of data without consent keeps the whole command from doing
// anything.
func TestDestroyRefused(t *testing.T) {
	t.Parallel()
	dell := nodeText("dell", "dell_r750", 1, bootVolume("BOSS", "      on_destroy = \"delete\"\n"))
	smc := nodeText("smc", "sys_821ge_tnhr", 11, "  on_destroy = \"reset_bios\"\n"+smcBIOS)
	f := newFloor(t, siteText+dell+smc, sim.Options{})
	f.run(0, "apply", "--auto-approve")
	writes := f.writes()
	out, stderr := f.run(1, "destroy", "--auto-approve")
	if miss := lacks(strings.Join(strings.Fields(out+stderr), " "), "Consent to lose data is missing",
		"nothing was changed", "consent"); len(miss) > 0 || f.writes() != writes {
		t.Errorf("%d writes; it does not say %q\n%s%s", f.writes()-writes, miss, out, stderr)
	}
	if l := f.rack.BMC("dell").Truth(); len(l.Volumes) != 1 {
		t.Errorf("%+v", l.Volumes)
	}
	f.quiet()
}

// TestDestroyCutOff: apply never goes on with a destroy that was cut off, nor the other way round.
func TestDestroyCutOff(t *testing.T) {
	t.Parallel()
	f := newFloor(t, siteText+nodeText("hpe", "hpe_dl380a_gen11", 6, "  on_destroy = \"reset_bios\"\n"+hpeBIOS),
		sim.Options{Speed: hurry / 10})
	f.run(0, "apply", "--auto-approve")
	p := f.start("destroy", "--auto-approve", "--json")
	p.until(`"phase":"wait","step":"hpe/010-bios"`)
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 3 || len(lacks(p.err.String(), "to go on: metalwright destroy")) > 0 {
		t.Errorf("exit code %d: %s", code, p.err.String())
	}
	_, stderr := f.run(0, "apply", "--auto-approve")
	if strings.Contains(stderr, "resuming") {
		t.Error("apply goes on with a destroy: ", stderr)
	}
	f.run(0, "verify")
	if v := f.rack.BMC("hpe").Truth().BIOS["NumaGroupSizeOpt"]; v != "Clustered" {
		t.Errorf("NumaGroupSizeOpt is %v", v)
	}
	f.quiet()
}

package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/sim"
)

// firmwareText asks for the baseline of a platform on a node.
func firmwareText(node, hardware string) string {
	return fmt.Sprintf("\nfirmware %q {\n  targets  = node.%s\n  baseline = fw.%s[\"2026.11\"]\n}\n", node, node, hardware)
}

// bootVolume is a mirror of two drives.
func bootVolume(controller, more string) string {
	return fmt.Sprintf("  disks {\n    volume \"boot\" {\n      raid = \"RAID1\"\n      drives {\n        count      = 2\n        controller = %q\n      }\n%s    }\n  }\n",
		controller, more)
}

// twoNodes need settings, a volume and firmware of every kind.
var twoNodes = siteText + nodeText("dell", "dell_r750", 1, dellBIOS+bootVolume("BOSS", "")) + nodeText("smc", "sys_821ge_tnhr", 11, smcBIOS+bootVolume("SAS3908", "")) +
	firmwareText("dell", "dell_r750") + firmwareText("smc", "sys_821ge_tnhr")

// TestOfSixFive: of six nodes five are in trouble, each in its own. The program tells of each what is wrong and what to do, does
// the sixth, and ends with 3; when the troubles have ended the same command does the others.
func TestOfSixFive(t *testing.T) {
	f := newFloor(t, labText(), sim.Options{})
	f.setPassword("lenovo", "not the password")
	f.faults("hpe", "nulls!")
	f.faults("dgx", "half-body!")
	f.faults("gb200", "bmc-gone!")
	right := *f.binding("smc")
	f.binding("smc").PinSHA256 = f.binding("dell").PinSHA256
	f.bind()
	why := map[string]string{"lenovo": "auth", "hpe": "tells nothing", "dgx": "EOF", "gb200": "EOF", "smc": "certificate has changed"}
	do := map[string]string{"lenovo": "Check the user name", "hpe": "try again in a few minutes", "dgx": "ry again in a few minutes",
		"gb200": "ry again in a few minutes", "smc": "compare the fingerprint"}
	for _, args := range [][]string{{"survey"}, {"plan"}, {"apply", "--auto-approve"}} {
		out, stderr := f.run(3, args...)
		text := strings.Join(strings.Fields(out+stderr), " ") // long texts are wrapped
		for node := range why {
			if miss := lacks(text, node, why[node], do[node]); len(miss) > 0 {
				t.Errorf("%s says of %s nothing about %q:\n%s", args[0], node, miss, out+stderr)
			}
		}
		if n := f.rack.BMC("lenovo").Ledger().FailedLogins; n != 2 { // whatever the number of commands: the third locks an account
			t.Errorf("%s: %d log-ins failed", args[0], n)
		}
	}
	for node, l := range f.rack.Ledger() {
		if (l.Writes > 0) != (node == "dell") {
			t.Errorf("%s: %d writes", node, l.Writes)
		}
	}
	_, pass := f.rack.Credentials("lenovo")
	f.setPassword("lenovo", pass)
	for _, node := range []string{"hpe", "dgx", "gb200"} {
		f.faults(node)
	}
	*f.binding("smc") = right
	f.bind()
	f.run(0, "apply", "--auto-approve")
	f.run(0, "verify")
	f.quiet()
	for node, l := range f.rack.Ledger() {
		if l.Boots != 1 {
			t.Errorf("%s was booted %d times", node, l.Boots)
		}
	}
}

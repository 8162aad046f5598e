package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/sim"
)

// TestSurveyDirect: BMCs read by their address, without a blueprint: one is read though another lets nobody in, an
// unknown certificate is taken only where that was asked for, and a changed one never.
func TestSurveyDirect(t *testing.T) {
	t.Parallel()
	f := newFloor(t, quickNodes, sim.Options{})
	dell, hpe := f.binding("dell").URL, f.binding("hpe").URL
	_, pass := f.rack.Credentials("dell")
	f.env = append(f.env, "BMC_PASSWORD="+pass)
	login := []string{"--username", "admin", "--password-env", "BMC_PASSWORD", "--json"}
	survey := func(code int, args ...string) (string, map[string]any) {
		out, stderr := f.run(code, append(append([]string{"survey"}, args...), login...)...)
		return out + stderr, decode(t, out)
	}
	text, doc := survey(3, "--bmc", dell)
	if len(reach(doc, "devices[]")) != 0 || !strings.Contains(text, "certificate is not known") ||
		f.rack.BMC("dell").Ledger().Requests > 0 {
		t.Errorf("an unknown certificate: %s", text)
	}
	_, doc = survey(3, "--bmc", dell, "--bmc", hpe, "--trust-new")
	if gaps := reach(doc, "gaps[].address"); len(gaps) != 1 || gaps[0] != hpe {
		t.Errorf("gaps of %v", gaps)
	}
	if got := reach(doc, "devices[].address"); len(got) != 1 || got[0] != dell {
		t.Errorf("read were %v", got)
	}
	if n := f.rack.BMC("hpe").Ledger().FailedLogins; n != 2 {
		t.Errorf("%d log-ins failed", n)
	}
	survey(0, "--bmc", dell)
	survey(0, "--bmc", dell, "--pin", f.binding("dell").PinSHA256)
	text, _ = survey(3, "--bmc", dell, "--pin", f.binding("hpe").PinSHA256)
	if !strings.Contains(text, "certificate has changed") {
		t.Error(text)
	}
	known := filepath.Join(f.dir, ".metalwright", "known_bmcs.json")
	old, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	f.write(filepath.Join(".metalwright", "known_bmcs.json"), strings.ReplaceAll(string(old),
		f.binding("dell").PinSHA256, f.binding("smc").PinSHA256))
	for _, trust := range [][]string{nil, {"--trust-new"}} {
		text, _ = survey(3, append([]string{"--bmc", dell}, trust...)...)
		if !strings.Contains(text, "certificate has changed") {
			t.Errorf("%v: %s", trust, text)
		}
	}
	_, stderr := f.run(1, "survey", "--bmc", dell)
	if !strings.Contains(stderr, "--password-env") {
		t.Error(stderr)
	}
	f.quiet()
}

package engine_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/sim"
)

// firmwareText asks for the baseline of a platform on a node.
func firmwareText(node, hardware string) string {
	return fmt.Sprintf("\nfirmware %q {\n  targets  = node.%s\n  baseline = fw.%s[\"2026.11\"]\n}\n", node, node,
		hardware)
}

// bootVolume is a mirror of two drives.
func bootVolume(controller, more string) string {
	return fmt.Sprintf("  disks {\n    volume \"boot\" {\n      raid = \"RAID1\"\n      drives {\n        count     "+
		" = 2\n        controller = %q\n      }\n%s    }\n  }\n",
		controller, more)
}

// twoNodes need settings, a volume and firmware of every kind.
var twoNodes = siteText + nodeText("dell", "dell_r750", 1, dellBIOS+bootVolume("BOSS", "")) + nodeText("smc",
	"sys_821ge_tnhr", 11, smcBIOS+bootVolume("SAS3908", "")) +
	firmwareText("dell", "dell_r750") + firmwareText("smc", "sys_821ge_tnhr")

// TestOfSixFive: of six nodes five are in trouble, each in its own. The program tells of each what is wrong and what to
// do, does the sixth, and ends with 3; when the troubles have ended the same command does the others.
func TestOfSixFive(t *testing.T) {
	t.Parallel()
	f := newFloor(t, sixNodes(), sim.Options{})
	f.setPassword("lenovo", "not the password")
	f.faults("hpe", "nulls!")
	f.faults("dgx", "half-body!")
	f.faults("gb200", "bmc-gone!")
	right := *f.binding("smc")
	f.binding("smc").PinSHA256 = f.binding("dell").PinSHA256
	f.bind()
	why := map[string]string{"lenovo": "auth", "hpe": "tells nothing", "dgx": "EOF", "gb200": "EOF",
		"smc": "certificate has changed"}
	do := map[string]string{"lenovo": "Check the user name", "hpe": "try again in a few minutes",
		"dgx":   "ry again in a few minutes",
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

// TestInterrupt: the first Ctrl-C lets what is under way finish or leaves it to the device, begins nothing new, logs
// out, and says how to go on; the same command then does the rest, and nothing twice.
func TestInterrupt(t *testing.T) {
	for name, at := range map[string]string{"flash": `"phase":"wait","step":"dell/030-firmware-bios"`,
		"reset": `"phase":"wait","step":"dell/070-host-reset"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFloor(t, twoNodes, sim.Options{Speed: hurry / 3})
			p := f.start("apply", "--auto-approve", "--json", "--parallel", "1")
			p.until(at)
			p.signal(syscall.SIGINT)
			if code := p.wait(); code != 3 {
				t.Errorf("exit code %d\n%s", code, p.err.String())
			}
			if miss := lacks(p.err.String(), "stopped by the operator", "to go on: metalwright apply"); len(miss) > 0 {
				t.Errorf("it does not say %q:\n%s", miss, p.err.String())
			}
			f.quiet()
			if l := f.rack.BMC("smc").Ledger(); l.Writes > 0 {
				t.Errorf("smc was begun after the interrupt: %d writes", l.Writes)
			}
			if truth := f.rack.BMC("dell").Truth(); len(truth.Bricked) > 0 {
				t.Errorf("%+v", truth)
			}
			_, stderr := f.run(0, "apply", "--auto-approve", "--json")
			if !strings.Contains(stderr, "resuming") {
				t.Error(stderr)
			}
			f.quiet()
			f.once()
		})
	}
}

// TestInterruptTwice: the second Ctrl-C leaves at once, in the middle of a flash, and the same command does the rest.
func TestInterruptTwice(t *testing.T) {
	t.Parallel()
	f := newFloor(t, twoNodes, sim.Options{Speed: hurry / 10})
	p := f.start("apply", "--auto-approve", "--json")
	p.until(`"phase":"wait","step":"dell/010-firmware-bmc"`)
	p.signal(syscall.SIGINT)
	p.until(`"phase":"stop"`)
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 130 || !strings.Contains(p.err.String(), "to go on: metalwright apply") {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
	f.quiet()
	f.run(0, "apply", "--auto-approve", "--json")
	f.quiet()
	f.once()
}

// once fails the test when something was flashed or reset more often than the plan of twoNodes says.
func (f *floor) once() {
	f.t.Helper()
	for node, l := range f.rack.Ledger() {
		host, bmc := resets(l)
		if host != 1 || bmc != 1 || l.Boots != 1 || l.VolumesCreated != 1 {
			f.t.Errorf("%s: %d boots, %d volumes, resets %v", node, l.Boots, l.VolumesCreated, l.Resets)
		}
		for component, n := range l.Flashes {
			if n != 1 {
				f.t.Errorf("%s: %s was flashed %d times", node, component, n)
			}
		}
	}
}

var (
	killSeed = flag.Uint64("kill.seed", 1, "seed of the moments at which the program is killed")
	kills    = flag.Int("kill.times", 12, "how often the program is killed")
	killWith = flag.String("kill.faults", "", "faults that are played meanwhile: then flashes and resets are not "+
		"counted")
)

// killText is twoNodes and a tray that needs an aux cycle.
var killText = twoNodes + nodeText("gb200", "gb200_compute_tray", 27, "  bios {\n    profile = "+
	"hw.server.gb200_compute_tray.bios.training\n  }\n") +
	firmwareText("gb200", "gb200_compute_tray")

// TestKilled: a program that is killed again and again at any moment, each time followed by the same command, ends in
// the same rack as one that was left alone, with no flash and no reset more.
func TestKilled(t *testing.T) {
	t.Parallel()
	calm := newFloor(t, killText, sim.Options{Seed: *killSeed})
	out, _ := calm.run(0, "apply", "--auto-approve", "--json")
	events := strings.Count(out, "\n")
	f := newFloor(t, killText, sim.Options{Seed: *killSeed, Faults: []string{*killWith}})
	rnd := rand.New(rand.NewPCG(*killSeed, 9))
	killed := 0
	for over := false; killed < *kills && !over; {
		p := f.start("apply", "--auto-approve", "--json")
		p.lines(1 + rnd.IntN(max(events / *kills, 2)))
		select { // not always right after something was told
		case <-time.After(time.Duration(rnd.IntN(30)) * time.Millisecond):
		case <-p.over:
		}
		_ = p.cmd.Process.Kill() // it may have ended
		switch code := p.wait(); {
		case code == -1:
			killed++
		case code == 0:
			over = true // sooner than it could be killed so often
		default:
			if *killWith != "" && code == 3 {
				break
			}
			t.Fatalf("exit code %d after %d kills (seed %d)\n%s%s", code, killed, *killSeed, last(p.out.String()),
				p.err.String())
		}
		for _, node := range f.rack.Nodes() {
			if l := f.rack.BMC(node).Ledger(); len(l.Violations) > 0 {
				t.Fatalf("%s after %d kills (seed %d): %v", node, killed, *killSeed, l.Violations)
			}
		}
	}
	t.Logf("killed %d times (seed %d)", killed, *killSeed)
	f.run(0, "apply", "--auto-approve", "--json")
	f.run(0, "verify")
	if left, err := filepath.Glob(filepath.Join(f.dir, engine.StateDir, "sessions", "*.json")); err != nil ||
		len(left) > 0 {
		t.Errorf("sessions written down and not closed (seed %d): %q, %v", *killSeed, left, err)
	}
	for _, node := range f.rack.Nodes() {
		l, want := f.rack.BMC(node).Ledger(), calm.rack.BMC(node).Ledger()
		if d := cmp.Diff(want.Flashes, l.Flashes) + cmp.Diff(want.Resets, l.Resets); *killWith == "" && (d != "" ||
			l.VolumesCreated != want.VolumesCreated) {
			f.tellJournal(node)
			t.Errorf("%s (seed %d): %d volumes created; flashes and resets (-undisturbed +killed):\n%s", node,
				*killSeed, l.VolumesCreated, d)
		}
		// A session that the BMC had opened and the program had not written down when it was killed is known to nobody:
		// the BMC drops it when it has been idle. That moment is short; every other session has to be closed by a later
		// run.
		if len(l.Violations) > 0 || l.SessionsOpen > killed/4 {
			t.Errorf("%s (seed %d): %d sessions open after %d kills, violations %v", node, *killSeed, l.SessionsOpen,
				killed, l.Violations)
		}
		if d := cmp.Diff(end(calm.rack.BMC(node).Truth()), end(f.rack.BMC(node).Truth())); d != "" {
			t.Errorf("%s (seed %d): another rack (-undisturbed +killed):\n%s", node, *killSeed, d)
		}
	}
}

// tellJournal logs what was recorded of a node.
func (f *floor) tellJournal(node string) {
	f.t.Helper()
	out, _ := f.run(0, "journal", "show", "--json")
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, `"node":"`+node+`"`) || strings.Contains(line, `"kind":"resumed"`) {
			f.t.Log(line)
		}
	}
}

// TestInterruptBefore: Ctrl-C while BMCs are read, or while the question waits for its answer, ends the program at
// once, with no session left and nothing changed.
func TestInterruptBefore(t *testing.T) {
	t.Parallel()
	f := newFloor(t, quickNodes, sim.Options{Latency: 200 * time.Millisecond * hurry})
	for _, args := range [][]string{{"survey"}, {"plan"}, {"verify"}, {"apply", "--auto-approve"}} {
		reads := f.reads()
		p := f.start(args...)
		for f.reads() < reads+6 { // it is in the middle of reading
			select {
			case <-p.over:
				t.Fatalf("%s ended: %s", args[0], p.err.String())
			case <-time.After(5 * time.Millisecond):
			}
		}
		p.signal(syscall.SIGINT)
		if code := p.wait(); code != 130 {
			t.Errorf("%s: exit code %d\n%s%s", args[0], code, last(p.out.String()), p.err.String())
		}
		f.quiet()
	}
	p := f.ask("apply")
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 130 || f.writes() > 0 {
		t.Errorf("at the question: exit code %d, %d writes\n%s", code, f.writes(), p.err.String())
	}
	f.quiet()
}

// ask starts a command on whose question nobody answers, and waits for the question.
func (f *floor) ask(args ...string) *process {
	f.t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = out.Close() })
	f.stdin = in
	p := f.start(args...)
	f.stdin = nil
	_ = in.Close()
	if !p.err.saw(func(all string) bool { return strings.Contains(all, "type yes") }, p.over) {
		f.t.Fatalf("no question: %s", p.err.String())
	}
	return p
}

func (d *desk) reads() int {
	n := 0
	for _, l := range d.rack.Ledger() {
		n += l.Reads
	}
	return n
}

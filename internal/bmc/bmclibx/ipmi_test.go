package bmclibx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/step"
)

// fakeTool is an ipmitool that takes one cipher suite and one password, keeps the power in a file, and writes down how it was
// called. knocks is the BMC that it would speak to: it answers who asks without a login.
type fakeTool struct {
	dir  string
	ipmi *IPMI
}

const fakeScript = `#!/bin/sh
dir=%q
echo "$*" >>$dir/argv
env >>$dir/env
suite= prev=
for a in "$@"; do [ "$prev" = -C ] && suite=$a; prev=$a; done
case " %s " in *" $suite "*) ;; *)
  echo "Error in open session response message : no matching cipher suite" >&2
  echo "Error: Unable to establish IPMI v2 / RMCP+ session" >&2; exit 1 ;;
esac
if [ "$IPMITOOL_PASSWORD" != %q ]; then echo "Error: Unable to establish IPMI v2 / RMCP+ session" >&2; exit 1; fi
case "$*" in
*"chassis power status") echo "Chassis Power is $(cat $dir/power)" ;;
*"chassis power on") echo on >$dir/power; echo "Chassis Power Control: Up/On" ;;
*"chassis power off") echo off >$dir/power; echo "Chassis Power Control: Down/Off" ;;
*"chassis power reset") echo "Chassis Power Control: Reset" ;;
*"mc reset cold") echo "Sent cold reset command to MC" ;;
*) exit 9 ;;
esac
`

func newFakeTool(t *testing.T, suites, password string) *fakeTool {
	t.Helper()
	dir := t.TempDir()
	tool := filepath.Join(dir, "ipmitool")
	if err := os.WriteFile(tool, fmt.Appendf(nil, fakeScript, dir, suites, password), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "power"), []byte("off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bmc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bmc.Close() })
	go func() {
		buf := make([]byte, 64)
		for {
			n, from, err := bmc.ReadFrom(buf)
			if err != nil {
				return
			}
			if n == len(getChannelAuthCapabilities) {
				_, _ = bmc.WriteTo([]byte{rmcpVersion, 0, 0xff, rmcpIPMI, 0, 0, 0, 0, 0}, from)
			}
		}
	}()
	return &fakeTool{dir: dir, ipmi: &IPMI{Host: "127.0.0.1", Port: bmc.LocalAddr().(*net.UDPAddr).Port, Tool: tool,
		Login: func(context.Context) (string, string, error) { return user, pass, nil }}}
}

func (f *fakeTool) text(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// TestIPMI: power and a cold reset of the BMC, in a session of cipher suite 17 where the BMC has it and 3 where not; the password
// is in the environment of the child process and nowhere else.
func TestIPMI(t *testing.T) {
	for _, suites := range []string{"3 17", "3"} {
		t.Run(suites, func(t *testing.T) {
			f := newFakeTool(t, suites, pass)
			ctx := t.Context()
			for _, c := range []struct {
				do   func() error
				want string
			}{
				{func() error { return nil }, "Off"},
				{func() error { return f.ipmi.Say(ctx, IPMIOn) }, "On"},
				{func() error { return f.ipmi.Say(ctx, IPMIReset) }, "On"},
				{func() error { return f.ipmi.Say(ctx, IPMIOff) }, "Off"},
				{func() error { return f.ipmi.ResetBMC(ctx) }, "Off"},
			} {
				if err := c.do(); err != nil {
					t.Fatal(err)
				}
				if got, err := f.ipmi.Power(ctx); err != nil || got != c.want {
					t.Errorf("%s, %v; want %s", got, err, c.want)
				}
			}
			argv, env := f.text(t, "argv"), f.text(t, "env")
			if strings.Contains(argv, pass) || !strings.Contains(env, "IPMITOOL_PASSWORD="+pass) {
				t.Errorf("the password: in the arguments %v, in the environment %v", strings.Contains(argv, pass), strings.Contains(env, pass))
			}
			if !strings.HasPrefix(argv, "-I lanplus -U "+user+" -E ") || !strings.Contains(argv[:strings.Index(argv, "\n")], "-C 17") {
				t.Errorf("the first call is not of suite 17:\n%s", argv)
			}
			if suites == "3" && strings.Count(argv, "-C 17") != 1 || suites != "3" && strings.Contains(argv, "-C 3 ") {
				t.Errorf("suites that were tried:\n%s", argv)
			}
			if !strings.Contains(argv, "mc reset cold") {
				t.Errorf("no cold reset:\n%s", argv)
			}
		})
	}
}

// TestIPMIRefused: a password that is refused costs one login each time, and there is no third; what has no room in IPMI, a program
// that is missing and a BMC that does not answer cost none.
func TestIPMIRefused(t *testing.T) {
	f := newFakeTool(t, "17", "another")
	for i := range 4 {
		err := f.ipmi.Say(t.Context(), IPMIOn)
		if !errors.Is(err, ErrNoIPMI) || step.ClassOf(err) != step.Auth || strings.Contains(err.Error(), pass) {
			t.Errorf("%v", err)
		}
		if n := strings.Count(f.text(t, "argv"), "\n"); n != min(i+1, 2) {
			t.Errorf("after %d tries there were %d logins", i+1, n)
		}
	}
	for name, c := range map[string]struct {
		change func(*IPMI)
		class  step.Class
		says   string
	}{
		"long password": {func(i *IPMI) {
			i.Login = func(context.Context) (string, string, error) { return user, "a-password-of-21-bytes", nil }
		}, step.Rejected, "20 bytes"},
		"long user": {func(i *IPMI) {
			i.Login = func(context.Context) (string, string, error) { return "metalwright-operator", pass, nil }
		}, step.Rejected, "16 bytes"},
		"no program": {func(i *IPMI) { i.Tool += "-not-there" }, step.Rejected, "no such file"},
		"no BMC":     {func(i *IPMI) { i.Port = 9 }, step.Unreachable, "does not answer"},
		"debugging":  {func(*IPMI) { t.Setenv("DEBUG_BMCLIB", "true") }, step.Rejected, "DEBUG_BMCLIB"},
	} {
		f := newFakeTool(t, "3 17", pass)
		c.change(f.ipmi)
		_, err := f.ipmi.Power(t.Context())
		if !errors.Is(err, ErrNoIPMI) || step.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.says) || f.text(t, "argv") != "" {
			t.Errorf("%s: %v (%s), called %q", name, err, step.ClassOf(err), f.text(t, "argv"))
		}
		t.Setenv("DEBUG_BMCLIB", "")
	}
}

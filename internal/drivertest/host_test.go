package drivertest_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/drivertest"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// siteKey is a certificate as a site would enrol it, and its fingerprint.
var siteKey = sync.OnceValues(func() (text []byte, fingerprint string) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "site"}, NotBefore: time.Unix(1_700_000_000, 0),
		NotAfter: time.Unix(2_500_000_000, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(der)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), "sha256:" + hex.EncodeToString(sum[:])
})

func keyFile(file string) (io.ReadCloser, error) {
	if file != "site.pem" {
		return nil, fmt.Errorf("no file %s", file)
	}
	text, _ := siteKey()
	return io.NopCloser(bytes.NewReader(text)), nil
}

// nicName makes the simulated tray of OpenBMC show a BlueField.
func nicName(dialect string) string {
	if dialect == "openbmc" {
		return "dpu_system"
	}
	return "nic"
}

// hostCases are the settings of ports, Secure Boot and DPU that a device takes.
func hostCases(host rack.System, b *sim.BMC) []drivertest.Case {
	var out []drivertest.Case
	for _, f := range host.NetworkFunctions {
		args := step.Args{System: host.Path, Resource: f.Path, Path: f.SettingsPath, Method: "properties", Component: f.ID}
		name, from, to := "VirtualFunctionsEnabled", any(false), any(true)
		if a := f.Attributes; a != nil {
			args.Resource, args.Path, args.Method = a.Path, a.SettingsPath, "attributes"
			name, from, to = "VirtualizationMode", "NONE", "SRIOV"
		}
		if args.Path == "" {
			continue
		}
		port := f.Adapter + "/1"
		stale := map[string]any{"BootMode": "PXE"}
		expect, want := step.Facts{name: from}, step.Facts{name: to}
		if f.Attributes != nil {
			stale = map[string]any{"LegacyBootProto": "PXE"}
		}
		for k, v := range stale { // a second setting whose expectation can go stale
			expect[k], want[k] = map[bool]any{true: "NONE", false: "Disabled"}[f.Attributes != nil], v
			if f.Attributes == nil {
				stale = map[string]any{k: "iSCSI"}
				if slices.Contains(f.Boots, "HTTP") || len(f.Boots) == 0 {
					stale = map[string]any{k: "HTTP"}
				}
			} else {
				stale = map[string]any{k: "iSCSI"}
			}
		}
		out = append(out, drivertest.Case{Name: "nic", Reset: step.HostReset,
			Step:  step.Step{Kind: step.NIC, Args: args, Expect: expect, Want: want},
			Drift: func() error { return b.Poke(sim.Poke{Ports: map[string]map[string]any{port: stale}}) },
			Real:  func() bool { return b.Truth().Ports[port][name] == to }})
		break
	}
	out = append(out, secureCases(host, b)...)
	for _, d := range host.DPUs {
		out = append(out, drivertest.Case{Name: "dpu", Reset: step.AuxCycle,
			Step: step.Step{Kind: step.DPU, Args: step.Args{System: host.Path, Resource: d.Path, Path: d.Action}, Expect: step.Facts{"mode": d.Mode},
				Want: step.Facts{"mode": "NicMode"}},
			Real: func() bool { return b.Truth().DPUMode == "NicMode" }})
	}
	return out
}

// TestPorts: what is wanted of ports is spelled by each vendor, merged into the one reset of the node, and what a BMC cannot do
// is said before anything is touched.
func TestPorts(t *testing.T) {
	yes := true
	ask := func(spec rack.NICSpec) func(*rack.Design, *rack.Node) {
		return func(_ *rack.Design, n *rack.Node) {
			spec.Name, spec.Adapter = "rails", "NIC"
			n.NICs = []rack.NICSpec{spec}
		}
	}
	for _, c := range []struct {
		name string
		spec rack.NICSpec
		can  map[string]string // dialect → setting that it becomes
		to   any
	}{
		{"sr-iov", rack.NICSpec{SRIOV: &yes}, map[string]string{"idrac": "VirtualizationMode", "ilo": "VirtualFunctionsEnabled", "ami": "VirtualFunctionsEnabled"}, nil},
		{"infiniband", rack.NICSpec{Link: "InfiniBand"}, map[string]string{"ilo": "NetDevFuncType"}, "InfiniBand"},
		{"virtual functions", rack.NICSpec{SRIOV: &yes, Attributes: map[string]string{"NumberVFAdvertised": "16"}},
			map[string]string{"idrac": "NumberVFAdvertised"}, int64(16)},
		{"pxe", rack.NICSpec{Boot: "PXE"}, map[string]string{"idrac": "LegacyBootProto", "ilo": "BootMode", "ami": "BootMode"}, "PXE"},
		{"http", rack.NICSpec{Boot: "HTTP"}, map[string]string{"ilo": "BootMode"}, "HTTP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, name string) {
				h := newHost(t, name, ask(c.spec))
				setting, can := c.can[name]
				if !can {
					p := h.plan()
					if !p.Empty() || len(p.Report.Blocked) == 0 || !strings.HasPrefix(p.Report.Blocked[0].Rule, "nic.") {
						t.Errorf("want it refused: %+v\n%s", p.Report, stepsText(p))
					}
					return
				}
				h.bring()
				for port, values := range h.bmc().Truth().Ports {
					if v := values[setting]; c.to != nil && v != c.to || v == false || v == "NONE" {
						t.Errorf("%s of %s is %v", setting, port, v)
					}
				}
				if h.resets() != 1 {
					t.Errorf("%d resets for both ports", h.resets())
				}
			})
		})
	}
}

// TestPortsMerge: ports, BIOS, Secure Boot and boot order share one reset.
func TestPortsMerge(t *testing.T) {
	yes := true
	for _, name := range []string{"idrac", "ilo"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, name, func(d *rack.Design, n *rack.Node) {
					intents(t, "training", false)(d, n)
					n.NICs = []rack.NICSpec{{Name: "rails", Adapter: "NIC", SRIOV: &yes, Boot: "PXE"}}
					n.SecureBoot = &rack.SecureBootSpec{Enable: &yes}
				})
				p := h.bring()
				if h.resets() != 1 || p.Nodes[0].NaiveResets != 4 {
					t.Errorf("%d resets, naively %d\n%s", h.resets(), p.Nodes[0].NaiveResets, stepsText(p))
				}
			})
		})
	}
}

// TestPortDrift: a port that somebody changed is found, with what it is and what it was meant to be.
func TestPortDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "ilo", func(_ *rack.Design, n *rack.Node) {
			n.NICs = []rack.NICSpec{{Name: "rail", Adapter: "DE080000", Port: "1", Boot: "Disabled"}}
		})
		if p := h.clean(); !p.Empty() {
			t.Fatal(stepsText(p))
		}
		if err := h.bmc().Poke(sim.Poke{Ports: map[string]map[string]any{"DE080000/1": {"BootMode": "PXE"}}}); err != nil {
			t.Fatal(err)
		}
		got := plan.Drift(h.clean())
		if len(got) != 1 || got[0].Name != "BootMode" || got[0].From != "PXE" || got[0].To != "Disabled" {
			t.Errorf("%+v", got)
		}
		h.node().NICs[0].Adapter = "DE090000"
		if p := h.plan(); len(p.Report.Blocked) != 1 || !strings.Contains(p.Report.Blocked[0].Detail, `Did you mean "DE080000"?`) {
			t.Errorf("%+v", p.Report)
		}
	})
}

// TestDPUMode: a mode flip rides on an aux cycle; where a BMC cannot make one, hands are asked for before anything is set.
func TestDPUMode(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, func(_ *rack.Design, n *rack.Node) { n.DPU = &rack.DPUSpec{Mode: "NicMode"} })
		if name != "openbmc" {
			if p := h.plan(); len(p.Report.Blocked) != 1 || p.Report.Blocked[0].Rule != "dpu.none" {
				t.Errorf("%+v", p.Report)
			}
			return
		}
		p := h.bring()
		if h.bmc().Truth().DPUMode != "NicMode" || p.Nodes[0].Resets["aux_cycle"] != 1 || h.resets() != 1 {
			t.Errorf("mode %s, resets %v", h.bmc().Truth().DPUMode, h.bmc().Ledger().Resets)
		}
		o := h.look()
		o.Devices[0].Capabilities.AuxCycle = ""
		h.node().DPU.Mode = "DpuMode"
		p, r := plan.Build(h.d, o, h.opt)
		if !p.Empty() || len(r.Waiting) != 1 || !strings.Contains(r.Waiting[0].Detail, "Needs hands") {
			t.Errorf("%+v", r)
		}
	})
}

package drivertest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/ca"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// heldTrust keeps what is trusted in memory, and fails at the n-th write: before it is durable, or after.
type heldTrust struct {
	pin    string
	begun  []bmc.Begun
	writes int
	failAt int
	late   bool
}

func (h *heldTrust) Begun(context.Context) ([]bmc.Begun, error) { return slices.Clone(h.begun), nil }

func (h *heldTrust) Pins() []string {
	out := []string{h.pin}
	for _, b := range h.begun {
		out = append(out, b.PinSHA256)
	}
	return out
}

func (h *heldTrust) write(do func()) error {
	h.writes++
	if h.failAt > 0 && h.writes >= h.failAt {
		if h.late && h.writes == h.failAt {
			do()
		}
		return errPower
	}
	do()
	return nil
}

func (h *heldTrust) Begin(_ context.Context, b bmc.Begun) error {
	return h.write(func() { h.begun = append(h.begun, b) })
}

func (h *heldTrust) Proven(_ context.Context, pin string) error {
	return h.write(func() { h.pin, h.begun = pin, nil })
}

// testAuthority is an authority of its own for one test.
func testAuthority(t *testing.T) (ca.Authority, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Site CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(20 * 365 * 24 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a, err := ca.Local(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return a, cert
}

var renewal = rack.RenewalSpec{CA: "file:ca.pem", CommonName: "n1.bmc.example", Organization: "Example", Unit: "Racks", Locality: "Brisbane",
	State: "Queensland", Country: "AU", RenewBeforeS: 30 * 86400, ValidForS: 365 * 86400}

// renewed is one BMC whose certificate is replaced.
type renewed struct {
	t      *testing.T
	r      *sim.Rack
	b      *sim.BMC
	trust  *heldTrust
	signer ca.Authority
	spec   rack.RenewalSpec
	s      step.Step
}

func newRenewed(t *testing.T, dialect string, faults ...string) *renewed {
	t.Helper()
	r, err := sim.New(design(dialect), sim.Options{Seed: 5, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	signer, _ := testAuthority(t)
	c := &renewed{t: t, r: r, b: r.BMC(node), signer: signer, spec: renewal, trust: &heldTrust{pin: r.Bindings()[0].PinSHA256}}
	_, whole := ca.Pins(c.b.Certificate())
	c.s = step.Step{ID: node + "/010-certificate", Node: node, Kind: step.Certificate, Activation: step.None,
		Expect: step.Facts{"sha256": whole}, Want: step.Facts{"common_name": c.spec.CommonName}}
	if dialect == "idrac" || dialect == "xcc" { // version 1.0.0 of an iDRAC, and any XCC: shown after a restart
		c.s.Activation = step.BMCReset
	}
	if dialect == "ilo" {
		c.s.Activation, c.s.Args.Method = step.BMCReset, step.CertificateRestarts
	}
	return c
}

// process is what one process does, killed at the end or not: act, look until it is over, restart the BMC where that is due.
func (c *renewed) process(record func(step.Op) error) error {
	d, err := bmc.NewPool().Open(c.t.Context(), c.endpoint(), bmc.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	err = c.bring(d, record)
	c.b.CutAt(0, false)
	return errors.Join(err, d.Close(c.t.Context()))
}

func (c *renewed) endpoint() bmc.Endpoint {
	user, pass := c.r.Credentials(node)
	return bmc.Endpoint{URL: "https://" + node + ".sim", Dial: c.r.DialContext, Trust: redfish.Trust{Pins: c.trust.Pins},
		Login: func(context.Context) (string, string, error) { return user, pass, nil },
		Renewal: &bmc.Renewal{Spec: c.spec, Host: node + ".sim", Trusted: c.trust,
			Authority: func(context.Context) (ca.Authority, error) { return c.signer, nil }}}
}

func (c *renewed) bring(d *bmc.Driver, record func(step.Op) error) error {
	var op *step.Op
	keep := func(o step.Op) error {
		if err := record(o); err != nil {
			return err
		}
		op = &o
		return nil
	}
	if err := d.Act(c.t.Context(), c.s, keep); err != nil {
		return err
	}
	restarted := false
	for range 500 {
		st, err := d.Check(c.t.Context(), c.s, op)
		switch {
		case err != nil && !redfish.IsUnreachable(err) && !redfish.IsTransient(err):
			return err
		case err != nil || st.Standing == step.Working:
		case st.Standing == step.Done:
			return nil
		case st.Standing == step.Staged && !restarted:
			restarted = true
			reset := step.Step{ID: node + "/020-bmc-reset", Node: node, Kind: step.Reset, Activation: step.BMCReset}
			if err := d.Act(c.t.Context(), reset, record); err != nil {
				return err
			}
		case st.Standing == step.Ready && op == nil || st.Standing == step.Ready && !op.Sent:
			return fmt.Errorf("it acted and is ready: %s", st.Note)
		default:
			if c.b.Cut() {
				return errors.New("cut off")
			}
		}
		if c.b.Cut() {
			return errors.New("cut off")
		}
		time.Sleep(5 * time.Second)
	}
	return errors.New("it never ends")
}

func (c *renewed) pin() string {
	p, _ := ca.Pins(c.b.Certificate())
	return p
}

// reachable demands that the certificate the BMC shows is trusted, and one pin of the trusted ones alone is its.
func (c *renewed) reachable(when string) {
	c.t.Helper()
	works := 0
	for _, p := range c.trust.Pins() {
		if p == c.pin() {
			works++
		}
	}
	if works != 1 {
		c.t.Errorf("%s: %d of %d trusted pins are the BMC's", when, works, len(c.trust.Pins()))
	}
	is, err := redfish.Fetch(c.t.Context(), node+".sim", c.r.DialContext)
	for i := 0; err != nil && i < 200; i++ { // it may be restarting
		time.Sleep(5 * time.Second)
		is, err = redfish.Fetch(c.t.Context(), node+".sim", c.r.DialContext)
	}
	if err != nil || !slices.Contains(c.trust.Pins(), is.PinSHA256) {
		c.t.Errorf("%s: the BMC cannot be reached with what is trusted: %v", when, err)
	}
}

// finished demands the end: another certificate, of the authority, and its pin alone.
func (c *renewed) finished(when string) {
	c.t.Helper()
	leaf := c.b.Certificate()
	_, whole := ca.Pins(leaf)
	if whole == c.s.Expect["sha256"] || leaf.Issuer.CommonName != "Site CA" || leaf.Subject.CommonName != c.spec.CommonName {
		c.t.Errorf("%s: the BMC shows a certificate of %s for %s", when, leaf.Issuer, leaf.Subject)
	}
	if pins := c.trust.Pins(); len(pins) != 1 || pins[0] != c.pin() {
		c.t.Errorf("%s: %d pins are trusted at the end, or another's", when, len(pins))
	}
	if v := c.b.Ledger().Violations; len(v) > 0 {
		c.t.Errorf("%s: %v", when, v)
	}
}

func TestCertificate(t *testing.T) {
	for _, dialect := range sim.Dialects() {
		t.Run(dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newRenewed(t, dialect)
				if err := c.process(quiet); err != nil {
					t.Fatal(err)
				}
				c.finished("replaced")
				if err := c.b.Certificate().VerifyHostname(node + ".sim"); err != nil {
					t.Error(err)
				}
				resets := c.b.Ledger().Resets["bmc_reset"]
				if want := map[string]int{"idrac": 1, "xcc": 1, "ilo": 1}[dialect]; resets != want {
					t.Errorf("the BMC was reset %d times, want %d", resets, want)
				}
				writes, trusts := c.b.Ledger().Writes, c.trust.writes
				if err := c.process(quiet); err != nil || c.b.Ledger().Writes != writes || c.trust.writes != trusts {
					t.Errorf("a second Act wrote: %v", err)
				}
			})
		})
	}
}

// TestCertificatePlanned: what a plan makes of what each BMC tells, and what comes of that plan.
func TestCertificatePlanned(t *testing.T) {
	for _, dialect := range sim.Dialects() {
		t.Run(dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newRenewed(t, dialect)
				want := c.s
				d, err := bmc.NewPool().Open(t.Context(), c.endpoint(), bmc.Options{})
				if err != nil {
					t.Fatal(err)
				}
				glanced, err := d.Glance(t.Context(), bmc.LookCertificates)
				if err != nil {
					t.Fatal(err)
				}
				dev, gaps, err := d.Survey(t.Context(), inventory.Options{Facets: []rack.Facet{rack.FacetCertificates}})
				if err != nil || len(gaps) > 0 || !reflect.DeepEqual(dev.Certificates, glanced.Certificates) || dev.BMC.Certificate == nil {
					t.Fatalf("%v %v: a survey tells %+v, a glance %+v", err, gaps, dev.Certificates, glanced.Certificates)
				}
				if err := d.Close(t.Context()); err != nil {
					t.Error(err)
				}
				des := design(dialect)
				des.Nodes[0].BMC.Certificate = &c.spec
				dev.Node, dev.Address = node, string(des.Nodes[0].Address)
				p := plan.Say(des, rack.Observation{Devices: []rack.Device{dev}}, plan.Verb{Do: plan.DoCertificate}, []string{node})
				if len(p.Nodes) != 1 || !p.Report.Clean() {
					t.Fatalf("%+v", p.Report)
				}
				steps := p.Nodes[0].Steps
				c.s = steps[0]
				if c.s.Activation != want.Activation || c.s.Args.Method != want.Args.Method || c.s.Expect["sha256"] != want.Expect["sha256"] ||
					(len(steps) == 2) != (want.Activation == step.BMCReset) {
					t.Errorf("planned %+v", steps)
				}
				if len(steps) == 2 && (len(steps[1].Activates) != 1 || steps[1].Activates[0] != c.s.ID) {
					t.Errorf("the reset activates %v", steps[1].Activates)
				}
				if err := c.process(quiet); err != nil {
					t.Fatal(err)
				}
				c.finished("as planned")
			})
		})
	}
}

// TestCertificateCutAtEveryRequest kills the process at every request, before it is acted on and after, then goes on.
func TestCertificateCutAtEveryRequest(t *testing.T) {
	for _, dialect := range sim.Dialects() {
		t.Run(dialect, func(t *testing.T) {
			for n, ended := 1, 0; ended < 2; n++ {
				if n > 400 {
					t.Fatal("it never ends")
				}
				ended = 0
				for _, late := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) {
						c := newRenewed(t, dialect)
						c.b.CutAt(n, late)
						err := c.process(quiet)
						when := fmt.Sprintf("cut at %d (late %v)", n, late)
						if err == nil {
							ended++
							c.finished(when)
							return
						}
						c.reachable(when)
						if err := c.process(quiet); err != nil {
							t.Errorf("%s, then again: %v", when, err)
						}
						c.finished(when)
					})
				}
			}
		})
	}
}

// TestCertificateCutAtEveryRecord lets every write of the journal, and of what is trusted, fail: before it is durable, and after.
func TestCertificateCutAtEveryRecord(t *testing.T) {
	for _, dialect := range sim.Dialects() {
		t.Run(dialect, func(t *testing.T) {
			for _, late := range []bool{false, true} {
				for n, ended := 1, false; !ended; n++ {
					synctest.Test(t, func(t *testing.T) {
						c := newRenewed(t, dialect)
						records := 0
						err := c.process(func(step.Op) error {
							if records++; records == n {
								return errPower
							}
							return nil
						})
						if ended = err == nil; !ended {
							c.goOn(fmt.Sprintf("journal write %d", n))
						}
					})
				}
				for n, ended := 1, false; !ended; n++ {
					synctest.Test(t, func(t *testing.T) {
						c := newRenewed(t, dialect)
						c.trust.failAt, c.trust.late = n, late
						err := c.process(quiet)
						if ended = err == nil; !ended {
							c.trust.failAt = 0
							c.goOn(fmt.Sprintf("write %d of what is trusted (late %v)", n, late))
						}
					})
				}
			}
		})
	}
}

func (c *renewed) goOn(when string) {
	c.t.Helper()
	c.reachable(when)
	if err := c.process(quiet); err != nil {
		c.t.Errorf("%s, then again: %v", when, err)
	}
	c.finished(when)
}

// TestCertificateFaults: what a BMC does wrong leaves it reachable, and says what to do.
func TestCertificateFaults(t *testing.T) {
	for _, x := range []struct {
		fault, algorithm string
		class            step.Class
		says, advises    string
		restart          bool // of the BMC, by hand, mends it
	}{
		{"csr-key", "", step.Rejected, "too weak: rsa of 1024 bits", "Nothing was signed", false},
		{"cert-late", "", step.Rejected, "still shows its old one", "metalwright bmc reset", true},
		{"cert-refused", "", step.Rejected, "install the certificate", "", false},
	} {
		for _, dialect := range sim.Dialects() {
			if x.fault == "cert-late" && (dialect == "ilo" || dialect == "idrac" || dialect == "xcc") {
				continue // restarted by the plan, or by itself
			}
			t.Run(x.fault+"/"+dialect, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newRenewed(t, dialect, x.fault)
					before := c.pin()
					err := c.process(quiet)
					if step.ClassOf(err) != x.class || !strings.Contains(fmt.Sprint(err), x.says) || !strings.Contains(step.AdviceOf(err), x.advises) {
						t.Errorf("%v, class %s, advice %q", err, step.ClassOf(err), step.AdviceOf(err))
					}
					c.reachable(x.fault)
					if c.pin() != before || !slices.Contains(c.trust.Pins(), before) {
						t.Error("the old certificate is no longer shown, or no longer trusted")
					}
					if x.restart {
						c.restart()
						c.reachable("restarted by hand")
					} else if err := c.b.SetFaults(); err != nil {
						t.Fatal(err)
					}
					c.goOn("after " + x.fault)
				})
			})
		}
	}
}

func (c *renewed) restart() {
	c.t.Helper()
	d, err := bmc.NewPool().Open(c.t.Context(), c.endpoint(), bmc.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	reset := step.Step{ID: node + "/010-bmc-reset", Node: node, Kind: step.Reset, Activation: step.BMCReset}
	if err := d.Act(c.t.Context(), reset, quiet); err != nil {
		c.t.Error(err)
	}
	time.Sleep(10 * time.Minute)
	_ = d.Close(c.t.Context()) // its session died with the BMC
}

// TestCertificateKeys asks for a key where the BMC lets one choose, and refuses where it does not.
func TestCertificateKeys(t *testing.T) {
	for _, x := range []struct{ dialect, algorithm, refused string }{
		{"openbmc", "ecdsa-p256", ""}, {"openbmc", "ecdsa-p384", ""}, {"openbmc", "rsa-2048", ""}, {"openbmc", "rsa-4096", "2048 bits only"},
		{"xcc", "ecdsa-p384", ""}, {"xcc", "rsa-2048", ""}, {"xcc", "ecdsa-p256", "TPM_ECC_NIST_P384"},
		{"supermicro", "rsa-3072", ""}, {"supermicro", "ecdsa-p384", "TPM_ALG_RSA"}, {"ami", "rsa-4096", "512 to 2048"},
		{"ilo", "rsa-2048", ""}, {"ilo", "ecdsa-p384", "cannot be chosen"}, {"idrac", "rsa-4096", "cannot be chosen"},
	} {
		t.Run(x.dialect+"/"+x.algorithm, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newRenewed(t, x.dialect)
				c.spec.Algorithm = x.algorithm
				err := c.process(quiet)
				if x.refused != "" {
					if step.ClassOf(err) != step.Unsupported || !strings.Contains(fmt.Sprint(err), x.refused) {
						t.Errorf("%v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				c.finished(x.algorithm)
				if a := c.b.Certificate().PublicKeyAlgorithm.String(); !strings.EqualFold(a, strings.Split(x.algorithm, "-")[0]) {
					t.Errorf("the key is %s", a)
				}
			})
		})
	}
}

// TestCertificateOfSomebodyElse: a BMC that shows a third certificate is let alone.
func TestCertificateOfSomebodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newRenewed(t, "openbmc")
		c.s.Expect["sha256"] = hex.EncodeToString(make([]byte, 32))
		c.trust.begun = []bmc.Begun{{PinSHA256: c.pin(), SHA256: "other"}}
		c.trust.pin = strings.Repeat("0", 64)
		writes := c.b.Ledger().Writes
		if err := c.process(quiet); step.ClassOf(err) != step.HasMoved || c.b.Ledger().Writes != writes {
			t.Errorf("%v, %d writes", err, c.b.Ledger().Writes-writes)
		}
	})
}

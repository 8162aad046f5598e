package engine_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/ca"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// certificateText has every node's certificate signed by the authority in ca.pem.
func certificateText(text string) string {
	return strings.ReplaceAll(text, `    credential = secret("env:BMC_PASSWORD")
`, `    credential = secret("env:BMC_PASSWORD")
    certificate {
      ca           = "file:ca.pem"
      ca_key       = secret("file:ca.key")
      organization = "Example"
      unit         = "Racks"
      locality     = "Brisbane"
      state        = "Queensland"
    }
`)
}

// authority writes the site's authority beside the blueprint, and gives its key as it stands in the file.
func (d *desk) authority() string {
	d.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Site CA", Country: []string{"AU"}}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(20 * 365 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		d.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	d.write("ca.key", text)
	return text
}

// file puts the bindings into site.bind.hcl, as metalwright bind does.
func (d *desk) file() {
	d.t.Helper()
	text, err := blueprint.WriteBindings(d.bindings, []byte("# bound by hand\n"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.write(engine.BindingsFile, string(text))
	d.bindings = nil
}

// bound reads site.bind.hcl back.
func (d *desk) bound() map[string]rack.Binding {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, engine.BindingsFile))
	if err != nil {
		d.t.Fatal(err)
	}
	list, diags := blueprint.ParseBindings(engine.BindingsFile, text)
	if diags.HasErrors() || !strings.Contains(string(text), "# bound by hand") {
		d.t.Fatalf("%v\n%s", diags.Err(), text)
	}
	out := map[string]rack.Binding{}
	for _, b := range list {
		out[b.Node] = b
	}
	return out
}

// TestCertificates: the plan renews what nobody has signed and what ends soon, the apply does it without a gap, the new plan is empty,
// and a year later, before it ends, it is planned again.
func TestCertificates(t *testing.T) {
	for _, where := range []string{"in the file", "elsewhere"} {
		t.Run("bindings "+where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, certificateText(sixNodes()), sim.Options{Faults: []string{"cert-ends"}})
				key := d.authority()
				if where == "in the file" {
					d.file()
				}
				p, o := d.plan(t.Context())
				if !p.Report.Clean() {
					t.Fatalf("%+v", p.Report)
				}
				for _, n := range p.Nodes {
					if got := kinds(n.Steps)[step.Certificate]; got != 1 {
						t.Errorf("%s: %d certificates are planned", n.Name, got)
					}
					want := map[string]int{"lenovo": 1, "hpe": 1}[n.Name]
					if n.Resets["bmc_reset"] != want {
						t.Errorf("%s: %d resets of the BMC are planned, want %d", n.Name, n.Resets["bmc_reset"], want)
					}
				}
				dev, _ := o.Device("dell")
				if c := dev.BMC.Certificate; c == nil || !c.SelfSigned() || c.NotAfter.Sub(o.Taken) > 11*24*time.Hour {
					t.Errorf("the survey shows %+v", c)
				}
				d.settled(d.apply(t.Context(), engine.ApplyOptions{}))
				d.signedBySite(where)
				time.Sleep(334 * 24 * time.Hour) // 31 days before the end
				if p, _ := d.plan(t.Context()); !p.Empty() {
					t.Errorf("31 days before the end %d nodes are planned", len(p.Nodes))
				}
				time.Sleep(2 * 24 * time.Hour)
				p, _ = d.plan(t.Context())
				if len(p.Nodes) != 6 || !strings.Contains(p.Nodes[0].Steps[0].Why, "in 28 days") && !strings.Contains(p.Nodes[0].Steps[0].Why, "in 29 days") {
					t.Errorf("29 days before the end: %d nodes, %q", len(p.Nodes), p.Nodes[0].Steps[0].Why)
				}
				d.settled(d.apply(t.Context(), engine.ApplyOptions{}))
				d.signedBySite(where)
				d.noKey(key)
			})
		})
	}
}

func kinds(steps []step.Step) map[step.Kind]int {
	out := map[step.Kind]int{}
	for _, s := range steps {
		out[s.Kind]++
	}
	return out
}

// signedBySite demands that every BMC shows the site's certificate, and that its pin alone is trusted.
func (d *desk) signedBySite(where string) {
	d.t.Helper()
	for _, n := range d.rack.Nodes() {
		leaf := d.rack.BMC(n).Certificate()
		pin, _ := ca.Pins(leaf)
		if leaf.Issuer.CommonName != "Site CA" || leaf.Subject.CommonName != n || len(leaf.Subject.Country) != 1 || leaf.Subject.Country[0] != "AU" {
			d.t.Errorf("%s shows a certificate of %s for %s", n, leaf.Issuer, leaf.Subject)
		}
		if err := leaf.VerifyHostname(n + ".sim"); err != nil {
			d.t.Error(err)
		}
		if where != "in the file" {
			continue
		}
		if b := d.bound()[n]; b.PinSHA256 != pin || b.NextPins != "" {
			d.t.Errorf("%s is bound to %s and %q, and shows %s", n, b.PinSHA256, b.NextPins, pin)
		}
	}
}

// noKey looks for the authority's key in everything that was written.
func (d *desk) noKey(key string) {
	d.t.Helper()
	line := strings.Split(key, "\n")[1]
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "ca.key" {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), line) {
			d.t.Errorf("the key of the authority stands in %s", path)
		}
		return err
	})
	if err != nil || strings.Contains(d.said.String(), line) {
		d.t.Errorf("%v, or the key stands in the log", err)
	}
}

// TestCertificateCut cuts the rotation off at some requests, with real journals and bindings, and goes on with the same command.
func TestCertificateCut(t *testing.T) {
	for node, hardware := range map[string]string{"dell": "dell_r750", "hpe": "hpe_dl380a_gen11", "lenovo": "lenovo_sr670_v2"} {
		t.Run(node, func(t *testing.T) {
			done := 0
			for n := 1; done == 0 && n < 400; n += 17 {
				synctest.Test(t, func(t *testing.T) {
					d := newDesk(t, certificateText(siteText+nodeText(node, hardware, 1, "")), sim.Options{})
					d.authority()
					d.file()
					b := d.rack.BMC(node)
					b.CutAt(n, n%2 == 1)
					err := d.rotateCertificates(node)
					cut := b.Cut()
					b.CutAt(0, false)
					if !cut || err == nil { // cut off while it looked once more, for the record
						done++
					}
					time.Sleep(20 * time.Minute) // the BMC may be restarting
					pin, _ := ca.Pins(b.Certificate())
					if x := d.bound()[node]; !strings.Contains(strings.Join(x.Trusted(), " "), pin) {
						t.Errorf("cut at %d: the BMC shows what is not trusted", n)
					}
					if err := d.rotateCertificates(node); err != nil {
						t.Errorf("cut at %d, then again: %v", n, err)
					}
					pin, _ = ca.Pins(b.Certificate())
					if x := d.bound()[node]; x.PinSHA256 != pin || x.NextPins != "" || b.Certificate().Issuer.CommonName != "Site CA" {
						t.Errorf("cut at %d: at the end %+v is trusted", n, x.Trusted())
					}
				})
			}
			if done == 0 {
				t.Error("it never ends")
			}
		})
	}
}

// rotateCertificates does what the command does.
func (d *desk) rotateCertificates(node string) error {
	d.t.Helper()
	w := d.open()
	defer d.close(w)
	v := plan.Verb{Do: plan.DoCertificate}
	pending, err := w.PendingVerb(v, []string{node})
	if err != nil {
		d.t.Fatal(err)
	}
	if pending != nil {
		res, err := w.ResumeVerb(d.t.Context(), v, *pending, engine.ApplyOptions{})
		if err == nil && !res.OK() {
			err = fmt.Errorf("%+v", res.Nodes)
		}
		return err
	}
	p, o := w.Say(d.t.Context(), v, []string{node})
	if len(p.Nodes) != 1 || !p.Report.Clean() {
		return fmt.Errorf("%d nodes planned: %+v", len(p.Nodes), p.Report)
	}
	res, err := w.Do(d.t.Context(), v, p, engine.ApplyOptions{Before: &o})
	if err == nil && !res.OK() {
		err = fmt.Errorf("%+v", res.Nodes)
	}
	return err
}

// TestCertificateOfTwoNodes: nodes behind one BMC have one certificate. One of them renews it, and the pin moves for both.
func TestCertificateOfTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := certificateText(siteText+nodeText("smc", "sys_821ge_tnhr", 11, "")) + nodeText("twin", "sys_821ge_tnhr", 20, "")
		d := newDesk(t, text, sim.Options{})
		d.authority()
		*d.binding("twin") = *d.binding("smc")
		d.bindings[1].Node = "twin"
		d.file()
		if err := d.rotateCertificates("smc"); err != nil {
			t.Fatal(err)
		}
		pin, _ := ca.Pins(d.rack.BMC("smc").Certificate())
		for node, b := range d.bound() {
			if b.PinSHA256 != pin || b.NextPins != "" {
				t.Errorf("%s is bound to %s and %q, and its BMC shows %s", node, b.PinSHA256, b.NextPins, pin)
			}
		}
		d.write("main.mw.hcl", certificateText(siteText+nodeText("smc", "sys_821ge_tnhr", 11, "")+nodeText("twin", "sys_821ge_tnhr", 20, "")))
		if err := d.rotateCertificates("twin"); err == nil || !strings.Contains(err.Error(), "share one BMC") {
			t.Errorf("both renew it: %v", err)
		}
	})
}

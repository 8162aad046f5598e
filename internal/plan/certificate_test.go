package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

var (
	siteSpec = rack.RenewalSpec{CA: "file:ca.pem", CommonName: "n1", Organization: "Example", Unit: "Racks", Locality: "Brisbane",
		State: "Queensland", Country: "AU", RenewBeforeS: 30 * 86400, ValidForS: 365 * 86400}
	siteService = rack.CertificateService{Form: rack.FormRedfish, GenerateCSR: "/a", Install: "/b", Collection: "/c", Resource: "/c/1",
		Required: []string{"City", "CommonName", "Country", "Organization", "OrganizationalUnit", "State"}, Issuer: "CN=Site CA"}
	siteCert = rack.Certificate{Subject: "CN=n1,O=Example", Issuer: "CN=Site CA", SHA256: "aa", NotAfter: testNow.Add(90 * 24 * time.Hour)}
)

// TestPlanCertificate: what is planned of a certificate, by what was seen of it.
func TestPlanCertificate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*rack.RenewalSpec, *rack.Certificate, *rack.CertificateService)
		why    string // part of why it is planned; "" = it is not
		rule   string // why it is blocked
		says   string
		class  step.Activation
	}{
		{name: "as wanted"},
		{name: "ends soon", change: func(_ *rack.RenewalSpec, c *rack.Certificate, _ *rack.CertificateService) {
			c.NotAfter = testNow.Add(29*24*time.Hour + time.Hour)
		}, why: "in 29 days", class: step.None},
		{name: "has ended", change: func(_ *rack.RenewalSpec, c *rack.Certificate, _ *rack.CertificateService) {
			c.NotAfter = testNow.Add(-time.Hour)
		}, why: "ended on 2026-11-19", class: step.None},
		{name: "ends within a longer renew_before", change: func(s *rack.RenewalSpec, _ *rack.Certificate, _ *rack.CertificateService) {
			s.RenewBeforeS = 91 * 86400
		}, why: "in 90 days", class: step.None},
		{name: "signed by itself", change: func(_ *rack.RenewalSpec, c *rack.Certificate, _ *rack.CertificateService) { c.Issuer = c.Subject },
			why: "nobody but the BMC", class: step.None},
		{name: "signed by another", change: func(_ *rack.RenewalSpec, c *rack.Certificate, _ *rack.CertificateService) { c.Issuer = "CN=Vendor" },
			why: "signed by CN=Vendor", class: step.None},
		{name: "the authority is not known beforehand", change: func(_ *rack.RenewalSpec, c *rack.Certificate, s *rack.CertificateService) {
			c.Issuer, s.Issuer = "CN=Vault", ""
		}},
		{name: "another name", change: func(_ *rack.RenewalSpec, c *rack.Certificate, _ *rack.CertificateService) { c.Subject = "O=X,CN=n9" },
			why: `is for "n9"`, class: step.None},
		{name: "begun before", change: func(_ *rack.RenewalSpec, _ *rack.Certificate, s *rack.CertificateService) { s.Pending = 1 },
			why: "begun and not proven", class: step.None},
		{name: "shown after a reset", change: func(_ *rack.RenewalSpec, c *rack.Certificate, s *rack.CertificateService) {
			c.Issuer, s.AfterReset = c.Subject, true
		}, why: "nobody but", class: step.BMCReset},
		{name: "restarts by itself", change: func(_ *rack.RenewalSpec, c *rack.Certificate, s *rack.CertificateService) {
			c.Issuer, s.Restarts = c.Subject, true
		}, why: "nobody but", class: step.BMCReset},
		{name: "no service", change: func(_ *rack.RenewalSpec, _ *rack.Certificate, s *rack.CertificateService) {
			*s = rack.CertificateService{}
		},
			rule: "certificate.unsupported", says: "no certificate service"},
		{name: "no request", change: func(_ *rack.RenewalSpec, _ *rack.Certificate, s *rack.CertificateService) { s.GenerateCSR = "" },
			rule: "certificate.unsupported", says: "no GenerateCSR"},
		{name: "no installation", change: func(_ *rack.RenewalSpec, _ *rack.Certificate, s *rack.CertificateService) { s.Install = "" },
			rule: "certificate.unsupported", says: "no action that replaces"},
		{name: "no certificate listed", change: func(_ *rack.RenewalSpec, _ *rack.Certificate, s *rack.CertificateService) { s.Resource = "" },
			rule: "certificate.unsupported", says: "lists no HTTPS certificate"},
		{name: "a part of the subject is missing", change: func(s *rack.RenewalSpec, _ *rack.Certificate, _ *rack.CertificateService) {
			s.Unit, s.Locality = "", ""
		}, rule: "certificate.unsupported", says: "must have locality, unit"},
		{name: "another key", change: func(s *rack.RenewalSpec, _ *rack.Certificate, _ *rack.CertificateService) { s.Algorithm = "ecdsa-p384" },
			rule: "certificate.unsupported", says: "cannot be chosen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec, cert, service := siteSpec, siteCert, siteService
			if c.change != nil {
				c.change(&spec, &cert, &service)
			}
			l := newLab()
			node, dev := l.node("n1", "r750")
			node.BMC.Certificate, dev.BMC.Certificate, dev.Certificates = &spec, &cert, &service
			dev.Capabilities.ManagerResetTypes = []string{"GracefulRestart"}
			p, rep := Build(l.d, l.o, Options{Now: testNow})
			if c.rule != "" {
				if len(p.Nodes) != 0 || len(rep.Blocked) != 1 || rep.Blocked[0].Rule != c.rule || !strings.Contains(rep.Blocked[0].Detail, c.says) {
					t.Fatalf("%+v", rep)
				}
				return
			}
			if !rep.Clean() || len(rep.Warnings) > 0 {
				t.Fatalf("%+v", rep)
			}
			if c.why == "" {
				if !p.Empty() {
					t.Fatalf("%+v", p.Nodes[0].Steps)
				}
				return
			}
			steps := p.Nodes[0].Steps
			resets := 0
			if c.class == step.BMCReset {
				resets = 1
			}
			if len(steps) != 1+resets || steps[0].Kind != step.Certificate || steps[0].Activation != c.class || !strings.Contains(steps[0].Why, c.why) ||
				p.Nodes[0].Resets["bmc_reset"] != resets || steps[0].Expect["sha256"] != "aa" {
				t.Errorf("%+v", steps)
			}
		})
	}
}

// TestCertificateOfNobody: a certificate that nobody renews is told of before it ends, and one that was not seen is not renewed.
func TestCertificateOfNobody(t *testing.T) {
	l := newLab()
	_, dev := l.node("n1", "r750")
	cert := siteCert
	dev.BMC.Certificate = &cert
	if p, rep := Build(l.d, l.o, Options{Now: testNow}); !p.Empty() || len(rep.Warnings) != 0 {
		t.Errorf("%+v", rep)
	}
	cert.NotAfter = testNow.Add(5 * 24 * time.Hour)
	p, rep := Build(l.d, l.o, Options{Now: testNow})
	if !p.Empty() || !rep.Clean() || len(rep.Warnings) != 1 || !strings.Contains(rep.Warnings[0].Detail, "in 5 days") {
		t.Errorf("%+v", rep)
	}
	l = newLab()
	node, _ := l.node("n1", "r750")
	node.BMC.Certificate = &siteSpec
	if p, rep := Build(l.d, l.o, Options{Now: testNow}); !p.Empty() || len(rep.Unreadable) != 1 || rep.Unreadable[0].Rule != "certificate.read" {
		t.Errorf("%+v", rep)
	}
}

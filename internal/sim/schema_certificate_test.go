package sim_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"
)

// replaceCertificate has another certificate put in: what the vendor's own page or DSP0268 says, and a few things that are refused.
func (p *probe) replaceCertificate() {
	p.t.Helper()
	service := p.get(link(p.get("/redfish/v1"), "CertificateService"))
	subject := obj{"CommonName": "bmc.example", "Organization": "Example", "OrganizationalUnit": "Racks", "City": "Brisbane", "State": "Queensland", "Country": "AU"}
	generate := link(service, "Actions", "#CertificateService.GenerateCSR", "target")
	if info := link(service, "Actions", "#CertificateService.GenerateCSR", "@Redfish.ActionInfo"); info != "" {
		p.get(info)
	}
	p.must(400, "POST", generate, obj{"CommonName": "bmc.example"})
	if hpe := link(p.manager(), "Oem", "Hpe", "Links", "SecurityService"); hpe != "" {
		p.replaceHPE(link(p.get(hpe), "Links", "HttpsCert"))
		return
	}
	list := link(p.get(link(p.manager(), "NetworkProtocol")), "HTTPS", "Certificates")
	install := link(service, "Actions", "#CertificateService.ReplaceCertificate", "target")
	subject["CertificateCollection"] = obj{"@odata.id": list}
	r := p.must(200, "POST", generate, subject)
	text, _ := r.obj["CSRString"].(string)
	if link(r.obj, "CertificateCollection") != list {
		p.t.Errorf("GenerateCSR is of %v", r.obj["CertificateCollection"])
	}
	body := obj{"CertificateString": "no certificate", "CertificateType": "PEM", "CertificateUri": obj{"@odata.id": p.members(list)[0]}}
	p.must(400, "POST", install, body)
	body["CertificateString"] = p.signed(text)
	p.must(2, "POST", install, body)
	p.token = ""
	time.Sleep(time.Minute)
}

func (p *probe) replaceHPE(https string) {
	p.t.Helper()
	o := p.get(https)
	p.must(2, "POST", link(o, "Actions", "#HpeHttpsCert.GenerateCSR", "target"), obj{"CommonName": "bmc.example", "OrgName": "Example",
		"OrgUnit": "Racks", "City": "Brisbane", "State": "Queensland", "Country": "AU", "IncludeIP": true})
	time.Sleep(2 * time.Minute)
	p.login() // sessions of an iLO are short
	text, _ := p.get(https)["CertificateSigningRequest"].(string)
	p.must(400, "POST", link(o, "Actions", "#HpeHttpsCert.ImportCertificate", "target"), obj{"Certificate": "no certificate"})
	p.must(2, "POST", link(o, "Actions", "#HpeHttpsCert.ImportCertificate", "target"), obj{"Certificate": p.signed(text)})
	p.token = ""
	time.Sleep(5 * time.Second)
	p.awake()
}

// certified demands that the certificate that was put in is shown.
func (p *probe) certified() {
	p.t.Helper()
	if c := p.bmc.Certificate(); c.Subject.CommonName != "bmc.example" || c.Issuer.CommonName != "Test CA" {
		p.t.Errorf("it shows a certificate of %s by %s", c.Subject, c.Issuer)
	}
}

// signed signs a request.
func (p *probe) signed(request string) string {
	p.t.Helper()
	b, _ := pem.Decode([]byte(request))
	if b == nil {
		p.t.Fatalf("no request: %q", request)
	}
	csr, err := x509.ParseCertificateRequest(b.Bytes)
	if err != nil {
		p.t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	by := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: csr.Subject,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour)}, by, csr.PublicKey, key)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

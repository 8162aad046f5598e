package sim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const certificateServiceURI = "/redfish/v1/CertificateService"

// certStyle is how a dialect has its HTTPS certificate replaced: facts of recorded trees and of the vendors' own tools.
type certStyle struct {
	algorithms, curves []string // announced; nil = none is told
	minBits, maxBits   int64    // announced, with an ActionInfo; 0 = not told
	curve              bool     // makes elliptic-curve keys by itself
	member             string   // id of the certificate
	hpe                bool     // HpeHttpsCert, with requests made in the background
	below              int      // the BMC must restart before it shows a new one: below this major version; 0 = never
}

const always = 1 << 20

var certStyles = map[string]certStyle{
	dialectIDRAC:      {member: "SecurityCertificate.2", below: 6},
	dialectILO:        {hpe: true},
	dialectSupermicro: {member: "1", algorithms: []string{"TPM_ALG_RSA"}, minBits: 1024, maxBits: 4096},
	dialectXCC:        {member: "1", algorithms: []string{"TPM_ALG_ECDH", "TPM_ALG_RSA"}, curves: []string{"TPM_ECC_NIST_P384"}, below: always},
	dialectAMI:        {member: "1", minBits: 512, maxBits: 2048},
	dialectOpenBMC:    {member: "1", curve: true},
}

// What it takes to make a key in the background (HPE: minutes at worst), and to start the web server anew.
const (
	csrTime       = 40 * time.Second
	webServerTime = 5 * time.Second
)

// certificates is what a BMC shows, and what it has been told to show.
type certificates struct {
	shown  *tls.Certificate
	next   *tls.Certificate // installed, and shown once the BMC has restarted
	key    crypto.Signer    // of the last request
	csr    string           // PEM
	making bool             // HPE: the request is not there yet
	made   int              // keys so far
}

// Certificate is what the BMC shows now.
func (b *BMC) Certificate() *x509.Certificate {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
	return b.certs.shown.Leaf
}

// shownCertificate serves a handshake.
func (b *BMC) shownCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.certs.shown, nil
}

// certKeys holds the keys that were made, by what asked for them: making an RSA key takes longer than everything else a test does.
var certKeys sync.Map

func newKey(name, kind string, bits int) (crypto.Signer, error) {
	id := fmt.Sprintf("%s/%s/%d", name, kind, bits)
	if k, ok := certKeys.Load(id); ok {
		return k.(crypto.Signer), nil
	}
	var k crypto.Signer
	var err error
	switch {
	case kind == "rsa":
		k, err = rsa.GenerateKey(rand.Reader, bits)
	case bits == 256:
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		k, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	}
	if err != nil {
		return nil, err
	}
	have, _ := certKeys.LoadOrStore(id, k)
	return have.(crypto.Signer), nil
}

func certificateRoutes(b *BMC, m map[string]*route) {
	d, style := b.dia, certStyles[b.dia.name]
	acts := obj{"#CertificateService.GenerateCSR": b.generateAction(m)}
	var at []string
	if style.hpe {
		hpeCertificateRoutes(b, m)
	} else {
		acts["#CertificateService.ReplaceCertificate"] = b.replaceAction(m)
		list := b.certificateList()
		at = []string{list + "/" + style.member}
		add(b, m, list, &route{get: func(*call) obj {
			return collection("CertificateCollection.CertificateCollection", "Certificate Collection", at)
		}})
		add(b, m, at[0], &route{get: func(*call) obj { return b.certificateResource() }})
	}
	add(b, m, certificateServiceURI, &route{get: func(*call) obj {
		return obj{"@odata.type": d.typ("CertificateService"), "Id": "CertificateService", "Name": "Certificate Service", "Actions": acts,
			"CertificateLocations": ref(certificateServiceURI + "/CertificateLocations")}
	}})
	add(b, m, certificateServiceURI+"/CertificateLocations", &route{get: func(*call) obj {
		return obj{"@odata.type": d.typ("CertificateLocations"), "Id": "CertificateLocations", "Name": "Certificate Locations",
			"Links": obj{"Certificates": refs(at), "Certificates@odata.count": len(at)}}
	}})
}

func (b *BMC) certificateList() string {
	return b.dia.manager() + "/NetworkProtocol/HTTPS/Certificates"
}

// generateAction is GenerateCSR as it is announced: with allowable values, with an ActionInfo, or with neither.
func (b *BMC) generateAction(m map[string]*route) obj {
	style := certStyles[b.dia.name]
	target := certificateServiceURI + "/Actions/CertificateService.GenerateCSR"
	add(b, m, target, &route{post: generateCSR})
	o := obj{"target": target}
	if style.maxBits == 0 {
		if len(style.algorithms) > 0 {
			o["KeyPairAlgorithm@Redfish.AllowableValues"] = texts2list(style.algorithms)
			o["KeyCurveId@Redfish.AllowableValues"] = texts2list(style.curves)
		}
		return o
	}
	info := certificateServiceURI + "/GenerateCSRActionInfo"
	o["@Redfish.ActionInfo"] = info
	parameter := func(name, typ string, required bool) obj {
		return obj{"Name": name, "DataType": typ, "Required": required}
	}
	list := []obj{parameter("AlternativeNames", "StringArray", false), parameter("CertificateCollection", "Object", true)}
	for _, name := range subjectParameters {
		list = append(list, parameter(name, "String", name != "Email"))
	}
	bits := parameter("KeyBitLength", "Number", false)
	bits["MinimumValue"], bits["MaximumValue"] = style.minBits, style.maxBits
	list = append(list, bits)
	if len(style.algorithms) > 0 {
		a := parameter("KeyPairAlgorithm", "String", false)
		a["AllowableValues"] = texts2list(style.algorithms)
		list = append(list, a)
	}
	add(b, m, info, &route{get: func(*call) obj {
		return obj{"@odata.type": b.dia.typ("ActionInfo"), "Id": "GenerateCSRActionInfo", "Name": "Generate CSR Action Info", "Parameters": listObj(list)}
	}})
	return o
}

func (b *BMC) replaceAction(m map[string]*route) obj {
	target := certificateServiceURI + "/Actions/CertificateService.ReplaceCertificate"
	add(b, m, target, &route{post: replaceCertificate})
	o := obj{"target": target}
	if b.dia.name != dialectIDRAC {
		o["CertificateType@Redfish.AllowableValues"] = []any{"PEM"}
	}
	return o
}

var subjectParameters = []string{"City", "CommonName", "Country", "Email", "Organization", "OrganizationalUnit", "State"}

// certificateResource is the Certificate in use.
func (b *BMC) certificateResource() obj {
	leaf := b.certs.shown.Leaf
	o := obj{"@odata.type": b.dia.typ("Certificate"), "Id": certStyles[b.dia.name].member, "Name": "HTTPS Certificate",
		"ValidNotBefore": stamp(leaf.NotBefore), "ValidNotAfter": stamp(leaf.NotAfter), "Subject": nameObj(leaf.Subject),
		"Issuer": nameObj(leaf.Issuer)}
	if b.dia.name != dialectIDRAC { // which tells no text
		o["CertificateType"] = "PEM"
		o["CertificateString"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
	}
	return o
}

func nameObj(n pkix.Name) obj {
	o := obj{"CommonName": n.CommonName}
	for k, l := range map[string][]string{"Organization": n.Organization, "OrganizationalUnit": n.OrganizationalUnit, "City": n.Locality,
		"State": n.Province, "Country": n.Country} {
		if len(l) > 0 {
			o[k] = l[0]
		}
	}
	return o
}

// generateCSR answers CertificateService.GenerateCSR.
func generateCSR(c *call) *answer {
	b, style := c.b, certStyles[c.b.dia.name]
	const action = "CertificateService.GenerateCSR"
	list, _ := c.body["CertificateCollection"].(obj)
	if at, _ := list["@odata.id"].(string); style.hpe || !strings.EqualFold(strings.TrimRight(at, "/"), b.certificateList()) {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueFormatError", "…", "CertificateCollection", action))
	}
	for _, p := range subjectParameters {
		if s, _ := c.body[p].(string); s == "" && p != "Email" {
			return b.fail(http.StatusBadRequest, b.msg("ActionParameterMissing", action, p))
		}
	}
	for k := range c.body {
		known := slices.Concat(subjectParameters, []string{"CertificateCollection", "AlternativeNames", "KeyPairAlgorithm", "KeyBitLength",
			"KeyCurveId", "KeyUsage"})
		if !slices.Contains(known, k) {
			return b.fail(http.StatusBadRequest, b.msg("ActionParameterNotSupported", k, action))
		}
	}
	kind, bits, refused := b.keyWish(c.body)
	if refused != nil {
		return refused
	}
	if err := b.makeCSR(kind, bits, c.body, "Organization", "OrganizationalUnit"); err != nil {
		return b.fail(http.StatusInternalServerError, b.msg("InternalError"))
	}
	return ok(obj{"CSRString": b.certs.csr, "CertificateCollection": ref(b.certificateList())})
}

// keyWish reads which key is asked for.
func (b *BMC) keyWish(body obj) (kind string, bits int, refused *answer) {
	style := certStyles[b.dia.name]
	const action = "CertificateService.GenerateCSR"
	kind, bits = "rsa", 2048
	if style.curve {
		kind, bits = "ec", 384
	}
	if a, told := body["KeyPairAlgorithm"].(string); told {
		if len(style.algorithms) > 0 && !slices.Contains(style.algorithms, a) || style.curve && a != "RSA" && a != "EC" {
			return "", 0, b.fail(http.StatusBadRequest, b.msg("ActionParameterValueNotInList", a, "KeyPairAlgorithm", action))
		}
		kind, bits = "ec", 384
		if strings.HasSuffix(a, "RSA") {
			kind, bits = "rsa", 2048
		}
	}
	if n, told := body["KeyBitLength"].(interface{ String() string }); told && kind == "rsa" {
		bits, _ = strconv.Atoi(n.String())
		if style.maxBits > 0 && (int64(bits) < style.minBits || int64(bits) > style.maxBits) || bits < 512 {
			return "", 0, b.fail(http.StatusBadRequest, b.msg("ActionParameterValueFormatError", n.String(), "KeyBitLength", action))
		}
	}
	if c, _ := body["KeyCurveId"].(string); kind == "ec" && (c == "prime256v1" || c == "TPM_ECC_NIST_P256") {
		bits = 256
	}
	if b.faults.on("csr-key") {
		kind, bits = "rsa", 1024
	}
	return kind, bits, nil
}

// makeCSR makes a key and a request for it.
func (b *BMC) makeCSR(kind string, bits int, body obj, organization, unit string) error {
	b.certs.made++
	key, err := newKey(fmt.Sprintf("%s/%d", b.name, b.certs.made), kind, bits)
	if err != nil {
		return err
	}
	text := func(k string) []string {
		if s, _ := body[k].(string); s != "" {
			return []string{s}
		}
		return nil
	}
	name := pkix.Name{Organization: text(organization), OrganizationalUnit: text(unit), Locality: text("City"), Province: text("State"),
		Country: text("Country")}
	name.CommonName, _ = body["CommonName"].(string)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: name}, key)
	if err != nil {
		return err
	}
	b.certs.key, b.certs.csr = key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	b.changed()
	return nil
}

// replaceCertificate answers CertificateService.ReplaceCertificate.
func replaceCertificate(c *call) *answer {
	b := c.b
	const action = "CertificateService.ReplaceCertificate"
	at, _ := c.body["CertificateUri"].(obj)
	uri, _ := at["@odata.id"].(string)
	text, _ := c.body["CertificateString"].(string)
	switch {
	case text == "":
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterMissing", action, "CertificateString"))
	case c.body["CertificateType"] != "PEM":
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueNotInList", fmt.Sprint(c.body["CertificateType"]), "CertificateType", action))
	case !strings.EqualFold(uri, b.certificateList()+"/"+certStyles[b.dia.name].member):
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueFormatError", uri, "CertificateUri", action))
	}
	if refused := b.install(c, text, "CertificateString", action); refused != nil {
		return refused
	}
	return b.done()
}

// install takes a certificate for the key of the last request, or for the key in use. When it is shown differs by vendor.
func (b *BMC) install(c *call, text, parameter, action string) *answer {
	if b.faults.fire("cert-refused", c) {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueFormatError", "…", parameter, action))
	}
	cert, err := b.pair(text)
	if err != nil || b.clock().Before(cert.Leaf.NotBefore) || b.clock().After(cert.Leaf.NotAfter) {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueFormatError", "…", parameter, action))
	}
	style := certStyles[b.dia.name]
	major, _ := strconv.Atoi(strings.Split(b.version("bmc"), ".")[0])
	b.certs.next = cert
	switch {
	case style.hpe: // restarts by itself
		b.resetBMC()
	case major < style.below || b.faults.on("cert-late"):
	default:
		b.after(time.Second, "web server", func() {
			b.settleCertificate()
			b.silence(webServerTime)
		})
	}
	b.changed()
	return nil
}

// pair finds the key that a certificate belongs to.
func (b *BMC) pair(text string) (*tls.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("no PEM")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	for _, k := range []crypto.PrivateKey{b.certs.key, b.certs.shown.PrivateKey} {
		s, ok := k.(crypto.Signer)
		if !ok || s == nil {
			continue
		}
		if p, ok := s.Public().(interface{ Equal(crypto.PublicKey) bool }); ok && p.Equal(leaf.PublicKey) {
			return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: s, Leaf: leaf}, nil
		}
	}
	return nil, errors.New("not our key")
}

// settleCertificate shows what was installed.
func (b *BMC) settleCertificate() {
	if b.certs.next != nil {
		b.certs.shown, b.certs.next = b.certs.next, nil
	}
}

// hpeCertificateRoutes are HpeHttpsCert: CertificateSigningRequest is null while it is made.
func hpeCertificateRoutes(b *BMC, m map[string]*route) {
	at := b.dia.manager() + "/SecurityService/HttpsCert"
	csr, imp := at+"/Actions/HpeHttpsCert.GenerateCSR", at+"/Actions/HpeHttpsCert.ImportCertificate"
	add(b, m, at, &route{get: func(*call) obj {
		leaf := b.certs.shown.Leaf
		o := obj{"@odata.type": "#HpeHttpsCert.v2_0_0.HpeHttpsCert", "Id": "HttpsCert", "Name": "HTTPS Certificate",
			"CertificateSigningRequest": nil, "Actions": obj{"#HpeHttpsCert.GenerateCSR": obj{"target": csr + "/"},
				"#HpeHttpsCert.ImportCertificate": obj{"target": imp + "/"}},
			"X509CertificateInformation": obj{"Issuer": leaf.Issuer.String(), "Subject": leaf.Subject.String(),
				"SerialNumber": leaf.SerialNumber.Text(16), "ValidNotAfter": stamp(leaf.NotAfter), "ValidNotBefore": stamp(leaf.NotBefore)}}
		if b.certs.csr != "" && !b.certs.making {
			o["CertificateSigningRequest"] = b.certs.csr
		}
		return o
	}})
	add(b, m, csr, &route{post: generateHPE})
	add(b, m, imp, &route{post: func(c *call) *answer {
		text, _ := c.body["Certificate"].(string)
		if text == "" {
			return b.fail(http.StatusBadRequest, b.msg("ActionParameterMissing", "HpeHttpsCert.ImportCertificate", "Certificate"))
		}
		if refused := b.install(c, text, "Certificate", "HpeHttpsCert.ImportCertificate"); refused != nil {
			return refused
		}
		return b.done()
	}})
}

func generateHPE(c *call) *answer {
	b := c.b
	const action = "HpeHttpsCert.GenerateCSR"
	for _, p := range []string{"City", "CommonName", "Country", "OrgName", "State"} {
		if s, _ := c.body[p].(string); s == "" {
			return b.fail(http.StatusBadRequest, b.msg("ActionParameterMissing", action, p))
		}
	}
	if b.certs.making {
		return b.fail(http.StatusBadRequest, b.msg("ResourceInUse"))
	}
	bits := 2048
	if b.faults.on("csr-key") {
		bits = 1024
	}
	b.certs.making = true
	body := c.body
	b.after(csrTime, "csr", func() {
		b.certs.making = false
		_ = b.makeCSR("rsa", bits, body, "OrgName", "OrgUnit") // when it fails, no request is shown
	})
	return b.done()
}

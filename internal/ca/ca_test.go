package ca_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/ca"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/secret"
	"github.com/metalwright/metalwright/internal/step"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

var spec = rack.RenewalSpec{CA: "file:ca.pem", CommonName: "n1.bmc.example", Names: []string{"10.0.0.9", "Alias.example", "n1.bmc.example"},
	Organization: "Example", Country: "AU", RenewBeforeS: 30 * 86400, ValidForS: 365 * 86400}

func inPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// authority is a certificate and its key in three forms.
func authority(t *testing.T, change func(*x509.Certificate)) (cert []byte, keys map[string][]byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Site CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(10 * 365 * 24 * time.Hour)}
	if change != nil {
		change(tmpl)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	p8, err8 := x509.MarshalPKCS8PrivateKey(key)
	sec1, err1 := x509.MarshalECPrivateKey(key)
	if err8 != nil || err1 != nil {
		t.Fatal(err8, err1)
	}
	return inPEM("CERTIFICATE", der), map[string][]byte{"pkcs8": inPEM("PRIVATE KEY", p8), "sec1": inPEM("EC PRIVATE KEY", sec1)}
}

func request(t *testing.T, key crypto.Signer, name string) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(inPEM("CERTIFICATE REQUEST", der))
}

func p256(t *testing.T) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func parsed(t *testing.T, text string) ca.Request {
	t.Helper()
	csr, err := ca.ParseCSR(text)
	if err != nil {
		t.Fatal(err)
	}
	return ca.Request{CSR: csr, Spec: spec, Host: "10.0.0.7", Now: now}
}

func TestLocal(t *testing.T) {
	cert, keys := authority(t, nil)
	for form, key := range keys {
		a, err := ca.Local(cert, key)
		if err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		r := parsed(t, strings.ReplaceAll(request(t, p256(t), "N1.bmc.example"), "\n", "\r\n"))
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
		chain, err := a.Sign(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := r.CheckSigned(chain)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(cert)
		for _, name := range []string{"10.0.0.7", "10.0.0.9", "alias.example", "n1.bmc.example"} {
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name, CurrentTime: now}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if leaf.Subject.String() != "CN=n1.bmc.example,O=Example,C=AU" || len(leaf.DNSNames) != 2 || len(leaf.IPAddresses) != 2 || leaf.IsCA {
			t.Errorf("%s, %v, %v", leaf.Subject, leaf.DNSNames, leaf.IPAddresses)
		}
		if end := leaf.NotAfter.Sub(now); end != 365*24*time.Hour || !leaf.NotBefore.Before(now) {
			t.Errorf("valid for %s from %s", end, leaf.NotBefore)
		}
		if first, err := ca.First(chain); err != nil || strings.Count(first, "BEGIN CERTIFICATE") != 1 {
			t.Errorf("%v\n%s", err, first)
		}
	}
}

// TestLocalRefused: an authority that is none, and whose key is not shown.
func TestLocalRefused(t *testing.T) {
	cert, keys := authority(t, nil)
	leaf, leafKeys := authority(t, func(c *x509.Certificate) { c.IsCA = false })
	other, _ := authority(t, nil)
	for name, x := range map[string]struct {
		cert, key []byte
		says      string
	}{
		"no certificate":    {[]byte("x"), keys["pkcs8"], "cannot be read"},
		"no authority":      {leaf, leafKeys["pkcs8"], "CA:TRUE"},
		"another's key":     {other, keys["pkcs8"], "not the key of its certificate"},
		"no key":            {cert, []byte("SECRET-TEXT"), "not one in PEM form"},
		"key with a phrase": {cert, inPEM("ENCRYPTED PRIVATE KEY", []byte("SECRET-TEXT")), "pass phrase"},
		"damaged key":       {cert, inPEM("PRIVATE KEY", []byte("SECRET-TEXT")), "cannot be read"},
	} {
		_, err := ca.Local(x.cert, x.key)
		if step.ClassOf(err) != step.Rejected || !strings.Contains(fmt.Sprint(err), x.says) || strings.Contains(fmt.Sprint(err), "SECRET") || step.AdviceOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	ended, endedKeys := authority(t, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) })
	a, err := ca.Local(ended, endedKeys["sec1"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Sign(t.Context(), parsed(t, request(t, p256(t), "n1.bmc.example"))); !strings.Contains(fmt.Sprint(err), "not now") {
		t.Errorf("an authority that has ended signs: %v", err)
	}
}

func TestCheck(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		key             crypto.Signer
		algorithm, name string
		says            string
	}{
		"as asked":        {strong, "rsa-2048", "n1.bmc.example", ""},
		"nothing asked":   {p256(t), "", "n1.bmc.example", ""},
		"weak":            {weak, "", "n1.bmc.example", "too weak: rsa of 1024 bits"},
		"weak curve":      {p224, "", "n1.bmc.example", "too weak: ecdsa of 224 bits"},
		"shorter":         {strong, "rsa-4096", "n1.bmc.example", "another key than was asked for"},
		"another kind":    {strong, "ecdsa-p256", "n1.bmc.example", "another key than was asked for"},
		"another curve":   {p256(t), "ecdsa-p384", "n1.bmc.example", "another key than was asked for"},
		"somebody else's": {p256(t), "", "n2.bmc.example", `is for "n2.bmc.example"`},
	} {
		r := parsed(t, request(t, x.key, x.name))
		r.Spec.Algorithm = x.algorithm
		if err := r.Check(); (err != nil) != (x.says != "") || !strings.Contains(fmt.Sprint(err), x.says) && x.says != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{"no PEM": "hello", "not a request": string(inPEM("CERTIFICATE REQUEST", []byte("x")))} {
		if _, err := ca.ParseCSR(text); step.ClassOf(err) != step.Rejected {
			t.Errorf("%s: %v", name, err)
		}
	}
	der, _ := pem.Decode([]byte(request(t, strong, "n1")))
	der.Bytes[len(der.Bytes)-1] ^= 1
	if _, err := ca.ParseCSR(string(pem.EncodeToMemory(der))); !strings.Contains(fmt.Sprint(err), "not signed by its own key") {
		t.Errorf("a request with a wrong signature: %v", err)
	}
}

// TestCheckSigned: an authority that gives something else.
func TestCheckSigned(t *testing.T) {
	cert, keys := authority(t, nil)
	a, err := ca.Local(cert, keys["pkcs8"])
	if err != nil {
		t.Fatal(err)
	}
	r := parsed(t, request(t, p256(t), "n1.bmc.example"))
	foreign, err := a.Sign(t.Context(), parsed(t, request(t, p256(t), "n1.bmc.example")))
	if err != nil {
		t.Fatal(err)
	}
	short := r
	short.Spec.ValidForS = 29 * 86400
	brief, err := a.Sign(t.Context(), short)
	if err != nil {
		t.Fatal(err)
	}
	late := r
	late.Now = now.Add(-100 * 24 * time.Hour)
	for says, x := range map[string]struct {
		r     ca.Request
		chain []byte
	}{"another key": {r, foreign}, "within renew_before": {r, brief}, "not now": {late, brief}, "no certificate": {r, []byte("x")}} {
		chain := x.chain
		if says == "not now" {
			if chain, err = a.Sign(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := x.r.CheckSigned(chain); step.ClassOf(err) != step.Rejected || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// TestVault has a PKI engine sign, as the public API of Vault and OpenBao describes it.
func TestVault(t *testing.T) {
	cert, keys := authority(t, nil)
	a, err := ca.Local(cert, keys["pkcs8"])
	if err != nil {
		t.Fatal(err)
	}
	var asked map[string]any
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v1/pki/racks/sign/bmc" || r.Header.Get("X-Vault-Token") != "vault-token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		chain, err := a.Sign(context.Background(), parsed(t, asked["csr"].(string)))
		if err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"certificate": string(chain), "issuing_ca": string(cert),
			"ca_chain": []string{string(cert)}}})
	}))
	defer s.Close()
	v := ca.Vault(secret.NewResolver(secret.Options{LookupEnv: func(name string) (string, bool) {
		x, ok := map[string]string{"VAULT_ADDR": s.URL, "VAULT_TOKEN": "vault-token"}[name]
		return x, ok
	}}), "pki/racks", "bmc")
	r := parsed(t, request(t, p256(t), "n1.bmc.example"))
	chain, err := v.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.CheckSigned(chain); err != nil || strings.Count(string(chain), "BEGIN CERTIFICATE") != 1 {
		t.Errorf("%v; a root went along:\n%s", err, chain)
	}
	if asked["common_name"] != "n1.bmc.example" || asked["alt_names"] != "n1.bmc.example,alias.example" || asked["ip_sans"] != "10.0.0.7,10.0.0.9" ||
		asked["ttl"] != "31536000s" {
		t.Errorf("%v", asked)
	}
	for code, class := range map[int]step.Class{http.StatusForbidden: step.Rejected, http.StatusBadRequest: step.Rejected, http.StatusServiceUnavailable: step.Transient} {
		status = code
		if _, err := v.Sign(t.Context(), r); step.ClassOf(err) != class || strings.Contains(err.Error(), "vault-token") || step.AdviceOf(err) == "" {
			t.Errorf("%d: %v, class %s", code, err, step.ClassOf(err))
		}
	}
}

// Package ca has the certificate of a controller signed by the site's authority: it looks at the request that the controller made,
// asks the authority, and looks at what came back. It speaks to no controller, and a private key of one is never seen here.
package ca

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Authority signs requests.
type Authority interface {
	// Sign gives the certificate, and behind it what an authority adds of its chain, in PEM form. Errors carry a class.
	Sign(ctx context.Context, r Request) ([]byte, error)
}

// Request is what is to be signed.
type Request struct {
	CSR  *x509.CertificateRequest
	Spec rack.RenewalSpec
	Host string // host name or IP address that the controller is reached at; it becomes a name of the certificate
	Now  time.Time
}

// Names gives the DNS names and IP addresses that the certificate is for, each once: the host, the names of the blueprint, and the
// common name where it is a host name.
func (r Request) Names() (dns []string, ips []net.IP) {
	for _, s := range slices.Concat([]string{r.Host, r.Spec.CommonName}, r.Spec.Names) {
		if ip := net.ParseIP(s); ip != nil {
			if !slices.ContainsFunc(ips, ip.Equal) {
				ips = append(ips, ip)
			}
		} else if s != "" && !strings.ContainsAny(s, " _/:@") && !slices.Contains(dns, strings.ToLower(s)) {
			dns = append(dns, strings.ToLower(s))
		}
	}
	return dns, ips
}

// ParseCSR reads a request in PEM form, as a controller gives it, and checks that it is signed by its own key.
func ParseCSR(text string) (*x509.CertificateRequest, error) {
	b, _ := pem.Decode([]byte(strings.ReplaceAll(strings.TrimSpace(text), "\r", "")))
	if b == nil || !strings.HasSuffix(b.Type, "CERTIFICATE REQUEST") {
		return nil, rejected("the BMC's certificate request is not one in PEM form")
	}
	csr, err := x509.ParseCertificateRequest(b.Bytes)
	if err != nil {
		return nil, rejected("the BMC's certificate request cannot be read: %w", err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, rejected("the BMC's certificate request is not signed by its own key: %w", err)
	}
	return csr, nil
}

// Keys that are too weak for anything (NIST SP 800-57 part 1, 5.6.1: less than 112 bits of strength).
const shortestRSA = 2048

// Check looks at a request before anybody signs it: its key is no weaker than may be, and what was asked for; its subject is that
// of the blueprint.
func (r Request) Check() error {
	family, bits := keyOf(r.CSR.PublicKey)
	wanted, size, _ := strings.Cut(r.Spec.Algorithm, "-")
	least, _ := strconv.Atoi(strings.TrimPrefix(size, "p"))
	have := fmt.Sprintf("%s of %d bits", family, bits)
	switch {
	case family == "":
		return rejected("the BMC made a key of an unknown kind")
	case family == "rsa" && bits < shortestRSA || family == "ecdsa" && bits < 256:
		return step.Fail(step.Rejected, fmt.Errorf("the BMC made a key that is too weak: %s", have),
			"Update the BMC's firmware. Nothing was signed, and its certificate is what it was.")
	case wanted != "" && (wanted != family || bits < least || family == "ecdsa" && bits != least):
		return step.Fail(step.Rejected, fmt.Errorf("the BMC made another key than was asked for: %s, not %s", have, r.Spec.Algorithm),
			"Leave algorithm out of the certificate block, or name what this BMC makes. Nothing was signed.")
	case !strings.EqualFold(r.CSR.Subject.CommonName, r.Spec.CommonName):
		return rejected("the BMC's certificate request is for %q, not for %q", r.CSR.Subject.CommonName, r.Spec.CommonName)
	}
	return nil
}

func keyOf(key any) (family string, bits int) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return "rsa", k.N.BitLen()
	case *ecdsa.PublicKey:
		return "ecdsa", k.Params().BitSize
	}
	return "", 0
}

// CheckSigned looks at what an authority gave: it is for the key of the request and for the host, and it is valid now and for
// longer than until its own renewal.
func (r Request) CheckSigned(chain []byte) (*x509.Certificate, error) {
	leaf, err := Leaf(chain)
	if err != nil {
		return nil, err
	}
	switch {
	case !sameKey(leaf, r.CSR):
		return nil, rejected("the authority signed another key than the BMC's")
	case r.Now.Before(leaf.NotBefore) || !r.Now.Before(leaf.NotAfter):
		return nil, rejected("the authority's certificate is valid from %s to %s, and not now", day(leaf.NotBefore), day(leaf.NotAfter))
	case r.Now.Add(r.Spec.RenewBefore()).After(leaf.NotAfter):
		return nil, step.Fail(step.Rejected, fmt.Errorf("the authority's certificate ends on %s, which is within renew_before", day(leaf.NotAfter)),
			"It would be renewed again at once. Let the authority's role allow a longer time, or lower renew_before.")
	}
	return leaf, nil
}

func sameKey(leaf *x509.Certificate, csr *x509.CertificateRequest) bool {
	return string(leaf.RawSubjectPublicKeyInfo) == string(csr.RawSubjectPublicKeyInfo)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// Leaf reads the first certificate of a chain in PEM form.
func Leaf(chain []byte) (*x509.Certificate, error) {
	for rest := chain; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return nil, rejected("the authority gave no certificate in PEM form")
		}
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, rejected("the authority's certificate cannot be read: %w", err)
		}
		return c, nil
	}
}

// First gives the first certificate of a chain alone, in PEM form: what most controllers take.
func First(chain []byte) (string, error) {
	c, err := Leaf(chain)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})), nil
}

// Pins gives the two digests that a certificate is known by: of its public key, and of all of it.
func Pins(c *x509.Certificate) (pin, whole string) {
	key, all := sha256.Sum256(c.RawSubjectPublicKeyInfo), sha256.Sum256(c.Raw)
	return hex.EncodeToString(key[:]), hex.EncodeToString(all[:])
}

// subject is the subject that the blueprint wants.
func subject(s rack.RenewalSpec) pkix.Name {
	list := func(v string) []string {
		if v == "" {
			return nil
		}
		return []string{v}
	}
	return pkix.Name{CommonName: s.CommonName, Organization: list(s.Organization), OrganizationalUnit: list(s.Unit), Locality: list(s.Locality),
		Province: list(s.State), Country: list(s.Country)}
}

func rejected(format string, args ...any) error {
	return step.Fail(step.Rejected, fmt.Errorf(format, args...), "")
}

var errNotCA = errors.New("it is no certificate of an authority (CA:TRUE is missing)")

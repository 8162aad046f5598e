package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// backdate is how far before its making a certificate is valid from: a controller's clock may be wrong by some minutes, and one that
// nobody has set says what it said when it was built (R47) and is set first.
const backdate = time.Hour

// local is an authority in files.
type local struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// Local makes an authority of its certificate and its private key (PKCS #8, PKCS #1 or SEC 1), both in PEM form. The errors show
// nothing of the key.
func Local(certificate, key []byte) (Authority, error) {
	cert, err := Leaf(certificate)
	if err != nil {
		return nil, broken(errors.New("its certificate cannot be read"))
	}
	if !cert.IsCA {
		return nil, broken(errNotCA)
	}
	signer, err := privateKey(key)
	if err != nil {
		return nil, broken(err)
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(cert.PublicKey) {
		return nil, broken(errors.New("its key is not the key of its certificate"))
	}
	return local{cert, signer}, nil
}

func broken(err error) error {
	return step.Fail(step.Rejected, fmt.Errorf("use the site's authority: %w", err), "Correct ca and ca_key of the certificate block.")
}

// privateKey reads a key. What the parsers say is left out: it may quote the text.
func privateKey(text []byte) (crypto.Signer, error) {
	for rest := text; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return nil, errors.New("its key is not one in PEM form")
		}
		var k any
		var err error
		switch b.Type {
		case "PRIVATE KEY":
			k, err = x509.ParsePKCS8PrivateKey(b.Bytes)
		case "RSA PRIVATE KEY":
			k, err = x509.ParsePKCS1PrivateKey(b.Bytes)
		case "EC PRIVATE KEY":
			k, err = x509.ParseECPrivateKey(b.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("its key is encrypted with a pass phrase; encrypt it with age instead")
		default:
			continue
		}
		if s, ok := k.(crypto.Signer); ok && err == nil {
			return s, nil
		}
		return nil, errors.New("its key cannot be read")
	}
}

// Sign implements Authority. Subject and names are those of the blueprint, whatever the request says.
func (l local) Sign(_ context.Context, r Request) ([]byte, error) {
	if r.Now.After(l.cert.NotAfter) || r.Now.Before(l.cert.NotBefore) {
		return nil, broken(fmt.Errorf("its own certificate is valid from %s to %s, and not now", day(l.cert.NotBefore), day(l.cert.NotAfter)))
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // RFC 5280, 4.1.2.2: positive, 20 octets at most
	if err != nil {
		return nil, step.Fail(step.Internal, fmt.Errorf("read the machine's random source: %w", err), "")
	}
	dns, ips := r.Names()
	end := r.Now.Add(r.Spec.ValidFor())
	if end.After(l.cert.NotAfter) {
		end = l.cert.NotAfter
	}
	tmpl := &x509.Certificate{SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: subject(r.Spec), DNSNames: dns, IPAddresses: ips,
		NotBefore: r.Now.Add(-backdate), NotAfter: end, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, l.cert, r.CSR.PublicKey, l.key)
	if err != nil {
		return nil, step.Fail(step.Internal, fmt.Errorf("sign the BMC's request: %w", err), "")
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if l.cert.Subject.String() != l.cert.Issuer.String() { // an intermediate authority goes with it; a root is not sent
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.cert.Raw})...)
	}
	return out, nil
}

package ca

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"strings"

	"github.com/metalwright/metalwright/internal/secret"
	"github.com/metalwright/metalwright/internal/step"
)

// signer is what this package needs of the vault.
type signer interface {
	SignCSR(ctx context.Context, mount, role string, body map[string]any) (secret.Signed, error)
}

// vault is a role of a PKI engine.
type vault struct {
	r           signer
	mount, role string
}

// Vault makes an authority of a role of a PKI engine of HashiCorp Vault or OpenBao (their HTTP API: POST /v1/MOUNT/sign/ROLE). What
// the role does not allow, the vault refuses; the names in the request count where the role takes them from there (use_csr_sans).
func Vault(r *secret.Resolver, mount, role string) Authority { return vault{r, mount, role} }

// Sign implements Authority.
func (v vault) Sign(ctx context.Context, r Request) ([]byte, error) {
	dns, ips := r.Names()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: r.CSR.Raw})
	s, err := v.r.SignCSR(ctx, v.mount, v.role, map[string]any{"csr": string(text), "common_name": r.Spec.CommonName,
		"alt_names": strings.Join(dns, ","), "ip_sans": join(ips), "ttl": fmt.Sprintf("%ds", r.Spec.ValidForS), "format": "pem"})
	if err != nil {
		return nil, step.Fail(step.ClassOf(err), fmt.Errorf("have %s/sign/%s sign the BMC's request: %w", v.mount, v.role, err), step.AdviceOf(err))
	}
	out := strings.TrimSpace(s.Certificate) + "\n"
	for i, c := range s.Chain {
		if i+1 < len(s.Chain) || !selfSigned(c) { // a root is not sent
			out += strings.TrimSpace(c) + "\n"
		}
	}
	return []byte(out), nil
}

func selfSigned(text string) bool {
	c, err := Leaf([]byte(text))
	return err == nil && c.Subject.String() == c.Issuer.String()
}

func join(ips []net.IP) string {
	var out []string
	for _, ip := range ips {
		out = append(out, ip.String())
	}
	return strings.Join(out, ",")
}

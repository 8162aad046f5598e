package secret

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/metalwright/metalwright/internal/step"
)

// Signed is what a PKI engine gives for a request. It is public.
type Signed struct {
	Certificate string   `json:"certificate"` // PEM
	Issuing     string   `json:"issuing_ca"`
	Chain       []string `json:"ca_chain"`
}

// SignCSR has a role of a PKI engine sign a request: POST /v1/MOUNT/sign/ROLE. The vault is the one that vault: references are
// resolved at. Errors carry a class and the vault's status.
func (r *Resolver) SignCSR(ctx context.Context, mount, role string, body map[string]any) (Signed, error) {
	var out struct {
		Data Signed `json:"data"`
	}
	if _, err := r.vaultSend(ctx, http.MethodPost, pkiPath{mount, role}, body, &out); err != nil {
		if step.ClassOf(err) == step.Auth { // nothing was logged in to at a BMC
			err = step.Fail(step.Rejected, err, "The token may not sign with this role, or the role does not allow this subject, a name or the time.")
		}
		return Signed{}, err
	}
	if out.Data.Certificate == "" {
		return Signed{}, step.Fail(step.Rejected, errors.New("the vault's answer holds no certificate"), "See whether the mount is a PKI engine.")
	}
	return out.Data, nil
}

// pkiPath is MOUNT/sign/ROLE of a PKI engine. A mount may have several segments.
type pkiPath struct{ mount, role string }

func (p pkiPath) url(base string) string {
	parts := strings.Split(p.mount, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.TrimRight(base, "/") + "/v1/" + strings.Join(parts, "/") + "/sign/" + url.PathEscape(p.role)
}

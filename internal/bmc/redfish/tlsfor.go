package redfish

import (
	"crypto/tls"
	"errors"

	"github.com/metalwright/metalwright/internal/step"
)

// TLS gives the verification of a Client to another protocol: the same pin, certificate authorities or question decide about host, and
// nothing else does. What is refused is of class trust. protos are those of ALPN.
func (t Trust) TLS(host string, protos ...string) (*tls.Config, error) {
	v, err := newVerifier(t, host)
	if err != nil {
		return nil, err
	}
	c := v.config()
	c.NextProtos = protos
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		err := v.verify(cs)
		var u *UntrustedError
		if errors.As(err, &u) {
			return step.Fail(step.Trust, err, u.advice())
		}
		return err
	}
	return c, nil
}

package redfish

import (
	"context"
	"errors"
	"net/http"
)

// Probed is what an unknown address says of itself without a login. Nothing of it is trusted: it is shown to a person, who
// compares the certificate and then binds the BMC.
type Probed struct {
	Base     string
	Cert     CertInfo
	Redfish  bool   // it is a Redfish service
	Why      string // why not, or why nothing more is told
	Identity Identity
}

// Probe asks an address for its service root, without credential. An address where nothing answers gives an error
// (IsUnreachable); one that answers something else gives Redfish false and Why. A nil dial uses the network.
func Probe(ctx context.Context, base string, dial DialFunc) (Probed, error) {
	var cert CertInfo
	c, err := New(Options{Base: base, Dial: dial, MaxInFlight: 1, ReadTimeout: dialTimeout, Trust: Trust{TrustNew: func(i CertInfo) error {
		cert = i
		return nil
	}}})
	if err != nil {
		return Probed{}, err
	}
	defer func() { _ = c.Close(ctx) }() // it holds no session
	c.health.exhausted.Store(2)         // one try: whole networks are probed
	root, err := c.Root(ctx)
	p := Probed{Base: c.Base(), Cert: cert}
	var e *Error
	switch {
	case err == nil:
		p.Redfish = true
		p.Identity = IdentityOf(root.Obj, nil, nil)
		return p, nil
	case errors.As(err, &e) && e.Kind == Answered && e.Status == http.StatusUnauthorized:
		p.Redfish, p.Why = true, "its service root wants a login"
		return p, nil
	case errors.As(err, &e) && (e.Kind == Answered || e.Kind == Malformed || e.Kind == TooLarge || e.Kind == ForeignLink):
		p.Why = err.Error()
		return p, nil
	}
	return p, err
}

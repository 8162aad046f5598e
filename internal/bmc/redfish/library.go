package redfish

import (
	"errors"
	"net/http"
	"strings"
)

// RoundTripper gives the verified transport to one BMC, for a library that speaks HTTP itself: pin or CA, at most four
// connections, no other host. It adds no credential and retries nothing. Only Base, Trust and Dial of the Options count.
// Close drops its connections.
func RoundTripper(o Options) (rt http.RoundTripper, closeIdle func(), err error) {
	base, err := parseBase(o.Base)
	if err != nil {
		return nil, nil, err
	}
	v, err := newVerifier(o.Trust, base.Hostname())
	if err != nil {
		return nil, nil, err
	}
	w := newWire(base, o.Dial, v)
	return &guarded{w}, w.close, nil
}

type guarded struct{ wire *wire }

// RoundTrip sends to the BMC and to nobody else.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" || !strings.EqualFold(r.URL.Host, g.wire.base.Host) {
		return nil, errors.New("the request leaves this BMC")
	}
	return g.wire.pool.RoundTrip(r)
}

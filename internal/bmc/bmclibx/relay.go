package bmclibx

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
)

// relay stands between bmclib and one BMC, on the loopback interface. bmclib verifies no certificate unless it is
// given certificate authorities, cannot pin one, and dials itself (H1, H10). So it is pointed at the relay, whose own
// certificate, made for this one call, is the only one it accepts; the relay reaches the BMC over the raw core's
// verified transport. It holds no credential, forwards to that one BMC, and lives as long as the call.
type relay struct {
	host, port string
	pool       *x509.CertPool
	srv        *http.Server
	done       chan struct{}
	idle       func()

	mu        sync.Mutex
	untrusted error
}

// refusal is why the BMC's certificate was not accepted, or nil.
func (r *relay) refusal() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.untrusted
}

func openRelay(t Target) (*relay, error) {
	transport, idle, err := redfish.RoundTripper(redfish.Options{Base: t.URL, Trust: t.Trust, Dial: t.Dial})
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(t.URL)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("read BMC address: want https://HOST[:PORT]")
	}
	base = &url.URL{Scheme: "https", Host: strings.ToLower(base.Host)}
	cert, leaf, err := relayCert()
	if err != nil {
		return nil, fmt.Errorf("make the relay's certificate: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the relay: %w", err)
	}
	quiet := log.New(io.Discard, "", 0) // its lines would name paths of the BMC's own pages
	proxy := &httputil.ReverseProxy{Transport: transport, ErrorLog: quiet, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(base)
		r.Out.Host = base.Host
		if r.Out.Header.Get("Referer") != "" { // X11 boards look at it
			r.Out.Header.Set("Referer", base.String())
		}
	}, ModifyResponse: func(r *http.Response) error {
		if at := r.Header.Get("Location"); at != "" {
			r.Header.Set("Location", strings.TrimPrefix(at, base.String()))
		}
		return nil
	}}
	srv := &http.Server{Handler: proxy, ErrorLog: quiet, ReadHeaderTimeout: time.Minute}
	rl := &relay{pool: x509.NewCertPool(), srv: srv, done: make(chan struct{}), idle: idle}
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
		var u *redfish.UntrustedError
		if errors.As(err, &u) {
			rl.mu.Lock()
			rl.untrusted = &redfish.Error{Kind: redfish.Untrusted, Method: "connect", URI: base.Host, Err: u}
			rl.mu.Unlock()
		}
		w.WriteHeader(http.StatusBadGateway)
	}
	rl.pool.AddCert(leaf)
	if rl.host, rl.port, err = net.SplitHostPort(l.Addr().String()); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("open the relay: %w", err)
	}
	go func() {
		defer close(rl.done)
		_ = srv.Serve(tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}))
	}()
	return rl, nil
}

// Close cuts what is under way and ends the relay. Calls of bmclib that still wait fail at once.
func (r *relay) Close() {
	_ = r.srv.Close()
	<-r.done
	r.idle()
}

func relayCert() (tls.Certificate, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	now := time.Now()
	form := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "metalwright relay"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, leaf, err
}

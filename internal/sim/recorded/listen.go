package recorded

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// Listener is a started Server.
type Listener struct {
	URL       string // https://127.0.0.1:8443
	PinSHA256 string // SHA-256 of the certificate's public key (SPKI), lower case hexadecimal

	http *http.Server
	done chan error
}

// Start serves s over TLS at addr ("127.0.0.1:0" picks a port) with a certificate made for this run. Close ends it.
func (s *Server) Start(addr string) (*Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve recorded tree at %s: %w", addr, err)
	}
	cert, pin, err := selfSigned(ln.Addr())
	if err != nil {
		_ = ln.Close() // the first error is the one to tell
		return nil, fmt.Errorf("make certificate for %s: %w", addr, err)
	}
	l := &Listener{URL: "https://" + ln.Addr().String(), PinSHA256: pin, done: make(chan error, 1)}
	l.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // a client that refuses the certificate is no event here
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}},
	}
	go func() { l.done <- l.http.ServeTLS(ln, "", "") }()
	return l, nil
}

// Close stops serving and waits for the requests under way, at most 5 s.
func (l *Listener) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := l.http.Shutdown(ctx)
	if served := <-l.done; !errors.Is(served, http.ErrServerClosed) {
		return served
	}
	return err
}

func selfSigned(addr net.Addr) (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, "", err
	}
	tmpl := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "recorded BMC"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), DNSNames: []string{"localhost"}}
	if host, _, err := net.SplitHostPort(addr.String()); err == nil {
		if ip := net.ParseIP(host); ip != nil {
			tmpl.IPAddresses = []net.IP{ip}
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, hex.EncodeToString(sum[:]), nil
}

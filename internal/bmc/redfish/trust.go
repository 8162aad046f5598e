package redfish

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// Trust says which certificate a BMC may show. One of the three is used, in this order: the pin, the certificate
// authorities, the question. The zero value trusts none. There is no way to trust all.
type Trust struct {
	// PinSHA256 is the SHA-256 of the certificate's SubjectPublicKeyInfo, in hexadecimal (colons allowed) or base64. It
	// alone decides: name and expiry are not looked at, since a BMC's clock and name are often wrong (R47, R48).
	PinSHA256 string
	// Pins is asked at every handshake for the pins that count at that moment, in the forms of PinSHA256, and then takes its
	// place: while a certificate is being replaced, the old one and the new one are trusted. nil = PinSHA256 counts.
	Pins func() []string
	// CAs verify the chain and the name.
	CAs *x509.CertPool
	// TrustNew is asked once, before anything is sent, and decides by its error. What it accepts is pinned for the life of
	// the Client; the caller records the pin for the next one.
	TrustNew func(CertInfo) error
}

// CertInfo is what a person compares before trusting a certificate.
type CertInfo struct {
	PinSHA256 string // of the SubjectPublicKeyInfo, hexadecimal: what Trust.PinSHA256 takes
	SHA256    string // fingerprint of the whole certificate, hexadecimal
	Serial    string // of the certificate, hexadecimal
	Subject   string
	Issuer    string
	NotBefore time.Time
	NotAfter  time.Time
}

// UntrustedError says which certificate was shown, and why it is not trusted.
type UntrustedError struct {
	Cert    CertInfo
	Changed bool   // another certificate than the pinned one
	Pinned  string // the pin that was expected, when Changed
	Err     error  // of the CA check or of TrustNew, or nil
}

// Error names fingerprint and serial.
func (e *UntrustedError) Error() string {
	what := "certificate is not known"
	switch {
	case e.Changed:
		what = "certificate has changed: pinned " + e.Pinned + ", shown"
	case e.Err != nil:
		what = "certificate is not trusted: " + e.Err.Error()
	}
	return fmt.Sprintf("%s (SHA-256 of its public key %s, serial %s, issued to %s)", what, e.Cert.PinSHA256, e.Cert.Serial, e.Cert.Subject)
}

// Unwrap gives the cause.
func (e *UntrustedError) Unwrap() error { return e.Err }

func (e *UntrustedError) advice() string {
	if e.Changed {
		return "A changed certificate is never accepted. If the BMC was replaced or its certificate renewed, compare the " +
			"fingerprint at the machine, then bind it again."
	}
	return "Compare the fingerprint with the one the BMC itself shows, then bind it: its pin is recorded, or give the site's CA."
}

// InfoOf describes a certificate.
func InfoOf(c *x509.Certificate) CertInfo {
	spki, whole := sha256.Sum256(c.RawSubjectPublicKeyInfo), sha256.Sum256(c.Raw)
	return CertInfo{
		PinSHA256: hex.EncodeToString(spki[:]), SHA256: hex.EncodeToString(whole[:]), Serial: c.SerialNumber.Text(16),
		Subject: c.Subject.String(), Issuer: c.Issuer.String(), NotBefore: c.NotBefore, NotAfter: c.NotAfter,
	}
}

// NormalPin gives the hexadecimal form of a pin written as hexadecimal (with or without colons) or base64, with or without
// the prefixes "sha256:", "SHA256:" and "sha256//".
func NormalPin(s string) (string, error) {
	t := strings.TrimSpace(s)
	for _, p := range []string{"sha256//", "sha256/", "sha256:"} {
		if len(t) >= len(p) && strings.EqualFold(t[:len(p)], p) {
			t = t[len(p):]
			break
		}
	}
	if b, err := hex.DecodeString(strings.ReplaceAll(t, ":", "")); err == nil && len(b) == sha256.Size {
		return hex.EncodeToString(b), nil
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} {
		if b, err := enc.DecodeString(t); err == nil && len(b) == sha256.Size {
			return hex.EncodeToString(b), nil
		}
	}
	return "", fmt.Errorf("read certificate pin: want 64 hexadecimal digits or base64 of a SHA-256, got %d characters", len(s))
}

// verifier judges the certificate of every handshake of one Client.
type verifier struct {
	trust Trust
	host  string

	mu     sync.Mutex
	pin    string // normalised; set by Trust.PinSHA256 or by what TrustNew accepted
	denied error  // TrustNew said no: it is not asked again
	shown  CertInfo
}

func newVerifier(t Trust, host string) (*verifier, error) {
	v := &verifier{trust: t, host: host}
	if t.PinSHA256 != "" {
		p, err := NormalPin(t.PinSHA256)
		if err != nil {
			return nil, err
		}
		v.pin = p
	}
	return v, nil
}

// config is the TLS configuration of a Client. The standard verification is replaced, not left out: verify is called on
// every handshake, resumed ones included, and refuses what the Trust does not name.
func (v *verifier) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12, // R48
		ServerName:         v.host,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection below verifies pin, CA or answer; nothing is accepted unverified
		VerifyConnection:   v.verify,
		NextProtos:         []string{"http/1.1"},
		// The later connections to a BMC resume the session of the first: a signature costs a BMC's processor up to 100 ms.
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
		// No hybrid key share: it makes the first message larger than a packet, which old TLS stacks do not take.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
	}
}

// tooOld says in plain words that a BMC and we have no version or cipher of TLS in common (R48).
func tooOld(err error) error {
	var alert tls.AlertError
	protocol := errors.As(err, &alert) && (alert == alertHandshakeFailure || alert == alertProtocolVersion)
	if !protocol && !strings.Contains(err.Error(), "protocol version not supported") && !strings.Contains(err.Error(), "unsupported versions") {
		return err
	}
	return step.Fail(step.Trust, fmt.Errorf("the BMC offers no TLS 1.2 or newer with a safe cipher: %w", err),
		"Update the BMC's firmware, or switch TLS 1.2 on in its settings. Older TLS is never used: a password could be read on the way.")
}

// Alerts of TLS (RFC 8446, 6).
const (
	alertHandshakeFailure tls.AlertError = 40
	alertProtocolVersion  tls.AlertError = 70
)

func (v *verifier) verify(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return &UntrustedError{Err: errors.New("the BMC shows no certificate")}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	err := v.judge(cs.PeerCertificates)
	if err == nil {
		v.shown = InfoOf(cs.PeerCertificates[0])
	}
	return err
}

func (v *verifier) judge(chain []*x509.Certificate) error {
	leaf := chain[0]
	info := InfoOf(leaf)
	if v.trust.Pins != nil {
		if pins := v.trust.Pins(); len(pins) > 0 {
			return pinnedTo(info, pins)
		}
	}
	switch {
	case v.pin != "":
		if info.PinSHA256 != v.pin {
			return &UntrustedError{Cert: info, Changed: true, Pinned: v.pin}
		}
		return nil
	case v.trust.CAs != nil:
		o := x509.VerifyOptions{Roots: v.trust.CAs, DNSName: v.host, Intermediates: x509.NewCertPool()}
		for _, c := range chain[1:] {
			o.Intermediates.AddCert(c)
		}
		if _, err := leaf.Verify(o); err != nil {
			return &UntrustedError{Cert: info, Err: err}
		}
		return nil
	case v.trust.TrustNew == nil || v.denied != nil:
		return &UntrustedError{Cert: info, Err: v.denied}
	}
	if err := v.trust.TrustNew(info); err != nil {
		v.denied = err
		return &UntrustedError{Cert: info, Err: err}
	}
	v.pin = info.PinSHA256
	return nil
}

// pinnedTo trusts a certificate whose pin is one of several.
func pinnedTo(info CertInfo, pins []string) error {
	for _, p := range pins {
		if n, err := NormalPin(p); err == nil && n == info.PinSHA256 {
			return nil
		}
	}
	return &UntrustedError{Cert: info, Changed: true, Pinned: strings.Join(pins, " or ")}
}

// seen gives the certificate of the last handshake that was trusted; ok is false before the first.
func (v *verifier) seen() (c CertInfo, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.shown, v.shown.SHA256 != ""
}

// pinned gives the pin in force, or "".
func (v *verifier) pinned() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.pin
}

// Fetch makes one TLS handshake with addr ("host" or "host:port") and describes the certificate shown, so that a person can
// compare and pin it. Nothing is sent and nothing is trusted. A nil dial uses the network.
func Fetch(ctx context.Context, addr string, dial DialFunc) (CertInfo, error) {
	base, err := parseBase(addr)
	if err != nil {
		return CertInfo{}, err
	}
	if dial == nil {
		dial = netDial
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var got CertInfo
	v := &verifier{host: base.Hostname(), trust: Trust{TrustNew: func(c CertInfo) error {
		got = c
		return nil
	}}}
	raw, err := dial(ctx, "tcp", hostPort(base))
	if err != nil {
		return CertInfo{}, &Error{Kind: Unreachable, Method: "connect", URI: base.Host, Err: err}
	}
	conn := tls.Client(raw, v.config())
	defer conn.Close()
	if err := conn.HandshakeContext(ctx); err != nil {
		return CertInfo{}, &Error{Kind: Unreachable, Method: "connect", URI: base.Host, Message: "TLS handshake", Err: err}
	}
	return got, nil
}

// DialFunc opens a connection, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

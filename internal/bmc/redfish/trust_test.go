package redfish

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/step"
)

func pool(certs ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

// Every way to trust, and every refusal. On a refusal nothing is sent: neither a request nor a password.
func TestTrust(t *testing.T) {
	b := newBMC(t)
	b.set(thing, system)
	spki := sha256.Sum256(b.srv.Certificate().RawSubjectPublicKeyInfo)
	colons := strings.ToUpper(strings.Join(pairs(hex.EncodeToString(spki[:])), ":"))
	other := InfoOf(testCert(t, "other").Leaf).PinSHA256
	yes := func(CertInfo) error { return nil }
	no := func(CertInfo) error { return errors.New("the operator says no") }
	for _, c := range []struct {
		name    string
		trust   Trust
		ok      bool
		changed bool
		says    string
	}{
		{name: "nothing given", says: "not known"},
		{name: "pin", trust: Trust{PinSHA256: hex.EncodeToString(spki[:])}, ok: true},
		{name: "pin with colons", trust: Trust{PinSHA256: colons}, ok: true},
		{name: "pin in base64", trust: Trust{PinSHA256: "sha256/" + base64.StdEncoding.EncodeToString(spki[:])}, ok: true},
		{name: "another pin", trust: Trust{PinSHA256: other}, changed: true, says: "has changed"},
		{name: "another pin is not saved by a CA or a yes", trust: Trust{PinSHA256: other, CAs: pool(b.srv.Certificate()), TrustNew: yes}, changed: true},
		{name: "CA", trust: Trust{CAs: pool(b.srv.Certificate())}, ok: true},
		{name: "another CA", trust: Trust{CAs: pool(testCert(t, "127.0.0.1").Leaf)}, says: "unknown authority"},
		{name: "no CA at all", trust: Trust{CAs: pool()}, says: "unknown authority"},
		{name: "another CA is not saved by a yes", trust: Trust{CAs: pool(), TrustNew: yes}, says: "unknown authority"},
		{name: "yes", trust: Trust{TrustNew: yes}, ok: true},
		{name: "no", trust: Trust{TrustNew: no}, says: "the operator says no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			before := len(b.log)
			cl := b.client(func(o *Options) {
				o.Trust = c.trust
				o.Login = func(context.Context) (string, string, error) { asked++; return b.user, b.pass, nil }
			})
			_, err := cl.Get(t.Context(), thing)
			if (err == nil) != c.ok {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				return
			}
			var u *UntrustedError
			if !errors.As(err, &u) || u.Changed != c.changed || !IsUntrusted(err) || step.AdviceOf(err) == "" {
				t.Errorf("not the right refusal: %v", err)
			}
			info := InfoOf(b.srv.Certificate())
			if u.Cert != info || !strings.Contains(err.Error(), info.PinSHA256) || !strings.Contains(err.Error(), info.Serial) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("fingerprint, serial or reason %q is missing: %v", c.says, err)
			}
			if asked != 0 || len(b.log) != before {
				t.Errorf("%d logins were asked for, %d requests were sent", asked, len(b.log)-before)
			}
		})
	}
}

func pairs(s string) []string {
	var out []string
	for ; len(s) >= 2; s = s[2:] {
		out = append(out, s[:2])
	}
	return out
}

// A CA also checks the name.
func TestTrustName(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	cert := testCert(t, "bmc.example")
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.Config.ErrorLog = quiet()
	srv.StartTLS()
	defer srv.Close()
	to := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return netDial(ctx, network, srv.Listener.Addr().String())
	}
	for host, ok := range map[string]bool{"bmc.example": true, "BMC.example:8443": true, "other.example": false} {
		c, err := New(Options{Base: "https://" + host, Dial: to, Trust: Trust{CAs: pool(cert.Leaf)}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Root(t.Context())
		if IsUntrusted(err) == ok {
			t.Errorf("%s: %v", host, err)
		}
		_ = c.Close(t.Context())
	}
}

// A certificate that was accepted is pinned: when it changes in the middle, the next connection is refused, and nobody is asked.
func TestTrustNewPins(t *testing.T) {
	one, two := newBMC(t), newBMC(t)
	cert := testCert(t, "two")
	two.srv.TLS.Certificates = []tls.Certificate{cert}
	for _, b := range []*bmc{one, two} {
		b.set(thing, system)
	}
	now, asked := one, 0
	c := one.client(func(o *Options) {
		o.Trust = Trust{TrustNew: func(CertInfo) error { asked++; return nil }}
		o.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return netDial(ctx, network, now.srv.Listener.Addr().String())
		}
	})
	if _, err := c.Get(t.Context(), thing); err != nil || c.Pin() != one.pin() {
		t.Fatal(err, c.Pin())
	}
	now = two
	_, err := c.Patch(t.Context(), thing, map[string]any{"AssetTag": "x"}, PatchOptions{}) // goes on a fresh connection
	var u *UntrustedError
	if !errors.As(err, &u) || !u.Changed || asked != 1 || len(two.log) != 0 {
		t.Errorf("asked %d times, the other got %v: %v", asked, two.log, err)
	}
	now = one
}

func TestFetchAndProbe(t *testing.T) {
	b := newBMC(t)
	info, err := Fetch(t.Context(), b.srv.URL, nil)
	if want := InfoOf(b.srv.Certificate()); err != nil || info != want || info.NotAfter.IsZero() || info.Serial == "" {
		t.Errorf("got %+v, %v", info, err)
	}
	if len(b.log) != 0 {
		t.Error("a request was sent")
	}
	p, err := Probe(t.Context(), strings.TrimPrefix(b.srv.URL, "https://"), nil)
	if err != nil || !p.Redfish || p.Identity.RedfishVersion != "1.9.0" || p.Cert != info || b.count("POST /redfish/v1/SessionService/Sessions") != 0 {
		t.Errorf("got %+v, %v", p, err)
	}
	for name, f := range map[string]reply{
		"HTML": body(200, "<html>"), "another JSON": body(200, `{"hello":"world"}`), "404": status(404), "503": status(503), "null": body(200, "null"),
	} {
		b.hook = func(w http.ResponseWriter, r *http.Request, _ int) bool { f(w, r); return true }
		if p, err := Probe(t.Context(), b.srv.URL, nil); err != nil || p.Redfish || p.Why == "" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	b.hook = func(w http.ResponseWriter, r *http.Request, _ int) bool { status(401)(w, r); return true }
	if p, err := Probe(t.Context(), b.srv.URL, nil); err != nil || !p.Redfish {
		t.Errorf("wants a login: %+v, %v", p, err)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	addr := strings.TrimPrefix(plain.URL, "http://")
	if _, err := Probe(t.Context(), addr, nil); !IsUnreachable(err) {
		t.Errorf("no TLS: %v", err)
	}
	if _, err := Fetch(t.Context(), addr, nil); !IsUnreachable(err) {
		t.Errorf("no TLS: %v", err)
	}
	plain.Close()
	if _, err := Probe(t.Context(), addr, nil); !IsUnreachable(err) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestBaseAddress(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.1": "https://10.0.0.1", "10.0.0.1:8443": "https://10.0.0.1:8443", "https://BMC.example/redfish/v1": "https://bmc.example",
		"https://[fe80::1]": "https://[fe80::1]", "http://10.0.0.1": "", "https://u:p@10.0.0.1": "", "": "", "https://": "", "ftp://x": "", "a b": "",
	} {
		c, err := New(Options{Base: in})
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is accepted", in)
		case want != "" && (err != nil || c.Base() != want):
			t.Errorf("%q: %v", in, err)
		}
		if err != nil && strings.Contains(err.Error(), "u:p@") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
	for _, bad := range []string{"abc", "zz", strings.Repeat("0", 63), strings.Repeat("g", 64)} {
		if _, err := New(Options{Base: "10.0.0.1", Trust: Trust{PinSHA256: bad}}); err == nil {
			t.Errorf("pin %q is accepted", bad)
		}
	}
}

// R48: a BMC that speaks nothing newer than TLS 1.1 is refused with a reason, before a password is asked for.
func TestOldTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // the old BMC under test
	srv.StartTLS()
	defer srv.Close()
	c, err := New(Options{Base: srv.URL, Trust: Trust{PinSHA256: InfoOf(srv.Certificate()).PinSHA256}, Login: func(context.Context) (string, string, error) {
		t.Error("a password was asked for")
		return "", "", nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Root(t.Context()); err == nil || !strings.Contains(err.Error(), "TLS 1.2") || step.AdviceOf(err) == "" {
		t.Errorf("got %v; advice %q", err, step.AdviceOf(err))
	}
}

// TestTrustWhilePinsMove: while a certificate is being replaced both pins count, and what counts is asked at every handshake.
func TestTrustWhilePinsMove(t *testing.T) {
	b := newBMC(t)
	b.set(thing, system)
	is, other := InfoOf(b.srv.Certificate()).PinSHA256, InfoOf(testCert(t, "other").Leaf).PinSHA256
	var pins []string
	get := func(trust Trust) (*Client, error) {
		trust.Pins = func() []string { return pins }
		c, err := New(Options{Base: b.srv.URL, Trust: trust})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(t.Context()) })
		_, err = c.Root(t.Context())
		return c, err
	}
	for _, c := range []struct {
		name  string
		pins  []string
		trust Trust
		ok    bool
	}{
		{"the old one", []string{is, other}, Trust{PinSHA256: other}, true},
		{"the new one", []string{other, is}, Trust{PinSHA256: other}, true},
		{"dropped", []string{other}, Trust{PinSHA256: is}, false},
		{"none is kept: the pin given counts", nil, Trust{PinSHA256: is}, true},
		{"none is kept: the pin given is another", nil, Trust{PinSHA256: other}, false},
		{"a pin goes before a CA", []string{other}, Trust{CAs: pool(b.srv.Certificate())}, false},
		{"rubbish is no pin", []string{"x"}, Trust{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			pins = c.pins
			cl, err := get(c.trust)
			shown, seen := cl.Shown()
			if (err == nil) != c.ok || seen != c.ok || c.ok && shown.PinSHA256 != is {
				t.Errorf("%v, shown %v %s", err, seen, shown.PinSHA256)
			}
			if !c.ok && !IsUntrusted(err) {
				t.Errorf("it is not called untrusted: %v", err)
			}
		})
	}
}

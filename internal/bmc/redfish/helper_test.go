package redfish

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// bmc is a small Redfish service for tests: resources by path, sessions, and a hook that may answer first.
type bmc struct {
	t    *testing.T
	srv  *httptest.Server
	user string
	pass string

	mu        sync.Mutex
	resources map[string]string
	hook      func(w http.ResponseWriter, r *http.Request, n int) bool // true: answered; n counts this method and path from 1
	counts    map[string]int
	sessions  map[string]string // token → URI
	next      int
	maxSess   int
	failed    int
	log       []string
	leaf      *x509.Certificate // of a bubble
	pipes     chan net.Conn
	stop      func()
	conns     atomic.Int64
	open      atomic.Int64
	mostOpen  atomic.Int64
}

const testRoot = `{"@odata.id":"/redfish/v1","@odata.type":"#ServiceRoot.v1_9_0.ServiceRoot","Id":"RootService","Name":"Root",
"RedfishVersion":"1.9.0","Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}},
"Systems":{"@odata.id":"/redfish/v1/Systems"},"Managers":{"@odata.id":"/redfish/v1/Managers"}%s}`

const announceExpand = `,"ProtocolFeaturesSupported":{"ExpandQuery":{"NoLinks":true,"Levels":true,"MaxLevels":1}}`

func newBMC(t *testing.T) *bmc {
	t.Helper()
	b := &bmc{t: t, user: "admin", pass: "s3cret-word", maxSess: 8, counts: map[string]int{}, sessions: map[string]string{},
		resources: map[string]string{"/redfish/v1": fmt.Sprintf(testRoot, "")}}
	b.srv = httptest.NewUnstartedServer(b)
	b.srv.Config.ConnState = b.connState
	b.srv.Config.ErrorLog = quiet()
	b.srv.StartTLS()
	t.Cleanup(b.srv.Close)
	return b
}

// newBubbleBMC serves in memory, for a testing/synctest bubble. It is closed with its client.
func newBubbleBMC(t *testing.T) *bmc {
	t.Helper()
	b := &bmc{t: t, user: "admin", pass: "s3cret-word", maxSess: 8, counts: map[string]int{}, sessions: map[string]string{},
		resources: map[string]string{"/redfish/v1": fmt.Sprintf(testRoot, "")}, pipes: make(chan net.Conn)}
	cert := testCert(t, "bmc.test")
	b.leaf = cert.Leaf
	done := make(chan struct{})
	srv := &http.Server{Handler: b, ErrorLog: quiet(), ConnState: b.connState}
	l := &pipeListener{in: b.pipes, closed: make(chan struct{})}
	go func() {
		defer close(done)
		_ = srv.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}))
	}()
	b.stop = func() {
		l.cut()
		_ = srv.Close()
		<-done
		time.Sleep(10 * time.Second) // virtual: close_notify on an unbuffered pipe ends by its 5 s deadline
	}
	return b
}

type pipeListener struct {
	in     chan net.Conn
	closed chan struct{}
	once   sync.Once
	mu     sync.Mutex
	conns  []net.Conn
}

// cut closes the pipes themselves, so that http.Server.Close does not hold its lock while close_notify waits for a reader:
// who waits for a mutex is not durably blocked, and virtual time would stand still.
func (l *pipeListener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.in:
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (b *bmc) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case b.pipes <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func testCert(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(0x51ea1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func (b *bmc) connState(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		b.conns.Add(1)
		n := b.open.Add(1)
		for m := b.mostOpen.Load(); n > m && !b.mostOpen.CompareAndSwap(m, n); m = b.mostOpen.Load() {
		}
	case http.StateClosed, http.StateHijacked:
		b.open.Add(-1)
	}
}
func (b *bmc) set(path, body string) { b.resources[path] = body }

func (b *bmc) setHook(f func(w http.ResponseWriter, r *http.Request, n int) bool) {
	b.mu.Lock()
	b.hook = f
	b.mu.Unlock()
}

func (b *bmc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := strings.TrimRight(r.URL.Path, "/")
	key := r.Method + " " + p
	b.mu.Lock()
	b.counts[key]++
	n := b.counts[key]
	b.log = append(b.log, r.Method+" "+r.URL.RequestURI())
	hook := b.hook
	b.mu.Unlock()
	if hook != nil && hook(w, r, n) {
		return
	}
	if r.Method == http.MethodPost && p == "/redfish/v1/SessionService/Sessions" {
		b.login(w, r)
		return
	}
	if p != "/redfish/v1" && !b.allowed(r) {
		redfishError(w, 401, "Base.1.8.NoValidSession", "no valid session")
		return
	}
	if r.Method == http.MethodDelete && strings.HasPrefix(p, "/redfish/v1/SessionService/Sessions/") {
		b.mu.Lock()
		delete(b.sessions, r.Header.Get("X-Auth-Token"))
		b.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	b.mu.Lock()
	body, ok := b.resources[p]
	if q, found := b.resources[p+"?"+r.URL.RawQuery]; found && r.URL.RawQuery != "" {
		body, ok = q, true
	}
	b.mu.Unlock()
	if !ok {
		redfishError(w, 404, "Base.1.8.ResourceMissingAtURI", "not here")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(body))
}

func (b *bmc) login(w http.ResponseWriter, r *http.Request) {
	var in struct{ UserName, Password string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	b.mu.Lock()
	defer b.mu.Unlock()
	if in.UserName != b.user || in.Password != b.pass {
		b.failed++
		redfishError(w, 401, "Base.1.8.NoValidSession", "wrong password "+in.Password)
		return
	}
	if len(b.sessions) >= b.maxSess {
		redfishError(w, 503, "IDRAC.2.8.RAC0218", "The maximum number of user sessions is reached.")
		return
	}
	b.next++
	token, uri := fmt.Sprintf("token-%d", b.next), fmt.Sprintf("/redfish/v1/SessionService/Sessions/%d", b.next)
	b.sessions[token] = uri
	w.Header().Set("X-Auth-Token", token)
	w.Header().Set("Location", uri)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"@odata.id":%q,"Id":"%d"}`, uri, b.next)
}

func (b *bmc) allowed(r *http.Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if u, p, ok := r.BasicAuth(); ok {
		if u == b.user && p == b.pass {
			return true
		}
		b.failed++
		return false
	}
	_, ok := b.sessions[r.Header.Get("X-Auth-Token")]
	return ok
}

func (b *bmc) count(key string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts[key]
}

func (b *bmc) openSessions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.sessions)
}

func (b *bmc) pin() string {
	if b.leaf != nil {
		return InfoOf(b.leaf).PinSHA256
	}
	return InfoOf(b.srv.Certificate()).PinSHA256
}

// options are those of a client that trusts b and knows its password.
func (b *bmc) options() Options {
	base, dial := "https://bmc.test", DialFunc(b.dial)
	if b.srv != nil {
		base, dial = b.srv.URL, nil
	}
	return Options{
		Base: base, Dial: dial, Trust: Trust{PinSHA256: b.pin()}, Jitter: func() float64 { return 0 },
		Login: func(context.Context) (string, string, error) { return b.user, b.pass, nil },
	}
}

func (b *bmc) client(change ...func(*Options)) *Client {
	b.t.Helper()
	o := b.options()
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			b.t.Errorf("close: %v", err)
		}
	})
	return c
}

func redfishError(w http.ResponseWriter, status int, id, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%q,"message":%q,"@Message.ExtendedInfo":[{"MessageId":%q,"Message":%q}]}}`, id, text, id, text)
}

// cut closes the connection without an answer, or after part of one.
func cut(w http.ResponseWriter, part string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if part != "" {
		_, _ = conn.Write([]byte(part))
		_ = conn.Close()
		return
	}
	if t, ok := conn.(*tls.Conn); ok {
		if tcp, ok := t.NetConn().(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	_ = conn.Close()
}

// bubble runs f with a BMC in memory and a client, in virtual time. Session leaks and goroutine leaks fail the test.
func bubble(t *testing.T, f func(t *testing.T, b *bmc, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBubbleBMC(t)
		c, err := New(b.options())
		if err != nil {
			t.Fatal(err)
		}
		defer b.stop()
		defer func() {
			b.setHook(nil)
			if err := c.Close(t.Context()); err != nil {
				t.Errorf("close: %v", err)
			}
			if n := b.openSessions(); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
		}()
		f(t, b, c)
	})
}

const thing = "/redfish/v1/Systems/1"

// answers makes a hook that gives the answers in turn for one method and path, and then lets the service answer.
func answers(method, path string, list ...func(w http.ResponseWriter, r *http.Request)) func(http.ResponseWriter, *http.Request, int) bool {
	return func(w http.ResponseWriter, r *http.Request, n int) bool {
		if r.Method != method || strings.TrimRight(r.URL.Path, "/") != path || n > len(list) {
			return false
		}
		list[n-1](w, r)
		return true
	}
}

type reply = func(w http.ResponseWriter, r *http.Request)

func status(code int, header ...string) reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		redfishError(w, code, "Base.1.8.GeneralError", "as the test wants")
	}
}

func body(code int, text string) reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}
}

func reset(w http.ResponseWriter, _ *http.Request) { cut(w, "") }

func half(w http.ResponseWriter, _ *http.Request) {
	cut(w, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"Id\":\"1\",")
}

func times(n int, f reply) []reply {
	out := make([]reply, n)
	for i := range out {
		out[i] = f
	}
	return out
}

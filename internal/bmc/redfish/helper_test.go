package redfish

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
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
	b.srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			b.conns.Add(1)
			n := b.open.Add(1)
			for {
				m := b.mostOpen.Load()
				if n <= m || b.mostOpen.CompareAndSwap(m, n) {
					break
				}
			}
		case http.StateClosed, http.StateHijacked:
			b.open.Add(-1)
		}
	}
	b.srv.Config.ErrorLog = quiet()
	b.srv.StartTLS()
	t.Cleanup(b.srv.Close)
	return b
}

func (b *bmc) set(path, body string) { b.resources[path] = body }

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

func (b *bmc) pin() string { return InfoOf(b.srv.Certificate()).PinSHA256 }

// options are those of a client that trusts b and knows its password.
func (b *bmc) options() Options {
	return Options{
		Base: b.srv.URL, Trust: Trust{PinSHA256: b.pin()}, Jitter: func() float64 { return 0 },
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

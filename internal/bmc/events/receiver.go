package events

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxPushBytes   = 1 << 20 // of one message; recorded ones have 0.5 to 2 kB
	maxPushHeader  = 16 << 10
	maxPushConns   = 128 // at once: BMCs of a rack open one a message and close it
	pushTimeout    = 20 * time.Second
	queued         = 64 // messages of one BMC that wait to be taken in; then it is told to come again
	burst          = 200
	perSecond      = 20 // messages of one BMC, over time; then it is told to come again
	maxRefusalsOut = 50 // refusals that are told, so that nobody fills a log from outside
)

// ReceiverOptions are what a receiver needs. Listener, Base, Cert and Key are required.
type ReceiverOptions struct {
	Listener net.Listener
	Base     string // https://HOST:PORT, as BMCs reach it
	Cert     tls.Certificate
	// Key is what the addresses and Contexts of subscriptions follow from: with the same key the same subscriptions are found again.
	Key     []byte
	Refused func(from, why string) // told of what was refused, at most 50 times; nil = nobody asks
}

// Receiver takes the events that BMCs push, over TLS. What it takes is what a BMC says, not what is true: anybody who can read a
// BMC's subscriptions can say it too. Close it.
type Receiver struct {
	opt ReceiverOptions
	srv *http.Server
	wg  sync.WaitGroup

	mu      sync.Mutex
	routes  map[string]*route // by path
	refused int
}

// route is where one BMC pushes to.
type route struct {
	context string
	from    []netip.Addr
	queue   chan Batch
	tokens  float64
	at      time.Time
}

// NewReceiver starts to serve.
func NewReceiver(o ReceiverOptions) (*Receiver, error) {
	if o.Listener == nil || len(o.Key) < 16 || len(o.Cert.Certificate) == 0 || !strings.HasPrefix(o.Base, "https://") {
		return nil, errors.New("a receiver of events needs a listener, a certificate, a key of 16 bytes and its own https address")
	}
	r := &Receiver{opt: o, routes: map[string]*route{}}
	r.srv = &http.Server{Handler: r, ReadHeaderTimeout: pushTimeout, ReadTimeout: pushTimeout, WriteTimeout: pushTimeout, IdleTimeout: pushTimeout,
		MaxHeaderBytes: maxPushHeader, ErrorLog: log.New(io.Discard, "", 0), // who speaks no TLS is no BMC of ours
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{o.Cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}}
	l := tls.NewListener(&boundedListener{Listener: o.Listener, places: make(chan struct{}, maxPushConns), done: make(chan struct{})}, r.srv.TLSConfig)
	r.wg.Go(func() { _ = r.srv.Serve(l) })
	return r, nil
}

// Close stops to serve. Routes that are still open get nothing more.
func (r *Receiver) Close() error {
	err := r.srv.Close()
	r.wg.Wait()
	return err
}

// For gives address and Context of the subscription of one BMC: nobody can guess them, and they are the same in every run.
func (r *Receiver) For(node string) (destination, context string) {
	return strings.TrimSuffix(r.opt.Base, "/") + pathPrefix + r.mark("path", node), contextPrefix + r.mark("context", node)
}

const (
	pathPrefix    = "/events/"
	contextPrefix = "metalwright-run-"
)

func (r *Receiver) mark(what, node string) string {
	m := hmac.New(sha256.New, r.opt.Key)
	_, _ = m.Write([]byte(what + "\x00" + node))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// Open takes what the BMC of a node pushes, from the addresses that are its own (none: from any), until stop. got is called by one
// at a time.
func (r *Receiver) Open(node string, from []netip.Addr, got func(Batch)) (stop func(), err error) {
	to, ctx := r.For(node)
	path := to[strings.LastIndex(to, pathPrefix):]
	t := &route{context: ctx, from: from, queue: make(chan Batch, queued), tokens: burst, at: time.Now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.routes[path] != nil {
		return nil, errors.New("its events are taken already")
	}
	r.routes[path] = t
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case b := <-t.queue:
				got(b)
			case <-done:
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		r.mu.Lock()
		delete(r.routes, path)
		r.mu.Unlock()
		close(done)
		<-ended
	}), nil
}

// ServeHTTP takes one message. It answers as little as it can.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	from, _ := netip.ParseAddrPort(req.RemoteAddr)
	addr := from.Addr().Unmap()
	r.mu.Lock()
	t := r.routes[strings.TrimSuffix(req.URL.Path, "/")]
	within := t != nil && t.take(time.Now())
	r.mu.Unlock()
	no := func(status int, why string) {
		r.refuse(addr.String(), why)
		w.Header().Set("Connection", "close")
		w.WriteHeader(status)
	}
	switch {
	case t == nil:
		no(http.StatusNotFound, "no subscription has this address")
		return
	case len(t.from) > 0 && !slices.Contains(t.from, addr):
		no(http.StatusForbidden, "it is not the BMC that the subscription was made on")
		return
	case req.Method != http.MethodPost:
		no(http.StatusMethodNotAllowed, "an event is posted")
		return
	case !within:
		w.Header().Set("Retry-After", "5")
		no(http.StatusTooManyRequests, "too many events at once; it is told to come again")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxPushBytes))
	if err != nil {
		no(http.StatusRequestEntityTooLarge, "the message is too long, or was cut off")
		return
	}
	b, err := Decode(body, time.Now())
	switch {
	case err != nil:
		no(http.StatusBadRequest, "the message is no event")
		return
	case b.Context != "" && b.Context != t.context:
		no(http.StatusForbidden, "the message has the Context of another subscription")
		return
	}
	select {
	case t.queue <- b:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Retry-After", "5")
		no(http.StatusServiceUnavailable, "events come faster than they are taken in; it is told to come again")
	}
}

// take takes one token of the bucket.
func (t *route) take(now time.Time) bool {
	t.tokens = min(t.tokens+now.Sub(t.at).Seconds()*perSecond, burst)
	t.at = now
	if t.tokens < 1 {
		return false
	}
	t.tokens--
	return true
}

func (r *Receiver) refuse(from, why string) {
	r.mu.Lock()
	r.refused++
	tell := r.opt.Refused != nil && r.refused <= maxRefusalsOut
	r.mu.Unlock()
	if tell {
		r.opt.Refused(from, why)
	}
}

// Refusals counts what was refused so far.
func (r *Receiver) Refusals() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// boundedListener accepts so many connections at once.
type boundedListener struct {
	net.Listener
	places chan struct{}
	done   chan struct{}
	once   sync.Once
}

func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &boundedConn{Conn: c, free: sync.OnceFunc(func() { <-l.places })}, nil
}

func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

type boundedConn struct {
	net.Conn
	free func()
}

func (c *boundedConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}

// Addresses gives the addresses of a host, to hold senders against.
func Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range list {
		list[i] = list[i].Unmap()
	}
	return list, err
}

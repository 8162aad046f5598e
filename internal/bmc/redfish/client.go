// Package redfish is the raw Redfish core: one Client per BMC that reads, writes and pushes with verified TLS, one session,
// bounded and adaptive concurrency, safe retries and lenient decoding. What a vendor does differently is data: see Quirks.
package redfish

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
)

// Options is what a Client needs. Base and Trust are required; Login too, unless only the service root is read.
type Options struct {
	Base  string // https://HOST[:PORT]
	Trust Trust
	// Login gives user name and password when they are needed: late, and again when a session ran out. They are not kept,
	// unless the BMC takes no session and Basic is used.
	Login func(ctx context.Context) (user, pass string, err error)
	Dial  DialFunc // nil: the network
	// MaxInFlight is the ceiling of requests in flight; 0 = 4, which is also the most.
	MaxInFlight int
	Log         *slog.Logger   // debug lines, redacted; nil = none
	Jitter      func() float64 // in [0,1), spreads the waits; nil = random
	// Attempts counts failed logins for all Clients of a process that share it; nil = this Client's own.
	Attempts *Attempts
	// StaleSessions are session URIs that an earlier run left behind; they are deleted after the login (R1, R67).
	StaleSessions []string
	// Opened is told the URI of a new session as soon as it is there, with those that are still to be deleted, so that a caller
	// can have them deleted later should this process be killed; nil = none.
	Opened func(session string, stale []string)
	// Redact cleans text that came from the BMC before it is put into an error or a log line; nil = only what this Client
	// itself sent is removed.
	Redact func(string) string
	// Pace divides the gap between pushes: that of a simulator whose minutes are shorter; 0 = 1.
	Pace float64
	// ReadTimeout is the deadline of one read; 0 = 90 s, and more where a quirk says so.
	ReadTimeout time.Duration
}

// Client talks to one BMC. It is safe for concurrent use. It must be closed, so that its session is deleted.
type Client struct {
	opt      Options
	wire     *wire
	limit    *limiter
	attempts *Attempts
	redact   *redactor
	stats    counters
	health   health

	login   chan struct{} // a lock that a context can give up on; guards logins
	cred    atomic.Pointer[credential]
	ended   atomic.Pointer[Error] // the login was refused for good
	closed  atomic.Bool
	renewed renewals

	rootLock chan struct{}
	root     atomic.Pointer[Resource]

	expand expandState
	etag   etagState
	quirks atomic.Pointer[Set]
	slow   atomic.Bool // R72

	pushLock chan struct{} // one push at a time (R36, R49); guards lastPush
	lastPush time.Time
}

// New makes a Client. Nothing is sent before the first request.
func New(o Options) (*Client, error) {
	base, err := parseBase(o.Base)
	if err != nil {
		return nil, err
	}
	v, err := newVerifier(o.Trust, base.Hostname())
	if err != nil {
		return nil, err
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	c := &Client{
		opt: o, wire: newWire(base, o.Dial, v), limit: newLimiter(o.MaxInFlight), attempts: o.Attempts,
		redact: &redactor{next: o.Redact}, login: make(chan struct{}, 1), rootLock: make(chan struct{}, 1),
		pushLock: make(chan struct{}, 1),
	}
	if c.attempts == nil {
		c.attempts = &Attempts{}
	}
	return c, nil
}

// Base gives the BMC's URL, without path.
func (c *Client) Base() string { return c.wire.base.String() }

// Pin gives the pin in force: the one given, or that of the certificate accepted by TrustNew; "" when a CA decides.
func (c *Client) Pin() string { return c.wire.verify.pinned() }

// Shown gives the certificate of the last connection that was trusted; ok is false before there was one. It costs nothing.
func (c *Client) Shown() (info CertInfo, ok bool) { return c.wire.verify.seen() }

// SessionURI gives the URI of the open session, or "". A caller that keeps it can have a leaked session deleted later.
func (c *Client) SessionURI() string {
	if a := c.cred.Load(); a != nil {
		return a.uri
	}
	return ""
}

// Stats tells what this Client has cost the BMC so far.
func (c *Client) Stats() rack.Stats {
	s := c.stats.get()
	s.Connections = int(c.wire.opened.Load())
	return s
}

// Close logs the session out, in 5 s of its own even when ctx has ended, and drops the connections. It may be called more
// than once; requests made after it fail. Requests under way should have ended.
func (c *Client) Close(ctx context.Context) error {
	if c.closed.Swap(true) {
		return nil
	}
	err := c.logout(context.WithoutCancel(ctx), c.cred.Swap(nil))
	c.wire.close()
	return err
}

// resolve makes the path and query to ask for from a link found in resource from. Only links to this BMC are followed.
func (c *Client) resolve(from, link string) (string, error) {
	fail := func(why string) error {
		return &Error{Kind: ForeignLink, Method: http.MethodGet, URI: shorten(link, 200), Message: why}
	}
	if link == "" {
		return "", fail("the link is empty")
	}
	if strings.HasPrefix(link, "//") {
		return "", fail("the link leaves this BMC")
	}
	u, err := url.Parse(link)
	if err != nil {
		return "", fail("the link cannot be read")
	}
	if u.Scheme != "" || u.Host != "" {
		if u.User != nil || u.Scheme != "https" || hostPort(u) != hostPort(c.wire.base) && !strings.EqualFold(u.Host, c.wire.base.Host) {
			return "", fail("the link leaves this BMC")
		}
		u.Scheme, u.Host = "", ""
	}
	switch {
	case u.Opaque != "":
		return "", fail("the link cannot be read")
	case u.Path == "" && u.RawQuery != "":
		path, _, _ := strings.Cut(from, "?")
		return path + "?" + u.RawQuery, nil
	case !strings.HasPrefix(u.Path, "/"):
		u.Path, u.RawPath = "/"+u.Path, ""
	}
	out := u.EscapedPath()
	if strings.HasPrefix(out, "//") {
		return "", fail("the link leaves this BMC")
	}
	if u.RawQuery != "" {
		out += "?" + u.RawQuery
	}
	return out, nil
}

// Key is the form in which two spellings of a URI are the same resource: no host, fragment or trailing slash, lower case (R109).
func Key(uri string) string {
	if i := strings.IndexByte(uri, '#'); i >= 0 {
		uri = uri[:i]
	}
	if i := strings.Index(uri, "://"); i >= 0 {
		if j := strings.IndexByte(uri[i+3:], '/'); j >= 0 {
			uri = uri[i+3+j:]
		}
	}
	return strings.ToLower(strings.TrimRight(uri, "/"))
}

func (c *Client) readTimeout() time.Duration {
	switch {
	case c.opt.ReadTimeout > 0:
		return c.opt.ReadTimeout
	case c.slow.Load():
		return slowReadTimeout
	}
	return readTimeout
}

// lock takes a one-place lock; it is given back by receiving from it.
func lock(ctx context.Context, l chan struct{}) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &Error{Kind: Cancelled, Method: "wait", URI: "", Err: context.Cause(ctx)}
	}
}

// sleep waits, unless the caller gives up.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// counters is what Stats reports.
type counters struct {
	requests, opened, closed atomic.Int64

	mu          sync.Mutex
	first, last time.Time
}

func (s *counters) begin(t time.Time) {
	s.mu.Lock()
	if s.first.IsZero() {
		s.first = t
	}
	s.mu.Unlock()
}

func (s *counters) end(t time.Time) {
	s.mu.Lock()
	if t.After(s.last) {
		s.last = t
	}
	s.mu.Unlock()
}

func (s *counters) get() rack.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return rack.Stats{
		Requests: int(s.requests.Load()), SessionsOpened: int(s.opened.Load()), SessionsClosed: int(s.closed.Load()),
		DurationMs: max(s.last.Sub(s.first).Milliseconds(), 0),
	}
}

var errClosed = errors.New("this client is closed")

package redfish

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

const (
	dialTimeout      = 15 * time.Second  // TCP and TLS; a BMC that needs longer is not up
	readTimeout      = 90 * time.Second  // 60 s was too short for ironic (redfish.md 2.1)
	slowReadTimeout  = 240 * time.Second // R72: a firmware inventory of 2-3 minutes
	writeTimeout     = 60 * time.Second
	maxAnswerBytes   = 64 << 20 // the largest recorded resource has 2 MB; expanded collections are larger
	maxRedirects     = 3
	idleConnTimeout  = 20 * time.Second // shorter than the idle time-out of the BMCs that cut abruptly (R10)
	maxHeaderBytes   = 64 << 10
	ioBufferBytes    = 8 << 10
	farewellTime     = 50 * time.Millisecond // for TLS's close_notify
	maxMessageLength = 400                   // of a BMC's text in an error
)

// netDial is the dialler used when none is given.
func netDial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	return d.DialContext(ctx, network, addr)
}

// parseBase reads the address of a BMC: "https://host[:port][/…]" or "host[:port]". Only https is accepted.
func parseBase(s string) (*url.URL, error) {
	t := s
	if !strings.Contains(t, "://") {
		t = "https://" + t
	}
	u, err := url.Parse(t)
	if err != nil {
		return nil, fmt.Errorf("read BMC address %q: not a URL", s)
	}
	if u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, fmt.Errorf("read BMC address %q: want https://HOST[:PORT], without user name", u.Redacted())
	}
	return &url.URL{Scheme: "https", Host: strings.ToLower(u.Host)}, nil
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// wire is one BMC's connections: at most maxConnections at any moment, kept alive for reads, fresh for the rest; and one more for
// each stream of events.
type wire struct {
	base   *url.URL
	dial   DialFunc
	verify *verifier
	places chan struct{} // one a connection
	pool   *http.Transport
	fresh  *http.Transport
	opened atomic.Int64

	stream *http.Transport
}

func newWire(base *url.URL, dial DialFunc, v *verifier) *wire {
	if dial == nil {
		dial = netDial
	}
	w := &wire{base: base, dial: dial, verify: v, places: make(chan struct{}, maxConnections)}
	w.pool = &http.Transport{
		DialTLSContext: w.connect, MaxConnsPerHost: maxConnections, MaxIdleConnsPerHost: maxConnections,
		IdleConnTimeout: idleConnTimeout, DisableCompression: true, MaxResponseHeaderBytes: maxHeaderBytes,
		WriteBufferSize: ioBufferBytes, ReadBufferSize: ioBufferBytes,
	}
	w.fresh = &http.Transport{
		DialTLSContext: w.connect, DisableKeepAlives: true, DisableCompression: true,
		MaxResponseHeaderBytes: maxHeaderBytes, WriteBufferSize: 64 << 10, ReadBufferSize: ioBufferBytes,
	}
	w.newStreams()
	return w
}

// connect opens one verified connection. When all places are taken, idle connections give theirs up.
func (w *wire) connect(ctx context.Context, network, _ string) (net.Conn, error) {
	select {
	case w.places <- struct{}{}:
	default:
		w.pool.CloseIdleConnections()
		select {
		case w.places <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := w.dial(ctx, network, hostPort(w.base))
	if err != nil {
		<-w.places
		return nil, &dialError{err}
	}
	w.opened.Add(1)
	held := &heldConn{Conn: raw, free: func() { <-w.places }}
	conn := tls.Client(held, w.verify.config())
	if err := conn.HandshakeContext(ctx); err != nil {
		held.Close()
		return nil, &handshakeError{tooOld(err)}
	}
	return conn, nil
}

func (w *wire) close() {
	w.pool.CloseIdleConnections()
	w.fresh.CloseIdleConnections()
	w.stream.CloseIdleConnections()
}

// heldConn gives its place back once, when it is closed.
type heldConn struct {
	net.Conn
	once sync.Once
	free func()
}

func (h *heldConn) Close() error {
	err := h.Conn.Close()
	h.once.Do(h.free)
	return err
}

// SetWriteDeadline is called by crypto/tls alone, for its farewell when it closes. The 5 s it allows would hold the place of
// a BMC that no longer reads.
func (h *heldConn) SetWriteDeadline(t time.Time) error {
	if soon := time.Now().Add(farewellTime); t.After(soon) {
		t = soon
	}
	return h.Conn.SetWriteDeadline(t)
}

type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// call is one request as it goes on the wire.
type call struct {
	method  string
	uri     string // path and query, as resolved by Client.resolve
	body    []byte
	stream  func() io.Reader // of a push, instead of body; called once an attempt
	size    int64            // of the stream
	header  http.Header
	timeout time.Duration // of one attempt; 0 = readTimeout
	fresh   bool          // on a connection of its own
	speed   bool          // its duration tells how fast plain reads are
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration

	read   bool // the body was decoded: see decoded
	obj    Object
	objErr error
}

// once sends one request and reads the whole answer. sent tells whether the BMC may have seen the request, also on error.
func (c *Client) once(ctx context.Context, q call, auth *credential) (a answer, sent bool, err error) {
	if err := c.limit.acquire(ctx); err != nil {
		return answer{}, false, &Error{Kind: Cancelled, Method: q.method, URI: q.uri, Err: context.Cause(ctx)}
	}
	defer c.limit.release()
	timeout := q.timeout
	if timeout == 0 {
		timeout = c.readTimeout()
	}
	tctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var wrote atomic.Bool
	req, err := c.newRequest(httptrace.WithClientTrace(tctx, &httptrace.ClientTrace{
		WroteHeaders: func() { wrote.Store(true) },
	}), q, auth)
	if err != nil {
		return answer{}, false, &Error{Kind: ForeignLink, Method: q.method, URI: q.uri, Err: err}
	}
	transport := c.wire.pool
	if q.fresh {
		transport = c.wire.fresh
	}
	c.stats.requests.Add(1)
	start := time.Now()
	c.stats.begin(start)
	resp, err := transport.RoundTrip(req)
	if err == nil {
		a, err = readAnswer(resp)
	}
	a.took = time.Since(start)
	c.stats.end(start.Add(a.took))
	sent = wrote.Load()
	if err != nil {
		err = c.classify(ctx, tctx, q, a, err)
	}
	c.learn(q, a, err)
	c.logExchange(ctx, q, a, err)
	return a, sent, err
}

func (c *Client) newRequest(ctx context.Context, q call, auth *credential) (*http.Request, error) {
	var body io.Reader
	switch {
	case q.stream != nil:
		body = q.stream()
	case q.body != nil:
		body = bytes.NewReader(q.body)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, c.wire.base.String()+q.uri, body)
	if err != nil {
		return nil, errors.New("not a valid path")
	}
	if q.stream != nil {
		req.ContentLength = q.size // R21: never chunked
	}
	for k, v := range q.header {
		req.Header[k] = v
	}
	h := req.Header
	h.Set("Accept", "application/json")
	h.Set("Accept-Encoding", "identity") // R4: compression changes ETags
	h.Set("OData-Version", "4.0")
	h.Set("User-Agent", "metalwright")
	if q.body != nil && h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	auth.apply(req)
	return req, nil
}

func readAnswer(resp *http.Response) (answer, error) {
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if resp.ContentLength > maxAnswerBytes {
		return a, errTooLarge
	}
	var b bytes.Buffer
	if resp.ContentLength > 0 {
		b.Grow(int(resp.ContentLength) + bytes.MinRead)
	}
	n, err := b.ReadFrom(io.LimitReader(resp.Body, maxAnswerBytes+1))
	a.body = b.Bytes()
	if err == nil && n > maxAnswerBytes {
		err = errTooLarge
	}
	return a, err
}

var errTooLarge = fmt.Errorf("answer larger than %d MiB", maxAnswerBytes>>20)

// classify turns an error of the transport into an *Error.
func (c *Client) classify(parent, attempt context.Context, q call, a answer, err error) error {
	e := &Error{Kind: Cut, Method: q.method, URI: q.uri, Err: plainCause(err)}
	var untrusted *UntrustedError
	var dial *dialError
	var shake *handshakeError
	var old *step.Failure // of tooOld
	switch {
	case errors.As(err, &untrusted):
		e.Kind, e.Err = Untrusted, untrusted
	case errors.As(err, &old):
		e.Kind, e.Err = Untrusted, old
	case parent.Err() != nil:
		e.Kind, e.Err = Cancelled, context.Cause(parent)
	case errors.Is(err, errTooLarge):
		e.Kind = TooLarge
	case errors.As(err, &dial):
		e.Kind = Unreachable
	case errors.As(err, &shake) && !isCut(err) && !isTimeout(err):
		e.Kind = Unreachable // it speaks no TLS, or none that we accept
	case attempt.Err() != nil, isTimeout(err):
		e.Kind, e.Message, e.Err = TimedOut, "no answer within the deadline", nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Message, e.Err = fmt.Sprintf("the answer ends after %d bytes", len(a.body)), nil
	}
	return e
}

func isCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// plainCause drops the wrapping of net and net/http that repeats addresses.
func plainCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// learn tells the limiter how the BMC copes.
func (c *Client) learn(q call, a answer, err error) {
	var e *Error
	if errors.As(err, &e) && (e.Kind == Cancelled || e.Kind == Untrusted || e.Kind == Unreachable) {
		return
	}
	struggling := err != nil || a.status >= 500 || a.status == http.StatusTooManyRequests
	took := a.took
	if !q.speed {
		took = 0
	}
	if took > 0 && !struggling {
		c.expand.plain(took)
	}
	c.limit.note(struggling, took)
}

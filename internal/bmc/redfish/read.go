package redfish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	cutRetries  = 3 // connection reset, EOF, 500, 502, 504 (redfish.md 2.3)
	waitRetries = 5 // 429, 503: 1+2+4+8+16 s when the BMC names no time
	firstWait   = time.Second
	momentWait  = 150 * time.Millisecond // before the first repetition of a read that a BMC was too busy for
	longestWait = 30 * time.Second
	longestHint = 5 * time.Minute // of a Retry-After, and of all waits of one read together
	maxDepth    = 64              // recorded resources nest 12 deep
)

// Resource is what one GET brought.
type Resource struct {
	URI  string // as asked for (R119: the body may name another)
	Obj  Object
	Raw  []byte // as sent; nil for a member that came inside its collection: see JSON
	ETag string // of the header, else of the body; "" when there is none (R5)
}

// JSON gives the resource as text: as sent, or written again from Obj.
func (r *Resource) JSON() []byte {
	if r.Raw != nil {
		return r.Raw
	}
	b, err := json.Marshal(r.Obj)
	if err != nil {
		return []byte("{}")
	}
	return b
}

// Get reads one resource. A link as found in another resource may be passed as it is; only links to this BMC are followed.
// Safe failures are tried again as the retry table says.
func (c *Client) Get(ctx context.Context, uri string) (*Resource, error) {
	return c.get(ctx, uri, call{speed: true})
}

// Root reads the service root, once: later calls answer from memory. It needs no login.
func (c *Client) Root(ctx context.Context) (*Resource, error) {
	if r := c.root.Load(); r != nil {
		return r, nil
	}
	if err := lock(ctx, c.rootLock); err != nil {
		return nil, err
	}
	defer func() { <-c.rootLock }()
	if r := c.root.Load(); r != nil {
		return r, nil
	}
	r, err := c.readRoot(ctx, rootURI)
	if IsNotFound(err) {
		r, err = c.readRoot(ctx, strings.TrimRight(rootURI, "/"))
	}
	if err != nil {
		return nil, err
	}
	c.root.Store(r)
	c.adopt(Quirks(identityOfRoot(r.Obj)))
	return r, nil
}

func (c *Client) readRoot(ctx context.Context, uri string) (*Resource, error) {
	a, at, err := c.read(ctx, call{method: http.MethodGet, uri: uri, speed: true}, nil)
	if err != nil {
		return nil, err
	}
	r, err := c.resource(uri, at, a)
	if err != nil {
		return nil, err
	}
	if r.Obj.Str("RedfishVersion") == "" && !strings.Contains(r.Obj.Str("@odata.type"), "ServiceRoot") && !r.Obj.Has("Links") {
		return nil, &Error{Kind: Malformed, Method: http.MethodGet, URI: uri, Status: a.status, Message: "this is no Redfish service root"}
	}
	return r, nil
}

func (c *Client) get(ctx context.Context, link string, q call) (*Resource, error) {
	uri, err := c.resolve(rootURI, link)
	if err != nil {
		return nil, err
	}
	q.method, q.uri = http.MethodGet, uri
	a, at, err := c.read(ctx, q, c.authorized)
	if err != nil {
		return nil, err
	}
	return c.resource(uri, at, a)
}

type sender func(context.Context, call) (answer, bool, error)

// read sends a GET with the retries of the table and follows redirects. at is the URI that answered. A nil send goes without
// credential.
func (c *Client) read(ctx context.Context, q call, send sender) (a answer, at string, err error) {
	if send == nil {
		send = func(ctx context.Context, q call) (answer, bool, error) { return c.once(ctx, q, nil) }
	}
	cuts, waits, hops, bad := 0, 0, 0, 0
	start := time.Now()
	for {
		a, _, err = send(ctx, q)
		again := false
		switch {
		case err != nil:
			var e *Error
			a = answer{} // half an answer is none
			if again = errors.As(err, &e) && e.Kind == Cut && cuts < c.health.allow(cutRetries); again {
				cuts++
				q.fresh = true // R9
			}
		case redirected(a.status) && hops < maxRedirects:
			to, err := c.resolve(q.uri, a.header.Get("Location"))
			if err != nil {
				return a, q.uri, err
			}
			hops++
			q.uri = to
			continue
		case a.status == http.StatusServiceUnavailable, a.status == http.StatusTooManyRequests:
			if again = waits < c.health.allow(waitRetries) && time.Since(start) < longestHint; again {
				waits++
			}
			if again && c.soon(ctx, a, waits) {
				continue
			}
		case a.status == 500, a.status == 502, a.status == 504:
			if again = cuts < c.health.allow(cutRetries); again {
				cuts++
			}
		case a.status == http.StatusOK && bad == 0 && a.cutShort():
			bad, again = 1, true
		default:
			c.health.good()
			if a.status >= 400 {
				err = c.statusError(q.method, q.uri, a)
			}
			return a, q.uri, err
		}
		if !again {
			c.health.bad(err)
			if err == nil {
				err = c.statusError(q.method, q.uri, a)
			}
			return a, q.uri, err
		}
		if err != nil && cuts == 1 {
			continue // a kept connection that had died: a fresh one may be tried at once (R9, R10)
		}
		if werr := c.wait(ctx, a, max(cuts+waits, 1)); werr != nil {
			return a, q.uri, c.cancelled(ctx, q.method, q.uri)
		}
	}
}

func redirected(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// decoded reads the body, once.
func (a *answer) decoded() (Object, error) {
	if !a.read {
		a.obj, a.objErr = decodeObject(a.body)
		a.read = true
	}
	return a.obj, a.objErr
}

// cutShort tells whether a body looks like a JSON object that was cut off.
func (a *answer) cutShort() bool {
	if b := bytes.TrimSpace(a.body); len(b) == 0 || b[0] != '{' {
		return false
	}
	_, err := a.decoded()
	return errors.Is(err, errCut)
}

// wait obeys Retry-After, else backs off: 1, 2, 4 … 30 s, spread by the jitter.
func (c *Client) wait(ctx context.Context, a answer, attempt int) error {
	d := retryAfter(a.header, time.Now())
	if d <= 0 {
		d = min(firstWait<<min(attempt-1, 10), longestWait)
		if a.status == 0 { // a cut connection: the first fresh one may be at once
			d /= 4
		}
		d = d/2 + time.Duration(float64(d/2)*c.opt.Jitter())
	}
	return sleep(ctx, d)
}

// soon waits a moment instead of the whole second that a busy BMC asks for, and tells whether it did. Retry-After has whole
// seconds, so "1" is the shortest thing that a BMC can say. A read is harmless and is tried twice before that time; what is
// busy then too is given all the time it asks for.
func (c *Client) soon(ctx context.Context, a answer, attempt int) bool {
	if attempt > 2 || a.status != http.StatusServiceUnavailable || retryAfter(a.header, time.Now()) != time.Second {
		return false
	}
	moment := momentWait * time.Duration(attempt)
	return sleep(ctx, moment/2+time.Duration(float64(moment/2)*c.opt.Jitter())) == nil
}

// retryAfter reads seconds or a date (RFC 9110 10.2.3), capped.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if s, err := strconv.Atoi(v); err == nil {
		return min(time.Duration(max(s, 0))*time.Second, longestHint)
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(t.Sub(now), 0), longestHint)
	}
	return 0
}

// health stops retrying on a BMC that answers nothing but errors, so that a broken one does not cost a full round of waits
// for every resource. One round is enough for a BMC that has never answered: about 25 s, or as long as its Retry-After asks for,
// up to longestHint. One that has answered before may be restarting, and gets a second.
type health struct {
	exhausted atomic.Int32
	answered  atomic.Bool
}

func (h *health) allow(n int) int {
	if rounds := h.exhausted.Load(); rounds >= 2 || rounds == 1 && !h.answered.Load() {
		return 0
	}
	return n
}

func (h *health) good() {
	h.answered.Store(true)
	h.exhausted.Store(0)
}

func (h *health) bad(err error) {
	if !IsCancelled(err) {
		h.exhausted.Add(1)
	}
}

// resource decodes a good answer.
func (c *Client) resource(asked, at string, a answer) (*Resource, error) {
	o, err := a.decoded()
	if err != nil {
		e := &Error{Kind: Malformed, Method: http.MethodGet, URI: at, Status: a.status, Message: describeBody(a), Err: err}
		if errors.Is(err, errTooDeep) {
			e.Kind = TooLarge
		}
		return nil, e
	}
	if o.Has("error") && !o.Has("@odata.id") && !o.Has("Id") {
		if e := c.errorIn(o); e != nil {
			e.Method, e.URI, e.Status = http.MethodGet, at, a.status
			return nil, e
		}
	}
	return &Resource{URI: asked, Obj: o, Raw: a.body, ETag: tagOf(a.header, o)}, nil
}

// errorIn makes an error of an error envelope under a good status, unless it only reports success.
func (c *Client) errorIn(o Object) *Error {
	e := &Error{Kind: Answered}
	ok := true
	for _, m := range Messages(o) {
		e.MessageIDs = append(e.MessageIDs, m.ID)
		if e.Message == "" {
			e.Message = c.clean(m.Text)
		}
		ok = ok && m.IsSuccess()
	}
	if ok {
		return nil
	}
	return e
}

// statusError makes an *Error of an answer with an error status.
func (c *Client) statusError(method, uri string, a answer) *Error {
	e := &Error{Kind: Answered, Method: method, URI: uri, Status: a.status, RetryAfter: retryAfter(a.header, time.Now())}
	o, err := decodeObject(a.body)
	if err != nil {
		if t := describeBody(a); a.status != 0 && len(bytes.TrimSpace(a.body)) > 0 {
			e.Message = t
		}
		return e
	}
	for _, m := range Messages(o) {
		if m.ID != "" {
			e.MessageIDs = append(e.MessageIDs, m.ID)
		}
		if e.Message == "" {
			e.Message = c.clean(m.Text)
		}
	}
	return e
}

func describeBody(a answer) string {
	b := bytes.TrimSpace(a.body)
	switch {
	case a.status == http.StatusNoContent || len(b) == 0:
		return "the answer is empty"
	case bytes.Equal(b, []byte("null")):
		return "the answer is null"
	case b[0] == '<':
		return "the answer is HTML or XML, not JSON"
	case b[0] == '{':
		return fmt.Sprintf("the answer is no whole JSON object (%d bytes)", len(b))
	case b[0] == '[':
		return "the answer is a JSON list, not an object"
	}
	return "the answer is not JSON"
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

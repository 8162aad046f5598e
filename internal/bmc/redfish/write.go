package redfish

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"
)

// PatchOptions tune one write. The zero value is right.
type PatchOptions struct {
	// ETag is the tag of the resource being written, as it was read. It is sent as If-Match. When empty, the tag is read only
	// if the BMC demands one.
	ETag string
	// Reached reads the device and tells whether it already is as this write wants. It is asked after a cut connection or a
	// refusal (R15); nil compares the resource with the body.
	Reached func(context.Context) (bool, error)
	// Moved judges the resource as it is now, after the BMC refused the tag: true stops the write with ErrMoved. nil goes on,
	// since a tag is only a hint (R95).
	Moved func(*Resource) bool
}

// Response is the BMC's answer to a write.
type Response struct {
	URI      string
	Status   int // 0 when the answer was lost and Reached is true
	Obj      Object
	Raw      []byte
	ETag     string
	Location string // as sent; a path when it points to this BMC
	Messages []Message
	Reached  bool // there was no good answer, but the device was read and is as wanted
}

// Patch changes properties of a resource. After a cut connection the device is read, and the write repeated once only when it
// did not act. The error IsSentUnknown when that could not be told.
func (c *Client) Patch(ctx context.Context, uri string, body any, opt PatchOptions) (*Response, error) {
	return c.write(ctx, http.MethodPatch, uri, body, opt)
}

// Put replaces a resource; see Patch.
func (c *Client) Put(ctx context.Context, uri string, body any, opt PatchOptions) (*Response, error) {
	return c.write(ctx, http.MethodPut, uri, body, opt)
}

// Delete removes a resource. One that is gone after a lost answer counts as deleted.
func (c *Client) Delete(ctx context.Context, uri string) (*Response, error) {
	return c.write(ctx, http.MethodDelete, uri, nil, PatchOptions{})
}

// Post calls an action, or creates a member. It is never repeated after the BMC may have seen it: then the error
// IsSentUnknown, and the device must be read first. No If-Match is ever sent (R3). A nil body is sent as {} (R12).
func (c *Client) Post(ctx context.Context, uri string, body any) (*Response, error) {
	return c.PostUnless(ctx, uri, body, nil)
}

// PostUnless is Post with a question: reached reads the device and tells whether it is as wanted. After a lost answer or a
// refusal, true is success (R15); false after a lost answer allows one repetition.
func (c *Client) PostUnless(ctx context.Context, uri string, body any, reached func(context.Context) (bool, error)) (*Response, error) {
	if body == nil {
		body = struct{}{}
	}
	return c.write(ctx, http.MethodPost, uri, body, PatchOptions{Reached: reached})
}

// writing is the state of one write through its attempts.
type writing struct {
	c       *Client
	q       call
	opt     PatchOptions
	body    any
	match   *matcher // nil: no If-Match, ever
	repeats int      // after an answer was lost, or 5xx
	waits   int
	unsent  int
	hops    int
	lost    bool // an earlier attempt may have acted
}

func (c *Client) write(ctx context.Context, method, link string, body any, opt PatchOptions) (*Response, error) {
	uri, err := c.resolve(rootURI, link)
	if err != nil {
		return nil, err
	}
	w := &writing{c: c, opt: opt, body: body, q: call{method: method, uri: uri, timeout: writeTimeout, fresh: true}}
	if body != nil {
		if w.q.body, err = json.Marshal(body); err != nil {
			return nil, &Error{Kind: Forbidden, Method: method, URI: uri, Message: "the body cannot be written as JSON", Err: err}
		}
	}
	if method != http.MethodPost {
		w.match = &matcher{state: &c.etag, forms: c.etag.forms()}
		if err := w.firstTag(ctx); err != nil {
			return nil, err
		}
	}
	for {
		a, sent, err := c.authorized(ctx, w.q)
		r, again, err := w.judge(ctx, a, sent, err)
		if err != nil || !again {
			return r, err
		}
	}
}

func (w *writing) firstTag(ctx context.Context) error {
	switch {
	case bare(w.opt.ETag) != "":
		w.match.start(w.opt.ETag, "")
	case w.c.etag.wants():
		if r, err := w.c.Get(ctx, w.q.uri); err == nil {
			w.match.start(r.ETag, r.Obj.Str("@odata.etag"))
		} else if endsAll(err) {
			return err
		}
	}
	w.setMatch()
	return nil
}

func (w *writing) setMatch() {
	w.q.header = nil
	if w.match.value != "" {
		w.q.header = http.Header{"If-Match": {w.match.value}}
	}
}

// judge is the retry table of redfish.md 2.3 for writes: it gives the answer, or says that the write is to be sent again.
func (w *writing) judge(ctx context.Context, a answer, sent bool, err error) (r *Response, again bool, _ error) {
	if err != nil {
		return w.noAnswer(ctx, sent, err)
	}
	e := w.c.statusError(w.q.method, w.q.uri, a)
	switch s := a.status; {
	case s/100 == 2:
		if w.match != nil && w.match.value != "" {
			w.c.etag.took(w.match.current)
		}
		return w.c.response(w.q.uri, a), false, nil
	case redirected(s) && w.hops < maxRedirects:
		if s != http.StatusTemporaryRedirect && s != http.StatusPermanentRedirect {
			return nil, false, e // the method would change
		}
		to, err := w.c.resolve(w.q.uri, a.header.Get("Location"))
		if err != nil {
			return nil, false, err
		}
		w.hops++
		w.q.uri = to
		return nil, true, nil
	case w.match != nil && (s == http.StatusPreconditionRequired || s == http.StatusTooManyRequests && e.hasMessage("PreconditionRequired")):
		w.c.etag.require()
		return w.newTag(ctx, e)
	case w.match != nil && s == http.StatusPreconditionFailed:
		return w.newTag(ctx, e)
	case s == http.StatusTooManyRequests, s == http.StatusServiceUnavailable:
		if w.waits++; w.waits > waitRetries {
			return nil, false, e
		}
		if w.c.wait(ctx, a, w.waits) != nil {
			return nil, false, w.c.cancelled(ctx, w.q.method, w.q.uri)
		}
		return nil, true, nil
	case s == http.StatusNotFound && w.q.method == http.MethodDelete && w.lost:
		return &Response{URI: w.q.uri, Reached: true}, false, nil
	case s == http.StatusBadRequest, s == http.StatusConflict:
		if ok, rerr := w.reached(ctx); rerr == nil && ok {
			return &Response{URI: w.q.uri, Reached: true, Messages: messagesOf(a)}, false, nil
		}
		return nil, false, e
	case s == http.StatusInternalServerError, s == http.StatusBadGateway, s == http.StatusGatewayTimeout:
		return w.unsure(ctx, e)
	}
	return nil, false, e
}

// noAnswer handles a request that got none. What was not sent may be sent again; what was sent is looked for first.
func (w *writing) noAnswer(ctx context.Context, sent bool, err error) (*Response, bool, error) {
	var e *Error
	if !errors.As(err, &e) {
		return nil, false, err
	}
	switch {
	case !sent && e.Kind == Cut && w.unsent < cutRetries:
		w.unsent++
		return nil, true, nil
	case !sent:
		return nil, false, err
	case e.Kind == Cut, e.Kind == TimedOut:
		return w.unsure(ctx, e)
	}
	return nil, false, unknown(e) // cancelled half-way, or an answer that passes the limits
}

// unsure reads the device after a request that may have acted: done, to be sent once more, or unknown.
func (w *writing) unsure(ctx context.Context, e *Error) (*Response, bool, error) {
	w.lost = true
	ok, rerr := w.reached(ctx)
	switch {
	case rerr != nil:
		return nil, false, unknown(e)
	case ok:
		return &Response{URI: w.q.uri, Reached: true}, false, nil
	case w.repeats > 0:
		if e.Kind == Answered {
			return nil, false, e
		}
		return nil, false, unknown(e)
	}
	w.repeats++
	return nil, true, nil
}

func unknown(e *Error) error {
	x := *e
	x.Err = ErrSentUnknown
	return &x
}

var errCannotTell = errors.New("nothing was given to tell whether it acted")

// reached asks the caller's question, or compares the resource with the body.
func (w *writing) reached(ctx context.Context) (bool, error) {
	switch {
	case w.opt.Reached != nil:
		return w.opt.Reached(ctx)
	case w.q.method == http.MethodPost:
		return false, errCannotTell
	}
	r, err := w.c.Get(ctx, w.q.uri)
	if w.q.method == http.MethodDelete {
		if IsNotFound(err) {
			return true, nil
		}
		return false, err
	}
	if err != nil {
		return false, err
	}
	var want any
	d := json.NewDecoder(strings.NewReader(string(w.q.body)))
	d.UseNumber()
	if err := d.Decode(&want); err != nil {
		return false, err
	}
	return holds(map[string]any(r.Obj), want), nil
}

// newTag reads the resource after a refused or missing tag, and goes on with the next spelling.
func (w *writing) newTag(ctx context.Context, refused *Error) (*Response, bool, error) {
	r, err := w.c.Get(ctx, w.q.uri)
	if err != nil {
		return nil, false, err
	}
	if w.opt.Moved != nil && w.opt.Moved(r) {
		refused.Err = ErrMoved
		return nil, false, refused
	}
	w.match.refresh(r, "")
	if !w.match.next() {
		return nil, false, refused
	}
	w.setMatch()
	return nil, true, nil
}

// holds tells whether have has everything that want says. Annotations are no values and are left out.
func holds(have, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range w {
			if !strings.HasPrefix(k, "@") && !holds(h[k], v) {
				return false
			}
		}
		return true
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			return false
		}
		for i := range w {
			if !holds(h[i], w[i]) {
				return false
			}
		}
		return true
	case json.Number:
		h, ok := have.(json.Number)
		if !ok {
			return false
		}
		a, okA := new(big.Rat).SetString(shorten(string(h), 40))
		b, okB := new(big.Rat).SetString(shorten(string(w), 40))
		return okA && okB && a.Cmp(b) == 0
	}
	return have == want
}

func (c *Client) response(uri string, a answer) *Response {
	r := &Response{URI: uri, Status: a.status, Raw: a.body, Location: a.header.Get("Location"), Messages: messagesOf(a)}
	if o, err := decodeObject(a.body); err == nil {
		r.Obj = o
	}
	r.ETag = tagOf(a.header, r.Obj)
	if p, err := c.resolve(uri, r.Location); err == nil {
		r.Location = p
	}
	return r
}

func messagesOf(a answer) []Message {
	o, err := decodeObject(a.body)
	if err != nil {
		return nil
	}
	return Messages(o)
}

package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

type obj = map[string]any

// call is one request that is being answered. The BMC's lock is held.
type call struct {
	b      *BMC
	method string
	path   string // canonical: no trailing slash
	query  url.Values
	header http.Header
	length int64 // Content-Length, -1 when not given
	raw    []byte
	body   obj      // of a JSON request
	vars   []string // what the wildcards of the route stand for
	basic  bool
	reused bool          // not the first request on its connection
	delay  time.Duration // a fault lets the client wait
}

// answer is what goes back.
type answer struct {
	status int
	header map[string]string
	body   any // obj, []byte or nil
	fired  string
	broken bool // a fault cuts the body in half
}

// route is one resource, or a family of them with "*" for a segment.
type route struct {
	get    func(c *call) obj
	patch  func(c *call) *answer
	post   func(c *call) *answer
	del    func(c *call) *answer
	open   bool // no log-in needed to GET
	static []byte
	answer func(c *call) *answer // instead of get, where the status is not simply 200
	fixed  bool                  // the body never changes: render it once
	kind   string                // Content-Type of a static body that is no JSON
	tag    string                // ETag of a static body
	uri    string
}

// maxBody bounds a JSON request; images are bounded by the dialect.
const maxBody = 4 << 20

// ServeHTTP answers one request.
func (b *BMC) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	atomic.AddInt32(&b.inFlight, 1)
	defer atomic.AddInt32(&b.inFlight, -1)
	if d := b.rack.scaled(b.rack.opt.Latency); d > 0 {
		wait(r, d)
	}
	b.mu.Lock()
	b.advance()
	b.count(r)
	if b.down() || b.faults.deaf() {
		b.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	c := b.newCall(r)
	b.faults.on("R48") // its certificate was taken
	rt := b.match(c)
	early := b.faults.before(c, rt)
	gone, late := b.cutNow()
	if gone {
		early = &answer{status: cut}
	}
	if early == nil {
		early = b.admit(c, rt)
	}
	if early == nil && b.opensStream(c) {
		b.stream(w, r, c)
		return
	}
	push := early == nil && b.isPush(c)
	if push {
		b.beginPush()
	}
	b.mu.Unlock()
	if early != nil {
		b.send(w, r, early)
		return
	}
	if c.delay > 0 {
		wait(r, b.rack.scaled(c.delay))
	}
	limit := int64(maxBody)
	if push {
		limit = b.dia.imageLimit() + maxBody
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	b.mu.Lock()
	b.advance()
	if push {
		b.uploads--
	}
	var a *answer
	switch {
	case b.down():
		b.mu.Unlock()
		panic(http.ErrAbortHandler)
	case err != nil:
		b.mu.Unlock()
		return // the client went away
	case int64(len(raw)) > limit:
		a = b.fail(http.StatusRequestEntityTooLarge, b.msg("PayloadTooLarge"))
	default:
		c.raw = raw
		a = b.dispatch(c, rt)
	}
	a = b.faults.after(c, a)
	if late {
		a = &answer{status: cut}
		b.killed()
	}
	b.mu.Unlock()
	b.send(w, r, a)
}

// wait lets time pass, unless the client goes away.
func wait(r *http.Request, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

func (b *BMC) count(r *http.Request) {
	b.led.Requests++
	session := strings.Contains(strings.ToLower(r.URL.Path), "/sessionservice/sessions")
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		b.led.Reads++
	case !session:
		b.led.Writes++
	}
}

func (b *BMC) newCall(r *http.Request) *call {
	p := r.URL.Path
	if len(p) > 1 {
		p = strings.TrimRight(p, "/")
	}
	c := &call{b: b, method: r.Method, path: p, query: r.URL.Query(), header: r.Header, length: r.ContentLength}
	if n, isCount := r.Context().Value(requestsKey{}).(*int); isCount {
		c.reused = *n > 0
		*n++
	}
	return c
}

// match finds the route: exact, then with the last segments as wildcards.
func (b *BMC) match(c *call) *route {
	key := c.path
	if b.dia.foldCase {
		key = strings.ToLower(key)
	}
	if rt := b.routes[key]; rt != nil {
		return rt
	}
	seg := strings.Split(key, "/")
	raw := strings.Split(c.path, "/")
	n := len(seg)
	for _, wild := range [][]int{{1}, {2}, {3}, {2, 1}, {3, 1}} {
		if wild[0] >= n {
			continue
		}
		try := append([]string(nil), seg...)
		var vars []string
		for _, w := range wild {
			vars = append(vars, raw[n-w])
			try[n-w] = "*"
		}
		if rt := b.routes[strings.Join(try, "/")]; rt != nil {
			c.vars = vars
			return rt
		}
	}
	return nil
}

// dispatch runs the method of a route.
func (b *BMC) dispatch(c *call, rt *route) *answer {
	if rt == nil {
		return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
	}
	switch c.method {
	case http.MethodGet, http.MethodHead:
		a := b.read(c, rt)
		if a.status == http.StatusOK {
			a.header["Allow"] = rt.allowed() // some clients look there for what a slot without actions takes
		}
		return a
	case http.MethodPatch:
		return b.write(c, rt, rt.patch)
	case http.MethodPost:
		return b.write(c, rt, rt.post)
	case http.MethodDelete:
		return b.write(c, rt, rt.del)
	}
	return b.notAllowed(rt)
}

func (b *BMC) read(c *call, rt *route) *answer {
	if rt.answer != nil {
		return rt.answer(c)
	}
	if rt.get == nil {
		return b.notAllowed(rt)
	}
	if rt.fixed && rt.static != nil && len(c.query) == 0 {
		a := &answer{status: http.StatusOK, body: rt.static, header: map[string]string{"ETag": rt.tag}}
		if rt.tag == "" {
			a.header["ETag"] = b.tag(rt.static)
		}
		if rt.kind != "" {
			a.header["Content-Type"] = rt.kind
		}
		return a
	}
	o := rt.get(c)
	if o == nil {
		return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
	}
	o = b.finish(c, o)
	body := encode(o)
	etag := b.tag(body)
	if b.dia.etag.inBody && o["@odata.etag"] == nil {
		head := append([]byte(`{"@odata.etag":`), encode(etag)...) // cheaper than rendering all of it once more
		body = append(append(head, ','), body[1:]...)
	} else if t, ok := o["@odata.etag"].(string); ok {
		etag = t
	}
	if rt.fixed && len(c.query) == 0 {
		rt.static, rt.tag = body, etag // the tag stands in the body: it must not be made of it
	}
	return &answer{status: http.StatusOK, body: body, header: map[string]string{"ETag": etag}}
}

// write checks what all writes have in common: the method, the body and If-Match.
func (b *BMC) write(c *call, rt *route, do func(*call) *answer) *answer {
	if do == nil {
		return b.notAllowed(rt)
	}
	if m := c.header.Get("If-Match"); m != "" && c.method != http.MethodPost && m != "*" && rt.get != nil {
		have := b.read(&call{b: b, path: c.path, vars: c.vars}, rt).header["ETag"]
		if bareWanted := b.faults.live["R6"] != nil; have != m && !(bareWanted && strings.Trim(have, `"`) == m) {
			return b.fail(http.StatusPreconditionFailed, b.msg("PreconditionFailed"))
		}
	}
	ct := c.header.Get("Content-Type")
	if len(bytes.TrimSpace(c.raw)) > 0 && !b.isPush(c) && !strings.HasPrefix(ct, "multipart/") {
		dec := json.NewDecoder(bytes.NewReader(c.raw))
		dec.UseNumber()
		if err := dec.Decode(&c.body); err != nil {
			return b.fail(http.StatusBadRequest, b.msg("MalformedJSON"))
		}
	}
	if c.method == http.MethodPatch && len(c.body) == 0 {
		return b.fail(http.StatusBadRequest, b.msg("EmptyJSON"))
	}
	return do(c)
}

func (b *BMC) notAllowed(rt *route) *answer {
	a := b.fail(http.StatusMethodNotAllowed, b.msg("OperationNotAllowed"))
	a.header["Allow"] = rt.allowed()
	return a
}

// allowed is the Allow header of a resource (DSP0266 §6.6).
func (rt *route) allowed() string {
	read := rt.get != nil || rt.answer != nil
	var list []string
	for _, m := range []struct {
		name string
		has  bool
	}{{"GET", read}, {"HEAD", read}, {"PATCH", rt.patch != nil}, {"POST", rt.post != nil}, {"DELETE", rt.del != nil}} {
		if m.has {
			list = append(list, m.name)
		}
	}
	return strings.Join(list, ", ")
}

// tagForm is how a dialect writes its ETags (redfish.md §8).
type tagForm struct {
	inBody bool
	weak   bool
	clock  bool // one clock second for everything (R95)
}

func (b *BMC) tag(body []byte) string {
	v := ""
	if b.dia.etag.clock {
		v = strconv.FormatInt(b.changedAt.Unix(), 10)
	} else {
		h := fnv.New64a()
		h.Write(body)
		v = fmt.Sprintf("%016x", h.Sum64())
	}
	if b.dia.etag.weak {
		return `W/"` + v + `"`
	}
	return `"` + v + `"`
}

func encode(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("metalwright: internal error: simulated resource: %v. This is a bug in Metalwright.", err))
	}
	return bytes.TrimRight(buf.Bytes(), "\n")
}

// requestsKey finds the count of requests of a connection in its context.
type requestsKey struct{}

// send writes the answer.
func (b *BMC) send(w http.ResponseWriter, r *http.Request, a *answer) {
	if a.status == cut {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	h.Set("OData-Version", "4.0")
	h.Set("Cache-Control", "no-cache")
	h.Set("Server", b.dia.server)
	for k, v := range a.header {
		h.Set(k, v)
	}
	var body []byte
	switch x := a.body.(type) {
	case nil:
	case []byte:
		body = x
	default:
		body = encode(x)
	}
	if len(body) > 0 && h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json;odata.metadata=minimal;charset=utf-8")
	}
	if a.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(a.status)
	if r.Method == http.MethodHead {
		return
	}
	if a.broken {
		_, _ = w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body)
}

func ok(body any) *answer {
	return &answer{status: http.StatusOK, body: body, header: map[string]string{}}
}

func noContent() *answer { return &answer{status: http.StatusNoContent, header: map[string]string{}} }

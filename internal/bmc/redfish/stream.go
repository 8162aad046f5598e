package redfish

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"
)

const (
	// maxStreamEvent bounds one event of a stream, in bytes: recorded events have 0.5 to 2 kB, a metric report some hundred. What
	// is longer is passed over, so that a BMC cannot fill our memory with an event that never ends.
	maxStreamEvent = 1 << 20
	// streamIdle is how long a stream may say nothing. iDRAC ends a silent stream after an hour by itself; a peer that is gone is
	// found sooner, by TCP's own probes.
	streamIdle = 75 * time.Minute
	// longest time between two tries that a stream may ask for
	longestStreamRetry = 5 * time.Minute
)

// StreamEvent is one event of a text/event-stream (WHATWG HTML, 9.2).
type StreamEvent struct {
	ID      string // last event ID
	Name    string // "event" field; usually empty
	Data    []byte // "data" fields, joined; its memory is used again after the call
	TooLong bool   // the event was longer than is taken: Data is nil
}

// Streaming is one stream of events: where it is, what it tells, and from where to go on after it broke.
type Streaming struct {
	Link   string
	LastID string        // sent as Last-Event-ID, and kept up to date
	Retry  time.Duration // what the BMC asks for between two tries; 0 = nothing
	Opened func()        // the BMC has answered and the stream runs; nil = nobody asks
	Event  func(StreamEvent) error
}

// errIdle is the cause of a stream that was given up because nothing came.
var errIdle = fmt.Errorf("the stream said nothing for %s", streamIdle)

// Stream reads one stream over a verified connection of its own, beside those of reads and writes: it takes no place from them. It
// returns when the stream ends (nil), breaks, ctx ends, or Event returns an error. The caller opens it again.
func (c *Client) Stream(ctx context.Context, s *Streaming) error {
	uri, err := c.resolve(rootURI, s.Link)
	if err != nil {
		return err
	}
	sctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(c.readTimeout(), func() { cancel(context.DeadlineExceeded) })
	defer quiet.Stop()
	q := call{method: http.MethodGet, uri: uri, header: http.Header{"Last-Event-ID": nil}}
	if s.LastID != "" {
		q.header.Set("Last-Event-ID", s.LastID)
	}
	resp, err := c.openStream(sctx, q)
	if err != nil {
		if context.Cause(sctx) != nil && ctx.Err() == nil {
			return &Error{Kind: TimedOut, Method: q.method, URI: uri, Message: "no answer within the deadline"}
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if s.Opened != nil {
		s.Opened()
	}
	idle := time.AfterFunc(streamIdle, func() { cancel(errIdle) })
	defer idle.Stop()
	quiet.Stop()
	err = s.read(resp.Body, func() { idle.Reset(streamIdle) })
	switch {
	case ctx.Err() != nil:
		return &Error{Kind: Cancelled, Method: q.method, URI: uri, Err: context.Cause(ctx)}
	case errors.Is(context.Cause(sctx), errIdle):
		return &Error{Kind: TimedOut, Method: q.method, URI: uri, Err: errIdle}
	case err == nil:
		return nil
	}
	var broke *readError
	if errors.As(err, &broke) {
		return c.classify(ctx, sctx, q, answer{}, broke.err)
	}
	return err
}

// openStream asks for the stream, once more with a new session when the old one is refused.
func (c *Client) openStream(ctx context.Context, q call) (*http.Response, error) {
	for try := 0; ; try++ {
		cred, err := c.credential(ctx)
		if err != nil {
			return nil, err
		}
		req, err := c.newRequest(ctx, q, cred)
		if err != nil {
			return nil, &Error{Kind: ForeignLink, Method: q.method, URI: q.uri, Err: err}
		}
		req.Header.Set("Accept", "text/event-stream")
		req.Header.Set("Cache-Control", "no-store")
		c.stats.requests.Add(1)
		resp, err := c.wire.stream.RoundTrip(req)
		if err != nil {
			return nil, c.classify(ctx, ctx, q, answer{}, err)
		}
		kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		if resp.StatusCode == http.StatusOK && kind == "text/event-stream" {
			return resp, nil
		}
		if resp.StatusCode == http.StatusOK { // its body may never end
			_ = resp.Body.Close()
			return nil, &Error{Kind: Malformed, Method: q.method, URI: q.uri, Status: resp.StatusCode,
				Message: fmt.Sprintf("this is no stream of events (%s)", shorten(kind, 60))}
		}
		a, err := readAnswer(resp)
		if err != nil {
			return nil, c.classify(ctx, ctx, q, a, err)
		}
		if resp.StatusCode != http.StatusUnauthorized || cred == nil || try > 0 || c.renewed.stop(cred) {
			return nil, c.statusError(q.method, q.uri, a)
		}
		if err := c.renew(ctx, cred); err != nil {
			return nil, err
		}
	}
}

// connectStream opens the connection of a stream: verified as any other, and counted apart.
func (w *wire) connectStream(ctx context.Context, network, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := w.dial(ctx, network, hostPort(w.base))
	if err != nil {
		return nil, &dialError{err}
	}
	w.opened.Add(1)
	held := &heldConn{Conn: raw, free: func() {}}
	conn := tls.Client(held, w.verify.config())
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = held.Close()
		return nil, &handshakeError{tooOld(err)}
	}
	return conn, nil
}

// newStreams is the transport of streams: one connection a stream, never used again.
func (w *wire) newStreams() {
	w.stream = &http.Transport{DialTLSContext: w.connectStream, DisableKeepAlives: true, DisableCompression: true,
		MaxResponseHeaderBytes: maxHeaderBytes, ReadBufferSize: ioBufferBytes}
}

// readError is an error of the connection, not of the caller's Event.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// read parses the stream until it ends; alive is called for each piece that comes.
func (s *Streaming) read(r io.Reader, alive func()) error {
	p := streamParser{s: s, id: s.LastID}
	buf := make([]byte, ioBufferBytes)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			alive()
			if perr := p.feed(buf[:n]); perr != nil {
				return perr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil // an event that was not ended is dropped (WHATWG HTML, 9.2.6)
		}
		if err != nil {
			return &readError{err}
		}
	}
}

// streamParser reads lines that end with CR, LF or both, and gives out an event at each empty line.
type streamParser struct {
	s       *Streaming
	line    []byte
	data    []byte
	name    string
	id      string // of this event; the last one holds on
	begun   bool   // data has come
	tooLong bool
	filled  bool // the line has something, taken or not
	skipLF  bool // the last byte was CR
	started bool // the first line is behind us
}

func (p *streamParser) feed(b []byte) error {
	for len(b) > 0 {
		if p.skipLF {
			p.skipLF = false
			if b[0] == '\n' {
				b = b[1:]
				continue
			}
		}
		i := bytes.IndexAny(b, "\r\n")
		if i < 0 {
			p.add(b)
			return nil
		}
		p.add(b[:i])
		p.skipLF = b[i] == '\r'
		b = b[i+1:]
		if err := p.endLine(); err != nil {
			return err
		}
	}
	return nil
}

// add takes a piece of a line, within the bound.
func (p *streamParser) add(b []byte) {
	p.filled = p.filled || len(b) > 0
	if p.tooLong || len(p.line)+len(p.data)+len(b) > maxStreamEvent {
		p.tooLong, p.line, p.data = true, p.line[:0], p.data[:0]
		return
	}
	p.line = append(p.line, b...)
}

// endLine acts on a whole line.
func (p *streamParser) endLine() error {
	line, filled := p.line, p.filled
	p.line, p.filled = p.line[:0], false
	if !p.started {
		p.started = true
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	switch {
	case !filled:
		return p.dispatch()
	case p.tooLong || len(line) == 0:
		return nil
	}
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "data":
		if p.begun {
			p.data = append(p.data, '\n')
		}
		p.begun = true
		p.data = append(p.data, value...)
	case "event":
		p.name = shorten(string(value), 100)
	case "id":
		if bytes.IndexByte(value, 0) < 0 && len(value) <= 256 && utf8.Valid(value) {
			p.id = string(value)
		}
	case "retry":
		if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
			p.s.Retry = min(time.Duration(ms)*time.Millisecond, longestStreamRetry)
		}
	}
	return nil
}

// dispatch gives an event out. The last event ID counts once its event was taken in.
func (p *streamParser) dispatch() error {
	e := StreamEvent{ID: p.id, Name: p.name, Data: p.data, TooLong: p.tooLong}
	has := p.begun || p.tooLong
	if p.tooLong {
		e.Data = nil
	}
	p.data, p.name, p.begun, p.tooLong = p.data[:0], "", false, false
	p.s.LastID = p.id
	if !has {
		return nil
	}
	return p.s.Event(e)
}

// Wait is how long to wait before a broken stream is opened again: what the BMC asks for, else 1, 2, 4 … 60 s.
func (s *Streaming) Wait(failures int) time.Duration {
	d := min(time.Second<<min(max(failures-1, 0), 6), time.Minute)
	return max(d, s.Retry)
}

package switches

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

const (
	dialTimeout    = 15 * time.Second
	requestTimeout = 60 * time.Second // NVUE answers a whole configuration within some seconds; a loaded one takes longer
	maxAnswer      = 32 << 20         // of a switch with a thousand ports the configuration has about 1 MB
	maxText        = 300              // of a switch's own words in an error
)

// web is one switch's REST interface: basic authentication over verified TLS.
type web struct {
	base string
	ep   Endpoint
	opt  Options
	c    *http.Client
	t    *http.Transport
}

func newWeb(ep Endpoint, opt Options) (*web, error) {
	u, err := url.Parse(ep.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, errors.New("want https://HOST:PORT, without user name")
	}
	dial := ep.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	t := &http.Transport{TLSClientConfig: ep.TLS, DialContext: dial, TLSHandshakeTimeout: dialTimeout, MaxConnsPerHost: 2,
		IdleConnTimeout: 20 * time.Second, DisableCompression: true}
	return &web{base: "https://" + u.Host, ep: ep, opt: opt, t: t, c: &http.Client{Transport: t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

func (w *web) close() error {
	w.t.CloseIdleConnections()
	return nil
}

// answered is an answer that says no.
type answered struct {
	status int
	text   string
}

func (a *answered) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("status %d %s: %s", a.status, http.StatusText(a.status), a.text), ": ")
}

// isStatus tells whether an error is an answer with this status.
func isStatus(err error, status int) bool {
	var a *answered
	return errors.As(err, &a) && a.status == status
}

// do sends one request. out may be nil. Path holds the query.
func (w *web) do(ctx context.Context, method, path string, in, out any) error {
	if err := w.send(ctx, method, path, in, out); err != nil {
		shown, _, _ := strings.Cut(path, "?")
		return fmt.Errorf("%s %s: %w", strings.ToLower(method), shown, err)
	}
	return nil
}

func (w *web) send(ctx context.Context, method, path string, in, out any) error {
	if w.opt.Attempts.Refused(w.ep.URL) {
		return step.Fail(step.Auth, errors.New("the login was refused twice; no third try is made"), "Check the user name and the password reference.")
	}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return step.Fail(step.Internal, err, "")
		}
		body = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, w.base+path, body)
	if err != nil {
		return step.Fail(step.Internal, errors.New("not a valid path"), "")
	}
	user, pass, err := w.ep.Login(ctx)
	if err != nil {
		return err
	}
	req.SetBasicAuth(user, pass)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "metalwright")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := w.c.Do(req)
	if err != nil {
		return unanswered(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return unanswered(ctx, err)
	case len(b) > maxAnswer:
		return step.Fail(step.Rejected, fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20), "")
	}
	w.opt.Attempts.note(w.ep.URL, res.StatusCode == http.StatusUnauthorized)
	if res.StatusCode/100 != 2 {
		return w.refused(res.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(out); err != nil {
		return step.Fail(step.Transient, errors.New("the answer is not the JSON that NVUE gives"), "What answers may be another service, or be starting still.")
	}
	return nil
}

// refused classes an answer that says no, with the switch's own words.
func (w *web) refused(status int, body []byte) error {
	a := &answered{status: status, text: w.opt.Redact(words(body))}
	switch {
	case status == http.StatusUnauthorized:
		return step.Fail(step.Auth, a, "Check the user name and the password reference. No third try is made.")
	case status == http.StatusForbidden:
		return step.Fail(step.Auth, a, "Check the role of the account on the switch: it needs to read and to apply configuration.")
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusConflict:
		return step.Fail(step.Transient, a, "")
	}
	return step.Fail(step.Rejected, a, "")
}

// words is what an error body says (RFC 9457 and NVUE's own issue lists), shortened.
func words(body []byte) string {
	var e struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
		Issue  map[string]struct {
			Message string `json:"message"`
		} `json:"issue"`
	}
	text := ""
	if json.Unmarshal(body, &e) == nil {
		text = e.Detail
		if text == "" {
			text = e.Title
		}
		for _, x := range e.Issue {
			text = strings.TrimSpace(text + " " + x.Message)
		}
	}
	return shortened(text)
}

func shortened(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxText {
		return string(r[:maxText]) + "…"
	}
	return s
}

// unanswered classes a request that got no whole answer.
func unanswered(ctx context.Context, err error) error {
	var f *step.Failure
	if errors.As(err, &f) { // of the certificate
		return f
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return context.Canceled
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" || errors.Is(err, context.DeadlineExceeded) {
		return step.Fail(step.Unreachable, err, "Check the address, the cable and the management network, and that the interface is switched on.")
	}
	return step.Fail(step.Transient, err, "")
}

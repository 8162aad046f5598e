package redfish

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	rootURI          = "/redfish/v1/"                        // DSP0266 6.3
	standardSessions = "/redfish/v1/SessionService/Sessions" // DSP0266 13.3.4.2, used only when the root cannot be read
	maxLogins        = 2                                     // Supermicro locks after 3 (redfish.md 4)
	logoutTime       = 5 * time.Second
	secondLoginWait  = 2 * time.Second // R71: HPE throttles after a failure
	busyLogins       = 4               // 503 without a word on sessions: the BMC is busy, not full
	pointlessRenewal = 20 * time.Second
)

// Attempts counts failed logins by BMC, so that no second Client of the same process makes a third try. The zero value is
// ready; it is safe for concurrent use.
type Attempts struct {
	mu     sync.Mutex
	failed map[string]int
}

func (a *Attempts) fail(host string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		a.failed = map[string]int{}
	}
	a.failed[host]++
	return a.failed[host]
}

func (a *Attempts) count(host string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed[host]
}

// Refused tells whether a BMC has refused as many logins as may be made.
func (a *Attempts) Refused(base string) bool {
	u, err := parseBase(base)
	return err == nil && a.count(hostPort(u)) >= maxLogins
}

// Failed tells how many logins a BMC has refused since the last that worked.
func (a *Attempts) Failed(base string) int {
	u, err := parseBase(base)
	if err != nil {
		return 0
	}
	return a.count(hostPort(u))
}

// Forget clears a BMC's failures: after a login that worked, or when a person changed the credential.
func (a *Attempts) Forget(base string) {
	host := base
	if u, err := parseBase(base); err == nil {
		host = hostPort(u)
	}
	a.mu.Lock()
	delete(a.failed, host)
	a.mu.Unlock()
}

// credential is how requests prove who asks: a session's token, or user name and password where no session could be had.
type credential struct {
	token, uri string
	basic      bool
	user, pass string
	born       time.Time
}

func (a *credential) apply(r *http.Request) {
	switch {
	case a == nil:
	case a.basic:
		r.SetBasicAuth(a.user, a.pass)
	default:
		r.Header.Set("X-Auth-Token", a.token)
	}
}

// renewals guards against a BMC that answers 401 whatever the session is.
type renewals struct {
	mu        sync.Mutex
	pointless int
}

func (r *renewals) note(useless bool) {
	r.mu.Lock()
	if useless {
		r.pointless++
	} else {
		r.pointless = 0
	}
	r.mu.Unlock()
}

func (r *renewals) stop(a *credential) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pointless >= 2 && time.Since(a.born) < pointlessRenewal
}

// authorized sends with the credential, and once more with a new one when the BMC answers 401 (redfish.md 2.2). A 401 comes
// before a request acts, so even a POST may be repeated.
func (c *Client) authorized(ctx context.Context, q call) (a answer, sent bool, err error) {
	for try := 0; ; try++ {
		cred, err := c.credential(ctx)
		if err != nil {
			return answer{}, false, err
		}
		a, sent, err = c.once(ctx, q, cred)
		if err != nil || a.status != http.StatusUnauthorized || cred == nil {
			if err == nil && try > 0 {
				c.renewed.note(false)
			}
			return a, sent, err
		}
		if try > 0 || c.renewed.stop(cred) {
			c.renewed.note(true)
			return a, false, nil
		}
		if err := c.renew(ctx, cred); err != nil {
			return answer{}, false, err
		}
	}
}

// credential gives the one in use, logging in when there is none. It is nil when no login was given.
func (c *Client) credential(ctx context.Context) (*credential, error) {
	if c.closed.Load() {
		return nil, &Error{Kind: Forbidden, Method: "login", URI: c.wire.base.Host, Err: errClosed}
	}
	if a := c.cred.Load(); a != nil || c.opt.Login == nil {
		return a, nil
	}
	if e := c.ended.Load(); e != nil {
		return nil, e
	}
	if err := lock(ctx, c.login); err != nil {
		return nil, err
	}
	defer func() { <-c.login }()
	if a := c.cred.Load(); a != nil {
		return a, nil
	}
	if e := c.ended.Load(); e != nil {
		return nil, e
	}
	a, err := c.logIn(ctx)
	if err != nil {
		return nil, err
	}
	c.cred.Store(a)
	if c.closed.Load() { // closed while we logged in: leave nothing behind
		_ = c.logout(context.WithoutCancel(ctx), c.cred.Swap(nil))
		return nil, &Error{Kind: Forbidden, Method: "login", URI: c.wire.base.Host, Err: errClosed}
	}
	return a, nil
}

// renew drops a credential that the BMC refused, unless another request has done so already.
func (c *Client) renew(ctx context.Context, used *credential) error {
	if err := lock(ctx, c.login); err != nil {
		return err
	}
	defer func() { <-c.login }()
	if c.cred.Load() != used {
		return nil
	}
	c.cred.Store(nil)
	if used.basic {
		return c.refused(ctx, answer{status: http.StatusUnauthorized}, rootURI)
	}
	c.dropSession(ctx, used) // it may be alive: a 401 can also be one resource's own
	return nil
}

// logIn makes a session, or falls back to Basic. It runs under the login lock.
func (c *Client) logIn(ctx context.Context) (*credential, error) {
	uri, err := c.sessionsURI(ctx)
	if err != nil {
		return nil, err
	}
	for busy := 0; ; {
		if n := c.attempts.count(hostPort(c.wire.base)); n >= maxLogins {
			return nil, c.endLogins(uri, answer{status: http.StatusUnauthorized})
		}
		user, pass, err := c.opt.Login(ctx)
		if err != nil {
			return nil, &Error{Kind: Forbidden, Method: "login", URI: c.wire.base.Host, Err: err}
		}
		c.redact.add(pass)
		if uri == "" {
			return c.logInBasic(ctx, user, pass)
		}
		a, sent, err := c.postSession(ctx, uri, user, pass)
		switch {
		case err != nil:
			var e *Error
			if !errors.As(err, &e) || e.Kind != Cut || busy >= 2 {
				return nil, err
			}
			busy++
			_ = sent // a session that was made and whose answer was cut off dies by its own time-out
			continue
		case a.status/100 == 2 && a.header.Get("X-Auth-Token") != "":
			return c.opened(ctx, a), nil
		case a.status/100 == 2, noSessions(a.status), c.sessionsFull(a):
			return c.logInBasic(ctx, user, pass)
		case a.status == http.StatusServiceUnavailable, a.status == http.StatusTooManyRequests, a.status >= 500:
			if busy++; busy > busyLogins {
				return c.logInBasic(ctx, user, pass) // R1: a full table may not say so
			}
			if c.soon(ctx, a, busy) {
				continue
			}
			if err := c.wait(ctx, a, busy); err != nil {
				return nil, c.cancelled(ctx, http.MethodPost, uri)
			}
		case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status == http.StatusBadRequest:
			if err := c.refused(ctx, a, uri); err != nil {
				return nil, err
			}
		default:
			return nil, c.statusError(http.MethodPost, uri, a)
		}
	}
}

func noSessions(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented
}

// sessionsURI follows the root to the Sessions collection. It is "" when the service has none. A BMC that is not there, or
// not to be trusted, is found here, before a password is asked for.
func (c *Client) sessionsURI(ctx context.Context) (string, error) {
	root, err := c.Root(ctx)
	var e *Error
	switch {
	case errors.As(err, &e) && e.Kind == Answered && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden):
		return standardSessions, nil // it wants a login for its root too
	case err != nil:
		return "", err
	}
	link := root.Obj.Link("Links", "Sessions")
	if link == "" {
		if service := root.Obj.Link("SessionService"); service != "" {
			link = strings.TrimRight(service, "/") + "/Sessions"
			if uri, err := c.resolve(rootURI, service); err == nil {
				if a, _, err := c.once(ctx, call{method: http.MethodGet, uri: uri}, nil); err == nil && a.status == http.StatusOK {
					if o, err := decodeObject(a.body); err == nil && o.Link("Sessions") != "" {
						link = o.Link("Sessions")
					}
				}
			}
		}
	}
	if link == "" {
		return "", nil
	}
	return c.resolve(rootURI, link)
}

func (c *Client) postSession(ctx context.Context, uri, user, pass string) (answer, bool, error) {
	body, err := json.Marshal(map[string]string{"UserName": user, "Password": pass})
	if err != nil {
		return answer{}, false, &Error{Kind: Forbidden, Method: "login", URI: uri, Message: "the user name or password cannot be sent"}
	}
	a, sent, err := c.once(ctx, call{method: http.MethodPost, uri: uri, body: body, timeout: writeTimeout}, nil)
	if err == nil && redirected(a.status) { // to the same collection, with or without its slash
		if to, err := c.resolve(uri, a.header.Get("Location")); err == nil && to != uri {
			return c.once(ctx, call{method: http.MethodPost, uri: to, body: body, timeout: writeTimeout}, nil)
		}
	}
	return a, sent, err
}

// opened records a new session and deletes those that an earlier run left behind.
func (c *Client) opened(ctx context.Context, a answer) *credential {
	c.stats.opened.Add(1)
	c.attempts.Forget(c.wire.base.Host)
	cred := &credential{token: a.header.Get("X-Auth-Token"), born: time.Now()}
	c.redact.add(cred.token)
	link := a.header.Get("Location")
	if link == "" {
		if o, err := decodeObject(a.body); err == nil {
			link = o.ODataID()
		}
	}
	if uri, err := c.resolve(rootURI, link); err == nil {
		cred.uri = uri
	}
	told := func(stale []string) {
		if c.opt.Opened != nil && cred.uri != "" {
			c.opt.Opened(cred.uri, stale)
		}
	}
	told(c.opt.StaleSessions)
	for _, s := range c.opt.StaleSessions {
		if uri, err := c.resolve(rootURI, s); err == nil && uri != cred.uri {
			_, _, _ = c.once(ctx, call{method: http.MethodDelete, uri: uri, timeout: logoutTime}, cred)
		}
	}
	if len(c.opt.StaleSessions) > 0 {
		c.opt.StaleSessions = nil
		told(nil)
	}
	return cred
}

// sessionsFull tells whether the answer says that no session is free (R1).
func (c *Client) sessionsFull(a answer) bool {
	if a.status < 400 {
		return false
	}
	o, err := decodeObject(a.body)
	if err != nil {
		return false
	}
	for _, m := range Messages(o) {
		id := strings.ToLower(m.ID[strings.LastIndexByte(m.ID, '.')+1:])
		text := strings.ToLower(m.Text)
		if id == "sessionlimitexceeded" || id == "rac0218" || id == "maxsessionsreached" ||
			strings.Contains(text, "number of simultaneous sessions") || strings.Contains(text, "maximum number of user sessions") {
			return true
		}
	}
	return false
}

// logInBasic checks user name and password with one read before others use them, so that a wrong password costs one
// failure and not one a request in flight.
func (c *Client) logInBasic(ctx context.Context, user, pass string) (*credential, error) {
	cred := &credential{basic: true, user: user, pass: pass, born: time.Now()}
	uri := standardSessions
	if root := c.root.Load(); root != nil {
		for _, k := range []string{"Managers", "Chassis", "Systems", "SessionService"} {
			if l := root.Obj.Link(k); l != "" {
				uri = l
				break
			}
		}
	}
	uri, err := c.resolve(rootURI, uri)
	if err != nil {
		uri = standardSessions
	}
	for busy := 1; ; busy++ {
		a, _, err := c.once(ctx, call{method: http.MethodGet, uri: uri}, cred)
		switch {
		case err != nil:
			var e *Error
			if !errors.As(err, &e) || e.Kind != Cut || busy > busyLogins {
				return nil, err
			}
		case a.status == http.StatusUnauthorized:
			if err := c.refused(ctx, a, uri); err != nil {
				return nil, err
			}
			if c.attempts.count(hostPort(c.wire.base)) >= maxLogins {
				return nil, c.endLogins(uri, a)
			}
		case a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests:
			if busy > busyLogins {
				return nil, c.statusError(http.MethodGet, uri, a)
			}
			if err := c.wait(ctx, a, busy); err != nil {
				return nil, c.cancelled(ctx, http.MethodGet, uri)
			}
		default:
			c.attempts.Forget(c.wire.base.Host)
			return cred, nil
		}
	}
}

// refused counts a refused login. It returns nil when one more may be made, after a wait.
func (c *Client) refused(ctx context.Context, a answer, uri string) error {
	e := c.statusError(http.MethodPost, uri, a)
	if e.hasMessage("PasswordChangeRequired") {
		return e // R68: the password is right
	}
	if c.attempts.fail(hostPort(c.wire.base)) >= maxLogins {
		return c.endLogins(uri, a)
	}
	wait := secondLoginWait
	if q := c.quirks.Load(); q != nil && q.Does(SlowRelogin) {
		wait = 10 * time.Second
	}
	if err := sleep(ctx, wait); err != nil {
		return c.cancelled(ctx, http.MethodPost, uri)
	}
	return nil
}

// endLogins makes the failure final for this Client.
func (c *Client) endLogins(uri string, a answer) error {
	e := c.statusError(http.MethodPost, uri, a)
	e.Kind = LoginRefused
	if e.Message == "" {
		e.Message = "user name or password refused twice"
	}
	c.ended.Store(e)
	return e
}

// logout deletes the session. A session that is gone already counts as closed.
func (c *Client) logout(ctx context.Context, a *credential) error {
	if a == nil || a.uri == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, logoutTime)
	defer cancel()
	var err error
	for range 4 { // a session that is left behind takes a place from everybody (R67)
		var ans answer
		ans, _, err = c.once(ctx, call{method: http.MethodDelete, uri: a.uri, timeout: logoutTime}, a)
		if err == nil && (ans.status/100 == 2 || ans.status == http.StatusNotFound || ans.status == http.StatusUnauthorized) {
			c.stats.closed.Add(1)
			return nil
		}
		if err == nil {
			err = c.statusError(http.MethodDelete, a.uri, ans)
		}
	}
	return err
}

func (c *Client) dropSession(ctx context.Context, a *credential) {
	_ = c.logout(context.WithoutCancel(ctx), a) // best effort: what is left dies by its own time-out
}

func (c *Client) cancelled(ctx context.Context, method, uri string) error {
	return &Error{Kind: Cancelled, Method: method, URI: uri, Err: context.Cause(ctx)}
}

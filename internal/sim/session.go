package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// session is one log-in that holds a slot.
type session struct {
	id    string
	token string
	user  string
	last  time.Time
}

// expireSessions drops what was idle for longer than SessionTimeout.
func (b *BMC) expireSessions() {
	kept := b.sessions[:0]
	for _, s := range b.sessions {
		if b.now.Sub(s.last) < b.sessionTimeout() || b.faults.live["R67"] != nil {
			kept = append(kept, s)
		}
	}
	b.sessions = kept
}

// admit lets a request in, or says why not.
func (b *BMC) admit(c *call, rt *route) *answer {
	b.expireSessions()
	if rt != nil && rt.open && (c.method == http.MethodGet || c.method == http.MethodHead) {
		return nil
	}
	if c.method == http.MethodPost && strings.EqualFold(c.path, sessionsURI) {
		return nil // judged by login
	}
	if token := c.header.Get("X-Auth-Token"); token != "" {
		for _, s := range b.sessions {
			if s.token == token {
				s.last = b.now
				return b.restricted(c, s.user)
			}
		}
		return b.unauthorized("the token is not valid")
	}
	user, pass, given := basicAuth(c.header)
	if !given {
		return b.unauthorized("no credential was sent")
	}
	c.basic = true
	if !b.check(user, pass) {
		return b.unauthorized("wrong user name or password")
	}
	return b.restricted(c, user)
}

func basicAuth(h http.Header) (user, pass string, given bool) {
	return (&http.Request{Header: h}).BasicAuth()
}

func (b *BMC) unauthorized(why string) *answer {
	a := b.challenge(b.msg("NoValidSession"))
	a.fired = why
	return a
}

// challenge is a 401, which says how to log in (RFC 9110 §11.6.1).
func (b *BMC) challenge(m obj) *answer {
	a := b.fail(http.StatusUnauthorized, m)
	a.header["WWW-Authenticate"] = fmt.Sprintf("Basic realm=%q", b.dia.server)
	return a
}

// sessionsURI is spelled alike by all recorded vendors.
const sessionsURI = "/redfish/v1/SessionService/Sessions"

func sessionRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	add(b, m, "/redfish/v1/SessionService", &route{get: func(c *call) obj {
		return obj{"@odata.type": d.typ("SessionService"), "Id": "SessionService", "Name": "Session Service", "ServiceEnabled": true,
			"SessionTimeout": d.sessionTimeoutS, "Status": enabled(), "Sessions": ref(sessionsURI)}
	}})
	add(b, m, sessionsURI, &route{
		get: func(c *call) obj {
			var ids []string
			for _, s := range b.sessions {
				ids = append(ids, sessionsURI+"/"+s.id)
			}
			return collection("SessionCollection.SessionCollection", "Session Collection", ids)
		},
		post: login,
	})
	add(b, m, sessionsURI+"/*", &route{
		get: func(c *call) obj {
			for _, s := range b.sessions {
				if s.id == c.vars[0] {
					return s.resource(d)
				}
			}
			return nil
		},
		del: logout,
	})
}

func (s *session) resource(d *dialect) obj {
	return obj{"@odata.id": sessionsURI + "/" + s.id, "@odata.type": d.typ("Session"), "Id": s.id, "Name": "User Session",
		"UserName": s.user}
}

func login(c *call) *answer {
	b := c.b
	user, _ := c.body["UserName"].(string)
	pass, _ := c.body["Password"].(string)
	for _, p := range []string{"UserName", "Password"} {
		if _, ok := c.body[p].(string); !ok {
			return b.fail(http.StatusBadRequest, b.msg("PropertyMissing", p))
		}
	}
	if !b.check(user, pass) {
		return b.challenge(b.msg("ResourceAtUriUnauthorized", sessionsURI, "wrong user name or password"))
	}
	if b.faults.fire("R73", c) || b.faults.sulks(c) { // 401 with the right password
		return b.challenge(b.msg("ResourceAtUriUnauthorized", sessionsURI, "busy"))
	}
	if len(b.sessions) >= b.dia.sessionLimit || b.faults.fire("R1", c) || b.faults.fire("sessions-full", c) {
		return b.sessionsFull()
	}
	n := b.id("session", 1)
	rnd := b.rack.chance(b.name, "token/"+strconv.Itoa(n))
	s := &session{id: strconv.Itoa(n), user: user, last: b.now, token: fmt.Sprintf("%016x%016x", rnd.Uint64(), rnd.Uint64())}
	b.sessions = append(b.sessions, s)
	b.led.SessionsOpened++
	return &answer{status: http.StatusCreated, body: s.resource(b.dia),
		header: map[string]string{"X-Auth-Token": s.token, "Location": sessionsURI + "/" + s.id}}
}

// sessionsFull is what a BMC without a free slot says (R1 on Dell).
func (b *BMC) sessionsFull() *answer {
	m := b.msg("SessionLimitExceeded")
	if b.dia.name == dialectIDRAC {
		m = b.msg("RAC0218")
	}
	return b.fail(http.StatusServiceUnavailable, m)
}

func logout(c *call) *answer {
	b := c.b
	for i, s := range b.sessions {
		if s.id == c.vars[0] {
			b.sessions = append(b.sessions[:i], b.sessions[i+1:]...)
			b.led.SessionsClosed++
			return b.done()
		}
	}
	return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
}

// shortestSession is how long a session lasts at least: a client's requests take real time, however fast minutes pass here.
const shortestSession = 3 * time.Second

func (b *BMC) sessionTimeout() time.Duration {
	d := time.Duration(b.dia.sessionTimeoutS) * time.Second
	return max(b.rack.scaled(d), min(d, shortestSession))
}

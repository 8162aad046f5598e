package recorded

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
)

// isSessions tells whether a URI is where sessions are made.
func (s *Server) isSessions(uri string) bool {
	f := fold(uri)
	own := fold(s.tree.index.sessions)
	return f == own || f == own+"/members" || f == rootPath+"/sessionservice/sessions"
}

// authorised checks X-Auth-Token or Basic, and answers 401 itself when neither is good.
func (s *Server) authorised(w http.ResponseWriter, r *http.Request) bool {
	if s.opt.User == "" {
		return true
	}
	if token := r.Header.Get("X-Auth-Token"); token != "" {
		s.mu.Lock()
		_, ok := s.sessions[token]
		s.mu.Unlock()
		if ok {
			return true
		}
	} else if user, pass, has := r.BasicAuth(); has {
		if s.isLogin(user, pass) {
			return true
		}
		s.mu.Lock()
		s.counts.FailedLogins++
		s.mu.Unlock()
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="recorded BMC"`)
	fail(w, http.StatusUnauthorized, "NoValidSession", "There is no valid session established with the implementation.")
	return false
}

func (s *Server) isLogin(user, pass string) bool {
	u := subtle.ConstantTimeCompare([]byte(user), []byte(s.opt.User))
	p := subtle.ConstantTimeCompare([]byte(pass), []byte(s.opt.Password))
	return u&p == 1
}

func (s *Server) login(w http.ResponseWriter, body map[string]any) {
	user, _ := body["UserName"].(string)
	pass, _ := body["Password"].(string)
	s.mu.Lock()
	if s.opt.User != "" && !s.isLogin(user, pass) {
		s.counts.FailedLogins++
		s.mu.Unlock()
		fail(w, http.StatusUnauthorized, "NoValidSession", "There is no valid session established with the implementation.")
		return
	}
	if len(s.sessions) >= s.opt.MaxSessions {
		s.mu.Unlock()
		w.Header().Set("Retry-After", "30")
		fail(w, http.StatusServiceUnavailable, "SessionLimitExceeded", "The session establishment failed due to the "+
			"number of simultaneous sessions exceeding the limit of the implementation.")
		return
	}
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // crypto/rand never fails since Go 1.24
	token := hex.EncodeToString(raw[:])
	obj := map[string]any{"@odata.type": "#Session.v1_3_0.Session", "Name": "User Session", "UserName": user}
	uri := s.add(s.tree.index.sessions, s.nextID(s.tree.index.sessions), obj)
	s.sessions[token] = uri
	s.counts.SessionsOpened++
	out := clone(obj)
	s.mu.Unlock()
	w.Header().Set("Location", uri)
	w.Header().Set("X-Auth-Token", token)
	writeJSON(w, http.StatusCreated, out)
}

// closeSession ends the session at key; false when it is none that was opened here.
func (s *Server) closeSession(key string) bool {
	for token, uri := range s.sessions {
		if samePath(uri, key) {
			delete(s.sessions, token)
			s.counts.SessionsClosed++
			s.drop(uri)
			return true
		}
	}
	return false
}

package recorded

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// defaultSessions is how many sessions are open at once when Options does not say: what several BMCs allow.
const defaultSessions = 8

// Options sets how a tree is served. With an empty User nobody is asked who they are.
type Options struct {
	User        string
	Password    string
	MaxSessions int              // 0 = 8; the next login answers 503
	CollapseTwo bool             // treat // in a path as /; off, because what a real iLO answers there is unverified
	Now         func() time.Time // nil = time.Now
}

// Server answers for one BMC. It is an http.Handler, safe for concurrent use; its changes die with it.
type Server struct {
	tree *Tree
	opt  Options

	mu       sync.Mutex
	changed  map[string]map[string]any // resources that were written or created, by URI
	names    map[string]string         // lower case URI to URI, of created ones
	removed  map[string]bool
	pending  map[string]map[string]any // by owner: what a settings object holds and the next boot applies
	sessions map[string]string         // token to session URI
	tasks    map[string]int            // task URI to times it was looked at
	serial   int
	counts   Counts
}

// Counts is what a server was asked.
type Counts struct {
	Requests, Writes, SessionsOpened, SessionsClosed, FailedLogins int
}

// NewServer makes a handler that serves t. The tree may be shared by any number of servers.
func NewServer(t *Tree, opt Options) *Server {
	if opt.MaxSessions <= 0 {
		opt.MaxSessions = defaultSessions
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Server{tree: t, opt: opt, changed: map[string]map[string]any{}, names: map[string]string{},
		removed: map[string]bool{}, pending: map[string]map[string]any{}, sessions: map[string]string{}, tasks: map[string]int{}}
}

// Counts gives what was asked so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// OpenSessions gives the number of sessions that were opened here and not closed.
func (s *Server) OpenSessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.counts.Requests++
	s.mu.Unlock()
	w.Header().Set("OData-Version", "4.0")
	w.Header().Set("Cache-Control", "no-cache")
	uri := r.URL.Path
	if s.opt.CollapseTwo {
		for strings.Contains(uri, "//") {
			uri = strings.ReplaceAll(uri, "//", "/")
		}
	}
	login := r.Method == http.MethodPost && s.isSessions(uri)
	if !login && !open(uri) && !s.authorised(w, r) {
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		s.get(w, r, uri)
	case http.MethodPost:
		s.post(w, r, uri)
	case http.MethodPatch:
		s.patch(w, r, uri)
	case http.MethodDelete:
		s.delete(w, uri)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST, PATCH, DELETE")
		fail(w, http.StatusMethodNotAllowed, "OperationNotAllowed", "The HTTP method is not allowed on this resource.")
	}
}

// open tells whether a URI may be read without a session (DSP0266 13.2.2).
func open(uri string) bool {
	switch fold(uri) {
	case "/redfish", rootPath, rootPath + "/odata", rootPath + "/$metadata":
		return true
	}
	return false
}

func (s *Server) get(w http.ResponseWriter, r *http.Request, uri string) {
	if fold(uri) == "/redfish" {
		writeJSON(w, http.StatusOK, map[string]any{"v1": rootPath + "/"})
		return
	}
	s.mu.Lock()
	key, ok := s.find(uri, r.URL.RawQuery)
	if !ok {
		s.mu.Unlock()
		missing(w, uri)
		return
	}
	s.lookAtTask(key)
	body, etag, xml := s.bytesOf(key)
	expand := r.URL.Query().Get("$expand")
	mode, levels := s.tree.index.expand.parse(expand)
	if mode != 0 {
		if obj := s.object(key); obj != nil {
			body, _ = json.Marshal(s.expanded(obj, mode, levels)) // decoded JSON always encodes
			etag = ""                                             // the tag is the collection's own, not that of its members
		}
	}
	s.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if xml {
		h.Set("Content-Type", "application/xml")
	}
	if etag != "" {
		h.Set("ETag", etag)
		if m := r.Header.Get("If-None-Match"); m != "" && tagMatches(m, etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // a client that went away is no error of ours
	}
}

// find gives the key of a URI and query: a page is a resource of that very name, and one that was not recorded is missing,
// because answering it with the first page makes a client loop for ever.
func (s *Server) find(uri, query string) (string, bool) {
	if q, err := url.QueryUnescape(query); err == nil && strings.Contains(q, "$skip=") {
		if key, ok := s.findName(strings.TrimSuffix(uri, "/") + "?" + q); ok {
			return key, true
		}
		if v, _ := url.ParseQuery(query); v.Get("$skip") != "0" {
			return "", false
		}
	}
	return s.findName(uri)
}

func (s *Server) findName(uri string) (string, bool) {
	if k, ok := s.names[fold(uri)]; ok && !s.removed[k] {
		return k, true
	}
	k, ok := s.tree.find(uri)
	return k, ok && !s.removed[k]
}

// object gives the present value of a resource; it must not be changed.
func (s *Server) object(key string) map[string]any {
	if o, ok := s.changed[key]; ok {
		return o
	}
	if r := s.tree.res[key]; r != nil {
		return r.obj
	}
	return nil
}

// edit gives a copy of a resource that may be changed; done must be called with it afterwards.
func (s *Server) edit(key string) map[string]any {
	if o, ok := s.changed[key]; ok {
		return o
	}
	o := map[string]any{}
	if r := s.tree.res[key]; r != nil && r.obj != nil {
		o = clone(r.obj).(map[string]any)
	}
	s.changed[key] = o
	return o
}

// touch renews the tag that a changed resource carries in its body.
func (s *Server) touch(key string) {
	o := s.changed[key]
	if _, has := o["@odata.etag"]; has {
		delete(o, "@odata.etag")
		b, _ := json.Marshal(o) // decoded JSON always encodes
		o["@odata.etag"] = hashTag(b)
	}
}

// bytesOf gives body and ETag: the recording's @odata.etag where there is one, else a hash of the body.
func (s *Server) bytesOf(key string) (body []byte, etag string, xml bool) {
	r := s.tree.res[key]
	obj := s.object(key)
	if _, own := s.changed[key]; own {
		body, _ = json.Marshal(obj) // decoded JSON always encodes
	} else {
		body, xml = r.raw, r.xml
	}
	if t, _ := obj["@odata.etag"].(string); t != "" {
		if !strings.HasSuffix(t, `"`) {
			t = `"` + t + `"`
		}
		return body, t, xml
	}
	return body, hashTag(body), xml
}

func hashTag(b []byte) string {
	h := sha256.Sum256(b)
	return `W/"` + hex.EncodeToString(h[:6]) + `"`
}

// tagMatches compares weakly: W/, quotes and a -gzip suffix do not count.
func tagMatches(header, etag string) bool {
	norm := func(t string) string {
		return strings.TrimSuffix(strings.Trim(strings.TrimPrefix(strings.TrimSpace(t), "W/"), `"`), "-gzip")
	}
	for _, t := range strings.Split(header, ",") {
		if strings.TrimSpace(t) == "*" || norm(t) == norm(etag) {
			return true
		}
	}
	return false
}

// add creates a member of a collection and gives its URI.
func (s *Server) add(collection, id string, obj map[string]any) string {
	col := strings.TrimSuffix(collection, "/")
	if k, ok := s.findName(col); ok {
		col = k
	}
	uri := col + "/" + id
	obj["@odata.id"], obj["Id"] = uri, id
	s.changed[uri] = obj
	s.names[fold(uri)] = uri
	delete(s.removed, uri)
	c := s.edit(col)
	s.names[fold(col)] = col
	if c["@odata.id"] == nil {
		c["@odata.id"], c["Name"] = col, "Collection"
	}
	list, _ := c["Members"].([]any)
	c["Members"] = append(list, map[string]any{"@odata.id": uri})
	c["Members@odata.count"] = len(list) + 1
	s.touch(col)
	return uri
}

// drop removes a resource and its entry in the collection above it.
func (s *Server) drop(key string) {
	s.removed[key] = true
	delete(s.changed, key)
	i := strings.LastIndexByte(key, '/')
	col, ok := s.findName(key[:i])
	if !ok {
		return
	}
	c := s.edit(col)
	list, _ := c["Members"].([]any)
	kept := []any{}
	for _, m := range list {
		if mm, ok := m.(map[string]any); ok {
			if id, _ := mm["@odata.id"].(string); samePath(id, key) {
				continue
			}
		}
		kept = append(kept, m)
	}
	c["Members"], c["Members@odata.count"] = kept, len(kept)
	s.touch(col)
}

// nextID gives a number that no member of the collection has.
func (s *Server) nextID(collection string) string {
	for {
		s.serial++
		id := strconv.Itoa(s.serial)
		if _, taken := s.findName(strings.TrimSuffix(collection, "/") + "/" + id); !taken {
			return id
		}
	}
}

func clone(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := maps.Clone(x)
		for k, e := range out {
			out[k] = clone(e)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = clone(x[i])
		}
		return out
	default:
		return v
	}
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("metalwright: internal error: encode answer: %v. This is a bug in Metalwright.", err))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(code)
	_, _ = w.Write(b) // a client that went away is no error of ours
}

// fail writes a Redfish error response (DSP0266 8.6) with one message of the Base registry.
func fail(w http.ResponseWriter, code int, id, text string, args ...string) {
	id = "Base.1.8." + id
	writeJSON(w, code, map[string]any{"error": map[string]any{
		"code": id, "message": text,
		"@Message.ExtendedInfo": []any{map[string]any{
			"@odata.type": "#Message.v1_1_1.Message", "MessageId": id, "Message": text, "MessageArgs": args,
			"MessageSeverity": "Critical", "Resolution": "None.",
		}},
	}})
}

func missing(w http.ResponseWriter, uri string) {
	fail(w, http.StatusNotFound, "ResourceMissingAtURI", "The resource at the URI "+uri+" was not found.", uri)
}

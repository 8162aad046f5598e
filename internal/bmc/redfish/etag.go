package redfish

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// tagOf gives the tag of a resource: of the header, else of the body. An empty one is none (R5).
func tagOf(h http.Header, o Object) string {
	for _, t := range []string{h.Get("ETag"), o.Str("@odata.etag")} {
		if t = strings.TrimSpace(t); bare(t) != "" {
			return t
		}
	}
	return ""
}

// tagForm is one way to spell a tag (R4, R6). What a BMC took once is tried first from then on.
type tagForm uint8

const (
	asGiven tagForm = iota // the ETag header, or what the caller read
	ofBody                 // @odata.etag
	strong                 // without W/
	noQuotes
	noGzip // without the suffix that some servers add when they compress
	tagForms
)

func (f tagForm) of(given, body string) string {
	if bare(given) == "" {
		given = body
	}
	switch f {
	case ofBody:
		return body
	case strong:
		return strings.TrimPrefix(given, "W/")
	case noQuotes:
		return bare(given)
	case noGzip:
		return strings.Replace(strings.TrimPrefix(given, "W/"), `-gzip"`, `"`, 1)
	}
	return given
}

func bare(tag string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
}

// etagState remembers how this BMC wants If-Match.
type etagState struct {
	mu       sync.Mutex
	required bool // it answered 428 once (R2)
	form     tagForm
}

func (s *etagState) wants() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.required
}

func (s *etagState) require() {
	s.mu.Lock()
	s.required = true
	s.mu.Unlock()
}

func (s *etagState) took(f tagForm) {
	s.mu.Lock()
	s.form = f
	s.mu.Unlock()
}

// forms lists the spellings to try, the one that worked last first.
func (s *etagState) forms() []tagForm {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []tagForm{s.form}
	for f := range tagForms {
		if f != s.form {
			out = append(out, f)
		}
	}
	return out
}

// matcher walks the spellings of the tag of one write. Each spelling is sent once, and at last none.
type matcher struct {
	state       *etagState
	forms       []tagForm
	given, body string
	sent        []string
	current     tagForm
	value       string // If-Match to send; "" = none
}

func (m *matcher) start(given, body string) {
	m.given, m.body = given, body
	m.next()
}

// next moves on; false when every spelling and none at all were tried.
func (m *matcher) next() bool {
	for len(m.forms) > 0 {
		f := m.forms[0]
		m.forms = m.forms[1:]
		if v := f.of(m.given, m.body); bare(v) != "" && !slices.Contains(m.sent, v) {
			m.sent, m.current, m.value = append(m.sent, v), f, v
			return true
		}
	}
	last := m.value != ""
	m.value = ""
	return last
}

// refresh takes the tags of a new read; spellings that were refused are not tried again, even for a new tag.
func (m *matcher) refresh(r *Resource, header string) {
	m.given, m.body = header, r.Obj.Str("@odata.etag")
	if m.given == "" {
		m.given = r.ETag
	}
}

package redfish

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

const (
	maxPages    = 1000 // a loop that never repeats a link ends here
	readWorkers = 8    // goroutines that read members; the limiter decides how many are on the wire
)

// Problem is one member, or one page, that could not be read.
type Problem struct {
	URI string
	Err error
}

// Members reads all members of a collection, in the order listed: every page (R108), each member once, null members as none
// (R41). Where the BMC announces $expand and no quirk forbids it, one request brings them all; what such an answer lacks is
// read singly (R40). The error is about the collection itself; a member that cannot be read is a Problem.
func (c *Client) Members(ctx context.Context, collection string) ([]*Resource, []Problem, error) {
	l, err := c.list(ctx, collection)
	if err != nil {
		return nil, nil, err
	}
	var missing []string
	for _, e := range l.entries {
		if e.res == nil {
			missing = append(missing, e.uri)
		}
	}
	got, problems := c.GetAll(ctx, missing)
	out, next := make([]*Resource, 0, len(l.entries)), 0
	for _, e := range l.entries {
		r := e.res
		if r == nil {
			r = got[next]
			next++
		}
		if r != nil {
			out = append(out, r)
		}
	}
	return out, append(l.problems, problems...), nil
}

// MemberURIs lists the members of a collection without reading them.
func (c *Client) MemberURIs(ctx context.Context, collection string) ([]string, []Problem, error) {
	l := listing{seen: map[string]int{}}
	if err := c.pages(ctx, collection, &l); err != nil {
		return nil, nil, err
	}
	out := make([]string, len(l.entries))
	for i, e := range l.entries {
		out[i] = e.uri
	}
	return out, l.problems, nil
}

// GetAll reads several resources side by side. The result has one place for each URI, nil where it could not be read. When
// the BMC as a whole is out of reach, the rest is not tried.
func (c *Client) GetAll(ctx context.Context, uris []string) ([]*Resource, []Problem) {
	out, errs := make([]*Resource, len(uris)), make([]error, len(uris))
	var mu sync.Mutex
	var fatal error
	next := 0
	take := func() (int, error) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, fatal
	}
	work := func() {
		for {
			i, stop := take()
			if i >= len(uris) {
				return
			}
			if errs[i] = stop; stop != nil {
				continue
			}
			out[i], errs[i] = c.Get(ctx, uris[i])
			if endsAll(errs[i]) {
				mu.Lock()
				fatal = errs[i]
				mu.Unlock()
			}
		}
	}
	if len(uris) == 1 {
		work()
	} else {
		var wg sync.WaitGroup
		for range min(readWorkers, len(uris)) {
			wg.Go(work)
		}
		wg.Wait()
	}
	var problems []Problem
	for i, err := range errs {
		if err != nil {
			problems = append(problems, Problem{URI: uris[i], Err: err})
		}
	}
	return out, problems
}

// endsAll tells whether the error is about the BMC and not about one resource.
func endsAll(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case Unreachable, Untrusted, LoginRefused, Cancelled, Forbidden:
		return true
	}
	return false
}

// listing is what a collection says of its members.
type listing struct {
	entries  []entry
	seen     map[string]int // Key → place in entries
	problems []Problem
	count    int64 // Members@odata.count, 0 = not told
	expanded bool
	unnamed  bool // an expanded member without @odata.id (R43): the plain list must tell
}

type entry struct {
	uri string
	res *Resource // nil: to be read singly
}

func (c *Client) list(ctx context.Context, collection string) (*listing, error) {
	query, ok := c.expandQuery(ctx)
	if ok && !strings.Contains(collection, "?") {
		l := &listing{seen: map[string]int{}, expanded: true}
		start := time.Now()
		err := c.pages(ctx, strings.TrimRight(collection, "/")+query, l)
		took := time.Since(start)
		limit, _ := c.limit.now()
		switch {
		case err == nil:
			c.expand.timed(took, len(l.entries), limit)
			if l.unnamed {
				c.expand.forbid()
				break
			}
			if l.count > int64(len(l.entries)) {
				return l, c.pages(ctx, collection, l) // fewer than announced: the plain list names the rest
			}
			return l, c.sample(ctx, l)
		case IsCancelled(err), endsAll(err), IsNotFound(err), IsAuth(err):
			return nil, err
		default:
			c.expand.failed(err)
		}
	}
	l := &listing{seen: map[string]int{}}
	return l, c.pages(ctx, collection, l)
}

// pages walks a collection and its nextLinks into l. A page after the first that cannot be read is a Problem.
func (c *Client) pages(ctx context.Context, uri string, l *listing) error {
	walked := map[string]bool{}
	for n := 0; uri != "" && n < maxPages; n++ {
		if walked[Key(uri)] {
			return nil // R108: a loop
		}
		walked[Key(uri)] = true
		r, err := c.get(ctx, uri, call{speed: !strings.Contains(uri, "$expand")})
		if err != nil {
			if n == 0 {
				return err
			}
			l.problems = append(l.problems, Problem{URI: uri, Err: err})
			return nil
		}
		if n == 0 {
			if err := c.collectionError(r, l.expanded); err != nil {
				return err
			}
		}
		l.add(r, c)
		next := r.Obj.Str("Members@odata.nextLink")
		if next == "" {
			next = r.Obj.Str("@odata.nextLink")
		}
		if next == "" {
			return nil
		}
		if uri, err = c.resolve(uri, next); err != nil {
			l.problems = append(l.problems, Problem{URI: next, Err: err})
			return nil
		}
	}
	return nil
}

// collectionError refuses what is no collection, and an expanded one that carries an error annotation: what it holds may be
// partial.
func (c *Client) collectionError(r *Resource, expanded bool) error {
	switch v, there := r.Obj["Members"]; {
	case !there && strings.Contains(r.Obj.Str("@odata.type"), "Collection"): // an empty one of a DGX H100
	case !there:
		return &Error{Kind: Malformed, Method: "GET", URI: r.URI, Status: 200, Message: "the answer is no collection: it has no Members"}
	case v == nil: // R41
	default:
		if _, ok := v.([]any); !ok {
			return &Error{Kind: Malformed, Method: "GET", URI: r.URI, Status: 200, Message: "the collection has no list of members"}
		}
	}
	if !expanded {
		return nil
	}
	for _, k := range []string{"@Message.ExtendedInfo", "Members@Message.ExtendedInfo"} {
		for _, m := range Messages(Object{"@Message.ExtendedInfo": r.Obj[k]}) {
			if !m.IsSuccess() {
				return &Error{Kind: Answered, Method: "GET", URI: r.URI, Status: 200, MessageIDs: []string{m.ID}, Message: c.clean(m.Text)}
			}
		}
	}
	return nil
}

func (l *listing) add(r *Resource, c *Client) {
	if n, ok := r.Obj.Int("Members@odata.count"); ok {
		l.count = max(l.count, n)
	}
	for _, m := range r.Obj.Objs("Members") {
		link := m.Link()
		uri, err := c.resolve(rootURI, link)
		switch {
		case link == "" && l.expanded:
			l.unnamed = true
			continue
		case err != nil:
			l.problems = append(l.problems, Problem{URI: shorten(link, 200), Err: err})
			continue
		}
		k := Key(uri)
		i, dup := l.seen[k]
		if dup && l.entries[i].res != nil {
			continue
		}
		e := entry{uri: uri}
		if whole(m) {
			e.res = &Resource{URI: uri, Obj: m, ETag: tagOf(nil, m)}
		}
		if dup {
			if e.res != nil {
				l.entries[i] = e
			}
			continue
		}
		l.seen[k] = len(l.entries)
		l.entries = append(l.entries, e)
	}
}

// whole tells whether an expanded member is the resource itself: not a reference, typed, without an error of its own.
func whole(m Object) bool {
	if m.isReference() || m.Str("@odata.type") == "" || !m.Has("Id") {
		return false
	}
	for _, x := range Messages(Object{"@Message.ExtendedInfo": m["@Message.ExtendedInfo"], "error": m["error"]}) {
		if !x.IsSuccess() {
			return false
		}
	}
	return true
}

// expandState is what was learnt about $expand on this BMC.
type expandState struct {
	mu      sync.Mutex
	off     bool
	fails   int
	slow    int
	sampled int           // expanded answers that were held against a plain read
	single  time.Duration // moving average of plain reads
}

// expandQuery gives the query that inlines the members, when the service announces it (DSP0266 7.3.2).
func (c *Client) expandQuery(ctx context.Context) (string, bool) {
	c.expand.mu.Lock()
	off := c.expand.off
	c.expand.mu.Unlock()
	if q := c.quirks.Load(); off || q != nil && q.Does(NoExpand) {
		return "", false
	}
	root, err := c.Root(ctx)
	if err != nil {
		return "", false
	}
	e := root.Obj.Obj("ProtocolFeaturesSupported", "ExpandQuery")
	if no, _ := e.Bool("NoLinks"); !no {
		return "", false
	}
	if levels, _ := e.Bool("Levels"); levels {
		return "?$expand=.($levels=1)", true
	}
	return "?$expand=.", true
}

// timed compares an expanded read with what the members would have cost singly.
func (s *expandState) timed(took time.Duration, n, limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.single == 0 || n < 2 {
		return
	}
	singly := s.single * time.Duration(1+(n+limit-1)/max(limit, 1))
	if took > time.Second && took > singly*3/2 {
		if s.slow++; s.slow >= 2 {
			s.off = true
		}
	} else {
		s.slow = 0
	}
}

func (s *expandState) plain(took time.Duration) {
	s.mu.Lock()
	if s.single == 0 {
		s.single = took
	} else {
		s.single = (3*s.single + took) / 4
	}
	s.mu.Unlock()
}

// samples is how many expanded answers of a BMC are held against a plain read: one alone may be of a kind that has none of the
// properties that this BMC drops.
const samples = 3

// takeSample tells whether the next expanded answer is to be sampled.
func (s *expandState) takeSample() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sampled >= samples {
		return false
	}
	s.sampled++
	return true
}

func (s *expandState) redo() {
	s.mu.Lock()
	s.sampled--
	s.mu.Unlock()
}

// failed counts refusals; a second one, or a deadline, ends the use of $expand on this BMC.
func (s *expandState) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var e *Error
	s.fails++
	if s.fails >= 2 || errors.As(err, &e) && e.Kind == TimedOut {
		s.off = true
	}
}

func (s *expandState) forbid() {
	s.mu.Lock()
	s.off = true
	s.mu.Unlock()
}

// sample reads the richest member of an expanded collection singly and compares the properties: some BMCs drop fields when
// they expand (R40). If so, all members are read singly and $expand is not used again.
func (c *Client) sample(ctx context.Context, l *listing) error {
	i := -1
	for j := range l.entries {
		if r := l.entries[j].res; r != nil && (i < 0 || len(r.Obj) > len(l.entries[i].res.Obj)) {
			i = j
		}
	}
	if i < 0 || !c.expand.takeSample() {
		return nil
	}
	e := &l.entries[i]
	if c.later(ctx, e.uri, e.res.Obj) {
		return nil
	}
	r, err := c.Get(ctx, e.uri)
	if err != nil {
		if endsAll(err) {
			return err
		}
		c.expand.redo() // not held against anything yet: the next expanded answer is
		return nil
	}
	if drops(e.res.Obj, r.Obj) {
		c.expand.forbid()
		for j := range l.entries {
			l.entries[j].res = nil
		}
	}
	e.res = r
	return nil
}

// drops tells whether the expanded form lacks a property that the plain one has.
func drops(expanded, plain Object) bool {
	for k, v := range plain {
		if _, ok := expanded[k]; !ok && v != nil && !strings.HasPrefix(k, "@") {
			return true
		}
	}
	return false
}

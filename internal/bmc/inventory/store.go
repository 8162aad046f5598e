package inventory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
)

// entry is one resource, read at most once.
type entry struct {
	once sync.Once
	done atomic.Bool
	res  *redfish.Resource
	err  error
}

// fill runs read once; everybody else waits for it.
func (e *entry) fill(read func(*entry)) {
	e.once.Do(func() {
		read(e)
		e.done.Store(true)
	})
}

// listEntry is the members of one collection, read at most once.
type listEntry struct {
	once    sync.Once
	members []*redfish.Resource
}

func (r *reader) entryOf(link string) *entry {
	k := redfish.Key(link)
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.cache[k]
	if e == nil {
		e = &entry{}
		r.cache[k] = e
	}
	return e
}

// fetch reads a resource, or gives what was read before.
func (r *reader) fetch(ctx context.Context, link string) (*redfish.Resource, error) {
	link = withoutFragment(link)
	e := r.entryOf(link)
	e.fill(func(e *entry) {
		if r.over() {
			e.err = errOver
			return
		}
		e.res, e.err = r.src.Get(ctx, link)
		if e.err == nil {
			e.res.Raw = nil // the text is as large again as what was read of it
			if len(e.res.Obj) == 0 {
				e.err = errEmpty
			}
		}
	})
	return e.res, e.err
}

var (
	errOver  = errors.New("the BMC is out of reach")
	errEmpty = errors.New("the answer holds no property at all")
)

// isNotFound tells whether the BMC says that there is no such resource; some say so under status 200.
func isNotFound(err error) bool {
	if redfish.IsNotFound(err) {
		return true
	}
	var e *redfish.Error
	return errors.As(err, &e) && e.Status < 400 && slices.ContainsFunc(e.MessageIDs, func(id string) bool {
		return strings.HasSuffix(id, ".ResourceMissingAtURI") || strings.HasSuffix(id, ".ResourceNotFound")
	})
}

// get reads a resource that is optional: nil when there is no link, when it answers 404, and when it cannot be read, which
// is a gap.
func (r *reader) get(ctx context.Context, link string) *redfish.Resource {
	if link == "" {
		return nil
	}
	res, err := r.fetch(ctx, link)
	if err != nil {
		if !isNotFound(err) {
			r.failed(withoutFragment(link), err)
		}
		return nil
	}
	return res
}

// need reads a resource that something lists: a 404 is a gap too.
func (r *reader) need(ctx context.Context, link string) *redfish.Resource {
	if link == "" {
		return nil
	}
	res, err := r.fetch(ctx, link)
	if err != nil {
		r.failed(withoutFragment(link), err)
		return nil
	}
	return res
}

// needAll reads listed resources side by side; what cannot be read is left out.
func (r *reader) needAll(ctx context.Context, links []string) []*redfish.Resource {
	got := make([]*redfish.Resource, len(links))
	each(links, func(i int, l string) { got[i] = r.need(ctx, l) })
	return present(got)
}

func present(in []*redfish.Resource) []*redfish.Resource {
	out := in[:0]
	for _, x := range in {
		if x != nil {
			out = append(out, x)
		}
	}
	return out
}

// members reads all members of a collection in its order. No link, a 404 and an empty collection give none.
func (r *reader) members(ctx context.Context, link string) []*redfish.Resource {
	if link == "" {
		return nil
	}
	k := redfish.Key(link)
	r.mu.Lock()
	l := r.lists[k]
	if l == nil {
		l = &listEntry{}
		r.lists[k] = l
	}
	r.mu.Unlock()
	l.once.Do(func() { l.members = r.readMembers(ctx, link) })
	return l.members
}

// take reads all members of a collection that is asked for once, and keeps none: of a thousand BMCs, what is in memory of
// each counts.
func (r *reader) take(ctx context.Context, link string) []*redfish.Resource {
	out := r.members(ctx, link)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.lists, redfish.Key(link))
	for _, m := range out {
		delete(r.cache, redfish.Key(m.URI))
	}
	return out
}

// drop forgets resources that are asked for once.
func (r *reader) drop(links ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range links {
		delete(r.cache, redfish.Key(l))
	}
}

func (r *reader) readMembers(ctx context.Context, link string) []*redfish.Resource {
	if links, known := r.knownMembers(link); known {
		missing := 0
		for _, m := range links {
			if r.cached(m) == nil {
				missing++
			}
		}
		if missing == 0 || missing < len(links) || len(links) == 1 {
			return r.needAll(ctx, links)
		}
	}
	if r.over() {
		return nil
	}
	got, problems, err := r.src.Members(ctx, link)
	if err != nil {
		if !isNotFound(err) {
			r.failed(link, err)
		}
		return nil
	}
	for _, p := range problems {
		r.failed(p.URI, p.Err)
	}
	out := make([]*redfish.Resource, 0, len(got))
	for _, m := range got {
		if len(m.Obj) == 0 {
			r.failed(m.URI, errEmpty)
			continue
		}
		r.keep(m)
		out = append(out, m)
	}
	return out
}

// knownMembers lists a collection that came inside another answer, when it is there whole.
func (r *reader) knownMembers(link string) ([]string, bool) {
	c := r.cached(link)
	if c == nil || c.Obj.Str("Members@odata.nextLink") != "" {
		return nil, false
	}
	list, ok := c.Obj["Members"].([]any)
	if !ok {
		return nil, false
	}
	links := c.Obj.Links("Members")
	if n, told := c.Obj.Int("Members@odata.count"); len(links) != len(list) || told && int(n) > len(links) {
		return nil, false
	}
	return links, true
}

// cached gives a resource that has been read, else nil.
func (r *reader) cached(link string) *redfish.Resource {
	r.mu.Lock()
	e := r.cache[redfish.Key(link)]
	r.mu.Unlock()
	if e == nil || !e.done.Load() {
		return nil
	}
	return e.res
}

// keep stores a resource that came inside another answer.
func (r *reader) keep(res *redfish.Resource) {
	e := r.entryOf(res.URI)
	e.fill(func(e *entry) { e.res = res })
}

// dive reads a resource with up to levels of what hangs below it, where the BMC can, and keeps all of it. It does nothing
// for a collection that is known to be empty, or known with all its members.
func (r *reader) dive(ctx context.Context, link string, levels int) {
	if link == "" || r.deep == nil || r.over() || r.deep.DeepLevels(ctx) < 1 {
		return
	}
	if links, known := r.knownMembers(link); known && !slices.ContainsFunc(links, func(l string) bool { return r.cached(l) == nil }) {
		return
	}
	res, depth, err := r.deep.Deep(ctx, link, levels)
	if err == nil && len(res.Obj) == 0 {
		err = errEmpty
	}
	if depth > 0 && err == nil {
		r.harvest(map[string]any(res.Obj))
	}
	r.entryOf(withoutFragment(link)).fill(func(e *entry) { e.res, e.err = res, err })
}

// harvest keeps every whole resource inside an answer, and puts references in their place, so that each is kept once.
func (r *reader) harvest(v any) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			x[k] = r.harvested(e)
		}
	case []any:
		for i := range x {
			x[i] = r.harvested(x[i])
		}
	}
}

func (r *reader) harvested(v any) any {
	r.harvest(v)
	m, ok := v.(map[string]any)
	if !ok || !whole(m) {
		return v
	}
	uri := m["@odata.id"].(string)
	r.keep(&redfish.Resource{URI: uri, Obj: m, ETag: redfish.Object(m).Str("@odata.etag")})
	return map[string]any{"@odata.id": uri}
}

// whole tells whether an inlined object is a resource of its own with its properties: typed, with an Id or Members, and
// without an error in its stead (R40).
func whole(m redfish.Object) bool {
	uri := m.Str("@odata.id")
	if uri == "" || strings.Contains(uri, "#") || m.Str("@odata.type") == "" || m.Has("@Message.ExtendedInfo") || m.Has("error") {
		return false
	}
	return m.Has("Id") || m.Has("Members")
}

func withoutFragment(link string) string {
	if i := strings.IndexByte(link, '#'); i >= 0 {
		return link[:i]
	}
	return link
}

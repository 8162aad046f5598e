package inventory_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/sim/recorded"
)

// memory is a BMC without a wire: resources by URI, some of them replaced. It has no Deep, so that the plain way is tested
// too.
type memory struct {
	res map[string]string // Key to JSON
	raw func(uri string) (string, bool)

	mu      sync.Mutex
	touched map[string]bool
}

func memoryOf(tree *recorded.Tree) *memory {
	m := &memory{res: map[string]string{}, touched: map[string]bool{}}
	for _, p := range tree.Paths() {
		raw, _ := tree.Raw(p)
		m.res[redfish.Key(p)] = string(raw)
	}
	return m
}

func (m *memory) Root(ctx context.Context) (*redfish.Resource, error) {
	return m.Get(ctx, "/redfish/v1/")
}

func (m *memory) Get(_ context.Context, uri string) (*redfish.Resource, error) {
	k := redfish.Key(strings.ReplaceAll(uri, "%24", "$"))
	m.mu.Lock()
	m.touched[k] = true
	m.mu.Unlock()
	text, ok := m.res[k]
	if m.raw != nil {
		if t, replaced := m.raw(k); replaced {
			text, ok = t, t != ""
		}
	}
	if !ok {
		return nil, &redfish.Error{Kind: redfish.Answered, Method: "GET", URI: uri, Status: http.StatusNotFound, Message: "not there"}
	}
	o, ok := object(text)
	if !ok {
		return nil, &redfish.Error{Kind: redfish.Malformed, Method: "GET", URI: uri, Status: 200, Message: "the answer is no JSON object"}
	}
	if o.Has("error") && !o.Has("@odata.id") && !o.Has("Id") {
		return nil, &redfish.Error{Kind: redfish.Answered, Method: "GET", URI: uri, Status: 200, Message: o.Str("error", "message"),
			MessageIDs: []string{o.Str("error", "code"), first(o.Objs("error", "@Message.ExtendedInfo")).Str("MessageId")}}
	}
	return &redfish.Resource{URI: uri, Obj: o}, nil
}

func object(text string) (redfish.Object, bool) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var o map[string]any
	if d.Decode(&o) != nil || o == nil {
		return nil, false
	}
	return o, true
}

func (m *memory) Members(ctx context.Context, uri string) ([]*redfish.Resource, []redfish.Problem, error) {
	var out []*redfish.Resource
	var bad []redfish.Problem
	seen := map[string]bool{}
	for page := 0; uri != "" && page < 20; page++ {
		c, err := m.Get(ctx, uri)
		if err != nil {
			if page == 0 {
				return nil, nil, err
			}
			return out, append(bad, redfish.Problem{URI: uri, Err: err}), nil
		}
		if v, there := c.Obj["Members"]; page == 0 && (!there && !strings.Contains(c.Obj.Str("@odata.type"), "Collection") || v != nil && c.Obj.List("Members") == nil) {
			return nil, nil, &redfish.Error{Kind: redfish.Malformed, Method: "GET", URI: uri, Status: 200,
				Message: "the answer is no collection: it has no Members"}
		}
		for _, l := range c.Obj.Links("Members") {
			if seen[redfish.Key(l)] {
				continue
			}
			seen[redfish.Key(l)] = true
			r, err := m.Get(ctx, l)
			if err != nil {
				bad = append(bad, redfish.Problem{URI: l, Err: err})
				continue
			}
			out = append(out, r)
		}
		uri = c.Obj.Str("Members@odata.nextLink")
	}
	return out, bad, nil
}

// service makes a tree of hand-written resources: what is not given of a service root is left out.
func service(t testing.TB, res map[string]string) *recorded.Tree {
	t.Helper()
	all := map[string]json.RawMessage{}
	for k, v := range res {
		if !json.Valid([]byte(v)) {
			t.Fatalf("%s: %s is no JSON", k, v)
		}
		all["/redfish/v1"+k] = json.RawMessage(v)
	}
	tree, err := recorded.FromResources(all)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func first(list []redfish.Object) redfish.Object {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

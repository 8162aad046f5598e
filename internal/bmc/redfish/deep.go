package redfish

import (
	"context"
	"fmt"
	"strings"
)

// Deep reads one resource with what it links to inlined, down to the given number of levels, where the BMC announces that
// (DSP0266 7.3.2) and no quirk or experience forbids it. depth is how many levels were asked for: 0 means that the plain
// resource was read, and that what hangs below it has to be read singly.
func (c *Client) Deep(ctx context.Context, link string, levels int) (r *Resource, depth int, err error) {
	uri, err := c.resolve(rootURI, link)
	if err != nil {
		return nil, 0, err
	}
	query, depth := c.deepQuery(ctx, levels)
	if depth == 0 || strings.Contains(uri, "?") {
		r, err = c.Get(ctx, uri)
		return r, 0, err
	}
	r, err = c.get(ctx, strings.TrimRight(uri, "/")+query, call{})
	switch {
	case err == nil:
		r.URI, r.Raw = uri, nil // Raw would not be what the resource itself says
		if !c.trueDeep(ctx, r) {
			c.expand.forbid()
			r, err = c.Get(ctx, uri)
			return r, 0, err
		}
		return r, depth, nil
	case IsCancelled(err), endsAll(err), IsNotFound(err), IsAuth(err):
		return nil, 0, err
	}
	c.expand.failed(err)
	r, err = c.Get(ctx, uri)
	return r, 0, err
}

// DeepLevels tells how many levels Deep would inline at most; 0 when it would read singly.
func (c *Client) DeepLevels(ctx context.Context) int {
	_, n := c.deepQuery(ctx, 1<<10)
	return n
}

func (c *Client) deepQuery(ctx context.Context, levels int) (query string, depth int) {
	one, ok := c.expandQuery(ctx)
	if !ok || levels < 1 {
		return "", 0
	}
	root, err := c.Root(ctx)
	if err != nil {
		return "", 0
	}
	e := root.Obj.Obj("ProtocolFeaturesSupported", "ExpandQuery")
	if yes, _ := e.Bool("Levels"); !yes {
		return one, 1
	}
	most, ok := e.Int("MaxLevels")
	if !ok || most < 1 {
		most = 1
	}
	depth = min(levels, int(most))
	return fmt.Sprintf("?$expand=.($levels=%d)", depth), depth
}

// trueDeep reads one of the resources that were inlined singly and tells whether nothing was dropped (R40). What cannot be held
// against a plain read is not believed.
func (c *Client) trueDeep(ctx context.Context, r *Resource) bool {
	var best Object
	visit := func(o Object) {
		if whole(o) && o.Str("@odata.id") != "" && len(o) > len(best) {
			best = o
		}
	}
	for _, v := range r.Obj {
		switch x := v.(type) {
		case map[string]any:
			visit(x)
		case []any:
			for _, e := range x {
				if o, ok := e.(map[string]any); ok {
					visit(o)
				}
			}
		}
	}
	if best == nil || !c.expand.takeSample() {
		return true
	}
	if c.later(ctx, best.Str("@odata.id"), best) {
		return true
	}
	plain, err := c.Get(ctx, best.Str("@odata.id"))
	return err == nil && !drops(best, plain.Obj)
}

package sim

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

var expandQuery = regexp.MustCompile(`^([.*~])(?:\(\$levels=(\d+)\))?$`)

// expand puts resources in the place of links where $expand is announced (DSP0266 §7.3.2): "." those below the resource, "~"
// those under Links, "*" both; as many levels as are asked for and announced.
func (b *BMC) expand(c *call, o obj) obj {
	m := expandQuery.FindStringSubmatch(c.query.Get("$expand"))
	if m == nil || b.dia.expandLevels == 0 || m[1] != "." && !b.dia.expandLinks {
		return o
	}
	levels := 1
	if m[2] != "" {
		levels, _ = strconv.Atoi(m[2])
	}
	out, _ := b.inline(o, m[1], min(levels, b.dia.expandLevels), false).(obj)
	return out
}

// inline walks a body and replaces bare links.
func (b *BMC) inline(v any, kind string, levels int, inLinks bool) any {
	switch x := v.(type) {
	case obj:
		uri, isLink := x["@odata.id"].(string)
		if isLink && len(x) == 1 {
			if kind == "*" || (kind == "~") == inLinks {
				return b.resolve(x, uri, kind, levels)
			}
			return x
		}
		out := make(obj, len(x))
		for k, e := range x {
			if strings.HasPrefix(k, "@") || k == "Actions" || k == "Oem" {
				out[k] = e
				continue
			}
			out[k] = b.inline(e, kind, levels, inLinks || k == "Links")
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = b.inline(e, kind, levels, inLinks)
		}
		return out
	}
	return v
}

// resolve fetches what a link leads to, and goes on below it.
func (b *BMC) resolve(link obj, uri, kind string, levels int) any {
	if levels == 0 || strings.Contains(uri, "#") {
		return link
	}
	c := &call{b: b, method: http.MethodGet, path: strings.TrimRight(uri, "/")}
	rt := b.match(c)
	if rt == nil || rt.get == nil {
		return link
	}
	o := rt.get(c)
	if o == nil {
		return link
	}
	return b.inline(b.faults.expanded(b.finish(c, o)), kind, levels-1, false)
}

package recorded

import (
	"fmt"
	"strings"
)

// parse reads an $expand value: the mode byte, or 0 when the service does not announce it and answers plainly.
func (q expandQuery) parse(v string) (mode byte, levels int) {
	if v == "" {
		return 0, 0
	}
	switch {
	case v[0] == '*' && q.all, v[0] == '.' && q.noLinks, v[0] == '~' && q.links:
		mode = v[0]
	default:
		return 0, 0
	}
	levels = 1
	if i := strings.Index(v, "$levels="); i >= 0 && q.levels {
		if _, err := fmt.Sscanf(v[i+len("$levels="):], "%d", &levels); err != nil {
			levels = 1
		}
	}
	return mode, min(max(levels, 1), q.maxLevels)
}

// expanded gives obj with the links of the asked kind replaced by what they point to (DSP0266 7.3.1): "." what is not under
// Links, "~" what is, "*" both.
func (s *Server) expanded(obj map[string]any, mode byte, levels int) map[string]any {
	var walk func(v any, top, inLinks bool) any
	walk = func(v any, top, inLinks bool) any {
		switch x := v.(type) {
		case map[string]any:
			if id, ok := x["@odata.id"].(string); ok && !top && len(x) == 1 {
				if inLinks && mode == '.' || !inLinks && mode == '~' {
					return x
				}
				key, found := s.findName(id)
				if !found || s.object(key) == nil {
					return x
				}
				if levels > 1 {
					return s.expanded(s.object(key), mode, levels-1)
				}
				return s.object(key)
			}
			out := make(map[string]any, len(x))
			for k, e := range x {
				out[k] = walk(e, false, inLinks || k == "Links")
			}
			return out
		case []any:
			out := make([]any, len(x))
			for i := range x {
				out[i] = walk(x[i], false, inLinks)
			}
			return out
		default:
			return v
		}
	}
	return walk(obj, true, false).(map[string]any)
}

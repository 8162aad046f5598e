package bmc

import (
	"encoding/json"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// samePath compares paths as they have to be compared on real BMCs: without host, case and trailing slash (R109).
func samePath(a, b string) bool { return redfish.Key(a) == redfish.Key(b) }

// lastPart is what follows the last slash of a path.
func lastPart(p string) string {
	p = strings.TrimRight(p, "/")
	return p[strings.LastIndexByte(p, '/')+1:]
}

// equalValue compares a wanted value with what a device says: by value after normalising, and by spelling where a
// device writes numbers or booleans as text.
func equalValue(want, have any) bool {
	w, h := rack.Normal(want), rack.Normal(have)
	if w == nil || h == nil {
		return w == nil && h == nil
	}
	ws, wText := w.(string)
	hs, hText := h.(string)
	switch {
	case wText && hText:
		return ws == hs
	case wText:
		return strings.EqualFold(ws, spelling(h))
	case hText:
		return strings.EqualFold(hs, spelling(w))
	default:
		return spelling(w) == spelling(h)
	}
}

// spelling writes a value as JSON does; maps are sorted, so equal values have equal spellings.
func spelling(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// stringsOf reads a fact that is a list of strings, whatever slice type it came in.
func stringsOf(v any) []string {
	switch x := v.(type) {
	case []string:
		return x
	case []any:
		var out []string
		for _, e := range x {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	default:
		return nil
	}
}

// stringsOrOne reads a fact that is a string or a list of them.
func stringsOrOne(v any) []string {
	if s := textOf(v); s != "" {
		return []string{s}
	}
	return stringsOf(v)
}

// textOf reads a fact that is a string.
func textOf(v any) string {
	s, _ := v.(string)
	return s
}

// intOf reads a fact that is a whole number.
func intOf(v any) int64 {
	switch x := rack.Normal(v).(type) {
	case int64:
		return x
	case float64:
		return int64(x)
	default:
		return 0
	}
}

package redfish

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// Object is a JSON object as a BMC sent it. Its accessors are lenient: a key that is absent, null or of a wrong type gives
// the zero value, so that a bad field costs that field and not the resource. Every accessor walks nested objects:
// o.Str("Status", "State"). A nil Object is empty. Numbers are json.Number.
type Object map[string]any

// Lookup gives the value under a path of keys; ok is false when it is absent. A null that is present gives nil, true.
func (o Object) Lookup(keys ...string) (v any, ok bool) {
	v = o
	for _, k := range keys {
		m := asObject(v)
		if m == nil {
			return nil, false
		}
		if v, ok = m[k]; !ok {
			return nil, false
		}
	}
	return v, len(keys) > 0
}

// Has tells whether the path is present, null included.
func (o Object) Has(keys ...string) bool {
	_, ok := o.Lookup(keys...)
	return ok
}

// Str gives text. A number or boolean gives its JSON spelling, since some BMCs mix them (R113).
func (o Object) Str(keys ...string) string {
	v, _ := o.Lookup(keys...)
	switch t := v.(type) {
	case string:
		return t
	case json.Number:
		return t.String()
	case bool:
		return strconv.FormatBool(t)
	}
	return ""
}

// Int gives a whole number; text that spells one counts (R113). A fraction or a value beyond 64 bits does not.
func (o Object) Int(keys ...string) (int64, bool) {
	f := strings.TrimSpace(o.numeric(keys))
	if n, err := strconv.ParseInt(f, 10, 64); err == nil {
		return n, true
	}
	x, err := strconv.ParseFloat(f, 64)
	if err != nil || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
		return 0, false
	}
	return int64(x), true
}

// Float gives a number; text that spells one counts (R113).
func (o Object) Float(keys ...string) (float64, bool) {
	x, err := strconv.ParseFloat(strings.TrimSpace(o.numeric(keys)), 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, false
	}
	return x, true
}

func (o Object) numeric(keys []string) string {
	v, _ := o.Lookup(keys...)
	switch t := v.(type) {
	case json.Number:
		return t.String()
	case string:
		return t
	}
	return ""
}

// Bool gives a boolean; the texts "true" and "false" count in any case.
func (o Object) Bool(keys ...string) (value, ok bool) {
	v, _ := o.Lookup(keys...)
	switch t := v.(type) {
	case bool:
		return t, true
	case string:
		if b, err := strconv.ParseBool(strings.ToLower(t)); err == nil && len(t) > 1 {
			return b, true
		}
	}
	return false, false
}

// Obj gives a nested object, or nil.
func (o Object) Obj(keys ...string) Object {
	v, _ := o.Lookup(keys...)
	return asObject(v)
}

// List gives an array, or nil.
func (o Object) List(keys ...string) []any {
	v, _ := o.Lookup(keys...)
	l, _ := v.([]any)
	return l
}

// Objs gives the objects of an array. A single object where an array belongs counts as one (R44).
func (o Object) Objs(keys ...string) []Object {
	v, _ := o.Lookup(keys...)
	if m := asObject(v); m != nil {
		return []Object{m}
	}
	l, _ := v.([]any)
	var out []Object
	for _, e := range l {
		if m := asObject(e); m != nil {
			out = append(out, m)
		}
	}
	return out
}

// Strs gives the texts of an array; other elements are left out.
func (o Object) Strs(keys ...string) []string {
	v, _ := o.Lookup(keys...)
	l, _ := v.([]any)
	var out []string
	for _, e := range l {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Link gives the URI that the object under the path refers to ("@odata.id", or "href" of old services), or "".
func (o Object) Link(keys ...string) string {
	m := o.Obj(keys...)
	if s := m.Str("@odata.id"); s != "" {
		return s
	}
	return m.Str("href")
}

// Links gives the URIs of an array of references.
func (o Object) Links(keys ...string) []string {
	var out []string
	for _, m := range o.Objs(keys...) {
		if s := m.Link(); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// ODataID gives the resource's own idea of its URI. It may differ from the URI that was asked for (R119): key by the latter.
func (o Object) ODataID() string { return o.Str("@odata.id") }

func asObject(v any) Object {
	switch t := v.(type) {
	case Object:
		return t
	case map[string]any:
		return t
	}
	return nil
}

// isReference tells whether the object only points to a resource.
func (o Object) isReference() bool { return len(o) == 1 && o.Link() != "" }

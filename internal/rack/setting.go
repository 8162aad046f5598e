package rack

import (
	"slices"
	"strconv"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
)

// FacetSettings is what a management controller and its chassis are set to: some ten requests a node.
const FacetSettings Facet = "manager_settings"

// FacetAttributes is the registry of the controller's own attributes.
const FacetAttributes Facet = "manager_registry"

// ManagerSpec is how a management controller, its chassis and its power limit are wanted. A setting that is absent is
// unmanaged.
type ManagerSpec struct {
	Settings   map[string]SettingValue `json:"settings,omitempty"`   // by the vocabulary's word
	Attributes map[string]BIOSValue    `json:"attributes,omitempty"` // by the vendor's own name
	Origin     diag.Origin             `json:"origin,omitzero"`
}

// SettingValue is one wanted setting: a string, bool, int64, or list of strings.
type SettingValue struct {
	Value  any         `json:"value"`
	Origin diag.Origin `json:"origin,omitzero"`
}

// UnmarshalJSON reads a value back with integers as int64.
func (v *SettingValue) UnmarshalJSON(b []byte) error {
	var p BIOSValue
	if err := p.UnmarshalJSON(b); err != nil {
		return err
	}
	*v = SettingValue{Value: p.Value, Origin: p.Origin}
	return nil
}

// Settings is what a controller is set to, in the words of the vocabulary. A word that is not there is not offered.
type Settings struct {
	Words       map[string]Setting `json:"words"`
	Attributes  Attributes         `json:"attributes,omitempty"` // the vendor's own
	Path        string             `json:"path,omitempty"`       // of the attributes
	RegistryDoc *BIOSRegistryInfo  `json:"registry_doc,omitempty"`
}

// Setting is one setting as it is, and where it stands.
type Setting struct {
	Value   any          `json:"value"`
	Place   SettingPlace `json:"place"`
	Min     *int64       `json:"min,omitempty"`
	Max     *int64       `json:"max,omitempty"`
	Pending bool         `json:"pending,omitempty"` // shown, and not real before the controller restarts
	Fixed   bool         `json:"fixed,omitempty"`   // shown, and not to be written
}

// SettingPlace is where a setting is read and written.
type SettingPlace struct {
	Path  string     `json:"path"`            // of the resource
	Slots [][]string `json:"slots"`           // the property; several where a list is kept in numbered properties
	Form  string     `json:"form"`            // bool, words, list, one, text, whole, raw
	On    string     `json:"on,omitempty"`    // words: how true is written
	Off   string     `json:"off,omitempty"`   // words: how false is written
	Reset bool       `json:"reset,omitempty"` // real only after the controller restarts
	Flag  []string   `json:"flag,omitempty"`  // property that says whether something waits for a restart
}

// Read takes the setting out of its resource; false when the resource has no such property.
func (p SettingPlace) Read(o map[string]any) (any, bool) {
	var parts []any
	for _, s := range p.Slots {
		v, ok := at(o, s)
		if !ok {
			return nil, false
		}
		parts = append(parts, v)
	}
	if len(parts) == 0 {
		return nil, false
	}
	if p.Form == "list" {
		if len(parts) == 1 {
			l, isList := parts[0].([]any)
			if !isList && parts[0] != nil {
				return nil, false
			}
			parts = l
		}
		return servers(parts), true
	}
	if p.Form == "one" { // a list that has one place
		return servers(parts[:1]), true
	}
	return p.scalar(parts[0])
}

func (p SettingPlace) scalar(v any) (any, bool) {
	v = Normal(v)
	switch p.Form {
	case "raw":
		return v, true
	case "bool":
		b, ok := v.(bool)
		return b, ok
	case "words":
		s, ok := v.(string)
		return s == p.On, ok && (s == p.On || s == p.Off)
	case "text":
		if v == nil {
			return "", true
		}
		s, ok := v.(string)
		return s, ok
	case "whole":
		switch n := v.(type) {
		case nil:
			return nil, true
		case int64:
			return n, true
		case float64:
			return int64(n), n == float64(int64(n))
		case string:
			i, err := strconv.ParseInt(n, 10, 64)
			return i, err == nil
		}
	}
	return nil, false
}

// servers drops what BMCs put into an unused place of a list.
func servers(list []any) []any {
	out := []any{}
	for _, v := range list {
		s, _ := v.(string)
		s = strings.TrimSpace(s)
		if s == "" || s == "0.0.0.0" || s == "::" || s == "(null)" || s == "null" {
			continue
		}
		out = append(out, s)
	}
	return out
}

// Write puts a value of the setting into a request body.
func (p SettingPlace) Write(body map[string]any, value any) {
	if p.Form == "list" && len(p.Slots) > 1 {
		l, _ := value.([]any)
		for i, s := range p.Slots {
			v := any("")
			if i < len(l) {
				v = l[i]
			}
			put(body, s, v)
		}
		return
	}
	if p.Form == "one" {
		l, _ := value.([]any)
		value = ""
		if len(l) > 0 {
			value = l[0]
		}
	}
	if p.Form == "words" {
		word := p.Off
		if value == true {
			word = p.On
		}
		value = word
	}
	put(body, p.Slots[0], value)
}

// Room is how many entries a list may have; 0 = not told.
func (p SettingPlace) Room() int {
	if p.Form == "one" || p.Form == "list" && len(p.Slots) > 1 {
		return len(p.Slots)
	}
	return 0
}

// Waits tells whether the resource says that something written to it waits for a restart of the controller.
func (p SettingPlace) Waits(o map[string]any) bool {
	v, _ := at(o, p.Flag)
	return len(p.Flag) > 0 && v == "SomePendingReset"
}

// at follows a pointer; "0" is the first element of a list.
func at(o map[string]any, pointer []string) (any, bool) {
	var v any = o
	for _, k := range pointer {
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[k]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			if k != "0" || len(x) == 0 {
				return nil, false
			}
			v = x[0]
		default:
			return nil, false
		}
	}
	return v, true
}

func put(body map[string]any, pointer []string, value any) {
	for i, k := range pointer[:len(pointer)-1] {
		if k == "0" {
			continue
		}
		list := pointer[i+1] == "0"
		next, _ := body[k].(map[string]any)
		if l, ok := body[k].([]any); ok {
			next, _ = l[0].(map[string]any)
		}
		if next == nil {
			next = map[string]any{}
			body[k] = next
			if list {
				body[k] = []any{next}
			}
		}
		body = next
	}
	body[pointer[len(pointer)-1]] = value
}

// SameSetting compares two values of one setting. The order of servers counts: the first is asked first.
func SameSetting(a, b any) bool {
	x, aList := a.([]any)
	y, bList := b.([]any)
	if aList || bList {
		return slices.EqualFunc(x, y, func(v, w any) bool {
			s, _ := v.(string)
			t, _ := w.(string)
			return strings.EqualFold(s, t)
		})
	}
	return a == b
}

package inventory

import (
	"regexp"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
)

// placeholders are the ways in which BMCs do not tell a value (R99). They are compared without case.
var placeholders = []string{"n/a", "na", "null", "nil", "none", "not present", "not available", "version not available",
	"unknown", "not applicable", "not specified", "to be filled by o.e.m.", "default string", "-*", "-", "--", "undefined",
	"not supported", "no info", "empty"}

// clean trims a value and makes a placeholder nothing.
func clean(s string) string {
	s = strings.TrimSpace(strings.Trim(s, "\x00"))
	if slices.Contains(placeholders, strings.ToLower(s)) {
		return ""
	}
	return s
}

// noSerial matches what stands where a serial number was never written.
var noSerial = regexp.MustCompile(`(?i)^(0+|f{4,}|x{3,}|\.+|0?123456789.*|.*redacted.*)$`)

// serial gives the serial number under a path of keys; "" when there is none, or one that many machines share.
func serial(o redfish.Object) string {
	s := text(o, "SerialNumber")
	if noSerial.MatchString(s) {
		return ""
	}
	return s
}

// text gives the cleaned text under a path of keys.
func text(o redfish.Object, keys ...string) string { return clean(o.Str(keys...)) }

// first gives the first that is not empty.
func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// checked gives text, and records a gap where something else than text stands. Null is not told, which is no gap.
func (r *reader) checked(res *redfish.Resource, keys ...string) string {
	v, ok := res.Obj.Lookup(keys...)
	if !ok || v == nil {
		return ""
	}
	s, isText := v.(string)
	if !isText {
		r.fieldGap(res, "it is no text", keys...)
		return ""
	}
	return clean(s)
}

// checkedSerial is checked for a serial number.
func (r *reader) checkedSerial(res *redfish.Resource) string {
	if r.checked(res, "SerialNumber") == "" {
		return ""
	}
	return serial(res.Obj)
}

// amount gives a number that is not negative; anything else that stands there is a gap.
func (r *reader) amount(res *redfish.Resource, keys ...string) int64 {
	v, ok := res.Obj.Lookup(keys...)
	if !ok || v == nil || v == "" {
		return 0
	}
	f, ok := res.Obj.Float(keys...)
	switch {
	case !ok:
		r.fieldGap(res, "it is no number", keys...)
	case f < 0 || f >= 1<<62:
		r.fieldGap(res, "the number is not plausible", keys...)
	default:
		return int64(f)
	}
	return 0
}

// idOf gives the Id of a resource, else the last segment of its URI.
func idOf(res *redfish.Resource) string {
	if id := strings.TrimSpace(res.Obj.Str("Id")); id != "" {
		return id
	}
	return lastSegment(res.URI)
}

func lastSegment(uri string) string {
	uri = strings.TrimRight(withoutFragment(uri), "/")
	return uri[strings.LastIndexByte(uri, '/')+1:]
}

// state gives Status.State.
func state(o redfish.Object) string { return o.Str("Status", "State") }

func absent(o redfish.Object) bool { return strings.EqualFold(state(o), "Absent") }

// typeName gives "Volume" of "#Volume.v1_9_0.Volume".
func typeName(o redfish.Object) string {
	t := strings.TrimPrefix(o.Str("@odata.type"), "#")
	if i := strings.IndexByte(t, '.'); i >= 0 {
		t = t[:i]
	}
	return t
}

// action is one entry of Actions.
type action struct {
	name   string // without #
	target string
	obj    redfish.Object
}

// actions lists the actions of a resource, those under Oem too, sorted by name.
func actions(o redfish.Object) []action {
	var out []action
	var walk func(m redfish.Object, depth int)
	walk = func(m redfish.Object, depth int) {
		for name := range m {
			a := m.Obj(name)
			if a == nil {
				continue
			}
			if t := a.Str("target"); t != "" {
				out = append(out, action{name: name[strings.LastIndexByte(name, '#')+1:], target: t, obj: a})
			} else if depth < 3 {
				walk(a, depth+1)
			}
		}
	}
	walk(o.Obj("Actions"), 0)
	for vendor := range o.Obj("Oem") { // HPE keeps its actions here
		walk(o.Obj("Oem", vendor, "Actions"), 1)
	}
	slices.SortFunc(out, func(a, b action) int {
		return strings.Compare(a.name+"\x00"+a.target, b.name+"\x00"+b.target)
	})
	return out
}

func findAction(o redfish.Object, name string) (action, bool) {
	for _, a := range actions(o) {
		if strings.EqualFold(a.name, name) {
			return a, true
		}
	}
	return action{}, false
}

var mac48 = regexp.MustCompile(`^[0-9a-f]{12}$`)

// mac gives a MAC address in lower case with colons; "" when it is none (an InfiniBand GUID, a placeholder, all zeros).
func mac(s string) string {
	s = strings.NewReplacer(":", "", "-", "", ".", "").Replace(strings.ToLower(strings.TrimSpace(s)))
	if !mac48.MatchString(s) || s == "000000000000" || s == "ffffffffffff" {
		return ""
	}
	var b strings.Builder
	for i := 0; i < 12; i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(s[i : i+2])
	}
	return b.String()
}

// union adds what is new, in order.
func union(a []string, b ...string) []string {
	for _, s := range b {
		if s != "" && !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

package blueprint

import (
	"math"
	"regexp"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// bmcSpec is how a controller is reached, and how it is kept.
var bmcSpec = &blockSpec{object: true, blocks: nested{"account": accountSpec, "certificate": certificateSpec, "ipmi": ipmiSpec, "events": eventsSpec},
	attrs: attrs(nil, append(settingAttributes(), "username", "credential", "location", "attributes")...)}

// settingAttributes are the words that are written in a bmc block. What the power supplies may draw is the node's.
func settingAttributes() []string {
	var out []string
	for _, w := range rack.SettingWords {
		if w.By == "" && w.Name != "power_limit_w" {
			out = append(out, w.Name)
		}
	}
	return out
}

// secretAttribute matches names of vendor attributes that hold secrets: a design is stored and shown.
var secretAttribute = regexp.MustCompile(`(?i)password|passphrase|community|encryptionkey|secret|privatekey`)

// manager reads the settings of a bmc block; nil when it has none.
func (rd *reader) manager(n *rack.Node) *rack.ManagerSpec {
	e := &rack.ManagerSpec{Settings: map[string]rack.SettingValue{}, Origin: diag.At(rd.rng)}
	for _, w := range rack.SettingWords {
		if w.By != "" || w.Name == "power_limit_w" {
			continue
		}
		if v, ok := rd.setting(w); ok {
			e.Settings[w.Name] = rack.SettingValue{Value: v, Origin: diag.At(rd.at(w.Name))}
		}
	}
	rd.implied(e)
	if yes, ok := rd.boolean("location", "location"); ok && yes {
		rd.location(e, n)
	}
	rd.managerAttributes(e)
	if len(e.Settings)+len(e.Attributes) == 0 {
		return nil
	}
	return e
}

// setting reads one word by its type.
func (rd *reader) setting(w rack.SettingWord) (any, bool) {
	switch w.Type {
	case rack.SettingBool:
		return anyOf(rd.boolean(w.Name, w.Name))
	case rack.SettingText:
		return anyOf(rd.str(w.Name, w.Name))
	case rack.SettingWhole:
		n, ok := rd.whole(w.Name, w.Name, 1, 1<<31)
		return int64(n), ok
	default:
		l, ok := rd.strs(w.Name, w.Name)
		out := []any{}
		for _, s := range l {
			if s == "" || slices.Contains(out, any(s)) {
				rd.errorf(rd.at(w.Name), "Wrong server", "%q lists %q, which is empty or stands there twice.", w.Name, s)
				return nil, false
			}
			out = append(out, s)
		}
		return out, ok
	}
}

func anyOf[T any](v T, ok bool) (any, bool) { return v, ok }

// implied adds the switches that a list or text brings along: servers are asked, name servers of a lease are not.
func (rd *reader) implied(e *rack.ManagerSpec) {
	for _, w := range rack.SettingWords {
		v, ok := e.Settings[w.By]
		if w.By == "" || !ok {
			continue
		}
		on := v.Value != ""
		if l, isList := v.Value.([]any); isList {
			on = len(l) > 0
		}
		if w.Name == "dns_from_dhcp" {
			on = !on
		}
		e.Settings[w.Name] = rack.SettingValue{Value: on, Origin: v.Origin}
	}
}

// location writes where the blueprint puts the node.
func (rd *reader) location(e *rack.ManagerSpec, n *rack.Node) {
	origin := diag.At(rd.at("location"))
	if in := rd.s.m.r.registry[n.Rack]; in != nil {
		r, ok := in.element.(*rack.Rack)
		if !ok {
			return // wrong, and told
		}
		e.Settings["location_rack"] = rack.SettingValue{Value: r.Name, Origin: origin}
		if r.Position != "" {
			e.Settings["location_row"] = rack.SettingValue{Value: r.Position, Origin: origin}
		}
	}
	if n.PositionU > 0 {
		e.Settings["location_u"] = rack.SettingValue{Value: int64(n.PositionU), Origin: origin}
	}
}

// managerAttributes reads the vendor's own attributes. A secret has no place in a design.
func (rd *reader) managerAttributes(e *rack.ManagerSpec) {
	a, ok := rd.attr["attributes"]
	if !ok {
		return
	}
	items, ok := rd.objectItems(a.expr, "attributes")
	if !ok {
		return
	}
	e.Attributes = map[string]rack.BIOSValue{}
	for _, it := range items {
		at := hcl.RangeBetween(it.keyRange, it.expr.Range())
		if secretAttribute.MatchString(it.key) {
			rd.errorf(it.keyRange, "Secret in the text", "%q looks like a secret. A design is stored and shown: set it by hand.", it.key)
			continue
		}
		one := &reader{s: rd.s, in: rd.in, spec: &blockSpec{}, what: rd.what, path: rd.path + ".attributes", rng: at,
			attr: map[string]attribute{it.key: {it.expr, it.keyRange, at}}}
		v, ok := one.get(it.key)
		if !ok {
			continue
		}
		val, ok := biosValue(v)
		if !ok {
			one.errorf(it.expr.Range(), "Wrong type", "The attribute %q takes a string, a bool or a whole number.", it.key)
			continue
		}
		one.note(it.key, it.key)
		e.Attributes[it.key] = rack.BIOSValue{Value: val, Origin: diag.At(at)}
	}
}

// powerW is power in watts, rounded to whole ones: what a BMC takes.
var powerW = dimension{"a power", map[string]float64{"W": 1, "kW": 1e3, "MW": 1e6}, "10kW"}

// powerLimit reads what the node may draw, in watts or with a unit.
func (rd *reader) powerLimit(n *rack.Node) {
	w, ok := rd.number("power_limit", "power_limit", &powerW)
	if !ok {
		return
	}
	if w = math.Round(w); w < 1 || w > 1e6 {
		rd.errorf(rd.at("power_limit"), "Wrong quantity", "%q is from 1 W to 1 MW, such as \"10kW\".", "power_limit")
		return
	}
	if n.BMC.Manager == nil {
		n.BMC.Manager = &rack.ManagerSpec{Settings: map[string]rack.SettingValue{}, Origin: diag.At(rd.rng)}
	}
	origin := diag.At(rd.at("power_limit"))
	n.BMC.Manager.Settings["power_limit_w"] = rack.SettingValue{Value: int64(w), Origin: origin}
	n.BMC.Manager.Settings["power_limit_enabled"] = rack.SettingValue{Value: true, Origin: origin}
}

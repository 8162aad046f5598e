package fabric

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"

	"github.com/metalwright/metalwright/internal/rack"
)

// readLLDPCtl reads what stands below "lldp". lldpd writes an object for one interface and a list for several (-f json), and lists
// of everything in the older shape (-f json0).
func readLLDPCtl(name string, raw json.RawMessage) (rack.Cables, error) {
	out := rack.Cables{Read: []string{name}}
	for _, top := range listOf(raw) {
		var o map[string]json.RawMessage
		if json.Unmarshal(top, &o) != nil {
			return out, fmt.Errorf("lldp is no object")
		}
		for _, i := range listOf(o["interface"]) {
			if err := lldpInterface(name, i, &out); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// lldpInterface reads {"eth0": {…}, …}, or {"name": "eth0", …} of json0.
func lldpInterface(name string, raw json.RawMessage, out *rack.Cables) error {
	var o map[string]json.RawMessage
	if err := json.Unmarshal(raw, &o); err != nil {
		return fmt.Errorf("an interface is no object")
	}
	if n, ok := o["name"]; ok && n[0] == '"' {
		lldpNeighbour(name, textOf(n), o, out)
		return nil
	}
	for _, port := range sortedRaw(o) {
		var one map[string]json.RawMessage
		if err := json.Unmarshal(o[port], &one); err != nil {
			return fmt.Errorf("interface %q is no object", port)
		}
		lldpNeighbour(name, port, one, out)
	}
	return nil
}

// lldpNeighbour adds one neighbour; one that tells no port is a gap.
func lldpNeighbour(name, port string, o map[string]json.RawMessage, out *rack.Cables) {
	var n rack.Neighbour
	for _, c := range listOf(o["chassis"]) {
		chassisOf(c, &n)
	}
	for _, p := range listOf(o["port"]) {
		var one map[string]json.RawMessage
		if json.Unmarshal(p, &one) != nil {
			continue
		}
		n.Port, n.Descr = idValue(one["id"]), textOf(one["descr"])
	}
	if n.Port == "" {
		out.Unread = append(out.Unread, rack.Gap{Path: name + " " + port, Reason: "the neighbour " + or(n.System, n.Chassis) + " tells no port"})
		return
	}
	out.Seen = append(out.Seen, rack.SeenCable{Device: name, Ports: []string{port}, Neighbour: n})
}

// chassisOf reads {"NAME": {"id": …}}, {"id": …} of a neighbour without a name, or json0's {"name": …, "id": …}.
func chassisOf(raw json.RawMessage, n *rack.Neighbour) {
	var o map[string]json.RawMessage
	if json.Unmarshal(raw, &o) != nil {
		return
	}
	if _, bare := o["id"]; bare {
		n.Chassis = key(idValue(o["id"]))
		n.System = textOf(o["name"])
		return
	}
	for _, k := range sortedRaw(o) {
		var one map[string]json.RawMessage
		if json.Unmarshal(o[k], &one) == nil {
			n.System, n.Chassis = k, key(idValue(one["id"]))
		}
	}
}

// idValue reads {"type": …, "value": …}, alone or in a list.
func idValue(raw json.RawMessage) string {
	for _, r := range listOf(raw) {
		var o map[string]json.RawMessage
		if json.Unmarshal(r, &o) == nil {
			return textOf0(o["value"])
		}
	}
	return ""
}

// textOf reads "x", or [{"value": "x"}] of json0.
func textOf(raw json.RawMessage) string {
	if s := textOf0(raw); s != "" {
		return s
	}
	for _, r := range listOf(raw) {
		var o map[string]json.RawMessage
		if json.Unmarshal(r, &o) == nil {
			if s := textOf0(o["value"]); s != "" {
				return s
			}
		}
	}
	return ""
}

func textOf0(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// listOf makes a list of what may be one thing or several.
func listOf(raw json.RawMessage) []json.RawMessage {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var list []json.RawMessage
	if raw[0] == '[' && json.Unmarshal(raw, &list) == nil {
		return list
	}
	return []json.RawMessage{raw}
}

func sortedRaw(m map[string]json.RawMessage) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

package fabric

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// sonicTable is the table of neighbours in SONiC's APPL_DB.
const sonicTable = "LLDP_ENTRY_TABLE:"

// readSONiC reads a dump of APPL_DB: one row a local port.
func readSONiC(name string, top map[string]json.RawMessage) (rack.Cables, error) {
	out := rack.Cables{Read: []string{name}}
	for _, k := range sortedRaw(top) {
		local, ok := strings.CutPrefix(k, sonicTable)
		if !ok {
			continue
		}
		row := map[string]string{}
		if err := json.Unmarshal(top[k], &row); err != nil {
			return out, fmt.Errorf("row %q is no object of texts", k)
		}
		n := rack.Neighbour{System: strings.TrimSpace(row["lldp_rem_sys_name"]), Chassis: key(row["lldp_rem_chassis_id"]),
			Port: strings.TrimSpace(row["lldp_rem_port_id"]), Descr: strings.TrimSpace(row["lldp_rem_port_desc"])}
		if n.Port == "" {
			out.Unread = append(out.Unread, rack.Gap{Path: name + " " + local, Reason: "the neighbour " + or(n.System, n.Chassis) + " tells no port"})
			continue
		}
		out.Seen = append(out.Seen, rack.SeenCable{Device: name, Ports: []string{local}, Neighbour: n})
	}
	return out, nil
}

// readEOS reads "show lldp neighbors detail" of EOS: a paragraph an interface, with one neighbour or several.
func readEOS(name, text string) (rack.Cables, error) {
	out := rack.Cables{Read: []string{name}}
	local := ""
	var n *rack.Neighbour
	flush := func() {
		if n != nil && n.Port != "" {
			out.Seen = append(out.Seen, rack.SeenCable{Device: name, Ports: []string{local}, Neighbour: *n})
		} else if n != nil {
			out.Unread = append(out.Unread, rack.Gap{Path: name + " " + local, Reason: "a neighbour tells no port"})
		}
		n = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		t := strings.TrimSpace(line)
		field, value, _ := strings.Cut(strings.TrimPrefix(t, "- "), ":")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch field = strings.TrimSpace(field); {
		case strings.HasPrefix(t, "Interface ") && strings.Contains(t, " detected "):
			flush()
			local = strings.Fields(t)[1]
		case strings.HasPrefix(t, "Neighbor "):
			flush()
			n = &rack.Neighbour{}
		case n == nil:
		case field == "Chassis ID":
			n.Chassis = key(value)
		case field == "Port ID" && n.Port == "": // later ones are of link aggregation
			n.Port = value
		case field == "System Name":
			n.System = value
		case field == "Port Description":
			n.Descr = value
		}
	}
	flush()
	return out, nil
}

// readNXOSDetail reads "show lldp neighbors detail" of NX-OS: a paragraph a neighbour.
func readNXOSDetail(name, text string) (rack.Cables, error) {
	out := rack.Cables{Read: []string{name}}
	var local string
	var n *rack.Neighbour
	flush := func() {
		if n != nil && local != "" && n.Port != "" {
			out.Seen = append(out.Seen, rack.SeenCable{Device: name, Ports: []string{local}, Neighbour: *n})
		} else if n != nil {
			out.Unread = append(out.Unread, rack.Gap{Path: name + " " + local, Reason: "a neighbour tells no port"})
		}
		n, local = nil, ""
	}
	for line := range strings.SplitSeq(text, "\n") {
		field, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch {
		case field == "Chassis id":
			flush()
			n = &rack.Neighbour{Chassis: key(value)}
		case n == nil:
		case field == "Port id":
			n.Port = value
		case field == "Local Port id":
			local = value
		case field == "System Name" && value != "not advertised":
			n.System = value
		case field == "Port Description" && value != "not advertised":
			n.Descr = value
		}
	}
	flush()
	return out, nil
}

// nxosRow is the part of a row behind the device's name; the capability may be empty.
var nxosRow = regexp.MustCompile(`^(.*?)\s+((?:mgmt|Eth)\S*)\s+(\d+)\s+(?:([A-Z]+)\s+)?(\S+)$`)

// readNXOSTable reads "show lldp neighbors" of NX-OS. A long name stands on a line of its own.
func readNXOSTable(name, text string) (rack.Cables, error) {
	out := rack.Cables{Read: []string{name}}
	_, rows, _ := strings.Cut(text, "Port ID")
	device := ""
	for line := range strings.SplitSeq(rows, "\n") {
		t := strings.TrimRight(line, " ")
		switch m := nxosRow.FindStringSubmatch(t); {
		case strings.HasPrefix(t, "Total entries") || strings.TrimSpace(t) == "":
		case m == nil:
			device = strings.TrimSpace(t)
		default:
			if d := strings.TrimSpace(m[1]); d != "" {
				device = d
			}
			out.Seen = append(out.Seen, rack.SeenCable{Device: name, Ports: []string{m[2]}, Neighbour: rack.Neighbour{System: device, Port: m[5]}})
			device = ""
		}
	}
	if len(out.Seen) == 0 {
		return out, fmt.Errorf("it has a head of a table and no row that can be read")
	}
	return out, nil
}

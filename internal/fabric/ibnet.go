package fabric

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

var (
	ibSwitch = regexp.MustCompile(`^Switch\s+\d+\s+"S-([0-9a-f]+)"\s*#\s*"([^"]*)"`)
	ibPort   = regexp.MustCompile(`^\[(\d+)\](?:\[ext \d+\])?(?:\([0-9a-f]+\))?\s+"([SH])-([0-9a-f]+)"\[(\d+)\](?:\([0-9a-f]+\))?\s*#\s*"([^"]*)"`)
)

// readIBNet reads ibnetdiscover. Every link between switches is told from both ends, one to an adapter from both too; the part of the
// switches is enough. A whole fabric is told, so a port of a switch that has no line has no neighbour.
func readIBNet(text string) (rack.Cables, error) {
	var out rack.Cables
	local := ""
	for line := range strings.SplitSeq(text, "\n") {
		if m := ibSwitch.FindStringSubmatch(line); m != nil {
			local = switchName(m[2], m[1])
			out.Read = append(out.Read, local)
			continue
		}
		if strings.HasPrefix(line, "Ca") || strings.HasPrefix(line, "Rt") {
			local = ""
		}
		m := ibPort.FindStringSubmatch(line)
		if m == nil || local == "" {
			continue
		}
		n := rack.Neighbour{Port: m[4], Chassis: m[3]}
		if m[2] == "S" {
			n.System = switchName(m[5], m[3])
		} else {
			n.System, n.Port = adapterName(m[5])
		}
		out.Seen = append(out.Seen, rack.SeenCable{Device: local, Ports: []string{m[1]}, Neighbour: n})
	}
	if len(out.Read) == 0 {
		return out, fmt.Errorf("ibnetdiscover told of no switch: the fabric is down, or this host has no port in it")
	}
	slices.Sort(out.Read)
	return out, nil
}

// switchName is the host of a node description such as "MF0;leaf-1:MQM9700/U1"; the GUID when there is none.
func switchName(descr, guid string) string {
	_, s, ok := strings.Cut(descr, ";")
	if !ok {
		s = descr
	}
	if s, _, _ = strings.Cut(s, ":"); strings.TrimSpace(s) != "" {
		return strings.TrimSpace(s)
	}
	return guid
}

// adapterName divides "n1 mlx5_4" and "n1 HCA-5". Texts of the factory name nobody; they stay as they are.
func adapterName(descr string) (device, port string) {
	f := strings.Fields(descr)
	if len(f) == 2 {
		return f[0], f[1]
	}
	return descr, ""
}

// readNetQ reads NetQ's topology graph: nodes have ids, links list pairs of interfaces. It tells what is there; a port that is not
// in it may have a neighbour that NetQ does not know, so nothing is told to be absent.
func readNetQ(text []byte) (rack.Cables, error) {
	type device struct {
		ID       string   `json:"id"`
		Name     string   `json:"name"`
		Compound []device `json:"compounded_nodes"`
	}
	var graphs []struct {
		Nodes []device `json:"nodes"`
		Links []struct {
			Compound []struct {
				Ends []struct {
					Node      string `json:"node"`
					Interface string `json:"interface"`
				} `json:"interfaces"`
			} `json:"compounded_links"`
		} `json:"links"`
	}
	var out rack.Cables
	if err := json.Unmarshal(text, &graphs); err != nil || len(graphs) == 0 || len(graphs[0].Nodes) == 0 {
		return out, fmt.Errorf("it is a JSON list, and no topology graph of NetQ")
	}
	names := map[string]string{}
	var walk func([]device)
	walk = func(list []device) {
		for _, d := range list {
			names[d.ID] = d.Name
			walk(d.Compound)
		}
	}
	for _, g := range graphs {
		walk(g.Nodes)
		for _, l := range g.Links {
			for _, c := range l.Compound {
				if len(c.Ends) != 2 || names[c.Ends[0].Node] == "" || names[c.Ends[1].Node] == "" {
					out.Unread = append(out.Unread, rack.Gap{Path: "compounded_links", Reason: "a link has not two ends with names"})
					continue
				}
				out.Seen = append(out.Seen, rack.SeenCable{Device: names[c.Ends[0].Node], Ports: []string{c.Ends[0].Interface},
					Neighbour: rack.Neighbour{System: names[c.Ends[1].Node], Port: c.Ends[1].Interface}})
			}
		}
	}
	return out, nil
}

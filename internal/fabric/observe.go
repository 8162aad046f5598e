package fabric

import (
	"path"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// Observed gathers what an observation tells of cables: the files that it was given, and what BMCs told of the ports of their hosts.
func Observed(d rack.Design, o rack.Observation) rack.Cables {
	var out rack.Cables
	if o.Cables != nil {
		out = rack.Cables{Seen: slices.Clone(o.Cables.Seen), Read: slices.Clone(o.Cables.Read), Unread: slices.Clone(o.Cables.Unread)}
	}
	for _, dev := range o.Devices {
		if dev.Node == "" {
			continue
		}
		if n := dev.BMC.Neighbour; n != nil {
			out.Seen = append(out.Seen, rack.SeenCable{Source: "bmc", Device: dev.Node, Ports: []string{"bmc"}, Neighbour: *n})
		}
		told, down := 0, 0
		host, _ := dev.Host()
		for _, nic := range host.NICs {
			switch {
			case nic.Neighbour != nil:
				told++
				out.Seen = append(out.Seen, rack.SeenCable{Source: "bmc", Device: dev.Node, Ports: portNames(nic), Neighbour: *nic.Neighbour})
			case nic.Link == "LinkDown" || nic.Link == "NoLink":
				down++
			}
		}
		// A BMC that tells neighbours of some ports may know nothing of others. Its silence means something only when the ports that
		// it told of, and those it says are down, are as many as the planned cables.
		if told > 0 && told+down >= planned(d, dev.Node) {
			out.Read = append(out.Read, dev.Node)
		}
	}
	return out
}

// portNames are the names that a BMC has for a port: slot-1/2 by where it stands, and its id.
func portNames(n rack.NIC) []string {
	var out []string
	if dir, id := path.Split(strings.TrimSuffix(n.Path, "/")); id != "" {
		adapter := path.Base(strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(dir, "/"), "/Ports"), "/NetworkPorts"))
		out = append(out, adapter+"/"+id)
	}
	return append(out, n.ID)
}

func planned(d rack.Design, node string) int {
	n := 0
	for _, f := range d.Fabrics {
		for _, l := range f.Links {
			if l.A.Kind == "node" && l.A.Device == node {
				n++
			}
		}
	}
	return n
}

// Seen tells whether anybody told of a cable at all.
func Seen(c rack.Cables) bool { return len(c.Seen) > 0 }

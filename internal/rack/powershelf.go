package rack

import (
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
)

// PowerShelf is a frame of power supplies with a controller of its own, which feeds the nodes of a rack over a busbar. It is no
// node: nothing boots on it. Its name is unique among nodes and shelves, so that one file binds both.
type PowerShelf struct {
	Address   Address     `json:"address"`
	Name      string      `json:"name"`
	Hardware  string      `json:"hardware,omitempty"` // key into Design.Hardware
	Rack      Address     `json:"rack"`
	PositionU int         `json:"position_u,omitempty"`
	Feed      string      `json:"feed,omitempty"`   // of the building; empty = not told, and never guessed
	Serves    []Address   `json:"serves,omitempty"` // nodes; empty = every node of its rack
	BMC       BMCSpec     `json:"bmc,omitzero"`
	Facts     Facts       `json:"facts,omitempty"` // catalog numbers that the blueprint overrides
	Origin    diag.Origin `json:"origin,omitzero"`
}

// RoleSwitchTray is the role of a node that is an NVLink switch tray: it comes up before the compute trays, and goes down after them.
const RoleSwitchTray = "switch_tray"

// Shelf finds a power shelf by address or by name.
func (d Design) Shelf(key string) (PowerShelf, bool) {
	for _, s := range d.PowerShelves {
		if s.Name == key || string(s.Address) == key {
			return s, true
		}
	}
	return PowerShelf{}, false
}

// Feeds tells whether a node hangs on this shelf.
func (s PowerShelf) Feeds(n Node) bool {
	if len(s.Serves) > 0 {
		return slices.Contains(s.Serves, n.Address)
	}
	return s.Rack == n.Rack
}

// ShelvesOf lists the shelves that a node hangs on, by address; none when the blueprint names no shelf for it.
func (d Design) ShelvesOf(n Node) []PowerShelf {
	var out []PowerShelf
	for _, s := range d.PowerShelves {
		if s.Feeds(n) {
			out = append(out, s)
		}
	}
	return out
}

// NodesOn lists the nodes that hang on a shelf, by address.
func (d Design) NodesOn(s PowerShelf) []Node {
	var out []Node
	for _, n := range d.Nodes {
		if s.Feeds(n) {
			out = append(out, n)
		}
	}
	return out
}

// PowerDomain is what has its power in common: shelves and nodes of one busbar, else the nodes of one rack that hang on no
// shelf.
type PowerDomain struct {
	Name    string // for people and leases: of the racks, else of the shelves, joined by "+"
	Racks   []Rack // that its nodes and shelves stand in
	Shelves []PowerShelf
	Nodes   []Node
}

// Has tells whether a node or shelf of this name belongs to the domain.
func (p PowerDomain) Has(name string) bool {
	return slices.ContainsFunc(p.Nodes, func(n Node) bool { return n.Name == name }) ||
		slices.ContainsFunc(p.Shelves, func(s PowerShelf) bool { return s.Name == name })
}

// PowerDomainOf finds the domain of a node or shelf by name or address.
func (d Design) PowerDomainOf(key string) (PowerDomain, bool) {
	name := key
	if n, ok := d.Node(key); ok {
		name = n.Name
	} else if s, ok := d.Shelf(key); ok {
		name = s.Name
	}
	for _, p := range d.PowerDomains() {
		if p.Has(name) {
			return p, true
		}
	}
	return PowerDomain{}, false
}

// PowerDomains cuts a design into its power domains, in the order of their names. Every node and every shelf is in exactly one.
func (d Design) PowerDomains() []PowerDomain {
	var parts []PowerDomain
	for _, s := range d.PowerShelves {
		p := PowerDomain{Shelves: []PowerShelf{s}, Nodes: d.NodesOn(s)}
		rest := parts[:0:0]
		for _, o := range parts { // what shares a node is one
			if slices.ContainsFunc(o.Nodes, func(n Node) bool { return p.Has(n.Name) }) {
				p.Shelves = append(o.Shelves, p.Shelves...)
				for _, n := range o.Nodes {
					if !p.Has(n.Name) {
						p.Nodes = append(p.Nodes, n)
					}
				}
			} else {
				rest = append(rest, o)
			}
		}
		parts = append(rest, p)
	}
	bare := map[Address][]Node{}
	for _, n := range d.Nodes {
		if len(d.ShelvesOf(n)) == 0 {
			bare[n.Rack] = append(bare[n.Rack], n)
		}
	}
	for _, nodes := range bare {
		parts = append(parts, PowerDomain{Nodes: nodes})
	}
	d.nameDomains(parts)
	slices.SortFunc(parts, func(a, b PowerDomain) int { return strings.Compare(a.Name, b.Name) })
	return parts
}

// nameDomains names each after its racks; where one rack holds several, the others are told apart by their first shelf or node.
func (d Design) nameDomains(parts []PowerDomain) {
	count := map[string]int{}
	for i := range parts {
		p := &parts[i]
		slices.SortFunc(p.Nodes, func(a, b Node) int { return strings.Compare(string(a.Address), string(b.Address)) })
		slices.SortFunc(p.Shelves, func(a, b PowerShelf) int { return strings.Compare(string(a.Address), string(b.Address)) })
		in := func(r Rack) bool {
			return slices.ContainsFunc(p.Nodes, func(n Node) bool { return n.Rack == r.Address }) ||
				slices.ContainsFunc(p.Shelves, func(s PowerShelf) bool { return s.Rack == r.Address })
		}
		var names []string
		for _, r := range d.Racks {
			if in(r) {
				p.Racks = append(p.Racks, r)
				names = append(names, r.Name)
			}
		}
		slices.Sort(names)
		p.Name = strings.Join(names, "+")
		count[p.Name]++
	}
	for i := range parts {
		p := &parts[i]
		switch {
		case count[p.Name] == 1 && p.Name != "":
		case len(p.Shelves) > 0:
			p.Name = strings.TrimPrefix(p.Name+"/"+p.Shelves[0].Name, "/")
		case len(p.Nodes) > 0:
			p.Name = strings.TrimPrefix(p.Name+"/"+p.Nodes[0].Name, "/")
		}
	}
}

// PeakKW is the most that a node draws: the blueprint's own number, else the catalog's, and no more than the limit that the
// blueprint has the controller keep. ok is false when nobody knows.
func (d Design) PeakKW(n Node) (Number, bool) {
	peak, ok := n.Facts["peak_kw"]
	if h := d.Hardware[n.Hardware].PeakKW; !ok && h != nil {
		peak, ok = *h, true
	}
	if m := n.BMC.Manager; m != nil {
		if w, isWhole := m.Settings["power_limit_w"].Value.(int64); isWhole {
			if limit := float64(w) / 1000; !ok || limit < peak.Value {
				return Number{Value: limit, Source: "power_limit", Verified: true}, true
			}
		}
	}
	return peak, ok
}

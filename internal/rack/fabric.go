package rack

import "github.com/metalwright/metalwright/internal/diag"

// Switch is a switch that the blueprint places: leaf, spine or management switch of a fabric.
type Switch struct {
	Address   Address     `json:"address"`
	Name      string      `json:"name"`     // as it calls itself by LLDP; unique in a Design
	Hardware  string      `json:"hardware"` // key into Design.Hardware
	Rack      Address     `json:"rack"`
	PositionU int         `json:"position_u"`
	OS        string      `json:"os,omitempty"`         // cumulus, sonic, mlnx_os; empty = its configuration is not rendered
	ChassisID string      `json:"chassis_id,omitempty"` // MAC that it gives as its LLDP chassis, where an observer tells no name
	Origin    diag.Origin `json:"origin,omitzero"`
}

// FabricDesign is what a fabric design of the catalog says in words; its numbers are Facts.
type FabricDesign struct {
	Shape    string      `json:"shape"`              // rail, management
	Protocol string      `json:"protocol,omitempty"` // InfiniBand, Ethernet
	Leaf     string      `json:"leaf,omitempty"`     // key of the switch model
	Spine    string      `json:"spine,omitempty"`
	Media    []MediaFact `json:"media,omitempty"` // by reach, shortest first
}

// MediaFact is a kind of cable and how far it reaches.
type MediaFact struct {
	Name  string `json:"name"` // dac, acc, mmf, smf
	Reach Number `json:"reach_m"`
}

// Fabric is one fabric block, resolved: every switch, port, cable, address and AS number. All of it follows from the block, the
// catalog's design and where things stand.
type Fabric struct {
	Address    Address        `json:"address"`
	Name       string         `json:"name"`
	Design     string         `json:"design"`             // key into Design.Hardware
	Verify     string         `json:"verify"`             // if_seen (default): unknown cables do not stop a node; require
	Manager    string         `json:"manager,omitempty"`  // leaf: the fabric manager takes a row of leaf ports; elsewhere
	Protocol   string         `json:"protocol,omitempty"` // InfiniBand, Ethernet
	Units      int            `json:"units"`
	Rails      int            `json:"rails"`
	Planes     int            `json:"planes,omitempty"` // independent halves of a rail; 1 is not written
	Capacity   int            `json:"capacity"`         // nodes that the built units take
	Network    string         `json:"network,omitempty"`
	ASNBase    int64          `json:"asn_base,omitempty"`
	RowPitchM  *float64       `json:"row_pitch_m,omitempty"`
	RailPorts  []string       `json:"ports,omitempty"` // what a node calls the port of rail 1, 2 …; alternatives divided by commas
	AsBuilt    bool           `json:"as_built,omitempty"`
	Attach     []Address      `json:"attach"` // nodes, in the order of their slots
	Slots      map[string]int `json:"slots,omitempty"`
	Leafs      []Address      `json:"leaf,omitempty"`
	Spines     []Address      `json:"spine,omitempty"`
	Management []Address      `json:"management,omitempty"`
	Switches   []FabricSwitch `json:"switches,omitempty"`
	Links      []Link         `json:"links,omitempty"`
	Origin     diag.Origin    `json:"origin,omitzero"`
}

// FabricSwitch is a switch in its role. One that no switch block places has no rack and no address.
type FabricSwitch struct {
	Address   Address `json:"address,omitempty"`
	Name      string  `json:"name"`
	Role      string  `json:"role"` // leaf, spine, management
	Hardware  string  `json:"hardware,omitempty"`
	OS        string  `json:"os,omitempty"`
	Rack      Address `json:"rack,omitempty"`
	PositionU int     `json:"position_u,omitempty"`
	Unit      int     `json:"unit,omitempty"` // counted from 1
	Rail      int     `json:"rail,omitempty"`
	Plane     int     `json:"plane,omitempty"`
	ASN       int64   `json:"asn,omitempty"`
	Loopback  string  `json:"loopback,omitempty"`
	Empty     int     `json:"empty,omitempty"` // ports of the full design that stay empty
	ChassisID string  `json:"chassis_id,omitempty"`
}

// Link is one cable, or one leg of a split cable. Its label is that of the full design: attaching another node changes none.
type Link struct {
	Label   string  `json:"label"` // four digits, and a letter for a leg
	Network string  `json:"network"`
	Rail    int     `json:"rail,omitempty"`
	Plane   int     `json:"plane,omitempty"`
	Colour  string  `json:"colour"`
	Speed   string  `json:"speed,omitempty"`
	Media   string  `json:"media,omitempty"`    // empty: the length or the reach is not known
	LengthM float64 `json:"length_m,omitempty"` // to order; 0 = not known
	A       End     `json:"a"`
	B       End     `json:"b"`
}

// End is one end of a cable.
type End struct {
	Device    string   `json:"device"` // node or switch name
	Kind      string   `json:"kind"`   // node, switch, bmc, manager, shelf, dpu
	Rack      Address  `json:"rack,omitempty"`
	PositionU int      `json:"position_u,omitempty"`
	Port      string   `json:"port"`             // as the device calls it
	Number    int      `json:"number,omitempty"` // on its front, counted from 1
	Also      []string `json:"also,omitempty"`   // other names of the port
	Address   string   `json:"address,omitempty"`
}

// Switch finds a switch by name.
func (f Fabric) Switch(name string) (FabricSwitch, bool) {
	for _, s := range f.Switches {
		if s.Name == name {
			return s, true
		}
	}
	return FabricSwitch{}, false
}

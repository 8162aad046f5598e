package rack

// FacetNeighbours asks a survey for the LLDP neighbours that a BMC tells of the ports of its host.
const FacetNeighbours Facet = "neighbours"

// Neighbour is what stands at the other end of a port, as LLDP (IEEE 802.1AB) told it.
type Neighbour struct {
	System  string `json:"system,omitempty"`  // name it gives itself
	Chassis string `json:"chassis,omitempty"` // its chassis id: mostly a MAC, lower case
	Port    string `json:"port,omitempty"`    // its port id
	Descr   string `json:"descr,omitempty"`   // its port description
}

// SeenCable is one neighbour that an observer told of.
type SeenCable struct {
	Source    string    `json:"source"`          // bmc, or the file that said so
	Device    string    `json:"device"`          // who saw it
	Ports     []string  `json:"ports,omitempty"` // names of its own port
	Neighbour Neighbour `json:"neighbour"`
}

// Cables is what was seen of cables, and who was asked without an answer.
type Cables struct {
	Seen []SeenCable `json:"seen,omitempty"`
	// Read are devices whose whole table of neighbours was told: a port of theirs that is not in it has none.
	Read   []string `json:"read,omitempty"`
	Unread []Gap    `json:"unread,omitempty"` // by source
}

package redfish

// Set is the quirks of one BMC.
type Set struct{ ids map[string]bool }

// Has tells whether a row of the table applies: "R40".
func (s Set) Has(id string) bool { return s.ids[id] }

// Identity is what a BMC is, by what it says of itself.
type Identity struct {
	Vendor, Product, Dialect, RedfishVersion, BMCVersion string
}

// QuirksOf matches the table.
func QuirksOf(Identity) Set { return Set{} }

func identityOfRoot(o Object) Identity { return Identity{RedfishVersion: o.Str("RedfishVersion")} }

func (c *Client) adopt(s Set) { c.quirks.Store(&s) }

package rack

import "strings"

// Location is where a machine says it stands: what somebody wrote into its controller. Empty and 0 = not told.
type Location struct {
	Rack string `json:"rack,omitempty"`
	Row  string `json:"row,omitempty"`
	U    int    `json:"u,omitempty"` // lowest unit, counted from 1
}

// Told tells whether a place is said at all: a unit without a rack is what some controllers are delivered with.
func (l Location) Told() bool { return l.Rack != "" }

// At tells whether a location is that of a rack and unit, as far as it is told. Case and space do not count.
func (l Location) At(rack string, u int) bool {
	return (l.Rack == "" || strings.EqualFold(strings.TrimSpace(l.Rack), strings.TrimSpace(rack))) && (l.U == 0 || l.U == u)
}

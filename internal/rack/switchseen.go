package rack

import "encoding/json"

// ConfigTree is configuration as settings by their path: the words of the path with a blank between them, as "nv set" takes them for
// NVUE and as table, key and field for SONiC. A value is compact JSON; {} is a setting that is there and has no value.
type ConfigTree map[string]json.RawMessage

// ConfigChange is one setting that differs. A side without value is absent there.
type ConfigChange struct {
	Path string          `json:"path"`
	From json.RawMessage `json:"from,omitempty"`
	To   json.RawMessage `json:"to,omitempty"`
}

// SwitchSeen is what one switch told of its configuration.
type SwitchSeen struct {
	Address  Address    `json:"address"`
	Name     string     `json:"name"`
	Endpoint string     `json:"endpoint,omitempty"`
	OS       string     `json:"os"`
	Config   ConfigTree `json:"config"`            // the part that the Design declares
	Foreign  int        `json:"foreign"`           // settings besides it, which are left alone
	Unsaved  bool       `json:"unsaved,omitempty"` // what runs is not what would come back after a restart
	Pending  string     `json:"pending,omitempty"` // a change of somebody that is not over; empty = none
	NoPorts  []string   `json:"no_ports,omitempty"`
	Kept     []string   `json:"kept,omitempty"` // what is other than designed and stays, for the switch is reached by it
}

// Switch finds what a switch told, by its name or address.
func (o Observation) Switch(key string) (SwitchSeen, bool) {
	for _, s := range o.Switches {
		if s.Name == key || string(s.Address) == key {
			return s, true
		}
	}
	return SwitchSeen{}, false
}

// Switch finds a placed switch by address or by name.
func (d Design) Switch(key string) (Switch, bool) {
	for _, s := range d.Switches {
		if s.Name == key || string(s.Address) == key {
			return s, true
		}
	}
	return Switch{}, false
}

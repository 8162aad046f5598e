package rack

import (
	"slices"
	"strings"
)

// FacetShelf is what a power shelf tells of itself: a request or two for each of its supplies.
const FacetShelf Facet = "power_shelf"

// Shelf is what a power shelf tells of itself (facet power_shelf). Its supplies stand in Device.Power.
type Shelf struct {
	Chassis     string       `json:"chassis,omitempty"`     // path of what is switched
	PowerState  string       `json:"power_state,omitempty"` // On, Off, or a transition; empty = not told
	RatedWatts  *float64     `json:"rated_watts,omitempty"`
	OutputWatts *float64     `json:"output_watts,omitempty"` // of all supplies that tell theirs; nil = none does
	ResetTypes  []string     `json:"reset_types,omitempty"`
	Redundancy  []Redundancy `json:"redundancy,omitempty"`
}

// Redundancy is a group of supplies that back each other up (DSP0268, RedundantGroup).
type Redundancy struct {
	Type   string `json:"type,omitempty"` // NPlusM, Failover, Sharing …
	Needed int    `json:"needed,omitempty"`
	Of     int    `json:"of,omitempty"`
	State  string `json:"state,omitempty"`
	Health string `json:"health,omitempty"`
}

// Works tells whether a supply gives power as far as it says. One that tells neither state nor health is believed to. A Lite-On
// calls one that gives 640 W "Standby".
func (u PowerUnit) Works() bool {
	gone := []string{"absent", "disabled", "unavailableoffline", "standbyoffline"}
	bad := u.Health != "" && !strings.EqualFold(u.Health, "OK")
	return !bad && !strings.EqualFold(u.PowerState, "Off") && !slices.Contains(gone, strings.ToLower(u.State))
}

// Supplies lists the supplies of a device: those that work, and those that do not.
func (d Device) Supplies() (works, failed []PowerUnit) {
	for _, u := range d.Power {
		switch {
		case u.Kind != "supply":
		case u.Works():
			works = append(works, u)
		default:
			failed = append(failed, u)
		}
	}
	return works, failed
}

// GivesKW is what the working supplies of a shelf can give; told is false when one of them does not say what it is rated at.
func (d Device) GivesKW() (kw float64, told bool) {
	if d.Shelf == nil || strings.EqualFold(d.Shelf.PowerState, "Off") {
		return 0, d.Shelf != nil
	}
	works, failed := d.Supplies()
	for _, u := range works {
		if u.CapacityWatts == nil {
			return 0, false
		}
		kw += *u.CapacityWatts / 1000
	}
	if len(works)+len(failed) == 0 {
		return 0, false
	}
	return kw, true
}

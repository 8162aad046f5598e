package cli

import (
	"fmt"
	"strings"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// isShelf tells whether a device is a power shelf: of the blueprint, or by what it says of itself.
func isShelf(d rack.Design, dev rack.Device) bool {
	_, ok := d.Shelf(dev.Node)
	return ok || dev.Shelf != nil
}

// showShelves writes one line for each power shelf that was read: what it is, what works, what it can give and gives now.
func (a *app) showShelves(d rack.Design, o rack.Observation) {
	var rows [][]string
	for _, dev := range o.Devices {
		if isShelf(d, dev) {
			rows = append(rows, shelfRow(d, o, dev))
		}
	}
	if len(rows) > 0 {
		a.table([]string{"SHELF", "U", "MODEL", "SERIAL", "FEEDS", "SUPPLIES", "RATED", "CAN GIVE", "GIVES", "POWER", "STATE"}, rows)
	}
}

func shelfRow(d rack.Design, o rack.Observation, dev rack.Device) []string {
	name, u, feeds := dev.Node, "", ""
	if name == "" {
		name = dev.Address
	}
	if s, ok := d.Shelf(dev.Node); ok {
		u, feeds = fmt.Sprint(s.PositionU), count(len(d.NodesOn(s)), "node")
	}
	works, failed := dev.Supplies()
	supplies := fmt.Sprintf("%d of %d work", len(works), len(works)+len(failed))
	for _, f := range failed {
		supplies += fmt.Sprintf(", %s: %s", f.ID, strings.ToLower(first(f.Health, f.State, f.PowerState)))
	}
	model, serial := chassisModel(dev), ""
	for _, c := range dev.Chassis {
		serial = first(serial, c.SerialNumber)
	}
	power, rated, out := "", "", ""
	if s := dev.Shelf; s != nil {
		power, rated, out = s.PowerState, kwOf(s.RatedWatts), kwOf(s.OutputWatts)
	}
	gives := "?"
	if kw, told := dev.GivesKW(); told {
		gives = kilowatts(kw)
	}
	state := "read"
	if n := len(o.GapsOf(dev.Address)); n > 0 {
		state = "? " + count(n, "gap")
	}
	return []string{name, u, model, short(serial), feeds, supplies, rated, gives, out, power, state}
}

func kwOf(watts *float64) string {
	if watts == nil {
		return "?"
	}
	return kilowatts(*watts / 1000)
}

// kilowatts writes a power with as many digits as it needs, three at most.
func kilowatts(kw float64) string {
	s := fmt.Sprintf("%.3f", kw)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".") + " kW"
}

// first gives the first text that is not empty.
func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// showPower says how what a plan switches on is kept apart, and what it comes to under each limit.
func (a *app) showPower(p plan.Plan) {
	for _, d := range p.Power {
		parts := []string{fmt.Sprintf("%s, %s s apart", countOf(len(d.Nodes), "node comes on or is cycled", "nodes come on or are cycled"),
			strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", d.StaggerS), "0"), "."))}
		for _, l := range d.Limits {
			text := fmt.Sprintf("at worst %s of the %s of %s", kilowatts(l.DrawnKW), kilowatts(l.KW), l.What)
			if n := len(l.Unknown); n > 0 {
				text += fmt.Sprintf(" (and %s whose peak nobody knows)", count(n, "node"))
			}
			parts = append(parts, text)
		}
		a.hang(fmt.Sprintf("  power of %s: ", d.Name), strings.Join(parts, "; "))
	}
}

// shelfLines say what a step does to the rails of a shelf, and what hangs on them.
func shelfLines(s step.Step) []string {
	if s.Want["cycled"] == true {
		return []string{"~ rails off and on", s.Why}
	}
	return []string{fmt.Sprintf("~ rails %v -> %v", word(s.Expect["power_state"]), word(s.Want["power_state"])), s.Why}
}

package blueprint

import (
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// How far apart power-ons of one power domain may be: the inrush of an 8-GPU node is over within 2 s, and more than 5 s only
// costs time.
const (
	minStaggerS = 2
	maxStaggerS = 5
)

var shelfSpec = &blockSpec{labels: 1, meta: true, attrs: attrs(nil, "hardware", "model", "feed", "serves", "description"),
	blocks: nested{
		"at":    place,
		"bmc":   object(nil, "username", "credential"),
		"facts": factsSpec,
	}}

// powerShelf reads a power_shelf block: where the shelf stands, what it is, how its controller is reached and what hangs on it.
func (rd *reader) powerShelf(in *instance) {
	r := rd.s.m.r
	e := &rack.PowerShelf{Address: in.address, Origin: rd.origin()}
	e.Name = rd.nodeName(in)
	in.vals["hardware"] = poisoned
	name := "hardware"
	if _, ok := rd.attr["model"]; ok {
		name = "model"
	}
	if key, v, ok := rd.catalogKey(name, "hardware", "hw"); ok {
		if h, known := r.hardware(key, rd.at(name)); known {
			rd.kind(h, name, "shelf")
			e.Hardware = key
			in.vals["hardware"] = v
			rd.fromCatalog("hardware", "hw."+key, h.Digest)
		}
	} else if _, given := rd.attr[name]; !given {
		rd.errorf(rd.rng, "Missing attribute", `power_shelf needs "hardware".`)
	}
	if at := rd.sub("at", ""); at != nil {
		if to, ok := at.ref("rack", "rack", "rack"); ok {
			e.Rack = to.address
			in.link("rack", to)
		}
		e.PositionU, _ = at.whole("u", "position_u", 1, maxRackU)
	}
	e.Feed = rd.text("feed")
	if _, ok := rd.attr["serves"]; ok {
		nodes, _ := rd.refs("serves", "serves", "node")
		for _, n := range nodes {
			e.Serves = append(e.Serves, n.address)
		}
		slices.Sort(e.Serves)
		e.Serves = slices.Compact(e.Serves)
		if len(nodes) == 0 {
			rd.errorf(rd.at("serves"), "Shelf of nothing", "%s serves no node. Leave serves out where it feeds its whole rack.", e.Address)
		}
	}
	if b := rd.sub("bmc", "bmc"); b != nil {
		e.BMC = rack.BMCSpec{Username: b.text("username"), Credential: b.secret("credential", "credential"), Origin: diag.At(b.rng)}
	}
	e.Facts = rd.facts()
	in.vals["u"], in.vals["feed"] = wholeOrNull(e.PositionU), cty.StringVal(e.Feed)
	in.element = e
}

// stagger reads how far apart power-ons of a rack are kept, in seconds; 0 = not given.
func (rd *reader) stagger() float64 {
	s, ok := rd.number("stagger", "stagger_s", &durationS)
	if !ok {
		return 0
	}
	if s < minStaggerS || s > maxStaggerS {
		rd.errorf(rd.at("stagger"), "Wrong value", "Power-ons are kept %d to %d seconds apart; this is %s s.", minStaggerS, maxStaggerS, decimal(s))
		return 0
	}
	return s
}

// shelfLoss: with the shelves of one feed lost, those that are left carry the peak of what hangs on them. It is judged only where
// every shelf of the domain says which feed it is on: how shelves are spread is a fact of the site.
func (r *resolver) shelfLoss() {
	for _, p := range r.design.PowerDomains() {
		byFeed, total := map[string]float64{}, 0.0
		told, sure := len(p.Shelves) > 0, true
		for _, s := range p.Shelves {
			supplies, each := r.number(s.Hardware, s.Facts, "supplies"), r.number(s.Hardware, s.Facts, "supply_kw")
			if s.Feed == "" || supplies == nil || each == nil {
				told = false
				break
			}
			sure = sure && supplies.Verified && each.Verified
			byFeed[s.Feed] += supplies.Value * each.Value
			total += supplies.Value * each.Value
		}
		if !told {
			continue
		}
		peak := 0.0
		for _, n := range p.Nodes {
			x := r.number(n.Hardware, n.Facts, "peak_kw")
			if x == nil {
				r.unknown(n.Address, "hardware", "the peak power", n.Hardware)
				continue // what is known may be too much already
			}
			peak, sure = peak+x.Value, sure && x.Verified
		}
		for _, feed := range sortedKeys(byFeed) {
			if left := round(total - byFeed[feed]); left < round(peak) {
				s := p.Shelves[0]
				r.find(finding{rule: "power.shelf_feed", about: []rack.Address{s.Rack, s.Address}, at: r.at(s.Address, "feed"), warning: true,
					summary: "Feed loss is not covered by the shelves", detail: fmt.Sprintf(
						"With feed %q lost, the power shelves of %s that are left carry %s kW; what hangs on them peaks at %s kW. It throttles or "+
							"goes down then, unless its power is capped.%s", feed, p.Name, decimal(left), decimal(round(peak)), basis(sure))})
			}
		}
	}
}

package blueprint

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// feedTolerance is the shortfall up to which losing a feed is a warning: the machine throttles, or gets a power cap.
const feedTolerance = 0.10

// physical runs the checks of space, power, weight and cooling on every rack.
func (r *resolver) physical() {
	for i := range r.design.Racks {
		rk := &r.design.Racks[i]
		in := r.registry[rk.Address]
		site, _ := r.siteOf(in)
		content := r.heldBy(rk.Address)
		slices.SortStableFunc(content, func(a, b held) int {
			if a.u != b.u {
				return a.u - b.u
			}
			return compareText(string(a.in.address), string(b.in.address))
		})
		r.space(rk, content)
		r.feedLoss(rk, content)
		r.contract(rk, content)
		r.weight(rk, site, content)
		r.cooling(rk, site, content)
	}
	r.siteContracts()
	r.shelfLoss()
	r.reportGaps()
}

func (r *resolver) siteOf(in *instance) (*rack.Site, bool) {
	if in == nil || in.links["site"] == nil {
		return nil, false
	}
	s, ok := in.links["site"].element.(*rack.Site)
	return s, ok
}

// at is where a leaf of an element was set.
func (r *resolver) at(a rack.Address, leaf string) diag.Origin {
	if p, ok := r.prov[string(a)+"."+leaf]; ok {
		return p.Origin
	}
	if in := r.registry[a]; in != nil {
		return diag.At(in.b.syn.DefRange())
	}
	return diag.Origin{}
}

// A gap is a number that a check needed and nobody knows.
type gap struct {
	at   diag.Origin
	what string
}

// unknown remembers that a check could not be made. It is said once for each line and number, for all hardware
// together.
func (r *resolver) unknown(a rack.Address, leaf, what, key string) {
	g := gap{r.at(a, leaf), what}
	if !slices.Contains(r.gaps[g], key) {
		if r.gaps == nil {
			r.gaps = map[gap][]string{}
		}
		r.gaps[g] = append(r.gaps[g], key)
	}
}

func (r *resolver) reportGaps() {
	for g, keys := range r.gaps { // the diagnostics are sorted before they are returned
		slices.Sort(keys)
		verb := "is"
		if strings.Contains(g.what, ",") {
			verb = "are"
		}
		r.warnf(g.at.Range, "Not checked", "%s of hw.%s %s unknown. Give it in facts { … } with its source.",
			strings.ToUpper(g.what[:1])+g.what[1:],
			strings.Join(keys, ", hw."), verb)
	}
}

// space: what stands in a rack lies within it and does not overlap. A height that is not known counts as one unit,
// which is
// the least; a height that is not verified gives a warning only, unless the overlap does not depend on it.
func (r *resolver) space(rk *rack.Rack, content []held) {
	capacity := r.number(rk.Model, rk.Facts, "u")
	if capacity == nil && rk.Model != "" && len(content) > 0 {
		r.unknown(rk.Address, "model", "the height", rk.Model)
	}
	for i, h := range content {
		if h.u < 1 || h.model == "" {
			continue
		}
		top, sure := r.top(h)
		for _, o := range content[i+1:] {
			if o.u < 1 || o.u > top {
				continue
			}
			r.find(finding{rule: "place.u", about: []rack.Address{o.in.address, h.in.address, rk.Address},
				at:      r.at(o.in.address, "position_u"),
				summary: "Rack units overlap", warning: !sure && o.u > h.u,
				detail: fmt.Sprintf("%s starts at U%d of %s, where %s stands from U%d to U%d.%s", o.in.address, o.u,
					rk.Address,
					h.in.address, h.u, top, unverified(sure || o.u == h.u))})
		}
		if capacity != nil && float64(top) > capacity.Value {
			sure := capacity.Verified && (sure || float64(h.u) > capacity.Value)
			r.find(finding{rule: "place.u", about: []rack.Address{h.in.address, rk.Address}, at: r.at(h.in.address,
				"position_u"),
				summary: "Outside of the rack", warning: !sure,
				detail: fmt.Sprintf("%s stands from U%d to U%d; %s has %s units.%s", h.in.address, h.u, top,
					rk.Address, decimal(capacity.Value),
					unverified(sure))})
		}
	}
}

// top is the highest unit that something fills, and whether that is certain.
func (r *resolver) top(h held) (int, bool) {
	n := r.number(h.model, h.facts, "u")
	if n == nil {
		r.unknown(h.in.address, "position_u", "the height", h.model)
		return h.u, true
	}
	return h.u + max(int(math.Ceil(n.Value)), 1) - 1, n.Verified
}

func unverified(sure bool) string {
	if sure {
		return ""
	}
	return " The height rests on a number that is not verified, so this is a warning; override it in facts { … } " +
		"with your source."
}

// feedLoss: with one feed lost, the power supplies of a node that are left carry its peak (supplies spread evenly).
func (r *resolver) feedLoss(rk *rack.Rack, content []held) {
	if rk.Feeds == 0 {
		return
	}
	for _, h := range content {
		if h.in.b.kind != "node" || h.model == "" {
			continue
		}
		nums, ok := r.numbers(h, rk.Address, "feeds", map[string]string{"peak_kw": "the peak power",
			"supplies":  "the number of supplies",
			"supply_kw": "the power of a supply"})
		if !ok {
			continue
		}
		peak, supplies, each := nums["peak_kw"], nums["supplies"], nums["supply_kw"]
		left := supplies.Value - math.Ceil(supplies.Value/float64(rk.Feeds))
		carried := round(left * each.Value)
		short := peak.Value - carried
		if short <= 1e-9 {
			continue
		}
		sure := peak.Verified && supplies.Verified && each.Verified
		f := finding{rule: "power.feed", about: []rack.Address{h.in.address, rk.Address}, at: r.at(rk.Address, "feeds"),
			summary: "Feed loss is not covered", warning: short <= feedTolerance*peak.Value || !sure}
		f.detail = fmt.Sprintf("With one of %d feeds lost, %s of %s supplies are left: %s kW for hw.%s, which peaks "+
			"at %s kW.", rk.Feeds,
			decimal(left), decimal(supplies.Value), decimal(carried), h.model, decimal(peak.Value))
		switch {
		case short <= feedTolerance*peak.Value:
			f.detail += " It throttles then, unless its power is capped; more feeds would carry it."
		case !sure:
			f.detail += " The numbers are not verified, so this is a warning; give the rack more feeds, or override " +
				"them in facts { … }."
		default:
			f.detail += " Give the rack more feeds, or waive power.feed for this node."
		}
		r.find(f)
	}
}

// numbers gathers what a check needs; what is unknown is reported at the leaf that asks for the check.
func (r *resolver) numbers(h held, rackAt rack.Address, leaf string, want map[string]string) (map[string]rack.Number,
	bool) {
	out, ok := map[string]rack.Number{}, true
	var missing []string
	for _, name := range sortedKeys(want) {
		n := r.number(h.model, h.facts, name)
		if n == nil {
			missing = append(missing, want[name])
			ok = false
			continue
		}
		out[name] = *n
	}
	if !ok {
		r.unknown(rackAt, leaf, strings.Join(missing, ", "), h.model)
	}
	return out, ok
}

// total sums a number over what stands in a rack. What is unknown is reported and left out; complete says that nothing
// was.
func (r *resolver) total(content []held, name, what string, at rack.Address, leaf string) (sum float64, sure,
	complete bool) {
	sure, complete = true, true
	for _, h := range content {
		if name == "peak_kw" && h.in.b.kind == "power_shelf" {
			continue // it gives power
		}
		if h.model == "" {
			complete = false
			continue
		}
		n := r.number(h.model, h.facts, name)
		if n == nil {
			r.unknown(at, leaf, what, h.model)
			complete = false
			continue
		}
		sum += n.Value
		sure = sure && n.Verified
	}
	return round(sum), sure, complete
}

// contract: the peaks of a rack stay within what its contract allows. What is known is enough to be over it.
func (r *resolver) contract(rk *rack.Rack, content []held) {
	if rk.ContractKW == nil {
		return
	}
	sum, sure, _ := r.total(content, "peak_kw", "the peak power", rk.Address, "contract_kw")
	if sum <= *rk.ContractKW {
		return
	}
	r.find(finding{rule: "power.contract", about: []rack.Address{rk.Address}, at: r.at(rk.Address, "contract_kw"),
		summary: "Over the contracted power", warning: !sure,
		detail: fmt.Sprintf("What stands in %s peaks at %s kW together; the contract allows %s kW.%s", rk.Address,
			decimal(sum),
			decimal(*rk.ContractKW), basis(sure))})
}

func basis(sure bool) string {
	if sure {
		return ""
	}
	return " A number in the sum is not verified, so this is a warning; override it in facts { … } with your source."
}

// siteContracts: the contracts of the racks of a site (their peaks, where they have none) stay within that of the
// building.
func (r *resolver) siteContracts() {
	for _, s := range r.design.Sites {
		if s.Power == nil || s.Power.ContractKW == nil {
			continue
		}
		sum, sure := 0.0, true
		for _, rk := range r.design.Racks {
			if rk.Site != s.Address {
				continue
			}
			peak, verified, _ := r.total(r.heldBy(rk.Address), "peak_kw", "the peak power", s.Address,
				"power.contract_kw")
			sum, sure = sum+peak, sure && verified
		}
		if sum = round(sum); sum > *s.Power.ContractKW {
			r.find(finding{rule: "power.contract", about: []rack.Address{s.Address}, at: r.at(s.Address,
				"power.contract_kw"),
				summary: "Over the contracted power", warning: !sure,
				detail: fmt.Sprintf("The racks of %s peak at %s kW together; the contract allows %s kW.%s", s.Address,
					decimal(sum),
					decimal(*s.Power.ContractKW), basis(sure))})
		}
	}
}

// weight: what stands in a rack, and the frame, stay within the floor's and the frame's limit.
func (r *resolver) weight(rk *rack.Rack, site *rack.Site, content []held) {
	limit, at, leaf := rk.MaxKg, rk.Address, "max_kg"
	if limit == nil && site != nil && site.FloorKg != nil {
		limit, at, leaf = site.FloorKg, site.Address, "floor_kg_per_rack"
	}
	if limit == nil {
		return
	}
	sum, sure, _ := r.total(content, "weight_kg", "the weight", at, leaf)
	tare := r.number(rk.Model, rk.Facts, "weight_kg")
	if tare != nil {
		sum, sure = round(sum+tare.Value), sure && tare.Verified
	} else if rk.Model != "" {
		r.unknown(at, leaf, "the tare", rk.Model)
	}
	if sum <= *limit {
		return
	}
	r.find(finding{rule: "weight.floor", about: []rack.Address{rk.Address, at}, at: r.at(at, leaf),
		summary: "Too heavy", warning: !sure,
		detail: fmt.Sprintf("%s weighs %s kg with what stands in it; the limit is %s kg.%s", rk.Address, decimal(sum),
			decimal(*limit),
			basis(sure))})
}

// cooling: the site offers the class that a node needs. Hybrid needs both air and liquid.
func (r *resolver) cooling(rk *rack.Rack, site *rack.Site, content []held) {
	if site == nil || len(site.Cooling) == 0 {
		return
	}
	for _, h := range content {
		class := r.design.Hardware[h.model].Cooling
		needs := map[string][]string{"air": {"air"}, "liquid": {"liquid"}, "hybrid": {"air", "liquid"}}[class]
		if class == "" && h.model != "" {
			r.unknown(h.in.address, "hardware", "the cooling class", h.model)
		}
		for _, n := range needs {
			if slices.Contains(site.Cooling, n) || n == "air" && slices.Contains(site.Cooling, "rear_door") {
				continue
			}
			r.find(finding{rule: "cooling.class", about: []rack.Address{h.in.address, rk.Address, site.Address},
				at:      r.at(h.in.address, "hardware"),
				summary: "Cooling is not offered",
				detail: fmt.Sprintf("hw.%s is cooled by %s; %s offers %s.", h.model, class, site.Address,
					strings.Join(site.Cooling, ", "))})
		}
	}
}

// round drops what binary fractions add: sums of catalog numbers have at most a few decimals.
func round(f float64) float64 { return math.Round(f*1e6) / 1e6 }

func decimal(f float64) string {
	s := fmt.Sprintf("%.3f", f)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

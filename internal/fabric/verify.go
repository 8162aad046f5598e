package fabric

import (
	"cmp"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// The kinds of findings.
const (
	Swapped = "swapped" // two cables have changed places
	Wrong   = "wrong"   // a cable ends at another port
	Missing = "missing" // no neighbour where one is planned
	Extra   = "extra"   // a neighbour where none is planned
	Unknown = "unknown" // nobody told
)

// Findings is what was seen of cables held against what is planned. It is complete: Planned = OK + what Items name + NotAsked.
type Findings struct {
	Planned  int       `json:"planned"`
	OK       int       `json:"ok"`
	Unknown  int       `json:"unknown"`   // cables that nobody told of
	NotAsked int       `json:"not_asked"` // management cables, where no table of a management switch was given
	Verified []string  `json:"verified"`  // labels of those that are as planned
	Items    []Finding `json:"findings"`
}

// Finding is one thing that is not as planned, with what to do.
type Finding struct {
	Kind   string       `json:"kind"`
	Fabric rack.Address `json:"fabric,omitempty"`
	Labels []string     `json:"labels,omitempty"`
	Nodes  []string     `json:"nodes,omitempty"` // whose planned cable it is
	Lines  []string     `json:"lines"`           // one a cable: rack, unit, device, port, and what is seen
	Do     string       `json:"do,omitempty"`
}

// Bad tells whether a cable is known to be other than planned.
func (f Findings) Bad() bool {
	return slices.ContainsFunc(f.Items, func(x Finding) bool { return x.Kind != Unknown })
}

// Of lists the findings about the planned cables of a node.
func (f Findings) Of(node string, kinds ...string) []Finding {
	var out []Finding
	for _, x := range f.Items {
		if slices.Contains(x.Nodes, node) && slices.Contains(kinds, x.Kind) {
			out = append(out, x)
		}
	}
	return out
}

// Verify holds what was seen against the fabrics of d. What nobody told of is unknown, never in order.
func Verify(d rack.Design, seen rack.Cables) Findings {
	out := Findings{Items: []Finding{}, Verified: []string{}}
	for _, f := range d.Fabrics {
		v := newVerifier(d, f, seen)
		v.judge()
		v.say(&out)
	}
	for _, g := range seen.Unread {
		out.Items = append(out.Items, Finding{Kind: Unknown, Lines: []string{strings.TrimSpace(g.Address+" "+g.Path) + ": " + g.Reason},
			Do: "What it would have told is unknown. Give it again."})
	}
	slices.SortStableFunc(out.Items, func(a, b Finding) int { return cmp.Compare(order(a.Kind), order(b.Kind)) })
	return out
}

func order(kind string) int {
	return slices.Index([]string{Swapped, Wrong, Missing, Extra, Unknown}, kind)
}

// spot is a port of a device of the Design, or of a stranger.
type spot struct {
	device string // as the Design calls it; of a stranger, as it calls itself
	port   string // as the Design calls it; empty = a name that the Design does not have
	raw    string // as it was told
	known  bool   // a device of the Design
}

func (s spot) String() string { return strings.TrimSpace(s.device + " " + cmp.Or(s.port, s.raw)) }

// is tells whether s can be an end of a planned cable: the device, and its port as far as that is known. A host may call its port
// what it likes; a data port of a switch that the plan does not have is another port.
func (s spot) is(e rack.End) bool {
	open := s.port == "" && !(e.Kind == "switch" && dataPort.MatchString(s.raw))
	return s.known && s.device == e.Device && (s.port == e.Port || open)
}

// on tells whether s is exactly that port.
func (s spot) on(e rack.End) bool { return s.known && s.device == e.Device && s.port == e.Port }

// pair is one cable as it was seen.
type pair struct {
	x, y spot
	used bool
}

// verdict is what became of one planned cable.
type verdict struct {
	link             rack.Link
	kind             string // empty = as planned
	actualA, actualB *spot  // what is seen at the other end's place
	asked            bool
	done             bool
}

type verifier struct {
	d        rack.Design
	f        rack.Fabric
	devices  map[string]string            // by any of its names
	ports    map[string]map[string]string // device → told name → planned name
	read     map[string]bool
	pairs    []*pair
	verdicts []*verdict
}

func newVerifier(d rack.Design, f rack.Fabric, seen rack.Cables) *verifier {
	v := &verifier{d: d, f: f, devices: map[string]string{}, ports: map[string]map[string]string{}, read: map[string]bool{}}
	for _, n := range d.Nodes {
		v.devices[key(n.Name)] = n.Name
	}
	for _, s := range f.Switches {
		v.devices[key(s.Name)] = s.Name
		if s.ChassisID != "" {
			v.devices[key(s.ChassisID)] = s.Name
		}
	}
	for _, s := range d.Switches { // of other fabrics: no strangers
		v.devices[key(s.Name)] = s.Name
	}
	for _, l := range f.Links {
		for _, e := range []rack.End{l.A, l.B} {
			if v.ports[e.Device] == nil {
				v.ports[e.Device] = map[string]string{}
			}
			for _, name := range append([]string{e.Port}, e.Also...) {
				v.ports[e.Device][key(name)] = e.Port
			}
		}
		v.verdicts = append(v.verdicts, &verdict{link: l})
	}
	for _, name := range seen.Read {
		v.read[v.device(name, "").device] = true
	}
	for _, c := range seen.Seen {
		v.see(c)
	}
	return v
}

// device finds a device by the name or chassis id that was told.
func (v *verifier) device(name, chassis string) spot {
	for _, k := range []string{key(name), deviceKey(name), key(chassis)} {
		if d, ok := v.devices[k]; ok && k != "" {
			return spot{device: d, known: true}
		}
	}
	return spot{device: cmp.Or(name, chassis)}
}

func (v *verifier) spot(s spot, names ...string) spot {
	for _, n := range names {
		if n == "" {
			continue
		}
		s.raw = cmp.Or(s.raw, n)
		if p, ok := v.ports[s.device][key(n)]; ok && s.known {
			s.port = p
			break
		}
	}
	return s
}

func (v *verifier) see(c rack.SeenCable) {
	x := v.spot(v.device(c.Device, ""), c.Ports...)
	y := v.spot(v.device(c.Neighbour.System, c.Neighbour.Chassis), c.Neighbour.Port, c.Neighbour.Descr)
	if internal(c.Neighbour) || !x.known && !y.known {
		return
	}
	v.pairs = append(v.pairs, &pair{x: x, y: y})
}

// internal tells a port of a switch's own silicon: the aggregation node of InfiniBand switches is no cable.
func internal(n rack.Neighbour) bool { return strings.Contains(n.System, "Aggregation Node") }

// judge gives every planned cable its verdict.
func (v *verifier) judge() {
	for _, x := range v.verdicts {
		v.match(x)
	}
	for _, x := range v.verdicts {
		if x.kind == Missing {
			v.moved(x)
		}
	}
}

func (v *verifier) match(x *verdict) {
	a, b := x.link.A, x.link.B
	x.asked = x.link.Colour != managementColour || v.read[b.Device] || b.Kind == "switch" && v.anyAt(b)
	var strange bool
	for _, p := range v.pairs {
		for _, q := range []pair{{p.x, p.y, false}, {p.y, p.x, false}} {
			switch {
			case q.x.on(a) && q.y.is(b), q.y.on(b) && q.x.is(a), a.Kind == "manager" && q.y.on(b) && !q.x.known:
				x.kind, x.actualA, x.actualB = "", nil, nil
				p.used = true
				return
			case q.x.on(a) && q.y.known:
				x.actualB, p.used = &spot{q.y.device, q.y.port, q.y.raw, true}, true
			case q.y.on(b) && q.x.known:
				x.actualA, p.used = &spot{q.x.device, q.x.port, q.x.raw, true}, true
			case q.x.on(a), q.y.on(b):
				strange, p.used = true, true
				other := q.y
				if q.y.on(b) {
					other = q.x
				}
				if q.x.on(a) {
					x.actualB = cmp.Or(x.actualB, &other)
				} else {
					x.actualA = cmp.Or(x.actualA, &other)
				}
			}
		}
	}
	switch {
	case x.actualA != nil && x.actualA.known, x.actualB != nil && x.actualB.known:
		x.kind = Wrong
	case strange && named(x):
		x.kind = Wrong
	case strange:
		x.kind = Unknown
	case v.read[b.Device]:
		x.kind = Missing
	case v.read[a.Device] && x.link.Colour != managementColour && !v.vague(a): // a host tells nothing of its BMC's port
		x.kind = Missing
	default:
		x.kind = Unknown
	}
}

// vague tells whether the device has a neighbour that nobody can name, on a port that the plan does not know by name: it may be this
// cable.
func (v *verifier) vague(e rack.End) bool {
	for _, p := range v.pairs {
		for _, q := range []pair{{p.x, p.y, false}, {p.y, p.x, false}} {
			if q.x.known && q.x.device == e.Device && q.x.port == "" && !q.y.known && !nameOf(q.y) {
				return true
			}
		}
	}
	return false
}

// named tells whether a stranger said who it is by a name; an address alone may be the planned device.
func named(x *verdict) bool {
	for _, s := range []*spot{x.actualA, x.actualB} {
		if s != nil && nameOf(*s) {
			return true
		}
	}
	return false
}

func nameOf(s spot) bool {
	return s.device != "" && !strings.Contains(s.device, ":") && !isGUID(s.device)
}

// isGUID tells a bare number of 16 hexadecimal digits, and the factory's text of an adapter that nobody named.
func isGUID(s string) bool {
	if strings.HasPrefix(s, "MT") && strings.Contains(s, "Mellanox") || s == "localhost" {
		return true
	}
	return len(s) == 16 && strings.Trim(strings.ToLower(s), "0123456789abcdef") == ""
}

func (v *verifier) anyAt(e rack.End) bool {
	return slices.ContainsFunc(v.pairs, func(p *pair) bool { return p.x.on(e) || p.y.on(e) })
}

// moved makes of a missing cable one that ends elsewhere, where its node is seen on the same switch at a port without a plan or with
// another one, by a port of its own that the plan does not know by name.
func (v *verifier) moved(x *verdict) {
	a, b := x.link.A, x.link.B
	for _, p := range v.pairs {
		for _, q := range []pair{{p.x, p.y, false}, {p.y, p.x, false}} {
			here := q.x.known && q.x.device == a.Device && q.x.port == "" && q.y.known && q.y.device == b.Device && !q.y.on(b)
			if here && !v.elsewhere(q) {
				x.kind, p.used = Wrong, true
				x.actualB = &spot{q.y.device, q.y.port, q.y.raw, true}
				return
			}
		}
	}
}

// elsewhere tells whether a pair is a planned cable in its place.
func (v *verifier) elsewhere(q pair) bool {
	return slices.ContainsFunc(v.verdicts, func(o *verdict) bool { return q.y.on(o.link.B) && q.x.is(o.link.A) })
}

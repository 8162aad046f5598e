package fabric

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// say adds what was found on this fabric.
func (v *verifier) say(out *Findings) {
	unknown := map[string][]*verdict{}
	for i, x := range v.verdicts {
		if !x.asked && x.kind == Unknown {
			out.Planned++
			out.NotAsked++
			continue
		}
		out.Planned++
		switch x.kind {
		case "":
			out.OK++
			out.Verified = append(out.Verified, x.link.Label)
		case Unknown:
			out.Unknown++
			who := x.link.A.Device
			if x.link.A.Kind == "manager" {
				who = x.link.B.Device
			}
			unknown[who] = append(unknown[who], x)
		default:
			if o := v.swap(i); o != nil {
				out.Items = append(out.Items, v.swapped(x, o))
			} else if !x.done {
				out.Items = append(out.Items, v.single(x))
			}
		}
	}
	for _, who := range sortedNatural(unknown) {
		out.Items = append(out.Items, v.untold(who, unknown[who]))
	}
	v.extra(out)
}

// swap finds the cable that has changed places with verdict i; nil when there is none or it was told before.
func (v *verifier) swap(i int) *verdict {
	x := v.verdicts[i]
	if x.done || x.kind != Wrong {
		return nil
	}
	for _, o := range v.verdicts[i+1:] {
		if o.done || o.kind != Wrong {
			continue
		}
		leaves := x.actualB != nil && o.actualB != nil && x.actualB.on(o.link.B) && o.actualB.on(x.link.B)
		nodes := x.actualA != nil && o.actualA != nil && x.actualA.is(o.link.A) && o.actualA.is(x.link.A)
		if leaves || nodes {
			x.done, o.done = true, true
			return o
		}
	}
	return nil
}

func (v *verifier) finding(kind string, list ...*verdict) Finding {
	f := Finding{Kind: kind, Fabric: v.f.Address}
	for _, x := range list {
		f.Labels = append(f.Labels, x.link.Label)
		if x.link.A.Kind == "node" && !slices.Contains(f.Nodes, x.link.A.Device) {
			f.Nodes = append(f.Nodes, x.link.A.Device)
		}
	}
	return f
}

func (v *verifier) swapped(x, o *verdict) Finding {
	f := v.finding(Swapped, x, o)
	f.Lines = []string{
		fmt.Sprintf("%s  is on %s, planned %s", v.place(x.link.A), port(o.link.B), port(x.link.B)),
		fmt.Sprintf("%s  is on %s, planned %s", v.place(o.link.A), port(x.link.B), port(o.link.B)),
	}
	at := "switches"
	if s, ok := v.f.Switch(x.link.B.Device); ok && s.Role == "leaf" {
		at = "leaves"
	}
	f.Do = fmt.Sprintf("Swap these two at the %s: label %s (%s) and %s (%s): %s and %s.", at, x.link.Label, x.link.Colour, o.link.Label,
		o.link.Colour, v.place(x.link.B), v.place(o.link.B))
	return f
}

func (v *verifier) single(x *verdict) Finding {
	f := v.finding(x.kind, x)
	l := x.link
	tag := fmt.Sprintf("label %s, %s", l.Label, l.Colour)
	switch {
	case x.kind == Missing:
		f.Lines = []string{fmt.Sprintf("%s  no neighbour; planned %s (%s)", v.place(l.A), port(l.B), tag)}
		f.Do = fmt.Sprintf("Look at both ends of cable %s: %s and %s. If it is there, clean and reseat it.", l.Label, v.place(l.A), v.place(l.B))
	case x.actualB != nil:
		f.Lines = []string{fmt.Sprintf("%s  is on %s, planned %s (%s)", v.place(l.A), x.actualB, port(l.B), tag)}
		f.Do = fmt.Sprintf("Move cable %s (%s) from %s to %s.", l.Label, l.Colour, x.actualB, v.place(l.B))
	default:
		f.Lines = []string{fmt.Sprintf("%s  has %s, planned %s (%s)", v.place(l.B), x.actualA, port(l.A), tag)}
		f.Do = fmt.Sprintf("Take what is in %s out, and put the end of cable %s (%s) from %s there.", v.place(l.B), l.Label, l.Colour, v.place(l.A))
	}
	return f
}

// untold says of one device how many of its cables nobody told of.
func (v *verifier) untold(who string, list []*verdict) Finding {
	f := v.finding(Unknown, list...)
	from, to := list[0].link.Label, list[len(list)-1].link.Label
	where := who
	for _, e := range []rack.End{list[0].link.A, list[0].link.B} {
		if e.Device == who && e.Rack != "" {
			where = strings.TrimSuffix(v.place(e), " "+e.Port)
		}
	}
	line := fmt.Sprintf("%s  nobody told of cables %s to %s (%d)", where, from, to, len(list))
	if len(list) == 1 {
		line = fmt.Sprintf("%s  nobody told of cable %s", where, from)
	}
	for _, x := range list {
		for _, s := range []*spot{x.actualA, x.actualB} {
			if s != nil {
				line += fmt.Sprintf("; cable %s leads to %s, which says no name", x.link.Label, s)
			}
		}
	}
	f.Lines = []string{line}
	f.Do = fmt.Sprintf("Give the neighbours of %s or of the switches it is on: --lldp FILE.", who)
	if list[0].link.A.Kind == "node" {
		f.Do += " Where a BMC tells only addresses, give the switches their chassis_id."
	}
	return f
}

// dataPort tells a port that carries traffic from one of management.
var dataPort = regexp.MustCompile(`(?i)^(swp\d+(s\d+)?|Ethernet\d+|etp\d+[a-h]?|\d+(/\d+)*)$`)

// extra says what is on ports of the fabric's switches that are planned empty.
func (v *verifier) extra(out *Findings) {
	told := map[string]bool{}
	for _, p := range v.pairs {
		for _, q := range []pair{{p.x, p.y, p.used}, {p.y, p.x, p.used}} {
			s, ok := v.f.Switch(q.x.device)
			if !ok || q.used || !q.x.known || q.x.port != "" || s.Role == "management" || !dataPort.MatchString(q.x.raw) {
				continue
			}
			e := rack.End{Device: s.Name, Rack: s.Rack, PositionU: s.PositionU, Port: q.x.raw}
			line := fmt.Sprintf("%s  has %s; nothing is planned there", v.place(e), q.y)
			if told[line] {
				continue
			}
			told[line] = true
			out.Items = append(out.Items, Finding{Kind: Extra, Fabric: v.f.Address, Lines: []string{line},
				Do: fmt.Sprintf("Take it out, or attach %s in the blueprint.", q.y.device)})
		}
	}
}

// place names an end as a technician finds it: rack, unit, device, port.
func (v *verifier) place(e rack.End) string {
	return Place(v.d, e)
}

// Place names an end as a technician finds it: rack, unit, device, port.
func Place(d rack.Design, e rack.End) string {
	text := e.Device + " " + e.Port
	for _, r := range d.Racks {
		if r.Address == e.Rack {
			where := r.Name
			if e.PositionU > 0 {
				where += fmt.Sprintf(" U%d", e.PositionU)
			}
			return where + " " + text
		}
	}
	return text
}

func port(e rack.End) string { return e.Device + " " + e.Port }

func sortedNatural[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, natural)
	return out
}

package fabric

import (
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// Measures of the drawing, in pixels.
const (
	unitPx  = 14
	framePx = 190
	gapPx   = 90
	topPx   = 40
)

// dashes tell rails apart where a plan is printed in grey; colours do on a screen.
var dashes = []string{"", "6 3", "2 2", "8 3 2 3", "10 4", "4 2", "1 3", "6 2 1 2"}

// inks are the colours of the rails, dark enough on white paper.
var inks = map[string]string{"blue": "#1f5fbf", "orange": "#c25e00", "green": "#2e7d32", "violet": "#6a3fa0", "yellow": "#9a7d00",
	"white": "#7a7a7a", "brown": "#6d4c2f", "aqua": "#00838f", spineColour: "#555555", managementColour: "#000000"}

const style = `body{font:12px/1.4 sans-serif;color:#111;margin:24px}h1{font-size:18px}table{border-collapse:collapse;width:100%}` +
	`td,th{border:1px solid #999;padding:2px 6px;text-align:left}th{background:#eee}svg{max-width:100%;height:auto}` +
	`.sheet{display:grid;grid-template-columns:repeat(3,1fr);gap:4px}.label{border:1px dashed #777;padding:4px 6px;break-inside:avoid}` +
	`.label b{font-size:16px}@media print{.label,tr{break-inside:avoid}body{margin:8mm}}`

// HTML is the cable plan as one file: a drawing, and every cable. It loads nothing, and says in words and dashes what colours say.
func HTML(d rack.Design) string {
	var b strings.Builder
	head(&b, "Cable plan of "+d.Blueprint.Name)
	rows := List(d)
	fmt.Fprintf(&b, "<p>%d cables. The label of a cable stands on both its ends; the drawing joins devices, the table says which ports.</p>\n", len(rows))
	drawing(&b, d)
	b.WriteString("<table><thead><tr><th>Label</th><th>Colour</th><th>Rail</th><th>From</th><th>To</th><th>Cable</th><th>Length</th><th>Done</th></tr></thead><tbody>\n")
	for _, r := range rows {
		length := "not known"
		if r.LengthM > 0 {
			length = number(r.LengthM) + " m"
		}
		fmt.Fprintf(&b, "<tr><td><b>%s</b></td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>&#9744;</td></tr>\n",
			esc(r.Label), esc(r.Colour), number(float64(r.Rail)), esc(r.A.Text()), esc(r.B.Text()), esc(strings.TrimSpace(r.Speed+" "+r.Media)), length)
	}
	b.WriteString("</tbody></table>\n</body></html>\n")
	return b.String()
}

// Labels is a sheet of labels, two a cable: each says its end and the other.
func Labels(d rack.Design) string {
	var b strings.Builder
	head(&b, "Labels of "+d.Blueprint.Name)
	b.WriteString("<div class=\"sheet\">\n")
	for _, r := range List(d) {
		for _, ends := range [][2]Spot{{r.A, r.B}, {r.B, r.A}} {
			rail := ""
			if r.Rail > 0 {
				rail = fmt.Sprintf(", rail %d", r.Rail)
			}
			fmt.Fprintf(&b, "<div class=\"label\"><b>%s</b> %s%s<br>here: %s<br>there: %s</div>\n", esc(r.Label), esc(r.Colour), rail,
				esc(ends[0].Text()), esc(ends[1].Text()))
		}
	}
	b.WriteString("</div>\n</body></html>\n")
	return b.String()
}

func head(b *strings.Builder, title string) {
	fmt.Fprintf(b, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title><style>%s</style></head><body>\n<h1>%s</h1>\n",
		esc(title), style, esc(title))
}

func esc(s string) string { return html.EscapeString(s) }

// frame is a rack of the drawing.
type frameAt struct {
	rack rack.Rack
	top  int // units
	x    int
}

// drawing is the frames side by side in order of position, devices at their units, and one line for each pair of devices and rail.
func drawing(b *strings.Builder, d rack.Design) {
	frames := framesOf(d)
	if len(frames) == 0 {
		return
	}
	height := 0
	for _, f := range frames {
		height = max(height, f.top)
	}
	width := len(frames)*(framePx+gapPx) + gapPx
	fmt.Fprintf(b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\" aria-label=\"racks and cables\">\n",
		width, height*unitPx+topPx+20, width)
	y := func(u int) int { return topPx + (height-u)*unitPx }
	for _, f := range frames {
		fmt.Fprintf(b, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#000\"/><text x=\"%d\" y=\"%d\" font-size=\"13\">%s %s</text>\n",
			f.x, y(f.top), framePx, f.top*unitPx, f.x, y(f.top)-8, esc(f.rack.Name), esc(f.rack.Position))
	}
	at := map[string][2]int{} // middle of a device
	box := func(name string, where rack.Address, u, high int, fill string) {
		for _, f := range frames {
			if f.rack.Address != where || u < 1 {
				continue
			}
			top := y(u + high - 1)
			fmt.Fprintf(b, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\" stroke=\"#000\"/><text x=\"%d\" y=\"%d\" font-size=\"10\">U%d %s</text>\n",
				f.x+4, top-unitPx+1, framePx-8, high*unitPx-2, fill, f.x+8, y(u)-3, u, esc(name))
			at[name] = [2]int{f.x + framePx/2, top - unitPx + high*unitPx/2}
		}
	}
	for _, n := range d.Nodes {
		box(n.Name, n.Rack, n.PositionU, units(d, n.Hardware), "#f4f4f4")
	}
	for _, s := range d.Switches {
		box(s.Name, s.Rack, s.PositionU, units(d, s.Hardware), "#dddddd")
	}
	lines(b, d, at)
	b.WriteString("</svg>\n")
}

func units(d rack.Design, key string) int {
	if u := d.Hardware[key].U; u != nil {
		return max(int(u.Value), 1)
	}
	return 1
}

// framesOf lists the racks in order of their positions, of their names where they have none.
func framesOf(d rack.Design) []frameAt {
	racks := slices.Clone(d.Racks)
	slices.SortStableFunc(racks, func(a, b rack.Rack) int {
		if a.Position != b.Position {
			return natural(a.Position, b.Position)
		}
		return natural(a.Name, b.Name)
	})
	var out []frameAt
	for i, r := range racks {
		top := defTopU
		if u := d.Hardware[r.Model].U; u != nil {
			top = int(u.Value)
		}
		out = append(out, frameAt{r, top, gapPx + i*(framePx+gapPx)})
	}
	return out
}

// lines draws one curve for all cables of a rail between two devices, and says how many they are.
func lines(b *strings.Builder, d rack.Design, at map[string][2]int) {
	type bundle struct {
		a, b string
		link rack.Link
	}
	count := map[string]int{}
	var order []string
	first := map[string]bundle{}
	for _, f := range d.Fabrics {
		for _, l := range f.Links {
			k := fmt.Sprintf("%s|%s|%d|%s", l.A.Device, l.B.Device, l.Rail, l.Colour)
			if count[k]++; count[k] == 1 {
				order = append(order, k)
				first[k] = bundle{l.A.Device, l.B.Device, l}
			}
		}
	}
	for _, k := range order {
		x := first[k]
		p, q := at[x.a], at[x.b]
		if p == [2]int{} || q == [2]int{} {
			continue
		}
		dash := ""
		if x.link.Rail > 0 {
			dash = dashes[(x.link.Rail-1)%len(dashes)]
		}
		fmt.Fprintf(b, "<path d=\"M%d %d C%d %d %d %d %d %d\" fill=\"none\" stroke=\"%s\" stroke-width=\"1\" stroke-dasharray=\"%s\" opacity=\"0.7\"><title>%s</title></path>\n",
			p[0]+framePx/2-8, p[1], p[0]+framePx/2+30, p[1], q[0]-framePx/2-30, q[1], q[0]-framePx/2+8, q[1], inks[x.link.Colour], dash,
			esc(fmt.Sprintf("%s to %s: %d × %s, first label %s", x.a, x.b, count[k], x.link.Colour, x.link.Label)))
	}
}

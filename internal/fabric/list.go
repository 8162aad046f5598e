package fabric

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// Row is one cable for people: both ends in full.
type Row struct {
	Fabric  rack.Address `json:"fabric"`
	Label   string       `json:"label"`
	Colour  string       `json:"colour"`
	Rail    int          `json:"rail,omitempty"`
	Network string       `json:"network"`
	Speed   string       `json:"speed,omitempty"`
	Media   string       `json:"media,omitempty"`
	LengthM float64      `json:"length_m,omitempty"` // 0 = not known
	A       Spot         `json:"a"`
	B       Spot         `json:"b"`
}

// Spot is an end of a cable as the register has it: site, rack, unit, device, port.
type Spot struct {
	Site    string `json:"site,omitempty"`
	Country string `json:"country,omitempty"`
	Rack    string `json:"rack,omitempty"`
	Unit    int    `json:"u,omitempty"`
	Device  string `json:"device"`
	Port    string `json:"port"`
}

// Text names the end as on a label: a01 U3 n1 rail2.
func (s Spot) Text() string {
	var out []string
	if s.Rack != "" {
		out = append(out, s.Rack)
	}
	if s.Unit > 0 {
		out = append(out, fmt.Sprintf("U%d", s.Unit))
	}
	return strings.Join(append(out, s.Device, s.Port), " ")
}

// List gives every cable of the Design in order of label.
func List(d rack.Design) []Row {
	var out []Row
	for _, f := range d.Fabrics {
		for _, l := range f.Links {
			out = append(out, Row{Fabric: f.Address, Label: l.Label, Colour: l.Colour, Rail: l.Rail, Network: l.Network, Speed: l.Speed,
				Media: l.Media, LengthM: l.LengthM, A: spotOf(d, l.A), B: spotOf(d, l.B)})
		}
	}
	return out
}

func spotOf(d rack.Design, e rack.End) Spot {
	s := Spot{Unit: e.PositionU, Device: e.Device, Port: e.Port}
	for _, r := range d.Racks {
		if r.Address != e.Rack {
			continue
		}
		s.Rack = r.Name
		for _, x := range d.Sites {
			if x.Address == r.Site {
				s.Site, s.Country = x.Name, x.Country
			}
		}
	}
	return s
}

// CSV is the cable plan as a table.
func CSV(d rack.Design) string {
	rows := [][]string{{"label", "colour", "rail", "network", "speed", "media", "length_m", "a_rack", "a_u", "a_device", "a_port",
		"b_rack", "b_u", "b_device", "b_port", "fabric"}}
	for _, r := range List(d) {
		rows = append(rows, []string{r.Label, r.Colour, number(float64(r.Rail)), r.Network, r.Speed, r.Media, number(r.LengthM),
			r.A.Rack, number(float64(r.A.Unit)), r.A.Device, r.A.Port, r.B.Rack, number(float64(r.B.Unit)), r.B.Device, r.B.Port, string(r.Fabric)})
	}
	return table(rows)
}

func number(f float64) string {
	if f == 0 {
		return ""
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func table(rows [][]string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil { // a strings.Builder takes everything
		panic("metalwright: internal error: write a table: " + err.Error() + ". This is a bug in Metalwright.")
	}
	return b.String()
}

// Verified is what a register says of a check: the labels that were as planned, when, and by whom.
type Verified struct {
	Labels []string
	On, By string
}

// Register is the cable register for auditors (ISM-0208 names the first fields; ISM-1096 the labels). Scope says how far a cable goes:
// within its rack, within its site, between sites, or out of the country. Classification, seals and who installed a cable cannot be
// known from a Design: they are left empty for a person. Links of a site's backbone stand at the end.
func Register(d rack.Design, v Verified) string {
	rows := [][]string{{"id", "colour", "classification", "source", "destination", "location", "seal", "kind", "length_m", "speed", "network",
		"scope", "label_a", "label_b", "installed_by", "installed_on", "verified_on", "verified_by"}}
	for _, r := range List(d) {
		on, by := "", ""
		if slices.Contains(v.Labels, r.Label) {
			on, by = v.On, v.By
		}
		rows = append(rows, []string{r.Label, r.Colour, "", full(r.A), full(r.B), location(r), "", kind(r.Media), number(r.LengthM), r.Speed,
			r.Network, scope(r.A, r.B), label(r.Label, r.A, r.B), label(r.Label, r.B, r.A), "", "", on, by})
	}
	for _, s := range d.Sites {
		for _, l := range s.Backbone {
			rows = append(rows, []string{"backbone:" + s.Name + ":" + l.To, "", "", s.Name, l.To, l.Via, "", "", "", speedOf(l.Gbps), "backbone",
				backboneScope(d, s, l.To), "", "", "", "", "", ""})
		}
	}
	return table(rows)
}

func full(s Spot) string {
	return strings.Join([]string{s.Site, s.Rack, number(float64(s.Unit)), s.Device, s.Port}, "/")
}

// location is the run: one frame, or the tray between two.
func location(r Row) string {
	switch {
	case r.A.Rack == "" || r.B.Rack == "":
		return ""
	case r.A.Rack == r.B.Rack:
		return "rack " + r.A.Rack
	}
	return "tray " + r.A.Rack + " to " + r.B.Rack
}

func kind(media string) string {
	switch media {
	case "mmf", "smf":
		return "fibre (" + media + ")"
	case "":
		return ""
	}
	return "copper (" + media + ")"
}

func scope(a, b Spot) string {
	switch {
	case a.Rack == "" || b.Rack == "":
		return "unknown"
	case a.Site != b.Site && a.Country != b.Country:
		return "leaves the country"
	case a.Site != b.Site:
		return "leaves the site"
	case a.Rack != b.Rack:
		return "within the site"
	}
	return "within the rack"
}

func backboneScope(d rack.Design, s rack.Site, to string) string {
	for _, o := range d.Sites {
		if o.Name == to || string(o.Address) == to {
			if o.Country != s.Country {
				return "leaves the country"
			}
			return "leaves the site"
		}
	}
	return "leaves the site; where to is unknown"
}

func speedOf(gbps float64) string {
	if gbps == 0 {
		return ""
	}
	return fmt.Sprintf("%gG", gbps)
}

// label is the text at one end (ISM-1096): the id, this end, and the other in full.
func label(id string, here, there Spot) string {
	return id + " " + here.Text() + " > " + there.Text()
}

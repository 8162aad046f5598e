package fabric

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// How a cable is laid. Units are metres.
const (
	unitM   = 0.04445 // a rack unit (EIA-310)
	pitchM  = 0.6     // width of a frame in a row
	slackM  = 0.5     // at each end, for the arm and the bend
	aboveM  = 0.5     // from the top of a frame to the tray over it
	defTopU = 48      // of a frame whose height is not known
)

// orderable are the lengths that cables are sold in.
var orderable = []float64{0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 15, 20, 30, 40, 50, 70, 100, 150, 200, 300, 500}

// position reads where a rack stands: a row and its place in it, as in "A/3", "B-12" or "7".
var position = regexp.MustCompile(`^([A-Za-z]*)[-/ ]?([0-9]+)$`)

// lay gives a cable its length by where its ends stand, and the medium that reaches so far.
func (b *builder) lay(l *rack.Link) {
	m, ok := b.distance(l.A, l.B)
	if !ok {
		return
	}
	for _, o := range orderable {
		if o >= m {
			l.LengthM = o
			break
		}
	}
	if l.LengthM == 0 {
		b.far = append(b.far, l.Label)
		return
	}
	if b.hw.Fabric == nil || l.Colour == managementColour {
		return
	}
	for _, medium := range b.hw.Fabric.Media {
		if medium.Reach.Value >= l.LengthM {
			l.Media = medium.Name
			return
		}
	}
	if len(b.hw.Fabric.Media) > 0 {
		b.far = append(b.far, l.Label)
	}
}

// distance is the way of a cable. Within a frame it goes along it; between frames up, along the tray and down.
func (b *builder) distance(x, y rack.End) (float64, bool) {
	for _, e := range []rack.End{x, y} {
		if placed := e.Rack != "" && e.PositionU > 0; !placed {
			if e.Kind != "manager" { // which is no element of the Design
				b.unplaced = appendNew(b.unplaced, e.Device)
			}
			return 0, false
		}
	}
	if x.Rack == y.Rack {
		return math.Abs(float64(x.PositionU-y.PositionU))*unitM + 2*slackM, true
	}
	rx, ux, okx := b.frame(x.Rack)
	ry, uy, oky := b.frame(y.Rack)
	if !okx || !oky || rx.Site != ry.Site {
		return 0, false
	}
	row1, n1, ok1 := where(rx.Position)
	row2, n2, ok2 := where(ry.Position)
	if !ok1 || !ok2 {
		b.unplaced = appendNew(b.unplaced, rackName(rx, ok1), rackName(ry, ok2))
		return 0, false
	}
	along := math.Abs(float64(n1-n2)) * pitchM
	if row1 != row2 {
		if b.f.RowPitchM == nil || len(row1) != 1 || len(row2) != 1 {
			b.unplaced = appendNew(b.unplaced, "rows "+row1+" and "+row2)
			return 0, false
		}
		along += math.Abs(float64(row1[0])-float64(row2[0])) * *b.f.RowPitchM
	}
	up := float64(ux-x.PositionU)*unitM + float64(uy-y.PositionU)*unitM + 2*aboveM
	return up + along + 2*slackM, true
}

func rackName(r rack.Rack, placed bool) string {
	if placed {
		return ""
	}
	return string(r.Address)
}

func appendNew(list []string, more ...string) []string {
	for _, s := range more {
		if s != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// frame is a rack and its height.
func (b *builder) frame(a rack.Address) (rack.Rack, int, bool) {
	for _, r := range b.d.Racks {
		if r.Address == a {
			top := defTopU
			if u := b.d.Hardware[r.Model].U; u != nil {
				top = int(u.Value)
			}
			return r, top, true
		}
	}
	return rack.Rack{}, 0, false
}

func where(s string) (row string, n int, ok bool) {
	m := position.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return "", 0, false
	}
	n, err := strconv.Atoi(m[2])
	return strings.ToUpper(m[1]), n, err == nil
}

// sayLengths says once what no length could be given for, and what reaches too far.
func (b *builder) sayLengths() {
	if len(b.unplaced) > 0 {
		shown := b.unplaced
		more := ""
		if len(shown) > 4 {
			more = fmt.Sprintf(" and %d more", len(shown)-4)
			shown = shown[:4]
		}
		b.warn("fabric.length", "design", "Not checked", fmt.Sprintf("The length of some cables is unknown, because it is not said "+
			"where these stand: %s%s. Place switches by switch blocks, give racks a position such as \"A/3\", and the fabric a "+
			"row_pitch_m when it spans rows.", strings.Join(shown, ", "), more))
	}
	if len(b.far) > 0 {
		b.warn("fabric.length", "design", "Cable too long", fmt.Sprintf("No medium that the catalog knows reaches as far as %d of the "+
			"cables need; the first is %s. Its numbers are not all verified, so this is a warning.", len(b.far), b.far[0]))
	}
}

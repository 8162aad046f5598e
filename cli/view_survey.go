package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
)

// showSurvey writes what was read, one line a device, then every gap.
func (a *app) showSurvey(d rack.Design, o rack.Observation) {
	var rows [][]string
	var requests int
	var slowest int64
	read := 0
	for _, dev := range o.Devices {
		requests += dev.Stats.Requests
		slowest = max(slowest, dev.Stats.DurationMs)
		if isShelf(d, dev) {
			if len(dev.Chassis) > 0 {
				read++
			}
			continue
		}
		name, u := dev.Node, ""
		if name == "" {
			name = dev.Address
		}
		if n, ok := d.Node(dev.Node); ok {
			u = fmt.Sprint(n.PositionU)
		}
		h, ok := dev.Host()
		model, serial, bios, power := "", "", "", ""
		if ok {
			model, serial, bios, power = h.Model, h.SerialNumber, h.BIOSVersion, h.PowerState
		}
		if model == "" && len(dev.Chassis) > 0 {
			model = chassisModel(dev)
		}
		if ok || len(dev.Chassis) > 0 {
			read++
		}
		state := "read"
		if n := len(o.GapsOf(dev.Address)); n > 0 {
			state = "? " + count(n, "gap")
		}
		rows = append(rows, []string{name, u, model, short(serial), gpus(dev), dev.BMC.FirmwareVersion, bios, power, until(dev), state})
	}
	a.table([]string{"NODE", "U", "MODEL", "SERIAL", "GPUS", "BMC", "BIOS", "POWER", "CERT UNTIL", "STATE"}, rows)
	a.showShelves(d, o)
	a.showEnds(o)
	for _, g := range o.Gaps {
		a.entry(fmt.Sprintf("? %s  %s:", g.Address, g.Path), g.Reason)
	}
	all := map[string]bool{}
	for _, dev := range o.Devices {
		all[dev.Address] = true
	}
	for _, g := range o.Gaps { // who did not answer is no device, and counts
		all[g.Address] = true
	}
	a.printf("%d of %s read, %s, %s, %.1f s\n", read, count(len(all), "device"), count(len(o.Gaps), "gap"), count(requests, "request"),
		float64(slowest)/1000)
}

// until is the last day of the BMC's certificate.
func until(dev rack.Device) string {
	if dev.BMC.Certificate == nil {
		return "-"
	}
	return dev.BMC.Certificate.NotAfter.UTC().Format("2006-01-02")
}

// showEnds names the certificates that end within a month, or have ended.
func (a *app) showEnds(o rack.Observation) {
	for _, dev := range o.Devices {
		c := dev.BMC.Certificate
		if c == nil || o.Taken.IsZero() {
			continue
		}
		left := c.NotAfter.Sub(o.Taken)
		switch days := int(left / (24 * time.Hour)); {
		case left <= 0:
			a.entry(fmt.Sprintf("! %s:", dev.Address), "its certificate ended on "+until(dev)+", signed by "+c.Issuer)
		case days <= 30:
			a.entry(fmt.Sprintf("! %s:", dev.Address), fmt.Sprintf("its certificate ends in %s, signed by %s", count(days, "day"), c.Issuer))
		}
	}
}

// gpus says how many of which: "8x H100 80GB HBM3".
func gpus(dev rack.Device) string {
	byModel := map[string]int{}
	var order []string
	for _, s := range dev.Systems {
		for _, g := range s.GPUs {
			if byModel[g.Model] == 0 {
				order = append(order, g.Model)
			}
			byModel[g.Model]++
		}
	}
	slices.Sort(order)
	var out []string
	for _, m := range order {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%dx %s", byModel[m], m)))
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, ", ")
}

func chassisModel(dev rack.Device) string {
	for _, c := range dev.Chassis {
		if c.Model != "" {
			return c.Model
		}
	}
	return ""
}

// short leaves the head and the tail of a serial number.
func short(s string) string {
	r := []rune(s)
	if len(r) <= 10 {
		return s
	}
	return string(r[:4]) + "…" + string(r[len(r)-4:])
}

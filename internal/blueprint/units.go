package blueprint

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// dimension is what a quantity measures. Quantities are written with their unit: "200TiB", "14.3kW", "400Gb/s", "30m".
type dimension struct {
	name    string
	units   map[string]float64 // unit → factor to the base unit
	example string
}

var (
	sizeBytes = dimension{"a size", map[string]float64{"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"PB":  1e15,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50}, "200TiB"}
	powerKW = dimension{"a power", map[string]float64{"W": 1e-3, "kW": 1, "MW": 1e3}, "14.3kW"}
	rateBps = dimension{"a rate", map[string]float64{"b/s": 1, "kb/s": 1e3, "Mb/s": 1e6, "Gb/s": 1e9, "Tb/s": 1e12},
		"400Gb/s"}
	durationS = dimension{"a duration", map[string]float64{"ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}, "30m"}
	massKg    = dimension{"a mass", map[string]float64{"kg": 1, "t": 1000}, "142kg"}

	dimensions = []dimension{sizeBytes, powerKW, rateBps, durationS, massKg}
)

// parse reads a quantity of this dimension, in its base unit.
func (d dimension) parse(s string) (float64, error) {
	s = strings.TrimSpace(s)
	i := strings.LastIndexAny(s, "0123456789.") + 1
	unit := strings.TrimSpace(s[i:])
	if len(s) > maxDigits {
		return 0, fmt.Errorf("the text is too long; write it as %q", d.example)
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(s[:i]), 64)
	if err != nil || n < 0 || math.IsInf(n, 0) || math.IsNaN(n) || strings.ContainsAny(s[:i], "xXpPeE_") {
		return 0, fmt.Errorf("%q is not %s such as %q", s, d.name, d.example)
	}
	factor, ok := d.units[unit]
	if !ok {
		return 0, d.wrongUnit(s, unit)
	}
	return n * factor, nil
}

func (d dimension) wrongUnit(s, unit string) error {
	if unit == "" {
		return fmt.Errorf("%q has no unit; write it as %q", s, d.example)
	}
	for _, other := range dimensions {
		if _, ok := other.units[unit]; ok {
			return fmt.Errorf("%q is %s, but %s is wanted here, such as %q", s, other.name, d.name, d.example)
		}
	}
	return fmt.Errorf("%q has the unknown unit %q. %s", s, unit, orKnown(unit, sortedKeys(d.units), "The units are "))
}

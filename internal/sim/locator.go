package sim

import "net/http"

// locator says where a dialect shows its light, and by which property; recorded, but for iDRAC's writes.
type locator struct {
	chassis bool // on the Chassis, else on the System
	plain   bool // LocationIndicatorActive alone
}

// locators has no entry for a dialect that this simulator gives no light.
var locators = map[string]locator{
	dialectIDRAC: {}, dialectILO: {plain: true}, dialectXCC: {}, dialectSupermicro: {chassis: true}, dialectOpenBMC: {chassis: true},
}

// showLED adds the light to the System or the Chassis.
func (b *BMC) showLED(o obj, chassis bool) {
	l, ok := locators[b.dia.name]
	if !ok || l.chassis != chassis {
		return
	}
	if l.plain {
		o["LocationIndicatorActive"] = b.lit() != "Off"
		return
	}
	o["IndicatorLED"] = b.lit()
}

// lit is the state of the light; off until somebody lights it.
func (b *BMC) lit() string {
	if b.light == "" {
		return "Off"
	}
	return b.light
}

// setLED takes a PATCH of the light out of a body. given is false when it is not in it.
func (b *BMC) setLED(body obj, chassis bool) (given bool, refused *answer) {
	l, ok := locators[b.dia.name]
	if !ok || l.chassis != chassis {
		return false, nil
	}
	if l.plain {
		on, given := body["LocationIndicatorActive"].(bool)
		if given {
			b.light = map[bool]string{true: "Lit", false: "Off"}[on]
			b.changed()
		}
		return given, nil
	}
	v, given := body["IndicatorLED"].(string)
	if !given {
		return false, nil
	}
	switch v {
	case "Lit", "Blinking", "Off":
		b.light = v
		b.changed()
		return true, nil
	}
	return true, b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", v, "IndicatorLED"))
}

// patchChassis takes the light, and nothing else.
func patchChassis(c *call) *answer {
	b := c.b
	given, refused := b.setLED(c.body, true)
	switch {
	case refused != nil:
		return refused
	case given && len(c.body) == 1:
		return b.done()
	}
	for k := range c.body {
		if k != "IndicatorLED" {
			return b.fail(http.StatusBadRequest, b.msg("PropertyNotWritable", k))
		}
	}
	return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", "IndicatorLED"))
}

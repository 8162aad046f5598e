package sim

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// neverSet is what the clock of a BMC says that nobody has set (R47; December 2020 was recorded).
var neverSet = time.Date(2020, 12, 1, 0, 0, 0, 0, time.UTC)

// clock is what the BMC takes for the time.
func (b *BMC) clock() time.Time {
	if b.clockWrong() {
		return neverSet
	}
	return b.now.Add(b.clockSet)
}

func (b *BMC) clockWrong() bool { return !b.clockIsSet && b.faults.on("R47") }

// setClock writes Manager.DateTime (DSP0268, Manager).
func setClock(c *call) *answer {
	b := c.b
	if len(c.body) == 0 {
		return b.done()
	}
	text, ok := c.body["DateTime"].(string)
	if !ok || len(c.body) > 1 {
		return b.fail(http.StatusBadRequest, b.msg("PropertyNotWritable", slices.Sorted(maps.Keys(c.body))[0]))
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueFormatError", text, "DateTime"))
	}
	b.clockIsSet, b.clockSet = true, t.Sub(b.now).Round(time.Second)
	return b.done()
}

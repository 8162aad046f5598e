package plan

import (
	"fmt"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// cardClass raises the reset class of an image for a BlueField: its card keeps its power while the host is cycled, so a host reset or
// power cycle leaves the old firmware running (R50).
func (f *firmwareBuild) cardClass(c rack.BaselineComponent, in installed, class step.Activation) step.Activation {
	names := []string{c.Name}
	for _, r := range in.rows {
		names = append(names, r.ID, r.Name)
	}
	if !class.Host() || class >= step.AuxCycle || !firmware.IsCard(names...) {
		return class
	}
	f.warn("firmware.card", "A BlueField needs a colder reset", fmt.Sprintf(
		"Component %s is activated by %s according to its baseline; the card keeps its power through that, so it is planned with %s (R50).",
		c.Name, class, step.AuxCycle), f.origin)
	return step.AuxCycle
}

package firmware

import (
	"regexp"
	"slices"
)

// card is how inventories and baselines call a BlueField: by its name, or by the rows of its own BMC (recorded: DPU_NIC, DPU_OS …).
var card = regexp.MustCompile(`(?i)bluefield|^dpu_|^bf[23]_`)

// IsCard tells whether one of these names is of a BlueField. Its card keeps its power through a power cycle of the host, so what is
// flashed into it runs after standby power was cut (R50).
func IsCard(names ...string) bool { return slices.ContainsFunc(names, card.MatchString) }

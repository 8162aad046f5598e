package rack

import (
	"fmt"
	"slices"
	"strings"
)

// raidType is what the arithmetic of one RAID type is: the drives of one span at least, those of it that hold no data, and
// whether there are spans at all.
type raidType struct {
	name          string
	least, parity int
	spanned       bool
}

// raidTypes are the types that can be asked for (DSP0268, Volume.RAIDType), with the usual least numbers of drives.
var raidTypes = []raidType{
	{"RAID0", 1, 0, false}, {"RAID1", 2, 1, false}, {"RAID5", 3, 1, false}, {"RAID6", 4, 2, false},
	{"RAID10", 2, 1, true}, {"RAID50", 3, 1, true}, {"RAID60", 4, 2, true},
}

// RAIDTypes lists the types that can be asked for.
func RAIDTypes() []string {
	var out []string
	for _, t := range raidTypes {
		out = append(out, t.name)
	}
	return out
}

func raidNamed(name string) (raidType, bool) {
	i := slices.IndexFunc(raidTypes, func(t raidType) bool { return strings.EqualFold(t.name, name) })
	if i < 0 {
		return raidType{}, false
	}
	return raidTypes[i], true
}

// RAIDLeast is the least number of drives of a type; 0 for one that is unknown.
func RAIDLeast(name string) int {
	t, ok := raidNamed(name)
	switch {
	case !ok:
		return 0
	case t.spanned:
		return 2 * t.least
	}
	return t.least
}

// RAIDProblem says why a number of drives cannot be a volume of a type, or "". spans is 0 where the controller chooses them.
func RAIDProblem(name string, drives, spans int) string {
	t, ok := raidNamed(name)
	switch {
	case !ok:
		return fmt.Sprintf("RAID type %q is unknown", name)
	case spans > 0 && !t.spanned:
		return fmt.Sprintf("%s has no spans; RAID10, RAID50 and RAID60 have", t.name)
	case drives < RAIDLeast(name):
		return fmt.Sprintf("%s needs %d drives or more, not %d", t.name, RAIDLeast(name), drives)
	case t.name == "RAID10" && drives%2 != 0:
		return fmt.Sprintf("RAID10 needs an even number of drives, not %d", drives)
	case spans == 1:
		return fmt.Sprintf("%s has two spans or more", t.name)
	case spans > 0 && drives%spans != 0:
		return fmt.Sprintf("%d drives cannot be spread evenly over %d spans", drives, spans)
	case spans > 0 && drives/spans < t.least:
		return fmt.Sprintf("%d drives in %d spans are %d a span, and a span of %s needs %d", drives, spans, drives/spans, t.name, t.least)
	case spans == 0 && t.spanned && t.name != "RAID10" && drives%2 != 0:
		return fmt.Sprintf("%s needs an even number of drives unless spans says how many spans they are in, not %d", t.name, drives)
	}
	return ""
}

// RAIDData is how many drives' worth of data a volume holds; 0 for a type that is unknown.
func RAIDData(name string, drives, spans int) int {
	t, ok := raidNamed(name)
	switch {
	case !ok:
		return 0
	case t.name == "RAID1":
		return 1
	case t.name == "RAID10":
		return drives / 2
	case t.spanned:
		return drives - t.parity*max(spans, 2)
	}
	return drives - t.parity
}

package cli

import (
	"slices"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/sim"
)

// faultJSON is one fault of "sim faults --json".
type faultJSON struct {
	ID           string   `json:"id"`
	Summary      string   `json:"summary"`
	Dialects     []string `json:"dialects"`
	Lasting      bool     `json:"lasting"`
	OptIn        bool     `json:"opt_in"`
	Always       bool     `json:"always"` // these dialects do so whether they are asked to or not
	BreaksSchema bool     `json:"breaks_schema"`
	Handling     string   `json:"handling,omitempty"`
	Shown        []string `json:"shown"` // the tests that prove the handling, as "folder TestName"
}

// faultsJSON joins what the simulator plays with what the quirk table says is done about it.
func faultsJSON() []faultJSON {
	quirks := map[string]redfish.Quirk{}
	for _, q := range redfish.Table() {
		quirks[q.ID] = q
	}
	var out []faultJSON
	for _, f := range sim.Faults() {
		dialects := f.Dialects
		if len(dialects) == 0 {
			dialects = sim.Dialects()
		}
		out = append(out, faultJSON{ID: f.ID, Summary: f.Summary, Dialects: dialects, Lasting: f.Lasting, OptIn: f.OptIn, Always: f.Always,
			BreaksSchema: f.BreaksSchema, Handling: quirks[f.ID].Handling, Shown: slices.Concat(shownBySuite(f), f.Shown, quirks[f.ID].Shown)})
	}
	return out
}

// shownBySuite is the conformance suite's own test of a fault.
func shownBySuite(f sim.FaultInfo) []string {
	if f.Unmet != "" {
		return []string{}
	}
	if f.Always {
		return []string{"internal/drivertest TestDriver"}
	}
	return []string{"internal/drivertest TestQuirks/" + f.ID}
}

package inventory

import (
	"context"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readTPM reads the component integrity of the host's TPM (recorded on iLO 6: ComponentIntegrity/TPM-0 speaks of the system, TPM-1 of
// the BMC's own).
func (r *reader) readTPM(ctx context.Context) {
	if !r.wants(rack.FacetTPM) || r.host == nil {
		return
	}
	host := redfish.Key(r.host.res.URI)
	for _, c := range r.take(ctx, r.root.Link("ComponentIntegrity")) {
		target := c.Obj.Str("TargetComponentURI")
		if !strings.EqualFold(c.Obj.Str("ComponentIntegrityType"), "TPM") || redfish.Key(target) != host {
			continue
		}
		if len(r.host.out.TPMs) == 0 {
			r.host.out.TPMs = []rack.TPM{{Type: "TPM", State: state(c.Obj)}}
		}
		t := &r.host.out.TPMs[0]
		t.Path = c.URI
		if on, ok := c.Obj.Bool("ComponentIntegrityEnabled"); ok {
			t.Measured = &on
		}
		return
	}
}

package plan

import (
	"fmt"
	"strings"

	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
)

// cables holds what was seen of cables against the fabrics, once for all nodes of a Build.
func (b *builder) cables() fabric.Findings {
	if b.wiring == nil {
		f := fabric.Findings{}
		if len(b.d.Fabrics) > 0 {
			f = fabric.Verify(b.d, fabric.Observed(b.d, b.o))
		}
		b.wiring = &f
	}
	return *b.wiring
}

// checkCables stops a node whose own cable is known to be other than planned: what is installed on it would work on another rail, or
// on another tenant's. A cable that nobody told of stops it only where its fabric says verify = "require".
func (n *nodeBuild) checkCables() {
	for _, f := range n.d.Fabrics {
		if !attached(f, n.node.Address) {
			continue
		}
		found := n.cables()
		if bad := ofFabric(found.Of(n.node.Name, fabric.Swapped, fabric.Wrong, fabric.Missing), f.Address); len(bad) > 0 {
			for _, x := range bad {
				n.block("cable."+x.Kind, "Cable not as planned", strings.Join(x.Lines, "; ")+". "+x.Do+" Then plan again.", f.Origin)
			}
			continue
		}
		if unknown := ofFabric(found.Of(n.node.Name, fabric.Unknown), f.Address); len(unknown) > 0 && f.Verify == "require" {
			labels := 0
			for _, x := range unknown {
				labels += len(x.Labels)
			}
			n.hands("cable.unknown", "Cables not verified", fmt.Sprintf("%s wants its cables verified, and nobody told of %d of this node's. "+
				"Give the neighbours with --lldp: of its leaves, or of its host.", f.Address, labels), f.Origin)
		}
	}
}

func attached(f rack.Fabric, a rack.Address) bool {
	for _, x := range f.Attach {
		if x == a {
			return true
		}
	}
	return false
}

func ofFabric(list []fabric.Finding, a rack.Address) []fabric.Finding {
	var out []fabric.Finding
	for _, x := range list {
		if x.Fabric == a {
			out = append(out, x)
		}
	}
	return out
}

package plan

import (
	"fmt"
	"path"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// unfinishedDestroy leaves a node alone on which a destroy was cut off while its configuration job waits. The BMC takes one
// such job at a time (R56) and would refuse other values, so this is said before anything is written. What the job already
// holds as it is wanted needs no write.
func (p *biosBuild) unfinishedDestroy(origin diag.Origin) {
	if p.b.PendingJob == "" || p.b.PendingOf != rack.PendingOfDestroy || p.stopped {
		return
	}
	for _, name := range sortedKeys(p.set) {
		pending, waits := p.b.Pending[name]
		if waits && p.r.same(name, pending, p.set[name]) {
			continue
		}
		p.hands("bios.unfinished_destroy", "A destroy was not finished", fmt.Sprintf(
			"Job %s of a destroy that was cut off waits on this BMC, which takes one configuration job at a time: %s = %s cannot be "+
				"staged beside it. Finish the destroy first: metalwright destroy. Then apply again.",
			path.Base(p.b.PendingJob), name, show(p.set[name])), origin)
		return
	}
}

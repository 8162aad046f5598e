package gofishx

import (
	"cmp"
	"context"
	"slices"

	gofish "github.com/stmcginnis/gofish/redfish"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// Leaks reads the detectors of one LeakDetectorCollection, sorted by path: a second look, by another decoder than the
// survey's, at the gate that must be dry. A detector that gofish cannot decode is read by its state alone, and is
// Unknown without one. A member that cannot be read is a Problem; the error is about the collection.
func Leaks(ctx context.Context, src source, collection string) ([]rack.LeakDetector, []redfish.Problem, error) {
	members, problems, err := src.Members(ctx, collection)
	if err != nil {
		return nil, nil, err
	}
	c := client{}
	for _, m := range members {
		c[redfish.Key(m.URI)] = m
	}
	out := make([]rack.LeakDetector, 0, len(members))
	for _, m := range members {
		l := rack.LeakDetector{Path: m.URI}
		if d, err := gofish.GetLeakDetector(c, m.URI); err == nil {
			l.ID, l.Status, l.State = d.ID, string(d.Status.State), cmp.Or(string(d.DetectorState), string(d.Status.Health))
		} else {
			l.ID, l.Status = m.Obj.Str("Id"), m.Obj.Str("Status", "State")
			l.State = cmp.Or(m.Obj.Str("DetectorState"), m.Obj.Str("Status", "Health"))
		}
		l.State = leakState(l.State)
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b rack.LeakDetector) int { return cmp.Compare(a.Path, b.Path) })
	return out, problems, nil
}

func leakState(s string) string {
	switch s {
	case "OK", "Warning", "Critical":
		return s
	}
	return "Unknown"
}

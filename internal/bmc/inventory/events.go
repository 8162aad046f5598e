package inventory

import (
	"context"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// readEvents reads where the controller pushes its events (facet event_subscriptions).
func (r *reader) readEvents(ctx context.Context) {
	if !r.wants(rack.FacetEvents) {
		return
	}
	res := r.get(ctx, r.root.Link("EventService"))
	if res == nil {
		return
	}
	s := &rack.EventService{Path: res.URI, List: res.Obj.Link("Subscriptions"), Stream: text(res.Obj, "ServerSentEventUri"),
		Subscriptions: []rack.EventSubscription{}}
	if on, told := res.Obj.Bool("ServiceEnabled"); told {
		s.Enabled = &on
	}
	for _, m := range r.take(ctx, s.List) {
		if strings.HasSuffix(strings.TrimRight(m.URI, "/"), "/Capabilities") { // Lenovo lists what may be asked for among them
			continue
		}
		used, fixed := m.Obj.Bool("Oem", "Supermicro", "EnableSubscription")
		s.Fixed = s.Fixed || fixed
		if fixed && !used {
			s.Free++
			continue
		}
		s.Subscriptions = append(s.Subscriptions, rack.EventSubscription{Path: m.URI, Destination: text(m.Obj, "Destination"), Context: text(m.Obj, "Context"),
			Protocol: text(m.Obj, "Protocol"), Delivers: !strings.EqualFold(m.Obj.Str("Status", "State"), "Disabled")})
	}
	r.dev.Events = s
}

package rack

import (
	"slices"

	"github.com/metalwright/metalwright/internal/diag"
)

// FacetEvents is where a controller pushes its events: its event service and every subscription.
const FacetEvents Facet = "event_subscriptions"

// EventContext is the Context of lasting subscriptions that Metalwright made: by it they are told from those of others, which are
// never touched.
const EventContext = "metalwright"

// EventSpec is where a controller shall push its events, for good.
type EventSpec struct {
	Destinations []string    `json:"destinations"` // https URLs, sorted; none = no subscription of Metalwright's is left
	Origin       diag.Origin `json:"origin,omitzero"`
}

// EventService is what a controller says of its events (DSP0268, EventService and EventDestination).
type EventService struct {
	Path          string              `json:"path"`
	List          string              `json:"list,omitempty"`    // collection of subscriptions; empty = none can be made
	Enabled       *bool               `json:"enabled,omitempty"` // nil = not told
	Stream        string              `json:"stream,omitempty"`  // ServerSentEventUri
	Fixed         bool                `json:"fixed,omitempty"`   // subscriptions are entries that are written to (Supermicro)
	Free          int                 `json:"free,omitempty"`    // of these, not in use
	Subscriptions []EventSubscription `json:"subscriptions"`
}

// EventSubscription is one receiver, of whomever.
type EventSubscription struct {
	Path        string `json:"path"`
	Destination string `json:"destination"`
	Context     string `json:"context,omitempty"`
	Protocol    string `json:"protocol,omitempty"`
	Delivers    bool   `json:"delivers"` // it was not suspended
}

// Ours lists the destinations of subscriptions that are Metalwright's and deliver, sorted, each once.
func (s EventService) Ours() []string {
	var out []string
	for _, x := range s.Subscriptions {
		if x.Context == EventContext && x.Delivers {
			out = append(out, x.Destination)
		}
	}
	return sortedOnce(out)
}

func sortedOnce(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

package rack

import "time"

// Event is one event that a BMC told of itself (DSP0268, Event), by push, by a stream, or as what a look found where it tells
// nothing. All but Received may be absent: BMCs leave out much of it (R43).
type Event struct {
	Received  time.Time `json:"received"`             // by our clock
	At        string    `json:"at,omitempty"`         // EventTimestamp as told; a BMC's clock is often wrong (R47)
	ID        string    `json:"id,omitempty"`         // EventId, or MemberId
	MessageID string    `json:"message_id,omitempty"` // REGISTRY.MAJOR.MINOR.KEY
	Args      []string  `json:"args,omitempty"`       // of the message
	Severity  string    `json:"severity,omitempty"`   // OK, Warning, Critical
	Text      string    `json:"text,omitempty"`       // the message, for people
	Origin    string    `json:"origin,omitempty"`     // URI of the resource that it is about
	Kind      EventKind `json:"kind,omitempty"`
	Looked    bool      `json:"looked,omitempty"` // nobody told it: a look at the device found it
}

// EventKind is what an event means for a rack. The zero value means nothing that is acted on.
type EventKind string

// The kinds. The first three stop a run, once a look at the device has confirmed them.
const (
	NoEventKind    EventKind = ""
	EventLeak      EventKind = "leak"
	EventHot       EventKind = "over_temperature" // above a critical limit
	EventShelf     EventKind = "shelf_fault"      // of a power supply or shelf
	EventPower     EventKind = "power"            // a host went on or off
	EventPowerLoss EventKind = "power_loss"       // input power, a breaker, a circuit
	EventJob       EventKind = "job"              // a task or job has ended
	EventInventory EventKind = "inventory"        // something was added, removed or changed its version
	EventBMC       EventKind = "bmc"              // the controller restarted
	EventCondition EventKind = "condition"        // Critical, and none of the above
	EventAllClear  EventKind = "all_clear"        // a leak, heat or fault is over
	EventDetector  EventKind = "detector"         // a leak detector is broken or gone: it tells nothing any more
)

// EventKinds lists the kinds, for help and tests.
func EventKinds() []EventKind {
	return []EventKind{EventLeak, EventHot, EventShelf, EventPower, EventPowerLoss, EventJob, EventInventory, EventBMC, EventCondition,
		EventAllClear, EventDetector}
}

// Peril tells whether the kind stops a run.
func (k EventKind) Peril() bool { return k == EventLeak || k == EventHot || k == EventShelf }

// Verdict is what a look at the source of an event says about it. The zero value is Unread.
type Verdict uint8

// The verdicts.
const (
	Unread    Verdict = iota // the source does not answer, or does not say
	Confirmed                // it is so
	Cleared                  // it is not so, or not any more
)

// String gives the word.
func (v Verdict) String() string { return [...]string{"unread", "confirmed", "cleared"}[v] }

// String says it for people.
func (h Hearing) String() string {
	text := map[string]string{"stream": "its events come by its own stream", "push": "it pushes its events", "looks": "it tells no events and is looked at once a minute"}[h.By]
	if text == "" {
		text = "its events are not followed"
	}
	if h.Gap {
		text += " again; some may have been lost"
	}
	if h.Why != "" {
		text += ": " + h.Why
	}
	return text
}

// Hearing is how the events of one BMC come to us.
type Hearing struct {
	By  string `json:"by"`            // "stream", "push", or "looks": it tells nothing, and is looked at once in a while
	Why string `json:"why,omitempty"` // why not by a better way, or what broke
	// Gap tells that events may have been lost before: a stream or subscription is new.
	Gap bool `json:"gap,omitempty"`
}

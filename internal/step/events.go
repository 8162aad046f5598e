package step

// EventDestination has a BMC push its events, for good, to the receivers that the blueprint names.
//
//	Expect  destinations: [URL …] sorted, of subscriptions that are Metalwright's; enabled: whether the event service is on, where it says so
//	Want    the same, as wanted
//	Args    Path: collection of subscriptions; Resource: the event service
const EventDestination Kind = "event_destination"

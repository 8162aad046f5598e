package sim

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// eventStyle is how a dialect tells events: recorded (redfish.md §8) but for the limits, which are documented by Dell (20), Lenovo
// (12, streams included), bmcweb (20, of them 10 streams) and Supermicro (16 fixed entries, recorded).
type eventStyle struct {
	stream   string   // ServerSentEventUri; empty = there is none
	limit    int      // of subscriptions; 0 = not known, and not reached
	streams  int      // of streams at once
	listed   bool     // a stream is an entry of the collection
	slots    bool     // subscriptions are fixed entries that are written to
	types    []string // EventTypesForSubscription, and then required; else EventTypes is refused (deprecated since EventService 1.3)
	prefixes []string // RegistryPrefixes
	version  string   // of Event
	resumes  bool     // Last-Event-ID is looked at
	off      bool     // the service is disabled as the BMC leaves the factory
}

var eventStyles = map[string]eventStyle{
	dialectIDRAC: {stream: "/redfish/v1/SSE", limit: 20, streams: 2, listed: true, types: []string{"Alert", "MetricReport", "Other"}, version: "v1_6_0"},
	dialectILO: {prefixes: []string{"iLOEvents", "ResourceEvent", "NetworkDevice", "StorageDevice", "iLOResourceEvents", "iLOSecurityEvents"},
		version: "v1_7_0"},
	dialectSupermicro: {limit: 16, slots: true, types: []string{"StatusChange", "ResourceUpdated", "ResourceAdded", "ResourceRemoved", "Alert"}, version: "v1_5_0"},
	dialectXCC: {stream: "/redfish/v1/EventService/ServerSentEvent", limit: 12, streams: 12, listed: true, prefixes: []string{"Base", "EventRegistry",
		"ResourceEvent", "TaskEvent", "Update"}, version: "v1_7_0", resumes: true},
	dialectAMI: {stream: "/redfish/v1/EventService/SSE", streams: 4, prefixes: []string{"HttpStatus", "Security", "Base", "Task", "IPMI", "EventLog", "SyncAgent"},
		version: "v1_4_0"},
	dialectOpenBMC: {stream: "/redfish/v1/EventService/SSE", limit: 20, streams: 10, prefixes: []string{"Base", "OpenBMC", "TaskEvent", "ResourceEvent"},
		version: "v1_7_0", resumes: true},
	dialectLiteon: {stream: "/redfish/v1/EventService/SSE", limit: 20, streams: 10, prefixes: []string{"Base", "OpenBMC", "TaskEvent"}, version: "v1_5_0"},
}

func (d *dialect) events() eventStyle { return eventStyles[d.name] }

// eventsKept is how many events a BMC holds for who comes back.
const eventsKept = 200

// toldEvent is one event as it was told.
type toldEvent struct {
	seq  int
	body obj // the record
}

// teller is what a BMC tells, and to whom. It is guarded by the BMC's lock.
type teller struct {
	list    []toldEvent
	seq     int
	wake    chan struct{} // closed when there is something new; made by who waits
	streams int
	enabled bool
	hot     bool
	dead    int // number of the power supply that has failed; 0 = none
	ctx     context.Context
	stop    context.CancelFunc
	asked   int // events that streams and pushes have carried
}

func newTeller(d *dialect) teller {
	ctx, stop := context.WithCancel(context.Background())
	return teller{enabled: !d.events().off, ctx: ctx, stop: stop}
}

// changedOrDue gives what a listener waits for: something new, or the next thing that becomes due.
func (b *BMC) changedOrDue() (<-chan struct{}, time.Duration) {
	if b.tell.wake == nil {
		b.tell.wake = make(chan struct{})
	}
	next := time.Hour
	for _, e := range b.queue {
		next = min(next, max(time.Until(e.at), 0))
	}
	return b.tell.wake, next
}

// signal wakes who listens.
func (b *BMC) signal() {
	if b.tell.wake != nil {
		close(b.tell.wake)
		b.tell.wake = nil
	}
}

// event tells one event to everybody who listens.
func (b *BMC) event(e eventText, origin string, args ...string) {
	if !b.tell.enabled || e.id == "" {
		return
	}
	b.tell.seq++
	says := e.says
	args = args[:min(len(args), text{says: says}.args())]
	list := make([]any, len(args))
	for i, a := range args {
		says = strings.ReplaceAll(says, fmt.Sprintf("%%%d", i+1), a)
		list[i] = a
	}
	id := strconv.Itoa(b.tell.seq)
	o := obj{"MemberId": "0", "EventId": id, "EventType": "Alert", "EventTimestamp": stamp(b.clock()), "MessageId": e.id,
		"Message": says, "MessageArgs": list, "Severity": e.severity, "MessageSeverity": e.severity}
	if origin != "" {
		o["OriginOfCondition"] = ref(origin)
	}
	if b.dia.events().version == "v1_4_0" {
		delete(o, "MessageSeverity") // since 1.5
	}
	if b.faults.on("R43") {
		delete(o, "MemberId")
		delete(o, "EventType")
	}
	b.tell.list = append(b.tell.list, toldEvent{b.tell.seq, o})
	if n := len(b.tell.list) - eventsKept; n > 0 {
		b.tell.list = slices.Clone(b.tell.list[n:])
	}
	b.signal()
}

// message wraps one record in an Event resource.
func (b *BMC) message(e toldEvent, context string) obj {
	o := obj{"@odata.type": "#Event." + b.dia.events().version + ".Event", "Id": strconv.Itoa(e.seq), "Name": "Event Array", "Events": []any{e.body}}
	if context != "" {
		o["Context"] = context
	}
	return o
}

// newer are the events after a number.
func (b *BMC) newer(seq int) []toldEvent {
	i := slices.IndexFunc(b.tell.list, func(e toldEvent) bool { return e.seq > seq })
	if i < 0 {
		return nil
	}
	return slices.Clone(b.tell.list[i:])
}

// opensStream tells whether a request is for the stream.
func (b *BMC) opensStream(c *call) bool {
	s := b.dia.events().stream
	return s != "" && c.method == http.MethodGet && c.path == s
}

// stream answers with events for as long as the client stays and the BMC runs. The lock is held at the call, and not after it.
func (b *BMC) stream(w http.ResponseWriter, r *http.Request, c *call) {
	style := b.dia.events()
	switch {
	case !b.tell.enabled:
		a := b.fail(http.StatusServiceUnavailable, b.msg("ResourceInUse"))
		b.mu.Unlock()
		b.send(w, r, a)
		return
	case b.tell.streams >= style.streams || b.faults.on("streams-full"):
		a := b.fail(http.StatusServiceUnavailable, b.msg("ResourceInUse"))
		b.mu.Unlock()
		b.send(w, r, a)
		return
	}
	from := b.tell.seq
	if last, err := strconv.Atoi(c.header.Get("Last-Event-ID")); err == nil && style.resumes {
		from = last
	}
	b.tell.streams++
	entry := b.listStream()
	born := b.resetAt
	token := c.header.Get("X-Auth-Token")
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.tell.streams--
		b.subs = slices.DeleteFunc(b.subs, func(s *subscription) bool { return s == entry })
		b.mu.Unlock()
	}()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	flush, _ := w.(http.Flusher)
	flush.Flush()
	for {
		b.mu.Lock()
		b.advance()
		if b.down() || !b.resetAt.Equal(born) {
			b.mu.Unlock()
			panic(http.ErrAbortHandler)
		}
		b.touch(token)
		list := b.newer(from)
		wake, next := b.changedOrDue()
		drop := len(list) > 0 && b.faults.fire("stream-drops", nil)
		if drop {
			list = list[:len(list)-1]
		}
		b.tell.asked += len(list)
		b.mu.Unlock()
		for _, e := range list {
			from = e.seq
			if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", e.seq, encode(b.message(e, ""))); err != nil {
				return
			}
		}
		flush.Flush()
		if drop {
			panic(http.ErrAbortHandler)
		}
		if !b.waitFor(r.Context(), wake, next) {
			return
		}
	}
}

// waitFor waits until there may be something to tell; false when there is nobody to tell it to.
func (b *BMC) waitFor(ctx context.Context, wake <-chan struct{}, next time.Duration) bool {
	t := time.NewTimer(next)
	defer t.Stop()
	select {
	case <-wake:
	case <-t.C:
	case <-ctx.Done():
		return false
	case <-b.tell.ctx.Done():
		return false
	}
	return true
}

// touch keeps the session of a stream alive.
func (b *BMC) touch(token string) {
	for _, s := range b.sessions {
		if token != "" && s.token == token {
			s.last = b.now
		}
	}
}

// eventText is a message in our words; ids are those of the registries that the BMCs serve.
type eventText struct{ id, severity, says string }

// eventTexts are what a dialect says of each thing that happens, by name.
var eventTexts = map[string]map[string]eventText{
	dialectIDRAC: {
		"on": {"IDRAC.2.7.SYS1000", "OK", "The system is being turned on."}, "off": {"IDRAC.2.7.SYS1001", "OK", "The system is being turned off."},
		"job": {"IDRAC.2.7.JCP037", "OK", "The job %1 has ended well."}, "badjob": {"IDRAC.2.7.JCP042", "Warning", "The job %1 has failed: %2."},
		"hot":    {"IDRAC.2.7.TMP0121", "Critical", "The inlet temperature is above the upper critical threshold."},
		"supply": {"IDRAC.2.7.PSU0001", "Critical", "Power supply %1 has failed."}, "leak": {"IDRAC.2.7.LCS0003", "Critical", "A large leak is seen at the %1 %2."}},
	dialectILO: {
		"on": {"iLOResourceEvents.1.3.ServerPoweredOn", "OK", "The server was switched on."}, "off": {"iLOResourceEvents.1.3.ServerPoweredOff", "OK", "The server was switched off."},
		"hot":    {"iLOEvents.6.10.ThermalStatusFailure", "Critical", "The temperature is too high at %1."},
		"supply": {"iLOEvents.6.10.PowerSupplyFailed", "Critical", "The power supply in bay %1 has failed."}},
	dialectSupermicro: {
		"on": {"Event.1.0.SystemPowerAction", "OK", "The system was %1."}, "off": {"Event.1.0.SystemPowerAction", "OK", "The system was %1."},
		"job": {"TaskEvent.1.0.TaskCompletedOK", "OK", "The task %1 has ended."}, "badjob": {"TaskEvent.1.0.TaskAborted", "Critical", "The task %1 has ended with errors."},
		"hot":    {"ResourceEvent.1.0.ResourceStatusChangedCritical", "Critical", "The health of %1 is now %2."},
		"supply": {"ResourceEvent.1.0.ResourceStatusChangedCritical", "Critical", "The health of %1 is now %2."}},
	dialectXCC: {
		"on": {"EventRegistry.1.0.FQXSPPP4025I", "OK", "The server was switched on."}, "off": {"EventRegistry.1.0.FQXSPPP4035I", "OK", "The server was switched off by a command."},
		"job": {"TaskEvent.1.0.TaskCompletedOK", "OK", "The task %1 has ended."}, "badjob": {"TaskEvent.1.0.TaskAborted", "Critical", "The task %1 has ended with errors."},
		"hot":    {"EventRegistry.1.0.FQXSPPU0001N", "Critical", "It is too hot at %1."},
		"supply": {"EventRegistry.1.0.FQXSPPW0002L", "Critical", "%1 has failed."}},
	dialectAMI: {
		"on": {"EventLog.1.0.ResourceUpdated", "OK", "%1 of %2 has gone from %3 to %4."}, "off": {"EventLog.1.0.ResourceUpdated", "OK", "%1 of %2 has gone from %3 to %4."},
		"job": {"TaskEvent.1.0.TaskCompletedOK", "OK", "The task %1 has ended."}, "badjob": {"TaskEvent.1.0.TaskAborted", "Critical", "The task %1 has ended with errors."},
		"hot":    {"EventLog.1.0.StatusChange", "OK", "The status %1 of %2 has gone from %3 to %4."},
		"supply": {"EventLog.1.0.StatusChange", "OK", "The status %1 of %2 has gone from %3 to %4."}},
	dialectOpenBMC: {
		"on": {"OpenBMC.0.4.DCPowerOn", "OK", "The host has DC power."}, "off": {"OpenBMC.0.4.DCPowerOff", "OK", "The host has no DC power."},
		"job": {"TaskEvent.1.0.TaskCompletedOK", "OK", "The task %1 has ended."}, "badjob": {"TaskEvent.1.0.TaskAborted", "Critical", "The task %1 has ended with errors."},
		"bmc":    {"OpenBMC.0.4.BMCBootReason", "OK", "The BMC runs %1, started by %2."},
		"hot":    {"OpenBMC.0.4.SensorThresholdCriticalHighGoingHigh", "Critical", "%1 is above its critical high threshold: %2, threshold %3."},
		"supply": {"OpenBMC.0.4.PowerSupplyFailed", "Warning", "Power supply %1 has failed."},
		"leak":   {"ResourceEvent.1.0.ResourceErrorThresholdExceeded", "Critical", "%1 is over its error threshold: %2."}},
	dialectLiteon: {"supply": {"OpenBMC.0.3.PowerSupplyFailed", "Warning", "Power supply %1 has failed."}},
}

// happened tells one of the things that eventTexts names.
func (b *BMC) happened(what string, args ...string) {
	e := eventTexts[b.dia.name][what]
	origin := ""
	switch what {
	case "on", "off":
		origin = b.dia.sys()
		if b.dia.name == dialectAMI {
			was := map[string]string{"on": powerOff, "off": powerOn}[what]
			now := map[string]string{"on": powerOn, "off": powerOff}[what]
			args = []string{"PowerState", origin, was, now}
		}
		if b.dia.name == dialectSupermicro {
			args = []string{"powered " + what}
		}
	case "leak":
		origin = b.leakURI()
	case "hot":
		origin, args = b.hotSource()
	case "supply":
		origin, args = b.supplySource(b.tell.dead)
	case "job", "badjob":
		origin = taskURI(args[0])
	}
	if b.dia.name == dialectOpenBMC && what != "leak" {
		origin = "" // recorded: SSEFilterPropertiesSupported OriginResource false
	}
	b.event(e, origin, args...)
}

// hotSource is where heat is read, and what the event about it says.
func (b *BMC) hotSource() (origin string, args []string) {
	uri := b.dia.chassis() + "/Thermal#/Temperatures/0"
	switch b.dia.name {
	case dialectILO, dialectXCC:
		return uri, []string{"Inlet Temp"}
	case dialectSupermicro:
		return uri, []string{"Inlet Temp", "Critical"}
	case dialectAMI:
		return uri, []string{"Health", uri, "OK", "Critical"}
	case dialectOpenBMC:
		return sensorURI, []string{sensorID, strconv.Itoa(inletHot), strconv.Itoa(inletLimit)}
	}
	return uri, nil
}

// supplySource is the resource of a power supply, and what the event about it says.
func (b *BMC) supplySource(n int) (origin string, args []string) {
	n = max(n, 1)
	uri := fmt.Sprintf("%s/PowerSubsystem/PowerSupplies/PSU.Slot.%d", b.dia.chassis(), n)
	if !b.dia.power.subsystem {
		uri = fmt.Sprintf("%s/Power#/PowerSupplies/%d", b.dia.chassis(), n-1)
	}
	switch b.dia.name {
	case dialectXCC:
		return uri, []string{fmt.Sprintf("Power Supply %d", n)}
	case dialectSupermicro:
		return uri, []string{fmt.Sprintf("PSU %d", n), "Critical"}
	case dialectAMI:
		return uri, []string{"Health", uri, "OK", "Critical"}
	}
	return uri, []string{strconv.Itoa(n)}
}

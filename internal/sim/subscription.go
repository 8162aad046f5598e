package sim

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

const (
	eventServiceURI  = "/redfish/v1/EventService"
	subscriptionsURI = eventServiceURI + "/Subscriptions"
	deliveryAttempts = 3
	deliveryInterval = 30 * time.Second
	deliveryTimeout  = 30 * time.Second
	retriesForever   = "RetryForever"
	retriesSuspended = "SuspendRetries"
)

// subscription is one event destination: a receiver that events are pushed to, or a stream that is listed as one.
type subscription struct {
	id        string
	to        string // Destination; empty = a fixed entry that is not used, or a stream
	context   string
	policy    string // DeliveryRetryPolicy
	types     []any
	stream    bool
	suspended bool
	on        bool // of a fixed entry
	stop      context.CancelFunc
}

// newSubscriptions are the fixed entries of a BMC that has some.
func newSubscriptions(d *dialect) []*subscription {
	var out []*subscription
	if s := d.events(); s.slots {
		for i := range s.limit {
			out = append(out, &subscription{id: strconv.Itoa(i + 1)})
		}
	}
	return out
}

func eventRoutes(b *BMC, m map[string]*route) {
	add(b, m, eventServiceURI, &route{get: func(*call) obj { return b.eventService() }, patch: patchEventService})
	list := &route{get: func(*call) obj {
		var ids []string
		for _, s := range b.subs {
			ids = append(ids, subscriptionsURI+"/"+s.id)
		}
		return collection("EventDestinationCollection.EventDestinationCollection", "Event Subscriptions Collection", ids)
	}}
	one := &route{get: func(c *call) obj {
		if s := b.subscription(c.vars[0]); s != nil {
			return b.destination(s)
		}
		return nil
	}}
	if b.dia.events().slots {
		one.patch = patchSlot
	} else {
		list.post, one.del = subscribe, unsubscribe
	}
	add(b, m, subscriptionsURI, list)
	add(b, m, subscriptionsURI+"/*", one)
}

func (b *BMC) eventService() obj {
	style := b.dia.events()
	state := "Enabled"
	if !b.tell.enabled {
		state = "Disabled"
	}
	o := obj{"@odata.type": b.dia.typ("EventService"), "Id": "EventService", "Name": "Event Service", "ServiceEnabled": b.tell.enabled,
		"Status": obj{"State": state, "Health": "OK"}, "DeliveryRetryAttempts": deliveryAttempts,
		"DeliveryRetryIntervalSeconds": int(deliveryInterval / time.Second), "Subscriptions": ref(subscriptionsURI)}
	if style.stream != "" {
		o["ServerSentEventUri"] = style.stream
	}
	if style.types != nil {
		o["EventTypesForSubscription"] = texts2list(style.types)
	}
	if style.prefixes != nil {
		o["RegistryPrefixes"] = texts2list(style.prefixes)
	}
	return o
}

func patchEventService(c *call) *answer {
	b := c.b
	on, isBool := c.body["ServiceEnabled"].(bool)
	if !isBool {
		return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", firstKey(c.body)))
	}
	b.tell.enabled = on
	return b.done()
}

func firstKey(o obj) string {
	var keys []string
	for k := range o {
		keys = append(keys, k)
	}
	return slices.Min(keys)
}

func (b *BMC) subscription(id string) *subscription {
	for _, s := range b.subs {
		if s.id == id {
			return s
		}
	}
	return nil
}

// destination renders one subscription.
func (b *BMC) destination(s *subscription) obj {
	o := obj{"@odata.id": subscriptionsURI + "/" + s.id, "@odata.type": b.dia.typ("EventDestination"), "Id": s.id,
		"Name": "Event Subscription " + s.id, "Destination": s.to, "Protocol": "Redfish", "Context": s.context, "EventFormatType": "Event",
		"SubscriptionType": "RedfishEvent", "Status": enabled()}
	if s.types != nil {
		o["EventTypes"] = s.types
	}
	if s.policy != "" {
		o["DeliveryRetryPolicy"] = s.policy
	}
	if s.stream {
		o["SubscriptionType"], o["Destination"] = "SSE", "127.0.0.1"
	}
	if s.suspended {
		o["Status"] = obj{"State": "Disabled", "Health": "OK"}
	}
	if b.dia.events().slots {
		o["Oem"] = obj{"Supermicro": obj{"@odata.type": "#SmcEventDestinationExtensions.v1_0_0.EventDestination", "Severity": "Information",
			"EnableSubscription": s.on}}
		if s.to == "" {
			o["Destination"], o["Protocol"], o["SubscriptionType"], o["Context"] = "0.0.0.0", "SNMPv1", "SNMPTrap", nil
			o["Status"] = obj{"State": "Disabled", "Health": "OK"}
		}
	}
	return o
}

// listStream makes a stream an entry of the collection, where the vendor does so.
func (b *BMC) listStream() *subscription {
	if !b.dia.events().listed {
		return nil
	}
	n := b.id("subscription", 1)
	s := &subscription{id: fmt.Sprintf("%08x", n), stream: true, context: strconv.Itoa(n)}
	b.subs = append(b.subs, s)
	return s
}

// wanted reads what a subscription is to be from a body, or says what is wrong with it.
func (c *call) wanted(s *subscription) *answer {
	b := c.b
	style := b.dia.events()
	for k := range c.body {
		switch k {
		case "Destination", "Context", "Protocol", "EventFormatType", "SubscriptionType", "RegistryPrefixes", "ResourceTypes", "DeliveryRetryPolicy",
			"HttpHeaders", "Oem":
		case "EventTypes":
			if style.types == nil {
				return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", k))
			}
		default:
			return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", k))
		}
	}
	to, _ := c.body["Destination"].(string)
	if to == "" {
		return b.fail(http.StatusBadRequest, b.msg("PropertyMissing", "Destination"))
	}
	if u, err := url.Parse(to); err != nil || u.Host == "" || u.Scheme != "https" {
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueFormatError", to, "Destination"))
	}
	if p, _ := c.body["Protocol"].(string); p != "Redfish" {
		return b.fail(http.StatusBadRequest, b.msg("PropertyMissing", "Protocol"))
	}
	types, _ := c.body["EventTypes"].([]any)
	if style.types != nil && len(types) == 0 {
		return b.fail(http.StatusBadRequest, b.msg("PropertyMissing", "EventTypes"))
	}
	for _, t := range types {
		if name, _ := t.(string); !slices.Contains(style.types, name) {
			return b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", fmt.Sprint(t), "EventTypes"))
		}
	}
	s.to, s.types = to, types
	s.context, _ = c.body["Context"].(string)
	s.policy, _ = c.body["DeliveryRetryPolicy"].(string)
	return nil
}

// subscribe makes one.
func subscribe(c *call) *answer {
	b := c.b
	s := &subscription{on: true}
	if bad := c.wanted(s); bad != nil {
		return bad
	}
	if limit := b.dia.events().limit; limit > 0 && len(b.subs) >= limit || b.faults.on("subscriptions-full") {
		return b.fail(http.StatusBadRequest, b.msg("ResourceCreationConflict", subscriptionsURI))
	}
	s.id = strconv.Itoa(b.id("subscription", 1))
	b.subs = append(b.subs, s)
	b.led.Subscriptions++
	b.deliver(s)
	return &answer{status: http.StatusCreated, body: b.destination(s), header: map[string]string{"Location": subscriptionsURI + "/" + s.id}}
}

func unsubscribe(c *call) *answer {
	b := c.b
	s := b.subscription(c.vars[0])
	if s == nil {
		return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
	}
	b.end(s)
	return b.done()
}

// end takes a subscription away.
func (b *BMC) end(s *subscription) {
	if s.stop != nil {
		s.stop()
	}
	b.subs = slices.DeleteFunc(b.subs, func(x *subscription) bool { return x == s })
}

// dropSubscriptions is what a restart does where nothing of them is kept.
func (b *BMC) dropSubscriptions() {
	if !b.faults.on("subscriptions-lost") {
		return
	}
	for _, s := range slices.Clone(b.subs) {
		if !s.stream && !b.dia.events().slots {
			b.end(s)
		}
	}
}

// patchSlot writes a fixed entry (Supermicro).
func patchSlot(c *call) *answer {
	b := c.b
	s := b.subscription(c.vars[0])
	if s == nil {
		return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
	}
	oem, _ := c.body["Oem"].(obj)
	smc, _ := oem["Supermicro"].(obj)
	on, said := smc["EnableSubscription"].(bool)
	if said && !on {
		if s.stop != nil {
			s.stop()
		}
		*s = subscription{id: s.id}
		return b.done()
	}
	if b.faults.on("subscriptions-full") {
		return b.fail(http.StatusBadRequest, b.msg("ResourceInUse"))
	}
	next := subscription{id: s.id, on: on}
	if bad := c.wanted(&next); bad != nil {
		return bad
	}
	if s.stop != nil {
		s.stop()
	}
	*s = next
	if on {
		b.led.Subscriptions++
		b.deliver(s)
	}
	return b.done()
}

// deliver pushes what happens from now on, until the subscription or the rack ends. A rack that listens on no socket and has no
// Options.Deliver pushes nothing.
func (b *BMC) deliver(s *subscription) {
	dial := b.rack.opt.Deliver
	if dial == nil && b.door.addr == "" {
		return
	}
	ctx, stop := context.WithCancel(b.tell.ctx)
	s.stop = stop
	to, from := s.to, b.tell.seq
	client := &http.Client{Timeout: max(b.rack.scaled(deliveryTimeout), shortestDelivery), Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true,
		// BMCs do not verify a receiver unless its CA was imported (redfish.md §8); what they send is believed by nobody unseen.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}} //nolint:gosec // plays a BMC that does not verify
	b.door.wg.Add(1)
	go func() {
		defer b.door.wg.Done()
		for {
			b.mu.Lock()
			b.advance()
			list, down := b.newer(from), b.down()
			if down {
				list = nil
			}
			wake, next := b.changedOrDue()
			if down {
				next = min(next, max(time.Until(b.downUntil), time.Millisecond))
			}
			b.mu.Unlock()
			for _, e := range list {
				from = e.seq
				if !b.push1(ctx, client, s, to, e) {
					return
				}
			}
			if len(list) == 0 && !b.waitFor(ctx, wake, next) {
				return
			}
		}
	}()
}

// shortestDelivery: a receiver needs real time, however fast minutes pass here.
const shortestDelivery = 5 * time.Second

// push1 sends one event, and again as DeliveryRetryAttempts and the policy say. It tells whether the subscription goes on.
func (b *BMC) push1(ctx context.Context, client *http.Client, s *subscription, to string, e toldEvent) bool {
	for try := 0; ; try++ {
		b.mu.Lock()
		label := s.context
		if b.faults.fire("push-context", nil) {
			label = "somebody else's"
		}
		body := encode(b.message(e, label))
		b.tell.asked++
		b.mu.Unlock()
		if post(ctx, client, to, body) || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		if try >= deliveryAttempts {
			b.mu.Lock()
			defer b.mu.Unlock()
			switch s.policy {
			case retriesForever:
				return true // this event is lost, the next is tried
			case retriesSuspended:
				s.suspended = true
			default:
				if !b.dia.events().slots {
					b.subs = slices.DeleteFunc(b.subs, func(x *subscription) bool { return x == s })
				}
			}
			return false
		}
		t := time.NewTimer(b.rack.scaled(deliveryInterval))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
}

func post(ctx context.Context, client *http.Client, to string, body []byte) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode/100 == 2
}

// DeliverFunc dials the receiver of a pushed event.
type DeliverFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// Subscriptions counts the receivers that are subscribed at this moment; streams do not count.
func (b *BMC) Subscriptions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
	n := 0
	for _, s := range b.subs {
		if s.to != "" {
			n++
		}
	}
	return n
}

// Restart restarts the BMC behind everybody's back.
func (b *BMC) Restart() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
	b.restart(seconds(b.hw.Timing.BMCResetS, defaultBMCReset), step.BMCReset)
}

// eventDestinations lists who is subscribed.
func (b *BMC) eventDestinations() []string {
	var out []string
	for _, s := range b.subs {
		if s.to != "" {
			out = append(out, s.context+" "+s.to)
		}
	}
	slices.Sort(out)
	return out
}

// subscribeTo makes a subscription behind everybody's back; nothing is delivered to it.
func (b *BMC) subscribeTo(label, to string) {
	if b.dia.events().slots {
		for _, s := range b.subs {
			if s.to == "" {
				s.to, s.context, s.on = to, label, true
				return
			}
		}
		return
	}
	b.subs = append(b.subs, &subscription{id: strconv.Itoa(b.id("subscription", 1)), to: to, context: label, on: true})
}

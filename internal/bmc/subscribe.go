package bmc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/events"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// subscribe has the BMC push its events, and looks once a minute whether the subscription is still there.
func (l *listener) subscribe(ctx context.Context, service redfish.Object, why string) error {
	s := l.opt.Subscribe
	stop, err := s.Listen(func(b events.Batch) {
		l.heard.Store(true)
		l.batch(ctx, b)
	})
	if err != nil {
		return step.Fail(step.Rejected, fmt.Errorf("receive events: %w", err), "")
	}
	defer stop()
	list := service.Link("Subscriptions")
	if list == "" {
		return unsupported("event subscriptions")
	}
	want := destination{to: s.Destination, context: s.Context, policy: "TerminateAfterRetries"}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestGoodbye)
		defer cancel()
		_ = l.d.unsubscribe(ctx, list, want) // what is left behind ends by itself when nobody answers it, and is found by its Context
	}()
	for first := true; ; first = false {
		made, err := l.d.ensureSubscribed(ctx, list, service, want)
		if err != nil && (first || ctx.Err() != nil || step.ClassOf(err) != step.Transient && step.ClassOf(err) != step.Unreachable) {
			return err
		}
		if made || first {
			l.say(rack.Hearing{By: "push", Why: why, Gap: !first})
			l.said.Gap = false // the next loss is told again
		}
		if err := sleepFor(ctx, l.d.paced(subscriptionCheck)); err != nil {
			return nil
		}
	}
}

// destination is one subscription as wanted.
type destination struct {
	to      string
	context string
	policy  string // DeliveryRetryPolicy; empty = the BMC's own
}

// seen is one subscription as the BMC shows it.
type seenSubscription struct {
	uri string
	obj redfish.Object
}

func (s seenSubscription) to() string      { return s.obj.Str("Destination") }
func (s seenSubscription) context() string { return s.obj.Str("Context") }

// free tells whether it is a fixed entry that nobody uses (Supermicro: "0.0.0.0").
func (s seenSubscription) free() bool {
	on, told := s.obj.Bool("Oem", "Supermicro", "EnableSubscription")
	return told && !on
}

// fixed tells whether the BMC has entries that are written to, and takes no new ones.
func (s seenSubscription) fixed() bool { return s.obj.Has("Oem", "Supermicro", "EnableSubscription") }

// works tells whether it delivers: one that was suspended after failed tries does not.
func (s seenSubscription) works() bool {
	return !strings.EqualFold(s.obj.Str("Status", "State"), "Disabled")
}

func (d *Driver) subscriptions(ctx context.Context, list string) ([]seenSubscription, error) {
	members, err := d.maybeMembers(ctx, list)
	if err != nil {
		return nil, fmt.Errorf("read the event subscriptions: %w", err)
	}
	var out []seenSubscription
	for _, m := range members {
		if m.Obj.Str("Id") == "Capabilities" || strings.HasSuffix(strings.TrimRight(m.URI, "/"), "/Capabilities") {
			continue
		}
		out = append(out, seenSubscription{m.URI, m.Obj})
	}
	return out, nil
}

// ensureSubscribed makes the subscription unless it is there. One with our Context that leads elsewhere, or no longer delivers, is
// a leftover of ours, and is replaced. What others made is never touched.
func (d *Driver) ensureSubscribed(ctx context.Context, list string, service redfish.Object, want destination) (made bool, err error) {
	release, err := d.c.take(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	all, err := d.subscriptions(ctx, list)
	if err != nil {
		return false, err
	}
	for _, s := range all {
		if s.context() != want.context {
			continue
		}
		if s.to() == want.to && s.works() && !s.free() {
			return false, nil
		}
		if err := d.endSubscription(ctx, s); err != nil {
			return false, fmt.Errorf("take an old subscription of ours away: %w", err)
		}
	}
	return true, d.newSubscription(ctx, list, service, all, want)
}

// newSubscription creates it, in the words that this BMC takes: EventTypes where its service lists them, else none, for they are
// refused since EventService 1.3. What one BMC knows and another refuses is left out at a second try.
func (d *Driver) newSubscription(ctx context.Context, list string, service redfish.Object, all []seenSubscription, want destination) error {
	body := map[string]any{"Destination": want.to, "Context": want.context, "Protocol": "Redfish"}
	if types := service.Strs("EventTypesForSubscription"); len(types) > 0 {
		body["EventTypes"] = eventTypes(types)
	}
	if i := slices.IndexFunc(all, seenSubscription.fixed); i >= 0 {
		free := slices.IndexFunc(all, seenSubscription.free)
		if free < 0 {
			return rejected("all %d entries for event subscriptions are taken", len(all))
		}
		body["Oem"] = map[string]any{"Supermicro": map[string]any{"EnableSubscription": true, "Severity": "Information"}}
		_, err := d.c.rf.Patch(ctx, all[free].uri, body, redfish.PatchOptions{})
		return said("subscribe to events", err)
	}
	full := map[string]any{"EventFormatType": "Event", "SubscriptionType": "RedfishEvent"}
	if want.policy != "" {
		full["DeliveryRetryPolicy"] = want.policy
	}
	for k, v := range body {
		full[k] = v
	}
	_, err := d.c.rf.Post(ctx, list, full)
	if unknownProperty(err) {
		_, err = d.c.rf.Post(ctx, list, body)
	}
	if redfish.IsSentUnknown(err) { // it may be there: the next look tells
		return step.Fail(step.Transient, err, "")
	}
	if err != nil && step.ClassOf(err) == step.Rejected {
		return step.Fail(step.Rejected, fmt.Errorf("subscribe to events (%d are there): %w", len(all), err), "A BMC takes some 8 to 20 subscriptions. Take one away that nobody needs.")
	}
	return said("subscribe to events", err)
}

func said(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// eventTypes are those that tell of a machine, of what a service offers.
func eventTypes(offered []string) []string {
	var out []string
	for _, t := range []string{"Alert", "StatusChange", "ResourceAdded", "ResourceRemoved"} {
		if slices.Contains(offered, t) {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return offered
	}
	return out
}

// unknownProperty tells whether a BMC refused a request because it does not know a property of it.
func unknownProperty(err error) bool {
	var e *redfish.Error
	if !errors.As(err, &e) || e.Status != http.StatusBadRequest {
		return false
	}
	return slices.ContainsFunc(e.MessageIDs, func(id string) bool {
		_, key := events.Split(id)
		return strings.HasPrefix(key, "PropertyUnknown") || strings.HasPrefix(key, "PropertyNotWritable") || key == "PropertyValueNotInList" ||
			key == "CreateFailedMissingReqProperties" || key == "PropertyNotSupported"
	})
}

// endSubscription takes one away: it is deleted, or emptied where entries are fixed.
func (d *Driver) endSubscription(ctx context.Context, s seenSubscription) error {
	if s.fixed() {
		_, err := d.c.rf.Patch(ctx, s.uri, map[string]any{"Oem": map[string]any{"Supermicro": map[string]any{"EnableSubscription": false}}}, redfish.PatchOptions{})
		return err
	}
	_, err := d.c.rf.Delete(ctx, s.uri)
	if redfish.IsNotFound(err) {
		return nil
	}
	return err
}

// unsubscribe takes our own away again.
func (d *Driver) unsubscribe(ctx context.Context, list string, want destination) error {
	release, err := d.c.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	all, err := d.subscriptions(ctx, list)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.context() == want.context && !s.free() {
			if err := d.endSubscription(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

package plan

import (
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// TestPlanEvents: what is missing is made, what is ours and no longer named goes, and what cannot be is said.
func TestPlanEvents(t *testing.T) {
	const a, b = "https://a.example/x", "https://b.example/x"
	off, on := false, true
	service := func(change func(*rack.EventService)) *rack.EventService {
		s := &rack.EventService{Path: "/redfish/v1/EventService", List: "/redfish/v1/EventService/Subscriptions", Enabled: &on,
			Subscriptions: []rack.EventSubscription{{Path: "/1", Destination: a, Context: rack.EventContext, Delivers: true},
				{Path: "/2", Destination: "https://theirs.example", Context: "theirs", Delivers: true}}}
		if change != nil {
			change(s)
		}
		return s
	}
	for name, c := range map[string]struct {
		want []string
		seen *rack.EventService
		gap  string
		kind string // step, none, blocked, unreadable
		says string
	}{
		"as wanted":         {want: []string{a}, seen: service(nil), kind: "none"},
		"one more":          {want: []string{a, b}, seen: service(nil), kind: "step"},
		"another":           {want: []string{b}, seen: service(nil), kind: "step"},
		"none any more":     {want: []string{}, seen: service(nil), kind: "step"},
		"suspended":         {want: []string{a}, seen: service(func(s *rack.EventService) { s.Subscriptions[0].Delivers = false }), kind: "step"},
		"switched off":      {want: []string{a}, seen: service(func(s *rack.EventService) { s.Enabled = &off }), kind: "step", says: "the event service is off"},
		"off, and none":     {want: []string{}, seen: service(func(s *rack.EventService) { s.Enabled, s.Subscriptions = &off, nil }), kind: "none"},
		"no room":           {want: []string{a, b}, seen: service(func(s *rack.EventService) { s.Fixed = true }), kind: "blocked", says: "0 are free"},
		"no service":        {want: []string{a}, kind: "blocked", says: "no event subscriptions"},
		"none, and none":    {want: []string{}, kind: "none"},
		"could not be read": {want: []string{a}, seen: service(nil), gap: "/redfish/v1/EventService/Subscriptions", kind: "unreadable"},
	} {
		l := newLab()
		node, dev := l.node("n1", "r750")
		node.BMC.Events, dev.Events = &rack.EventSpec{Destinations: c.want}, c.seen
		if c.gap != "" {
			l.o.Gaps = append(l.o.Gaps, rack.Gap{Address: dev.Address, Path: c.gap, Reason: "503"})
		}
		p, rep := Build(l.d, l.o, Options{Now: testNow})
		got, said := "none", ""
		switch {
		case len(rep.Blocked) > 0:
			got, said = "blocked", rep.Blocked[0].Detail
		case len(rep.Unreadable) > 0:
			got = "unreadable"
		case !p.Empty():
			s := p.Nodes[0].Steps[0]
			got, said = "step", s.Why
			if s.Kind != step.EventDestination || s.Activation != step.None || len(p.Nodes[0].Resets) > 0 {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if got != c.kind || !strings.Contains(said, c.says) {
			t.Errorf("%s: %s (%s), want %s (%s): %+v", name, got, said, c.kind, c.says, rep)
		}
	}
}

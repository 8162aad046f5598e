package sim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/sim"
)

const (
	eventService  = "/redfish/v1/EventService"
	subscriptions = eventService + "/Subscriptions"
)

// subscribe makes one subscription, as the service wants it.
func (p *probe) subscribe() {
	p.t.Helper()
	body := obj{"Destination": "https://collector.example/events", "Protocol": "Redfish", "Context": "lab"}
	if types := strs(p.get(eventService)["EventTypesForSubscription"]); len(types) > 0 {
		body["EventTypes"] = []any{"Alert"}
	}
	if p.dia == "supermicro" {
		body["Oem"] = obj{"Supermicro": obj{"EnableSubscription": true}}
		p.must(2, "PATCH", p.members(subscriptions)[0], body)
		return
	}
	p.must(http.StatusCreated, "POST", subscriptions, body)
}

// badSubscriptions are refused.
func (p *probe) badSubscriptions() {
	p.t.Helper()
	method, uri := "POST", subscriptions
	if p.dia == "supermicro" {
		method, uri = "PATCH", p.members(subscriptions)[1]
		p.must(http.StatusMethodNotAllowed, "POST", subscriptions, obj{"Destination": "https://collector.example/events", "Protocol": "Redfish"})
	}
	for _, body := range []obj{{"Context": "x"}, {"Destination": "http://collector.example/", "Protocol": "Redfish"}, {"Destination": "https://collector.example/"},
		{"Destination": "https://collector.example/", "Protocol": "Redfish", "Colour": "red"},
		{"Destination": "https://collector.example/", "Protocol": "Redfish", "EventTypes": []any{"Party"}}} {
		p.must(http.StatusBadRequest, method, uri, body)
	}
	p.must(http.StatusBadRequest, "PATCH", eventService, obj{"Name": "x"})
}

// TestEventsValidate lets everything happen that is told as an event, and holds each event against the schema of its type and, where
// its registry is DMTF's, against the registry.
func TestEventsValidate(t *testing.T) {
	d := needsDMTF(t)
	eachDialect(t, sim.Options{Seed: 21}, func(p *probe) {
		p.login()
		p.reset("ForceOff")
		time.Sleep(time.Minute)
		p.login()
		p.reset("On")
		p.stageBIOS()
		p.reset("ForceRestart")
		time.Sleep(time.Hour)
		for _, poke := range []sim.Poke{{Hot: true}, {DeadSupply: 2}, {Flood: 3}, {Tell: "hot"}, {Tell: "supply"}} {
			if err := p.bmc.Poke(poke); err != nil {
				p.t.Error(err)
			}
		}
		if err := p.bmc.Poke(sim.Poke{Tell: "leak"}); (err == nil) != (p.dia == "openbmc" || p.dia == "idrac") {
			p.t.Errorf("tell of a leak: %v", err)
		}
		told := p.bmc.Told()
		for _, raw := range told {
			for _, bad := range d.check(raw) {
				p.t.Errorf("%s\n%s", bad, raw)
			}
			for _, bad := range d.checkMessages(decoded(p.t, raw), nil) {
				if !strings.Contains(bad, "neither in DMTF's registries") {
					p.t.Errorf("%s\n%s", bad, raw)
				}
			}
		}
		if len(told) < 8 {
			p.t.Errorf("only %d events", len(told))
		}
	})
}

func decoded(t testing.TB, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

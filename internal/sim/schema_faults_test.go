package sim_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/sim"
)

// request is one of a recorded life, to be asked again of a BMC that misbehaves.
type request struct {
	at          time.Time
	method, uri string
	body        any
	header      []string
}

// TestFaultsBreakWhatTheySay plays every fault on the dialects that have it, while the requests of a whole life are asked again.
// Only a fault that says so may break a schema, and one that says so has to.
func TestFaultsBreakWhatTheySay(t *testing.T) {
	d := needsDMTF(t)
	lives, own := map[string][]request{}, map[string]map[string]messageRegistry{}
	eachDialect(t, sim.Options{Seed: 14}, func(p *probe) {
		var list []request
		p.login()
		p.ownRegistries()
		p.logout()
		p.asked = func(r request) { list = append(list, r) }
		p.life(func(state string) {
			if slices.Contains([]string{"pending", "failed tasks"}, state) {
				p.walk()
			}
		})
		p.provoke()
		lives[p.dia], own[p.dia] = list, p.own
	})
	broke, struck := map[string]string{}, map[string]bool{}
	faults := slices.DeleteFunc(sim.Faults(), func(f sim.FaultInfo) bool { return f.Always || slices.Contains(f.Dialects, "nvue") }) // of switches
	for _, fault := range faults {
		only := fault.Dialects
		if slices.Contains(only, "liteon") { // of power shelves: TestShelf
			continue
		}
		if len(only) == 0 { // a general fault is the same everywhere
			only = []string{"idrac", "openbmc"}
		}
		onDialects(t, only, sim.Options{Seed: 14, Faults: []string{fault.ID}}, func(p *probe) {
			user, pass := p.rack.Credentials(p.node)
			p.basic, p.own = []string{user, pass}, own[p.dia]
			if bad := p.again(d, lives[p.dia]); bad != "" {
				broke[fault.ID] = bad
			}
			if p.bmc.Ledger().FaultsFired[fault.ID] > 0 {
				struck[fault.ID] = true
			}
		})
	}
	for _, fault := range faults {
		switch {
		case slices.Contains(fault.Dialects, "liteon"):
		case !struck[fault.ID]:
			t.Logf("fault %s did not strike in this life", fault.ID)
		case fault.BreaksSchema && broke[fault.ID] == "":
			t.Errorf("fault %s says that it breaks a schema, and does not", fault.ID)
		case !fault.BreaksSchema && broke[fault.ID] != "":
			t.Errorf("fault %s breaks a schema without saying so: %s", fault.ID, broke[fault.ID])
		}
	}
	if len(struck) < len(faults)*3/5 {
		t.Errorf("only %d of %d faults struck", len(struck), len(faults))
	}
}

// again asks what was asked before, at the same moments, whatever comes back, and tells the first answer that breaks a schema.
func (p *probe) again(d *dmtf, list []request) (bad string) {
	p.t.Helper()
	for i, q := range list {
		if i > 0 {
			time.Sleep(q.at.Sub(list[i-1].at))
		}
		r, err := p.do(q.method, q.uri, q.body, q.header...)
		if errors.Is(err, errCut) && len(r.raw) == 0 || len(r.raw) == 0 || bad != "" {
			continue
		}
		if found := append(d.check(r.raw), d.checkMessages(r.obj, p.own)...); len(found) > 0 && q.method != http.MethodHead {
			bad = fmt.Sprintf("%s %s %d: %s", q.method, q.uri, r.status, found[0])
		}
	}
	for _, raw := range p.bmc.Told() {
		if found := d.check(raw); len(found) > 0 && bad == "" {
			bad = fmt.Sprintf("event %s: %s", raw, found[0])
		}
	}
	return bad
}

// provoke does what only some faults mind: $expand, If-Match on an action, media with every parameter, two power actions in a row.
func (p *probe) provoke() {
	p.t.Helper()
	p.login()
	s := p.system()
	reset := link(s, "Actions", "#ComputerSystem.Reset", "target")
	ask := func(method, uri string, body any, header ...string) {
		if _, err := p.do(method, uri, body, header...); err != nil {
			p.t.Fatal(err)
		}
	}
	ask("GET", "/redfish/v1/Systems?$expand=.", nil)
	for _, uri := range p.mediaSlots() {
		if act := link(p.get(uri), "Actions", "#VirtualMedia.InsertMedia", "target"); act != "" {
			ask("POST", act, obj{"Image": "https://mirror.example/os.iso?x=1", "Inserted": true, "WriteProtected": true})
		}
	}
	ask("POST", reset, obj{"ResetType": "ForceOff"}, "If-Match", "*")
	ask("POST", reset, obj{"ResetType": "On"})
	time.Sleep(time.Second)
	ask("POST", reset, obj{"ResetType": "ForceOff"})
	time.Sleep(5 * time.Second)
	ask("POST", reset, obj{"ResetType": "On"})
	for _, uri := range p.members("/redfish/v1/TaskService/Tasks") {
		if m := link(p.get(uri), "TaskMonitor"); m != "" {
			ask("GET", m, nil)
			ask("GET", m, nil)
		}
	}
}

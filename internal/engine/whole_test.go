package engine_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/sim"
)

// badNode is something that is wrong with one node from the start, and its end.
type badNode struct {
	name  string
	begin func(*desk)
	end   func(*desk)
	words []string // what the reason must tell
	works bool     // a careful client gets past it
}

func fault(id string, words ...string) badNode {
	return badNode{name: id, begin: func(d *desk) { d.faults("lenovo", id+"!") }, end: func(d *desk) { d.faults("lenovo") }, words: words}
}

func badNodes() []badNode {
	full := fault("sessions-full")
	full.works = true // user name and password with each request need no session
	return []badNode{
		fault("bmc-gone", "unreachable", "Check the address"),
		fault("http503"),
		fault("html"),
		fault("half-body"),
		fault("nulls"),
		full,
		{name: "wrong password", begin: func(d *desk) { d.password["lenovo"] = "not the password" }, end: func(d *desk) { delete(d.password, "lenovo") },
			words: []string{"auth"}},
		{name: "no pin", begin: func(d *desk) { d.binding("lenovo").PinSHA256 = "" }, end: func(d *desk) { d.binding("lenovo").PinSHA256 = d.rack.Bindings()[1].PinSHA256 },
			words: []string{"trust"}},
		{name: "changed certificate", begin: func(d *desk) { d.binding("lenovo").PinSHA256 = d.rack.Bindings()[0].PinSHA256 },
			end: func(d *desk) { d.binding("lenovo").PinSHA256 = d.rack.Bindings()[1].PinSHA256 }, words: []string{"trust"}},
	}
}

func TestOneBadNode(t *testing.T) {
	for _, c := range badNodes() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, threeNodes, sim.Options{})
				c.begin(d)
				o := d.open().Survey(t.Context(), engine.SurveyOptions{})
				for _, g := range o.Gaps {
					t.Logf("gap %+v", g)
				}
				t.Logf("survey: %+v", d.rack.BMC("lenovo").Ledger())
				p, _ := d.open().Plan(t.Context(), engine.SurveyOptions{})
				t.Logf("plan: %d nodes %+v", len(p.Nodes), p.Report)
				t.Logf("plan: %+v", d.rack.BMC("lenovo").Ledger())
				got, err := d.apply(t.Context(), engine.ApplyOptions{})
				t.Log(err, told(got))
				t.Logf("apply: %+v", d.rack.BMC("lenovo").Ledger())
				if !c.works && (words(got)["dell"] != apply.Done || words(got)["smc"] != apply.Done || got.Settled) {
					t.Errorf("the others: %s", told(got))
				}
				c.end(d)
				got, err = d.apply(t.Context(), engine.ApplyOptions{})
				d.settled(got, err)
				_ = strings.Contains
			})
		})
	}
}

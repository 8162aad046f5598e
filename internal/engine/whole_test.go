package engine_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// trouble is something that is wrong with the BMC of lenovo, and its end.
type trouble struct {
	name       string
	begin, end func(*desk)
	why        []string // what the reason must tell
	what       string   // what the advice must tell
	works      bool     // a careful client gets past it
	cuts       bool     // it matters to a session under way
	logins     int      // that are refused
}

// lasting is a fault that does not end by itself.
func lasting(id, what string, why ...string) trouble {
	return trouble{name: id, begin: func(d *desk) { d.faults("lenovo", id+"!") },
		end: func(d *desk) { d.faults("lenovo") }, why: why, what: what,
		cuts: id == "bmc-gone" || id == "http503" || id == "nulls"}
}

// pin makes the binding of lenovo expect another certificate for a while.
func pin(name string, wrong func(*desk) string, why string) trouble {
	right := func(d *desk) string { return d.rack.Bindings()[1].PinSHA256 }
	return trouble{name: name, begin: func(d *desk) { d.binding("lenovo").PinSHA256 = wrong(d) },
		end: func(d *desk) { d.binding("lenovo").PinSHA256 = right(d) }, why: []string{"certificate", why},
		what: "bind it"}
}

func troubles() []trouble {
	full := lasting("sessions-full", "")
	full.works = true // user name and password with each request need no session
	return []trouble{
		lasting("bmc-gone", "Check the address", "unreachable", "refused"),
		lasting("http503", "try again in a few minutes", "503"),
		lasting("html", "try again in a few minutes", "HTML"),
		lasting("half-body", "ry again in a few minutes", "EOF"),
		lasting("nulls", "try again in a few minutes", "no system"),
		full,
		{name: "wrong password", begin: func(d *desk) { d.password["lenovo"] = "not the password" },
			end: func(d *desk) { delete(d.password, "lenovo") }, why: []string{"auth"},
			what: "Check the user name and the password", logins: 2},
		{name: "no password", begin: func(d *desk) { d.password["lenovo"] = absent },
			end: func(d *desk) { delete(d.password, "lenovo") },
			why: []string{"auth", "METALWRIGHT_SIM_LENOVO", "not set"}, what: "Set it in the environment"},
		pin("unknown certificate", func(*desk) string { return "" }, "not known"),
		pin("changed certificate", func(d *desk) string { return d.rack.Bindings()[0].PinSHA256 }, "has changed"),
	}
}

// lacks names the texts that do not stand in s.
func lacks(s string, texts ...string) []string {
	return slices.DeleteFunc(texts, func(t string) bool { return strings.Contains(s, t) })
}

// TestTroubleFromTheStart: a node whose BMC gives no sense is told with what, why and what to do, and is not touched;
// the others are read, planned and done; when the trouble has ended, the same command does the rest.
func TestTroubleFromTheStart(t *testing.T) {
	for _, c := range troubles() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, threeNodes, sim.Options{})
				c.begin(d)
				d.surveyed(d.survey(t.Context()), c)
				p, _ := d.plan(t.Context())
				d.planned(p, c)
				got, err := d.apply(t.Context(), engine.ApplyOptions{})
				after := d.rack.BMC("lenovo").Ledger()
				if w := words(got); err != nil || w["dell"] != apply.Done || w["smc"] != apply.Done {
					t.Errorf("the others: %v\n%s", err, told(got))
				}
				if got.Settled != c.works || !c.works && after.Writes > 0 {
					t.Errorf("%d writes to the bad node; %s", after.Writes, told(got))
				}
				if after.FailedLogins != c.logins {
					t.Errorf("three commands made %d log-ins that failed, want %d", after.FailedLogins, c.logins)
				}
				if !c.works {
					d.planned(got.Replan, c)
				}
				c.end(d)
				got, err = d.apply(t.Context(), engine.ApplyOptions{})
				d.settled(got, err)
				for name, l := range d.rack.Ledger() {
					if l.Boots != 1 {
						t.Errorf("%s was booted %d times", name, l.Boots)
					}
				}
			})
		})
	}
}

// surveyed checks that the bad node, and no other, has a gap that tells what, why and what to do.
func (d *desk) surveyed(o rack.Observation, c trouble) {
	d.t.Helper()
	var all []string
	for _, g := range o.Gaps {
		if g.Address != "node.lenovo" || !strings.HasPrefix(g.Path, "/redfish/v1") {
			d.t.Errorf("gap of another, or without a path: %+v", g)
		}
		all = append(all, g.Reason)
	}
	text := strings.Join(all, " ")
	if miss := lacks(text, append(slices.Clone(c.why), c.what)...); (text == "") != c.works || len(miss) > 0 {
		d.t.Errorf("the gaps do not tell %q: %+v", miss, o.Gaps)
	}
	for _, node := range []string{"dell", "smc"} {
		if dev, ok := o.Device(node); !ok || len(dev.Systems) == 0 {
			d.t.Errorf("%s was not read", node)
		}
	}
}

// planned checks that the bad node, and no other, is reported as unreadable with what, why and what to do.
func (d *desk) planned(p plan.Plan, c trouble) {
	d.t.Helper()
	if c.works {
		if !p.Report.Clean() {
			d.t.Errorf("%+v", p.Report)
		}
		return
	}
	for _, n := range p.Nodes {
		if n.Name == "lenovo" {
			d.t.Error("steps are planned for a node that could not be read")
		}
	}
	r := p.Report
	if len(r.Unreadable) != 1 || len(r.Blocked)+len(r.Waiting) > 0 {
		d.t.Fatalf("%+v", r)
	}
	n := r.Unreadable[0]
	if miss := lacks(n.Detail, append(slices.Clone(c.why), c.what)...); n.Node != "lenovo" || n.Origin.IsZero() ||
		len(miss) > 0 {
		d.t.Errorf("the plan does not tell %q: %+v", miss, n)
	}
	if strings.Contains(n.Detail, "..") {
		d.t.Errorf("two full stops: %s", n.Detail)
	}
}

// TestTroubleOnTheWay: what goes wrong with a node after it was planned, before it is begun or in the middle of its
// reset, is its failure alone; the same command does the rest afterwards, and nothing is done twice.
func TestTroubleOnTheWay(t *testing.T) {
	for _, c := range troubles() {
		if !c.works {
			t.Run("before/"+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					onTheWay(t, c, "",
						0)
				})
			})
		}
		if !c.cuts { // what a session under way does not notice
			continue
		}
		t.Run("reset/"+c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				onTheWay(t, c, step.Reset,
					1)
			})
		})
	}
}

func onTheWay(t *testing.T, c trouble, at step.Kind, boots int) {
	d := newDesk(t, threeNodes, sim.Options{})
	w := d.open()
	p, o := w.Plan(t.Context(), engine.SurveyOptions{})
	if at == "" {
		c.begin(d)
		w = d.open()
	}
	got, err := w.Apply(t.Context(), p, engine.ApplyOptions{Before: &o, Events: func(e apply.Event) {
		if e.Node == "lenovo" && e.Kind == at && at != "" && e.Phase == "wait" {
			at = ""
			c.begin(d)
		}
	}})
	if x := words(got); err != nil || x["dell"] != apply.Done || x["smc"] != apply.Done || at != "" || got.Settled {
		t.Errorf("the others: %v\n%s", err, told(got))
	}
	n := got.Result.Nodes[1]
	if n.Node != "lenovo" || n.Word != apply.Failed && n.Word != apply.Blocked || n.Step == "" || n.Text == "" ||
		n.Advice == "" || n.Origin.IsZero() {
		t.Errorf("%+v", n)
	}
	if l := d.rack.BMC("lenovo").Ledger(); l.Boots != boots || l.FailedLogins != c.logins {
		t.Errorf("booted %d times, %d log-ins failed", l.Boots, l.FailedLogins)
	}
	c.end(d)
	got, err = d.apply(t.Context(), engine.ApplyOptions{})
	d.settled(got, err)
	for name, l := range d.rack.Ledger() {
		if l.Boots != 1 {
			t.Errorf("%s was booted %d times", name, l.Boots)
		}
	}
}

// TestTroubleOfTheCanary: when the first of its kind fails no other is begun; afterwards the same command does all of
// it.
func TestTroubleOfTheCanary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, threeNodes, sim.Options{})
		w := d.open()
		p, o := w.Plan(t.Context(), engine.SurveyOptions{})
		d.faults("dell", "bmc-gone!")
		got, err := w.Apply(t.Context(), p, engine.ApplyOptions{Before: &o})
		if err != nil || words(got)["dell"] != apply.Failed || got.Result.Count(apply.Done) > 0 ||
			!strings.Contains(got.Result.Stopped, "canary") {
			t.Errorf("%v\n%s", err, told(got))
		}
		d.faults("dell")
		got, err = d.apply(t.Context(), engine.ApplyOptions{})
		d.settled(got, err)
	})
}

// TestTroubleAndStop: of a run that was stopped after a node had failed, the same command first ends what was left
// part-way, and does the rest with a new plan.
func TestTroubleAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, threeNodes, sim.Options{})
		w := d.open()
		p, o := w.Plan(t.Context(), engine.SurveyOptions{})
		stop := make(chan struct{})
		got, err := w.Apply(t.Context(), p, engine.ApplyOptions{Before: &o, Stop: stop, Events: func(e apply.Event) {
			switch {
			case e.Node == "dell" && e.Phase == "done" && e.Step == "":
				d.faults("smc", "bmc-gone!")
			case e.Node == "lenovo" && e.Kind == step.Reset && e.Phase == "act":
				d.faults("lenovo", "bmc-gone!") // it takes longer than the failure of smc
			case e.Node == "smc" && e.Phase == "failed":
				d.faults("lenovo")
				close(stop)
			}
		}})
		if err != nil || words(got)["smc"] != apply.Failed || words(got)["lenovo"] != apply.Blocked ||
			!got.Result.Resumable {
			t.Fatalf("%v\n%s", err, told(got))
		}
		got, err = d.apply(t.Context(), engine.ApplyOptions{})
		if err != nil || words(got)["lenovo"] != apply.Done || words(got)["smc"] != apply.Failed || got.Settled {
			t.Errorf("%v\n%s", err, told(got))
		}
		d.faults("smc")
		got, err = d.apply(t.Context(), engine.ApplyOptions{})
		d.settled(got, err)
		for name, l := range d.rack.Ledger() {
			if l.Boots != 1 {
				t.Errorf("%s was booted %d times", name, l.Boots)
			}
		}
	})
}

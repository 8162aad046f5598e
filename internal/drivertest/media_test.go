package drivertest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// TestMediaPerDialect: on every dialect an image goes in and comes out by HTTP, HTTPS and NFS; it goes into a free slot that takes
// discs, and when there is none the plan says what to eject; an image that was taken out behind everybody's back is put in again,
// and one that somebody else put in meanwhile is left there.
func TestMediaPerDialect(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		if name == "ami" {
			h := newHost(t, name, asItIs)
			p := plan.Say(h.d, h.glanced(everything), plan.Verb{Do: plan.DoInsert, Value: "https://mirror.sim/a.iso"}, []string{node})
			if len(p.Report.Blocked) != 1 || !strings.Contains(p.Report.Blocked[0].Detail, "no virtual media slot") {
				t.Errorf("%+v", p.Report)
			}
			return
		}
		for _, url := range []string{"http://mirror.sim/a.iso", "https://mirror.sim/a.iso", "nfs://mirror.sim/export/a.iso"} {
			h := newHost(t, name, asItIs)
			h.say(plan.Verb{Do: plan.DoInsert, Value: url})
			if m := h.bmc().Truth().Media; len(m) != 1 || m[0] != url {
				t.Errorf("%s: inserted %v", url, m)
			}
			if p := plan.Say(h.d, h.glanced(everything), plan.Verb{Do: plan.DoInsert, Value: url}, []string{node}); !p.Empty() || !p.Report.Clean() {
				t.Errorf("%s a second time: %+v\n%s", url, p.Report, stepsText(p))
			}
			h.say(plan.Verb{Do: plan.DoEject})
			if m := h.bmc().Truth().Media; len(m) != 0 {
				t.Errorf("%s: still inserted: %v", url, m)
			}
			h.refilled(url)
		}
		fillsEverySlot(t, name)
	})
}

// say plans a verb that must be possible, and does it.
func (h *host) say(v plan.Verb) {
	h.t.Helper()
	p := plan.Say(h.d, h.glanced(everything), v, []string{node})
	if why := said(p.Report); why != "" || p.Empty() {
		h.t.Fatalf("%s: %s", v, why)
	}
	h.do(p)
	if v := h.bmc().Ledger().Violations; len(v) > 0 {
		h.t.Errorf("violations: %v", v)
	}
}

// refilled inserts an image that then vanishes, and one into a slot that somebody else fills first.
func (h *host) refilled(url string) {
	h.t.Helper()
	p := plan.Say(h.d, h.glanced(everything), plan.Verb{Do: plan.DoInsert, Value: url}, []string{node})
	s, ops := p.Nodes[0].Steps[0], map[step.ID]*step.Op{}
	d := h.driver()
	defer closing(h.t, d)
	h.wait(d, s, ops, step.Done)
	if err := h.bmc().Poke(sim.Poke{EjectMedia: true}); err != nil {
		h.t.Fatal(err)
	}
	if st, err := d.Check(h.t.Context(), s, ops[s.ID]); err != nil || st.Standing != step.Ready {
		h.t.Errorf("after it vanished: %v %v, want ready", st.Standing, err)
	}
	h.wait(d, s, ops, step.Done)
	if m := h.bmc().Truth().Media; len(m) != 1 || m[0] != url {
		h.t.Errorf("put in again: %v", m)
	}
	other := s
	other.Want = step.Facts{"image": "https://mirror.sim/other.iso", "inserted": true} // planned when the slot was empty
	if st, err := d.Check(h.t.Context(), other, nil); err != nil || st.Standing != step.Moved {
		h.t.Errorf("a slot that somebody filled: %v %v, want moved", st.Standing, err)
	}
	if err := d.Act(h.t.Context(), other, quiet); step.ClassOf(err) != step.HasMoved {
		h.t.Errorf("acting on it: %v", err)
	}
	if m := h.bmc().Truth().Media; len(m) != 1 || m[0] != url {
		h.t.Errorf("what somebody put in is gone: %v", m)
	}
}

// fillsEverySlot inserts images until there is no slot left, and then is told what to eject.
func fillsEverySlot(t *testing.T, name string) {
	t.Helper()
	h := newHost(t, name, asItIs)
	devices := map[string]bool{} // one may be shown by the manager and by the system
	host, _ := h.glanced(everything).Devices[0].Host()
	for _, m := range host.Media {
		if slices.Contains(m.Types, "CD") || slices.Contains(m.Types, "DVD") {
			devices[m.ID] = true
		}
	}
	slots := len(devices)
	for i := range slots {
		h.say(plan.Verb{Do: plan.DoInsert, Value: "https://mirror.sim/" + string(rune('a'+i)) + ".iso"})
		if m := h.bmc().Truth().Media; len(m) != i+1 {
			t.Fatalf("%d images are in: %v", i+1, m)
		}
	}
	p := plan.Say(h.d, h.glanced(everything), plan.Verb{Do: plan.DoInsert, Value: "https://mirror.sim/more.iso"}, []string{node})
	if slots == 0 || len(p.Report.Blocked) != 1 || !strings.Contains(p.Report.Blocked[0].Detail, "holds https://mirror.sim/") {
		t.Errorf("with %d slots full: %+v", slots, p.Report)
	}
	h.say(plan.Verb{Do: plan.DoEject})
	if m := h.bmc().Truth().Media; len(m) != 0 {
		t.Errorf("still inserted: %v", m)
	}
}

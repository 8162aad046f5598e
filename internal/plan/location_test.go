package plan

import (
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

func TestLocationGate(t *testing.T) {
	at := func(frame string, u int) *rack.Location { return &rack.Location{Rack: frame, U: u} }
	cases := []struct {
		name string
		do   func(l *lab)
		want string // rule marks as brief writes them
		text string
	}{
		{"nobody told it", func(*lab) {}, "", ""},
		{"as planned", func(l *lab) { l.shelf("t1").Location = at("A01", 10) }, "", ""},
		{"a unit without a rack is what a BMC is delivered with", func(l *lab) { l.shelf("t1").Location = at("", 1) }, "", ""},
		{"the rack alone", func(l *lab) { l.shelf("t1").Location = at("a01", 0) }, "", ""},
		{"another rack alone", func(l *lab) { l.shelf("t1").Location = at("a02", 0) }, "warning t1 node.location",
			"Its BMC says rack a02; the blueprint puts t1 at rack a01 U10. It was moved, or its BMC was never told. Nobody writes it"},
		{"a place of nobody, which is kept", func(l *lab) {
			l.shelf("t1").Location = at("a01", 33)
			l.named("t1").BMC.Manager = &rack.ManagerSpec{Settings: map[string]rack.SettingValue{"location_rack": {Value: "a01"}}}
			l.shelf("t1").BMC.Settings = &rack.Settings{Words: map[string]rack.Setting{"location_rack": {Value: "a01"}}}
		}, "warning t1 node.location", "This plan writes the blueprint's place."},
		{"another node's place", func(l *lab) { l.shelf("t1").Location = at("a01", 11) }, "blocked t1 node.location",
			"Its BMC says rack a01 U11, which is the place of t2; the blueprint puts t1 at rack a01 U10. Is the binding swapped"},
		{"two exchanged", func(l *lab) {
			l.shelf("t1").Location, l.shelf("t2").Location = at("a01", 11), at("a01", 10)
		}, "blocked t1 node.location; blocked t2 node.location", "The BMC of t2 says this node's place: the two bindings look exchanged."},
		{"by the vendor's attributes", func(l *lab) {
			l.shelf("t1").BMC.Settings = &rack.Settings{Words: map[string]rack.Setting{"location_rack": {Value: "a01"}, "location_u": {Value: int64(11)}}}
		}, "blocked t1 node.location", "the place of t2"},
		{"waived", func(l *lab) {
			l.shelf("t1").Location = at("a01", 11)
			l.d.Waivers = []rack.Waiver{{Address: "waiver.w", Rule: RuleLocation, Owner: "anna", Reason: "moved on Friday", Expires: "2027-01-01"}}
		}, "warning t1 node.location", "moved on Friday"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := powerLab(2)
			c.do(l)
			p, r := l.build()
			p.Waves = nil
			if got := brief(p, r); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			said := ""
			for _, n := range append(r.Blocked, r.Warnings...) {
				said += n.Detail + "\n"
			}
			if !strings.Contains(said, c.text) {
				t.Errorf("nothing says %q:\n%s", c.text, said)
			}
		})
	}
}

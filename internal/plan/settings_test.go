package plan

import (
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// managed is a node that wants settings, before a controller that offers some.
func managed(want map[string]any, seen map[string]rack.Setting) *nodeBuild {
	spec := &rack.ManagerSpec{Settings: map[string]rack.SettingValue{}}
	for k, v := range want {
		spec.Settings[k] = rack.SettingValue{Value: v}
	}
	b := newBuilder(rack.Design{}, rack.Observation{}, Options{})
	n := &nodeBuild{builder: b, node: rack.Node{Name: "n1", BMC: rack.BMCSpec{Manager: spec}}}
	n.dev.BMC.Settings = &rack.Settings{Words: seen}
	return n
}

func TestManagerSettings(t *testing.T) {
	lo, hi := int64(900), int64(1400)
	two := rack.SettingPlace{Form: "list", Slots: [][]string{{"A"}, {"B"}}}
	seen := map[string]rack.Setting{"ssh": {Value: true}, "ntp": {Value: []any{}, Place: two},
		"power_limit_w": {Value: int64(1000), Min: &lo, Max: &hi}, "lockdown": {Value: false}}
	for _, c := range []struct {
		name    string
		want    map[string]any
		changes int
		blocked string
	}{
		{"as wanted", map[string]any{"ssh": true}, 0, ""},
		{"differs", map[string]any{"ssh": false, "ntp": []any{"10.0.0.2"}}, 1, ""},
		{"not offered", map[string]any{"banner": "hands off"}, 0, "manager.unsupported"},
		{"not offered and off", map[string]any{"vnc": false}, 0, ""},
		{"no room", map[string]any{"ntp": []any{"a", "b", "c"}}, 0, "manager.value"},
		{"too low", map[string]any{"power_limit_w": int64(100)}, 0, "manager.value"},
		{"a lock-down is a change of its own", map[string]any{"ssh": false, "lockdown": true}, 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := managed(c.want, seen)
			n.planManager()
			n.planLockdown()
			got := ""
			if len(n.report.Blocked) > 0 {
				got = n.report.Blocked[0].Rule
			}
			if len(n.changes) != c.changes || got != c.blocked {
				t.Fatalf("%d changes, blocked %q; want %d, %q", len(n.changes), got, c.changes, c.blocked)
			}
			if c.changes == 2 && (n.changes[1].step.Want[lockdown] != true || len(n.changes[1].needs) != 1) {
				t.Errorf("the lock-down does not come last: %+v", n.changes[1])
			}
			for _, ch := range n.changes {
				if ch.step.Kind != step.Manager || ch.step.Activation != step.None {
					t.Errorf("%s is activated by %s", ch.step.Kind, ch.step.Activation)
				}
			}
		})
	}
	locked := managed(map[string]any{"ssh": false}, map[string]rack.Setting{"ssh": {Value: true}, "lockdown": {Value: true}})
	locked.planManager()
	locked.planLockdown()
	if len(locked.report.Blocked) != 1 || locked.report.Blocked[0].Rule != "manager.locked" {
		t.Errorf("a locked BMC: %+v", locked.report.Blocked)
	}
}

package plan

import (
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

// TestLightThatIsDeclared: a verb that switches a light which the blueprint keeps otherwise says that it will not last.
func TestLightThatIsDeclared(t *testing.T) {
	for _, c := range []struct {
		locate any
		value  string
		warned bool
	}{{false, rack.LEDLit, true}, {true, rack.LEDOff, true}, {true, rack.LEDBlink, false}, {false, rack.LEDOff, false}, {nil, rack.LEDLit, false}} {
		l, n, dev := one("r750")
		dev.Locator = &rack.Locator{State: "", Can: []string{rack.LEDLit, rack.LEDBlink, rack.LEDOff}}
		if c.locate != nil {
			n.BMC.Manager = &rack.ManagerSpec{Settings: map[string]rack.SettingValue{"locate": {Value: c.locate}}}
		}
		p := Say(l.d, l.o, Verb{Do: DoLED, Value: c.value}, []string{"n1"})
		if warned := len(p.Report.Warnings) == 1 && strings.Contains(p.Report.Warnings[0].Detail, "the same light"); warned != c.warned || p.Empty() {
			t.Errorf("locate %v, led %s: %+v", c.locate, c.value, p.Report)
		}
	}
}

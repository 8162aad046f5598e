package step

import "testing"

func TestLosesData(t *testing.T) {
	for _, c := range []struct {
		s    Step
		want bool
	}{
		{Step{Kind: Erase}, true},
		{Step{Kind: ControllerReset}, true},
		{Step{Kind: Volume, Want: Facts{"exists": false}}, true},
		{Step{Kind: Volume, Want: Facts{"name": "boot"}}, false},
		{Step{Kind: Namespace, Want: Facts{"exists": false}}, true},
		{Step{Kind: Namespace, Want: Facts{"name": "a"}}, false},
		{Step{Kind: Foreign, Want: Facts{"foreign": "cleared"}}, true},
		{Step{Kind: Foreign, Want: Facts{"foreign": "imported"}}, false},
		{Step{Kind: VolumeInit}, false},
		{Step{Kind: BIOS}, false},
	} {
		if got := c.s.LosesData(); got != c.want {
			t.Errorf("%s to %v: %v, want %v", c.s.Kind, c.s.Want, got, c.want)
		}
	}
}

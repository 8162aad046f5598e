package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

func eraseOffer(methods ...string) *rack.DriveState {
	return &rack.DriveState{Erase: &rack.DriveErase{Target: "/erase", Methods: methods, Named: true, ApplyTimes: []string{"Immediate"}}}
}

// eraseLab is a node whose two drives of volume boot are to be erased; all its drives offer what methods say.
func eraseLab(methods ...string) (*lab, *rack.Node, *rack.Device) {
	l, n, dev := one("r750")
	wantVolume(n)
	n.Volumes[0].OnDestroy = "erase"
	n.AllowDataLoss = &rack.DataLossGrant{Owner: "ops", Reason: "returned"}
	sys := &dev.Systems[0]
	sys.Volumes = []rack.Volume{{ID: "1", Path: "/v/1", Name: "boot", RAIDType: "RAID1", Drives: []string{"S1", "S2"},
		Controller: sys.Controllers[1].Path}}
	for i := range sys.Drives {
		d := &sys.Drives[i]
		d.State, d.InVolume = eraseOffer(methods...), slices.Contains(sys.Volumes[0].Drives, d.SerialNumber)
		if d.Path == "" {
			d.Path = "/drives/" + d.SerialNumber
		}
	}
	return l, n, dev
}

// TestErase: which drives are erased, by which method, and when nothing is.
func TestErase(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(n *rack.Node, dev *rack.Device)
		rule    string // of what blocks it
		says    string
		method  string
		serials []string
	}{
		{"members of the volume", nil, "", "", "block", []string{"S1", "S2"}},
		{"no consent", func(n *rack.Node, _ *rack.Device) { n.AllowDataLoss = nil }, "destroy.consent", "data_loss = true", "", nil},
		{"below the floor", func(n *rack.Node, _ *rack.Device) {
			n.Erase = &rack.EraseSpec{Method: "crypto"}
			n.EraseFloor = &rack.EraseFloor{Policy: "au.strategic", Flash: []rack.EraseResult{{Method: "overwrite", Passes: 2}}}
		}, "erase.floor", "crypto is not accepted by policy au.strategic", "", nil},
		{"nothing weaker instead", func(n *rack.Node, _ *rack.Device) {
			n.EraseFloor = &rack.EraseFloor{Policy: "au.strategic", Flash: []rack.EraseResult{{Method: "overwrite", Passes: 2, ReadBack: "full"}}}
		}, "erase.floor", "overwrite is not offered", "", nil},
		{"read back", func(n *rack.Node, _ *rack.Device) {
			n.EraseFloor = &rack.EraseFloor{Policy: "p", Flash: []rack.EraseResult{{Method: "block", ReadBack: "full"}}}
		}, "erase.floor", "a BMC reads nothing back", "", nil},
		{"no method told", func(_ *rack.Node, dev *rack.Device) {
			for i := range dev.Systems[0].Drives {
				dev.Systems[0].Drives[i].State.Erase.Methods = nil
			}
		}, "erase.floor", "does not say by which method", "", nil},
		{"not offered in a volume", func(_ *rack.Node, dev *rack.Device) {
			for i := range dev.Systems[0].Drives {
				dev.Systems[0].Drives[i].State.Erase = nil
			}
		}, "erase.floor", "while it is part of a volume", "", nil},
		{"node without the kept volume", func(n *rack.Node, _ *rack.Device) {
			n.OnDestroy, n.Volumes[0].OnDestroy = "erase", "keep"
		}, "", "", "block", []string{"N0", "S10"}},
		{"foreign volume is kept", func(n *rack.Node, dev *rack.Device) {
			n.OnDestroy, n.Volumes = "erase", nil
		}, "", "", "block", []string{"N0", "S10"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, n, dev := eraseLab("block")
			if c.change != nil {
				c.change(n, dev)
			}
			p, r := Destroy(l.d, l.o, Options{Now: testNow})
			if c.rule != "" {
				if !p.Empty() || len(r.Blocked) == 0 || r.Blocked[0].Rule != c.rule || !strings.Contains(r.Blocked[0].Detail, c.says) {
					t.Fatalf("want %s with %q:\n%s", c.rule, c.says, planText(p))
				}
				return
			}
			if !r.Clean() || len(p.Nodes) != 1 {
				t.Fatalf("not planned:\n%s", planText(p))
			}
			var got []string
			deleted := -1
			for i, s := range p.Nodes[0].Steps {
				if s.Kind == step.Volume {
					deleted = i
				}
				if s.Kind == step.Erase {
					got = append(got, s.Want["serial"].(string))
					if s.Want["method"] != c.method || n.Volumes != nil && n.Volumes[0].OnDestroy == "erase" && (deleted < 0 || len(s.After) == 0) {
						t.Errorf("%+v", s)
					}
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, c.serials) {
				t.Errorf("erases %v, want %v\n%s", got, c.serials, planText(p))
			}
			again, _ := Destroy(l.d, l.o, Options{Now: testNow, Erased: map[string][]string{"n1": got}})
			for _, np := range again.Nodes {
				for _, s := range np.Steps {
					if s.Kind == step.Erase {
						t.Errorf("erased once more: %v", s.Want)
					}
				}
			}
		})
	}
}

// TestForeignDrives: a drive that holds another controller's configuration looks free and is not taken.
func TestForeignDrives(t *testing.T) {
	l, n, dev := one("r750")
	wantVolume(n)
	if p, r := l.build(); p.Empty() || !r.Clean() {
		t.Fatalf("the volume can be made:\n%s", planText(p))
	}
	for i := range dev.Systems[0].Drives {
		dev.Systems[0].Drives[i].State = &rack.DriveState{Foreign: true}
	}
	if p, r := l.build(); !p.Empty() || len(r.Blocked) != 1 || r.Blocked[0].Rule != "volume.foreign" {
		t.Errorf("a foreign drive is taken:\n%s", planText(p))
	}
}

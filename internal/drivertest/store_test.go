package drivertest_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/drivertest"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// storeRigs are the devices whose controllers offer something beside volumes.
var storeRigs = []struct {
	name, dialect string
	faults        []string
	kinds         []step.Kind // that it has to have
}{
	{"idrac", "idrac", nil, []step.Kind{step.Spare, step.Foreign, step.ControllerKey, step.VolumeInit, step.VolumeSet}},
	{"ilo", "ilo", nil, []step.Kind{step.Spare, step.VolumeInit, step.VolumeSet}},
	{"the standard on supermicro", "supermicro", []string{"swordfish"}, []step.Kind{step.Spare, step.Foreign, step.ControllerKey, step.Namespace, step.VolumeInit}},
	{"the standard on xcc", "xcc", []string{"swordfish"}, []step.Kind{step.Spare, step.Foreign, step.ControllerKey, step.Namespace, step.VolumeInit}},
	{"idrac, in trouble", "idrac", []string{"http503,reset,lost-answer,R16,R17"}, []step.Kind{step.Spare, step.Foreign, step.ControllerKey}},
	{"ilo, in trouble", "ilo", []string{"http503,reset,lost-answer"}, []step.Kind{step.Spare, step.VolumeSet}},
}

// TestStoreDriver holds the driver's storage verbs against the conformance suite.
func TestStoreDriver(t *testing.T) {
	for _, c := range storeRigs {
		t.Run(c.name, func(t *testing.T) {
			seen := map[step.Kind]bool{}
			drivertest.Run(t, func(t *testing.T) *drivertest.Rig {
				r := storeRig(t, c.dialect, c.faults)
				r.Cases = slices.DeleteFunc(r.Cases, func(x drivertest.Case) bool { return x.Step.Kind == step.ControllerReset })
				for _, x := range r.Cases {
					seen[x.Step.Kind] = true
				}
				return r
			})
			for _, k := range c.kinds {
				if !seen[k] {
					t.Errorf("no case of %s", k)
				}
			}
		})
	}
}

// storeRig is a node with twelve drives behind a controller, a volume on the first two, and two drives from another controller.
func storeRig(t *testing.T, dialect string, faults []string) *drivertest.Rig {
	t.Helper()
	d := design(dialect)
	disks(func(*rack.Node) {})(&d, &d.Nodes[0])
	quiet := slices.DeleteFunc(slices.Clone(faults), func(f string) bool { return f != "swordfish" })
	twin := storeRack(t, d, quiet) // the same serial numbers, no trouble
	dev := storeSurvey(t, twin)
	r := storeRack(t, d, faults)
	b := r.BMC(node)
	host, ok := dev.Host()
	if !ok {
		t.Fatal("the survey found no host")
	}
	return &drivertest.Rig{
		Open:  func() drivertest.Driver { return driver(t, r, nil) },
		Cases: storeCases(t, host, b),
		ResetOf: func(class step.Activation) step.Step {
			return step.Step{ID: step.ID("n1/900-" + class.String()), Node: node, Kind: step.Reset, Activation: class,
				Args: step.Args{System: host.Path}, EstimatedS: 300}
		},
		Writes: func() int { return b.Ledger().Writes },
		Effects: func() map[string]int {
			l := b.Ledger()
			return map[string]int{"spare": l.SparesSet, "cleared": l.ForeignCleared, "imported": l.ForeignImported, "reset": l.ControllersReset,
				"namespace": l.NamespacesCreated}
		},
		Broken:   func() []string { return b.Ledger().Violations },
		Sessions: func() int { return b.Ledger().SessionsOpen },
		Faults:   func() map[string]int { return b.Ledger().FaultsFired },
	}
}

func storeRack(t *testing.T, d rack.Design, faults []string) *sim.Rack {
	t.Helper()
	r, err := sim.New(d, sim.Options{Seed: 7, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := r.BMC(node).Poke(sim.Poke{Volume: &sim.PokeVolume{Name: "old", RAID: "RAID1", Bays: []string{"0", "1"}}, Foreign: []string{"8", "9"}}); err != nil {
		t.Fatal(err)
	}
	return r
}

func storeSurvey(t *testing.T, r *sim.Rack) rack.Device {
	t.Helper()
	d := driver(t, r, nil)
	dev, gaps, err := d.Survey(t.Context(), inventory.Options{Facets: []rack.Facet{rack.FacetDrives}})
	if err != nil || len(gaps) > 0 {
		t.Fatalf("survey: %v, gaps %v", err, gaps)
	}
	closing(t, d)
	return dev
}

// storeCases makes a case of each kind that the controllers of a host offer. A reset undoes all others, so it has a suite
// of its own (TestStoreReset).
func storeCases(t *testing.T, host rack.System, b *sim.BMC) []drivertest.Case {
	t.Helper()
	var out []drivertest.Case
	add := func(name string, s step.Step, real func(sim.Truth) bool) {
		s.ID, s.Node, s.Activation, s.Args.System = step.ID("n1/"+name), node, step.None, host.Path
		out = append(out, drivertest.Case{Name: name, Step: s, Reset: step.None, Real: func() bool { return real(b.Truth()) }})
	}
	at := func(bay int) rack.Drive {
		i := slices.IndexFunc(host.Drives, func(d rack.Drive) bool { return d.Bay == fmt.Sprint("Bay ", bay) })
		return host.Drives[i]
	}
	old := host.Volumes[0]
	oldOf := func(tr sim.Truth) sim.VolumeTruth { // an import adds another
		return tr.Volumes[slices.IndexFunc(tr.Volumes, func(v sim.VolumeTruth) bool { return v.Name == "old" })]
	}
	members := []string{at(0).Path, at(1).Path}
	for _, c := range host.Controllers {
		if c.Offer == nil {
			continue
		}
		o := c.Offer
		args := func(a *rack.Action) step.Args {
			return step.Args{Path: c.Path, Store: c.Path, Resource: c.Volumes, Method: a.Style, Target: a.Target}
		}
		spare := func(kind string, a *rack.Action, bay int, real func(sim.Truth) bool) {
			x := args(a)
			x.Path = at(bay).Path
			want := step.Facts{"serial": at(bay).SerialNumber, "spare": kind}
			if kind == rack.SpareDedicated {
				x.Drives, want["volume"] = members, "old"
			}
			add("spare "+kind, step.Step{Kind: step.Spare, Args: x, Expect: step.Facts{"serial": at(bay).SerialNumber, "spare": rack.SpareNone}, Want: want}, real)
		}
		if o.Dedicate != nil {
			spare(rack.SpareDedicated, o.Dedicate, 4, func(tr sim.Truth) bool { return slices.Contains(oldOf(tr).Spares, at(4).SerialNumber) })
		}
		if o.Globalise != nil {
			spare(rack.SpareGlobal, o.Globalise, 5, func(tr sim.Truth) bool { return slices.Contains(tr.Spares, at(5).SerialNumber) })
		}
		if len(old.Detail.Writable) > 0 && c.CanCreate {
			add("cache", step.Step{Kind: step.VolumeSet, Args: step.Args{Path: old.Path, Store: c.Path}, Expect: step.Facts{"write_cache": "WriteThrough"},
				Want: step.Facts{"write_cache": "ProtectedWriteBack"}}, func(tr sim.Truth) bool { return oldOf(tr).WriteCache == "ProtectedWriteBack" })
		}
		if len(old.Detail.Initialize) > 0 && c.CanCreate {
			add("initialise", step.Step{Kind: step.VolumeInit, Args: step.Args{Path: c.Volumes, Drives: members}, Want: step.Facts{"name": "old", "method": "Fast"}},
				func(tr sim.Truth) bool { return len(oldOf(tr).Inits) > 0 })
		}
		if o.Clear != nil || o.Import != nil {
			a, word := o.Clear, "cleared"
			if a == nil {
				a, word = o.Import, "imported"
			}
			x := args(a)
			x.Drives = []string{at(8).Path, at(9).Path}
			serials := []string{at(8).SerialNumber, at(9).SerialNumber}
			slices.Sort(serials)
			add("foreign", step.Step{Kind: step.Foreign, Args: x, Expect: step.Facts{"drives": serials}, Want: step.Facts{"foreign": word}},
				func(tr sim.Truth) bool { return len(tr.Foreign) == 0 })
		}
		if o.SetKey != nil {
			x := args(o.SetKey)
			x.Secret = "env:K"
			add("key", step.Step{Kind: step.ControllerKey, Args: x, Expect: step.Facts{"key_id": ""}, Want: step.Facts{"key_id": "k1"}},
				func(tr sim.Truth) bool { return tr.Keys[c.ID].ID == "k1" })
		}
		if o.Reset != nil && c.CanCreate {
			x := args(o.Reset)
			x.Drives = []string{at(6).Path}
			out = append(out, drivertest.Case{Name: "reset of the controller", Reset: step.None,
				Step: step.Step{ID: "n1/reset-of-controller", Node: node, Kind: step.ControllerReset, Activation: step.None, Args: x,
					Expect: step.Facts{"volumes": []string{"old"}}, Want: step.Facts{"volumes": []string{}}},
				Drift: func() error {
					return b.Poke(sim.Poke{Volume: &sim.PokeVolume{Name: "strange", RAID: "RAID1", Bays: []string{"6", "7"}}})
				},
				Real: func() bool { return b.Ledger().ControllersReset == 1 }})
			out[len(out)-1].Step.Args.System = host.Path
		}
		if o.Namespace {
			d := at(12)
			add("namespace", step.Step{Kind: step.Namespace, Args: step.Args{Path: c.Volumes, Drives: []string{d.Path}}, Expect: step.Facts{"exists": false},
				Want: step.Facts{"name": "a", "drive": d.SerialNumber, "capacity_bytes": int64(1 << 40), "lba_bytes": int64(4096)}},
				func(tr sim.Truth) bool { return len(tr.Namespaces) == 1 && tr.Namespaces[0].LBABytes == 4096 })
		}
	}
	return out
}

// TestStoreReset: a reset of a controller is made once, and a volume that nobody agreed to lose stops it.
func TestStoreReset(t *testing.T) {
	for _, dialect := range []string{"idrac", "ilo"} {
		t.Run(dialect, func(t *testing.T) {
			drivertest.Run(t, func(t *testing.T) *drivertest.Rig {
				r := storeRig(t, dialect, nil)
				r.Cases = slices.DeleteFunc(r.Cases, func(c drivertest.Case) bool { return c.Step.Kind != step.ControllerReset })
				return r
			})
		})
	}
}

package bmc

import (
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	volumes = sysPath + "/Storage/RAID/Volumes"
	drive0  = sysPath + "/Storage/RAID/Drives/0"
	drive1  = sysPath + "/Storage/RAID/Drives/1"
)

func volumeStep() step.Step {
	return step.Step{ID: "n/50-volume", Node: "n", Kind: step.Volume, Activation: step.HostReset,
		Args:   step.Args{System: sysPath, Path: volumes, Drives: []string{drive0, drive1}},
		Expect: step.Facts{"exists": false},
		Want:   step.Facts{"name": "os", "raid_type": "RAID1", "drives": []any{"S0", "S1"}}}
}

func storageFake() *fake {
	f := newFake("Dell")
	f.put(volumes, obj{"@Redfish.OperationApplyTimeSupport": obj{"SupportedValues": []any{"Immediate", "OnReset"}}})
	f.put(drive0, obj{"SerialNumber": "S0"})
	f.put(drive1, obj{"SerialNumber": "S1"})
	return f
}

func volume(raid, state string, drives ...string) obj {
	var l []any
	for _, d := range drives {
		l = append(l, ref(d))
	}
	return obj{"Name": "v", "RAIDType": raid, "Status": obj{"State": state}, "Links": obj{"Drives": l}}
}

func TestVolumeStandings(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(f *fake)
		want  step.Standing
	}{
		{"free drives", func(*fake) {}, step.Ready},
		{"there already", func(f *fake) { f.put(volumes+"/1", volume("RAID1", "Enabled", drive1, drive0)) }, step.Done},
		{"waits", func(f *fake) { f.put(volumes+"/1", volume("RAID1", "StandbyOffline", drive0, drive1)) }, step.Staged},
		{"another type", func(f *fake) { f.put(volumes+"/1", volume("RAID0", "Enabled", drive0, drive1)) }, step.Moved},
		{"a drive is taken", func(f *fake) { f.put(volumes+"/1", volume("RAID1", "Enabled", drive0, "/other")) }, step.Moved},
		{"pass-through entries are no volumes (R111)", func(f *fake) {
			v := volume("", "Enabled", drive0)
			v["VolumeType"] = "RawDevice"
			f.put(volumes+"/raw", v)
		}, step.Ready},
		{"another drive in the bay", func(f *fake) { f.put(drive1, obj{"SerialNumber": "S9"}) }, step.Moved},
		{"a job that names the controller", func(f *fake) {
			withJobs(f)
			f.put(jobs+"/JID_2", obj{"JobType": "RAIDConfiguration", "Name": "Configure: RAID", "JobState": "Scheduled"})
		}, step.Staged},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := storageFake()
			c.setup(f)
			mustCheck(t, f.driver(Options{}), volumeStep(), nil, c.want)
		})
	}
}

func TestVolumeIsCreatedOnce(t *testing.T) {
	f := storageFake()
	f.on["POST "+volumes] = func(obj) (*redfish.Response, error) {
		f.put(volumes+"/1", volume("RAID1", "Enabled", drive0, drive1))
		return accept(tasks + "/3")
	}
	d := f.driver(Options{})
	var j journal
	for range 2 {
		if err := d.Act(t.Context(), volumeStep(), j.record); err != nil {
			t.Fatal(err)
		}
	}
	want := `{"@Redfish.OperationApplyTime":"OnReset","Links":{"Drives":[{"@odata.id":"` + drive0 + `"},{"@odata.id":"` + drive1 +
		`"}]},"Name":"os","RAIDType":"RAID1"}`
	if said := f.said("POST"); len(said) != 1 || !strings.HasSuffix(said[0], want) {
		t.Fatalf("said %q", said)
	}
	if j.last().Handle != tasks+"/3" {
		t.Fatalf("handle %q", j.last().Handle)
	}
	mustCheck(t, d, volumeStep(), j.last(), step.Done)
}

// A POST that got no answer is not repeated: the device is read, and what it took is adopted.
func TestVolumeCutIsNotRepeated(t *testing.T) {
	f := storageFake()
	f.on["POST "+volumes] = func(obj) (*redfish.Response, error) {
		f.put(volumes+"/1", volume("RAID1", "Enabled", drive0, drive1))
		return nil, cut()
	}
	if err := f.driver(Options{}).Act(t.Context(), volumeStep(), (&journal{}).record); err != nil {
		t.Fatal(err)
	}
	if n := len(f.said("POST")); n != 1 {
		t.Fatalf("%d creations", n)
	}
}

func TestVolumeByCapabilities(t *testing.T) {
	f := storageFake()
	f.put(volumes, obj{"@Redfish.CollectionCapabilities": obj{"Capabilities": []any{
		obj{"UseCase": "VolumeCreation", "CapabilitiesObject": ref("/redfish/v1/caps")}}}})
	f.put("/redfish/v1/caps", obj{"RAIDType@Redfish.AllowableValues": []any{"RAID1"}, "DisplayName@Redfish.OptionalOnCreate": true,
		"DisplayName@Redfish.AllowablePattern": "^.{0,15}$"})
	f.on["POST "+volumes] = func(obj) (*redfish.Response, error) { return &redfish.Response{}, nil }
	if err := f.driver(Options{}).Act(t.Context(), volumeStep(), (&journal{}).record); err != nil {
		t.Fatal(err)
	}
	if said := f.said("POST"); !strings.Contains(said[0], `"DisplayName":"os"`) || strings.Contains(said[0], "ApplyTime") {
		t.Fatalf("said %q", said)
	}
	s := volumeStep()
	s.Want["raid_type"] = "RAID6"
	if err := f.driver(Options{}).Act(t.Context(), s, (&journal{}).record); step.ClassOf(err) != step.Unsupported {
		t.Fatalf("got %v", err)
	}
}

func TestVolumeIsDeletedOnlyWhenItIsThePlannedOne(t *testing.T) {
	path := volumes + "/1"
	s := step.Step{ID: "n/60-volume", Node: "n", Kind: step.Volume, Args: step.Args{System: sysPath, Path: path},
		Expect: step.Facts{"exists": true, "name": "v", "raid_type": "RAID1", "drives": []any{"S0", "S1"}}, Want: step.Facts{"exists": false}}
	f := storageFake()
	f.on["DELETE "+path] = func(obj) (*redfish.Response, error) {
		delete(f.res, path)
		return &redfish.Response{}, nil
	}
	d := f.driver(Options{})
	f.put(path, volume("RAID1", "Enabled", drive0))
	if err := d.Act(t.Context(), s, (&journal{}).record); step.ClassOf(err) != step.HasMoved || len(f.said("DELETE")) != 0 {
		t.Fatalf("got %v, said %q", err, f.said("DELETE"))
	}
	f.put(path, volume("RAID1", "Enabled", drive1, drive0))
	mustCheck(t, d, s, nil, step.Ready)
	for range 2 {
		if err := d.Act(t.Context(), s, (&journal{}).record); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(f.said("DELETE")); n != 1 {
		t.Fatalf("%d deletions", n)
	}
	mustCheck(t, d, s, nil, step.Done)
}

package bmc

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

const jobs = bmcPath + "/Oem/Dell/Jobs"

func biosStep() step.Step {
	return step.Step{ID: "n/20-bios", Node: "n", Kind: step.BIOS, Activation: step.HostReset,
		Args:   step.Args{System: sysPath, Path: sysPath + "/Bios/SD", ApplyTime: "OnReset"},
		Expect: step.Facts{"A": "1"}, Want: step.Facts{"A": "2"}}
}

// withJobs makes the fake a BMC with a job queue.
func withJobs(f *fake) { f.set(bmcPath, ref(jobs), "Links", "Oem", "Dell", "Jobs") }

func TestBIOSStandings(t *testing.T) {
	full := func(a string) obj { return obj{"A": a, "B": "x"} }
	for _, c := range []struct {
		name    string
		current string
		pending obj
		queue   bool
		job     string // state of a live BIOS job
		sent    bool
		want    step.Standing
	}{
		{"as planned", "1", obj{}, false, "", false, step.Ready},
		{"as planned, full copy", "1", full("1"), false, "", false, step.Ready},
		{"staged", "1", obj{"A": "2"}, false, "", false, step.Staged},
		{"staged in a full copy", "1", full("2"), false, "", false, step.Staged},
		{"runs", "2", obj{}, false, "", false, step.Done},
		{"runs, full copy", "2", full("2"), false, "", false, step.Done},
		{"runs, and stays in the settings object", "2", obj{"A": "2"}, false, "", false, step.Done},
		{"somebody else's value runs", "3", obj{}, false, "", false, step.Moved},
		{"somebody else's value waits", "1", obj{"A": "3"}, false, "", false, step.Ready},
		{"runs, and another value waits", "2", obj{"A": "1"}, false, "", false, step.Ready},
		{"R55: shown as current, waits", "2", obj{"A": "2"}, true, "Scheduled", false, step.Staged},
		{"R55: being applied", "2", obj{}, true, "Running", false, step.Working},
		{"waits without a job", "1", obj{"A": "2"}, true, "", false, step.Ready},
		{"shown as current without a job", "2", obj{"A": "2"}, true, "", false, step.Ready},
		{"job queue, applied", "2", obj{}, true, "", false, step.Done},
		{"accepted and ignored", "1", obj{}, false, "", true, step.Ready},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake("Dell")
			f.set(sysPath+"/Bios", c.current, "Attributes", "A")
			f.put(sysPath+"/Bios/SD", obj{"Attributes": c.pending})
			if c.queue {
				withJobs(f)
			}
			if c.job != "" {
				f.put(jobs+"/JID_1", obj{"JobType": "BIOSConfiguration", "Name": "Configure: BIOS.Setup.1-1", "JobState": c.job})
			}
			var op *step.Op
			if c.sent {
				op = &step.Op{Sent: true}
			}
			mustCheck(t, f.driver(Options{}), biosStep(), op, c.want)
		})
	}
}

func TestBIOSHostStartingIsWorking(t *testing.T) {
	f := newFake("Dell")
	f.set(sysPath, "MemoryInitializationStarted", "BootProgress", "LastState")
	mustCheck(t, f.driver(Options{}), biosStep(), &step.Op{Sent: true}, step.Working)
}

func TestBIOSSendsOnlyWhatChangesAndWhatIsListed(t *testing.T) {
	for _, c := range []struct {
		name    string
		applies []any
		want    string
	}{
		{"no apply time is listed", nil, `{"Attributes":{"A":"2"}}`},
		{"OnReset is listed", []any{"OnReset"}, `{"@Redfish.SettingsApplyTime":{"ApplyTime":"OnReset"},"Attributes":{"A":"2"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake("HPE")
			f.set(sysPath+"/Bios", c.applies, "@Redfish.Settings", "SupportedApplyTimes")
			f.on["PATCH "+sysPath+"/Bios/SD"] = func(body obj) (*redfish.Response, error) {
				f.set(sysPath+"/Bios/SD", body["Attributes"], "Attributes")
				return accept("/redfish/v1/TaskService/Tasks/JID_1")
			}
			s := biosStep()
			s.Want["B"] = "x"
			var j journal
			d := f.driver(Options{})
			for range 2 { // twice equals once
				if err := d.Act(t.Context(), s, j.record); err != nil {
					t.Fatal(err)
				}
			}
			said := f.said("PATCH")
			if len(said) != 1 || !strings.HasSuffix(said[0], c.want) {
				t.Fatalf("said %q, want %q", said, c.want)
			}
			if j.last().Handle != "/redfish/v1/TaskService/Tasks/JID_1" {
				t.Fatalf("handle %q", j.last().Handle)
			}
		})
	}
}

// R8: HPE refuses settings while the host starts.
func TestBIOSWaitsForTheEndOfPOST(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("HPE")
		tries := 0
		f.on["PATCH "+sysPath+"/Bios/SD"] = func(obj) (*redfish.Response, error) {
			if tries++; tries < 4 {
				return nil, status(http.StatusBadRequest, "iLO.2.15.UnableToModifyDuringSystemPOST")
			}
			return &redfish.Response{}, nil
		}
		if err := f.driver(Options{}).Act(t.Context(), biosStep(), (&journal{}).record); err != nil || tries != 4 {
			t.Fatalf("%d tries, %v", tries, err)
		}
	})
}

func TestBIOSAttributeThatIsGoneIsMoved(t *testing.T) {
	f := newFake("Dell")
	s := biosStep()
	s.Want["Z"] = true
	mustCheck(t, f.driver(Options{}), s, nil, step.Moved)
}

package bmc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/bmc/bmclibx"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

var picture = []byte("a firmware image")

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func withImage(b []byte) Options {
	return Options{Images: func(string) (io.ReaderAt, int64, error) { return bytes.NewReader(b), int64(len(b)), nil }}
}

const rowsPath = updPath + "/FirmwareInventory"

func firmwareStep() step.Step {
	return step.Step{ID: "n/15-bios", Node: "n", Kind: step.Firmware, Activation: step.HostReset,
		Args: step.Args{System: sysPath, Component: "bios", Rows: []string{"Installed-159-1.0__BIOS.Setup.1-1"}, File: "b.bin",
			SizeBytes: int64(len(picture)), Digest: digestOf(picture), Method: "multipart", Apply: "on_reset", PreserveNVRM: true},
		Expect: step.Facts{"version": "1.0"}, Want: step.Facts{"version": "2.0"}}
}

func row(f *fake, version string) {
	for p := range f.res {
		if strings.HasPrefix(p, rowsPath+"/Installed-159") {
			delete(f.res, p)
		}
	}
	f.put(rowsPath+"/Installed-159-"+version+"__BIOS.Setup.1-1", obj{"Version": version})
}

func job(f *fake, state string) {
	f.put(jobs+"/JID_9", obj{"JobType": "FirmwareUpdate", "Name": "Firmware Update: BIOS", "JobState": state,
		"TargetSettingsURI": nil, "Message": "for BIOS.Setup.1-1"})
}

func TestFirmwareStandings(t *testing.T) {
	handle := &step.Op{Sent: true, Handle: tasks + "/JID_9", Baseline: step.Facts{"last_reset_time": "2026-01-01T00:00:00Z"}}
	for _, c := range []struct {
		name  string
		op    *step.Op
		setup func(f *fake)
		want  step.Standing
	}{
		{"as planned", nil, func(*fake) {}, step.Ready},
		{"done, under another row id", nil, func(f *fake) { row(f, "2.0") }, step.Done},
		{"moved", nil, func(f *fake) { row(f, "1.5") }, step.Moved},
		{"no version is shown (R99)", nil, func(f *fake) { row(f, "N/A") }, step.Unknown},
		{"staged, shown on the row", nil, func(f *fake) { f.set(rowsPath+"/Installed-159-1.0__BIOS.Setup.1-1", true, "Staged") }, step.Staged},
		{"staged, in a row of its own", nil, func(f *fake) {
			f.put(rowsPath+"/Available-159-2.0__BIOS.Setup.1-1", obj{"Version": "2.0"})
		}, step.Staged},
		{"lost handle: a job names the part", nil, func(f *fake) { job(f, "Scheduled") }, step.Staged},
		{"lost handle: a job of another part", nil, func(f *fake) {
			f.put(jobs+"/JID_8", obj{"JobType": "FirmwareUpdate", "Name": "Firmware Update: NIC.Slot.3-1-1", "JobState": "Scheduled"})
		}, step.Ready},
		{"the job downloads", handle, func(f *fake) { job(f, "Downloading") }, step.Working},
		{"the job is scheduled", handle, func(f *fake) { job(f, "Scheduled") }, step.Staged},
		{"the job failed", handle, func(f *fake) { job(f, "Failed") }, step.Ready},
		{"completed before its reset", handle, func(f *fake) { job(f, "Completed") }, step.Ready},
		{"gone, and not activated (R17)", handle, func(*fake) {}, step.Staged},
		{"gone, target reached (R53)", handle, func(f *fake) { row(f, "2.0") }, step.Done},
		{"running for ever, target reached (R36)", handle, func(f *fake) { job(f, "Running"); row(f, "2.0") }, step.Done},
		{"failed, target reached (R19)", handle, func(f *fake) { job(f, "Failed"); row(f, "2.0") }, step.Done},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake("Dell")
			withJobs(f)
			row(f, "1.0")
			c.setup(f)
			mustCheck(t, f.driver(withImage(picture)), firmwareStep(), c.op, c.want)
		})
	}
}

// R18, R80: where there is no queue, a task ends before the activation.
func TestFirmwareCompletedWaits(t *testing.T) {
	f := newFake("Supermicro")
	row(f, "1.0")
	f.put(tasks+"/1", obj{"TaskState": "Completed", "TaskStatus": "OK"})
	d := f.driver(withImage(picture))
	mustCheck(t, d, firmwareStep(), &step.Op{Sent: true, Handle: tasks + "/1"}, step.Staged)
	f.set(tasks+"/1", "Critical", "TaskStatus") // R20
	mustCheck(t, d, firmwareStep(), &step.Op{Sent: true, Handle: tasks + "/1"}, step.Ready)
}

// R36: a task that stands still at its end is as good as ended.
func TestFirmwareTaskThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("NVIDIA")
		hostVerbs(f)
		row(f, "1.0")
		f.put(tasks+"/1", obj{"TaskState": "Running", "PercentComplete": 100, "Payload": obj{"TargetUri": updPath + "/upload"}})
		d := f.driver(withImage(picture))
		op := &step.Op{Sent: true, Handle: tasks + "/1", Started: time.Now()}
		mustCheck(t, d, firmwareStep(), op, step.Working)
		if err := d.Act(t.Context(), resetStep(step.HostReset), (&journal{}).record); err == nil {
			t.Fatal("reset while a task runs")
		}
		time.Sleep(stallAfter + time.Second)
		mustCheck(t, d, firmwareStep(), op, step.Staged)
		if err := d.Act(t.Context(), resetStep(step.HostReset), (&journal{}).record); err != nil {
			t.Fatal(err)
		}
	})
}

// R16: a job is not there yet right after its creation.
func TestFirmwareYoungJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("Dell")
		row(f, "1.0")
		d := f.driver(withImage(picture))
		op := &step.Op{Sent: true, Handle: tasks + "/JID_1", Started: time.Now()}
		mustCheck(t, d, firmwareStep(), op, step.Working)
		time.Sleep(jobAppears)
		mustCheck(t, d, firmwareStep(), op, step.Staged)
	})
}

// R30: the inventory lags the activation; after that the push came to nothing.
func TestFirmwareLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("Dell")
		row(f, "1.0")
		d := f.driver(withImage(picture))
		op := &step.Op{Sent: true, Handle: tasks + "/1", Started: time.Now(), Baseline: step.Facts{"last_reset_time": "2025-12-31T00:00:00Z"}}
		time.Sleep(time.Second)
		d.c.resetDone(step.HostReset)
		mustCheck(t, d, firmwareStep(), op, step.Working)
		time.Sleep(lagAllowance)
		mustCheck(t, d, firmwareStep(), op, step.Ready)
	})
}

func TestFirmwarePush(t *testing.T) {
	for _, c := range []struct{ name, vendor, want string }{
		{"Dell: empty Oem, OnReset where listed", "Dell", `{"@Redfish.OperationApplyTime":"OnReset","Oem":{},"Targets":["/x/Bios"]}`},
		{"Supermicro: NVRAM is kept", "Supermicro", `{"@Redfish.OperationApplyTime":"OnReset","Oem":{"Supermicro":{"BIOS":{"BackupBIOS":false,` +
			`"PreserveME":true,"PreserveNVRAM":true,"PreserveSMBIOS":true}}},"Targets":["/x/Bios"]}`},
		{"others", "HPE", `{"@Redfish.OperationApplyTime":"OnReset","Targets":["/x/Bios"]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(c.vendor)
			row(f, "1.0")
			f.set(updPath, obj{"SupportedValues": []any{"Immediate", "OnReset"}}, "Actions", "#UpdateService.SimpleUpdate",
				"@Redfish.OperationApplyTimeSupport")
			f.on["PUSH "+updPath+"/upload"] = func(obj) (*redfish.Response, error) {
				f.put(tasks+"/4", obj{"TaskState": "Running", "Payload": obj{"TargetUri": updPath + "/upload"}, "Name": "BIOS.Setup.1-1"})
				return accept(tasks + "/4/Monitor")
			}
			s := firmwareStep()
			s.Args.Targets = []string{"/x/Bios"}
			var j journal
			d := f.driver(withImage(picture))
			for range 2 {
				if err := d.Act(t.Context(), s, j.record); err != nil {
					t.Fatal(err)
				}
			}
			if said := f.said("PUSH"); len(said) != 1 || !strings.HasSuffix(said[0], c.want) {
				t.Fatalf("said %q\nwant %s", said, c.want)
			}
			if len(j.ops) != 2 || j.ops[0].Sent || j.ops[0].Baseline["version"] != "1.0" || j.ops[1].Handle != tasks+"/4" {
				t.Fatalf("journal %+v", j.ops)
			}
			mustCheck(t, d, s, j.last(), step.Working)
		})
	}
}

// Invariant 2: a file that is not the planned one never leaves.
func TestFirmwareWrongFile(t *testing.T) {
	f := newFake("Dell")
	row(f, "1.0")
	err := f.driver(withImage([]byte("another"))).Act(t.Context(), firmwareStep(), (&journal{}).record)
	if step.ClassOf(err) != step.Trust || len(f.said("PUSH")) != 0 {
		t.Fatalf("got %v", err)
	}
}

func TestFirmwareNoSecondPushWhileFlashing(t *testing.T) {
	f := newFake("Dell")
	row(f, "1.0")
	f.put(tasks+"/5", obj{"TaskState": "Running", "Payload": obj{"TargetUri": updPath + "/upload"}})
	err := f.driver(withImage(picture)).Act(t.Context(), firmwareStep(), (&journal{}).record)
	if step.ClassOf(err) != step.Transient || len(f.said("PUSH")) != 0 {
		t.Fatalf("got %v", err)
	}
}

// A push without an answer is never repeated: its task is looked for.
func TestFirmwareLostAnswer(t *testing.T) {
	for _, taken := range []bool{true, false} {
		f := newFake("Dell")
		withJobs(f)
		row(f, "1.0")
		f.on["PUSH "+updPath+"/upload"] = func(obj) (*redfish.Response, error) {
			if taken {
				job(f, "Downloading")
			}
			return nil, cut()
		}
		var j journal
		err := f.driver(withImage(picture)).Act(t.Context(), firmwareStep(), j.record)
		if n := len(f.said("PUSH")); n != 1 {
			t.Fatalf("%d pushes", n)
		}
		if taken && (err != nil || j.last().Handle != jobs+"/JID_9") {
			t.Fatalf("got %v, handle %q", err, j.last().Handle)
		}
		if !taken && err == nil {
			t.Fatal("no error though nothing was found")
		}
	}
}

func TestFirmwareBySimpleUpdate(t *testing.T) {
	f := newFake("HPE")
	row(f, "1.0")
	f.set(updPath, nil, "MultipartHttpPushUri")
	f.set(updPath, updPath+"/Simple", "Actions", "#UpdateService.SimpleUpdate", "target")
	f.on["POST "+updPath+"/Simple"] = func(obj) (*redfish.Response, error) { return accept(tasks + "/6") }
	s := firmwareStep()
	s.Args.Method = "auto"
	opt := withImage(picture)
	opt.ImageURL = func(file string) (string, error) { return "https://mirror/" + file, nil }
	if err := f.driver(opt).Act(t.Context(), s, (&journal{}).record); err != nil {
		t.Fatal(err)
	}
	if said := f.said("POST"); len(said) != 1 || !strings.HasSuffix(said[0], `{"ImageURI":"https://mirror/b.bin"}`) {
		t.Fatalf("said %q", said)
	}
	s.Args.Method = "multipart"
	if err := f.driver(opt).Act(t.Context(), s, (&journal{}).record); step.ClassOf(err) != step.Unsupported {
		t.Fatalf("got %v", err)
	}
}

// R101: what may be updated is listed, and one entry of the list is a pattern. A target that is not meant is refused before
// anything is sent.
func TestSimpleUpdateTargets(t *testing.T) {
	const rows = "/redfish/v1/UpdateService/FirmwareInventory/"
	for target, allowed := range map[string]bool{rows + "BMC": true, rows + "bmc/": true, rows + "CPLD_Backplane_12": true,
		rows + "CPLD_Backplane_x": false, rows + "CPLD_Backplane_1/x": false, rows + "PSU": false, "x" + rows + "CPLD_Backplane_1": false} {
		f := newFake("Supermicro")
		row(f, "1.0")
		f.set(updPath, nil, "MultipartHttpPushUri")
		f.set(updPath, updPath+"/Simple", "Actions", "#UpdateService.SimpleUpdate", "target")
		f.set(updPath, "/redfish/v1/info", "Actions", "#UpdateService.SimpleUpdate", "@Redfish.ActionInfo")
		f.put("/redfish/v1/info", obj{"Parameters": []any{obj{"Name": "Targets", "AllowableValues": []any{rows + "BMC", rows + `CPLD_Backplane_(\d+)`, rows + "(", rows + "["}}}})
		f.on["POST "+updPath+"/Simple"] = func(obj) (*redfish.Response, error) { return accept(tasks + "/6") }
		s := firmwareStep()
		s.Args.Method, s.Args.Targets = "simple_update", []string{target}
		opt := withImage(picture)
		opt.ImageURL = func(file string) (string, error) { return "https://mirror/" + file, nil }
		var j journal
		err := f.driver(opt).Act(t.Context(), s, j.record)
		if said := f.said("POST"); (err == nil) != allowed || (len(said) == 1) != allowed || !allowed && step.ClassOf(err) != step.Unsupported {
			t.Errorf("%s: %v, said %q", target, err, said)
		}
	}
}

// redfish.md §1.4: boards whose updates need the vendor's own interface go there, and nowhere else.
func TestFirmwareByBoard(t *testing.T) {
	f := newFake("Supermicro")
	row(f, "1.0")
	f.set(sysPath, "X12STH-SYS", "PartNumber")
	var job bmclibx.Job
	d := f.driver(withImage(picture))
	d.install = func(_ context.Context, _ bmclibx.Target, j bmclibx.Job, sent func(string) error, _ func(bmclibx.Phase, string)) (bmclibx.Outcome, error) {
		job = j
		return bmclibx.Outcome{Phase: bmclibx.PowerCycle}, sent("77")
	}
	var j journal
	if err := d.Act(t.Context(), firmwareStep(), j.record); err != nil {
		t.Fatal(err)
	}
	if job.Board != "X12STH-SYS" || job.Component != "bios" || len(j.ops) != 2 || j.ops[0].Sent || !j.last().Sent || j.last().Handle != "" {
		t.Fatalf("job %+v, journal %+v", job, j.ops)
	}
	mustCheck(t, d, firmwareStep(), j.last(), step.Staged)
	d.install = func(context.Context, bmclibx.Target, bmclibx.Job, func(string) error, func(bmclibx.Phase, string)) (bmclibx.Outcome, error) {
		return bmclibx.Outcome{Phase: bmclibx.Failed, BMCReset: true, Detail: "bad"}, nil
	}
	if err := d.Act(t.Context(), firmwareStep(), j.record); step.ClassOf(err) != step.Rejected || step.AdviceOf(err) == "" {
		t.Fatalf("got %v", err)
	}
}

func TestFirmwareTooLarge(t *testing.T) {
	f := newFake("NVIDIA")
	row(f, "1.0")
	f.set(updPath, 3, "MaxImageSizeBytes")
	if err := f.driver(withImage(picture)).Act(t.Context(), firmwareStep(), (&journal{}).record); step.ClassOf(err) != step.Rejected {
		t.Fatalf("got %v", err)
	}
}

func TestRowsByTheirStablePart(t *testing.T) {
	for _, c := range []struct {
		have, want string
		same       bool
	}{
		{"Installed-159-2.0__BIOS.Setup.1-1", "Installed-159-1.0__BIOS.Setup.1-1", true},
		{"Previous-159-1.0__BIOS.Setup.1-1", "Installed-159-1.0__BIOS.Setup.1-1", false},
		{"Installed-159-2.0__NIC.Slot.3-1-1", "Installed-159-1.0__BIOS.Setup.1-1", false},
		{"BMC-Primary", "bmc-primary", true}, {"BMC-Backup", "BMC-Primary", false},
		{"rom-2.0-x", "rom-1.0-x", true}, {"1", "2", false},
	} {
		if got := sameRow(c.have, c.want, "1.0", "2.0"); got != c.same {
			t.Errorf("sameRow(%q, %q) = %v", c.have, c.want, got)
		}
	}
	if !stagedRow("UEFI-Pending", "UEFI", "2.0") || !stagedRow("Staging_BIOS", "BIOS", "2.0") || stagedRow("BIOS", "UEFI", "2.0") {
		t.Error("staged rows are not told from others")
	}
}

// Where ids are only numbers, and are given anew, the selector finds the row.
func TestRowsBySelector(t *testing.T) {
	f := newFake("HPE")
	f.put(rowsPath+"/2", obj{"Id": "2", "Name": "System ROM", "Version": "2.0"})
	f.put(rowsPath+"/3", obj{"Id": "3", "Name": "iLO 6", "Version": "1.0"})
	s := firmwareStep()
	s.Args.Rows, s.Args.Select = []string{"9"}, rack.RowSelect{Name: "^System ROM$"}
	mustCheck(t, f.driver(withImage(picture)), s, nil, step.Done)
	s.Args.Select = rack.RowSelect{}
	mustCheck(t, f.driver(withImage(picture)), s, nil, step.Unknown)
}

// R88: a version that no row tells is read from the system, as the baseline says; a row that is there does not matter then.
func TestVersionReadFromSystem(t *testing.T) {
	f := newFake("NVIDIA")
	f.set(sysPath, "1.0", "BiosVersion")
	s := firmwareStep()
	s.Args.Rows, s.Args.ReadFrom = nil, firmware.FromBIOS
	mustCheck(t, f.driver(withImage(picture)), s, nil, step.Ready)
	f.set(sysPath, "2.0", "BiosVersion")
	mustCheck(t, f.driver(withImage(picture)), s, nil, step.Done)
	f.set(sysPath, "N/A", "BiosVersion")
	mustCheck(t, f.driver(withImage(picture)), s, nil, step.Unknown)
}

// One component, several rows at different versions.
func TestRowsOfSeveralVersions(t *testing.T) {
	f := newFake("NVIDIA")
	for id, v := range map[string]string{"GPU_0": "1.0", "GPU_1": "1.1"} {
		f.put(rowsPath+"/"+id, obj{"Id": id, "Version": v})
	}
	s := firmwareStep()
	s.Args.Rows = []string{"GPU_0", "GPU_1"}
	mustCheck(t, f.driver(withImage(picture)), s, nil, step.Moved)
	s.Expect["version"] = []any{"1.0", "1.1"}
	mustCheck(t, f.driver(withImage(picture)), s, nil, step.Ready)
	f.put(rowsPath+"/GPU_0", obj{"Version": "2.0"})
	mustCheck(t, f.driver(withImage(picture)), s, nil, step.Ready)
	f.put(rowsPath+"/GPU_1", obj{"Version": "2.0"})
	mustCheck(t, f.driver(withImage(picture)), s, nil, step.Done)
}

func TestUpdateServiceSwitchedOff(t *testing.T) {
	f := newFake("Dell")
	row(f, "1.0")
	f.set(updPath, false, "ServiceEnabled")
	if err := f.driver(withImage(picture)).Act(t.Context(), firmwareStep(), (&journal{}).record); step.ClassOf(err) != step.Unsupported {
		t.Fatalf("got %v", err)
	}
}

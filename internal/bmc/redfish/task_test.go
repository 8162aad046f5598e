package redfish

import (
	"net/http"
	"testing"
	"time"
)

func object(t *testing.T, text string) Object {
	t.Helper()
	o, err := decodeObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestTaskPhases(t *testing.T) {
	for text, want := range map[string]TaskState{
		`{"TaskState":"New"}`:                                                        {Phase: PhaseActive, State: "New", Percent: -1}, // R19
		`{"TaskState":"Running","PercentComplete":40}`:                               {Phase: PhaseActive, State: "Running", Percent: 40},
		`{"TaskState":"Suspended"}`:                                                  {Phase: PhaseActive, State: "Suspended", Percent: -1},
		`{"TaskState":"Pending"}`:                                                    {Phase: PhaseActive, State: "Pending", Percent: -1, Waits: true},
		`{"JobState":"Scheduled","PercentComplete":0}`:                               {Phase: PhaseActive, State: "Scheduled", Waits: true},
		`{"JobState":"Ready For Execution"}`:                                         {Phase: PhaseActive, State: "Ready For Execution", Percent: -1},
		`{"TaskState":"Completed","TaskStatus":"OK","PercentComplete":100}`:          {Phase: PhaseDone, State: "Completed", Percent: 100},
		`{"TaskState":"Completed","TaskStatus":"Warning"}`:                           {Phase: PhaseDone, State: "Completed", Percent: -1},
		`{"TaskState":"Completed","TaskStatus":"Critical"}`:                          {Phase: PhaseFailed, State: "Completed", Percent: -1}, // R20
		`{"TaskState":"Exception","TaskStatus":"OK"}`:                                {Phase: PhaseFailed, State: "Exception", Percent: -1}, // R93
		`{"TaskState":"Killed"}`:                                                     {Phase: PhaseFailed, State: "Killed", Percent: -1},
		`{"TaskState":"Cancelled"}`:                                                  {Phase: PhaseFailed, State: "Cancelled", Percent: -1},
		`{"TaskState":"Interrupted"}`:                                                {Phase: PhaseFailed, State: "Interrupted", Percent: -1},
		`{"JobState":"CompletedWithErrors"}`:                                         {Phase: PhaseFailed, State: "CompletedWithErrors", Percent: -1},
		`{"TaskState":"Contemplating"}`:                                              {Phase: PhaseUnknown, State: "Contemplating", Percent: -1},
		`{"Id":"1"}`:                                                                 {Phase: PhaseUnknown, Percent: -1},
		`{"TaskState":null,"PercentComplete":"many"}`:                                {Phase: PhaseUnknown, Percent: -1},
		`{"error":{"@Message.ExtendedInfo":[{"MessageId":"Base.1.4.Success"}]}}`:     {Phase: PhaseDone, Percent: -1}, // HPE
		`{"error":{"@Message.ExtendedInfo":[{"MessageId":"iLO.2.0.UpdateFailed"}]}}`: {Phase: PhaseFailed, Percent: -1},
		`{"TaskState":"Completed","Messages":[{"MessageId":"Lenovo.1.OperationTransitionedToJob","MessageArgs":["/redfish/v1/JobService/Jobs/J1"]}]}`: {
			Phase: PhaseDone, State: "Completed", Percent: -1, Follow: "/redfish/v1/JobService/Jobs/J1"},
	} {
		got := TaskOf(object(t, text))
		got.Messages = nil
		if got.Phase != want.Phase || got.State != want.State || got.Percent != want.Percent || got.Waits != want.Waits || got.Follow != want.Follow {
			t.Errorf("%s:\n got %+v\nwant %+v", text, got, want)
		}
	}
}

func TestHandle(t *testing.T) {
	for _, c := range []struct{ name, location, body, want string }{
		{"location", "/redfish/v1/TaskService/Tasks/1", `{}`, "/redfish/v1/TaskService/Tasks/1"},
		{"absolute location with monitor", "https://bmc.test/redfish/v1/TaskService/Tasks/1/Monitor/", `{}`, "/redfish/v1/TaskService/Tasks/1"},
		{"location wins", "/redfish/v1/TaskService/Tasks/1", `{"@odata.id":"/redfish/v1/TaskService/Tasks/2"}`, "/redfish/v1/TaskService/Tasks/1"},
		{"body", "", `{"@odata.id":"/redfish/v1/TaskService/Tasks/2"}`, "/redfish/v1/TaskService/Tasks/2"},
		{"HPE", "", `{"TaskMonitor":"/redfish/v1/TaskService/TaskMonitors/9"}`, "/redfish/v1/TaskService/TaskMonitors/9"},
		{"Supermicro's message (R31)", "", `{"Accepted":{"@Message.ExtendedInfo":[]},"@Message.ExtendedInfo":[{"MessageId":"SMC.1.0.x","MessageArgs":["no","/redfish/v1/TaskService/Tasks/4"]}]}`, "/redfish/v1/TaskService/Tasks/4"},
		{"Dell's job in the location", "/redfish/v1/Managers/iDRAC.Embedded.1/Oem/Dell/Jobs/JID_1", `{}`, "/redfish/v1/Managers/iDRAC.Embedded.1/Oem/Dell/Jobs/JID_1"},
		{"Dell's job in a message", "", `{"@Message.ExtendedInfo":[{"MessageId":"IDRAC.2.8.JCP001","MessageArgs":["JID_77"]}]}`, "JID_77"},
		{"an unknown place", "/some/where/5", `{}`, "/some/where/5"},
		{"nothing", "", `{"@odata.id":"/redfish/v1/Systems/1"}`, ""},
		{"nothing at all", "", ``, ""},
	} {
		h := http.Header{}
		if c.location != "" {
			h.Set("Location", c.location)
		}
		cl, err := New(Options{Base: "bmc.test"})
		if err != nil {
			t.Fatal(err)
		}
		if got := cl.response("/x", answer{status: 202, header: h, body: []byte(c.body)}).Handle(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if created := (&Response{Status: 201, Location: "/redfish/v1/Systems/1/Storage/1/Volumes/2"}).Handle(); created != "" {
		t.Errorf("a created volume is no task: %q", created)
	}
}

// Polling reads the task and not its monitor, and what cannot be read is unknown, never failed.
func TestPollTask(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		const tasks = "/redfish/v1/TaskService/Tasks"
		b.set("/redfish/v1", `{"RedfishVersion":"1.9.0","Tasks":{"@odata.id":"/redfish/v1/TaskService"},"Managers":{"@odata.id":"/redfish/v1/Managers"},
			"Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}}}`)
		b.set("/redfish/v1/TaskService", `{"Tasks":{"@odata.id":"/redfish/v1/TaskService/Tasks"}}`)
		b.set(tasks+"/1", `{"TaskState":"Running","PercentComplete":7}`)
		b.set("/redfish/v1/Managers", `{"Members":[{"@odata.id":"/redfish/v1/Managers/x"}]}`)
		b.set("/redfish/v1/Managers/x", `{"Links":{"Oem":{"Dell":{"Jobs":{"@odata.id":"/redfish/v1/Managers/x/Jobs"}}}}}`)
		b.set("/redfish/v1/Managers/x/Jobs/JID_1", `{"JobState":"Scheduled"}`)
		for handle, want := range map[string]Phase{
			tasks + "/1": PhaseActive, tasks + "/1/Monitor": PhaseActive, "https://bmc.test" + tasks + "/1": PhaseActive,
			"/redfish/v1/TaskService/TaskMonitors/1": PhaseActive, "JID_1": PhaseActive, tasks + "/2": PhaseUnknown, "JID_2": PhaseUnknown,
		} {
			s, err := c.PollTask(t.Context(), handle)
			if err != nil || s.Phase != want || s.Gone != (want == PhaseUnknown) {
				t.Errorf("%s: %+v, %v", handle, s, err)
			}
		}
		if b.count("GET "+tasks+"/1/Monitor") != 0 || b.count("GET /redfish/v1/TaskService/TaskMonitors/1") != 0 {
			t.Error("a monitor was read (R34)")
		}
		b.setHook(func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if r.URL.Path == tasks+"/1" {
				reset(w, r)
				return true
			}
			return false
		})
		if s, err := c.PollTask(t.Context(), tasks+"/1"); err != nil || s.Phase != PhaseUnknown || s.Gone || s.Note == "" {
			t.Errorf("cut: %+v, %v", s, err)
		}
		time.Sleep(time.Second)
	})
}

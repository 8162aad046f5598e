package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// job is a task, and on Dell a job beside it. States: New, Downloading, Scheduled, Running, Completed, Failed, Cancelled.
type job struct {
	id, name string
	state    string
	status   string // OK, Warning, Critical
	percent  int
	start    time.Time
	end      time.Time
	msgs     []obj
	gone     bool // purged: 404
	shown    bool // its end has been told once
	stuck    bool // it is passed over at every boot
	comp     *component
	cancel   func()
	target   string // URI of the action that it carries out
	polls    int
}

// maxTasks is what bmcweb keeps (R36).
const maxTasks = 100

func (j *job) active() bool {
	switch j.state {
	case "Completed", "Failed", "Cancelled":
		return false
	}
	return true
}

// newJob opens a task in the numbering of the dialect.
func (b *BMC) newJob(name, state string) *job {
	j := &job{name: name, state: state, status: "OK", start: b.now}
	switch b.dia.name {
	case dialectIDRAC:
		n := b.id("job", 1)
		j.id = fmt.Sprintf("JID_%012d", b.rack.chance(b.name, "jid").Int64N(900_000_000_000)/1000*1000+int64(n))
	default:
		j.id = strconv.Itoa(b.id("job", b.dia.update.taskSeries))
	}
	b.jobs = append(b.jobs, j)
	if len(b.jobs) > maxTasks {
		b.jobs = b.jobs[1:]
	}
	b.changed()
	return j
}

func (b *BMC) complete(j *job) {
	j.state, j.percent, j.end = "Completed", 100, b.now
	b.happened("job", j.id)
	if b.dia.settingsJob {
		j.msgs = append(j.msgs, b.msg("PR19"))
		return
	}
	j.msgs = append(j.msgs, b.msg("TaskCompletedOK", j.id))
}

func (b *BMC) failJob(j *job, why obj) {
	j.state, j.status, j.end = "Failed", "Critical", b.now
	b.happened("badjob", j.id, "of an error")
	j.msgs = append(j.msgs, why)
}

// loseTasks is what a restart of the BMC does to tasks: only Dell keeps its job queue.
func (b *BMC) loseTasks() {
	if b.dia.settingsJob {
		return
	}
	b.forget("task")
	b.jobs = nil
}

func (b *BMC) findJob(id string) *job {
	for _, j := range b.jobs {
		if j.id == id && !j.gone {
			return j
		}
	}
	return nil
}

func taskURI(id string) string { return "/redfish/v1/TaskService/Tasks/" + id }

// taskState is the state in the words of Redfish's Task.
func (b *BMC) taskState(j *job) string {
	switch j.state {
	case "New", "Running", "Completed", "Cancelled":
		return j.state
	case "Downloading":
		return "Running"
	case "Scheduled":
		if b.dia.settingsJob {
			return "Starting"
		}
		return "Pending"
	}
	return "Exception"
}

func (b *BMC) taskResource(j *job) obj {
	o := obj{"@odata.id": taskURI(j.id), "@odata.type": b.dia.typ("Task"), "Id": j.id, "Name": j.name, "TaskState": b.taskState(j),
		"TaskStatus": j.status, "StartTime": stamp(j.start), "PercentComplete": j.percent, "Messages": listObj(j.msgs)}
	if !j.end.IsZero() {
		o["EndTime"] = stamp(j.end)
	}
	if b.dia.name != dialectIDRAC && b.dia.name != dialectAMI {
		o["TaskMonitor"] = taskURI(j.id) + "/Monitor"
	}
	if j.target != "" {
		o["Payload"] = obj{"HttpOperation": "POST", "TargetUri": j.target}
	}
	b.faults.task(j, o)
	return o
}

// accepted is the 202 of a task, in the manner of the dialect (redfish.md §2.7).
func (b *BMC) accepted(j *job) *answer {
	a := &answer{status: http.StatusAccepted, body: b.taskResource(j), header: map[string]string{}}
	switch b.dia.update.handle {
	case "monitor":
		a.header["Location"] = taskURI(j.id) + "/Monitor"
	case "location":
		a.header["Location"] = taskURI(j.id)
		if b.dia.settingsJob {
			a.body = errorBody([]obj{b.msg("JCP001"), b.msg("Success")})
		}
	}
	if b.faults.on("R31") { // well formed, but no task: the URI stands in MessageArgs
		delete(a.header, "Location")
		a.body = errorBody([]obj{b.msg("TaskStarted", taskURI(j.id))})
	}
	return a
}

func taskRoutes(b *BMC, m map[string]*route) {
	base := "/redfish/v1/TaskService"
	add(b, m, base, &route{get: func(*call) obj {
		return obj{"@odata.type": b.dia.typ("TaskService"), "Id": "TaskService", "Name": "Task Service", "ServiceEnabled": true,
			"DateTime": stamp(b.now), "CompletedTaskOverWritePolicy": "Oldest", "Status": enabled(), "Tasks": ref(base + "/Tasks")}
	}})
	add(b, m, base+"/Tasks", &route{get: func(*call) obj {
		var ids []string
		for _, j := range b.jobs {
			if !j.gone && !(b.dia.settingsJob && !j.active()) {
				ids = append(ids, taskURI(j.id))
			}
		}
		return collection("TaskCollection.TaskCollection", "Task Collection", ids)
	}})
	add(b, m, base+"/Tasks/*", &route{get: func(c *call) obj {
		j := b.findJob(c.vars[0])
		if j == nil || b.faults.hideTask(c, j) {
			return nil
		}
		return b.taskResource(j)
	}})
	add(b, m, base+"/Tasks/*/Monitor", &route{answer: b.monitor})
	if b.dia.settingsJob {
		jobRoutes(b, m)
	}
}

// monitor answers a task monitor (DSP0266 §12.2): 202 while the task is active, what came of it afterwards.
func (b *BMC) monitor(c *call) *answer {
	j := b.findJob(c.vars[0])
	if j == nil || j.shown && b.faults.on("R36") {
		return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
	}
	o := b.taskResource(j)
	if j.active() {
		return &answer{status: http.StatusAccepted, body: o, header: map[string]string{"Location": c.path}}
	}
	j.shown = true
	j.gone = b.faults.on("R34") // reading the monitor deletes a finished task
	if b.dia.name == dialectOpenBMC {
		return noContent()
	}
	return ok(o)
}

// jobRoutes are Dell's: DMTF's JobService, and the OEM collection that lasts longer than tasks (R17).
func jobRoutes(b *BMC, m map[string]*route) {
	add(b, m, "/redfish/v1/JobService", &route{get: func(*call) obj {
		return obj{"@odata.type": b.dia.typ("JobService"), "Id": "JobService", "Name": "Job Service", "ServiceEnabled": true,
			"DateTime": stamp(b.now), "Status": enabled(), "Jobs": ref("/redfish/v1/JobService/Jobs"),
			"ServiceCapabilities": obj{"MaxJobs": 256, "MaxSteps": 1, "Scheduling": true}}
	}})
	for _, base := range []string{"/redfish/v1/JobService/Jobs", b.dia.manager() + "/Oem/Dell/Jobs", b.dia.manager() + "/Jobs"} {
		oem := strings.Contains(base, "Managers")
		typ := "JobCollection.JobCollection"
		if oem {
			typ = "DellJobCollection.DellJobCollection"
		}
		list := &route{get: func(*call) obj {
			var ids []string
			for _, j := range b.jobs {
				ids = append(ids, base+"/"+j.id)
			}
			return collection(typ, "JobQueue", ids)
		}}
		if oem {
			list.post = commitSettings
		}
		add(b, m, base, list)
		add(b, m, base+"/*", &route{get: func(c *call) obj { return b.jobResource(c, oem) }, del: deleteJob})
	}
}

func (b *BMC) jobResource(c *call, oem bool) obj {
	var j *job
	for _, x := range b.jobs {
		if x.id == c.vars[0] {
			j = x
		}
	}
	if j == nil || b.faults.hideTask(c, j) {
		return nil
	}
	if oem {
		o := obj{"@odata.type": "#DellJob.v1_4_0.DellJob", "Id": j.id, "Name": j.name, "JobState": j.state, "JobType": jobType(j.name),
			"PercentComplete": j.percent, "Message": lastMessage(j), "MessageArgs": []any{}, "ActualRunningStartTime": nil,
			"StartTime": stamp(j.start), "EndTime": "TIME_NA", "TargetSettingsURI": nil}
		if j.state == "Completed" && j.status == "Warning" {
			o["JobState"] = "CompletedWithErrors"
		}
		if !j.end.IsZero() {
			o["CompletionTime"] = stamp(j.end)
		}
		return o
	}
	o := obj{"@odata.type": b.dia.typ("Job"), "Id": j.id, "Name": j.name, "JobState": "Running", "JobStatus": j.status,
		"PercentComplete": j.percent, "StartTime": stamp(j.start), "Messages": listObj(j.msgs)}
	switch j.state {
	case "New", "Completed", "Cancelled":
		o["JobState"] = j.state
	case "Scheduled":
		o["JobState"] = "Pending"
	case "Failed":
		o["JobState"] = "Exception"
	}
	if !j.end.IsZero() {
		o["EndTime"] = stamp(j.end)
	}
	return o
}

func lastMessage(j *job) string {
	if len(j.msgs) == 0 {
		return "The job is under way."
	}
	s, _ := j.msgs[len(j.msgs)-1]["Message"].(string)
	return s
}

func jobType(name string) string {
	switch {
	case strings.HasPrefix(name, "ConfigBIOS"):
		return "BIOSConfiguration"
	case strings.HasPrefix(name, "Configure: RAID"):
		return "RAIDConfiguration"
	case strings.HasPrefix(name, "ConfigNIC"):
		return "NICConfiguration"
	}
	return "FirmwareUpdate"
}

// commitSettings makes a job of settings that were staged without an apply time.
func commitSettings(c *call) *answer {
	b := c.b
	uri, _ := c.body["TargetSettingsURI"].(string)
	switch {
	case !strings.EqualFold(strings.TrimRight(uri, "/"), b.dia.settingsURI()):
		return b.fail(http.StatusBadRequest, b.msg("PropertyMissing", "TargetSettingsURI"))
	case b.bios.job != nil:
		return b.fail(http.StatusBadRequest, b.msg("SYS011"))
	case len(b.bios.pend) == 0:
		return b.fail(http.StatusBadRequest, b.msg("NoOperation"))
	}
	b.bios.job = b.newJob("ConfigBIOS:BIOS.Setup.1-1", "Scheduled")
	return &answer{status: http.StatusOK, header: map[string]string{"Location": b.dia.manager() + "/Oem/Dell/Jobs/" + b.bios.job.id},
		body: errorBody([]obj{b.msg("SYS413"), b.msg("Success")})}
}

func deleteJob(c *call) *answer {
	b := c.b
	for i, j := range b.jobs {
		if j.id != c.vars[0] {
			continue
		}
		if j.state == "Running" || j.state == "Downloading" {
			return b.fail(http.StatusBadRequest, b.msg("ResourceInUse"))
		}
		if b.bios.job == j {
			b.bios.job, b.bios.pend = nil, map[string]any{}
		}
		if j.cancel != nil && j.active() {
			j.cancel()
		}
		b.jobs = append(b.jobs[:i], b.jobs[i+1:]...)
		return b.done(b.msg("SYS413"))
	}
	return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
}

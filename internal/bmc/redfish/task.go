package redfish

import (
	"context"
	"net/http"
	"strings"
)

// Phase is how far a task is. The zero value is PhaseUnknown: the value it should reach decides (engine.md, Truth).
type Phase uint8

// The phases.
const (
	PhaseUnknown Phase = iota
	PhaseActive
	PhaseDone
	PhaseFailed
)

// String gives the word.
func (p Phase) String() string {
	switch p {
	case PhaseActive:
		return "active"
	case PhaseDone:
		return "done"
	case PhaseFailed:
		return "failed"
	}
	return "unknown"
}

// TaskState is one look at a task or job.
type TaskState struct {
	Phase    Phase
	State    string // as the BMC words it: Running, Scheduled …
	Percent  int    // -1 = not told
	Waits    bool   // accepted, and waits for a reset (Dell's Scheduled, Pending)
	Gone     bool   // the BMC knows it no longer; it may have ended (R17, R53)
	Follow   string // the job or task that goes on with it (R34), or ""
	Messages []Message
	Note     string // why Phase is unknown
}

// phases sorts every recorded word of TaskState, JobState and Dell's JobState. Not named = unknown.
var phases = map[string]Phase{
	"new": PhaseActive, "starting": PhaseActive, "running": PhaseActive, "suspended": PhaseActive, "pending": PhaseActive,
	"service": PhaseActive, "stopping": PhaseActive, "cancelling": PhaseActive, "continue": PhaseActive, "validating": PhaseActive,
	"scheduled": PhaseActive, "downloading": PhaseActive, "downloaded": PhaseActive, "readyforexecution": PhaseActive,
	"scheduling": PhaseActive, "waiting": PhaseActive, "rebootpending": PhaseActive, "rebootcompleted": PhaseActive,
	"pendingactivation": PhaseActive, "paused": PhaseActive, "pausing": PhaseActive, "userintervention": PhaseActive,
	"completed": PhaseDone,
	"exception": PhaseFailed, "killed": PhaseFailed, "cancelled": PhaseFailed, "interrupted": PhaseFailed,
	"completedwitherrors": PhaseFailed, "failed": PhaseFailed, "rebootfailed": PhaseFailed,
}

var waitingStates = map[string]bool{"scheduled": true, "pending": true, "pendingactivation": true, "rebootpending": true}

// PollTask looks at a task or job once. handle is a URI, or Dell's bare JID_…; a monitor's URI is turned into its task's, for
// reading a monitor can delete it (R34, R36). What cannot be read is PhaseUnknown with a Note and no error: a transport error,
// 401, 404 or 503 while polling says nothing about the task. The error is for what ends everything: login, trust, the caller.
func (c *Client) PollTask(ctx context.Context, handle string) (TaskState, error) {
	unknown := TaskState{Percent: -1}
	uri, err := c.taskURI(ctx, handle)
	if err == nil {
		var r *Resource
		if r, err = c.Get(ctx, uri); err == nil {
			return TaskOf(r.Obj), nil
		}
	}
	if IsUntrusted(err) || IsCancelled(err) || isLoginRefused(err) {
		return unknown, err
	}
	unknown.Gone, unknown.Note = IsNotFound(err), err.Error()
	return unknown, nil
}

func isLoginRefused(err error) bool {
	e, ok := err.(*Error) //nolint:errorlint // Get returns *Error itself
	return ok && e.Kind == LoginRefused
}

// TaskOf judges a task or job: the worse of its state and its status counts, so Completed with Critical (R20) and Exception
// with OK (R93) are failures. An error envelope that only reports success is HPE's finished task.
func TaskOf(o Object) TaskState {
	t := TaskState{Percent: -1, Messages: Messages(o)}
	for _, k := range []string{"TaskState", "JobState"} {
		if s := o.Str(k); s != "" {
			t.State = s
			break
		}
	}
	word := strings.ToLower(strings.ReplaceAll(t.State, " ", ""))
	t.Phase, t.Waits = phases[word], waitingStates[word]
	if t.State == "" && o.Has("error") {
		t.Phase = PhaseDone
		for _, m := range t.Messages {
			if !m.IsSuccess() {
				t.Phase = PhaseFailed
			}
		}
	}
	for _, k := range []string{"PercentComplete"} {
		if n, ok := o.Int(k); ok && n >= 0 && n <= 100 {
			t.Percent = int(n)
		}
	}
	status := strings.ToLower(o.Str("TaskStatus"))
	if status == "" {
		status = strings.ToLower(o.Str("JobStatus"))
	}
	if t.Phase == PhaseDone && status == "critical" {
		t.Phase = PhaseFailed
	}
	for _, m := range t.Messages {
		if strings.HasSuffix(m.ID, "OperationTransitionedToJob") {
			t.Follow = handleInArgs(m.Args)
		}
	}
	return t
}

// Handle finds what an accepted write can be followed by (redfish.md 2.7): a task or job URI without monitor suffix, Dell's
// bare JID_… when no URI is named, or "". It must be journalled before it is polled.
func (r *Response) Handle() string {
	if r == nil {
		return ""
	}
	for _, h := range []string{r.Location, r.Obj.ODataID(), r.Obj.Str("TaskMonitor"), r.Obj.Link("TaskMonitor"), r.Obj.Link("Task")} {
		if isTask(h) || h != "" && r.Status == http.StatusAccepted && h == r.Location {
			return taskPath(h)
		}
	}
	for _, m := range r.Messages { // R31
		if h := handleInArgs(m.Args); h != "" {
			return h
		}
	}
	if j := r.Obj.Str("JobID"); strings.HasPrefix(j, "JID_") {
		return j
	}
	return ""
}

func handleInArgs(args []string) string {
	for _, a := range args {
		if isTask(a) {
			return taskPath(a)
		}
	}
	for _, a := range args {
		if strings.HasPrefix(a, "JID_") {
			return a
		}
	}
	return ""
}

func isTask(uri string) bool {
	k := Key(uri)
	return strings.HasPrefix(k, "/") && (strings.Contains(k, "/tasks/") || strings.Contains(k, "/taskmonitors/") || strings.Contains(k, "/jobs/"))
}

// taskPath is the path of a task, without host and monitor.
func taskPath(uri string) string {
	if _, rest, found := strings.Cut(uri, "://"); found {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			uri = rest[i:]
		}
	}
	uri = strings.TrimRight(uri, "/")
	if n := len(uri) - len("/monitor"); n > 0 && strings.EqualFold(uri[n:], "/monitor") {
		uri = uri[:n]
	}
	return uri
}

// taskURI turns a handle into what can be read. The jobs of a bare JID are found through the manager's link, else through
// the task service; nothing is built from names (R94).
func (c *Client) taskURI(ctx context.Context, handle string) (string, error) {
	if strings.Contains(handle, "/") {
		uri := taskPath(handle)
		if strings.Contains(Key(uri), "/taskmonitors/") { // OpenBMC: the task has the same id
			if root, err := c.Root(ctx); err == nil {
				if s, err := c.Get(ctx, root.Obj.Link("Tasks")); err == nil && s.Obj.Link("Tasks") != "" {
					uri = strings.TrimRight(s.Obj.Link("Tasks"), "/") + uri[strings.LastIndexByte(uri, '/'):]
				}
			}
		}
		return uri, nil
	}
	root, err := c.Root(ctx)
	if err != nil {
		return "", err
	}
	managers, _, err := c.Members(ctx, root.Obj.Link("Managers"))
	if err != nil {
		return "", err
	}
	for _, m := range managers {
		if jobs := m.Obj.Link("Links", "Oem", "Dell", "Jobs"); jobs != "" {
			return strings.TrimRight(jobs, "/") + "/" + handle, nil
		}
	}
	s, err := c.Get(ctx, root.Obj.Link("Tasks"))
	if err != nil {
		return "", err
	}
	return strings.TrimRight(s.Obj.Link("Tasks"), "/") + "/" + handle, nil
}

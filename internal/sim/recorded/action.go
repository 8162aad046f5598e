package recorded

import (
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"
)

// act performs the actions that a tree's own state can show; of any other nothing is known, so it is refused.
func (s *Server) act(w http.ResponseWriter, a action, body map[string]any) {
	switch a.name {
	case "ComputerSystem.Reset", "Chassis.Reset", "Manager.Reset":
		s.reset(w, a, body)
	case "VirtualMedia.InsertMedia":
		s.insert(w, a, body)
	case "VirtualMedia.EjectMedia":
		o := s.edit(a.owner)
		o["Image"], o["ImageName"], o["Inserted"], o["ConnectedVia"] = nil, nil, false, "NotConnected"
		s.touch(a.owner)
		w.WriteHeader(http.StatusNoContent)
	case "UpdateService.SimpleUpdate":
		if img, _ := body["ImageURI"].(string); img == "" {
			fail(w, http.StatusBadRequest, "ActionParameterMissing", "The action SimpleUpdate requires the parameter ImageURI.",
				"SimpleUpdate", "ImageURI")
			return
		}
		s.accept(w, "Firmware update")
	case "UpdateService.StartUpdate":
		s.accept(w, "Firmware update")
	case "Bios.ResetBios":
		w.WriteHeader(http.StatusNoContent)
	default:
		fail(w, http.StatusBadRequest, "ActionNotSupported", "The action "+a.name+" is not supported: the recording holds no "+
			"answer to it.", a.name)
	}
}

func (s *Server) reset(w http.ResponseWriter, a action, body map[string]any) {
	kind, _ := body["ResetType"].(string)
	allowed := s.resetTypes(a)
	if kind == "" && a.name != "ComputerSystem.Reset" {
		kind = "ForceRestart"
	}
	if kind == "" {
		fail(w, http.StatusBadRequest, "ActionParameterMissing", "The action Reset requires the parameter ResetType.",
			"Reset", "ResetType")
		return
	}
	if len(allowed) > 0 && !slices.Contains(allowed, kind) {
		fail(w, http.StatusBadRequest, "ActionParameterValueNotInList", "The value "+kind+" for the parameter ResetType is "+
			"not in the list of acceptable values.", kind, "ResetType", "Reset")
		return
	}
	switch a.name {
	case "ComputerSystem.Reset":
		s.resetSystem(a.owner, kind)
	case "Manager.Reset": // sessions do not outlive a BMC
		o := s.edit(a.owner)
		o["LastResetTime"] = s.opt.Now().UTC().Format(time.RFC3339)
		s.touch(a.owner)
		for _, uri := range s.sessions {
			s.drop(uri)
			s.counts.SessionsClosed++
		}
		clear(s.sessions)
	}
	w.WriteHeader(http.StatusNoContent)
}

// resetTypes is what the entry lists inline together with what its ActionInfo lists (several trees have one, some both).
func (s *Server) resetTypes(a action) []string {
	var out []string
	add := func(v any) {
		list, _ := v.([]any)
		for _, e := range list {
			if t, ok := e.(string); ok {
				out = append(out, t)
			}
		}
	}
	add(a.desc["ResetType@Redfish.AllowableValues"])
	if uri, _ := a.desc["@Redfish.ActionInfo"].(string); uri != "" {
		if key, ok := s.findName(uri); ok {
			params, _ := s.object(key)["Parameters"].([]any)
			for _, p := range params {
				if m, ok := p.(map[string]any); ok && m["Name"] == "ResetType" {
					add(m["AllowableValues"])
				}
			}
		}
	}
	return out
}

// resetSystem moves the power state and, where the host starts, makes pending settings real and ends a one-time boot.
func (s *Server) resetSystem(owner, kind string) {
	o := s.edit(owner)
	was := o["PowerState"]
	state, boots := "On", true
	switch kind {
	case "ForceOff", "GracefulShutdown":
		state, boots = "Off", false
	case "On", "ForceOn":
		boots = was != "On"
	case "PushPowerButton":
		if was == "On" {
			state, boots = "Off", false
		}
	case "Nmi", "Suspend", "Pause", "Resume":
		return
	}
	o["PowerState"] = state
	if boots {
		o["LastResetTime"] = s.opt.Now().UTC().Format(time.RFC3339)
		if boot := child(o, "Boot"); boot["BootSourceOverrideEnabled"] == "Once" {
			boot["BootSourceOverrideEnabled"], boot["BootSourceOverrideTarget"] = "Disabled", "None"
		}
		s.boot(owner)
	}
	s.touch(owner)
}

// boot applies what waits in the settings objects of a system and of what stands below it.
func (s *Server) boot(system string) {
	for _, owner := range slices.Sorted(maps.Keys(s.pending)) {
		if !samePath(owner, system) && !strings.HasPrefix(fold(owner), fold(system)+"/") {
			continue
		}
		set := s.pending[owner]
		merge(s.edit(owner), clone(set).(map[string]any))
		s.touch(owner)
		delete(s.pending, owner)
		for settings, of := range s.tree.index.settings {
			if of == owner {
				s.emptied(settings, set)
			}
		}
	}
}

// emptied takes applied values out of a settings object again. Where the recording held a full copy of the current values
// the copy stays, now with the applied ones; where it held none, none are left.
func (s *Server) emptied(settings string, applied map[string]any) {
	key, ok := s.findName(settings)
	if !ok {
		return
	}
	recorded := map[string]any{}
	if r := s.tree.res[key]; r != nil {
		recorded = child(r.obj, "Attributes")
	}
	o := s.edit(key)
	attrs := child(o, "Attributes")
	for name := range child(applied, "Attributes") {
		if _, full := recorded[name]; !full {
			delete(attrs, name)
		}
	}
	s.touch(key)
}

func (s *Server) insert(w http.ResponseWriter, a action, body map[string]any) {
	img, _ := body["Image"].(string)
	if img == "" {
		fail(w, http.StatusBadRequest, "ActionParameterMissing", "The action InsertMedia requires the parameter Image.",
			"InsertMedia", "Image")
		return
	}
	o := s.edit(a.owner)
	if truth(o["Inserted"]) {
		fail(w, http.StatusConflict, "ResourceInUse", "The change to the requested resource failed because the resource is in use.")
		return
	}
	o["Image"], o["Inserted"], o["ConnectedVia"] = img, true, "URI"
	o["ImageName"] = img[strings.LastIndexByte(img, '/')+1:]
	if v, ok := body["WriteProtected"].(bool); ok {
		o["WriteProtected"] = v
	}
	s.touch(a.owner)
	w.WriteHeader(http.StatusNoContent)
}

// push takes an image, raw or as multipart (DSP0266 10.2), reads it to its end and keeps none of it.
func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var n int64
	var err error
	if strings.HasPrefix(kind, "multipart/") {
		n, err = imageBytes(multipart.NewReader(r.Body, params["boundary"]))
	} else {
		n, err = io.Copy(io.Discard, r.Body)
	}
	if err != nil || n == 0 {
		fail(w, http.StatusBadRequest, "GeneralError", "The request holds no complete UpdateFile.")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Writes++
	s.accept(w, "Firmware update")
}

func imageBytes(mr *multipart.Reader) (int64, error) {
	var n int64
	for {
		p, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		m, err := io.Copy(io.Discard, p)
		if err != nil {
			return 0, err
		}
		if p.FormName() == "UpdateFile" {
			n += m
		}
	}
}

// accept answers 202 with a task that completes at the third look.
func (s *Server) accept(w http.ResponseWriter, name string) {
	col := s.tree.index.tasks
	obj := map[string]any{"@odata.type": "#Task.v1_6_0.Task", "Name": name, "TaskState": "Running", "TaskStatus": "OK",
		"PercentComplete": 0, "StartTime": s.opt.Now().UTC().Format(time.RFC3339), "Messages": []any{}}
	uri := s.add(col, s.nextID(col), obj)
	s.tasks[uri] = 0
	w.Header().Set("Location", uri)
	writeJSON(w, http.StatusAccepted, obj)
}

// lookAtTask moves a task on each time it is read: Running 0, Running 50, Completed 100.
func (s *Server) lookAtTask(key string) {
	n, ok := s.tasks[key]
	if !ok || n > 2 {
		return
	}
	s.tasks[key] = n + 1
	o := s.edit(key)
	switch n {
	case 1:
		o["PercentComplete"] = 50
	case 2:
		o["TaskState"], o["PercentComplete"] = "Completed", 100
		o["EndTime"] = s.opt.Now().UTC().Format(time.RFC3339)
	}
}

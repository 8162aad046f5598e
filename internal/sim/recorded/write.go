package recorded

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

// maxBodyBytes bounds a JSON body; images are streamed and not kept.
const maxBodyBytes = 4 << 20

// readObject reads a JSON object, and answers 400 itself when the body is none. An empty body is an empty object.
func readObject(w http.ResponseWriter, r *http.Request) (map[string]any, bool) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBodyBytes+1))
	if err != nil || len(raw) > maxBodyBytes {
		fail(w, http.StatusRequestEntityTooLarge, "PayloadTooLarge", "The supplied payload exceeds the maximum size.")
		return nil, false
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return map[string]any{}, true
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil || v == nil {
		fail(w, http.StatusBadRequest, "MalformedJSON", "The request body was malformed JSON.")
		return nil, false
	}
	return v, true
}

func (s *Server) post(w http.ResponseWriter, r *http.Request, uri string) {
	if slices.Contains(s.tree.index.push, fold(uri)) {
		s.push(w, r)
		return
	}
	body, ok := readObject(w, r)
	if !ok {
		return
	}
	if s.isSessions(uri) {
		s.login(w, body)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Writes++
	if a, ok := s.tree.index.actions[fold(uri)]; ok {
		s.act(w, a, body)
		return
	}
	key, ok := s.findName(uri)
	if !ok {
		missing(w, uri)
		return
	}
	s.create(w, key, body)
}

// creatable are the collections that take a POST here, and the type of what comes into being.
var creatable = map[string]string{
	"VolumeCollection":           "#Volume.v1_9_0.Volume",
	"ManagerAccountCollection":   "#ManagerAccount.v1_9_0.ManagerAccount",
	"EventDestinationCollection": "#EventDestination.v1_13_0.EventDestination",
}

func (s *Server) create(w http.ResponseWriter, key string, body map[string]any) {
	col := s.object(key)
	t, ok := creatable[typeName(col)]
	if !ok {
		fail(w, http.StatusMethodNotAllowed, "OperationNotAllowed", "The HTTP method is not allowed on this resource.")
		return
	}
	obj := clone(body).(map[string]any)
	for k := range obj {
		if strings.HasPrefix(k, "@Redfish.") || k == "Password" { // apply times are no property; a password is never readable
			delete(obj, k)
		}
	}
	obj["@odata.type"] = t
	if obj["Name"] == nil {
		obj["Name"] = "Created"
	}
	obj["Status"] = map[string]any{"State": "Enabled", "Health": "OK"}
	if typeName(col) == "VolumeCollection" && obj["CapacityBytes"] == nil {
		obj["CapacityBytes"] = s.volumeBytes(obj)
	}
	uri := s.add(key, s.nextID(key), obj)
	w.Header().Set("Location", uri)
	writeJSON(w, http.StatusCreated, obj)
}

// volumeBytes estimates a new volume's size from its members, by the plain arithmetic of its RAID type.
func (s *Server) volumeBytes(vol map[string]any) int64 {
	drives, _ := child(vol, "Links")["Drives"].([]any)
	var smallest, n int64
	for _, d := range drives {
		m, _ := d.(map[string]any)
		id, _ := m["@odata.id"].(string)
		key, ok := s.findName(id)
		if !ok {
			continue
		}
		c, ok := s.object(key)["CapacityBytes"].(json.Number)
		if !ok {
			continue
		}
		b, err := c.Int64()
		if err != nil {
			continue
		}
		if n++; smallest == 0 || b < smallest {
			smallest = b
		}
	}
	raid, _ := vol["RAIDType"].(string)
	switch raid {
	case "RAID1":
		return smallest
	case "RAID5":
		return smallest * max(n-1, 0)
	case "RAID6":
		return smallest * max(n-2, 0)
	case "RAID10":
		return smallest * (n / 2)
	default:
		return smallest * n
	}
}

func (s *Server) patch(w http.ResponseWriter, r *http.Request, uri string) {
	body, ok := readObject(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Writes++
	key, found := s.findName(uri)
	owner, isSettings := s.tree.index.settings[fold(uri)]
	if !found && !isSettings {
		missing(w, uri)
		return
	}
	if !found { // a settings object that was linked and not recorded comes into being with the first write
		key = strings.TrimSuffix(uri, "/")
		s.changed[key] = map[string]any{"@odata.id": key, "Id": "Settings", "Name": "Pending settings", "Attributes": map[string]any{}}
		s.names[fold(key)] = key
	}
	_, etag, _ := s.bytesOf(key)
	if m := r.Header.Get("If-Match"); m != "" && !tagMatches(m, etag) {
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed", "The ETag supplied did not match the ETag required.")
		return
	}
	if err := s.checkPatch(key, owner, body); err != nil {
		var p *patchError
		if errors.As(err, &p) {
			fail(w, p.code, p.id, p.text, p.args...)
		}
		return
	}
	for k := range body {
		if strings.HasPrefix(k, "@Redfish.") { // apply times are no property
			delete(body, k)
		}
	}
	s.applyPatch(key, body)
	if isSettings {
		if s.pending[owner] == nil {
			s.pending[owner] = map[string]any{}
		}
		merge(s.pending[owner], clone(body).(map[string]any))
	}
	_, etag, _ = s.bytesOf(key)
	w.Header().Set("ETag", etag)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) applyPatch(key string, body map[string]any) {
	o := s.edit(key)
	merge(o, body)
	if typeName(o) == "VirtualMedia" { // a slot without actions is driven by PATCH (quirk R105)
		if img, has := body["Image"]; has && body["Inserted"] == nil {
			o["Inserted"] = img != nil && img != ""
		}
	}
	s.touch(key)
}

// patchError is a refusal with its Base message.
type patchError struct {
	code int
	id   string
	text string
	args []string
}

func (e *patchError) Error() string { return e.text }

// checkPatch refuses what a BMC refuses: an attribute that it does not have, a boot target that it does not list, and BIOS
// attributes anywhere but in the settings object.
func (s *Server) checkPatch(key, owner string, body map[string]any) error {
	o := s.object(key)
	if _, isCollection := o["Members"]; isCollection {
		return &patchError{code: http.StatusMethodNotAllowed, id: "OperationNotAllowed",
			text: "The HTTP method is not allowed on this resource."}
	}
	attrs := child(body, "Attributes")
	if attrs != nil && owner == "" && link(child(o, "@Redfish.Settings"), "SettingsObject") != "" {
		return &patchError{code: http.StatusBadRequest, id: "PropertyNotWritable", args: []string{"Attributes"},
			text: "The property Attributes is a read only property and cannot be assigned a value."}
	}
	known := child(o, "Attributes")
	if owner != "" {
		known = child(s.object(owner), "Attributes")
	}
	for name := range attrs {
		if _, ok := known[name]; !ok && known != nil {
			return &patchError{code: http.StatusBadRequest, id: "PropertyUnknown", args: []string{name},
				text: "The property " + name + " is not in the list of valid properties for the resource."}
		}
	}
	boot := child(body, "Boot")
	for _, prop := range []string{"BootSourceOverrideTarget", "BootSourceOverrideMode", "BootSourceOverrideEnabled"} {
		v, _ := boot[prop].(string)
		list, _ := child(o, "Boot")[prop+"@Redfish.AllowableValues"].([]any)
		if v != "" && len(list) > 0 && !slices.Contains(list, any(v)) {
			return &patchError{code: http.StatusBadRequest, id: "PropertyValueNotInList", args: []string{v, prop},
				text: "The value " + v + " for the property " + prop + " is not in the list of acceptable values."}
		}
	}
	return nil
}

// merge writes src over dst: objects member by member, everything else whole (DSP0266 7.6).
func merge(dst, src map[string]any) {
	for k, v := range src {
		sub, isObj := v.(map[string]any)
		old, wasObj := dst[k].(map[string]any)
		if isObj && wasObj {
			merge(old, sub)
			continue
		}
		dst[k] = v
	}
}

func (s *Server) delete(w http.ResponseWriter, uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, ok := s.findName(uri)
	if ok && s.closeSession(key) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	s.counts.Writes++
	if !ok {
		missing(w, uri)
		return
	}
	switch typeName(s.object(key)) {
	case "Volume", "ManagerAccount", "EventDestination", "Session", "Task":
		s.drop(key)
		w.WriteHeader(http.StatusNoContent)
	default:
		fail(w, http.StatusMethodNotAllowed, "ResourceCannotBeDeleted", "The delete request failed because the resource "+
			"requested cannot be deleted.")
	}
}

// typeName gives "Volume" of "#Volume.v1_9_0.Volume".
func typeName(o map[string]any) string {
	t, _ := o["@odata.type"].(string)
	t = strings.TrimPrefix(t, "#")
	if i := strings.IndexByte(t, '.'); i >= 0 {
		t = t[:i]
	}
	return t
}

package sim_test

import (
	"net/http"
	"strings"
	"time"
)

// refusals asks for what is to be refused, and looks at the status of each.
func (p *probe) refusals() {
	p.t.Helper()
	p.token = ""
	p.must(http.StatusUnauthorized, "GET", "/redfish/v1/Systems", nil)
	p.must(http.StatusUnauthorized, "GET", "/redfish/v1/Systems", nil, "X-Auth-Token", "stale")
	p.must(http.StatusUnauthorized, "POST", "/redfish/v1/SessionService/Sessions", obj{"UserName": "admin", "Password": "wrong"})
	p.must(http.StatusBadRequest, "POST", "/redfish/v1/SessionService/Sessions", obj{"UserName": "admin"})
	p.login()
	s := p.system()
	sys, bios := link(s), link(s, "Bios")
	settings := link(p.get(bios), "@Redfish.Settings", "SettingsObject")
	reset := link(s, "Actions", "#ComputerSystem.Reset", "target")
	p.must(http.StatusNotFound, "GET", "/redfish/v1/Systems/nowhere", nil)
	p.must(http.StatusNotFound, "POST", "/redfish/v1/Systems/nowhere/Actions/ComputerSystem.Reset", obj{"ResetType": "On"})
	p.must(http.StatusMethodNotAllowed, "DELETE", sys, nil)
	p.must(http.StatusMethodNotAllowed, "PUT", sys, obj{"AssetTag": "x"})
	p.must(http.StatusMethodNotAllowed, "GET", reset, nil)
	p.must(http.StatusBadRequest, "PATCH", sys, []byte("{no json"))
	p.must(http.StatusBadRequest, "PATCH", sys, obj{})
	for _, body := range []obj{{"NoSuchProperty": 1}, {"PowerState": "On"}, {"Boot": obj{"BootSourceOverrideTarget": "Moon"}},
		{"Boot": obj{"BootSourceOverrideEnabled": "Sometimes"}}} {
		p.must(http.StatusBadRequest, "PATCH", sys, body)
	}
	order := sys
	if to := link(s, "@Redfish.Settings", "SettingsObject"); to != "" {
		order = to
	}
	p.must(http.StatusBadRequest, "PATCH", order, obj{"Boot": obj{"BootOrder": []any{"Boot9999"}}})
	p.must(http.StatusPreconditionFailed, "PATCH", settings, obj{"Attributes": obj{"x": 1}}, "If-Match", `"other"`)
	p.badAttributes(settings)
	for _, body := range []any{obj{}, obj{"ResetType": "Sideways"}} {
		p.must(http.StatusBadRequest, "POST", reset, body)
	}
	p.badVolumes(s)
	p.badUpdates()
	if slots := p.mediaSlots(); len(slots) > 0 {
		if act := link(p.get(slots[0]), "Actions", "#VirtualMedia.InsertMedia", "target"); act != "" {
			p.must(http.StatusBadRequest, "POST", act, obj{})
			p.must(http.StatusBadRequest, "POST", act, obj{"Image": "nothing"})
		} else {
			p.must(http.StatusBadRequest, "PATCH", slots[0], obj{"Color": "red"})
		}
	}
	p.badSubscriptions()
	p.reset("ForceOff")
	time.Sleep(10 * time.Second)
	p.must(http.StatusConflict, "POST", reset, obj{"ResetType": "ForceRestart"})
	p.tooManySessions()
}

func (p *probe) badAttributes(settings string) {
	p.t.Helper()
	p.must(http.StatusBadRequest, "PATCH", settings, obj{"Nothing": 1})
	p.must(http.StatusBadRequest, "PATCH", settings, obj{"Attributes": obj{"NoSuchAttribute": "x"}})
	p.must(http.StatusBadRequest, "PATCH", settings, obj{"@Redfish.SettingsApplyTime": obj{"ApplyTime": "Tomorrow"}})
	known := p.get(settings)["Attributes"]
	if o, _ := known.(obj); len(o) == 0 {
		known = p.get(link(p.system(), "Bios"))["Attributes"]
	}
	refused := 0
	for name := range known.(obj) { // a list is of no attribute's type
		if r, err := p.do("PATCH", settings, obj{"Attributes": obj{name: []any{}}}); err == nil && r.status == http.StatusBadRequest {
			refused++
		}
		if r, err := p.do("PATCH", settings, obj{"Attributes": obj{name: -99999}}); err == nil && r.status == http.StatusBadRequest {
			refused++
		}
		if r, err := p.do("PATCH", settings, obj{"Attributes": obj{name: strings.Repeat("x", 500)}}); err == nil && r.status == http.StatusBadRequest {
			refused++
		}
	}
	if want := 3 * len(known.(obj)); refused < want*9/10 {
		p.t.Errorf("%d of %d wrong values were refused", refused, want)
	}
}

func (p *probe) badVolumes(s obj) {
	p.t.Helper()
	for _, uri := range p.members(link(s, "Storage")) {
		o := p.get(uri)
		volumes := link(o, "Volumes")
		if volumes == "" {
			continue
		}
		if r, _ := p.do("POST", volumes, obj{}); r.status == http.StatusMethodNotAllowed {
			continue
		}
		for _, body := range []obj{{"RAIDType": "RAID99"}, {"RAIDType": "RAID1", "Links": obj{"Drives": []any{obj{"@odata.id": "/nowhere"}}}},
			{"RAIDType": "RAID1", "Links": obj{"Drives": o["Drives"].([]any)[:1]}}} {
			p.must(http.StatusBadRequest, "POST", volumes, body)
		}
		p.must(http.StatusNotFound, "DELETE", volumes+"/nothing", nil)
	}
}

func (p *probe) badUpdates() {
	p.t.Helper()
	svc := p.get("/redfish/v1/UpdateService")
	if act := link(svc, "Actions", "#UpdateService.SimpleUpdate", "target"); act != "" {
		p.must(http.StatusBadRequest, "POST", act, obj{})
		p.must(http.StatusAccepted, "POST", act, obj{"ImageURI": "http://127.0.0.1:1/nothing"})
	}
	uri, _ := svc["MultipartHttpPushUri"].(string)
	if uri == "" {
		return
	}
	p.must(http.StatusBadRequest, "POST", uri, []byte("junk"), "Content-Type", "text/plain")
	body, typ := form(p.t, "UpdateParameters", []byte("{"), "UpdateFile", []byte("x"))
	p.must(http.StatusBadRequest, "POST", uri, body, "Content-Type", typ)
	body, typ = form(p.t, "UpdateParameters", []byte("{}"), "Other", []byte("x"))
	p.must(http.StatusBadRequest, "POST", uri, body[:len(body)-20], "Content-Type", typ)
}

// tooManySessions opens them until none is left.
func (p *probe) tooManySessions() {
	p.t.Helper()
	user, pass := p.rack.Credentials(p.node)
	p.token = ""
	for range 100 {
		r, err := p.do("POST", "/redfish/v1/SessionService/Sessions", obj{"UserName": user, "Password": pass})
		if err != nil {
			p.t.Fatal(err)
		}
		if r.status == http.StatusServiceUnavailable {
			return
		}
	}
	p.t.Error("sessions never run out")
}

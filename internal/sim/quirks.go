package sim

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Durations of quirks.
const (
	powerGap   = 10 * time.Second  // R7, R14: a second power action is too soon
	warmUp     = 30 * time.Second  // R37, R79: after a BMC reset
	lag        = 240 * time.Second // R30: the inventory tells the old version
	slowAnswer = 30 * time.Second
	slowRows   = 150 * time.Second // R72
	goneFor    = 3 * time.Minute
)

// before disturbs a request that has not been looked at. A non-nil answer is all that the client gets.
func (s *faultState) before(c *call, _ *route) *answer {
	if s.quiet > 0 {
		s.quiet--
	}
	b, read := s.b, c.method == http.MethodGet || c.method == http.MethodHead
	session := strings.Contains(strings.ToLower(c.path), "/sessionservice/")
	if s.dies(c) {
		return &answer{status: cut}
	}
	if s.fire("bmc-gone", c) {
		b.silence(goneFor)
		return &answer{status: cut}
	}
	switch {
	case read && c.reused && s.disturb("R9", c), !read && !session && c.reused && s.disturb("R10", c), read && s.disturb("reset", c):
		return &answer{status: cut}
	case s.warming(c):
		return s.busy("10")
	case s.wedged(c):
		return s.busy("5")
	case !session && s.disturb("http503", c):
		return s.busy("5")
	case read && s.disturb("html", c):
		return &answer{status: http.StatusBadGateway, body: []byte("<html><body><h1>502 Bad Gateway</h1></body></html>"),
			header: map[string]string{"Content-Type": "text/html"}}
	case c.method == http.MethodPost && c.header.Get("If-Match") != "" && strings.Contains(c.path, "/Actions/") && s.on("R3"):
		return b.fail(http.StatusPreconditionFailed, b.msg("PreconditionFailed"))
	case s.live["R6"] != nil && c.method == http.MethodPatch && strings.EqualFold(c.path, b.dia.settingsURI()):
		if a := s.bareTag(c); a != nil {
			return a
		}
	case c.method == http.MethodPatch && c.header.Get("If-Match") == "" && s.on("R2"):
		return b.fail(http.StatusPreconditionRequired, b.msg("PreconditionRequired"))
	case read && s.disturb("slow", c):
		c.delay = slowAnswer
	case s.crowded():
		return s.busy("1")
	case read && s.hangs(c.path):
		c.delay = hangFor
	case read && strings.HasSuffix(c.path, "/FirmwareInventory") && s.fire("R72", c):
		c.delay = slowRows
	}
	return nil
}

// cut is the status of an answer that never comes.
const cut = -1

// warming tells whether the BMC is up and not ready (R37: everything; R79: all but the service root).
func (s *faultState) warming(c *call) bool {
	b := s.b
	if b.led.Resets["bmc_reset"]+b.led.Resets["aux_cycle"] == 0 || b.now.Sub(b.resetAt) > b.rack.scaled(warmUp) {
		return false
	}
	return s.live["R37"] != nil && s.on("R37") || s.live["R79"] != nil && c.path != "/redfish/v1" && c.path != "/redfish" && s.on("R79")
}

func (s *faultState) busy(seconds string) *answer {
	a := s.b.fail(http.StatusServiceUnavailable, s.b.msg("ServiceTemporarilyUnavailable", seconds))
	a.header["Retry-After"] = seconds
	return a
}

// after disturbs an answer.
func (s *faultState) after(c *call, a *answer) *answer {
	read := c.method == http.MethodGet
	session := strings.Contains(strings.ToLower(c.path), "/sessionservice/")
	if !read && !session && a.status < 300 && s.disturb("lost-answer", c) {
		return &answer{status: cut}
	}
	if a.status >= http.StatusBadRequest {
		s.flatten(a)
	}
	body, isBytes := a.body.([]byte)
	if !read || a.status != http.StatusOK || !isBytes || len(body) == 0 {
		return a
	}
	if len(body) > 60 && s.disturb("half-body", c) {
		a.broken = true
	}
	if s.on("R4") {
		a.header["ETag"] = strings.TrimSuffix(a.header["ETag"], `"`) + `-gzip"`
	}
	if s.on("R5") {
		a.header["ETag"] = `""`
	}
	if f := s.live["nulls"]; f != nil && (descriptive(body) || f.forever) && s.fire("nulls", c) {
		a.body = nullify(body, f.forever)
	}
	return a
}

// descriptive tells whether losing the texts of a resource costs nothing that a plan rests on.
func descriptive(body []byte) bool {
	head := string(body)
	return strings.Contains(head, `"#Chassis.`) || strings.Contains(head, `"#PCIeDevice.`) || strings.Contains(head, `"#Memory.`)
}

// nullify sets texts to null: those that only describe, or, when nothing is to be spared, every scalar and list.
func nullify(body []byte, everything bool) []byte {
	var o obj
	if err := json.Unmarshal(body, &o); err != nil {
		return body
	}
	for k, v := range o {
		_, isObj := v.(obj)
		switch {
		case everything && !isObj && !strings.HasPrefix(k, "@odata"):
			o[k] = nil
		case k == "PartNumber" || k == "AssetTag" || k == "SKU" || k == "Description":
			o[k] = nil
		}
	}
	return encode(o)
}

// refuseWrite holds the reasons of a moment.
func (s *faultState) refuseWrite(*call) *answer {
	if s.b.host.posting() && s.on("R8") {
		return s.b.fail(http.StatusBadRequest, s.b.msg("UnableToModifyDuringSystemPOST"))
	}
	return nil
}

// refusePower holds the reasons why a power action is too soon.
func (s *faultState) refusePower(_ *call, kind string) *answer {
	b := s.b
	soon := !s.power.IsZero() && b.now.Sub(s.power) < b.rack.scaled(powerGap)
	if soon && s.on("R7") {
		return b.fail(http.StatusBadRequest, b.msg("InvalidOperationForSystemState"))
	}
	if soon && kind == "On" && s.on("R14") {
		return b.fail(http.StatusConflict, b.msg("ActionParameterValueConflict", "ResetType", kind))
	}
	return nil
}

// powered notes the moment of a power action.
func (s *faultState) powered() { s.power = s.b.now }

// swallowReset: a restart that is accepted and does nothing (R93).
func (s *faultState) swallowReset(kind string) bool {
	return kind == "ForceRestart" && s.fire("R93", nil)
}

// hangs: a restart that never leaves POST (R35).
func (s *faultState) hangsInPOST(kind string) bool { return kind == "ForceRestart" && s.on("R35") }

// task twists what a task says.
func (s *faultState) task(j *job, o obj) {
	if o["TaskState"] == "Running" && j.percent < 50 && s.on("R19") {
		o["TaskState"] = "New"
	}
	if o["TaskState"] == "Running" && s.on("R54") {
		o["PercentComplete"] = 100
	}
}

// hideTask: a new job is not found yet (R16), an ended task not any more (R17).
func (s *faultState) hideTask(c *call, j *job) bool {
	if s.b.now.Sub(j.start) < s.b.rack.scaled(15*time.Second) && j.polls < 2 && s.on("R16") {
		j.polls++
		return true
	}
	return strings.HasPrefix(c.path, "/redfish/v1/TaskService/") && !j.active() && s.on("R17")
}

// stuck: an update that ends well and badly at once, having done nothing (R20).
func (s *faultState) stuck(j *job) bool {
	if !s.fire("R20", nil) {
		return false
	}
	j.state, j.status, j.percent, j.end = "Completed", "Critical", 100, s.b.now
	j.msgs = append(j.msgs, s.b.msg("JCP052"))
	return true
}

// unapplied: this boot does not take the staged BIOS (R18).
func (s *faultState) unapplied(c *component) bool { return c.name == "bios" && s.fire("R18", nil) }

// pushed: the token of whoever pushed is dead (R22).
func (s *faultState) pushed() {
	if s.fire("R22", nil) {
		s.b.sessions = nil
	}
}

// refuseInsert: media that will not go in (R77), or only says so (R78).
func (s *faultState) refuseInsert(c *call, slot *slot, image string) *answer {
	b := s.b
	if s.live["R29"] != nil {
		_, ins := c.body["Inserted"]
		_, wp := c.body["WriteProtected"]
		if (ins || wp || strings.ContainsAny(image, "?=")) && s.on("R29") {
			return b.fail(http.StatusBadRequest, b.msg("ActionParameterNotSupported", "Inserted", "VirtualMedia.InsertMedia"))
		}
	}
	if a := s.refuseSlot(slot); a != nil {
		return a
	}
	if s.fire("R77", c) {
		return b.fail(http.StatusInternalServerError, b.msg("InternalError"))
	}
	if s.fire("R78", c) {
		return b.done()
	}
	return nil
}

// expanded: what $expand leaves out (R40).
func (s *faultState) expanded(o obj) obj {
	if s.on("R40") {
		for _, k := range []string{"Links", "Status", "SerialNumber", "Model"} {
			delete(o, k)
		}
	}
	return o
}

func (s *faultState) leaking(i int) bool { return i == 1 && (s.b.wet || s.on("R92")) }

// shownVersion is the version that the inventory tells: for a while the old one (R30).
func (b *BMC) shownVersion(c *component) string {
	if c.previous != "" && !c.movedAt.IsZero() && b.now.Sub(c.movedAt) < b.rack.scaled(lag) && b.faults.on("R30") {
		return c.previous
	}
	return c.version
}

// strange adds what some inventories hold besides (R99), and links that are spelled otherwise (R109).
func (b *BMC) strange(rows []row) []row {
	for i := range rows {
		if rows[i].comp != nil && rows[i].comp.name == "bios" && b.faults.on("R88") {
			rows[i].version, rows[i].empty = "", true
		}
	}
	if b.faults.on("R99") {
		for i, v := range []string{"N/A", "Not Present", ""} {
			rows = append(rows, row{id: "Vacant_" + string(rune('A'+i)), name: "Empty Bay", version: v, fixed: true, state: "Absent"})
		}
	}
	return rows
}

// twistLinks writes members and the settings link in another case and with a slash behind (R109).
func (b *BMC) twistLinks(o obj) {
	if !b.faults.on("R109") {
		return
	}
	twist := func(v any) {
		if l, isObj := v.(obj); isObj {
			if uri, isText := l["@odata.id"].(string); isText && len(l) == 1 {
				l["@odata.id"] = strings.Replace(uri, "/redfish/v1/Systems/", "/redfish/v1/systems/", 1) + "/"
			}
		}
	}
	if list, isList := o["Members"].([]any); isList {
		for _, m := range list {
			twist(m)
		}
	}
	twist(o["Bios"])
	if s, isObj := o["@Redfish.Settings"].(obj); isObj {
		twist(s["SettingsObject"])
	}
}

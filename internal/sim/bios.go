package sim

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
)

// setup is the firmware setup of a host: what runs, and what waits for a reset.
type setup struct {
	cur, pend map[string]any // pend holds the differences only
	job       *job           // Dell: what waits is a job
	defaults  bool           // Dell: the next boot puts the defaults in before the job; nothing shows it
	applied   time.Time
	modeAsked bool // what this boot applies names the mode of Secure Boot
	messages  []obj
}

func newSetup(d *dialect, b *BMC) setup {
	s := setup{cur: d.registry.defaults(), pend: map[string]any{}}
	for name, v := range map[string]any{"SystemModelName": b.model(), "SystemServiceTag": b.serial[:7]} {
		if _, has := s.cur[name]; has {
			s.cur[name] = v
		}
	}
	for _, a := range d.registry.attrs {
		if a.card && !b.bluefield() {
			delete(s.cur, a.name)
		}
	}
	d.registry.settle(s.cur)
	return s
}

// bluefield tells whether a BlueField is among the adapters.
func (b *BMC) bluefield() bool {
	return slices.ContainsFunc(b.hw.NICs, func(n rack.PartFacts) bool {
		return strings.Contains(strings.ToLower(n.Name+n.Model), "bluefield")
	})
}

// wanted is what the host would run after a reset.
func (s *setup) wanted() map[string]any {
	m := maps.Clone(s.cur)
	maps.Copy(m, s.pend)
	return m
}

// base is what the settings that wait are laid over.
func (b *BMC) setupBase() map[string]any {
	if b.bios.defaults {
		return newSetup(b.dia, b).cur
	}
	return b.bios.cur
}

// applySetup makes what waits real, during POST. Dependencies set what they set.
func (b *BMC) applySetup() {
	s := &b.bios
	if s.defaults {
		s.cur, s.defaults = b.setupBase(), false
	}
	if s.job == nil && (len(s.pend) == 0 || b.dia.settingsJob) || s.job != nil && !s.job.active() {
		return
	}
	if s.job != nil && (s.job.stuck || b.faults.fire("stuck-job", nil)) {
		s.job.stuck = true
		return
	}
	_, s.modeAsked = s.pend["SecureBootMode"]
	s.cur = s.wanted()
	b.dia.registry.settle(s.cur)
	for _, a := range b.dia.registry.attrs {
		if a.once && s.cur[a.name] != a.def {
			s.cur[a.name] = a.def
			b.led.TPMClears++
		}
	}
	s.pend = map[string]any{}
	s.applied = b.now
	s.messages = []obj{b.msg("Success")}
	if s.job != nil {
		b.complete(s.job)
		s.job = nil
	}
}

// clearSetup is what a flash does that does not keep NVRAM: factory values, and nothing waits any more.
func (b *BMC) clearSetup() {
	fresh := newSetup(b.dia, b)
	b.bios.cur, b.bios.pend, b.bios.defaults = fresh.cur, fresh.pend, false
	if b.bios.job != nil {
		b.failJob(b.bios.job, b.msg("OperationFailed"))
		b.bios.job = nil
	}
}

func biosRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	add(b, m, d.biosURI(), &route{get: func(*call) obj { return b.biosResource() }})
	settings := &route{get: func(*call) obj { return b.settingsResource() }, patch: stageSetup}
	add(b, m, d.settingsURI(), settings)
	add(b, m, d.biosURI()+"/Actions/Bios.ResetBios", &route{post: func(c *call) *answer {
		if b.faults.on("R12") && len(strings.TrimSpace(string(c.raw))) == 0 {
			return b.fail(http.StatusBadRequest, b.msg("MalformedJSON"))
		}
		if a := b.faults.refuseWrite(c); a != nil {
			return a
		}
		if d.settingsJob {
			b.changed()
			b.bios.defaults = true
			return b.done(b.msg("Success"))
		}
		b.setPending(newSetup(d, b).cur)
		return b.staged(c)
	}})
	if d.settingsJob {
		add(b, m, d.settingsURI()+"/Actions/Oem/DellManager.ClearPending", &route{post: func(*call) *answer {
			if b.bios.job != nil {
				return b.fail(http.StatusBadRequest, b.msg("SYS011"))
			}
			b.bios.pend = map[string]any{}
			return b.done()
		}})
	}
	add(b, m, d.registryURI, &route{fixed: true, get: func(*call) obj { return d.registry.resource(d) }})
}

// shown hides what cannot be read.
func (b *BMC) shown(values map[string]any) obj {
	out := obj{}
	hidden := b.hiddenNow()
	for _, a := range b.dia.registry.attrs {
		if hidden[a.name]["Hidden"] {
			continue
		}
		out[a.name] = values[a.name]
		if a.kind == "Password" {
			out[a.name] = nil
		}
	}
	if _, has := out["SystemBiosVersion"]; has {
		out["SystemBiosVersion"] = b.version("bios")
	}
	return out
}

// hiddenNow gives the flags of the attributes as things are, where this board leaves hidden ones out.
func (b *BMC) hiddenNow() map[string]map[string]bool {
	out := map[string]map[string]bool{}
	if b.faults.on("hides-attributes") {
		out = b.dia.registry.settle(maps.Clone(b.bios.cur))
	}
	gone := b.lost()
	for _, a := range b.dia.registry.attrs {
		if a.card && !b.bluefield() || a.name == gone {
			out[a.name] = map[string]bool{"Hidden": true}
		}
	}
	return out
}

func (b *BMC) biosResource() obj {
	d, s := b.dia, &b.bios
	link := obj{"@odata.type": "#Settings." + settingsVersion(d) + ".Settings", "SettingsObject": ref(d.settingsURI())}
	if d.applyTimes != nil {
		link["SupportedApplyTimes"] = texts2list(d.applyTimes)
	}
	if !s.applied.IsZero() && (d.name == dialectILO || d.name == dialectXCC) {
		link["Time"], link["Messages"] = stamp(s.applied), listObj(s.messages)
	}
	values := s.cur
	if d.name == dialectIDRAC && b.faults.on("R55") && len(s.pend) > 0 {
		values = s.wanted() // pending values are shown as current
	}
	o := obj{"@odata.type": d.typ("Bios"), "Id": d.biosID, "Name": "BIOS Configuration Current Settings",
		"Attributes": b.shown(values), "@Redfish.Settings": link, "Actions": obj{
			"#Bios.ResetBios": obj{"target": d.biosURI() + "/Actions/Bios.ResetBios"}}}
	if d.name == dialectAMI {
		o["Attributes"].(obj)["BootOrder"] = strings.Join(b.boot.order, ",") // its registry lacks it
	}
	if d.registryName != "" {
		o["AttributeRegistry"] = d.registryName
	}
	return o
}

func (b *BMC) settingsResource() obj {
	d := b.dia
	o := obj{"@odata.type": d.typ("Bios"), "Id": d.settingsID, "Name": "BIOS Configuration Pending Settings"}
	if d.registryName != "" {
		o["AttributeRegistry"] = d.registryName
	}
	switch {
	case d.fullPending:
		o["Attributes"] = b.shown(b.bios.wanted())
	case d.noPendingAttr && len(b.bios.pend) == 0:
	default:
		pend := obj{}
		for k, v := range b.bios.pend {
			pend[k] = v
			if b.dia.registry.find(k).kind == "Password" {
				pend[k] = nil
			}
		}
		o["Attributes"] = pend
	}
	if d.settingsJob {
		o["Actions"] = obj{"Oem": obj{"#DellManager.ClearPending": obj{
			"target": d.settingsURI() + "/Actions/Oem/DellManager.ClearPending"}}}
		o["Oem"] = obj{"Dell": obj{"@odata.type": "#DellManager.v1_2_0.DellManager", "Jobs": ref(d.manager() + "/Oem/Dell/Jobs")}}
	}
	return o
}

// stageSetup takes a PATCH of the settings object: all of it, or nothing.
func stageSetup(c *call) *answer {
	b := c.b
	if a := b.refuseSetup(c); a != nil {
		return a
	}
	attrs, isObj := c.body["Attributes"].(obj)
	if !isObj {
		return b.fail(http.StatusBadRequest, b.msg("PropertyMissing", "Attributes"))
	}
	if a := b.checkSetup(attrs); a != nil {
		return a
	}
	want := maps.Clone(b.bios.pend)
	for name, v := range attrs {
		want[name] = rack.Normal(v)
		if n, isNumber := v.(json.Number); isNumber {
			if _, err := n.Int64(); err != nil {
				want[name] = n // beyond int64 (R104)
			}
		}
	}
	b.setPending(want)
	return b.staged(c)
}

// setPending keeps the differences from what runs.
func (b *BMC) setPending(want map[string]any) {
	b.changed()
	b.bios.pend = map[string]any{}
	for name, v := range want {
		if b.setupBase()[name] != v && !b.dia.registry.find(name).readOnly {
			b.bios.pend[name] = v
		}
	}
	b.bios.messages = nil
}

// refuseSetup holds the reasons that lie outside the values.
func (b *BMC) refuseSetup(c *call) *answer {
	for k := range c.body {
		if k != "Attributes" && k != "@Redfish.SettingsApplyTime" && !strings.HasPrefix(k, "@odata") {
			return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", k))
		}
	}
	if at, given := c.body["@Redfish.SettingsApplyTime"]; given {
		o, _ := at.(obj)
		t, _ := o["ApplyTime"].(string)
		switch {
		case b.dia.applyTimes == nil:
			return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", "@Redfish.SettingsApplyTime"))
		case !slices.Contains(b.dia.applyTimes, t):
			return b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", t, "ApplyTime"))
		}
	}
	if b.bios.job != nil { // one configuration job per target (R56)
		return b.fail(http.StatusBadRequest, b.msg("SYS011"))
	}
	return b.faults.refuseWrite(c)
}

// checkSetup judges every value, then the dependencies over the state that is wanted.
func (b *BMC) checkSetup(attrs obj) *answer {
	var msgs []obj
	want := b.bios.wanted()
	hidden := b.hiddenNow()
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		a := b.dia.registry.find(name)
		switch {
		case a == nil || hidden[name]["Hidden"]:
			msgs = append(msgs, b.msg("PropertyUnknown", name))
			continue
		case a.readOnly:
			msgs = append(msgs, b.msg("PropertyNotWritable", name))
			continue
		}
		if key := a.check(attrs[name]); key != "" {
			said := show(attrs[name])
			if a.kind == "Password" {
				said = "********"
			}
			msgs = append(msgs, b.msg(key, said, name))
			continue
		}
		want[name] = rack.Normal(attrs[name])
	}
	settled := maps.Clone(want)
	flags := b.dia.registry.settle(settled)
	if b.faults.on("judges-current") {
		flags = b.dia.registry.settle(maps.Clone(b.bios.cur))
	}
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		f := flags[name]
		if b.dia.registry.find(name) == nil {
			continue
		}
		switch {
		case settled[name] != want[name]:
			msgs = append(msgs, b.msg("PropertyValueConflict", name, "the attribute it depends on"))
		case (f["ReadOnly"] || f["GrayOut"] || f["Hidden"]) && want[name] != b.bios.cur[name]:
			msgs = append(msgs, b.msg("PropertyNotWritable", name))
		}
	}
	if msgs != nil {
		return b.fail(http.StatusBadRequest, msgs...)
	}
	return nil
}

// staged answers a write that waits for a reset, in the manner of the dialect.
func (b *BMC) staged(c *call) *answer {
	switch {
	case b.dia.settingsJob:
		if c.body["@Redfish.SettingsApplyTime"] == nil || len(b.bios.pend) == 0 {
			return b.done(b.msg("SYS413")) // kept, but no job: nothing will happen at a reset
		}
		j := b.newJob("ConfigBIOS:BIOS.Setup.1-1", "Scheduled")
		b.bios.job = j
		return &answer{status: http.StatusAccepted, header: map[string]string{"Location": "/redfish/v1/TaskService/Tasks/" + j.id},
			body: errorBody([]obj{b.msg("SYS413"), b.msg("Success")})}
	case b.dia.name == dialectILO:
		return b.done(b.msg("SystemResetRequired"))
	}
	return b.done()
}

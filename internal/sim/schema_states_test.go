package sim_test

import (
	"slices"
	"time"

	"github.com/metalwright/metalwright/internal/sim"
)

// life takes a node through what happens to a machine, and calls visit in every state with the rack as it is then. It makes sure
// itself that the state is what its name says.
func (p *probe) life(visit func(state string)) {
	p.t.Helper()
	in := func(state string, really bool) {
		p.t.Helper()
		if !really {
			p.t.Errorf("%s: the node is not in that state: %+v", state, p.bmc.Truth())
		}
		p.login()
		visit(state)
		p.logout()
	}
	in("on", p.bmc.Truth().Stage == "OSRunning")
	p.login()
	p.subscribe()
	if !p.stageBIOS() {
		p.t.Error("no BIOS attribute can be changed")
	}
	p.makeVolumes()
	p.setBoot()
	p.insertMedia()
	p.byHand()
	p.logout()
	in("pending", len(p.bmc.Truth().Pending) > 0 && p.bmc.Truth().BootOnce != "")
	p.flashAndReset(in)
	p.powerOffAndOn(in)
	p.login()
	p.replaceCertificate()
	p.resetManager(in)
	p.certified()
	p.failUpdates(in)
	p.undo()
	in("undone", len(p.bmc.Truth().Volumes) == 0 && len(p.bmc.Truth().Media) == 0)
	if v := p.bmc.Ledger().Violations; len(v) > 0 {
		p.t.Errorf("the life of the node did harm: %v", v)
	}
}

// byHand lights the locator and has diagnostic data collected, where there is such a thing.
func (p *probe) byHand() {
	p.t.Helper()
	s := p.system()
	for _, uri := range []string{link(s), p.get(link(s))["Links"].(obj)["Chassis"].([]any)[0].(obj)["@odata.id"].(string)} {
		o := p.get(uri)
		if _, told := o["IndicatorLED"]; told {
			p.must(2, "PATCH", uri, obj{"IndicatorLED": "Blinking"})
		} else if _, told := o["LocationIndicatorActive"]; told {
			p.must(2, "PATCH", uri, obj{"LocationIndicatorActive": true})
		}
	}
	if light := p.bmc.Truth().Light; (light == "Off") != (p.dia == "ami") {
		p.t.Errorf("the light is %s", light)
	}
	for _, owner := range []obj{s, p.manager()} {
		if link(owner, "LogServices") == "" {
			continue
		}
		for _, uri := range p.members(link(owner, "LogServices")) {
			if target := link(p.get(uri), "Actions", "#LogService.CollectDiagnosticData", "target"); target != "" {
				p.must(202, "POST", target, obj{"DiagnosticDataType": "Manager"})
				time.Sleep(3 * time.Minute)
				if len(p.members(link(p.get(uri), "Entries"))) == 0 {
					p.t.Errorf("%s: nothing was collected", uri)
				}
			}
		}
	}
}

// flashAndReset pushes a BIOS image, and resets the host when it is staged or written.
func (p *probe) flashAndReset(in func(string, bool)) {
	p.t.Helper()
	p.login()
	if r := p.push(p.image(p.hardware, "bios", "9.9.9")); r.status != 202 {
		p.t.Fatalf("push: %d %s", r.status, r.raw)
	}
	p.push(p.image(p.hardware, "nic", "9.9.9")) // most refuse a second image with 503; a job queue takes it
	p.logout()
	in("receiving an image", p.working())
	time.Sleep(25 * time.Second)
	in("flashing or staged", p.working() || len(p.bmc.Truth().Staged) > 0)
	time.Sleep(20 * time.Minute)
	in("staged", len(p.bmc.Truth().Staged) > 0)
	p.login()
	p.reset("ForceRestart")
	p.logout()
	in("POST begins", p.bmc.Truth().Stage == "MemoryInitializationStarted")
	p.login()
	p.stageBIOS() // some refuse it now, or because something waits already
	p.logout()
	time.Sleep(30 * time.Second)
	in("POST with a flash", p.bmc.Truth().Stage == "MemoryInitializationStarted")
	for range 120 {
		if p.bmc.Truth().Stage == "SystemHardwareInitializationComplete" {
			break
		}
		time.Sleep(15 * time.Second)
	}
	in("POST ends", p.bmc.Truth().Stage == "SystemHardwareInitializationComplete")
	time.Sleep(30 * time.Minute)
	in("on after a reset", p.bmc.Truth().Stage == "OSRunning")
}

func (p *probe) powerOffAndOn(in func(string, bool)) {
	p.t.Helper()
	p.login()
	p.reset("ForceOff")
	p.logout()
	in("powering off", p.bmc.Truth().Power == "PoweringOff")
	time.Sleep(10 * time.Second)
	in("off", p.bmc.Truth().Power == "Off")
	p.login()
	p.reset("On")
	p.logout()
	in("powering on", p.bmc.Truth().Power == "PoweringOn")
	time.Sleep(40 * time.Minute)
	in("on again", p.bmc.Truth().Stage == "OSRunning")
}

// resetManager pushes a BMC image and restarts the BMC.
func (p *probe) resetManager(in func(string, bool)) {
	p.t.Helper()
	p.login()
	if r := p.push(p.image(p.hardware, "bmc", "9.9.9")); r.status != 202 {
		p.t.Fatalf("push: %d %s", r.status, r.raw)
	}
	time.Sleep(25 * time.Second)
	p.logout()
	in("flashing the BMC", p.working())
	time.Sleep(30 * time.Minute)
	p.login()
	m := p.manager()
	kinds := strs(at(m, "Actions", "#Manager.Reset", "ResetType@Redfish.AllowableValues"))
	if info := link(m, "Actions", "#Manager.Reset", "@Redfish.ActionInfo"); info != "" {
		kinds = strs(at(p.get(info)["Parameters"].([]any)[0], "AllowableValues"))
	}
	p.must(2, "POST", link(m, "Actions", "#Manager.Reset", "target"), obj{"ResetType": kinds[0]})
	p.token = ""
	time.Sleep(5 * time.Second)
	if p.bmc.Truth().BMCUp {
		p.t.Error("the BMC is up right after its reset")
	}
	p.awake()
	in("after a BMC reset", p.bmc.Truth().Firmware["bmc"] == "9.9.9")
}

// failUpdates pushes what is no image, and an image of another machine.
func (p *probe) failUpdates(in func(string, bool)) {
	p.t.Helper()
	p.login()
	p.push([]byte("no firmware"))
	time.Sleep(time.Minute)
	p.logout()
	p.login()
	p.push(p.image("another_machine", "bios", "1"))
	time.Sleep(time.Minute)
	p.logout()
	in("failed tasks", slices.Contains(p.taskStates(), "Exception"))
}

// working tells whether a task is under way.
func (p *probe) working() bool {
	return slices.ContainsFunc(p.taskStates(), func(s string) bool { return s == "Running" || s == "New" })
}

// taskStates are those of tasks, and of Dell's jobs, which live longer.
func (p *probe) taskStates() []string {
	p.t.Helper()
	p.login()
	defer p.logout()
	var out []string
	for _, uri := range p.members("/redfish/v1/TaskService/Tasks") {
		s, _ := p.get(uri)["TaskState"].(string)
		out = append(out, s)
	}
	if jobs := link(p.get("/redfish/v1"), "JobService"); jobs != "" {
		for _, uri := range p.members(link(p.get(jobs), "Jobs")) {
			s, _ := p.get(uri)["JobState"].(string)
			out = append(out, s)
		}
	}
	return out
}

// stageBIOS changes the first attribute that can be changed by itself.
func (p *probe) stageBIOS() bool {
	p.t.Helper()
	info, _ := sim.Registry(p.dia)
	bios := p.get(link(p.system(), "Bios"))
	settings := link(bios, "@Redfish.Settings", "SettingsObject")
	for _, a := range info.Attributes {
		if a.ReadOnly {
			continue
		}
		var want any
		switch a.Type {
		case "Enumeration":
			for _, v := range a.Values {
				if v.DisplayName != at(bios, "Attributes", a.Name) {
					want = v.DisplayName
				}
			}
		case "Boolean":
			now, _ := at(bios, "Attributes", a.Name).(bool)
			want = !now
		}
		body := obj{"Attributes": obj{a.Name: want}}
		if slices.Contains(strs(at(bios, "@Redfish.Settings", "SupportedApplyTimes")), "OnReset") {
			body["@Redfish.SettingsApplyTime"] = obj{"ApplyTime": "OnReset"}
		}
		if r, err := p.do("PATCH", settings, body); want != nil && err == nil && r.status < 300 {
			return true
		}
	}
	return false
}

// makeVolumes asks every controller that makes volumes for a mirror.
func (p *probe) makeVolumes() {
	p.t.Helper()
	for _, uri := range p.members(link(p.system(), "Storage")) {
		o := p.get(uri)
		volumes := link(o, "Volumes")
		drives, _ := o["Drives"].([]any)
		if volumes == "" || len(drives) < 2 {
			continue
		}
		body := obj{"RAIDType": "RAID1", "Name": "os", "Links": obj{"Drives": drives[:2]}}
		if slices.Contains(strs(at(p.get(volumes), "@Redfish.OperationApplyTimeSupport", "SupportedValues")), "OnReset") {
			body["@Redfish.OperationApplyTime"] = "OnReset"
		}
		if _, err := p.do("POST", volumes, body); err != nil {
			p.t.Fatal(err)
		}
	}
}

// setBoot sets a one-time override, and turns the boot order around where it is kept for a reset.
func (p *probe) setBoot() {
	p.t.Helper()
	s := p.system()
	uri := link(s)
	boot := obj{"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}
	if at(s, "Boot", "BootSourceOverrideMode") != nil {
		boot["BootSourceOverrideMode"] = "UEFI"
	}
	p.must(2, "PATCH", uri, obj{"Boot": boot})
	order := strs(at(s, "Boot", "BootOrder"))
	slices.Reverse(order)
	if to := link(s, "@Redfish.Settings", "SettingsObject"); to != "" {
		uri = to
	}
	p.must(2, "PATCH", uri, obj{"Boot": obj{"BootOrder": order}})
}

// mediaSlots are all slots of virtual media, wherever they hang.
func (p *probe) mediaSlots() []string {
	p.t.Helper()
	var out []string
	for _, o := range []obj{p.manager(), p.system()} {
		if c := link(o, "VirtualMedia"); c != "" {
			out = append(out, p.members(c)...)
		}
	}
	return out
}

func (p *probe) insertMedia() {
	p.t.Helper()
	for _, uri := range p.mediaSlots() {
		if act := link(p.get(uri), "Actions", "#VirtualMedia.InsertMedia", "target"); act != "" {
			p.must(2, "POST", act, obj{"Image": "https://mirror.example/os.iso"})
		} else {
			p.must(2, "PATCH", uri, obj{"Image": "https://mirror.example/os.iso"})
		}
	}
}

// undo deletes volumes and ejects media.
func (p *probe) undo() {
	p.t.Helper()
	p.login()
	for _, uri := range p.mediaSlots() {
		o := p.get(uri)
		switch act := link(o, "Actions", "#VirtualMedia.EjectMedia", "target"); {
		case o["Inserted"] != true:
		case act != "":
			p.must(2, "POST", act, obj{})
		default:
			p.must(2, "PATCH", uri, obj{"Image": nil})
		}
	}
	for _, uri := range p.members(link(p.system(), "Storage")) {
		volumes := link(p.get(uri), "Volumes")
		if volumes == "" {
			continue
		}
		for _, v := range p.members(volumes) {
			if p.get(v)["VolumeType"] != "RawDevice" {
				p.must(2, "DELETE", v, nil)
			}
		}
	}
	time.Sleep(10 * time.Minute)
	p.awake()
	p.token = ""
}

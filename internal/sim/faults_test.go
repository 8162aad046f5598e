package sim

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestQuirksShow asks of every fault what it says in the table; drivertest shows that our client gets past them.
func TestQuirksShow(t *testing.T) {
	ctx := func(id, dialect string, f func(t *testing.T, r *Rack, c *client)) {
		t.Run(id, func(t *testing.T) { inBubble(t, dialect, Options{Seed: 5, Faults: []string{id}}, f) })
	}
	stage := func(c *client, r *Rack, name string, v any, header ...string) reply {
		b := r.BMC(c.node)
		body := obj{"Attributes": obj{name: v}}
		if b.dia.applyTimes != nil {
			body["@Redfish.SettingsApplyTime"] = obj{"ApplyTime": "OnReset"}
		}
		a, err := c.do("PATCH", b.dia.settingsURI(), body, header...)
		if err != nil {
			c.t.Fatal(err)
		}
		return a
	}
	wants := func(t *testing.T, what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	ctx("R2", dialectXCC, func(t *testing.T, r *Rack, c *client) {
		wants(t, "without If-Match", stage(c, r, "Processors_SNC", "Enabled").status, 428)
		etag := c.must(200, "GET", r.BMC(dialectXCC).dia.settingsURI(), nil).header.Get("ETag")
		wants(t, "with it", stage(c, r, "Processors_SNC", "Enabled", "If-Match", etag).status, 200)
	})
	ctx("R3", dialectIDRAC, func(t *testing.T, r *Rack, c *client) {
		c.must(412, "POST", r.BMC(dialectIDRAC).dia.sys()+"/Actions/ComputerSystem.Reset", obj{"ResetType": "ForceOff"}, "If-Match", `"x"`)
	})
	ctx("R4", dialectSupermicro, func(t *testing.T, r *Rack, c *client) {
		a := c.must(200, "GET", r.BMC(dialectSupermicro).dia.settingsURI(), nil)
		wants(t, "tag of the header", stage(c, r, "QuietBoot_002D", false, "If-Match", a.header.Get("ETag")).status, 412)
		wants(t, "tag of the body", stage(c, r, "QuietBoot_002D", false, "If-Match", a.obj["@odata.etag"].(string)).status, 200)
	})
	ctx("R7", dialectILO, func(t *testing.T, r *Rack, c *client) {
		target := r.BMC(dialectILO).dia.sys() + "/Actions/ComputerSystem.Reset"
		c.must(200, "POST", target, obj{"ResetType": "ForceOff"})
		c.must(400, "POST", target, obj{"ResetType": "On"})
		time.Sleep(powerGap)
		c.must(200, "POST", target, obj{"ResetType": "On"})
	})
	ctx("R8", dialectILO, func(t *testing.T, r *Rack, c *client) {
		c.reset("ForceRestart")
		a := stage(c, r, "ThermalConfig", "MaxCooling")
		wants(t, "during POST", strings.Contains(string(a.raw), "UnableToModifyDuringSystemPOST"), true)
		time.Sleep(10 * time.Minute)
		c.login(r)
		wants(t, "after it", stage(c, r, "ThermalConfig", "MaxCooling").status, 200)
	})
	ctx("R12", dialectILO, func(t *testing.T, r *Rack, c *client) {
		uri := r.BMC(dialectILO).dia.manager() + "/VirtualMedia/2/Actions/VirtualMedia."
		c.must(200, "POST", uri+"InsertMedia", obj{"Image": "http://x/os.iso"})
		c.must(415, "POST", uri+"EjectMedia", nil)
		c.must(200, "POST", uri+"EjectMedia", obj{})
	})
	ctx("R15", dialectSupermicro, func(t *testing.T, r *Rack, c *client) {
		uri := r.BMC(dialectSupermicro).dia.sys() + "/Actions/ComputerSystem.Reset"
		refused := 0
		for _, kind := range []string{"ForceOff", "On", "ForceOff", "On"} {
			a, _ := c.do("POST", uri, obj{"ResetType": kind})
			time.Sleep(time.Minute)
			if a.status == http.StatusConflict {
				refused++
			}
			if got := r.BMC(dialectSupermicro).Truth().Power; (got == powerOn) != (kind == "On") {
				t.Errorf("%s was answered %d and the host is %s", kind, a.status, got)
			}
		}
		if refused == 0 {
			t.Error("never struck")
		}
	})
	ctx("R17", dialectIDRAC, func(t *testing.T, r *Rack, c *client) {
		task := c.push(testImage(t, dialectIDRAC, "bmc", "2.0"), obj{"Targets": []any{}}).header.Get("Location")
		c.must(200, "GET", task, nil)
		time.Sleep(10 * time.Minute)
		c.must(404, "GET", task, nil)
		id := task[strings.LastIndex(task, "/")+1:]
		wants(t, "its job", c.get(r.BMC(dialectIDRAC).dia.manager() + "/Oem/Dell/Jobs/" + id)["JobState"], "Completed")
	})
	ctx("R18", dialectIDRAC, func(t *testing.T, r *Rack, c *client) {
		c.push(testImage(t, dialectIDRAC, "bios", "2.0"), obj{"Targets": []any{}})
		for _, want := range []string{"1.0", "2.0"} {
			time.Sleep(time.Minute)
			c.reset("ForceRestart")
			time.Sleep(25 * time.Minute)
			wants(t, "BIOS", r.BMC(dialectIDRAC).Truth().Firmware["bios"], want)
		}
	})
	ctx("R30", dialectSupermicro, func(t *testing.T, r *Rack, c *client) {
		c.push(testImage(t, dialectSupermicro, "nic", "2.0"), onReset(r.BMC(dialectSupermicro)))
		time.Sleep(time.Minute)
		c.reset("ForceRestart")
		time.Sleep(80 * time.Second)
		row := "/redfish/v1/UpdateService/FirmwareInventory/NIC1"
		wants(t, "runs", r.BMC(dialectSupermicro).Truth().Firmware["nic"], "2.0")
		wants(t, "tells", c.get(row)["Version"], "1.0")
		time.Sleep(4 * time.Minute)
		wants(t, "tells later", c.get(row)["Version"], "2.0")
	})
	ctx("R31", dialectSupermicro, func(t *testing.T, r *Rack, c *client) {
		a := c.push(testImage(t, dialectSupermicro, "nic", "2.0"), onReset(r.BMC(dialectSupermicro)))
		msg := a.obj["error"].(obj)["@Message.ExtendedInfo"].([]any)[0].(obj)
		wants(t, "Location", a.header.Get("Location"), "")
		c.must(200, "GET", msg["MessageArgs"].([]any)[0].(string), nil)
	})
	ctx("R35", dialectXCC, func(t *testing.T, r *Rack, c *client) {
		c.reset("ForceRestart")
		time.Sleep(time.Hour)
		wants(t, "stage", r.BMC(dialectXCC).Truth().Stage, stageMemory)
		c.login(r)
		c.cold(r)
		time.Sleep(20 * time.Minute)
		wants(t, "stage", r.BMC(dialectXCC).Truth().Stage, stageOS)
	})
	ctx("R39", dialectOpenBMC, func(t *testing.T, r *Rack, c *client) {
		c.reset("ForceOff")
		time.Sleep(time.Minute)
		c.must(204, "POST", r.BMC(dialectOpenBMC).dia.auxAction.uri, obj{"ResetType": "AuxPowerCycle"})
		time.Sleep(20 * time.Minute)
		wants(t, "power", r.BMC(dialectOpenBMC).Truth().Power, powerOn)
	})
	ctx("R55", dialectIDRAC, func(t *testing.T, r *Rack, c *client) {
		stage(c, r, "SriovGlobalEnable", "Enabled")
		wants(t, "Bios says", c.get(r.BMC(dialectIDRAC).dia.biosURI())["Attributes"].(obj)["SriovGlobalEnable"], "Enabled")
		wants(t, "runs", r.BMC(dialectIDRAC).Truth().BIOS["SriovGlobalEnable"], "Disabled")
	})
	ctx("R78", dialectIDRAC, func(t *testing.T, r *Rack, c *client) {
		slot := r.BMC(dialectIDRAC).dia.manager() + "/VirtualMedia/CD"
		c.must(204, "POST", slot+"/Actions/VirtualMedia.InsertMedia", obj{"Image": "http://x/os.iso"})
		wants(t, "inserted", c.get(slot)["Inserted"], false)
	})
	ctx("R93", dialectAMI, func(t *testing.T, r *Rack, c *client) {
		swallowed := false
		for range 4 {
			a, err := c.do("POST", r.BMC(dialectAMI).dia.sys()+"/Actions/ComputerSystem.Reset", obj{"ResetType": "ForceRestart"})
			if err != nil || a.status != http.StatusAccepted {
				t.Fatal(a.status, err)
			}
			time.Sleep(25 * time.Second)
			if o := c.task(a); o["TaskState"] == "Exception" {
				swallowed = true
				wants(t, "status", o["TaskStatus"], "OK")
			}
		}
		if n := r.BMC(dialectAMI).Ledger().Resets["host_reset"]; !swallowed || n == 4 {
			t.Errorf("%d of 4 restarts took effect", n)
		}
	})
	ctx("stuck-job", dialectIDRAC, func(t *testing.T, r *Rack, c *client) {
		b := r.BMC(dialectIDRAC)
		for _, want := range []string{"Disabled", "Disabled", "Enabled"} {
			if want == "Enabled" {
				c.must(200, "DELETE", b.dia.manager()+"/Oem/Dell/Jobs/"+b.bios.job.id, nil)
			}
			if b.bios.job == nil {
				stage(c, r, "SriovGlobalEnable", "Enabled")
			}
			c.reset("ForceRestart")
			time.Sleep(time.Hour)
			c.login(r)
			wants(t, "runs", b.Truth().BIOS["SriovGlobalEnable"], want)
		}
	})
	ctx("lost-answer", dialectOpenBMC, func(t *testing.T, r *Rack, c *client) {
		lost := 0
		for i := range 6 {
			_, err := c.do("PATCH", r.BMC(dialectOpenBMC).dia.settingsURI(), obj{"Attributes": obj{"ActiveCores": 10 + i}})
			if err != nil {
				lost++
				wants(t, "it was acted on", r.BMC(dialectOpenBMC).Truth().Pending["ActiveCores"], 10+i)
			}
		}
		wants(t, "lost", lost, 1)
	})
}

// TestLeakStrikesLater: a detector is well until it is poked, and a BMC without detectors cannot leak.
func TestLeakStrikesLater(t *testing.T) {
	inBubble(t, dialectOpenBMC, Options{}, func(t *testing.T, r *Rack, c *client) {
		wet := func() (n int) {
			list := c.get("/redfish/v1/Chassis/Chassis_0/ThermalSubsystem/LeakDetection/LeakDetectors")["Members"].([]any)
			for _, m := range list {
				if c.get(m.(obj)["@odata.id"].(string))["DetectorState"] == "Critical" {
					n++
				}
			}
			return n
		}
		if n := wet(); n != 0 {
			t.Errorf("%d detectors are Critical at the start", n)
		}
		if err := r.BMC(dialectOpenBMC).Poke(Poke{Leak: true}); err != nil {
			t.Fatal(err)
		}
		if n := wet(); n != 1 {
			t.Errorf("%d detectors are Critical after the poke", n)
		}
	})
	inBubble(t, dialectILO, Options{}, func(t *testing.T, r *Rack, _ *client) {
		if r.BMC(dialectILO).Poke(Poke{Leak: true}) == nil {
			t.Error("a BMC without detectors took a leak")
		}
	})
}

// TestGoneForAWhile: a BMC that cannot be reached comes back, with its sessions.
func TestGoneForAWhile(t *testing.T) {
	inBubble(t, dialectXCC, Options{Faults: []string{"bmc-gone"}}, func(t *testing.T, r *Rack, c *client) {
		gone := 0
		for range 400 {
			if _, err := c.do("GET", "/redfish/v1/Systems", nil); err != nil {
				gone++
				time.Sleep(goneFor / 4)
			}
		}
		if gone < 2 || gone > 6 {
			t.Errorf("%d requests failed", gone)
		}
		c.get("/redfish/v1/Systems")
	})
}

// TestFullPowerCycle is Dell's way to take standby power away: an attribute, then the host off.
func TestFullPowerCycle(t *testing.T) {
	inBubble(t, dialectIDRAC, Options{}, func(t *testing.T, r *Rack, c *client) {
		b := r.BMC(dialectIDRAC)
		c.must(202, "PATCH", b.dia.settingsURI(), obj{"Attributes": obj{"PowerCycleRequest": "FullPowerCycle"},
			"@Redfish.SettingsApplyTime": obj{"ApplyTime": "OnReset"}})
		c.reset("ForceOff")
		time.Sleep(time.Hour)
		c.login(r)
		if l, tr := b.Ledger(), b.Truth(); l.Resets["aux_cycle"] != 1 || tr.Power != powerOn || len(tr.Pending) != 0 || tr.BIOS["PowerCycleRequest"] != "None" {
			t.Errorf("ledger %+v, truth %+v", l, tr)
		}
		c.must(202, "PATCH", b.dia.settingsURI(), obj{"Attributes": obj{"LogicalProc": "Disabled"},
			"@Redfish.SettingsApplyTime": obj{"ApplyTime": "OnReset"}})
	})
}

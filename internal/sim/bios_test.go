package sim

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"
)

// wish is one attribute that every dialect can change, and what it becomes.
var wish = map[string]struct {
	name string
	want any
}{
	dialectIDRAC: {"SriovGlobalEnable", "Enabled"}, dialectILO: {"ThermalConfig", "MaxCooling"}, dialectSupermicro: {"QuietBoot_002D", false},
	dialectXCC: {"Processors_SNC", "Enabled"}, dialectAMI: {"Ipv4Http", "Enabled"}, dialectOpenBMC: {"EGM", true},
}

func TestSetupWaitsForReset(t *testing.T) {
	for _, d := range Dialects() {
		inBubble(t, d, Options{Seed: 1}, func(t *testing.T, r *Rack, c *client) {
			w := wish[d]
			bios := c.get(link(t, c.system(), "Bios"))
			settings := link(t, bios, "@Redfish.Settings", "SettingsObject")
			body := obj{"Attributes": obj{w.name: w.want}}
			if list, has := bios["@Redfish.Settings"].(obj)["SupportedApplyTimes"].([]any); has && slices.Contains(list, any("OnReset")) {
				body["@Redfish.SettingsApplyTime"] = obj{"ApplyTime": "OnReset"}
			}
			a, err := c.do("PATCH", settings, body)
			if err != nil || a.status >= 300 {
				t.Fatalf("stage: %d %v %s", a.status, err, a.raw)
			}
			running := func() any { return c.get(link(t, c.system(), "Bios"))["Attributes"].(obj)[w.name] }
			before := running()
			if before == w.want {
				t.Fatalf("%s is %v before any reset", w.name, before)
			}
			pend, _ := c.get(settings)["Attributes"].(obj)
			if pend[w.name] != w.want {
				t.Fatalf("pending %s is %v, want %v", w.name, pend[w.name], w.want)
			}
			c.reset("ForceRestart")
			time.Sleep(20 * time.Minute)
			c.login(r) // the session ran out: 30 s to half an hour
			if got := running(); got != w.want {
				t.Fatalf("%s is %v after the reset, want %v", w.name, got, w.want)
			}
			if tr := r.BMC(d).Truth(); len(tr.Pending) != 0 || tr.Stage != stageOS {
				t.Fatalf("after the reset: pending %v, stage %s", tr.Pending, tr.Stage)
			}
			if n := r.BMC(d).Ledger().Resets["host_reset"]; n != 1 {
				t.Fatalf("%d host resets counted, want 1", n)
			}
		})
	}
}

func TestSetupRefuses(t *testing.T) {
	for _, d := range Dialects() {
		inBubble(t, d, Options{}, func(t *testing.T, r *Rack, c *client) {
			settings := r.BMC(d).dia.settingsURI()
			for _, bad := range []obj{{"NoSuchAttribute": "x"}, {wish[d].name: 42}, {wish[d].name: "Perhaps"}} {
				c.must(http.StatusBadRequest, "PATCH", settings, obj{"Attributes": bad})
			}
			if p := r.BMC(d).Truth().Pending; len(p) != 0 {
				t.Fatalf("refused values wait: %v", p)
			}
			etag := c.must(http.StatusOK, "GET", settings, nil).header.Get("ETag")
			if etag == "" {
				t.Fatal("the settings object has no ETag")
			}
			c.must(http.StatusPreconditionFailed, "PATCH", settings, obj{"Attributes": obj{wish[d].name: wish[d].want}}, "If-Match", `"old"`)
			if a, err := c.do("PATCH", settings, obj{"Attributes": obj{wish[d].name: wish[d].want}}, "If-Match", etag); err != nil || a.status >= 300 {
				t.Fatalf("with its own ETag: %d %v %s", a.status, err, a.raw)
			}
		})
	}
}

func TestDellSettingsAreJobs(t *testing.T) {
	inBubble(t, dialectIDRAC, Options{}, func(t *testing.T, r *Rack, c *client) {
		settings := r.BMC(dialectIDRAC).dia.settingsURI()
		onReset := obj{"ApplyTime": "OnReset"}
		a := c.must(http.StatusAccepted, "PATCH", settings, obj{"Attributes": obj{"SubNumaCluster": "2-Way"}, "@Redfish.SettingsApplyTime": onReset})
		job := a.header.Get("Location")
		if got := c.get(job)["TaskState"]; got != "Starting" {
			t.Fatalf("the job's task is %v, want Starting", got)
		}
		c.must(http.StatusBadRequest, "PATCH", settings, obj{"Attributes": obj{"LogicalProc": "Disabled"}, "@Redfish.SettingsApplyTime": onReset})
		c.reset("ForceRestart")
		time.Sleep(20 * time.Minute)
		c.login(r)
		if got := c.get(job)["TaskState"]; got != "Completed" {
			t.Fatalf("the job's task is %v after the reset, want Completed", got)
		}
		// without an apply time there is no job, and a reset does nothing
		c.must(http.StatusOK, "PATCH", settings, obj{"Attributes": obj{"LogicalProc": "Disabled"}})
		c.reset("ForceRestart")
		time.Sleep(20 * time.Minute)
		if got := r.BMC(dialectIDRAC).Truth().BIOS["LogicalProc"]; got != "Enabled" {
			t.Fatalf("LogicalProc is %v without a job", got)
		}
	})
}

func TestDependencies(t *testing.T) {
	inBubble(t, dialectIDRAC, Options{}, func(t *testing.T, r *Rack, c *client) {
		settings := r.BMC(dialectIDRAC).dia.settingsURI()
		at := obj{"ApplyTime": "OnReset"}
		c.must(http.StatusBadRequest, "PATCH", settings, obj{"Attributes": obj{"ProcTurboMode": "Disabled"}})
		c.must(http.StatusBadRequest, "PATCH", settings, obj{"Attributes": obj{"ProcVirtualization": "Disabled", "ProcX2Apic": "Enabled"}})
		c.must(http.StatusAccepted, "PATCH", settings, obj{"Attributes": obj{"ProcVirtualization": "Disabled", "SysProfile": "Custom",
			"ProcTurboMode": "Disabled"}, "@Redfish.SettingsApplyTime": at})
		c.reset("ForceRestart")
		time.Sleep(20 * time.Minute)
		got := r.BMC(dialectIDRAC).Truth().BIOS
		for k, v := range map[string]any{"ProcVirtualization": "Disabled", "ProcX2Apic": "Disabled", "ProcTurboMode": "Disabled"} {
			if got[k] != v {
				t.Errorf("%s is %v, want %v", k, got[k], v)
			}
		}
	})
}

func TestRegistryExport(t *testing.T) {
	for _, d := range Dialects() {
		info, ok := Registry(d)
		if !ok || len(info.Attributes) < 12 {
			t.Fatalf("%s: registry with %d attributes", d, len(info.Attributes))
		}
		def := dialects()[d].registry.defaults()
		settled := maps.Clone(def)
		dialects()[d].registry.settle(settled)
		if !maps.Equal(def, settled) {
			t.Errorf("%s: the factory state breaks its own rules", d)
		}
		for _, ru := range dialects()[d].registry.rules {
			if dialects()[d].registry.find(ru.target) == nil {
				t.Errorf("%s: a rule on %s, which is no attribute", d, ru.target)
			}
		}
	}
	if _, ok := Registry("klingon"); ok {
		t.Error("a registry for an unknown dialect")
	}
}

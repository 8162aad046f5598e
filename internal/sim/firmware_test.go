package sim

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// task follows a 202 to its task, or gives nil when it is gone.
func (c *client) task(a reply) obj {
	c.t.Helper()
	uri := strings.TrimSuffix(a.header.Get("Location"), "/Monitor")
	if uri == "" {
		uri, _ = a.obj["@odata.id"].(string)
	}
	r, err := c.do("GET", uri, nil)
	if err != nil || r.status != http.StatusOK {
		return nil
	}
	return r.obj
}

func TestFlashNeedsItsReset(t *testing.T) {
	for _, d := range Dialects() {
		inBubble(t, d, Options{Seed: 1}, func(t *testing.T, r *Rack, c *client) {
			b := r.BMC(d)
			a := c.push(testImage(t, d, "bios", "2.0"), onReset(b))
			if o := c.task(a); o == nil || o["TaskState"] == "Completed" || o["TaskState"] == "Exception" {
				t.Fatalf("the task of a push is %v", o)
			}
			time.Sleep(10 * time.Minute)
			if tr := b.Truth(); tr.Firmware["bios"] != "1.0" || tr.Staged["bios"] != "2.0" {
				t.Fatalf("before the reset: running %s, staged %s", tr.Firmware["bios"], tr.Staged["bios"])
			}
			c.login(r)
			if d == dialectAMI || d == dialectOpenBMC {
				c.cold(r)
			} else {
				c.reset("ForceRestart")
			}
			time.Sleep(30 * time.Minute)
			if tr := b.Truth(); tr.Firmware["bios"] != "2.0" || len(tr.Staged) != 0 || tr.Stage != stageOS {
				t.Fatalf("after the reset: %+v", tr)
			}
			c.login(r)
			if v := c.system()["BiosVersion"]; v != "2.0" {
				t.Errorf("the System says BIOS %v", v)
			}
			l := b.Ledger()
			if l.Pushes != 1 || l.Flashes["bios"] != 1 || len(l.Violations) != 0 {
				t.Errorf("ledger %+v", l)
			}
		})
	}
}

func TestBMCImageNeedsBMCReset(t *testing.T) {
	for _, d := range Dialects() {
		inBubble(t, d, Options{Seed: 1}, func(t *testing.T, r *Rack, c *client) {
			b := r.BMC(d)
			c.push(testImage(t, d, "bmc", "2.0"), obj{"Targets": []any{}})
			time.Sleep(10 * time.Minute)
			c.login(r)
			c.reset("ForceRestart") // of the host: the BMC does not care
			time.Sleep(20 * time.Minute)
			if v := b.Truth().Firmware["bmc"]; v != "1.0" {
				t.Fatalf("the BMC runs %s without a reset of its own", v)
			}
			c.login(r)
			mgr := c.get(link(t, c.get("/redfish/v1/Managers")["Members"].([]any)[0].(obj), "@odata.id"))
			if a, err := c.do("POST", link(t, mgr, "Actions", "#Manager.Reset", "target"), obj{"ResetType": "GracefulRestart"}); err != nil ||
				a.status >= 300 && d != dialectAMI {
				t.Fatalf("reset of the BMC: %d %v %s", a.status, err, a.raw)
			} else if d == dialectAMI {
				c.must(http.StatusNoContent, "POST", link(t, mgr, "Actions", "#Manager.Reset", "target"), obj{"ResetType": "ForceRestart"})
			}
			time.Sleep(10 * time.Second)
			if _, err := c.do("GET", "/redfish/v1", nil); err == nil {
				t.Error("the BMC answers while it restarts")
			}
			if _, err := c.do("GET", "/redfish/v1", nil); err == nil {
				t.Error("the BMC takes a new connection while it restarts")
			}
			time.Sleep(3 * time.Minute)
			if a, err := c.do("GET", "/redfish/v1/Systems", nil); err != nil || a.status != http.StatusUnauthorized {
				t.Errorf("an old token after the reset: %d %v", a.status, err)
			}
			if v := b.Truth().Firmware["bmc"]; v != "2.0" {
				t.Errorf("the BMC runs %s after its reset", v)
			}
			if l := b.Ledger(); l.Resets["bmc_reset"] != 1 || l.SessionsOpen != 0 {
				t.Errorf("ledger %+v", l)
			}
		})
	}
}

func TestImagesAreRefused(t *testing.T) {
	for _, d := range Dialects() {
		inBubble(t, d, Options{}, func(t *testing.T, r *Rack, c *client) {
			other := dialectXCC
			if d == other {
				other = dialectILO
			}
			c.refused(testImage(t, other, "bios", "2.0"), "ApplyFailed") // Update 1.0 has no NoTargetsDetermined
			c.refused(testImage(t, d, "toaster", "2.0"), "ApplyFailed")
			torn := testImage(t, d, "bios", "2.0")
			torn[20] ^= 0xFF
			if d == dialectIDRAC {
				time.Sleep(time.Minute)
				a := c.pushAny(torn, obj{"Targets": []any{}})
				if a.status != http.StatusBadRequest || !bytes.Contains(a.raw, []byte("VerificationFailed")) {
					t.Errorf("a torn image: %d %s", a.status, a.raw)
				}
			} else {
				c.refused(torn, "VerificationFailed")
			}
			if tr := r.BMC(d).Truth(); len(tr.Staged) != 0 || r.BMC(d).Ledger().Flashes["bios"] != 0 {
				t.Errorf("something is staged: %v", tr.Staged)
			}
		})
	}
}

// refused expects the task of a push to end badly with a message.
func (c *client) refused(img []byte, key string) {
	c.t.Helper()
	a := c.push(img, obj{"Targets": []any{}})
	time.Sleep(25 * time.Second)
	o := c.task(a)
	if o == nil || o["TaskState"] != "Exception" || !bytes.Contains(encode(o["Messages"]), []byte(key)) {
		c.t.Errorf("a wrong image: task %v, want Exception with %s", o, key)
	}
}

func TestResetDuringFlashBricks(t *testing.T) {
	inBubble(t, dialectSupermicro, Options{}, func(t *testing.T, r *Rack, c *client) {
		b := r.BMC(dialectSupermicro)
		c.push(testImage(t, dialectSupermicro, "bios", "2.0"), onReset(b))
		time.Sleep(time.Minute)
		c.reset("ForceRestart")
		time.Sleep(30 * time.Second)
		c.reset("ForceOff")
		tr, l := b.Truth(), b.Ledger()
		if !slices.Contains(tr.Bricked, "bios") || len(l.Violations) != 2 {
			t.Fatalf("bricked %v, violations %v", tr.Bricked, l.Violations)
		}
		time.Sleep(time.Minute)
		c.reset("On")
		time.Sleep(time.Hour)
		if s := b.Truth().Stage; s == stageOS {
			t.Error("a host without BIOS has booted")
		}
	})
}

func TestSecondPushDuringFlash(t *testing.T) {
	inBubble(t, dialectOpenBMC, Options{}, func(t *testing.T, r *Rack, c *client) {
		c.push(testImage(t, dialectOpenBMC, "bmc", "2.0"), obj{"Targets": []any{}})
		time.Sleep(time.Minute)
		a := c.pushAny(testImage(t, dialectOpenBMC, "nic", "2.0"), obj{"Targets": []any{}})
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
			t.Errorf("a second push during a flash: %d", a.status)
		}
		if v := r.BMC(dialectOpenBMC).Ledger().Violations; len(v) != 1 {
			t.Errorf("violations %v, want one", v)
		}
	})
}

func TestFlashThatClearsNVRAM(t *testing.T) {
	inBubble(t, dialectSupermicro, Options{}, func(t *testing.T, r *Rack, c *client) {
		b := r.BMC(dialectSupermicro)
		if err := b.Poke(Poke{BIOS: map[string]any{"SR_IOVSupport_0047": "Enabled"}}); err != nil {
			t.Fatal(err)
		}
		for _, keep := range []bool{true, false} {
			p := onReset(b)
			if !keep {
				delete(p, "Oem")
			}
			c.push(testImage(t, dialectSupermicro, "bios", "2.0"), p)
			time.Sleep(time.Minute)
			c.reset("ForceRestart")
			time.Sleep(30 * time.Minute)
			c.login(r)
			want := "Disabled"
			if keep {
				want = "Enabled"
			}
			if got := b.Truth().BIOS["SR_IOVSupport_0047"]; got != want {
				t.Fatalf("PreserveNVRAM %v: SR-IOV is %v, want %s", keep, got, want)
			}
		}
	})
}

func TestEverythingInOneReset(t *testing.T) {
	for _, d := range []string{dialectIDRAC, dialectSupermicro} {
		inBubble(t, d, Options{}, func(t *testing.T, r *Rack, c *client) {
			b := r.BMC(d)
			body := obj{"Attributes": obj{wish[d].name: wish[d].want}}
			if b.dia.applyTimes != nil {
				body["@Redfish.SettingsApplyTime"] = obj{"ApplyTime": "OnReset"}
			}
			if a, err := c.do("PATCH", b.dia.settingsURI(), body); err != nil || a.status >= 300 {
				t.Fatalf("stage: %d %v", a.status, err)
			}
			for _, comp := range []string{"bios", "nic"} {
				c.push(testImage(t, d, comp, "2.0"), onReset(b))
				time.Sleep(time.Minute)
			}
			c.makeVolume(r)
			time.Sleep(time.Minute)
			c.reset("ForceRestart")
			time.Sleep(40 * time.Minute)
			tr, l := b.Truth(), b.Ledger()
			if tr.Firmware["bios"] != "2.0" || tr.Firmware["nic"] != "2.0" || tr.BIOS[wish[d].name] != wish[d].want || len(tr.Volumes) != 1 {
				t.Errorf("truth %+v", tr)
			}
			if l.Resets["host_reset"] != 1 || len(l.Resets) != 1 || len(l.Violations) != 0 || l.VolumesCreated != 1 {
				t.Errorf("ledger %+v", l)
			}
		})
	}
}

func TestLengthRequired(t *testing.T) {
	inBubble(t, dialectIDRAC, Options{}, func(t *testing.T, r *Rack, c *client) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", "https://idrac.sim/redfish/v1/UpdateService/MultipartUpload",
			struct{ *bytes.Reader }{bytes.NewReader([]byte("chunked"))})
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Auth-Token", c.token)
		req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusLengthRequired {
			t.Errorf("a chunked upload: %d, want 411", resp.StatusCode)
		}
	})
}

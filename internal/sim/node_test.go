package sim

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestVolumes(t *testing.T) {
	for _, d := range Dialects() {
		inBubble(t, d, Options{}, func(t *testing.T, r *Rack, c *client) {
			b := r.BMC(d)
			uri, made := c.makeVolume(r)
			if !made {
				if d != dialectAMI && d != dialectOpenBMC {
					t.Fatal("no controller makes volumes")
				}
				return
			}
			time.Sleep(2 * time.Minute)
			if d == dialectIDRAC {
				if n := len(b.Truth().Volumes); n != 0 {
					t.Fatalf("%d volumes before the reset", n)
				}
				c.reset("ForceRestart")
				time.Sleep(20 * time.Minute)
			}
			vols := b.Truth().Volumes
			if len(vols) != 1 || vols[0].Name != "os" || vols[0].RAID != "RAID1" || len(vols[0].Drives) != 2 || vols[0].CapacityBytes != 960_000_000_000 {
				t.Fatalf("volumes %+v", vols)
			}
			c.login(r)
			var own string
			for _, m := range c.get(uri)["Members"].([]any) {
				own = link(t, m.(obj), "@odata.id")
			}
			a, err := c.do("DELETE", own, nil)
			if err != nil || a.status >= 300 {
				t.Fatalf("delete: %d %v", a.status, err)
			}
			time.Sleep(2 * time.Minute)
			if l := b.Ledger(); l.VolumesCreated != 1 || l.VolumesDeleted != 1 || len(b.Truth().Volumes) != 0 {
				t.Errorf("ledger %+v", l)
			}
		})
	}
}

func TestSessions(t *testing.T) {
	for _, d := range Dialects() {
		inBubble(t, d, Options{}, func(t *testing.T, r *Rack, c *client) {
			b := r.BMC(d)
			c.get("/redfish/v1/Systems")
			if l := b.Ledger(); l.SessionsOpened != 1 || l.SessionsOpen != 1 || l.Reads != 1 || l.Writes != 0 || l.Requests != 2 || l.Connections != 1 {
				t.Fatalf("ledger %+v", l)
			}
			c.logout()
			c.must(http.StatusUnauthorized, "GET", "/redfish/v1/Systems", nil)
			c.must(http.StatusOK, "GET", "/redfish/v1", nil) // open to everybody
			user, pass := r.Credentials(d)
			basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+pass))
			c.must(http.StatusOK, "GET", "/redfish/v1/Systems", nil, "Authorization", basic)
			if l := b.Ledger(); l.SessionsClosed != 1 || l.SessionsOpen != 0 || l.FailedLogins != 0 {
				t.Fatalf("ledger %+v", l)
			}
			for range b.dia.sessionLimit {
				c.login(r)
			}
			c.must(http.StatusServiceUnavailable, "POST", sessionsURI, obj{"UserName": user, "Password": pass})
			time.Sleep(time.Duration(b.dia.sessionTimeoutS+1) * time.Second)
			c.login(r)
			if l := b.Ledger(); l.SessionsOpen != 1 {
				t.Errorf("%d sessions are open after all but one ran out", l.SessionsOpen)
			}
		})
	}
}

func TestLockOut(t *testing.T) {
	inBubble(t, dialectSupermicro, Options{}, func(t *testing.T, r *Rack, c *client) {
		user, pass := r.Credentials(dialectSupermicro)
		for range 3 {
			c.must(http.StatusUnauthorized, "POST", sessionsURI, obj{"UserName": user, "Password": "wrong"})
		}
		c.must(http.StatusUnauthorized, "POST", sessionsURI, obj{"UserName": user, "Password": pass})
		l := r.BMC(dialectSupermicro).Ledger()
		if l.FailedLogins != 4 || len(l.Violations) != 1 {
			t.Errorf("ledger %+v", l)
		}
		time.Sleep(time.Minute)
		c.login(r)
	})
}

func TestPower(t *testing.T) {
	for _, d := range Dialects() {
		inBubble(t, d, Options{Power: powerOff}, func(t *testing.T, r *Rack, c *client) {
			b := r.BMC(d)
			if s := c.system()["PowerState"]; s != powerOff {
				t.Fatalf("starts %v", s)
			}
			c.reset("On")
			time.Sleep(30 * time.Minute)
			c.login(r)
			if l := b.Ledger(); len(l.Resets) != 0 || l.Boots != 1 {
				t.Errorf("switching on is no reset: %+v", l)
			}
			c.reset("ForceOff")
			time.Sleep(20 * time.Second)
			if s := c.system()["PowerState"]; s != powerOff {
				t.Errorf("after ForceOff: %v", s)
			}
			c.reset("On")
			time.Sleep(30 * time.Minute)
			if l := b.Ledger(); l.Resets["host_power_cycle"] != 1 || l.Boots != 2 {
				t.Errorf("Off and On are a power cycle: %+v", l)
			}
			c.login(r)
			c.must(http.StatusBadRequest, "POST", b.dia.sys()+"/Actions/ComputerSystem.Reset", obj{"ResetType": "Detonate"})
		})
	}
}

func TestBootOnceAndOrder(t *testing.T) {
	for _, d := range Dialects() {
		inBubble(t, d, Options{}, func(t *testing.T, r *Rack, c *client) {
			b := r.BMC(d)
			sys := c.system()
			uri := sys["@odata.id"].(string)
			if s, has := sys["@Redfish.Settings"].(obj); has {
				uri = link(t, s, "SettingsObject")
			}
			want := []string{"Boot0001", "Boot0000", "Boot0002", "Boot0003"}
			for _, boot := range []obj{{"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}, {"BootOrder": want}} {
				if a, err := c.do("PATCH", uri, obj{"Boot": boot}); err != nil || a.status >= 300 {
					t.Fatalf("%v: %d %v %s", boot, a.status, err, a.raw)
				}
			}
			if got := b.Truth().BootOnce; got != "Pxe" {
				t.Fatalf("boot once %q", got)
			}
			c.reset("ForceRestart")
			time.Sleep(20 * time.Minute)
			tr := b.Truth()
			if !slices.Equal(tr.BootOrder, want) || tr.BootOnce != "" {
				t.Errorf("after the reset: order %v, once %q", tr.BootOrder, tr.BootOnce)
			}
		})
	}
}

func TestMedia(t *testing.T) {
	for _, d := range Dialects() {
		inBubble(t, d, Options{}, func(t *testing.T, r *Rack, c *client) {
			b := r.BMC(d)
			const image = "https://artifacts.example/os.iso"
			list := c.get(b.dia.manager() + "/VirtualMedia")["Members"].([]any)
			if d == dialectAMI {
				if len(list) != 0 {
					t.Error("a DGX H100 has media slots")
				}
				return
			}
			uri := link(t, list[0].(obj), "@odata.id")
			slot := func() obj { return c.get(uri) }
			act, byAction := slot()["Actions"].(obj)
			var a reply
			var err error
			if byAction {
				a, err = c.do("POST", link(t, act["#VirtualMedia.InsertMedia"].(obj), "target"), obj{"Image": image})
			} else {
				a, err = c.do("PATCH", uri, obj{"Image": image})
			}
			if err != nil || a.status >= 300 || slot()["Image"] != image || slot()["Inserted"] != true {
				t.Fatalf("insert: %d %v %v", a.status, err, slot())
			}
			if byAction {
				a, err = c.do("POST", link(t, slot(), "Actions", "#VirtualMedia.EjectMedia", "target"), obj{})
			} else {
				a, err = c.do("PATCH", uri, obj{"Image": nil})
			}
			if err != nil || a.status >= 300 || slot()["Inserted"] != false || len(b.Truth().Media) != 0 {
				t.Fatalf("eject: %d %v %v", a.status, err, slot())
			}
		})
	}
}

func TestAuxCycle(t *testing.T) {
	for _, d := range []string{dialectOpenBMC, dialectILO, dialectXCC} {
		inBubble(t, d, Options{}, func(t *testing.T, r *Rack, c *client) {
			b := r.BMC(d)
			kind := obj{"ResetType": b.dia.auxAction.value}
			if d == dialectOpenBMC {
				a := c.must(http.StatusBadRequest, "POST", b.dia.auxAction.uri, kind)
				if !strings.Contains(string(a.raw), "ChassisPowerStateOffRequired") {
					t.Errorf("refused with %s", a.raw)
				}
				c.reset("ForceOff")
				time.Sleep(time.Minute)
			}
			if a, err := c.do("POST", b.dia.auxAction.uri, kind); err != nil || a.status >= 300 {
				t.Fatalf("aux cycle: %d %v %s", a.status, err, a.raw)
			}
			time.Sleep(30 * time.Minute)
			tr := b.Truth()
			if n := b.Ledger().Resets["aux_cycle"]; n != 1 || !tr.BMCUp {
				t.Errorf("%d aux cycles, BMC up %v", n, tr.BMCUp)
			}
			if want := map[bool]string{true: powerOff, false: powerOn}[d == dialectOpenBMC]; tr.Power != want {
				t.Errorf("the host is %s after it, want %s", tr.Power, want)
			}
		})
	}
}

func TestPages(t *testing.T) {
	inBubble(t, dialectAMI, Options{}, func(t *testing.T, r *Rack, c *client) {
		seen := map[string]int{}
		uri := "/redfish/v1/Systems/DGX/Memory"
		for n := 0; uri != "" && n < 10; n++ {
			o := c.get(uri)
			for _, m := range o["Members"].([]any) {
				seen[link(t, m.(obj), "@odata.id")]++
			}
			uri, _ = o["Members@odata.nextLink"].(string)
		}
		if len(seen) != 16 {
			t.Errorf("%d members over all pages, want 16", len(seen))
		}
		if most := slices.MaxFunc(slices.Collect(maps.Values(seen)), cmp.Compare[int]); most < 2 {
			t.Error("pages of this vendor overlap (R108)")
		}
	})
	inBubble(t, dialectIDRAC, Options{}, func(t *testing.T, r *Rack, c *client) {
		o := c.get("/redfish/v1/Systems/System.Embedded.1/Processors?$expand=*($levels=1)")
		if first := o["Members"].([]any)[0].(obj); first["ProcessorType"] == nil {
			t.Errorf("a member that was to be expanded: %v", first)
		}
	})
}

// tour does a fixed round of requests and tells what came of it.
func tour(t *testing.T, seed uint64, faults string) (out []string, fired map[string]int) {
	synctest.Test(t, func(t *testing.T) {
		r, err := New(testDesign(dialectIDRAC), Options{Seed: seed, Faults: []string{faults}})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		c := newClient(t, r, dialectIDRAC)
		for i := range 300 {
			if c.token == "" {
				user, pass := r.Credentials(dialectIDRAC)
				if a, err := c.do("POST", sessionsURI, obj{"UserName": user, "Password": pass}); err == nil {
					c.token = a.header.Get("X-Auth-Token")
				}
			}
			a, err := c.do("GET", "/redfish/v1/Systems/System.Embedded.1", nil)
			if err != nil {
				time.Sleep(time.Minute)
			}
			out = append(out, fmt.Sprintf("%d %d %v", i, a.status, err != nil))
			c.http.CloseIdleConnections()
		}
		fired = r.BMC(dialectIDRAC).Ledger().FaultsFired
	})
	return out, fired
}

func TestFaultsFollowTheSeed(t *testing.T) {
	a, fired := tour(t, 7, "all")
	b, _ := tour(t, 7, "all")
	if d := gocmp.Diff(a, b); d != "" {
		t.Errorf("one seed, two runs (-first +second):\n%s", d)
	}
	if c, _ := tour(t, 8, "all"); slices.Equal(a, c) {
		t.Error("two seeds give the same run")
	}
	if fired["http503"] == 0 || fired["reset"] == 0 {
		t.Errorf("fired %v", fired)
	}
	last := a[len(a)-20:]
	for _, s := range last {
		if !strings.HasSuffix(s, "200 false") {
			t.Errorf("the schedule has not ended: %s", s)
		}
	}
	for id, n := range fired {
		i := slices.IndexFunc(faultTable, func(f FaultInfo) bool { return f.ID == id })
		if f := faultTable[i]; !f.Lasting && n > f.times {
			t.Errorf("%s fired %d times, at most %d were promised", id, n, f.times)
		}
	}
}

func TestFaultNames(t *testing.T) {
	if _, err := New(testDesign(dialectILO), Options{Faults: []string{"R1000"}}); err == nil {
		t.Error("an unknown fault is taken")
	}
	r, err := New(testDesign(dialectILO, dialectXCC), Options{Faults: []string{"http503!@ilo"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for node, want := range map[string]int{dialectILO: http.StatusServiceUnavailable, dialectXCC: http.StatusOK} {
		c := newClient(t, r, node)
		for range 9 {
			if a, err := c.do("GET", "/redfish/v1", nil); err != nil || a.status != want {
				t.Errorf("%s: %d %v, want %d", node, a.status, err, want)
			}
		}
		c.http.CloseIdleConnections()
	}
	if n := len(Faults()); n < 40 {
		t.Errorf("%d faults", n)
	}
}

func TestSocketsAndAdmin(t *testing.T) {
	r, err := New(testDesign(dialectOpenBMC), Options{Speed: 1000})
	if err != nil {
		t.Fatal(err)
	}
	list, err := r.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := newClient(t, r, dialectOpenBMC)
	tr := c.http.Transport.(*http.Transport)
	tr.DialContext = nil
	req, _ := http.NewRequestWithContext(t.Context(), "GET", list[0].URL+"/redfish/v1", nil)
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || list[0].PinSHA256 == "" {
		t.Errorf("status %d, binding %+v", resp.StatusCode, list[0])
	}
	w := httptest.NewRecorder()
	r.AdminHandler().ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), "POST", "/poke?node=openbmc",
		strings.NewReader(`{"bios":{"ActiveCores":72},"firmware":{"bios":"0.9"},"power":"Off"}`)))
	if tr := r.BMC(dialectOpenBMC).Truth(); w.Code != http.StatusOK || tr.BIOS["ActiveCores"] != int64(72) || tr.Firmware["bios"] != "0.9" || tr.Power != powerOff {
		t.Errorf("poke: %d %s, truth %+v", w.Code, w.Body, tr)
	}
	w = httptest.NewRecorder()
	r.AdminHandler().ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), "GET", "/ledger", nil))
	if !strings.Contains(w.Body.String(), `"connections":1`) {
		t.Errorf("ledger: %s", w.Body)
	}
}

func TestExpandLevels(t *testing.T) {
	inBubble(t, dialectOpenBMC, Options{}, func(t *testing.T, r *Rack, c *client) {
		const uri = "/redfish/v1/Systems/System_0"
		deep := c.get(uri + "?$expand=.($levels=2)")
		first := deep["Processors"].(obj)["Members"].([]any)[0].(obj)
		if first["ProcessorType"] != "CPU" {
			t.Errorf("two levels below the System: %v", first)
		}
		if l := deep["Links"].(obj)["Chassis"].([]any)[0].(obj); len(l) != 1 {
			t.Errorf("a link under Links is expanded by a dot: %v", l)
		}
		if l := c.get(uri + "?$expand=~")["Links"].(obj)["Chassis"].([]any)[0].(obj); l["ChassisType"] == nil {
			t.Errorf("a link under Links is not expanded by a tilde: %v", l)
		}
		if plain := c.get(uri + "?$expand=.($levels=1)")["Processors"].(obj)["Members"].([]any)[0].(obj); len(plain) != 1 {
			t.Errorf("one level below the System: %v", plain)
		}
	})
	inBubble(t, dialectILO, Options{}, func(t *testing.T, r *Rack, c *client) {
		if m := c.get("/redfish/v1/Systems?$expand=*")["Members"].([]any)[0].(obj); len(m) != 1 {
			t.Error("iLO announces no ExpandAll and expands all")
		}
		if m := c.get("/redfish/v1/Systems?$expand=.")["Members"].([]any)[0].(obj); m["PowerState"] == nil {
			t.Error("iLO announces NoLinks and does not expand")
		}
	})
}

package sim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/rack"
)

// testHardware is one small machine per dialect.
func testHardware(dialect string) rack.Hardware {
	num := func(v float64) *rack.Number { return &rack.Number{Value: v, Source: "test"} }
	host := "host_reset"
	switch dialect {
	case dialectAMI:
		host = "host_power_cycle"
	case dialectOpenBMC:
		host = "aux_cycle"
	}
	hw := rack.Hardware{
		Key: "server.test_" + dialect, Kind: "server", Vendor: "Test", Dialect: dialect,
		Identity: rack.Identity{Manufacturer: "Maker", Models: []string{"Model " + dialect}},
		Supplies: num(4), SupplyKW: num(3), MemoryGiB: num(512),
		CPU:  &rack.PartFacts{Manufacturer: "Intel", Model: "Xeon", Count: 2, Cores: 32},
		GPU:  &rack.PartFacts{Manufacturer: "NVIDIA", Model: "H100 80GB HBM3", Count: 4},
		NICs: []rack.PartFacts{{Name: "rail", Manufacturer: "NVIDIA", Model: "ConnectX-7", Count: 2, Ports: 1}},
		Disks: []rack.DiskFacts{{Name: "os", Count: 2, CapacityBytes: 960_000_000_000, Media: "SSD", Protocol: "NVMe", By: "redfish", Controller: "Boot Kit"},
			{Name: "data", Count: 2, CapacityBytes: 3_840_000_000_000, Media: "SSD", Protocol: "NVMe", By: "host"}},
		Components: []rack.ComponentFacts{{Name: "bmc", Version: "1.0", Activation: "bmc_reset", FlashS: 240},
			{Name: "bios", Version: "1.0", Activation: host, FlashS: 120}, {Name: "nic", Version: "1.0", Activation: host, FlashS: 60}},
		Timing: rack.Timing{POSTS: 300, BMCResetS: 90, AuxCycleS: 200},
	}
	if dialect == dialectAMI || dialect == dialectOpenBMC {
		hw.Disks = hw.Disks[1:]
	}
	return hw
}

func testDesign(dialects ...string) rack.Design {
	d := rack.Design{Hardware: map[string]rack.Hardware{}}
	for _, name := range dialects {
		hw := testHardware(name)
		d.Hardware[hw.Key] = hw
		d.Nodes = append(d.Nodes, rack.Node{Name: name, Hardware: hw.Key})
	}
	return d
}

// client is a plain one: no retries, one session.
type client struct {
	t     testing.TB
	node  string
	http  *http.Client
	token string
	where string // of the session
}

func newClient(t testing.TB, r *Rack, node string) *client {
	pin := r.BMC(node).pin
	tr := &http.Transport{
		DialContext:       r.DialContext,
		DisableKeepAlives: false,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error { //nolint:gosec // the pin decides
			sum := sha256.Sum256(s.PeerCertificates[0].RawSubjectPublicKeyInfo)
			if hex.EncodeToString(sum[:]) != pin {
				return errors.New("another certificate than the binding says")
			}
			return nil
		}},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &client{t: t, node: node, http: &http.Client{Transport: tr}}
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	raw    []byte
	obj    obj
}

func (c *client) do(method, uri string, body any, header ...string) (reply, error) {
	var rd io.Reader
	if body != nil {
		b, isBytes := body.([]byte)
		if !isBytes {
			b = encode(body)
		}
		rd = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, "https://"+c.node+".sim"+uri, rd)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("X-Auth-Token", c.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	r := reply{status: resp.StatusCode, header: resp.Header, raw: raw}
	_ = json.Unmarshal(raw, &r.obj)
	return r, err
}

func (c *client) must(status int, method, uri string, body any, header ...string) reply {
	c.t.Helper()
	r, err := c.do(method, uri, body, header...)
	if err != nil {
		c.t.Fatalf("%s %s %s: %v", c.node, method, uri, err)
	}
	if r.status != status {
		c.t.Fatalf("%s %s %s: status %d, want %d: %s", c.node, method, uri, r.status, status, r.raw)
	}
	return r
}

func (c *client) get(uri string) obj {
	c.t.Helper()
	return c.must(http.StatusOK, "GET", uri, nil).obj
}

func (c *client) login(r *Rack) {
	c.t.Helper()
	user, pass := r.Credentials(c.node)
	a := c.must(http.StatusCreated, "POST", sessionsURI, obj{"UserName": user, "Password": pass})
	c.token, c.where = a.header.Get("X-Auth-Token"), a.header.Get("Location")
}

func (c *client) logout() {
	c.t.Helper()
	if _, err := c.do("DELETE", c.where, nil); err != nil {
		c.t.Fatal(err)
	}
	c.token = ""
}

// link follows names from a resource down to a URI.
func link(t testing.TB, o obj, path ...string) string {
	t.Helper()
	var v any = o
	for _, p := range path {
		m, isObj := v.(obj)
		if !isObj {
			t.Fatalf("no %s in %v", strings.Join(path, "/"), o)
		}
		v = m[p]
	}
	if m, isObj := v.(obj); isObj {
		v = m["@odata.id"]
	}
	s, isText := v.(string)
	if !isText {
		t.Fatalf("no link at %s", strings.Join(path, "/"))
	}
	return s
}

// inBubble runs a check for one dialect in virtual time.
func inBubble(t *testing.T, dialect string, o Options, check func(t *testing.T, r *Rack, c *client)) {
	t.Run(dialect, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, err := New(testDesign(dialect), o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}()
			c := newClient(t, r, dialect)
			c.login(r)
			check(t, r, c)
			c.http.CloseIdleConnections()
		})
	})
}

// package of a component, as firmware tools make them.
func testImage(t testing.TB, dialect, component, version string) []byte {
	t.Helper()
	img, err := firmware.BuildPackage(firmware.Spec{Version: firmware.SimulatedName("test_"+dialect, component, version),
		Released: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Descriptors: []firmware.Descriptor{{Type: 1, Data: []byte{1, 2, 3, 4}}},
		Components: []firmware.ComponentSpec{{ID: 0x10, Version: version, Image: bytes.Repeat([]byte{0xA5}, 4096)}}})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// push sends an image the way the service offers; it must be accepted.
func (c *client) push(img []byte, params obj) reply {
	c.t.Helper()
	a := c.pushAny(img, params)
	if a.status != http.StatusAccepted {
		c.t.Fatalf("push: %d %s", a.status, a.raw)
	}
	return a
}

func (c *client) pushAny(img []byte, params obj) reply {
	c.t.Helper()
	svc := c.get("/redfish/v1/UpdateService")
	uri, _ := svc["MultipartHttpPushUri"].(string)
	if uri == "" {
		a, err := c.do("POST", svc["HttpPushUri"].(string), img, "Content-Type", "application/octet-stream")
		if err != nil {
			c.t.Fatal(err)
		}
		return a
	}
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	part := func(name, typ, file string, data []byte) {
		h := textproto.MIMEHeader{"Content-Type": {typ}, "Content-Disposition": {fmt.Sprintf(`form-data; name=%q%s`, name, file)}}
		p, err := w.CreatePart(h)
		if err == nil {
			_, err = p.Write(data)
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
	part("UpdateParameters", "application/json", "", encode(params))
	part("UpdateFile", "application/octet-stream", `; filename="image.fwpkg"`, img)
	if err := w.Close(); err != nil {
		c.t.Fatal(err)
	}
	a, err := c.do("POST", uri, buf.Bytes(), "Content-Type", w.FormDataContentType())
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// system finds the host by its Reset action.
func (c *client) system() obj {
	c.t.Helper()
	list := c.get("/redfish/v1/Systems")["Members"].([]any)
	for _, m := range list {
		o := c.get(link(c.t, m.(obj), "@odata.id"))
		if o["Actions"] != nil {
			return o
		}
	}
	c.t.Fatal("no system can be reset")
	return nil
}

func (c *client) reset(kind string) {
	c.t.Helper()
	target := link(c.t, c.system(), "Actions", "#ComputerSystem.Reset", "target")
	r, err := c.do("POST", target, obj{"ResetType": kind})
	if err != nil || r.status >= 300 {
		c.t.Fatalf("reset %s: %d %v %s", kind, r.status, err, r.raw)
	}
}

// cold takes the power away and gives it back, by the strongest verb that the dialect has.
func (c *client) cold(r *Rack) {
	c.t.Helper()
	c.reset("ForceOff")
	time.Sleep(20 * time.Second)
	if c.node == dialectOpenBMC {
		c.must(http.StatusNoContent, "POST", r.BMC(c.node).dia.auxAction.uri, obj{"ResetType": "AuxPowerCycle"})
		time.Sleep(5 * time.Minute)
		c.login(r)
	}
	c.reset("On")
}

// onReset are parameters of a push that let it wait for the next reset, where the service can.
func onReset(b *BMC) obj {
	p := obj{"Targets": []any{}}
	if slices.Contains(b.dia.update.applyTimes, "OnReset") {
		p["@Redfish.OperationApplyTime"] = "OnReset"
	}
	if b.dia.update.preserveNVRAM {
		p["Oem"] = obj{"Supermicro": obj{"BIOS": obj{"PreserveNVRAM": true}}}
	}
	return p
}

// makeVolume asks for a mirror of the first two free drives of a RAID controller, where there is one.
func (c *client) makeVolume(r *Rack) (uri string, made bool) {
	c.t.Helper()
	for _, m := range c.get(link(c.t, c.system(), "Storage"))["Members"].([]any) {
		o := c.get(link(c.t, m.(obj), "@odata.id"))
		ctl := r.BMC(c.node).store[slices.IndexFunc(r.BMC(c.node).store, func(x *controller) bool { return x.id == o["Id"] })]
		if !ctl.raid || o["Volumes"] == nil {
			continue
		}
		body := obj{"RAIDType": "RAID1", "Name": "os", "Links": obj{"Drives": o["Drives"]}}
		if r.BMC(c.node).dia.storage.applyTimes != nil {
			body["@Redfish.OperationApplyTime"] = "OnReset"
		}
		a, err := c.do("POST", link(c.t, o, "Volumes"), body)
		if err != nil || a.status >= 300 {
			c.t.Fatalf("make a volume: %d %v %s", a.status, err, a.raw)
		}
		return link(c.t, o, "Volumes"), true
	}
	return "", false
}

package recorded_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/sim/recorded"
)

// small is a hand-made service with one of everything that a server has to understand.
var small = map[string]string{
	"/redfish/v1": `{"@odata.id":"/redfish/v1/","RedfishVersion":"1.15.0",
	  "ProtocolFeaturesSupported":{"ExpandQuery":{"NoLinks":true,"Levels":true,"MaxLevels":2}},
	  "Systems":{"@odata.id":"/redfish/v1/Systems"},"UpdateService":{"@odata.id":"/redfish/v1/UpdateService"},
	  "Tasks":{"@odata.id":"/redfish/v1/TaskService"},"Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}}}`,
	"/redfish/v1/Systems": `{"@odata.id":"/redfish/v1/Systems","Members":[{"@odata.id":"/redfish/v1/Systems/A"}]}`,
	"/redfish/v1/Systems/A": `{"@odata.id":"/redfish/v1/Systems/A","@odata.type":"#ComputerSystem.v1_20_0.ComputerSystem","PowerState":"On",
	  "Boot":{"BootSourceOverrideEnabled":"Disabled","BootSourceOverrideTarget":"None","BootSourceOverrideTarget@Redfish.AllowableValues":["None","Pxe"]},
	  "Bios":{"@odata.id":"/redfish/v1/Systems/A/Bios"},"Links":{"Chassis":[{"@odata.id":"/redfish/v1/Chassis/C"}]},
	  "Actions":{"#ComputerSystem.Reset":{"target":"/redfish/v1/Systems/A/Actions/ComputerSystem.Reset","@Redfish.ActionInfo":"/redfish/v1/Systems/A/ResetActionInfo"}}}`,
	"/redfish/v1/Systems/A/ResetActionInfo": `{"Parameters":[{"Name":"ResetType","AllowableValues":["On","ForceOff","ForceRestart"]}]}`,
	"/redfish/v1/Systems/A/Bios": `{"@odata.id":"/redfish/v1/Systems/A/Bios","@odata.etag":"W/\"1\"","Attributes":{"Turbo":"On","Cores":8},
	  "@Redfish.Settings":{"SettingsObject":{"@odata.id":"/redfish/v1/Systems/A/Bios/SD"}}}`,
	"/redfish/v1/Systems/A/Bios/SD":      `{"@odata.id":"/redfish/v1/Systems/A/Bios/SD","Attributes":{}}`,
	"/redfish/v1/Systems/A/Logs":         `{"Members":[{"@odata.id":"/redfish/v1/Systems/A/Logs/1"}],"Members@odata.nextLink":"/redfish/v1/Systems/A/Logs?$skip=1"}`,
	"/redfish/v1/Systems/A/Logs?$skip=1": `{"Members":[{"@odata.id":"/redfish/v1/Systems/A/Logs/2"}]}`,
	"/redfish/v1/Systems/A/Volumes":      `{"@odata.id":"/redfish/v1/Systems/A/Volumes","@odata.type":"#VolumeCollection.VolumeCollection","Members":[]}`,
	"/redfish/v1/Systems/A/Drives/0":     `{"CapacityBytes":1000}`,
	"/redfish/v1/Media": `{"@odata.type":"#VirtualMedia.v1_6_0.VirtualMedia","Image":null,"Inserted":false,"Actions":{
	  "#VirtualMedia.InsertMedia":{"target":"/redfish/v1/Media/Insert"},"#VirtualMedia.EjectMedia":{"target":"/redfish/v1/Media/Eject"}}}`,
	"/redfish/v1/UpdateService": `{"MultipartHttpPushUri":"/redfish/v1/UpdateService/push","Actions":{
	  "#UpdateService.SimpleUpdate":{"target":"/redfish/v1/UpdateService/Actions/SimpleUpdate"}}}`,
	"/redfish/v1/TaskService":             `{"Tasks":{"@odata.id":"/redfish/v1/TaskService/Tasks"}}`,
	"/redfish/v1/SessionService/Sessions": `{"@odata.id":"/redfish/v1/SessionService/Sessions","Members":[]}`,
}

type client struct {
	t     *testing.T
	h     http.Handler
	token string
}

func (c *client) do(method, uri string, body any, headers ...string) (*http.Response, map[string]any) {
	c.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	req := httptest.NewRequest(method, uri, r)
	if c.token != "" {
		req.Header.Set("X-Auth-Token", c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, req)
	res := w.Result()
	defer res.Body.Close()
	var m map[string]any
	_ = json.NewDecoder(res.Body).Decode(&m) // an empty answer leaves nil
	return res, m
}

func (c *client) want(code int, method, uri string, body any, headers ...string) (*http.Response, map[string]any) {
	c.t.Helper()
	res, m := c.do(method, uri, body, headers...)
	if res.StatusCode != code {
		c.t.Fatalf("%s %s: status %d, want %d: %v", method, uri, res.StatusCode, code, m)
	}
	return res, m
}

func newSmall(t *testing.T, opt recorded.Options) (*client, *recorded.Server) {
	t.Helper()
	res := map[string]json.RawMessage{}
	for k, v := range small {
		res[k] = json.RawMessage(v)
	}
	tree, err := recorded.FromResources(res)
	if err != nil {
		t.Fatal(err)
	}
	s := recorded.NewServer(tree, opt)
	return &client{t: t, h: s}, s
}

func TestReads(t *testing.T) {
	c, _ := newSmall(t, recorded.Options{})
	c.want(200, "GET", "/redfish/v1/", nil)
	c.want(200, "GET", "/REDFISH/v1/systems/a/", nil)
	c.want(404, "GET", "/redfish/v1/Systems//A", nil)
	_, m := c.want(404, "GET", "/redfish/v1/Systems/A/Logs/1", nil)
	if _, ok := m["error"].(map[string]any)["@Message.ExtendedInfo"]; !ok {
		t.Errorf("404 without ExtendedInfo: %v", m)
	}
	c.want(200, "GET", "/redfish/v1/Systems/A/Logs?%24skip=1", nil)
	c.want(404, "GET", "/redfish/v1/Systems/A/Logs?$skip=2", nil)
	c.want(405, "PUT", "/redfish/v1/Systems/A", nil)

	_, m = c.want(200, "GET", "/redfish/v1/Systems?$expand=.($levels=1)", nil)
	first := m["Members"].([]any)[0].(map[string]any)
	if first["PowerState"] != "On" {
		t.Errorf("$expand=. was announced and did not expand: %v", m)
	}
	_, m = c.want(200, "GET", "/redfish/v1/Systems?$expand=*", nil)
	if len(m["Members"].([]any)[0].(map[string]any)) != 1 {
		t.Errorf("$expand=* was not announced and expanded all the same")
	}

	res, _ := c.want(200, "GET", "/redfish/v1/Systems/A/Bios", nil)
	if got := res.Header.Get("ETag"); got != `W/"1"` {
		t.Errorf("ETag %q, want the body's", got)
	}
	c.want(304, "GET", "/redfish/v1/Systems/A/Bios", nil, "If-None-Match", `"1"`)
}

func TestSessions(t *testing.T) {
	c, s := newSmall(t, recorded.Options{User: "admin", Password: "right", MaxSessions: 2})
	c.want(200, "GET", "/redfish/v1", nil)
	c.want(401, "GET", "/redfish/v1/Systems", nil)
	login := func(code int, pass string) string {
		res, _ := c.want(code, "POST", "/redfish/v1/SessionService/Sessions", map[string]any{"UserName": "admin", "Password": pass})
		c.token = res.Header.Get("X-Auth-Token")
		return res.Header.Get("Location")
	}
	login(401, "wrong")
	uri := login(201, "right")
	tok := c.token
	c.want(200, "GET", "/redfish/v1/Systems", nil)
	_, m := c.want(200, "GET", "/redfish/v1/SessionService/Sessions", nil)
	if len(m["Members"].([]any)) != 1 {
		t.Errorf("the session is not listed: %v", m)
	}
	login(201, "right")
	login(503, "right")
	c.token = tok
	c.want(204, "DELETE", uri, nil)
	c.want(401, "GET", "/redfish/v1/Systems", nil)
	if n := s.OpenSessions(); n != 1 {
		t.Errorf("%d sessions open, want 1", n)
	}
	c.token = ""
	req := httptest.NewRequest("GET", "/redfish/v1/Systems", nil)
	req.SetBasicAuth("admin", "right")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	if w.Code != 200 {
		t.Errorf("Basic: %d", w.Code)
	}
	if got, want := s.Counts(), (recorded.Counts{Requests: 11, SessionsOpened: 2, SessionsClosed: 1, FailedLogins: 1}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}

func TestPendingBIOS(t *testing.T) {
	c, _ := newSmall(t, recorded.Options{})
	const bios, sd = "/redfish/v1/Systems/A/Bios", "/redfish/v1/Systems/A/Bios/SD"
	c.want(400, "PATCH", bios, map[string]any{"Attributes": map[string]any{"Turbo": "Off"}})
	_, m := c.want(400, "PATCH", sd, map[string]any{"Attributes": map[string]any{"Tubro": "Off"}})
	if !strings.Contains(m["error"].(map[string]any)["code"].(string), "PropertyUnknown") {
		t.Errorf("unknown attribute: %v", m)
	}
	c.want(412, "PATCH", sd, map[string]any{"Attributes": map[string]any{"Turbo": "Off"}}, "If-Match", `"stale"`)
	c.want(204, "PATCH", sd, map[string]any{"Attributes": map[string]any{"Turbo": "Off"},
		"@Redfish.SettingsApplyTime": map[string]any{"ApplyTime": "OnReset"}})
	value := func(uri string) any {
		_, m := c.want(200, "GET", uri, nil)
		return m["Attributes"].(map[string]any)["Turbo"]
	}
	if value(bios) != "On" || value(sd) != "Off" {
		t.Fatalf("before the reset: current %v, pending %v", value(bios), value(sd))
	}
	c.want(400, "POST", "/redfish/v1/Systems/A/Actions/ComputerSystem.Reset", map[string]any{"ResetType": "PowerCycle"})
	c.want(204, "POST", "/redfish/v1/Systems/A/Actions/ComputerSystem.Reset", map[string]any{"ResetType": "ForceRestart"})
	if value(bios) != "Off" || value(sd) != nil {
		t.Errorf("after the reset: current %v, pending %v", value(bios), value(sd))
	}
}

func TestPowerAndBoot(t *testing.T) {
	c, _ := newSmall(t, recorded.Options{})
	const sys, act = "/redfish/v1/Systems/A", "/redfish/v1/Systems/A/Actions/ComputerSystem.Reset"
	c.want(400, "PATCH", sys, map[string]any{"Boot": map[string]any{"BootSourceOverrideTarget": "Floppy"}})
	c.want(204, "PATCH", sys, map[string]any{"Boot": map[string]any{"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}})
	c.want(204, "POST", act, map[string]any{"ResetType": "ForceOff"})
	_, m := c.want(200, "GET", sys, nil)
	if m["PowerState"] != "Off" || m["Boot"].(map[string]any)["BootSourceOverrideTarget"] != "Pxe" {
		t.Errorf("off: %v", m)
	}
	c.want(204, "POST", act, map[string]any{"ResetType": "On"})
	_, m = c.want(200, "GET", sys, nil)
	if m["PowerState"] != "On" || m["Boot"].(map[string]any)["BootSourceOverrideEnabled"] != "Disabled" {
		t.Errorf("on again: %v", m)
	}
}

func TestMediaVolumesTasks(t *testing.T) {
	c, _ := newSmall(t, recorded.Options{})
	c.want(400, "POST", "/redfish/v1/Media/Insert", map[string]any{})
	c.want(204, "POST", "/redfish/v1/Media/Insert", map[string]any{"Image": "http://mirror/os.iso"})
	c.want(409, "POST", "/redfish/v1/Media/Insert", map[string]any{"Image": "http://mirror/os.iso"})
	c.want(204, "POST", "/redfish/v1/Media/Eject", map[string]any{})
	_, m := c.want(200, "GET", "/redfish/v1/Media", nil)
	if m["Inserted"] != false || m["Image"] != nil {
		t.Errorf("ejected: %v", m)
	}

	res, _ := c.want(201, "POST", "/redfish/v1/Systems/A/Volumes", map[string]any{"RAIDType": "RAID1", "Name": "boot",
		"Links": map[string]any{"Drives": []any{map[string]any{"@odata.id": "/redfish/v1/Systems/A/Drives/0"}}}})
	vol := res.Header.Get("Location")
	_, m = c.want(200, "GET", vol, nil)
	if m["CapacityBytes"] != 1000.0 {
		t.Errorf("volume: %v", m)
	}
	c.want(204, "DELETE", vol, nil)
	c.want(404, "GET", vol, nil)

	c.want(400, "POST", "/redfish/v1/UpdateService/push", "")
	res, _ = c.want(202, "POST", "/redfish/v1/UpdateService/push",
		"--b\r\nContent-Disposition: form-data; name=\"UpdateFile\"; filename=\"a.bin\"\r\n\r\nimage\r\n--b--\r\n",
		"Content-Type", "multipart/form-data; boundary=b")
	var states []string
	for range 4 {
		_, m = c.want(200, "GET", res.Header.Get("Location"), nil)
		states = append(states, m["TaskState"].(string))
	}
	if got := strings.Join(states, " "); got != "Running Running Completed Completed" {
		t.Errorf("task states %s", got)
	}
	c.want(400, "POST", "/redfish/v1/UpdateService/Actions/SimpleUpdate", map[string]any{})
}

func TestStart(t *testing.T) {
	_, s := newSmall(t, recorded.Options{})
	l, err := s.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hc := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // the pin is compared below
		VerifyConnection: func(cs tls.ConnectionState) error {
			sum := sha256.Sum256(cs.PeerCertificates[0].RawSubjectPublicKeyInfo)
			if hex.EncodeToString(sum[:]) != l.PinSHA256 {
				t.Errorf("the served key is not the pinned one")
			}
			return nil
		}}}}
	res, err := hc.Get(l.URL + "/redfish/v1")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	hc.CloseIdleConnections()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestLoadFolder reads a folder whose service root has a folder above it, as DMTF's mock-up creator writes it.
func TestLoadFolder(t *testing.T) {
	dir := t.TempDir()
	for uri, body := range small {
		p := filepath.Join(dir, "mockup", filepath.FromSlash(uri))
		if err := os.MkdirAll(p, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p, "index.json"), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, root := range []string{dir, filepath.Join(dir, "mockup"), filepath.Join(dir, "mockup", "redfish", "v1")} {
		tree, err := recorded.Load(root)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(tree.Paths()), len(maps.Clone(small)); got != want {
			t.Errorf("%s: %d resources, want %d: %v", root, got, want, tree.Paths())
		}
	}
	if _, err := recorded.Load(t.TempDir()); err == nil {
		t.Error("an empty folder was taken for a tree")
	}
}

// TestRecordedTrees serves each recorded tree and asks for every resource, every page and a few dangling links.
func TestRecordedTrees(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(sharedRedfish(t), "*.tar.gz"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no trees: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".tar.gz"), func(t *testing.T) {
			tree, err := recorded.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			c := &client{t: t, h: recorded.NewServer(tree, recorded.Options{})}
			for _, p := range tree.Paths() {
				req := httptest.NewRequest("GET", "/", nil)
				req.URL.Path, req.URL.RawQuery, _ = strings.Cut(p, "?")
				w := httptest.NewRecorder()
				c.h.ServeHTTP(w, req)
				raw, _ := tree.Raw(p)
				if p != "/redfish" && (w.Code != 200 || !bytes.Equal(w.Body.Bytes(), raw)) {
					t.Errorf("%s: status %d or other bytes", p, w.Code)
				}
			}
			c.want(404, "GET", "/redfish/v1/NoSuchThing", nil)
		})
	}
}

// sharedRedfish finds the recorded trees beside the project, or skips; METALWRIGHT_LAB=require makes that a failure.
func sharedRedfish(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	p := filepath.Join(dir, "..", "shared", "redfish")
	if _, err := os.Stat(p); err != nil {
		if os.Getenv("METALWRIGHT_LAB") == "require" {
			t.Fatalf("recorded trees are absent: looked for ../shared/redfish")
		}
		t.Skip("recorded trees are absent: looked for ../shared/redfish")
	}
	return p
}

package sim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
)

type obj = map[string]any

// probe asks one BMC without a network: its handler is called, and an answer that is cut off is an error.
type probe struct {
	t         testing.TB
	rack      *sim.Rack
	bmc       *sim.BMC
	node, dia string
	hardware  string // key without "server."
	token     string
	session   string
	basic     []string                          // user and password, instead of a session
	seen      func(method, uri string, r reply) // every answer is shown here
	asked     func(request)                     // and every request here
	own       map[string]messageRegistry        // published by the service itself
}

type reply struct {
	status int
	header http.Header
	raw    []byte
	obj    obj
}

var errCut = errors.New("the answer was cut off")

// lab resolves the catalog's lab-1rack, a node of each dialect.
var lab = sync.OnceValues(func() (rack.Design, error) {
	c, err := catalog.Load()
	if err != nil {
		return rack.Design{}, err
	}
	bp, diags := blueprint.Parse(c.Blueprints["lab-1rack"])
	d, more := blueprint.Resolve(bp, blueprint.Options{Catalog: c, Now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)})
	withFabric(&d, c)
	return d, append(diags, more...).Err()
})

// withFabric puts every node on a small Ethernet fabric, so that what ports tell of their neighbours is held against the schemas too.
func withFabric(d *rack.Design, c catalog.Catalog) {
	f := rack.Fabric{Address: "fabric.lab", Name: "lab", Design: "fabric.lab_rail2"}
	for _, n := range d.Nodes {
		f.Attach = append(f.Attach, n.Address)
	}
	d.Hardware["fabric.lab_rail2"], d.Hardware["switch.sn5600"] = c.Hardware["fabric.lab_rail2"], c.Hardware["switch.sn5600"]
	d.Fabrics = []rack.Fabric{f}
	fabric.Resolve(d)
}

func labDesign(t testing.TB) rack.Design {
	t.Helper()
	d, err := lab()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// eachDialect runs a check on every node of lab-1rack, in virtual time, and fails when a dialect has none.
func eachDialect(t *testing.T, o sim.Options, check func(p *probe)) {
	t.Helper()
	onDialects(t, sim.Dialects(), o, check)
}

func onDialects(t *testing.T, dialects []string, o sim.Options, check func(p *probe)) {
	t.Helper()
	d := labDesign(t)
	o.Fetch = func(url string) (io.ReadCloser, error) { return nil, fmt.Errorf("there is nothing at %s", url) }
	for _, dialect := range dialects {
		at := slices.IndexFunc(d.Nodes, func(n rack.Node) bool { return d.Hardware[n.Hardware].Dialect == dialect })
		if at < 0 {
			t.Errorf("lab-1rack has no node of dialect %s", dialect)
			continue
		}
		n := d.Nodes[at]
		t.Run(strings.Join(append([]string{dialect}, o.Faults...), "/"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := sim.New(d, o)
				if err != nil {
					t.Fatal(err)
				}
				p := &probe{t: t, rack: r, bmc: r.BMC(n.Name), node: n.Name, dia: dialect,
					hardware: strings.TrimPrefix(n.Hardware, "server."), own: map[string]messageRegistry{}}
				check(p)
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// do sends one request. A body is bytes or what becomes JSON; headers come in pairs and may empty a default.
func (p *probe) do(method, uri string, body any, header ...string) (r reply, err error) {
	p.t.Helper()
	raw, isBytes := body.([]byte)
	if body != nil && !isBytes {
		if raw, err = json.Marshal(body); err != nil {
			p.t.Fatal(err)
		}
	}
	req := httptest.NewRequestWithContext(p.t.Context(), method, "https://"+p.node+".sim"+uri, bytes.NewReader(raw))
	if raw != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if p.asked != nil {
		p.asked(request{time.Now(), method, uri, body, header})
	}
	switch {
	case p.basic != nil:
		req.SetBasicAuth(p.basic[0], p.basic[1])
	case p.token != "":
		req.Header.Set("X-Auth-Token", p.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	w := httptest.NewRecorder()
	func() {
		defer func() {
			switch e := recover(); e {
			case nil:
			case http.ErrAbortHandler:
				err = errCut
			default:
				panic(e)
			}
		}()
		p.bmc.ServeHTTP(w, req)
	}()
	r = reply{status: w.Code, header: w.Header(), raw: w.Body.Bytes()}
	if err != nil {
		return r, err
	}
	_ = json.Unmarshal(r.raw, &r.obj)
	if p.seen != nil {
		p.seen(method, uri, r)
	}
	return r, nil
}

// must is do with an answer of one of the classes given: 2 for 2xx, or a whole status.
func (p *probe) must(want int, method, uri string, body any, header ...string) reply {
	p.t.Helper()
	r, err := p.do(method, uri, body, header...)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, uri, err)
	}
	if r.status != want && r.status/100 != want {
		p.t.Fatalf("%s %s: status %d, want %d: %s", method, uri, r.status, want, r.raw)
	}
	return r
}

func (p *probe) get(uri string) obj {
	p.t.Helper()
	return p.must(http.StatusOK, "GET", uri, nil).obj
}

func (p *probe) login() {
	p.t.Helper()
	user, pass := p.rack.Credentials(p.node)
	p.token = ""
	r := p.must(http.StatusCreated, "POST", "/redfish/v1/SessionService/Sessions", obj{"UserName": user, "Password": pass})
	p.token, p.session = r.header.Get("X-Auth-Token"), r.header.Get("Location")
}

// logout gives the session back, if it still lives.
func (p *probe) logout() {
	p.t.Helper()
	if _, err := p.do("DELETE", p.session, nil); err != nil {
		p.t.Fatal(err)
	}
	p.token = ""
}

// awake waits until the BMC answers.
func (p *probe) awake() {
	p.t.Helper()
	for range 120 {
		if _, err := p.do("GET", "/redfish/v1", nil); err == nil {
			return
		}
		time.Sleep(5 * time.Second)
	}
	p.t.Fatal("the BMC does not come back")
}

// at follows names from a resource to a value.
func at(v any, path ...string) any {
	for _, k := range path {
		o, _ := v.(obj)
		v = o[k]
	}
	return v
}

// link follows names from a resource to a URI; "" when there is none.
func link(v any, path ...string) string {
	v = at(v, path...)
	if o, isObj := v.(obj); isObj {
		v = o["@odata.id"]
	}
	s, _ := v.(string)
	return s
}

// members reads all pages of a collection.
func (p *probe) members(uri string) []string {
	p.t.Helper()
	var out []string
	for uri != "" {
		o := p.get(uri)
		list, _ := o["Members"].([]any)
		for _, m := range list {
			if l := link(m); !slices.Contains(out, l) {
				out = append(out, l)
			}
		}
		uri, _ = o["Members@odata.nextLink"].(string)
	}
	return out
}

// system is the host: the System that can be reset.
func (p *probe) system() obj {
	p.t.Helper()
	for _, uri := range p.members("/redfish/v1/Systems") {
		if o := p.get(uri); at(o, "Actions", "#ComputerSystem.Reset") != nil {
			return o
		}
	}
	p.t.Fatal("no system can be reset")
	return nil
}

func (p *probe) manager() obj {
	p.t.Helper()
	return p.get(p.members("/redfish/v1/Managers")[0])
}

func (p *probe) reset(kind string) reply {
	p.t.Helper()
	return p.must(2, "POST", link(p.system(), "Actions", "#ComputerSystem.Reset", "target"), obj{"ResetType": kind})
}

// image is a firmware package for this node.
func (p *probe) image(hardware, component, version string) []byte {
	p.t.Helper()
	img, err := firmware.BuildPackage(firmware.Spec{Version: firmware.SimulatedName(hardware, component, version),
		Released: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Descriptors: []firmware.Descriptor{{Type: 1, Data: []byte{1, 2, 3, 4}}},
		Components: []firmware.ComponentSpec{{ID: 0x10, Version: version, Image: bytes.Repeat([]byte{0xA5}, 64)}}})
	if err != nil {
		p.t.Fatal(err)
	}
	return img
}

// push sends an image the way the service offers, for the next reset where it can say so.
func (p *probe) push(img []byte) reply {
	p.t.Helper()
	svc := p.get("/redfish/v1/UpdateService")
	uri, _ := svc["MultipartHttpPushUri"].(string)
	if uri == "" {
		r, err := p.do("POST", svc["HttpPushUri"].(string), img, "Content-Type", "application/octet-stream")
		if err != nil {
			p.t.Fatal(err)
		}
		return r
	}
	params := obj{"Targets": []any{}}
	if slices.Contains(strs(at(svc, "MultipartHttpPushUri@Redfish.OperationApplyTimeSupport", "SupportedValues")), "OnReset") {
		params["@Redfish.OperationApplyTime"] = "OnReset"
	}
	text, _ := json.Marshal(params)
	body, typ := form(p.t, "UpdateParameters", text, "UpdateFile", img)
	r, err := p.do("POST", uri, body, "Content-Type", typ)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// form writes a multipart body of a JSON part and a file.
func form(t testing.TB, json string, text []byte, file string, data []byte) (body []byte, contentType string) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for _, part := range []struct {
		head textproto.MIMEHeader
		data []byte
	}{
		{textproto.MIMEHeader{"Content-Type": {"application/json"}, "Content-Disposition": {fmt.Sprintf("form-data; name=%q", json)}}, text},
		{textproto.MIMEHeader{"Content-Type": {"application/octet-stream"},
			"Content-Disposition": {fmt.Sprintf("form-data; name=%q; filename=%q", file, "image.fwpkg")}}, data},
	} {
		dst, err := w.CreatePart(part.head)
		if err == nil {
			_, err = dst.Write(part.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), w.FormDataContentType()
}

func strs(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s, isText := e.(string); isText {
			out = append(out, s)
		}
	}
	return out
}

// page is one resource of a walk.
type page struct {
	uri string
	reply
}

// walk reads everything that can be reached from the service root, page by page.
func (p *probe) walk() []page {
	p.t.Helper()
	queue, known := []string{"/redfish", "/redfish/v1", "/redfish/v1/odata"}, map[string]bool{}
	var out []page
	for len(queue) > 0 {
		uri := queue[0]
		queue = queue[1:]
		key := strings.TrimRight(uri, "/")
		if known[key] {
			continue
		}
		known[key] = true
		r, err := p.do("GET", uri, nil)
		if err != nil {
			p.t.Fatalf("GET %s: %v", uri, err)
		}
		out = append(out, page{uri, r})
		each(r.obj, func(o obj) {
			for _, k := range []string{"@odata.id", "@Redfish.ActionInfo", "Members@odata.nextLink", "Uri", "TaskMonitor"} {
				if s, isText := o[k].(string); isText {
					s, _, _ = strings.Cut(s, "#")
					queue = append(queue, s)
				}
			}
		})
	}
	return out
}

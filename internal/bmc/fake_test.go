package bmc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

type obj = map[string]any

// fake is a BMC in memory: resources by path, and what happens on a write. It shows what is said, which a simulator
// does not.
type fake struct {
	mu  sync.Mutex
	res map[string]obj
	on  map[string]func(body obj) (*redfish.Response, error) // "POST /path"
	log []string                                             // "PATCH /path {body}"
	got map[string]int                                       // reads, by path
	bad map[string]error                                     // what a read of a path answers instead
}

const (
	sysPath = "/redfish/v1/Systems/1"
	bmcPath = "/redfish/v1/Managers/1"
	updPath = "/redfish/v1/UpdateService"
	tasks   = "/redfish/v1/TaskService/Tasks"
)

func newFake(vendor string) *fake {
	f := &fake{res: map[string]obj{}, on: map[string]func(obj) (*redfish.Response, error){}, got: map[string]int{}, bad: map[string]error{}}
	f.put("/redfish/v1/", obj{"Vendor": vendor, "RedfishVersion": "1.15.0", "Systems": ref("/redfish/v1/Systems"),
		"Managers": ref("/redfish/v1/Managers"), "Chassis": ref("/redfish/v1/Chassis"), "UpdateService": ref(updPath),
		"Tasks": ref("/redfish/v1/TaskService")})
	f.put(sysPath, obj{"Id": "1", "PowerState": "On", "LastResetTime": "2026-01-01T00:00:00Z",
		"BootProgress": obj{"LastState": "OSRunning"}, "Bios": ref(sysPath + "/Bios"),
		"Boot": obj{"BootOrder": []any{"B1", "B2", "B3"}, "BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None",
			"BootSourceOverrideMode": "UEFI", "BootSourceOverrideTarget@Redfish.AllowableValues": []any{"None", "Pxe", "Cd", "UsbCd"}},
		"Actions": obj{"#ComputerSystem.Reset": obj{"target": sysPath + "/Reset",
			"ResetType@Redfish.AllowableValues": []any{"On", "ForceOff", "ForceRestart"}}}})
	f.put(bmcPath, obj{"Id": "1", "ManagerType": "BMC", "LastResetTime": "2026-01-01T00:00:00Z", "VirtualMedia": ref(bmcPath + "/Media"),
		"Actions": obj{"#Manager.Reset": obj{"target": bmcPath + "/Reset", "ResetType@Redfish.AllowableValues": []any{"ForceRestart"}}}})
	f.put("/redfish/v1/TaskService", obj{"Tasks": ref(tasks)})
	f.put(updPath, obj{"MultipartHttpPushUri": updPath + "/upload", "FirmwareInventory": ref(updPath + "/FirmwareInventory")})
	f.put(sysPath+"/Bios", obj{"Attributes": obj{"A": "1", "B": "x"}, "@Redfish.Settings": obj{"SettingsObject": ref(sysPath + "/Bios/SD")}})
	f.put(sysPath+"/Bios/SD", obj{"Attributes": obj{}})
	return f
}

func ref(path string) obj { return obj{"@odata.id": path} }

func (f *fake) put(path string, o obj) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.res[path] = o
}

// set changes one property, found by its keys.
func (f *fake) set(path string, value any, keys ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.res[path]
	for _, k := range keys[:len(keys)-1] {
		next, ok := o[k].(obj)
		if !ok {
			next = obj{}
			o[k] = next
		}
		o = next
	}
	o[keys[len(keys)-1]] = value
}

func (f *fake) said(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, l := range f.log {
		if strings.HasPrefix(l, prefix) {
			out = append(out, l)
		}
	}
	return out
}

func status(code int, ids ...string) error {
	return &redfish.Error{Kind: redfish.Answered, Status: code, MessageIDs: ids, Method: "test", URI: "test"}
}

// cut is a request that was sent and got no answer.
func cut() error {
	return &redfish.Error{Kind: redfish.Cut, Method: "test", Err: redfish.ErrSentUnknown}
}

func accept(task string) (*redfish.Response, error) {
	return &redfish.Response{Status: http.StatusAccepted, Location: task}, nil
}

func (f *fake) Get(ctx context.Context, uri string) (*redfish.Resource, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got[uri]++
	if err := f.bad[uri]; err != nil {
		return nil, err
	}
	o, ok := f.res[uri]
	if !ok {
		return nil, status(http.StatusNotFound)
	}
	b, err := json.Marshal(o) // a copy, as over a wire
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	var cp redfish.Object
	if err := dec.Decode(&cp); err != nil {
		return nil, err
	}
	cp["@odata.id"] = uri
	return &redfish.Resource{URI: uri, Obj: cp}, nil
}

func (f *fake) MemberURIs(_ context.Context, uri string) ([]string, []redfish.Problem, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got[uri]++
	var out []string
	for _, p := range slices.Sorted(maps.Keys(f.res)) {
		if rest, ok := strings.CutPrefix(p, strings.TrimRight(uri, "/")+"/"); ok && rest != "" && !strings.Contains(rest, "/") {
			out = append(out, p)
		}
	}
	return out, nil, nil
}

func (f *fake) Members(ctx context.Context, uri string) ([]*redfish.Resource, []redfish.Problem, error) {
	uris, _, _ := f.MemberURIs(ctx, uri)
	var out []*redfish.Resource
	var problems []redfish.Problem
	for _, u := range uris {
		r, err := f.Get(ctx, u)
		if err != nil {
			problems = append(problems, redfish.Problem{URI: u, Err: err})
			continue
		}
		out = append(out, r)
	}
	return out, problems, nil
}

func (f *fake) write(verb, uri string, body any) (*redfish.Response, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	var o obj
	_ = json.Unmarshal(b, &o) // a body that is no object has no properties
	f.mu.Lock()
	f.log = append(f.log, fmt.Sprintf("%s %s %s", verb, uri, b))
	do := f.on[verb+" "+uri]
	f.mu.Unlock()
	if do == nil {
		return nil, status(http.StatusMethodNotAllowed)
	}
	return do(o)
}

func (f *fake) Patch(_ context.Context, uri string, body any, _ redfish.PatchOptions) (*redfish.Response, error) {
	return f.write("PATCH", uri, body)
}

func (f *fake) Post(_ context.Context, uri string, body any) (*redfish.Response, error) {
	return f.write("POST", uri, body)
}

func (f *fake) PostUnless(ctx context.Context, uri string, body any, reached func(context.Context) (bool, error)) (*redfish.Response, error) {
	r, err := f.write("POST", uri, body)
	var e *redfish.Error
	if errors.As(err, &e) && reached != nil {
		if ok, rerr := reached(ctx); rerr == nil && ok {
			return &redfish.Response{Reached: true}, nil
		}
	}
	return r, err
}

func (f *fake) Push(_ context.Context, uri string, img redfish.Image, params any) (*redfish.Response, error) {
	if _, err := io.Copy(io.Discard, io.NewSectionReader(img, 0, img.SizeBytes)); err != nil {
		return nil, err
	}
	return f.write("PUSH", uri, params)
}

func (f *fake) PushRaw(_ context.Context, uri string, _ redfish.Image) (*redfish.Response, error) {
	return f.write("PUSH", uri, nil)
}

func (f *fake) Download(_ context.Context, uri string, w io.Writer, _ int64) (int64, error) {
	n, err := io.WriteString(w, "archive at "+uri)
	return int64(n), err
}

func (f *fake) Delete(_ context.Context, uri string) (*redfish.Response, error) {
	return f.write("DELETE", uri, nil)
}

func (f *fake) Adopt(id redfish.Identity) redfish.Set { return redfish.Quirks(id) }

// driver gives a driver of the fake.
func (f *fake) driver(opt Options) *Driver {
	c := &conn{rf: f, turn: make(chan struct{}, 1), pushes: map[string]bool{}, mine: map[string]push{}, settled: map[string]bool{}, resets: map[step.Activation]time.Time{}, moves: map[string]move{},
		posts: map[string]time.Time{}}
	return &Driver{c: c, opt: opt.withDefaults(), close: func(context.Context) error { return nil }}
}

// journal records what Act tells.
type journal struct{ ops []step.Op }

func (j *journal) record(op step.Op) error {
	j.ops = append(j.ops, op)
	return nil
}

func (j *journal) last() *step.Op {
	if len(j.ops) == 0 {
		return nil
	}
	return &j.ops[len(j.ops)-1]
}

func mustCheck(t *testing.T, d *Driver, s step.Step, op *step.Op, want step.Standing) step.State {
	t.Helper()
	st, err := d.Check(t.Context(), s, op)
	if err != nil {
		t.Fatalf("check %s: %v", s.Kind, err)
	}
	if st.Standing != want {
		t.Fatalf("check %s: %s (%s), want %s", s.Kind, st.Standing, st.Note, want)
	}
	return st
}

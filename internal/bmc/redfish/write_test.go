package redfish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// device is a resource with one property that PATCH changes.
type device struct {
	tag     string // current ETag, "" = none
	value   string
	patches []string // If-Match of each PATCH that arrived, "-" = none
	acts    int
}

func (d *device) get(w http.ResponseWriter) {
	if d.tag != "" {
		w.Header().Set("ETag", d.tag)
	}
	fmt.Fprintf(w, `{"@odata.id":%q,"Id":"1","AssetTag":%q,"Count":3,"Nested":{"A":[1,2.0]}}`, thing, d.value)
}

func (d *device) apply(r *http.Request) {
	var in struct{ AssetTag string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	d.value = in.AssetTag
	d.acts++
}

type answerer func(d *device, w http.ResponseWriter, r *http.Request, n int)

func actThen(f reply) answerer {
	return func(d *device, w http.ResponseWriter, r *http.Request, _ int) { d.apply(r); f(w, r) }
}
func only(f reply) answerer {
	return func(_ *device, w http.ResponseWriter, r *http.Request, _ int) { f(w, r) }
}
func first(n int, f, then answerer) answerer {
	return func(d *device, w http.ResponseWriter, r *http.Request, i int) {
		if i <= n {
			f(d, w, r, i)
		} else {
			then(d, w, r, i)
		}
	}
}

var fine = actThen(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })

func (d *device) serve(b *bmc, method, path string, f answerer) {
	b.setHook(func(w http.ResponseWriter, r *http.Request, n int) bool {
		switch {
		case r.URL.Path == thing && r.Method == http.MethodGet:
			d.get(w)
		case r.URL.Path == path && r.Method == method:
			m := r.Header.Get("If-Match")
			if m == "" {
				m = "-"
			}
			d.patches = append(d.patches, m)
			f(d, w, r, n)
		default:
			return false
		}
		return true
	})
}

// The PATCH column of the retry table: after a lost answer the device is read first, and the write repeated once at most.
func TestPatchRetries(t *testing.T) {
	for _, c := range []struct {
		name    string
		serve   answerer
		sent    int // PATCHes that arrived
		acts    int
		reached bool
		waited  time.Duration
		class   step.Class
		unknown bool
	}{
		{name: "good", serve: fine, sent: 1, acts: 1},
		{name: "cut before it acted", serve: first(1, only(reset), fine), sent: 2, acts: 1},
		{name: "cut after it acted", serve: actThen(reset), sent: 1, acts: 1, reached: true},
		{name: "half an answer after it acted", serve: actThen(half), sent: 1, acts: 1, reached: true},
		{name: "cut twice", serve: only(reset), sent: 2, class: step.Transient, unknown: true},
		{name: "no answer", serve: first(1, only(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}), fine), sent: 2, acts: 1, waited: writeTimeout},
		{name: "400", serve: only(status(400)), sent: 1, class: step.Rejected},
		{name: "400 though it acted", serve: actThen(status(400)), sent: 1, acts: 1, reached: true}, // R15
		{name: "409 though it acted", serve: actThen(status(409)), sent: 1, acts: 1, reached: true},
		{name: "404", serve: only(status(404)), sent: 1, class: step.Rejected},
		{name: "405", serve: only(status(405)), sent: 1, class: step.Unsupported},
		{name: "503", serve: first(2, only(status(503, "Retry-After", "3")), fine), sent: 3, acts: 1, waited: 6 * time.Second},
		{name: "429", serve: first(1, only(status(429)), fine), sent: 2, acts: 1, waited: 500 * time.Millisecond},
		{name: "503 for ever", serve: only(status(503)), sent: 6, waited: 15500 * time.Millisecond, class: step.Transient},
		{name: "500", serve: first(1, only(status(500)), fine), sent: 2, acts: 1},
		{name: "500 though it acted", serve: actThen(status(500)), sent: 1, acts: 1, reached: true},
		{name: "500 for ever", serve: only(status(500)), sent: 2, class: step.Transient},
		{name: "401", serve: first(1, only(status(401)), fine), sent: 2, acts: 1},
		{name: "401 for ever", serve: only(status(401)), sent: 2, class: step.Auth},
		{name: "POST under way", serve: only(func(w http.ResponseWriter, _ *http.Request) {
			redfishError(w, 400, "iLO.2.15.UnableToModifyDuringSystemPOST", "no")
		}), sent: 1, class: step.Transient}, // R8: later
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bmc, cl *Client) {
				d := &device{value: "old"}
				d.serve(b, http.MethodPatch, thing, c.serve)
				if _, err := cl.credential(t.Context()); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				r, err := cl.Patch(t.Context(), thing, map[string]any{"AssetTag": "new", "Count": 3, "Nested": map[string]any{"A": []int{1, 2}}}, PatchOptions{})
				if waited := time.Since(start).Truncate(500 * time.Millisecond); waited != c.waited {
					t.Errorf("waited %v, want %v", waited, c.waited)
				}
				if len(d.patches) != c.sent || d.acts != c.acts {
					t.Errorf("%d arrived and %d acted, want %d and %d", len(d.patches), d.acts, c.sent, c.acts)
				}
				if step.ClassOf(err) != c.class || IsSentUnknown(err) != c.unknown {
					t.Fatalf("class %q, want %q: %v", step.ClassOf(err), c.class, err)
				}
				if err == nil && r.Reached != c.reached {
					t.Errorf("reached %v", r.Reached)
				}
			})
		})
	}
}

// The POST column: without a question a lost answer ends it; with one, it is asked first and the action repeated once at most.
func TestPostRetries(t *testing.T) {
	const act = thing + "/Actions/ComputerSystem.Reset"
	for _, c := range []struct {
		name     string
		serve    answerer
		question bool
		sent     int
		acts     int
		class    step.Class
		unknown  bool
	}{
		{name: "good", serve: fine, sent: 1, acts: 1},
		{name: "cut, no question", serve: only(reset), sent: 1, class: step.Transient, unknown: true},
		{name: "cut after it acted, no question", serve: actThen(reset), sent: 1, acts: 1, class: step.Transient, unknown: true},
		{name: "cut after it acted", serve: actThen(reset), question: true, sent: 1, acts: 1},
		{name: "cut before it acted", serve: first(1, only(reset), fine), question: true, sent: 2, acts: 1},
		{name: "cut twice", serve: only(reset), question: true, sent: 2, class: step.Transient, unknown: true},
		{name: "500, no question", serve: only(status(500)), sent: 1, class: step.Transient, unknown: true},
		{name: "500 though it acted", serve: actThen(status(502)), question: true, sent: 1, acts: 1},
		{name: "400", serve: only(status(400)), question: true, sent: 1, class: step.Rejected},
		{name: "400 though it is so already", serve: actThen(status(400)), question: true, sent: 1, acts: 1},
		{name: "409, no question", serve: only(status(409)), sent: 1, class: step.Rejected},
		{name: "412", serve: only(status(412)), sent: 1, class: step.Rejected},
		{name: "503", serve: first(1, only(status(503, "Retry-After", "1")), fine), sent: 2, acts: 1},
		{name: "401", serve: first(1, only(status(401)), fine), sent: 2, acts: 1},
		{name: "307 to a slash", serve: first(1, only(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", act)
			w.WriteHeader(307)
		}), fine), sent: 2, acts: 1},
		{name: "302 would change the method", serve: only(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", act)
			w.WriteHeader(302)
		}), sent: 1, class: step.Rejected},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bmc, cl *Client) {
				d := &device{value: "old", tag: `"5"`}
				d.serve(b, http.MethodPost, act, c.serve)
				if _, err := cl.credential(t.Context()); err != nil {
					t.Fatal(err)
				}
				var q func(context.Context) (bool, error)
				if c.question {
					q = func(context.Context) (bool, error) { return d.value == "new", nil }
				}
				_, err := cl.PostUnless(t.Context(), act, map[string]string{"AssetTag": "new"}, q)
				if len(d.patches) != c.sent || d.acts != c.acts {
					t.Errorf("%d arrived and %d acted, want %d and %d", len(d.patches), d.acts, c.sent, c.acts)
				}
				if step.ClassOf(err) != c.class || IsSentUnknown(err) != c.unknown {
					t.Fatalf("class %q, want %q: %v", step.ClassOf(err), c.class, err)
				}
				if slices.ContainsFunc(d.patches, func(m string) bool { return m != "-" }) {
					t.Errorf("If-Match on an action (R3): %v", d.patches)
				}
			})
		})
	}
}

// The spellings of a tag (R4, R5, R6, R95), the demand for one (R2), and what is remembered.
func TestIfMatch(t *testing.T) {
	match := func(ok ...string) answerer {
		return func(d *device, w http.ResponseWriter, r *http.Request, _ int) {
			m := r.Header.Get("If-Match")
			switch {
			case slices.Contains(ok, m):
				fine(d, w, r, 0)
			case m == "":
				status(428)(w, r)
			default:
				status(412)(w, r)
			}
		}
	}
	for _, c := range []struct {
		name  string
		tag   string
		given string
		serve answerer
		want  []string // of two writes, one after the other
		fails bool
	}{
		{name: "none needed", tag: `"5"`, serve: fine, want: []string{"-", "-"}},
		{name: "given", tag: `"5"`, given: `"5"`, serve: match(`"5"`), want: []string{`"5"`, `"5"`}},
		{name: "given, empty", tag: `"5"`, given: `""`, serve: fine, want: []string{"-", "-"}},
		{name: "demanded", tag: `"5"`, serve: match(`"5"`), want: []string{"-", `"5"`, `"5"`}},
		{name: "demanded as 429", tag: `"5"`, serve: func(d *device, w http.ResponseWriter, r *http.Request, n int) {
			if r.Header.Get("If-Match") == "" {
				redfishError(w, 429, "Base.1.8.PreconditionRequired", "no")
				return
			}
			fine(d, w, r, n)
		}, want: []string{"-", `"5"`, `"5"`}},
		{name: "bare", tag: `"5"`, given: `"5"`, serve: match("5"), want: []string{`"5"`, "5", "5"}},
		{name: "weak", tag: `W/"5"`, given: `W/"5"`, serve: match(`"5"`), want: []string{`W/"5"`, `"5"`, `"5"`}},
		{name: "gzip", tag: `"5-gzip"`, given: `"5-gzip"`, serve: match(`"5"`), want: []string{`"5-gzip"`, `5-gzip`, `"5"`, `"5"`}},
		{name: "stale", tag: `"6"`, given: `"5"`, serve: match(`"6"`), want: []string{`"5"`, `"6"`, `"5"`, `"6"`}},
		{name: "none fits: once without", tag: `"5"`, given: `"5"`, serve: func(d *device, w http.ResponseWriter, r *http.Request, n int) {
			if r.Header.Get("If-Match") == "" {
				fine(d, w, r, n)
				return
			}
			status(412)(w, r)
		}, want: []string{`"5"`, "5", "-", `"5"`, "5", "-"}},
		{name: "demanded, and none is told (R96)", tag: "", serve: match(`"5"`), want: []string{"-"}, fails: true},
		{name: "none told, none needed (R96)", tag: "", given: "", serve: fine, want: []string{"-", "-"}},
		{name: "nothing fits", tag: `"5"`, given: `"5"`, serve: only(status(412)), want: []string{`"5"`, "5", "-"}, fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bmc, cl *Client) {
				d := &device{tag: c.tag, value: "old"}
				d.serve(b, http.MethodPatch, thing, c.serve)
				for range 2 {
					_, err := cl.Patch(t.Context(), thing, map[string]string{"AssetTag": "new"}, PatchOptions{ETag: c.given})
					if (err != nil) != c.fails {
						t.Fatalf("got %v after %v", err, d.patches)
					}
					if c.fails {
						break
					}
				}
				if !slices.Equal(d.patches, c.want) {
					t.Errorf("If-Match was %q, want %q", d.patches, c.want)
				}
			})
		})
	}
}

// After a refused tag the caller may find that the device has moved: then nothing more is sent.
func TestMoved(t *testing.T) {
	b := newBMC(t)
	d := &device{tag: `"6"`, value: "somebody else's"}
	d.serve(b, http.MethodPatch, thing, only(status(412)))
	c := b.client()
	_, err := c.Patch(t.Context(), thing, map[string]string{"AssetTag": "new"}, PatchOptions{
		ETag: `"5"`, Moved: func(r *Resource) bool { return r.Obj.Str("AssetTag") != "old" }})
	if !IsMoved(err) || step.ClassOf(err) != step.HasMoved || len(d.patches) != 1 {
		t.Errorf("%v, %v", d.patches, err)
	}
}

// The body as Redfish wants it: {} for nothing (R12), JSON, no compression, a length.
func TestWriteShape(t *testing.T) {
	b := newBMC(t)
	var got []string
	b.hook = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path != thing+"/Actions/x" {
			return false
		}
		in, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprintf("%s %s %s %s %v", in, r.Header.Get("Content-Type"), r.Header.Get("Accept-Encoding"), r.Header.Get("Accept"), r.ContentLength))
		w.Header().Set("Location", b.srv.URL+"/redfish/v1/TaskService/TaskMonitors/7")
		body(202, `{"@odata.id":"/redfish/v1/TaskService/Tasks/7"}`)(w, r)
		return true
	}
	c := b.client()
	r, err := c.Post(t.Context(), thing+"/Actions/x", nil)
	if err != nil || r.Status != 202 || r.Location != "/redfish/v1/TaskService/TaskMonitors/7" || r.Obj.ODataID() == "" {
		t.Errorf("%+v, %v", r, err)
	}
	if want := []string{"{} application/json identity application/json 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := c.Post(t.Context(), "https://evil.test/x", nil); err == nil {
		t.Error("a foreign target is accepted")
	}
	if _, err := c.Post(t.Context(), thing, func() {}); err == nil {
		t.Error("a body that is no JSON is accepted")
	}
}

func TestDelete(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(gone *bool) reply
		sent  int
		ok    bool
	}{
		"good": {func(gone *bool) reply {
			return func(w http.ResponseWriter, _ *http.Request) { *gone = true; w.WriteHeader(204) }
		}, 1, true},
		"cut, gone": {func(gone *bool) reply {
			return func(w http.ResponseWriter, r *http.Request) { *gone = true; reset(w, r) }
		}, 1, true},
		"cut, there":  {func(*bool) reply { return reset }, 2, false},
		"not allowed": {func(*bool) reply { return status(405) }, 1, false},
		"not there":   {func(*bool) reply { return status(404) }, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bmc, cl *Client) {
				gone := false
				f := c.serve(&gone)
				b.setHook(func(w http.ResponseWriter, r *http.Request, _ int) bool {
					switch {
					case r.URL.Path != thing:
						return false
					case r.Method == http.MethodDelete:
						f(w, r)
					case gone:
						status(404)(w, r)
					default:
						body(200, system)(w, r)
					}
					return true
				})
				_, err := cl.Delete(t.Context(), thing)
				if (err == nil) != c.ok || b.count("DELETE "+thing) != c.sent {
					t.Errorf("%d sent: %v", b.count("DELETE "+thing), err)
				}
			})
		})
	}
}

// A connection that could not be made sent nothing: no read-back is needed to say so.
func TestUnreachableWriteIsNotUnknown(t *testing.T) {
	b := newBMC(t)
	c := b.client()
	if _, err := c.credential(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.srv.Config.SetKeepAlivesEnabled(false)
	b.srv.Close()
	_, err := c.Post(t.Context(), thing+"/Actions/x", nil)
	if !IsUnreachable(err) || IsSentUnknown(err) {
		t.Errorf("got %v", err)
	}
	var e *Error
	if !errors.As(err, &e) || e.Kind != Unreachable || !strings.Contains(step.AdviceOf(err), "address") {
		t.Errorf("got %v", err)
	}
	c.cred.Store(nil) // nothing to log out from any more
}

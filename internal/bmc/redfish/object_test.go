package redfish

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// A wrong type costs the field, never a panic, and what can be read is read (redfish.md 2.8).
func TestObject(t *testing.T) {
	o := object(t, `{"s":"x","n":5,"f":5.5,"e":1e3,"big":18446744073709551615,"b":true,"bs":"False","num":"5500","nul":null,"l":["a",1,"b",null],
		"o":{"@odata.id":"/x","in":{"s":"deep"}},"lo":[{"@odata.id":"/1"},{"href":"/2"},7,{}],"one":{"MessageId":"m"}}`)
	for _, c := range []struct{ got, want any }{
		{o.Str("s"), "x"}, {o.Str("n"), "5"}, {o.Str("b"), "true"}, {o.Str("nul"), ""}, {o.Str("none"), ""}, {o.Str("o", "in", "s"), "deep"},
		{o.Str("s", "in"), ""}, {o.Str(), ""}, {o.Str("l"), ""}, {o.Link("o"), "/x"}, {o.Link("s"), ""}, {o.Has("nul"), true}, {o.Has("none"), false},
		{fmt.Sprint(o.Strs("l")), "[a b]"}, {fmt.Sprint(o.Strs("s")), "[]"}, {fmt.Sprint(o.Links("lo")), "[/1 /2]"}, {len(o.Objs("one")), 1},
		{len(o.Objs("lo")), 3}, {len(o.List("l")), 4}, {len(o.List("s")), 0}, {o.Obj("s") == nil, true}, {Object(nil).Str("x"), ""},
		{Object(nil).ODataID(), ""}, {o.Obj("o").ODataID(), "/x"},
	} {
		if fmt.Sprint(c.got) != fmt.Sprint(c.want) {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	for key, want := range map[string]int64{"n": 5, "num": 5500, "e": 1000, "f": -1, "s": -1, "nul": -1, "none": -1, "big": -1, "b": -1} {
		if got, ok := o.Int(key); ok != (want >= 0) || ok && got != want {
			t.Errorf("Int(%s) = %d, %v", key, got, ok)
		}
	}
	for key, want := range map[string]float64{"n": 5, "f": 5.5, "num": 5500, "big": math.MaxUint64, "s": -1, "nul": -1} {
		if got, ok := o.Float(key); ok != (want >= 0) || ok && got != want {
			t.Errorf("Float(%s) = %v, %v", key, got, ok)
		}
	}
	for key, want := range map[string][2]bool{"b": {true, true}, "bs": {false, true}, "s": {false, false}, "n": {false, false}, "nul": {false, false}} {
		if v, ok := o.Bool(key); v != want[0] || ok != want[1] {
			t.Errorf("Bool(%s) = %v, %v", key, v, ok)
		}
	}
}

// Messages are found wherever Redfish puts them, as a list or as one object (R44).
func TestMessages(t *testing.T) {
	for text, want := range map[string]string{
		`{"error":{"code":"c","message":"m","@Message.ExtendedInfo":[{"MessageId":"a"},{"MessageId":"b"}]}}`: "a b",
		`{"error":{"@Message.ExtendedInfo":{"MessageId":"a"}}}`:                                              "a",
		`{"error":{"code":"Base.1.0.GeneralError","message":"m"}}`:                                           "Base.1.0.GeneralError",
		`{"@Message.ExtendedInfo":[{"MessageID":"old"}]}`:                                                    "old",
		`{"Messages":[{"Message":"text only"},{}]}`:                                                          "",
		`{"error":"broken"}`: "", `{"error":null}`: "", `{}`: "",
	} {
		var ids []string
		for _, m := range Messages(object(t, text)) {
			ids = append(ids, m.ID)
		}
		if got := strings.TrimSpace(strings.Join(ids, " ")); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// Each kind of failure has its class, and most tell what to do.
func TestErrorClasses(t *testing.T) {
	for _, c := range []struct {
		e    Error
		want step.Class
	}{
		{Error{Kind: Unreachable}, step.Unreachable}, {Error{Kind: TimedOut}, step.Unreachable}, {Error{Kind: Cut}, step.Transient},
		{Error{Kind: Untrusted, Err: &UntrustedError{}}, step.Trust}, {Error{Kind: LoginRefused}, step.Auth}, {Error{Kind: Malformed, Status: 200}, step.Rejected},
		{Error{Kind: Malformed, Status: 503}, step.Transient}, {Error{Kind: ForeignLink}, step.Rejected}, {Error{Kind: Cancelled}, step.Transient},
		{Error{Kind: Answered, Status: 400}, step.Rejected}, {Error{Kind: Answered, Status: 401}, step.Auth}, {Error{Kind: Answered, Status: 403}, step.Auth},
		{Error{Kind: Answered, Status: 404}, step.Rejected}, {Error{Kind: Answered, Status: 501}, step.Unsupported}, {Error{Kind: Answered, Status: 503}, step.Transient},
		{Error{Kind: Answered, Status: 409, MessageIDs: []string{"Base.1.8.ResourceInUse"}}, step.Transient},
		{Error{Kind: Answered, Status: 403, MessageIDs: []string{"iLO.2.0.UnableToModifyDuringSystemPOST"}}, step.Transient},
		{Error{Kind: Answered, Status: 412, Err: ErrMoved}, step.HasMoved}, {Error{Kind: TimedOut, Err: ErrSentUnknown}, step.Transient},
	} {
		var f *step.Failure
		if !errors.As(&c.e, &f) || f.Class != c.want || step.ClassOf(&c.e) != c.want || f.Error() == "" && c.e.Err != nil {
			t.Errorf("%+v: %v", c.e, f)
		}
	}
	locked := &Error{Kind: Answered, Status: 403, MessageIDs: []string{"Base.1.8.PasswordChangeRequired"}}
	if !strings.Contains(step.AdviceOf(locked), "password changed") {
		t.Errorf("advice %q", step.AdviceOf(locked))
	}
	if IsNotFound(nil) || IsAuth(nil) || IsTransient(nil) || IsUnreachable(nil) || IsMalformed(nil) || IsCancelled(nil) || IsSentUnknown(nil) {
		t.Error("nil is an error")
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, " 7 ": 7 * time.Second, "-3": 0, "soon": 0, "99999": longestHint, "1.5": 0,
		"Thu, 01 Jan 2026 00:00:20 GMT": 20 * time.Second, "Wed, 31 Dec 2025 00:00:20 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {in}}, now); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

// Waits grow, are spread by the jitter that was passed in, and stay below their cap.
func TestWaitJitter(t *testing.T) {
	bubble(t, func(t *testing.T, _ *bmc, c *Client) {
		for _, j := range []float64{0, 0.5, 0.999} {
			c.opt.Jitter = func() float64 { return j }
			for attempt, full := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, longestWait, longestWait} {
				if attempt == 0 {
					continue
				}
				start := time.Now()
				if err := c.wait(t.Context(), answer{status: 503}, attempt); err != nil {
					t.Fatal(err)
				}
				if got, want := time.Since(start), full/2+time.Duration(float64(full/2)*j); got != want {
					t.Errorf("attempt %d, jitter %v: %v, want %v", attempt, j, got, want)
				}
			}
		}
	})
}

func TestKey(t *testing.T) {
	for in, want := range map[string]string{
		"/redfish/v1/Systems/1/": "/redfish/v1/systems/1", "/redfish/v1/Systems/1#/Boot": "/redfish/v1/systems/1",
		"https://bmc.test/redfish/v1/A": "/redfish/v1/a", "/redfish/v1/S?$skip=5": "/redfish/v1/s?$skip=5", "": "",
	} {
		if got := Key(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// Deep asks for what hangs below only as deep as the service announces, and reads the plain resource when that fails.
func TestDeep(t *testing.T) {
	for _, c := range []struct {
		name   string
		root   string
		levels int
		fail   int
		depth  int
		asked  string
	}{
		{name: "announced", root: `,"ProtocolFeaturesSupported":{"ExpandQuery":{"NoLinks":true,"Levels":true,"MaxLevels":2}}`, levels: 5, depth: 2, asked: "?$expand=.($levels=2)"},
		{name: "no levels", root: `,"ProtocolFeaturesSupported":{"ExpandQuery":{"NoLinks":true}}`, levels: 3, depth: 1, asked: "?$expand=."},
		{name: "not announced", levels: 3},
		{name: "refused", root: announceExpand, levels: 1, fail: 501, asked: "?$expand=.($levels=1)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bmc, cl *Client) {
				b.set("/redfish/v1", fmt.Sprintf(testRoot, c.root))
				b.set(thing, system)
				b.setHook(func(w http.ResponseWriter, r *http.Request, _ int) bool {
					if c.fail > 0 && strings.Contains(r.URL.RawQuery, "$expand") {
						status(c.fail)(w, r)
						return true
					}
					return false
				})
				r, depth, err := cl.Deep(t.Context(), thing+"/", c.levels)
				if err != nil || depth != c.depth || r.Obj.Str("PowerState") != "On" {
					t.Errorf("depth %d, %v", depth, err)
				}
				if c.asked != "" && !slices.Contains(b.log, "GET "+thing+c.asked) {
					t.Errorf("asked %v", b.log)
				}
			})
		})
	}
}

// A library's own requests go to its BMC, verified, and to nobody else.
func TestRoundTripper(t *testing.T) {
	b := newBMC(t)
	rt, idle, err := RoundTripper(b.options())
	if err != nil {
		t.Fatal(err)
	}
	defer idle()
	get := func(url string) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	}
	if err := get(b.srv.URL + "/redfish/v1"); err != nil {
		t.Error(err)
	}
	if err := get(newBMC(t).srv.URL); err == nil {
		t.Error("another host is reached")
	}
	o := b.options()
	o.Trust = Trust{}
	bad, idle2, err := RoundTripper(o)
	if err != nil {
		t.Fatal(err)
	}
	defer idle2()
	rt = bad
	var u *UntrustedError
	if err := get(b.srv.URL); !errors.As(err, &u) {
		t.Errorf("got %v", err)
	}
}

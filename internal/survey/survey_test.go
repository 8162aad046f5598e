package survey_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/survey"
)

// fake is a BMC.
type fake struct {
	device rack.Device
	gaps   []rack.Gap
	err    error
	close  error
	panics bool
	waits  time.Duration

	opened, closed *atomic.Int32
}

func (f fake) Read(ctx context.Context) (rack.Device, []rack.Gap, error) {
	if f.panics {
		panic("index out of range")
	}
	select {
	case <-time.After(f.waits):
		return f.device, slices.Clone(f.gaps), f.err
	case <-ctx.Done():
		return f.device, nil, ctx.Err()
	}
}

func (f fake) Close(ctx context.Context) error {
	if ctx.Err() != nil {
		return errors.New("the session is left behind")
	}
	f.closed.Add(1)
	return f.close
}

func (f fake) Stats() rack.Stats {
	return rack.Stats{Requests: 7, SessionsClosed: int(f.closed.Load())}
}

func target(name string, f fake) survey.Target {
	return survey.Target{Address: name, Node: "n-" + name, Endpoint: "https://" + name, Open: func(context.Context) (survey.Reader, error) {
		f.opened.Add(1)
		return f, nil
	}}
}

func TestRun(t *testing.T) {
	var opened, closed atomic.Int32
	base := fake{opened: &opened, closed: &closed}
	with := func(change func(*fake)) fake { f := base; change(&f); return f }
	targets := []survey.Target{
		target("c", base),
		target("a", with(func(f *fake) {
			f.device.BMC.Model = "M"
			f.gaps = []rack.Gap{{Path: "/redfish/v1/z", Reason: "status 500"}, {Path: "/redfish/v1/b", Reason: "status 500"}}
		})),
		target("b", with(func(f *fake) {
			f.err = step.Fail(step.Trust, errors.New("certificate is not known"), "Compare the fingerprint.")
		})),
		target("d", with(func(f *fake) { f.panics = true })),
		target("e", with(func(f *fake) { f.close = errors.New("status 500") })),
		{Address: "f", Open: func(context.Context) (survey.Reader, error) {
			return nil, step.Fail(step.Auth, errors.New("login refused"), "Check the password.")
		}},
	}
	var seen []string
	o := survey.Run(t.Context(), targets, survey.Options{Parallel: 2, Now: func() time.Time { return time.Unix(0, 0) },
		Progress: func(done, total int) { seen = append(seen, fmt.Sprintf("%d/%d", done, total)) }})
	var devices []string
	for _, d := range o.Devices {
		devices = append(devices, fmt.Sprintf("%s %s %s %d", d.Address, d.Node, d.Endpoint, d.Stats.Requests))
	}
	if got := strings.Join(devices, "; "); got != "a n-a https://a 7; c n-c https://c 7; e n-e https://e 7" {
		t.Errorf("devices %s", got)
	}
	want := []string{"a /redfish/v1/b status 500", "a /redfish/v1/z status 500",
		"b /redfish/v1/ trust: certificate is not known. Compare the fingerprint.",
		"d /redfish/v1/ metalwright: internal error: index out of range. This is a bug in Metalwright.",
		"e /redfish/v1/ its session could not be closed: status 500", "f /redfish/v1/ auth: login refused. Check the password."}
	var gaps []string
	for _, g := range o.Gaps {
		gaps = append(gaps, g.Address+" "+g.Path+" "+g.Reason)
	}
	if !slices.Equal(gaps, want) {
		t.Errorf("gaps\n%s\nwant\n%s", strings.Join(gaps, "\n"), strings.Join(want, "\n"))
	}
	if opened.Load() != closed.Load() || opened.Load() != 5 {
		t.Errorf("%d opened, %d closed", opened.Load(), closed.Load())
	}
	if len(seen) != 6 || seen[5] != "6/6" {
		t.Errorf("progress %v", seen)
	}
}

// TestStopped closes every session and says what was not read.
func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened, closed atomic.Int32
		var targets []survey.Target
		for i := range 20 {
			targets = append(targets, target(fmt.Sprintf("%02d", i), fake{opened: &opened, closed: &closed, waits: time.Minute}))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		o := survey.Run(ctx, targets, survey.Options{Parallel: 4})
		if len(o.Devices) != 4 || len(o.Gaps) != 16 {
			t.Errorf("%d devices and %d gaps, want the four of the first minute and 16 gaps", len(o.Devices), len(o.Gaps))
		}
		if opened.Load() != 8 || closed.Load() != 8 {
			t.Errorf("%d opened, %d closed, want 8 and 8", opened.Load(), closed.Load())
		}
	})
}

// TestShared keeps what a device says, to the byte.
func TestShared(t *testing.T) {
	var n atomic.Int32
	d := rack.Device{Systems: []rack.System{{ID: "1", BIOS: &rack.BIOS{Attributes: rack.Attributes{"A": "x", "N": int64(4), "Z": nil}, Pending: rack.Attributes{}},
		Boot: &rack.Boot{Order: []string{"Boot1"}, Options: []rack.BootOption{{Name: "disk"}}}}}, Firmware: []rack.Firmware{{ID: "BIOS", Version: "1"}}}
	want, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	o := survey.Run(t.Context(), []survey.Target{target("", fake{device: d, opened: &n, closed: &n})}, survey.Options{})
	got := o.Devices[0]
	got.Address, got.Node, got.Endpoint, got.Stats = "", "", "", rack.Stats{}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(want) {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestDiscover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		addresses, err := survey.Addresses("10.0.0.0/24")
		if err != nil || len(addresses) != 254 || addresses[0] != "10.0.0.1" || addresses[253] != "10.0.0.254" {
			t.Fatalf("%d addresses, %v", len(addresses), err)
		}
		var inFlight, most atomic.Int32
		found := survey.Discover(t.Context(), addresses, func(ctx context.Context, a string) (survey.Found, error) {
			most.Store(max(most.Load(), inFlight.Add(1)))
			defer inFlight.Add(-1)
			if strings.HasSuffix(a, "7") {
				time.Sleep(time.Second)
				return survey.Found{Redfish: true, Vendor: "Contoso"}, nil
			}
			<-ctx.Done() // nobody answers there
			return survey.Found{}, ctx.Err()
		}, nil)
		n := 0
		for i, f := range found {
			if f.Address != addresses[i] || f.Redfish == f.Silent {
				t.Errorf("%+v at place of %s", f, addresses[i])
			}
			if f.Redfish {
				n++
			}
		}
		if n != 25 || most.Load() > 128 {
			t.Errorf("%d found, %d asked at once", n, most.Load())
		}
	})
}

func TestAddresses(t *testing.T) {
	list, diags := survey.ReadAddresses(strings.NewReader("# rack a01\n10.0.0.1 10.0.0.2\nhttps://bmc.example:8443\n10.1.0.0/30 # four\n10.0.0.1\n10.0.0.0/8\nx/y\nfd00::/126\n"), "bmcs")
	want := []string{"10.0.0.1", "10.0.0.2", "https://bmc.example:8443", "10.1.0.1", "10.1.0.2", "fd00::", "fd00::1", "fd00::2", "fd00::3"}
	if !slices.Equal(list, want) {
		t.Errorf("got %v, want %v", list, want)
	}
	var lines []string
	for _, d := range diags {
		lines = append(lines, d.Subject.Short())
	}
	if got := strings.Join(lines, " "); got != "bmcs:6 bmcs:7" {
		t.Errorf("diagnostics at %s: %v", got, diags)
	}
}

// TestWriteJSON writes what encoding/json would, piece by piece.
func TestWriteJSON(t *testing.T) {
	o := rack.Observation{Format: 1, Taken: time.Unix(9, 0).UTC(), Devices: []rack.Device{{Address: "a", Firmware: []rack.Firmware{{ID: "<x>"}}}, {Address: "b"}},
		Gaps: []rack.Gap{{Address: "a", Path: "/p", Reason: "r"}}}
	for range 2 {
		var want, b strings.Builder
		e := json.NewEncoder(&want)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		if err := e.Encode(o); err != nil {
			t.Fatal(err)
		}
		if err := survey.WriteJSON(&b, o); err != nil {
			t.Fatal(err)
		}
		if b.String() != want.String() {
			t.Errorf("got  %s\nwant %s", b.String(), want.String())
		}
		o.Devices, o.Gaps = []rack.Device{}, []rack.Gap{}
	}
}

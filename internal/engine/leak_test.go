package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/sim"
)

// ours are the goroutines of this program, and of the connections that it holds.
var ours = regexp.MustCompile(`metalwright/internal/(apply|bmc|engine|journal|survey|secret|evidence)|http\.\(\*(persistConn|Transport)\)|http\.\(\*Server\)\.Serve`)

// goroutines gives the stacks of ours, without the simulator's and this test's own.
func goroutines() []string {
	buf := make([]byte, 4<<20)
	var out []string
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if ours.MatchString(g) && !strings.Contains(g, "internal/sim.") && !strings.Contains(g, "testing.tRunner") {
			out = append(out, g)
		}
	}
	return out
}

// leaves waits a moment for the last goroutines to end, and fails the test when some do not.
func leaves(t *testing.T, after string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if len(goroutines()) == 0 {
			return
		}
		<-tick.C
	}
	t.Errorf("after %s these are left:\n%s", after, strings.Join(goroutines(), "\n\n"))
}

// fetchOnce is how a BMC fetches a file, on a connection of its own.
func fetchOnce(url string) (io.ReadCloser, error) {
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url) //nolint:noctx // it is read at once
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = errors.Join(err, errors.New(resp.Status))
	}
	return io.NopCloser(bytes.NewReader(text)), err
}

// TestNoGoroutineStays: whatever a workspace did, and however it ended, nothing of it runs on once it is closed. One of
// the nodes fetches its firmware from this process.
func TestNoGoroutineStays(t *testing.T) {
	text := siteText + nodeText("dell", "dell_r750", 1, dellBIOS) + nodeText("hpe", "hpe_dl380a_gen11", 6,
		"") + firmwareText("hpe", "hpe_dl380a_gen11")
	d := newDesk(t, text, sim.Options{Speed: hurry, Fetch: fetchOnce})
	var err error
	if d.bindings, err = d.rack.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	d.dial = nil
	if err := engine.WriteSimulated(filepath.Join(d.dir, engine.StateDir), engine.Simulated{Speed: hurry, Pins: engine.PinsOf(d.bindings)}); err != nil {
		t.Fatal(err)
	}
	fetches := 0
	for name, run := range map[string]func(*engine.Workspace){
		"a survey": func(w *engine.Workspace) { w.Survey(t.Context(), engine.SurveyOptions{}) },
		"a survey that was cut off": func(w *engine.Workspace) {
			ctx, cancel := context.WithCancel(t.Context())
			w.Survey(ctx, engine.SurveyOptions{Progress: func(int, int) { cancel() }})
		},
		"a run that was cut off, and the whole run": func(w *engine.Workspace) {
			ctx, cancel := context.WithCancel(t.Context())
			p, o := w.Plan(ctx, engine.SurveyOptions{})
			got, err := w.Apply(ctx, p, engine.ApplyOptions{Before: &o, Events: func(e apply.Event) {
				if e.Phase == "wait" {
					cancel()
				}
			}})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v\n%s", err, told(got))
			}
			pending, err := w.Pending()
			if err != nil || pending == nil {
				t.Fatal(pending, err)
			}
			got, err = w.Resume(t.Context(), *pending, engine.ApplyOptions{})
			d.settled(got, err)
			if len(goroutines()) == 0 {
				t.Error("files are served, and no goroutine is seen: the check means nothing")
			}
			fetches = d.rack.BMC("hpe").Ledger().Flashes["bios"]
		},
	} {
		w := d.open()
		run(w)
		d.close(w)
		leaves(t, name)
	}
	if fetches == 0 {
		t.Error("nothing was flashed on hpe")
	}
	d.quiet()
}

package redfish

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

const system = `{"@odata.id":"/redfish/v1/Systems/1","@odata.type":"#ComputerSystem.v1_0_0.ComputerSystem","Id":"1","Name":"S","PowerState":"On"}`

// The GET column of the retry table (redfish.md 2.3). Time is virtual, the jitter 0: a wait of d takes d/2.
func TestReadRetries(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []reply
		gets    int
		waited  time.Duration
		check   func(error) bool
		class   step.Class
	}{
		{name: "good", gets: 1},
		// A reset on a kept connection is repeated by net/http once, before our three.
		{name: "reset once", answers: times(1, reset), gets: 2},
		{name: "reset, four times", answers: times(4, reset), gets: 5, waited: 750 * time.Millisecond},
		{name: "reset, five times", answers: times(5, reset), gets: 5, waited: 750 * time.Millisecond, class: step.Transient},
		{name: "half a body", answers: times(1, half), gets: 2},
		{name: "half a body for ever", answers: times(9, half), gets: 4, waited: 750 * time.Millisecond, class: step.Transient},
		{name: "JSON cut off", answers: times(1, body(200, `{"Id":"1",`)), gets: 2, waited: 500 * time.Millisecond},
		{name: "400", answers: times(9, status(400)), gets: 1, class: step.Rejected},
		{name: "404", answers: times(9, status(404)), gets: 1, class: step.Rejected, check: IsNotFound},
		{name: "405", answers: times(9, status(405)), gets: 1, class: step.Unsupported, check: IsUnsupported},
		{name: "503 with seconds", answers: times(1, status(503, "Retry-After", "7")), gets: 2, waited: 7 * time.Second},
		{name: "503 with a date", answers: times(1, status(503, "Retry-After", "Sat, 01 Jan 2000 00:00:09 GMT")), gets: 2, waited: 9 * time.Second},
		{name: "503 with an absurd wait", answers: times(1, status(503, "Retry-After", "86400")), gets: 2, waited: 5 * time.Minute},
		{name: "503 with absurd waits for ever", answers: times(99, status(503, "Retry-After", "86400")), gets: 2, waited: 5 * time.Minute, class: step.Transient},
		{name: "429", answers: times(2, status(429)), gets: 3, waited: (1 + 2) * time.Second / 2},
		{name: "503 for ever", answers: times(99, status(503)), gets: 6, waited: (1 + 2 + 4 + 8 + 16) * time.Second / 2, class: step.Transient, check: IsTransient},
		{name: "500, three times", answers: times(3, status(500)), gets: 4, waited: (1 + 2 + 4) * time.Second / 2},
		{name: "502 for ever", answers: times(9, status(502)), gets: 4, waited: 3500 * time.Millisecond, class: step.Transient},
		{name: "504", answers: times(1, status(504)), gets: 2, waited: 500 * time.Millisecond},
		{name: "HTML", answers: times(9, body(200, "<html>login</html>")), gets: 1, class: step.Rejected, check: IsMalformed},
		{name: "HTML while starting", answers: times(99, body(503, "<html>starting</html>")), gets: 6, waited: 15500 * time.Millisecond, class: step.Transient},
		{name: "null", answers: times(9, body(200, "null")), gets: 1, class: step.Rejected, check: IsMalformed},
		{name: "a list", answers: times(9, body(200, "[1]")), gets: 1, class: step.Rejected, check: IsMalformed},
		{name: "nothing", answers: times(9, body(204, "")), gets: 1, class: step.Rejected, check: IsMalformed},
		{name: "too deep", answers: times(9, body(200, strings.Repeat(`{"a":`, 70)+"1"+strings.Repeat("}", 70))), gets: 1, class: step.Transient, check: IsMalformed},
		{name: "an error under 200", answers: times(9, body(200, `{"error":{"@Message.ExtendedInfo":{"MessageId":"Base.1.0.InternalError","Message":"no"}}}`)), gets: 1, class: step.Rejected},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bmc, cl *Client) {
				b.set(thing, system)
				b.hook = answers(http.MethodGet, thing, c.answers...)
				if _, err := cl.credential(t.Context()); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				r, err := cl.Get(t.Context(), thing)
				if got := b.count("GET " + thing); got != c.gets {
					t.Errorf("%d requests, want %d", got, c.gets)
				}
				if d := time.Since(start); d != c.waited {
					t.Errorf("waited %v, want %v", d, c.waited)
				}
				if got := step.ClassOf(err); got != c.class {
					t.Fatalf("class %q, want %q: %v", got, c.class, err)
				}
				if err == nil {
					if r.Obj.Str("PowerState") != "On" || r.URI != thing {
						t.Errorf("got %v", r)
					}
					return
				}
				if !strings.Contains(err.Error(), thing) {
					t.Errorf("the error does not name the URI: %v", err)
				}
				if c.check != nil && !c.check(err) {
					t.Errorf("the question about this error says no: %v", err)
				}
			})
		})
	}
}

// A read that hangs ends at its deadline, and is not tried again (R74).
func TestReadDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		b.set(thing, system)
		hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		b.hook = answers(http.MethodGet, thing, hang, hang)
		if _, err := c.credential(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err := c.Get(t.Context(), thing)
		if d := time.Since(start); d != readTimeout || !IsUnreachable(err) || b.count("GET "+thing) != 1 {
			t.Errorf("after %v and %d requests: %v", d, b.count("GET "+thing), err)
		}
		c.Adopt(Identity{Dialect: "ami", Model: "DGXH100"}) // R72
		start = time.Now()
		_, err = c.Get(t.Context(), thing)
		if d := time.Since(start); d != slowReadTimeout || !IsUnreachable(err) {
			t.Errorf("with R72 after %v: %v", d, err)
		}
	})
}

// A BMC that answers every resource with 503 does not cost a full round of waits for each.
func TestBrokenBMCIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		if _, err := c.credential(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.hook = func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if r.Method == http.MethodGet {
				status(503)(w, r)
				return true
			}
			return false
		}
		for i := range 100 {
			if _, err := c.Get(t.Context(), fmt.Sprintf("/redfish/v1/Thing/%d", i)); !IsTransient(err) {
				t.Fatalf("request %d: %v", i, err)
			}
		}
		if n := c.Stats().Requests; n > 2*(waitRetries+1)+98+3 {
			t.Errorf("%d requests", n)
		}
		b.setHook(nil)
		b.set(thing, system)
		if _, err := c.Get(t.Context(), thing); err != nil {
			t.Errorf("it has recovered: %v", err)
		}
	})
}

// A BMC that has never answered anything but 503 gets one round of waits in all, and its Retry-After is obeyed in it.
func TestBMCThatNeverAnswersIsGivenUpSooner(t *testing.T) {
	for _, c := range []struct {
		after    string
		min, max time.Duration
	}{{"", 15 * time.Second, 31 * time.Second}, {"10", 50 * time.Second, 50 * time.Second}, {"3600", longestHint, longestHint}} {
		bubble(t, func(t *testing.T, b *bmc, client *Client) {
			b.setHook(func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				status(503)(w, r)
				return true
			})
			start := time.Now()
			for i := range 100 {
				if _, err := client.Root(t.Context()); !IsTransient(err) {
					t.Fatalf("request %d: %v", i, err)
				}
			}
			if d := time.Since(start); d < c.min || d > c.max {
				t.Errorf("Retry-After %q: given up after %s, want %s to %s", c.after, d, c.min, c.max)
			}
		})
	}
}

// What is cancelled says so, in the middle of a wait too.
func TestCancel(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		b.set(thing, system)
		b.hook = answers(http.MethodGet, thing, times(9, status(503, "Retry-After", "60"))...)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("interrupted")
		time.AfterFunc(3*time.Second, func() { cancel(why) })
		start := time.Now()
		_, err := c.Get(ctx, thing)
		if !IsCancelled(err) || !errors.Is(err, why) || time.Since(start) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestFullAnswerLimit(t *testing.T) {
	b := newBMC(t)
	c := b.client()
	big := strings.Repeat("x", 1<<20)
	b.hook = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path != thing {
			return false
		}
		_, _ = w.Write([]byte(`{"Id":"`))
		for range maxAnswerBytes>>20 + 1 {
			if _, err := w.Write([]byte(big)); err != nil {
				break
			}
		}
		return true
	}
	_, err := c.Get(t.Context(), thing)
	if !IsMalformed(err) {
		t.Errorf("got %v", err)
	}
}

func TestLinks(t *testing.T) {
	b := newBMC(t)
	b.set("/redfish/v1/Systems/1", system)
	b.set("/redfish/v1/a b", system)
	b.set("/redfish/v1/Sensors?$skip=2", `{"Id":"page"}`)
	c := b.client()
	for _, c2 := range []struct {
		link string
		ok   bool
	}{
		{"/redfish/v1/Systems/1", true},
		{"/redfish/v1/Systems/1/", true},
		{"/redfish/v1/Systems/1#/Boot/0", true},
		{b.srv.URL + "/redfish/v1/Systems/1", true},
		{"redfish/v1/Systems/1", true},
		{"/redfish/v1/a b", true},
		{"/redfish/v1/Sensors?$skip=2", true},
		{"", false},
		{"//evil.test/redfish/v1/Systems/1", false},
		{"https://evil.test/redfish/v1/Systems/1", false},
		{"http://" + strings.TrimPrefix(b.srv.URL, "https://") + "/redfish/v1/Systems/1", false},
		{"https://user:pw@" + strings.TrimPrefix(b.srv.URL, "https://") + "/redfish/v1/Systems/1", false},
		{"javascript:alert(1)", false},
		{"/redfish\x00/v1", false},
		{"file:///etc/passwd", false},
	} {
		_, err := c.Get(t.Context(), c2.link)
		if (err == nil) != c2.ok {
			t.Errorf("%q: %v", c2.link, err)
		}
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Kind != ForeignLink) {
			t.Errorf("%q: %v", c2.link, err)
		}
	}
}

// Redirects stay on the host, at most three, and the token never leaves (H19).
func TestRedirects(t *testing.T) {
	other := newBMC(t)
	var asked bool
	other.hook = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		asked = true
		return false
	}
	b := newBMC(t)
	b.set(thing, system)
	to := func(loc string) reply {
		return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", loc); w.WriteHeader(308) }
	}
	table := map[string]reply{
		"/redfish/v1/one": to(thing), "/redfish/v1/two": to("/redfish/v1/one"), "/redfish/v1/three": to(b.srv.URL + "/redfish/v1/two"),
		"/redfish/v1/four": to("/redfish/v1/three"), "/redfish/v1/loop": to("/redfish/v1/loop"),
		"/redfish/v1/away": to(other.srv.URL + thing), "/redfish/v1/none": to(""),
	}
	b.hook = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		f, ok := table[r.URL.Path]
		if ok {
			f(w, r)
		}
		return ok
	}
	c := b.client()
	for path, ok := range map[string]bool{"one": true, "two": true, "three": true, "four": false, "loop": false, "away": false, "none": false} {
		if _, err := c.Get(t.Context(), "/redfish/v1/"+path); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
	}
	if asked {
		t.Error("the other host was asked")
	}
}

// Four requests in flight, four connections, one session, whatever is asked at once: 50 ms a request, in virtual time.
// Closing a fresh connection on a pipe may take up to the farewell time.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubbleBMC(t)
		defer b.stop()
		var now, most, open, mostOpen atomic.Int64
		up := func(n, m *atomic.Int64) {
			v := n.Add(1)
			for x := m.Load(); v > x && !m.CompareAndSwap(x, v); x = m.Load() {
			}
		}
		b.setHook(func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if !strings.HasPrefix(r.URL.Path, "/redfish/v1/Thing") {
				return false
			}
			up(&now, &most)
			time.Sleep(50 * time.Millisecond)
			now.Add(-1)
			body(200, `{"Id":"x"}`)(w, r)
			return true
		})
		o := b.options()
		o.Dial = func(ctx context.Context, n, a string) (net.Conn, error) {
			conn, err := b.dial(ctx, n, a)
			if err != nil {
				return nil, err
			}
			up(&open, &mostOpen)
			return &heldConn{Conn: conn, free: func() { open.Add(-1) }}, nil
		}
		c, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		uris := make([]string, 200)
		for i := range uris {
			uris[i] = fmt.Sprintf("/redfish/v1/Thing/%d", i)
		}
		start := time.Now()
		var wg sync.WaitGroup
		for range 2 { // writes go on fresh connections and still fit in
			wg.Go(func() {
				for range 10 {
					if _, err := c.Post(t.Context(), "/redfish/v1/Thing/act", nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		_, problems := c.GetAll(t.Context(), uris)
		wg.Wait()
		took := time.Since(start)
		if err := c.Close(t.Context()); err != nil || len(problems) > 0 {
			t.Error(err, problems)
		}
		s := c.Stats()
		if most.Load() != 4 || mostOpen.Load() > 4 || s.SessionsOpened != 1 || s.SessionsClosed != 1 || took > 220/4*50*time.Millisecond+2*time.Second {
			t.Errorf("%d in flight, %d connections at once, %d sessions, %v", most.Load(), mostOpen.Load(), s.SessionsOpened, took)
		}
		time.Sleep(time.Second) // the farewells
		if open.Load() != 0 {
			t.Errorf("%d connections are left", open.Load())
		}
	})
}

// Reads alone keep their connections: 60 requests, at most four handshakes.
func TestKeepAlive(t *testing.T) {
	b := newBMC(t)
	b.set(thing, system)
	c := b.client()
	_, problems := c.GetAll(t.Context(), slices.Repeat([]string{thing}, 60))
	if s := c.Stats(); len(problems) > 0 || s.Connections > maxConnections || int64(s.Connections) != b.conns.Load() || s.Requests != 62 {
		t.Errorf("%+v, the BMC saw %d connections, %v", s, b.conns.Load(), problems)
	}
}

// The limit falls when the BMC struggles and rises again, and never passes its ceiling.
func TestLimiterAdapts(t *testing.T) {
	l := newLimiter(0)
	at := func(want int) {
		t.Helper()
		if got, _ := l.now(); got != want {
			t.Fatalf("limit %d, want %d", got, want)
		}
	}
	at(4)
	l.note(true, 0)
	at(3)
	l.note(true, 0)
	l.note(true, 0)
	l.note(true, 0)
	at(1)
	for range growAfter {
		l.note(false, 50*time.Millisecond)
	}
	at(2)
	for range 10 * growAfter {
		l.note(false, 50*time.Millisecond)
	}
	at(4)
	l.note(false, 2*time.Second) // forty times what it has shown
	at(3)
	l.setCeiling(1)
	for range 10 * growAfter {
		l.note(false, 50*time.Millisecond)
	}
	at(1)
	slow := newLimiter(9)
	for range 20 {
		slow.note(false, 3*time.Second) // slow from the start is not overload
	}
	if got, _ := slow.now(); got != 4 {
		t.Errorf("limit %d on a slow BMC", got)
	}
}

// Waiting for a place ends with the caller, and no place is lost.
func TestLimiterCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(1)
		if err := l.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		l.release()
		for range 3 {
			if err := l.acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.release()
		}
		if _, used := l.now(); used != 0 {
			t.Errorf("%d places are lost", used)
		}
	})
}

package redfish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

const sessions = "/redfish/v1/SessionService/Sessions"

// many reads the same resource from several goroutines at once.
func many(ctx context.Context, c *Client, n int) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = c.Get(ctx, thing) })
	}
	wg.Wait()
	return errs
}

func allNil(errs []error) error { return errors.Join(errs...) }

func TestOneSession(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		b.set(thing, system)
		if err := allNil(many(t.Context(), c, 30)); err != nil {
			t.Fatal(err)
		}
		if s := c.Stats(); s.SessionsOpened != 1 || c.SessionURI() != sessions+"/1" {
			t.Errorf("%+v, %s", s, c.SessionURI())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // as after a signal: the session is deleted all the same
		if err := c.Close(ctx); err != nil || b.openSessions() != 0 {
			t.Errorf("close: %v, %d sessions left", err, b.openSessions())
		}
		if err := c.Close(ctx); err != nil || b.count("DELETE "+sessions+"/1") != 1 {
			t.Errorf("second close: %v", err)
		}
		if _, err := c.Get(t.Context(), thing); err == nil {
			t.Error("a closed client reads")
		}
		if s := c.Stats(); s.SessionsClosed != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// A close that meets a dead BMC ends after 5 s.
func TestCloseIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		if _, err := c.credential(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.setHook(func(_ http.ResponseWriter, r *http.Request, _ int) bool {
			if r.Method == http.MethodDelete {
				<-r.Context().Done()
			}
			return false
		})
		start := time.Now()
		if err := c.Close(t.Context()); err == nil || time.Since(start) > logoutTime+time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		b.mu.Lock()
		clear(b.sessions) // the BMC's own time-out
		b.mu.Unlock()
	})
}

// Two wrong tries, never a third: not by more requests, not by more goroutines, not by another client of the process.
func TestWrongPassword(t *testing.T) {
	for _, kind := range []string{"session", "basic"} {
		t.Run(kind, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bmc, _ *Client) {
				b.set(thing, system)
				b.set("/redfish/v1/Managers", `{"Members":[]}`)
				if kind == "basic" {
					b.set("/redfish/v1", `{"RedfishVersion":"1.0.0","Managers":{"@odata.id":"/redfish/v1/Managers"}}`)
				}
				o := b.options()
				o.Attempts = &Attempts{}
				o.Login = func(context.Context) (string, string, error) { return b.user, "wrong-" + b.pass, nil }
				for range 3 {
					c, err := New(o)
					if err != nil {
						t.Fatal(err)
					}
					for _, err := range append(many(t.Context(), c, 10), many(t.Context(), c, 3)...) {
						if step.ClassOf(err) != step.Auth || !IsAuth(err) || strings.Contains(err.Error(), b.pass) || step.AdviceOf(err) == "" {
							t.Fatalf("got %v", err)
						}
					}
					if err := c.Close(t.Context()); err != nil {
						t.Error(err)
					}
				}
				if b.failed != 2 {
					t.Errorf("%d failed logins, want 2", b.failed)
				}
				o.Attempts.Forget(o.Base) // a person has corrected it
				o.Login = b.options().Login
				c, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.Get(t.Context(), thing); err != nil {
					t.Error(err)
				}
				if err := c.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The second try may be the right one (R73), and then the count starts anew.
func TestSecondTry(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		b.set(thing, system)
		n := 0
		c.opt.Login = func(context.Context) (string, string, error) {
			if n++; n == 1 {
				return b.user, "old-password", nil
			}
			return b.user, b.pass, nil
		}
		if _, err := c.Get(t.Context(), thing); err != nil || b.failed != 1 {
			t.Errorf("%d failures, %v", b.failed, err)
		}
		if got := c.attempts.count("bmc.test:443"); got != 0 {
			t.Errorf("%d attempts are still counted", got)
		}
	})
}

// A full session table means Basic for this run (R1); nothing is left to delete.
func TestSessionsFull(t *testing.T) {
	for name, f := range map[string]reply{
		"Dell's word": func(w http.ResponseWriter, _ *http.Request) { redfishError(w, 503, "IDRAC.2.8.RAC0218", "maximum") },
		"Redfish's word": func(w http.ResponseWriter, _ *http.Request) {
			redfishError(w, 400, "Base.1.8.SessionLimitExceeded", "The session establishment failed")
		},
		"no word": status(503), "no such collection": status(404), "not allowed": status(405),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bmc, c *Client) {
				b.set(thing, system)
				b.set("/redfish/v1/Managers", `{"Members":[]}`)
				b.hook = answers(http.MethodPost, sessions, times(99, f)...)
				if err := allNil(many(t.Context(), c, 10)); err != nil {
					t.Fatal(err)
				}
				if s := c.Stats(); s.SessionsOpened != 0 || c.SessionURI() != "" || b.failed != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// One 503, or a cut connection, is no full table: the session is made at the second try.
func TestSessionRetry(t *testing.T) {
	for name, f := range map[string]reply{"503": status(503, "Retry-After", "1"), "cut": reset, "500": status(500)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bmc, c *Client) {
				b.set(thing, system)
				b.hook = answers(http.MethodPost, sessions, f)
				if _, err := c.Get(t.Context(), thing); err != nil {
					t.Fatal(err)
				}
				if s := c.Stats(); s.SessionsOpened != 1 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// A session that runs out in the middle is replaced once, however many requests notice (R110).
func TestExpiry(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		b.set(thing, system)
		for round := 1; round <= 3; round++ {
			if err := allNil(many(t.Context(), c, 20)); err != nil {
				t.Fatal(err)
			}
			if s := c.Stats(); s.SessionsOpened != round {
				t.Fatalf("round %d: %+v", round, s)
			}
			time.Sleep(31 * time.Second) // virtual
			b.mu.Lock()
			clear(b.sessions)
			b.mu.Unlock()
		}
		if _, err := c.Post(t.Context(), thing+"/Actions/x", nil); !IsNotFound(err) { // repeated after the new login
			t.Errorf("post: %v", err)
		}
		if s := c.Stats(); s.SessionsOpened != 4 || s.SessionsClosed != 3 || b.failed != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A resource that answers 401 to a good session is its own matter: no login storm, no leak.
func TestForbiddenResource(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		b.set(thing, system)
		b.hook = func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if strings.HasPrefix(r.URL.Path, "/redfish/v1/Secret") {
				status(401)(w, r)
				return true
			}
			return false
		}
		for i := range 50 {
			if _, err := c.Get(t.Context(), fmt.Sprintf("/redfish/v1/Secret/%d", i)); !IsAuth(err) {
				t.Fatal(err)
			}
		}
		if _, err := c.Get(t.Context(), thing); err != nil {
			t.Error(err)
		}
		if s := c.Stats(); s.SessionsOpened > 4 || s.SessionsOpened != s.SessionsClosed+1 {
			t.Errorf("%+v", s)
		}
	})
}

// Sessions that an earlier run left behind are deleted (R67).
func TestStaleSessions(t *testing.T) {
	b := newBMC(t)
	b.set(thing, system)
	c := b.client(func(o *Options) { o.StaleSessions = []string{sessions + "/old", "https://evil.test/x"} })
	if _, err := c.Get(t.Context(), thing); err != nil {
		t.Fatal(err)
	}
	if b.count("DELETE "+sessions+"/old") != 1 {
		t.Error(b.log)
	}
}

// The root may lack Links.Sessions: then SessionService leads there.
func TestSessionsLink(t *testing.T) {
	b := newBMC(t)
	b.set("/redfish/v1", `{"RedfishVersion":"1.0.0","SessionService":{"@odata.id":"/redfish/v1/SessionService"}}`)
	b.set(thing, system)
	c := b.client()
	if _, err := c.Get(t.Context(), thing); err != nil || c.Stats().SessionsOpened != 1 {
		t.Errorf("%v, %+v", err, c.Stats())
	}
}

// No secret in any log line or error, though the BMC repeats the password it was sent.
func TestNothingLeaks(t *testing.T) {
	var out bytes.Buffer
	b := newBMC(t)
	b.set(thing, `{"Id":"1","Password":"in-a-body-too"}`)
	secrets := []string{b.pass, "wrong-password", "token-1", "Basic ", "X-Auth-Token", "in-a-body-too"}
	n := atomic.Int64{}
	c := b.client(func(o *Options) {
		o.Log = slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug - 8}))
		o.Login = func(context.Context) (string, string, error) {
			if n.Add(1) == 1 {
				return b.user, "wrong-password", nil
			}
			return b.user, b.pass, nil
		}
	})
	b.hook = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method == http.MethodPatch {
			redfishError(w, 400, "Base.1.8.PropertyValueFormatError", "bad: "+b.pass+" with "+r.Header.Get("X-Auth-Token"))
			return true
		}
		return false
	}
	_, err1 := c.Get(t.Context(), thing)
	_, err2 := c.Patch(t.Context(), thing, map[string]string{"Password": b.pass}, PatchOptions{Reached: func(context.Context) (bool, error) { return false, nil }})
	_, err3 := c.Get(t.Context(), "/redfish/v1/none")
	if err1 != nil || err2 == nil || err3 == nil || !strings.Contains(out.String(), thing) {
		t.Fatal(err1, err2, err3)
	}
	text := out.String() + fmt.Sprintf("%v %+v %#v %v", err2, err2, err2, err3)
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("%q is in:\n%s", s, text)
		}
	}
}

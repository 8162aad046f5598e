package redfish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// parsed feeds a stream in pieces of n bytes and gives what came out.
func parsed(t *testing.T, text string, n int) (out []string, s *Streaming) {
	t.Helper()
	s = &Streaming{Event: func(e StreamEvent) error {
		line := fmt.Sprintf("%s|%s|%s", e.ID, e.Name, e.Data)
		if e.TooLong {
			line = e.ID + "|too long"
		}
		out = append(out, line)
		return nil
	}}
	p := streamParser{s: s}
	for b := []byte(text); len(b) > 0; {
		k := min(n, len(b))
		if err := p.feed(b[:k]); err != nil {
			t.Fatal(err)
		}
		b = b[k:]
	}
	return out, s
}

// TestStreamParser holds the parser against the rules of the standard (WHATWG HTML, 9.2.6), cut at every place.
func TestStreamParser(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"one event":                {"data: a\n\n", []string{"||a"}},
		"several lines":            {"data: a\ndata: b\n\n", []string{"||a\nb"}},
		"no space, two spaces":     {"data:a\n\ndata:  b\n\n", []string{"||a", "|| b"}},
		"empty data":               {"data\n\n", []string{"||"}},
		"two empty lines of data":  {"data\ndata\n\n", []string{"||\n"}},
		"name and id":              {"event: x\nid: 7\ndata: a\n\ndata: b\n\n", []string{"7|x|a", "7||b"}},
		"an id that is taken back": {"id: 7\ndata: a\n\nid\ndata: b\n\n", []string{"7||a", "||b"}},
		"an id with NUL":           {"id: 7\ndata: a\n\nid: 8\x00\ndata: b\n\n", []string{"7||a", "7||b"}},
		"comments and strangers":   {": hello\nfoo: bar\ndata: a\n\n", []string{"||a"}},
		"CR":                       {"data: a\r\rdata: b\r\r", []string{"||a", "||b"}},
		"CRLF":                     {"id: 1\r\ndata: a\r\n\r\ndata: b\r\n\r\n", []string{"1||a", "1||b"}},
		"a mark of byte order":     {"\xef\xbb\xbfdata: a\n\n", []string{"||a"}},
		"cut off":                  {"data: a\n\ndata: b\n", []string{"||a"}},
		"an id and no data":        {"id: 9\n\ndata: a\n\n", []string{"9||a"}},
		"too long, then another":   {"id: 3\ndata: " + strings.Repeat("x", maxStreamEvent) + "\n\ndata: b\n\n", []string{"3|too long", "3||b"}},
		"too long in many lines":   {strings.Repeat("data: "+strings.Repeat("y", 1000)+"\n", 1100) + "\ndata: b\n\n", []string{"|too long", "||b"}},
	} {
		for _, n := range []int{1, 2, 3, 7, 1 << 30} {
			if len(c.text) > 10000 && n < 1<<30 {
				continue
			}
			if got, _ := parsed(t, c.text, n); !slices.Equal(got, c.want) {
				t.Errorf("%s in pieces of %d: %.60q, want %.60q", name, n, got, c.want)
			}
		}
	}
	if _, s := parsed(t, "retry: 3000\nid: 5\ndata: a\n\nid: 6\ndata: not ended\n", 4); s.Retry != 3*time.Second || s.LastID != "5" {
		t.Errorf("retry %s, last %q", s.Retry, s.LastID)
	}
	if _, s := parsed(t, "retry: 99999999\n\nretry: -1\n\nretry: x\n\n", 4); s.Retry != longestStreamRetry {
		t.Errorf("retry %s", s.Retry)
	}
}

func FuzzStreamParser(f *testing.F) {
	f.Add("id: 1\ndata: a\n\n", 3)
	f.Add("\r\n\r\rdata\n\n", 1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		if n < 1 {
			n = 1
		}
		whole, a := parsed(t, text, 1<<30)
		pieces, b := parsed(t, text, n)
		if !slices.Equal(whole, pieces) || a.LastID != b.LastID || a.Retry != b.Retry {
			t.Errorf("%q in pieces of %d: %q, want %q", text, n, pieces, whole)
		}
	})
}

const streamURI = "/redfish/v1/EventService/SSE"

// TestStream: a stream is authorised, takes none of the connections of reads, and goes on from the last event when opened again.
func TestStream(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		asked := []string{}
		b.set("/redfish/v1/X", `{"@odata.id":"/redfish/v1/X","Id":"X"}`)
		b.setHook(func(w http.ResponseWriter, r *http.Request, n int) bool {
			if r.URL.Path != streamURI {
				return false
			}
			if r.Header.Get("X-Auth-Token") == "" || r.Header.Get("Accept") != "text/event-stream" {
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			asked = append(asked, r.Header.Get("Last-Event-ID"))
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			_, _ = fmt.Fprintf(w, "id: %d\ndata: {}\n\n", n)
			w.(http.Flusher).Flush()
			if n == 1 {
				return true
			}
			<-r.Context().Done()
			return true
		})
		s := &Streaming{Link: streamURI, Event: func(e StreamEvent) error { return nil }}
		if err := c.Stream(t.Context(), s); err != nil || s.LastID != "1" {
			t.Fatalf("%v, last %q", err, s.LastID)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Stream(ctx, s) }()
		synctest.Wait()
		for range maxConnections + 1 { // with the stream open, as many reads as ever
			if _, err := c.Get(t.Context(), "/redfish/v1/X"); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if err := <-ended; !IsCancelled(err) {
			t.Errorf("ended with %v", err)
		}
		if !slices.Equal(asked, []string{"", "1"}) || s.LastID != "2" {
			t.Errorf("asked from %q, last %q", asked, s.LastID)
		}
	})
}

// What is no stream is told as such; a session that ran out is renewed once; a caller's error ends it.
func TestStreamRefused(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		status, kind := http.StatusNotFound, "application/json"
		b.setHook(func(w http.ResponseWriter, r *http.Request, n int) bool {
			if r.URL.Path != streamURI {
				return false
			}
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			if status == http.StatusOK {
				_, _ = w.Write([]byte("data: a\n\n"))
			}
			return true
		})
		mine := errors.New("enough")
		s := &Streaming{Link: streamURI, Event: func(e StreamEvent) error { return mine }}
		for _, want := range []struct {
			status int
			kind   string
			class  step.Class
		}{{404, "application/json", step.Unsupported}, {200, "text/html", step.Rejected}, {401, "application/json", step.Auth}} {
			status, kind = want.status, want.kind
			err := c.Stream(t.Context(), s)
			var e *Error
			if !errors.As(err, &e) || e.Status != want.status {
				t.Errorf("%d: %v", want.status, err)
			}
		}
		status, kind = 200, "text/event-stream"
		if err := c.Stream(t.Context(), s); !errors.Is(err, mine) {
			t.Errorf("the caller's error is %v", err)
		}
		if err := c.Stream(t.Context(), &Streaming{Link: "https://elsewhere.example/SSE", Event: s.Event}); err == nil {
			t.Error("a stream elsewhere is read")
		}
	})
}

// A stream that says nothing is given up, and one that is not answered too.
func TestStreamIsNotWaitedForWithoutEnd(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		answer := true
		b.setHook(func(w http.ResponseWriter, r *http.Request, n int) bool {
			if r.URL.Path != streamURI {
				return false
			}
			if answer {
				w.Header().Set("Content-Type", "text/event-stream")
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
			return true
		})
		for _, want := range []time.Duration{streamIdle, readTimeout} {
			start := time.Now()
			err := c.Stream(t.Context(), &Streaming{Link: streamURI, Event: func(StreamEvent) error { return nil }})
			var e *Error
			if !errors.As(err, &e) || e.Kind != TimedOut || time.Since(start).Round(time.Minute) != want.Round(time.Minute) {
				t.Errorf("after %s: %v", time.Since(start), err)
			}
			answer = false
		}
	})
}

package redfish

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
)

// redactor removes what this Client sent as a secret from text that comes back.
type redactor struct {
	mu      sync.Mutex
	secrets []string
	next    func(string) string
}

const shortestSecret = 4 // shorter ones would blank ordinary text

func (r *redactor) add(s string) {
	if len(s) < shortestSecret {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.secrets {
		if x == s {
			return
		}
	}
	r.secrets = append(r.secrets, s)
}

func (r *redactor) clean(s string) string {
	r.mu.Lock()
	for _, x := range r.secrets {
		s = strings.ReplaceAll(s, x, "(redacted)")
	}
	r.mu.Unlock()
	if r.next != nil {
		s = r.next(s)
	}
	return s
}

// clean makes text of a BMC fit for an error: redacted, one line, bounded.
func (c *Client) clean(s string) string {
	return shorten(strings.Join(strings.Fields(c.redact.clean(s)), " "), maxMessageLength)
}

// logExchange writes one debug line. It holds no header and no body of a request; bodies of answers only as their size.
func (c *Client) logExchange(ctx context.Context, q call, a answer, err error) {
	if c.opt.Log == nil || !c.opt.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	limit, used := c.limit.now()
	attrs := []slog.Attr{
		slog.String("bmc", c.wire.base.Host), slog.String("method", q.method), slog.String("uri", c.redact.clean(q.uri)),
		slog.Int("status", a.status), slog.Duration("took", a.took), slog.Int("bytes", len(a.body)),
		slog.Int("in_flight", used), slog.Int("limit", limit),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", c.redact.clean(err.Error())))
	} else if a.status >= 400 {
		var e *Error
		if errors.As(error(c.statusError(q.method, q.uri, a)), &e) {
			attrs = append(attrs, slog.String("message", e.Message), slog.Any("message_ids", e.MessageIDs))
		}
	}
	c.opt.Log.LogAttrs(ctx, slog.LevelDebug, "redfish request", attrs...)
}

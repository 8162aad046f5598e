package cli

import (
	"context"
	"log/slog"
	"strings"
	"sync"
)

// warner is a log of warnings as lines of the conversation: what is unsafe and not wrong, such as a password file that others may
// read. Everything below a warning is for --debug.
type warner struct {
	a  *app
	mu *sync.Mutex
}

func (w warner) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

func (w warner) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += ": " + a.Value.String()
		return true
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.a.say("warning: %s", strings.TrimSuffix(text, "."))
	return nil
}

func (w warner) WithAttrs([]slog.Attr) slog.Handler { return w }
func (w warner) WithGroup(string) slog.Handler      { return w }

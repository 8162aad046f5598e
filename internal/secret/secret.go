// Package secret resolves secret references late and hands out values that redact themselves.
package secret

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// shown is what stands where a secret would.
const shown = "(redacted)"

// Value is a secret. It shows "(redacted)" wherever it is printed, logged or written as JSON or text; Reveal gives what it
// holds. The zero Value is empty.
type Value struct{ p *string }

// NewValue wraps a secret that came from elsewhere.
func NewValue(s string) Value { return Value{p: &s} }

// Reveal gives the secret. Use it only where it is sent; never store or format the result.
func (v Value) Reveal() string {
	if v.p == nil {
		return ""
	}
	return *v.p
}

// IsZero tells whether there is nothing in it.
func (v Value) IsZero() bool { return v.Reveal() == "" }

// String never gives the secret.
func (v Value) String() string { return shown }

// GoString never gives the secret (%#v).
func (v Value) GoString() string { return shown }

// Format never gives the secret, whatever the verb.
func (v Value) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(shown)) }

// MarshalJSON never gives the secret.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(shown) }

// MarshalText never gives the secret.
func (v Value) MarshalText() ([]byte, error) { return []byte(shown), nil }

// LogValue never gives the secret.
func (v Value) LogValue() slog.Value { return slog.StringValue(shown) }

var (
	_ fmt.Formatter          = Value{}
	_ encoding.TextMarshaler = Value{}
	_ slog.LogValuer         = Value{}
)

// shortest is the length below which a secret is not looked for in text: it would blank ordinary words.
const shortest = 4

// remembered is every secret handed out, so that it can be removed from text of others.
type remembered struct {
	mu     sync.Mutex
	all    []string
	warned map[string]bool // files that were warned about
}

// first tells whether a file is to be warned about: once is enough.
func (r *remembered) first(path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.warned == nil {
		r.warned = map[string]bool{}
	}
	was := r.warned[path]
	r.warned[path] = true
	return !was
}

func (r *remembered) add(s string) {
	if len(s) < shortest {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.all, s) {
		r.all = append(r.all, s)
		slices.SortFunc(r.all, func(a, b string) int { return len(b) - len(a) }) // a longer one may hold a shorter one
	}
}

// Redact removes from text every secret that this Resolver has handed out, as it is and as JSON spells it.
func (r *Resolver) Redact(text string) string {
	r.seen.mu.Lock()
	defer r.seen.mu.Unlock()
	for _, s := range r.seen.all {
		text = strings.ReplaceAll(text, s, shown)
		if q, err := json.Marshal(s); err == nil && string(q[1:len(q)-1]) != s {
			text = strings.ReplaceAll(text, string(q[1:len(q)-1]), shown)
		}
	}
	return text
}

// Leaks tells whether text holds a secret that this Resolver has handed out: for tests that look through logs and files.
func (r *Resolver) Leaks(text string) bool { return r.Redact(text) != text }

// HandedOut lists every secret that was resolved, to look for them in what is about to be written. Never keep or print it.
func (r *Resolver) HandedOut() []string {
	r.seen.mu.Lock()
	defer r.seen.mu.Unlock()
	return slices.Clone(r.seen.all)
}

// Package diag holds what is said to a person about their text, flags or hardware: diagnostics with source ranges.
//
// A diagnostic's Summary is terse, constant and free of user data; its Detail is full sentences: what is wrong, why, what
// to do. Diagnostics are collected, never first-only, and warnings are returned on every path.
package diag

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Range is a stretch of source text. It is HCL's own, so that a position travels unchanged from text to evidence.
type Range = hcl.Range

// Severity tells whether a diagnostic stops the work. The zero value is invalid.
type Severity uint8

// The severities.
const (
	Invalid Severity = iota
	Error
	Warning
)

// String gives the word a person reads.
func (s Severity) String() string {
	switch s {
	case Error:
		return "Error"
	case Warning:
		return "Warning"
	default:
		return "Invalid"
	}
}

// MarshalText writes "error" or "warning".
func (s Severity) MarshalText() ([]byte, error) { return []byte(strings.ToLower(s.String())), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Severity) UnmarshalText(b []byte) error {
	switch string(b) {
	case "error":
		*s = Error
	case "warning":
		*s = Warning
	default:
		return fmt.Errorf("unknown severity %q", b)
	}
	return nil
}

// Diagnostic is one thing to tell.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Summary  string   `json:"summary"`
	Detail   string   `json:"detail,omitempty"`
	Rule     string   `json:"rule,omitempty"`    // id of the rule that speaks, for waivers: "endpoint.closed"
	Address  string   `json:"address,omitempty"` // the element it is about: node.gpu["a01-n1"]
	Subject  Origin   `json:"subject,omitzero"`  // the exact text
	Context  Origin   `json:"context,omitzero"`  // the block around it
}

// Error makes a Diagnostic usable where an error is wanted.
func (d Diagnostic) Error() string {
	if d.Subject.IsZero() {
		return d.Summary + ": " + d.Detail
	}
	return fmt.Sprintf("%s: %s: %s", d.Subject.Short(), d.Summary, d.Detail)
}

// List is a collection of diagnostics in the order they were found.
type List []Diagnostic

// HasErrors tells whether any of them is an Error.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Count returns the number of errors and of warnings.
func (l List) Count() (errors, warnings int) {
	for _, d := range l {
		if d.Severity == Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// Err is nil when there is no Error in the list, else an error that lists them all.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return listError(l)
}

type listError List

func (e listError) Error() string {
	var lines []string
	for _, d := range e {
		if d.Severity == Error {
			lines = append(lines, d.Error())
		}
	}
	return strings.Join(lines, "\n")
}

// Sorted returns the list by file, line, column, then summary and detail: a stable order whatever found them.
func (l List) Sorted() List {
	out := slices.Clone(l)
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		if c := a.Subject.compare(b.Subject); c != 0 {
			return c
		}
		if c := strings.Compare(a.Summary, b.Summary); c != 0 {
			return c
		}
		return strings.Compare(a.Detail, b.Detail)
	})
	return out
}

// FromHCL converts diagnostics of the HCL library.
func FromHCL(in hcl.Diagnostics) List {
	var out List
	for _, d := range in {
		if d == nil {
			continue
		}
		x := Diagnostic{Severity: Error, Summary: d.Summary, Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			x.Severity = Warning
		}
		if d.Subject != nil {
			x.Subject = At(*d.Subject)
		}
		if d.Context != nil {
			x.Context = At(*d.Context)
		}
		out = append(out, x)
	}
	return out
}

// Origin is the place in source text that an element came from. It is written as text "file:line:col-line:col" and is
// covered by no digest. The zero value means "not from text".
type Origin struct{ Range }

// At makes an Origin of a range.
func At(r Range) Origin { return Origin{Range: r} }

// IsZero tells whether the element did not come from text.
func (o Origin) IsZero() bool { return o.Filename == "" && o.Start.Line == 0 }

// Short gives "file:line".
func (o Origin) Short() string {
	if o.IsZero() {
		return ""
	}
	if o.Start.Line == 0 {
		return o.Filename
	}
	return o.Filename + ":" + strconv.Itoa(o.Start.Line)
}

// Named is the place of something that stands in no file: it has the name of what holds it.
func Named(name string) Origin {
	var o Origin
	o.Filename = name
	return o
}

// MarshalText writes "file:line:col-line:col", or nothing for the zero value.
func (o Origin) MarshalText() ([]byte, error) {
	if o.IsZero() {
		return nil, nil
	}
	return fmt.Appendf(nil, "%s:%d:%d-%d:%d", o.Filename, o.Start.Line, o.Start.Column, o.End.Line, o.End.Column), nil
}

// UnmarshalText reads what MarshalText wrote; byte offsets are lost.
func (o *Origin) UnmarshalText(b []byte) error {
	*o = Origin{}
	if len(b) == 0 {
		return nil
	}
	s := string(b)
	dash := strings.LastIndexByte(s, '-')
	if dash < 0 {
		return fmt.Errorf("origin %q: no end", s)
	}
	head := strings.Split(s[:dash], ":")
	tail := strings.Split(s[dash+1:], ":")
	if len(head) < 3 || len(tail) != 2 {
		return fmt.Errorf("origin %q: want file:line:col-line:col", s)
	}
	n := len(head)
	for _, f := range []struct {
		s string
		p *int
	}{{head[n-2], &o.Start.Line}, {head[n-1], &o.Start.Column}, {tail[0], &o.End.Line}, {tail[1], &o.End.Column}} {
		v, err := strconv.Atoi(f.s)
		if err != nil {
			return fmt.Errorf("origin %q: %w", s, err)
		}
		*f.p = v
	}
	o.Filename = strings.Join(head[:n-2], ":")
	return nil
}

func (o Origin) compare(p Origin) int {
	if c := strings.Compare(o.Filename, p.Filename); c != 0 {
		return c
	}
	if o.Start.Line != p.Start.Line {
		return o.Start.Line - p.Start.Line
	}
	return o.Start.Column - p.Start.Column
}

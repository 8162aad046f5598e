package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/metalwright/metalwright/internal/diag"
)

const (
	narrow   = 60 // no layout is made for less
	atColumn = 60 // where the place that asks for a line begins, when there is room
)

// columns is the width to write for: that of the terminal, and 80 in a pipe.
func (a *app) columns() int { return max(a.width, narrow) }

// wrap writes prose in lines that fit, each after indent. A word that is too long keeps its line to itself.
func (a *app) wrap(indent, text string) {
	for _, l := range wrapped(text, a.columns()-utf8.RuneCountInString(indent)) {
		a.printf("%s%s\n", indent, l)
	}
}

// hang writes prose behind a head; what does not fit goes on below where it began.
func (a *app) hang(head, text string) {
	n := utf8.RuneCountInString(head)
	for i, l := range wrapped(text, a.columns()-n) {
		if i > 0 {
			head = strings.Repeat(" ", n)
		}
		a.printf("%s%s\n", head, l)
	}
}

// entry writes a line of a list that may be long: wrapped on a terminal, whole in a pipe, where programs look for lines.
func (a *app) entry(head, text string) {
	if !a.tty {
		a.printf("%s %s\n", head, text)
		return
	}
	a.printf("%s\n", head)
	a.wrap("    ", text)
}

func wrapped(text string, width int) []string {
	var out []string
	line := ""
	for _, w := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > width {
			out = append(out, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}

// fact writes one line of a plan and the place that asks for it. What does not fit goes on behind its arrow on a line of its own;
// of the place the folders go first, as explain and --json have it in full.
func (a *app) fact(indent, text string, origin diag.Origin) {
	width := a.columns()
	lines := []string{indent + text}
	if head, tail, ok := strings.Cut(text, " -> "); ok && utf8.RuneCountInString(lines[0]) > width {
		lines = []string{indent + head, indent + "    -> " + tail}
	}
	for _, l := range lines[:len(lines)-1] {
		a.printf("%s\n", l)
	}
	last := lines[len(lines)-1]
	a.printf("%s\n", withPlace(last, origin, width))
}

// withPlace puts "file:line" behind a line where there is room for it.
func withPlace(line string, origin diag.Origin, width int) string {
	if origin.IsZero() {
		return line
	}
	long := origin.Short()
	base := long
	if i := strings.LastIndex(long, "/"); i >= 0 {
		base = "…" + long[i:]
	}
	used := utf8.RuneCountInString(line)
	for _, at := range []string{long, base} {
		if used < atColumn && atColumn+utf8.RuneCountInString(at) <= width {
			return fmt.Sprintf("%-*s%s", atColumn, line, at)
		}
	}
	for _, at := range []string{long, base} {
		if n := utf8.RuneCountInString(at); used+1+n <= width {
			return line + strings.Repeat(" ", width-used-n) + at
		}
	}
	return line
}

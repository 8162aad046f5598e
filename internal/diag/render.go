package diag

import (
	"fmt"
	"io"
	"strings"
)

// RenderOptions says how diagnostics are written for a person. The zero value is plain text without snippets.
type RenderOptions struct {
	Sources map[string][]byte // text by file name, for snippets
	Color   bool
	Width   int // details are wrapped to it; 0 = not at all
}

// Render writes each diagnostic: summary, place with its snippet, detail. It ends with a count when there is more than one.
func Render(w io.Writer, l List, opt RenderOptions) error {
	var b strings.Builder
	for _, d := range l {
		renderOne(&b, d, opt)
	}
	if len(l) > 1 {
		e, n := l.Count()
		fmt.Fprintf(&b, "%s, %s\n", plural(e, "error"), plural(n, "warning"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func renderOne(b *strings.Builder, d Diagnostic, opt RenderOptions) {
	head := d.Severity.String() + ":"
	if opt.Color {
		code := "31"
		if d.Severity == Warning {
			code = "33"
		}
		head = "\x1b[1;" + code + "m" + head + "\x1b[0m"
	}
	fmt.Fprintf(b, "%s %s", head, d.Summary)
	if d.Rule != "" {
		fmt.Fprintf(b, "  (%s)", d.Rule)
	}
	b.WriteString("\n\n")
	if !d.Subject.IsZero() {
		fmt.Fprintf(b, "  on %s line %d, column %d", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column)
		if d.Address != "" {
			fmt.Fprintf(b, ", in %s", d.Address)
		}
		b.WriteString(":\n")
		snippet(b, d.Subject, opt.Sources[d.Subject.Filename])
		b.WriteString("\n")
	} else if d.Address != "" {
		fmt.Fprintf(b, "  in %s\n\n", d.Address)
	}
	if d.Detail != "" {
		b.WriteString(wrap(strings.TrimRight(d.Detail, "\n"), opt.Width) + "\n\n")
	}
}

// wrap breaks each line of a text at spaces. A line that is indented stands alone, as a command does, and is never broken.
func wrap(text string, width int) string {
	if width <= 0 {
		return text
	}
	var out []string
	for _, line := range strings.Split(text, "\n") {
		for !strings.HasPrefix(line, " ") && len([]rune(line)) > width {
			i := strings.LastIndex(string([]rune(line)[:width+1]), " ")
			if i < 0 {
				i = strings.Index(line, " ")
			}
			if i < 0 {
				break
			}
			out = append(out, strings.TrimRight(line[:i], " "))
			line = strings.TrimLeft(line[i:], " ")
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// snippet writes the first line of the subject and marks the part meant.
func snippet(b *strings.Builder, o Origin, src []byte) {
	if len(src) == 0 || o.Start.Line < 1 {
		return
	}
	lines := strings.Split(string(src), "\n")
	if o.Start.Line > len(lines) {
		return
	}
	line := []rune(strings.ReplaceAll(strings.TrimRight(lines[o.Start.Line-1], "\r"), "\t", " "))
	prefix := fmt.Sprintf("  %d: ", o.Start.Line)
	fmt.Fprintf(b, "%s%s\n", prefix, string(line))
	from := min(max(o.Start.Column-1, 0), len(line))
	to := len(line)
	if o.End.Line == o.Start.Line {
		to = min(max(o.End.Column-1, from), len(line))
	}
	n := max(to-from, 1)
	fmt.Fprintf(b, "%s%s\n", strings.Repeat(" ", len(prefix)+from), strings.Repeat("─", n))
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

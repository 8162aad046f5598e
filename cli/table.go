package cli

import (
	"strings"
	"unicode/utf8"
)

// table writes rows in columns. On a terminal that is too narrow the columns that do not fit follow each row by name, so that
// nothing is lost; in a pipe every row is one line.
func (a *app) table(head []string, rows [][]string) {
	width := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	fit := len(head)
	if a.tty {
		fit = fitting(width, a.columns())
	}
	a.printf("%s\n", inColumns(head[:fit], width))
	for _, row := range rows {
		a.printf("%s\n", inColumns(row[:fit], width))
		var rest []string
		for i := fit; i < len(row); i++ {
			if row[i] != "" {
				rest = append(rest, strings.ToLower(head[i])+" "+row[i])
			}
		}
		a.wrap("    ", strings.Join(rest, ", "))
	}
}

// fitting is how many columns, two blanks apart, go into a line; at least one.
func fitting(width []int, line int) int {
	n := 0
	for used := 0; n < len(width); n++ {
		used += width[n]
		if used > line {
			break
		}
		used += 2
	}
	return max(n, 1)
}

func inColumns(row []string, width []int) string {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(cell)
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

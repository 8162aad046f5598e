package diag

import (
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
)

// Suggest finds the known name nearest to the given one, or "" when none is near. Among equals the first wins.
func Suggest(given string, known []string) string {
	best, bestDist := "", 1+max(1, min(3, len(given)/3))
	for _, name := range known {
		if name == given || name == "" {
			continue
		}
		d := levenshtein.Distance(strings.ToLower(given), strings.ToLower(name), nil)
		if d < bestDist && d < len(given) { // something has to be alike
			best, bestDist = name, d
		}
	}
	return best
}

// DidYouMean is Suggest as the end of a sentence: ` Did you mean "x"?`, or "".
func DidYouMean(given string, known []string) string {
	if s := Suggest(given, known); s != "" {
		return " Did you mean " + strconv.Quote(s) + "?"
	}
	return ""
}

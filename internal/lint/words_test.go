package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// bannedWords are no words of the product, with the glossary's instead. They are looked for in texts that may reach a person: strings with a
// space in them.
var bannedWords = []struct {
	word    *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?i)\bfailed to\b`), "a verb phrase: what was done, then why it did not work"},
	{regexp.MustCompile(`(?i)\bplease\b`), "what to do, plainly"},
	{regexp.MustCompile(`(?i)\b(simply|obviously|oops|sorry)\b`), "nothing"},
	{regexp.MustCompile(`(?i)\bblades?\b`), "tray or node"},
	{regexp.MustCompile(`(?i)\bcabinets?\b`), "rack"},
	{regexp.MustCompile(`(?i)\breconcil`), "plan, apply or verify"},
	{regexp.MustCompile(`(?i)\b(successful(ly)?|succeeded)\b`), "done"},
	{regexp.MustCompile(`(?i)\b(whitelist|blacklist|master|slave)\b`), "what it is"},
}

// spokenByOthers are texts that are only compared with what a library or a BMC says.
var spokenByOthers = map[string]bool{
	"internal/bmc/bmclibx/bmclibx.go": true,
	"internal/bmc/task.go":            true,
}

// words looks for banned words in one file.
func words(name string, src []byte) []string {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, 0)
	if err != nil {
		return []string{err.Error()}
	}
	var bad []string
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil || !strings.Contains(text, " ") {
			return true
		}
		for _, b := range bannedWords {
			if found := b.word.FindString(text); found != "" {
				bad = append(bad, fmt.Sprintf("%s: %q in a text; say %s", fset.Position(lit.Pos()), found, b.instead))
			}
		}
		return true
	})
	return bad
}

// TestWords leaves the simulator out: it speaks as the vendors' BMCs do.
func TestWords(t *testing.T) {
	root := root(t)
	for _, path := range goFiles(t, root) {
		rel, _ := filepath.Rel(root, path)
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(rel, filepath.Join("internal", "sim")) ||
			spokenByOthers[filepath.ToSlash(rel)] {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range words(rel, src) {
			t.Error(line)
		}
	}
	planted := []byte("package p\nvar a, b, c = \"failed to open\", \"failed\", `Please reseat the blade.`\n")
	if got := words("p.go", planted); len(got) != 3 {
		t.Errorf("planted words give %q, want three complaints", got)
	}
}

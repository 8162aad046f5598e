package cli

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

const referenceDir = "../docs/cli"

// TestReference holds docs/cli against the commands and the tables of the code. With -update it writes them.
func TestReference(t *testing.T) {
	want := map[string]string{"codes.md": codesPage(t)}
	root := newRoot(&app{})
	root.DisableAutoGenTag = true
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		c.Long = codeLine.ReplaceAllString(c.Long, "- `$1`: $2")
		c.DisableAutoGenTag = true
		name := strings.ReplaceAll(c.CommandPath(), " ", "_") + ".md"
		var b bytes.Buffer
		if err := doc.GenMarkdown(c, &b); err != nil {
			t.Fatal(err)
		}
		want[name] = strings.TrimRight(b.String(), "\n") + "\n"
		for _, s := range c.Commands() {
			if s.IsAvailableCommand() && s.Name() != "help" {
				visit(s)
			}
		}
	}
	visit(root)
	if *update {
		if err := os.MkdirAll(referenceDir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	have, err := filepath.Glob(filepath.Join(referenceDir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range have {
		if _, ok := want[filepath.Base(path)]; ok {
			continue
		}
		if !*update {
			t.Errorf("%s is of no command: run make gen", path)
		} else if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range want {
		path := filepath.Join(referenceDir, name)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, _ := os.ReadFile(path)
		if d := cmp.Diff(text, string(got)); d != "" {
			t.Errorf("%s is stale: run make gen (-want +got)\n%s", path, d)
		}
	}
}

// codeLine is one exit code of a command's help, which Markdown would run together with the next.
var codeLine = regexp.MustCompile(`(?m)^  (\d+)  (.*)$`)

// codesPage is made of the comments beside the constants.
func codesPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Exit codes and other fixed words\n\nMade from the code by `make gen`.\n")
	table := func(title, head, file, of string) {
		b.WriteString("\n## " + title + "\n\n| " + head + " | Means |\n|---|---|\n")
		rows := constants(t, file, of)
		if len(rows) < 3 {
			t.Fatalf("%s: %d constants of %s", file, len(rows), of)
		}
		for _, r := range rows {
			b.WriteString("| `" + r[0] + "` | " + r[1] + " |\n")
		}
	}
	table("Exit codes", "Code", "root.go", "exit")
	table("Result words", "Word", "../internal/apply/apply.go", "Word")
	table("Failure classes", "Class", "../internal/step/step.go", "Class")
	table("Kinds of step", "Kind", "../internal/step/step.go", "Kind")
	return b.String()
}

// constants lists value and comment of the constants of a type, or of those whose names begin with a word.
func constants(t *testing.T, file, of string) [][2]string {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var out [][2]string
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		typ, _ := v.Type.(*ast.Ident)
		if !(typ != nil && typ.Name == of) && !strings.HasPrefix(v.Names[0].Name, of) {
			return true
		}
		lit, ok := v.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		value := lit.Value
		if s, err := strconv.Unquote(value); err == nil {
			value = s
		}
		if value != "" {
			out = append(out, [2]string{value, strings.TrimSpace(v.Comment.Text())})
		}
		return true
	})
	return out
}

// TestReferenceChanges holds the section Unreleased of the changelog against the fragments. With -update it assembles it.
func TestReferenceChanges(t *testing.T) {
	const path = "../CHANGELOG.md"
	files, err := filepath.Glob("../docs/changes/unreleased/*.md")
	if err != nil {
		t.Fatal(err)
	}
	if lost, err := filepath.Glob("../changes/*/*.md"); err != nil || len(lost) > 0 {
		t.Errorf("fragments stand in docs/changes/unreleased, not here: %q %v", lost, err)
	}
	var fragments strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "- **") || !strings.HasSuffix(string(text), "\n") {
			t.Errorf("%s is no list item that begins with its subject in bold", f)
		}
		fragments.Write(text)
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(have), "\n## Unreleased\n\n")
	if !ok {
		t.Fatalf("%s has no section Unreleased", path)
	}
	released := ""
	if i := strings.Index(rest, "\n## "); i >= 0 {
		released = rest[i:]
	}
	want := head + "\n## Unreleased\n\n" + fragments.String() + released
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if d := cmp.Diff(want, string(have)); d != "" {
		t.Errorf("%s is stale: run make gen (-want +got)\n%s", path, d)
	}
}

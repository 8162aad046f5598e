package cli

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// everyCommand calls f with each command that a person can run, and the words that run it.
func everyCommand(f func(c *cobra.Command, words []string)) {
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		f(c, strings.Fields(c.CommandPath())[1:])
		for _, s := range c.Commands() {
			if s.IsAvailableCommand() {
				visit(s)
			}
		}
	}
	visit(newRoot(&app{}))
}

// TestHelp runs --help of every command as a person does.
func TestHelp(t *testing.T) {
	codesEnd := regexp.MustCompile(`(?s)\n\nExit codes:\n(  \d+  [^\n]+\n)+(\n[A-Z][^\n]+\n)?\nUsage:`)
	n := 0
	everyCommand(func(c *cobra.Command, words []string) {
		n++
		var out, err bytes.Buffer
		if code := Main(append(words, "--help"), Streams{In: strings.NewReader(""), Out: &out, Err: &err}); code != 0 || err.Len() > 0 {
			t.Errorf("%s --help ended with %d and %q", c.CommandPath(), code, err.String())
		}
		if !codesEnd.MatchString(out.String()) {
			t.Errorf("the help of %s does not end with its exit codes:\n%s", c.CommandPath(), out.String())
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if utf8.RuneCountInString(line) > 80 {
				t.Errorf("%s --help is wider than 80 columns: %s", c.CommandPath(), line)
			}
		}
		if strings.HasSuffix(c.Short, ".") {
			t.Errorf("the summary of %s is a sentence", c.CommandPath())
		}
	})
	if n < 25 {
		t.Errorf("only %d commands were looked at", n)
	}
}

// TestFirstWords holds what a person types first: a typing error ends with 1 and says so in one line on standard error.
func TestFirstWords(t *testing.T) {
	everyCommand(func(c *cobra.Command, words []string) {
		var out, err bytes.Buffer
		code := Main(append(words, "--no-such-flag"), Streams{In: strings.NewReader(""), Out: &out, Err: &err})
		if code != exitError || out.Len() > 0 || !strings.HasPrefix(err.String(), "metalwright: unknown flag: --no-such-flag") {
			t.Errorf("%s --no-such-flag: code %d, output %q, errors %q", c.CommandPath(), code, out.String(), err.String())
		}
	})
}

func TestTwoDashes(t *testing.T) {
	root := newRoot(&app{})
	got := strings.Join(twoDashes(root, []string{"plan", "-out", "f", "-detailed-exitcode", "-C", "dir", "-out=x", "-nope", "-h", "--", "-out"}), " ")
	if want := "plan --out f --detailed-exitcode -C dir --out=x -nope -h -- -out"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
